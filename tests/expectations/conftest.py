"""A small contract of its own, loads landed as Parquet, and marts as a version holds them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from expectations.gate import LoadFacts, warm
from ingest.contract import Contract, _load, load_contract

DOCUMENT: dict[str, Any] = {
    "dataset": "toy_trades",
    "version": 1,
    "title": "Toy trades",
    "description": "Made up for tests.",
    "grain": "reporter, commodity, period",
    "owner": "tests",
    "publisher": {
        "name": "Nobody", "url": "about:blank", "licence": "none", "terms_url": "about:blank",
        "redistributable": False,
    },
    "revision": {"kind": "slice", "by": ["reporter_code", "period"]},
    "key": ["reporter_code", "commodity_code", "period"],
    "limits": {"min_rows": 1, "max_rows": 1000, "max_quarantined_share": 0.1},
    "columns": [
        {"name": "reporter_code", "source": "r", "type": "text", "description": "Reporter."},
        {"name": "commodity_code", "source": "c", "type": "text", "pattern": r"[0-9]{4}",
         "description": "Heading."},
        {"name": "flow_code", "source": "f", "type": "text", "values": {"EXPORT": "X", "IMPORT": "M"},
         "description": "Flow."},
        {"name": "period", "source": "p", "type": "period", "minimum": "2000",
         "description": "Month."},
        {"name": "value_usd", "source": "v", "type": "decimal", "precision": 38, "scale": 2,
         "minimum": 0, "maximum": "9000000000000000000.01", "description": "Value."},
        {"name": "pieces", "source": "n", "type": "integer", "minimum": 0, "maximum": 9,
         "required": False, "description": "Pieces."},
        {"name": "seen_date", "source": "d", "type": "date", "layouts": ["%Y-%m-%d"],
         "minimum": "2020-01-01", "required": False, "description": "Day."},
        {"name": "is_final", "source": "b", "type": "boolean", "values": {"t": "true", "f": "false"},
         "description": "Final."},
        {"name": "edition_year", "constant": 2024, "type": "integer", "description": "Edition."},
    ],
}  # fmt: skip
GOOD = {
    "reporter_code": "BLR", "flow_code": "X", "period": "2024-03", "value_usd": "10.50",
    "pieces": 3, "seen_date": None, "is_final": True, "edition_year": 2024,
}  # fmt: skip

MakeContract = Callable[..., Contract]
Land = Callable[..., list[Path]]


@pytest.fixture(scope="session", autouse=True)
def _great_expectations() -> None:
    """Import Great Expectations once for all."""
    warm()


@pytest.fixture
def contract(tmp_path: Path) -> MakeContract:
    """The toy contract, with changes, read from YAML."""

    def make(**changes: Any) -> Contract:
        document = {**DOCUMENT, **changes}
        folder = tmp_path / "contracts"
        folder.mkdir(exist_ok=True)
        text = yaml.safe_dump(document, sort_keys=False)
        (folder / "toy_trades.yml").write_text(text, encoding="utf-8")
        _load.cache_clear()
        return load_contract("toy_trades", folder)

    return make


@pytest.fixture
def land(tmp_path: Path, contract: MakeContract) -> Land:
    """Writes rows (changes of a good one, commodity codes counting up) as one segment."""

    def write(*changes: dict[str, Any], folder: str = "landing") -> list[Path]:
        from decimal import Decimal

        rows = [{**GOOD, "commodity_code": f"{i:04}", **c} for i, c in enumerate(changes, 1)]
        columns = {}
        for field in contract().schema:
            if field.name == "_row":
                values: list[Any] = list(range(1, len(rows) + 1))
            else:
                values = [row[field.name] for row in rows]
            if pa.types.is_decimal(field.type):
                values = [None if v is None else Decimal(v) for v in values]
            columns[field.name] = pa.array(values, field.type)
        (tmp_path / folder).mkdir(exist_ok=True)
        path = tmp_path / folder / "segment-0001.parquet"
        pq.write_table(pa.table(columns), path)
        return [path]

    return write


def landed(rows: int) -> LoadFacts:
    """The facts of a load of which every row landed."""
    return LoadFacts(rows, rows, 0, 0)


TABLES = {
    "mart_sector_trade": "'BLR' as reporter_code, 'RUS' as partner_code, 's1' as sector_id, "
    "'2024-03' as period, 'M' as frequency, 'X' as flow_code, 5.00::decimal(18, 2) as value_usd, "
    "0.5::decimal(9, 6) as crosswalk_mass",
    "mart_trade_mirror": "'BLR' as exporter_code, 'RUS' as importer_code, 's1' as sector_id, "
    "'2024' as period, 'A' as frequency, 5.00::decimal(18, 2) as exporter_value_usd, "
    "5.50::decimal(18, 2) as importer_value_usd, 0.0::decimal(9, 6) as mirror_gap, "
    "0.047619::decimal(9, 6) as asymmetry, 'high' as confidence, 'both sides' as coverage, "
    "5.00::decimal(18, 2) as best_value_usd, 12 as exporter_month_count, "
    "12 as importer_month_count, 1.0::decimal(9, 6) as crosswalk_mass",
    "mart_sector_procurement": "'RUS' as buyer_country_code, 'BLR' as supplier_country_code, "
    "'s1' as sector_id, '2024-03' as period, 'M' as frequency, 3 as award_count, "
    "2 as award_count_with_value, 9.00::decimal(18, 2) as award_value_usd, "
    "1.0::decimal(9, 6) as crosswalk_mass",
    "mart_declared_trade": "'BLR' as reporter_code, 'RUS' as partner_code, 'X' as flow_code, "
    "'s1' as sector_id, date '2024-03-01' as registered_date, true as is_synthetic, "
    "5.00::decimal(18, 2) as value_usd",
    "mart_supplier_participation": "'RU-INN:1' as supplier_id, 'RUS' as supplier_country_code, "
    "'RUS' as buyer_country_code, 's1' as sector_id, '2024-03' as period, 2 as bid_count, "
    "1 as win_count, 1 as award_count, 9.00::decimal(18, 2) as award_value_usd, "
    "0.5::decimal(9, 6) as single_bid_share",
    "mart_sector_trade_indicators": "'BLR' as country_code, 'RUS' as partner_code, "
    "'s1' as sector_id, '2024' as period, 0.5::decimal(18, 6) as grubel_lloyd, "
    "1.2::decimal(18, 6) as rca, 0.1::decimal(18, 6) as rsca, 3.0::decimal(18, 6) as lafay, "
    "0.4::decimal(18, 6) as import_hhi, 2.0::decimal(18, 6) as trade_intensity, "
    "70.0::decimal(18, 6) as complementarity_michaely",
    "mart_import_substitution": "'BLR' as importer_code, 's1' as sector_id, '2024' as period, "
    "3.00::decimal(18, 2) as union_imports_usd, 1.00::decimal(18, 2) as third_imports_usd, "
    "4.00::decimal(18, 2) as imports_usd, 0.25::decimal(18, 6) as third_country_share",
    "mart_localisation": "'bus' as product_id, 'RUS' as country_code, 'electric_buses' as sector_id, "
    "date '2024-01-01' as as_of_date, 'r' as rule_id, 60::decimal(18, 6) as threshold_points, "
    "40::decimal(18, 6) as own_points, 70::decimal(18, 6) as union_points, "
    "30::decimal(18, 6) as union_gain_points, 1.166667::decimal(18, 6) as localisation, "
    "true as is_eligible, false as is_eligible_alone, 3 as operation_count, 'example' as coverage",
    "mart_sector_loans": "'RUS' as lender_code, 'BLR' as borrower_code, 's1' as sector_id, "
    "'2024' as period, 'A' as frequency, 4.00::decimal(20, 2) as repaid_usd, "
    "1.00::decimal(20, 2) as interest_usd, 0::decimal(9, 6) as crosswalk_mass",
    "mart_sector_cooperation": "'BLR-RUS' as pair_id, 's1' as sector_id, '2024' as period",
}


@pytest.fixture
def marts(tmp_path: Path) -> Callable[..., Path]:
    """Writes a version's DuckDB file with one good row per mart, then runs SQL on it."""

    def write(*statements: str, folder: str = "version") -> Path:
        (tmp_path / folder).mkdir(exist_ok=True)
        path = tmp_path / folder / "dvina.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute("create schema marts")
            for table, columns in TABLES.items():
                connection.execute(f"create table marts.{table} as select {columns}")
            for statement in statements:
                connection.execute(statement)
        return path

    return write
