"""What must hold of a home whatever happened before: nothing lost, nothing twice, nothing half."""

import csv
import json
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from warehouse import publish, side
from warehouse.database import open_warehouse
from warehouse.lock import writer_lock

Row = tuple[str, str, str, Decimal]
COUNTRIES = {"Belarus": "BLR", "Russia": "RUS", "Germany": "DEU"}


@dataclass(frozen=True)
class Expected:
    """What a toy file holds, worked out apart from the product: values by key, and the rest."""

    landed: dict[tuple[str, str, str], Decimal]
    refused: Counter[int]  # record numbers
    repeats: int

    @property
    def records(self) -> int:
        """Records after the header."""
        return len(self.landed) + self.refused.total() + self.repeats


def expected(path: Path) -> Expected:
    """Read a toy file row by row; a row is good, refused, or an exact repeat of a good one."""
    landed: dict[tuple[str, str, str], Decimal] = {}
    refused: Counter[int] = Counter()
    repeats = 0
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), 1):
            try:
                key = (COUNTRIES[row["reporter"]], row["period"], row["code"])
                value = Decimal(row["value"])
            except (KeyError, InvalidOperation):
                refused[number] += 1
                continue
            repeats += key in landed
            landed[key] = value
    return Expected(landed, refused, repeats)


def revised(*files: Expected) -> dict[tuple[str, str, str], Decimal]:
    """What is in force after files were loaded in this order: each slice as its last file has it."""
    force: dict[tuple[str, str, str], Decimal] = {}
    for file in files:
        slices = {key[:2] for key in file.landed}
        force = {key: v for key, v in force.items() if key[:2] not in slices} | file.landed
    return force


def check_toy(home: Path, *files: Expected) -> None:
    """Every source row exactly once in force or in the quarantine, and all of the home in order."""
    last = files[-1]
    with open_warehouse(home) as connection:
        found = connection.execute(
            "select reporter_code, period, commodity_code, value_usd "
            "from accepted.toy_flows_as_of(1000000)"
        ).fetchall()
        newest = connection.execute(
            "select load_id, rows_read, rows_duplicate from ledger.loads order by load_id desc"
        ).fetchall()[0]
        refused = connection.execute(
            "select row from quarantine.rows where load_id = ?", [newest[0]]
        ).fetchall()
    assert len(found) == len({row[:3] for row in found}), "a row is in force twice"
    assert {row[:3]: row[3] for row in found} == revised(*files)
    assert Counter(number for (number,) in refused) == last.refused
    assert newest[1:] == (last.records, last.repeats)
    check_home(home)


def check_home(home: Path) -> None:
    """Landing, ledger, tables and side store agree, and nothing is left over."""
    assert [p.name for p in (home / "landing" / ".work").glob("*")] == []
    with writer_lock(home, 0.5), open_warehouse(home) as connection:
        facts = _facts(connection)
    loads = facts["loads"]
    assert loads, "no load was found to look at"
    for load_id, read, landed, quarantined, duplicate in loads:
        assert read == landed + quarantined + duplicate, load_id
        assert facts["quarantined"].get(load_id, 0) == quarantined, load_id
    names = [load[0] for load in loads]
    assert len(names) == len(set(names)), "a load is in the ledger twice"
    folders = {f.name: f for f in (home / "landing").glob("[!.]*/*") if f.is_dir()}
    assert set(folders) == set(names), "landed folders and decided loads differ"
    for folder in folders.values():
        manifest = json.loads((folder / "manifest.json").read_text())
        rows = sum(pq.read_metadata(folder / name).num_rows for name in manifest["segments"])
        assert rows == manifest["rows_landed"], folder.name
    assert facts["units"] == facts["unit_rows"], "a unit is not whole in its raw table"
    assert facts["twice_in_force"] == []
    assert facts["decisions"] == list(range(1, len(facts["decisions"]) + 1))
    assert facts["undecided"] == []
    assert side.status(home)["last_decision"] == len(facts["decisions"])
    assert side.known_loads(home) == set(names)
    assert [event["load_id"] for event in side.journal(home)] == facts["events"]


def check_published(home: Path) -> str:
    """The published version opens and every table has the rows its manifest names; its name."""
    version = publish.current(home)
    assert version is not None, "nothing is published"
    assert not version.folder.name.startswith(".")
    with duckdb.connect(home / "published" / "current.duckdb", read_only=True) as reader:
        assert version.tables
        for name, content in version.tables.items():
            (count,) = reader.execute(f"select count(*) from dvina.{name}").fetchone() or (None,)
            assert str(count) == content.split(":")[0], name
    for name in version.tables:
        schema, table = name.split(".")
        if schema == "marts":
            files = list((version.folder / "parquet" / table).glob("*.parquet"))
            rows = sum(pq.read_metadata(path).num_rows for path in files)
            assert str(rows) == version.tables[name].split(":")[0], name
    return version.version_id


def marts(home: Path) -> dict[str, str]:
    """The published marts with the fingerprints of their rows."""
    version = publish.current(home)
    assert version is not None
    return {n: content for n, content in version.tables.items() if n.startswith("marts.")}


def _facts(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    def ask(query: str) -> list[tuple[Any, ...]]:
        return connection.execute(query).fetchall()

    datasets = [d for (d,) in ask("select distinct dataset from ledger.units order by 1")]
    rows: dict[int, int] = {}
    for dataset in datasets:
        rows |= dict(ask(f'select _unit_id, count(*) from raw."{dataset}" group by 1'))
    return {
        "loads": ask(
            "select load_id, rows_read, rows_landed, rows_quarantined, rows_duplicate "
            "from ledger.loads order by 1"
        ),
        "quarantined": dict(ask("select load_id, count(*) from quarantine.rows group by 1")),
        "units": dict(ask("select unit_id, row_count from ledger.units")),
        "unit_rows": rows,
        "twice_in_force": ask(
            "select u.dataset, u.slice from (select d.unit_id from ledger.decisions as d "
            "where unit_id is not null group by all "
            "having arg_max(d.decision, d.decision_no) = 'accepted') "
            "join ledger.units as u using (unit_id) where u.slice <> '{}' "  # events have no slices
            "group by all having count(*) > 1"
        ),
        "decisions": [n for (n,) in ask("select decision_no from ledger.decisions order by 1")],
        "undecided": ask(
            "select load_id from ledger.loads where load_id not in "
            "(select load_id from ledger.decisions)"
        ),
        "events": [x for (x,) in ask("select load_id from ledger.events order by event_no")],
    }
