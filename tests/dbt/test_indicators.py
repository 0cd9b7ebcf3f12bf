"""Indicators of trade: the published oracle through the real models, and what must always hold."""

from decimal import Decimal

import pytest

from tests.dbt.conftest import ORACLE_YEAR, Marts

K1, K2, K3 = "automotive_vehicles", "agri_machinery", "machine_tools_machines"


def _by_sector(marts: Marts, column: str, country: str, partner: str) -> list[Decimal]:
    rows = marts.ask(
        f"select sector_id, {column} from marts.mart_sector_trade_indicators "
        f"where country_code = '{country}' and partner_code = '{partner}' "
        f"and period = '{ORACLE_YEAR}'"
    )
    assert {sector for sector, _ in rows} == {K1, K2, K3}
    return [dict(rows)[sector] for sector in (K1, K2, K3)]


def _decimals(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


@pytest.mark.parametrize(
    ("column", "country", "partner", "expected"),
    [
        ("trade_intensity", "BLR", "RUS", ["2.954787"] * 3),
        ("trade_intensity", "RUS", "BLR", ["2.858964"] * 3),
        ("complementarity_michaely", "BLR", "RUS", ["84.588341"] * 3),
        ("complementarity_michaely", "RUS", "BLR", ["71.960390"] * 3),
        ("complementarity_drysdale", "BLR", "RUS", ["1.187769"] * 3),
        ("complementarity_drysdale", "RUS", "BLR", ["1.087533"] * 3),
        ("grubel_lloyd", "BLR", "RUS", ["0.666667", "0.615385", "0.400000"]),
        ("grubel_lloyd", "RUS", "BLR", ["0.666667", "0.615385", "0.400000"]),
        ("grubel_lloyd_weighted", "BLR", "RUS", ["0.585366"] * 3),
        ("grubel_lloyd_adjusted", "BLR", "RUS", ["0.705882"] * 3),
        ("rca", "BLR", "RUS", ["0.835704", "0.653255", "3.421571"]),
        ("rca", "RUS", "BLR", ["0.336699", "1.822094", "1.465903"]),
        ("lafay", "BLR", "RUS", ["-0.749220", "-9.594173", "10.343392"]),
        ("import_hhi", "BLR", "RUS", ["0.361159", "0.515740", "0.484444"]),
    ],
)
def test_the_oracle_of_five_countries_passes_to_six_decimals(
    oracle: Marts, column: str, country: str, partner: str, expected: list[str]
) -> None:
    assert _by_sector(oracle, column, country, partner) == _decimals(*expected)


def test_third_countries_share_of_belarusian_imports(oracle: Marts) -> None:
    rows = oracle.ask(
        "select sector_id, third_country_share, share_basis from marts.mart_import_substitution "
        f"where importer_code = 'BLR' and period = '{ORACLE_YEAR}'"
    )
    shares = {sector: share for sector, share, _ in rows}
    assert [shares[k] for k in (K1, K2, K3)] == _decimals("0.558824", "0.307692", "0.333333")
    assert {basis for _, _, basis in rows} == {"imports"}


def test_exports_of_one_are_imports_of_the_other(marts: Marts) -> None:
    forth = marts.ask(
        "select country_code, partner_code, sector_id, period, exports_usd, imports_usd, "
        "grubel_lloyd, grubel_lloyd_weighted, coverage not in ('exports only', 'imports only') "
        "from marts.mart_sector_trade_indicators order by all"
    )
    back = marts.ask(
        "select partner_code, country_code, sector_id, period, imports_usd, exports_usd, "
        "grubel_lloyd, grubel_lloyd_weighted, coverage not in ('exports only', 'imports only') "
        "from marts.mart_sector_trade_indicators order by all"
    )
    assert len(forth) > 20
    assert sorted(map(str, forth)) == sorted(map(str, back))


def test_a_direction_without_a_record_is_unknown_and_not_zero(marts: Marts, oracle: Marts) -> None:
    query = (
        "select exports_usd is null, imports_usd is null, coverage "
        "from marts.mart_sector_trade_indicators group by all"
    )
    assert oracle.ask(query) == [(False, False, "reports")]
    rows = marts.ask(query)
    assert any(missing_x != missing_m for missing_x, missing_m, _ in rows)
    for missing_x, missing_m, coverage in rows:
        assert (missing_x and missing_m) == (coverage == "no data")
        assert (missing_x and not missing_m) == (coverage == "imports only")
        assert (missing_m and not missing_x) == (coverage == "exports only")
