"""The demonstration: the real DAGs over the shipped samples, then what the marts say.

Each DAG runs by Airflow's own ``dag.test()`` in this process, one after the other, on an SQLite
metadata database under ``DVINA_HOME``; no server is started and none is left behind.
"""

import logging
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from dvina.settings import PROJECT, Settings
from dvina.settings import settings as configured
from warehouse import publish, side

DAGS = (
    "ingest_customs",
    "ingest_procurement",
    "ingest_loans",
    "ingest_reference",
    "build_and_publish",
    "watch_quality",
)
_QUESTIONS = (
    (
        "mart_sector_trade: who sells what to whom (largest flows of 2021 and 2022)",
        "select reporter_code as reporter, partner_code as partner, flow_code as flow, "
        "sector_id as sector, left(period, 4) as year, frequency as freq, "
        "round(sum(value_usd) / 1e6, 1) as million_usd "
        "from marts.mart_sector_trade where period >= '2021' and period < '2023' "
        "group by all order by million_usd desc limit 6",
    ),
    (
        "mart_sector_procurement: suppliers from other countries than the buyer's",
        "select buyer_country_code as buyer, supplier_country_code as supplier, "
        "sector_id as sector, sum(award_count)::int as awards, "
        "sum(award_count_with_value)::int as with_value, "
        "coalesce(sum(award_value_usd)::varchar, 'unknown') as value_usd "
        "from marts.mart_sector_procurement where supplier_country_code <> buyer_country_code "
        "group by all having awards > 0 order by awards desc limit 6",
    ),
    (
        "mart_sector_loans: what Belarus pays Russia on bilateral and bank loans",
        "select lender_code as lender, borrower_code as borrower, period as year, "
        "round(repaid_usd / 1e6, 1) as repaid_million_usd, "
        "round(interest_usd / 1e6, 1) as interest_million_usd, "
        "is_projection as projection from marts.mart_sector_loans "
        "where lender_code = 'RUS' and borrower_code = 'BLR' and frequency = 'A' "
        "order by period desc limit 5",
    ),
    (
        "mart_sector_loans: lines and loans one by one, so far (registers, World Bank statements)",
        "select lender_code as lender, borrower_code as borrower, period as month, "
        "loan_count::int as loans, round(disbursed_to_date_usd / 1e6, 1) as drawn_million_usd, "
        "round(disbursed_usd / 1e6, 1) as since_before, round(utilisation, 3) as utilisation, "
        "round(pace, 2) as pace from marts.mart_sector_loans where frequency = 'M' "
        "order by lender desc, month limit 6",
    ),
)


def run_demo(settings: Settings, out: Console) -> bool:
    """Run the DAGs, print what happened; True when every task succeeded or had nothing to do."""
    started = time.monotonic()
    home = settings.home
    before = (side.status(home).get("last_decision", 0), _published(settings))
    _prepare_airflow(home, settings.inbox)
    out.print("Running the DAGs one after the other with Airflow's dag.test():", highlight=False)
    results = [_run_dag(dag_id, out) for dag_id in DAGS]
    good = all(results)
    after = (side.status(home).get("last_decision", 0), _published(settings))
    if good and before == after:
        out.print(
            f"\nNothing changed: no new decision in the ledger (last is number {after[0]}), "
            f"nothing published (version {after[1]} stays).",
            highlight=False,
        )
    if after[1]:
        _show_marts(home / "published" / "current.duckdb", out)
    out.print(f"\nDone in {time.monotonic() - started:.0f} s.", highlight=False)
    return good


def _published(settings: Settings) -> str | None:
    version = publish.current(settings.home)
    return version.version_id if version else None


def _prepare_airflow(home: Path, inbox: Path) -> None:
    """Point this process's Airflow at a metadata database under ``home`` and make it."""
    airflow_home = home / "airflow"
    airflow_home.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_home / 'airflow.db'}",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "DO_NOT_TRACK": "1",
        "DVINA_HOME": str(home),
        "DVINA_INBOX": str(inbox),
        "DVINA_BUILD_QUIET_S": "0",  # nothing comes beside: the build need not wait for it
    }
    configured.cache_clear()
    migrated = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if migrated.returncode:
        raise OSError(f"Airflow's metadata database could not be made: {migrated.stderr[-2000:]}")


