"""Indicators of trade: the published oracle through the real models, and what must always hold."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
    assert len(forth) >= 12
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


CHAIN = (
    "int_trade_totals_by_country",
    "int_trade_indicators_by_country",
    "int_trade_flows_by_direction",
    "int_trade_indicators_by_direction",
)
Cell = tuple[str, str, str, int]  # exporter, importer, sector, value
COUNTRIES, SECTORS = ("BLR", "RUS", "KAZ", "CHN"), ("a", "b", "c")
cells = st.dictionaries(
    st.tuples(*(st.sampled_from(of) for of in (COUNTRIES, COUNTRIES, SECTORS))).filter(
        lambda key: key[0] != key[1]
    ),
    st.integers(1, 10**6),
    min_size=1,
).map(lambda found: [(*key, value) for key, value in found.items()])
some_matrices = settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class Chain:
    """The models of indicators, as dbt compiled them, over any matrix of trade."""

    def __init__(self, oracle: Marts, matrix: Iterable[Cell]) -> None:
        self._database = duckdb.connect()
        run = self._database.execute
        run("attach ':memory:' as warehouse")
        run("create schema warehouse.intermediate")
        run(
            "create table warehouse.intermediate.int_trade_matrix_by_year (exporter_code varchar, "
            "importer_code varchar, sector_id varchar, period varchar, value_usd decimal(18, 2), "
            "month_count integer, origin varchar, source_dataset varchar, crosswalk_mass decimal(9, 6))"
        )
        run(
            "create table warehouse.intermediate.int_directions_by_pair as select * from (values "
            "('BLR-RUS', 'first to second', 'BLR', 'RUS'), "
            "('BLR-RUS', 'second to first', 'RUS', 'BLR')) "
            "as t (pair_id, direction, from_country_code, to_country_code)"
        )
        self._database.executemany(
            "insert into warehouse.intermediate.int_trade_matrix_by_year "
            "values (?, ?, ?, '2015', ?, 12, 'exporter', 'x', 1)",
            list(matrix),
        )
        for model in CHAIN:
            sql = oracle.compiled(model)
            run(f"create table warehouse.intermediate.{model} as {sql}")

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        self._database.execute("use warehouse.intermediate")
        return self._database.execute(query).fetchall()

    def ratios(self) -> list[tuple[Any, ...]]:
        return self.ask(
            "select country_code, sector_id, round(rca, 9), round(lafay, 7), round(import_hhi, 9) "
            "from int_trade_indicators_by_country order by all"
        ) + self.ask(
            "select from_country_code, to_country_code, round(trade_intensity, 9), "
            "round(complementarity_michaely, 7), round(complementarity_drysdale, 7), "
            "round(grubel_lloyd_weighted, 9), round(grubel_lloyd_adjusted, 9) "
            "from int_trade_indicators_by_direction order by all"
        )


@given(matrix=cells, factor=st.integers(2, 1000))
@some_matrices
def test_scaling_all_values_leaves_every_ratio_alone(
    oracle: Marts, matrix: list[Cell], factor: int
) -> None:
    scaled = [(x, m, k, value * factor) for x, m, k, value in matrix]
    assert _near(Chain(oracle, matrix).ratios(), Chain(oracle, scaled).ratios())


@given(matrix=cells)
@some_matrices
def test_lafay_adds_up_to_zero_and_indices_keep_their_ranges(
    oracle: Marts, matrix: list[Cell]
) -> None:
    chain = Chain(oracle, matrix)
    sums = chain.ask("select sum(lafay) from int_trade_indicators_by_country group by country_code")
    assert len(sums) >= 2
    assert all(abs(total) < 1e-6 for (total,) in sums)
    assert not chain.ask(
        "select * from int_trade_indicators_by_country "
        "where import_hhi not between 0 and 1.000001 or rsca not between -1 and 1 or rca < 0"
    )
    assert not chain.ask(
        "select * from int_trade_indicators_by_direction "
        "where complementarity_michaely not between -0.000001 and 100.000001 "
        "or grubel_lloyd_weighted not between 0 and 1"
    )


@given(matrix=cells)
@some_matrices
def test_swapping_two_countries_swaps_their_indicators(oracle: Marts, matrix: list[Cell]) -> None:
    other = {"BLR": "RUS", "RUS": "BLR"}
    swapped = [(other.get(x, x), other.get(m, m), k, value) for x, m, k, value in matrix]
    ours = Chain(oracle, matrix).ratios()
    theirs = [
        tuple(other.get(v, v) if isinstance(v, str) else v for v in row)
        for row in Chain(oracle, swapped).ratios()
    ]
    assert _near(sorted(ours, key=str), sorted(theirs, key=str))


@given(matrix=cells, share=st.fractions(0, 1))
@some_matrices
def test_a_sector_split_in_two_adds_up(oracle: Marts, matrix: list[Cell], share: Any) -> None:
    split = [cell for cell in matrix if cell[2] != "a"]
    for x, m, k, value in matrix:
        if k == "a":
            part = int(value * share)
            split += [(x, m, "a1", part), (x, m, "a2", value - part)]
    query = (
        "select country_code, left(sector_id, 1), sum(exports_usd), sum(imports_usd), "
        "min(all_exports_usd), min(all_world_usd) from int_trade_totals_by_country "
        "group by all order by all"
    )
    assert Chain(oracle, matrix).ask(query) == Chain(oracle, split).ask(query)


def _near(ours: list[tuple[Any, ...]], theirs: list[tuple[Any, ...]]) -> bool:
    assert ours
    assert len(ours) == len(theirs)
    return all(
        a == b
        if isinstance(a, str) or a is None or b is None
        else abs(a - b) < 1e-5 * max(1, abs(a))
        for one, two in zip(ours, theirs, strict=True)
        for a, b in zip(one, two, strict=True)
    )
