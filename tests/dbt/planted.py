"""Faults for dbt's tests: each test of a table sees one, in a copy of a built warehouse.

A test of a column or of a table gets its fault by its kind; a test that is written out has one of its
own in ``FAULTS``. A fault is planted in a transaction that is rolled back, so none helps another.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

NOBODY = "'planted'"
_DEFAULTS = {
    "VARCHAR": NOBODY, "BOOLEAN": "false", "DATE": "date '2020-01-01'", "INTEGER": "0", "BIGINT": "0",
    "TIMESTAMP": "timestamp '2020-01-01'",
}  # fmt: skip
_TRADE = "marts.mart_sector_trade"
_ROW = "(select min(rowid) from {table})"
# Of tests that are written out: what goes wrong, and the statements that do it.
FAULTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "aggregates_never_reach_a_mart": (
        "a flow of the world",
        (f"update {_TRADE} set partner_code = 'WLD' where rowid = {_ROW.format(table=_TRADE)}",),
    ),
    "best_values_come_from_one_side": (
        "a sector's best value comes from the other side",
        (
            "insert into marts.mart_trade_mirror select * replace (case best_value_side when 'exporter' "
            "then 'importer' else 'exporter' end as best_value_side) from marts.mart_trade_mirror limit 1",
        ),
    ),
    "cooperation_gaps_are_null": (
        "a figure under 'no data'",
        (
            "update marts.mart_sector_cooperation set exports_first_to_second_coverage = 'no data' "
            "where exports_first_to_second_month_count is not null",
        ),
    ),
    "crosswalk_weights_add_up_to_one": (
        "half of a code goes nowhere",
        ("update seeds.sector_crosswalk set weight = '0.5' where code_prefix = '8542'",),
    ),
    "levels_that_disagree": (
        "a finer row is ten times its total",
        (
            "update intermediate.int_trade_flows_by_source set value_original = value_original * 10 + 10",
        ),
    ),
    "loan_amounts_add_up": (
        "amounts of every loan disagree",
        (
            "insert into intermediate.int_loans_by_snapshot (lender_code, as_of_date, is_identity_kept) "
            "from (values ('WB-IBRD', date '2020-01-31', false), ('WB-IBRD', date '2020-01-31', false))",
        ),
    ),
    "loans_equal_staging": (
        "a payment that nobody published",
        (
            "insert into marts.mart_sector_loans (period, source_dataset, repaid_usd) "
            "values ('1970', 'loans_ids_flows', 1)",
        ),
    ),
    "marts_hold_rows_where_staging_does": ("an empty mart", (f"delete from {_TRADE}",)),
    "namibia_is_not_null": (
        "NA read as a missing value",
        ("update marts.dim_countries set alpha2_code = null where country_code = 'NAM'",),
    ),
    "one_source_per_flow_and_year": (
        "the same flow from two sources",
        (f"insert into {_TRADE} select * replace ('other' as source_dataset) from {_TRADE} limit 1",),
    ),
    "parents_are_sums_of_leaves": (
        "a leaf beneath no sector",
        ("delete from marts.dim_sector_leaves where leaf_sector_id = 'automotive_vehicles'",),
    ),
    "procurement_counts_equal_staging": (
        "an award counted twice",
        (
            "insert into marts.mart_sector_procurement from marts.mart_sector_procurement "
            "where award_count >= 1 limit 1",
        ),
    ),
    "totals_never_beside_their_parts": (
        "a total beside its parts",
        (
            f"insert into {_TRADE} select * replace (0 as product_rows) from {_TRADE} "
            "where product_rows > 0 limit 1",
        ),
    ),
    "trade_by_sector_equals_staging": (
        "a dollar too much",
        (
            f"update {_TRADE} set value_original = value_original + 1 where rowid = {_ROW.format(table=_TRADE)}",
        ),
    ),
    "trade_flows_equal_their_rows": (
        "a flow that is lost",
        ("delete from intermediate.int_trade_flows_by_source",),
    ),
    "values_without_an_exchange_rate": (
        "a value without a rate",
        (f"update {_TRADE} set value_usd = null where rowid = {_ROW.format(table=_TRADE)}",),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Planted:
    """A test of dbt, the table that it is of, the fault, and the statements that plant it."""

    test: str
    table: str
    fault: str
    statements: tuple[str, ...]
    query: str


def data_tests(manifest: Path) -> list[dict[str, Any]]:
    """Every data test of the project, as dbt compiled it, by name."""
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
    return sorted((n for n in nodes if n["resource_type"] == "test"), key=lambda n: str(n["name"]))


def plan(
    node: dict[str, Any], manifest: dict[str, Any], database: duckdb.DuckDBPyConnection
) -> Iterator[Planted]:
    """The faults that a test should see; several where it has several sides."""
    name, told = str(node["name"]), node.get("test_metadata")
    if told is None:
        fault, statements = FAULTS[name]
        found = re.search(r"(?:marts|intermediate|seeds)\.(\w+)", statements[0])
        table = found.group(1) if found else "-"
        yield Planted(name, table, fault, statements, node["compiled_code"])
        return
    model = manifest["nodes"][node["attached_node"]]
    table, column = f"{model['schema']}.{model['alias']}", node.get("column_name")
    where = node["config"].get("where") or "true"
    for fault, rows in _faults(str(told["name"]), told["kwargs"], column):
        statements = tuple(_insert(database, table, where, changes) for changes in rows)
        yield Planted(name, str(model["alias"]), fault, statements, node["compiled_code"])


def _faults(
    kind: str, given: dict[str, Any], column: str | None
) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """What may go wrong under a kind of test: in words, and as rows with changed columns."""
    column = column or ""
    if kind in ("not_null", "never_null"):
        for name in given.get("columns", [column]):
            yield f"a row without {name}", [{name: "null"}]
    elif kind in ("unique", "unique_combination"):
        yield "the same row twice", [{}, {}]
    elif kind in ("accepted_values", "relationships"):
        yield f"a {column} that nobody knows", [{column: NOBODY}]
    elif kind == "only_leaf_sectors":
        yield "a parent beside its leaves", [{column: "'automotive'"}]
    elif kind == "within_range":
        if given.get("minimum") is not None:
            yield f"{column} below the least", [{column: f"{given['minimum']} - 1"}]
        if given.get("maximum") is not None:
            yield f"{column} above the greatest", [{column: f"{given['maximum']} + 1"}]
    elif kind == "revisions_add_up":
        yield "rows that do not add up", [{"rows_after": "99"}]
    else:
        raise AssertionError(f"no fault is known for tests of kind {kind}")


def _insert(
    database: duckdb.DuckDBPyConnection, table: str, where: str, changes: dict[str, str]
) -> str:
    """A row like the first that the test looks at, or one made up, with some columns changed."""
    replaced = ", ".join(f"{value} as {column}" for column, value in changes.items())
    found = database.execute(f"select count(*) from {table} where {where}").fetchone()
    if found and found[0]:
        shown = f"* replace ({replaced})" if changes else "*"
        return f"insert into {table} select {shown} from (from {table} where {where} limit 1)"
    columns = database.execute(f"pragma table_info('{table}')").fetchall()
    made_up = {
        name: _DEFAULTS.get(kind, "0" if kind.startswith("DECIMAL") else "null")
        for _, name, kind, *_ in columns
    }
    made_up |= dict.fromkeys(re.findall(r"(\w+) is null", where), "null")
    made_up |= changes
    return f"insert into {table} ({', '.join(made_up)}) values ({', '.join(made_up.values())})"


def failures(database: duckdb.DuckDBPyConnection, query: str) -> int:
    """How many rows dbt's query of a test gives back."""
    row = database.execute(f"select count(*) from ({query})").fetchone()
    return int(row[0]) if row else 0


def seen(database: duckdb.DuckDBPyConnection, planted: Planted) -> tuple[int, int]:
    """Failures of a test before its fault is planted and after; the fault is rolled back."""
    before = failures(database, planted.query)
    database.begin()
    try:
        for statement in planted.statements:
            database.execute(statement)
        return before, failures(database, planted.query)
    finally:
        database.rollback()