def _run_dag(dag_id: str, out: Console) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from airflow.dag_processing.dagbag import DagBag

        logging.getLogger("airflow").setLevel(logging.ERROR)
        bag = DagBag(PROJECT / "dags" / f"{dag_id}.py")
        if bag.import_errors:
            raise OSError("; ".join(map(str, bag.import_errors.values())))
        started = time.monotonic()
        run = bag.dags[dag_id].test()
    states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
    seconds = time.monotonic() - started
    good = all(state in ("success", "skipped") for state in states.values())
    mark = "[green]ok[/]" if good else "[red]failed[/]"
    told = ", ".join(f"{name} {_word(state)}" for name, state in sorted(_by_name(states).items()))
    out.print(f"  {mark} {dag_id} ({seconds:.1f} s): {told}", highlight=False, soft_wrap=True)
    return good


def _by_name(states: dict[str, str]) -> dict[str, str]:
    """The worst state of a group's tasks, or of a task by itself; what only waits is left out."""
    order = ("skipped", "success")
    worst: dict[str, str] = {}
    for task, state in states.items():
        name = task.split(".")[0]
        if not name.startswith("wait_for_"):
            worst[name] = max(
                (state, worst.get(name, state)),
                key=lambda s: order.index(s) if s in order else len(order),
            )
    return worst


def _word(state: str) -> str:
    return {"success": "done", "skipped": "nothing new"}.get(state, state)


def _show_marts(database: Path, out: Console) -> None:
    with duckdb.connect(database, read_only=True) as reader:
        marts: list[tuple[Any, ...]] = reader.execute(
            "select table_name, estimated_size from duckdb_tables() "
            "where schema_name = 'marts' and table_name like 'mart_%' order by 1"
        ).fetchall()
        out.print("\nPublished marts:", highlight=False)
        for name, rows in marts:
            out.print(f"  {name:28} {rows:>6} rows", highlight=False)
        for title, query in _QUESTIONS:
            _show(reader, title, query, out)
        _show_cooperation(reader, out)
    out.print(f"\nRead them with any DuckDB client, read-only:\n  {database}", soft_wrap=True)


def _show_cooperation(reader: duckdb.DuckDBPyConnection, out: Console) -> None:
    """Per pair what one year says, and how much of the side-by-side view is unknown."""
    pairs = reader.execute(
        "select pair_id, count(*), count(exports_first_to_second_usd), "
        "count(exports_second_to_first_usd) from marts.mart_sector_cooperation "
        "group by 1 order by 1"
    ).fetchall()
    for pair, cells, forth, back in pairs:
        first, second = pair.split("-")
        _show(
            reader,
            f"mart_sector_cooperation: {pair} in 2021, million USD (sectors with any data)",
            "select sector_id as sector, "
            f'round(exports_first_to_second_usd / 1e6, 1) as "{first} sells", '
            f'exports_first_to_second_coverage as "coverage", '
            f'round(exports_second_to_first_usd / 1e6, 1) as "{second} sells", '
            f'exports_second_to_first_coverage as "its coverage", '
            f"round(coalesce(loans_second_to_first_repaid_usd, loans_first_to_second_repaid_usd) "
            '/ 1e6, 1) as "repaid" from marts.mart_sector_cooperation '
            f"where pair_id = '{pair}' and period = '2021' and coalesce("
            "exports_first_to_second_usd, exports_second_to_first_usd, "
            "loans_second_to_first_repaid_usd, loans_first_to_second_repaid_usd) is not null "
            "order by 1",
            out,
        )
        out.print(
            f"  Of {cells} sector-years, {first}'s sales are known in {forth} and {second}'s in "
            f"{back}; the others are null with coverage 'no data', never 0.",
            highlight=False,
        )


def _show(reader: duckdb.DuckDBPyConnection, title: str, query: str, out: Console) -> None:
    answer = reader.execute(query)
    table = Table(title=title, title_justify="left")
    for column in answer.description or ():
        table.add_column(str(column[0]), overflow="fold")
    for row in answer.fetchall():
        table.add_row(*("-" if value is None else str(value) for value in row))
    out.print()
    out.print(table)
