"""Puts an explanation together: cells, proof, loads, rows with their place, refused rows."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb

from dvina.explain.cells import (
    Mart,
    WrongQuestion,
    explained,
    lay_cells,
    mart_named,
    shown,
)
from dvina.explain.lineage import lineage_of, published
from dvina.settings import Settings
from ingest.contract import load_contract
from ingest.landing import read_landed
from ingest.places import places_of
from ingest.streams.positions import unpacked
from warehouse import side
from warehouse.database import literal, open_copy, open_memory, quote
from warehouse.publish import Version
from warehouse.quarantine import left_of
from warehouse.replica import horizon_of

MOST_CELLS = 20
WITHHELD = (
    "The supplier may be a natural person: its record is not shown, its place says where it is."
)
INPUTS = {
    "mart_sector_trade_indicators": "quotients of trade between all countries of the year",
    "mart_import_substitution": "shares of imports by origin, and what changed in them",
    "mart_policy_events": "trade of the years before and after an event",
}


def explain(settings: Settings, mart: Mart, asked: Mapping[str, str], limit: int) -> dict[str, Any]:
    """Where the cells of a mart come from; see ``dvina explain --help``.

    Raises WrongQuestion, NotPublished, LandingDamaged, LockTimeout; never waits for a writer.
    """
    if mart.name not in (*explained(), *INPUTS):
        raise WrongQuestion(
            f"{mart.name} has no lineage. Marts that can be explained: {', '.join(explained())}."
        )
    version = published(settings)
    with open_memory(settings.home) as connection:
        count = _lay_cells(connection, version, mart, asked)
        told: dict[str, Any] = {
            "mart": mart.name,
            "asked": dict(asked),
            "version_id": version.version_id,
            "cell_count": count,
            "cells": shown(connection, f"select * from cells limit {MOST_CELLS}"),
            "notes": _notes(settings, version, count),
        }
        years = _years(connection)
    if mart.name not in explained():
        why = f"{mart.name} does not add up from rows: {INPUTS[mart.name]}. Its inputs follow."
        return told | {"not_additive": why, "inputs": _inputs(settings, mart, told["cells"], limit)}
    database = lineage_of(settings, mart.name, version, years)
    with open_copy(database, settings.memory_limit) as connection:
        _lay_cells(connection, version, mart, asked)
        _lay_lines(connection, mart)
        return told | {
            "proof": _proof(connection, mart),
            "loads": _loads(connection),
            "row_count": _number(connection, "select count(*) from landed"),
            "rows": _rows(connection, settings, limit),
            "without_a_row": shown(
                connection,
                "select * exclude (load_id, row_number) from lines where load_id is null limit "
                f"{limit:d}",
            ),
            "refused": _refused(connection, settings, limit),
        }


def _lay_cells(
    connection: duckdb.DuckDBPyConnection, version: Version, mart: Mart, asked: Mapping[str, str]
) -> int:
    connection.execute(f"attach {literal(str(version.database))} as dvina (read_only)")
    return lay_cells(connection, "dvina", mart, asked)


def _inputs(
    settings: Settings, mart: Mart, cells: Sequence[dict[str, Any]], limit: int
) -> list[dict[str, Any]]:
    """What the first cell of an indicator is computed from, explained: the trade behind it."""
    mirror = mart_named("mart_trade_mirror")
    answers = []
    for way in _trade_behind(cells[0]):
        with suppress(WrongQuestion):  # trade that nobody reports
            answers.append(explain(settings, mirror, way, limit))
    return answers


def _trade_behind(cell: Mapping[str, Any]) -> list[dict[str, str]]:
    """Cells of trade that a cell compares: both ways, two years, or all suppliers of a country."""
    sector = {"sector_id": str(cell["sector_id"])}
    if "period_before" in cell:
        one, other = cell["first_country_code"], cell["second_country_code"]
        if cell["direction"] != "first to second":
            one, other = other, one
        flow = {"exporter_code": one, "importer_code": other, **sector}
        return [{**flow, "period": cell[f"period_{when}"]} for when in ("before", "after")]
    year = {**sector, "period": str(cell["period"])}
    if "country_code" in cell:
        one, other = cell["country_code"], cell["partner_code"]
        return [
            {"exporter_code": one, "importer_code": other, **year},
            {"exporter_code": other, "importer_code": one, **year},
        ]
    return [{"importer_code": str(cell["importer_code"]), **year}]


def _lay_lines(connection: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    on = " and ".join(f"l.{quote(c)} is not distinct from c.{quote(c)}" for c in mart.grain)
    connection.execute(
        f"create temp table lines as select l.* from lineage.{quote('lineage_' + mart.name)} "
        f"as l semi join cells as c on {on}"
    )
    connection.execute(
        "create temp table landed as select source_dataset, load_id, row_number, "
        "row_number() over (order by source_dataset, load_id, row_number) as place from ("
        "select distinct source_dataset, load_id, row_number from lines where load_id is not null)"
    )


def _proof(connection: duckdb.DuckDBPyConnection, mart: Mart) -> list[dict[str, Any]]:
    """Each additive measure: what is published, what the rows add up to, in how many cells."""
    proof = f"lineage.{quote('proof_' + mart.name)}"
    names = [n for (n, *_) in connection.execute(f"describe {proof}").fetchall()]
    on = " and ".join(f"c.{quote(n)} is not distinct from p.{quote(n)}" for n in mart.grain)
    return [
        shown(
            connection,
            f"select {literal(name)} as measure, sum(c.{quote(name)}) as published, "
            f"sum(p.{quote(name)}) as from_rows, count(c.{quote(name)}) as cells, "
            f"count_if(c.{quote(name)} is distinct from p.{quote(name)}) as cells_that_differ "
            f"from cells as c left join {proof} as p on {on}",
        )[0]
        for name in names
        if name not in mart.grain
    ]


def _loads(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    return shown(
        connection,
        "select l.dataset, l.load_id, l.origin, l.source_sha256, d.accepted_at, "
        "count(*) as rows_behind, l.rows_landed, l.rows_quarantined "
        "from landed join dvina.ops.loads as l using (load_id) join ("
        "  select load_id, strftime(min(decided_at), '%Y-%m-%dT%H:%M:%SZ') as accepted_at "
        "  from dvina.ops.decisions where decision = 'accepted' group by load_id"
        ") as d using (load_id) group by all order by 1, 2",
    )


def _rows(
    connection: duckdb.DuckDBPyConnection, settings: Settings, limit: int
) -> list[dict[str, Any]]:
    """The first landed rows: what each gives, its place in the source, its values as landed."""
    found = shown(
        connection,
        "select p.source_dataset as dataset, p.load_id, p.row_number as row, "
        "list(l) as contributions from landed as p join lines as l using (load_id, row_number) "
        f"where p.place <= {limit:d} group by all order by 1, 2, 3",
    )
    places: dict[tuple[str, str], dict[int, Any]] = {}
    for entry in found:
        dataset, load_id, row = entry["dataset"], entry["load_id"], entry["row"]
        if (dataset, load_id) not in places:
            rows = [e["row"] for e in found if e["load_id"] == load_id]
            places[dataset, load_id] = _places(settings.home, dataset, load_id, rows)
        entry["contributions"] = [_contribution(line) for line in entry["contributions"]]
        entry["place"] = places[dataset, load_id].get(row, f"record {row}")
        if any("is_withheld" in line for line in entry["contributions"]):
            entry["values"] = {"withheld": WITHHELD}
            continue
        values = shown(
            connection,
            f"select * exclude (_load_id, _row, _unit_id) from accepted.{quote(dataset)} "
            "where _load_id = ? and _row = ?",
            [load_id, row],
        )
        entry["values"] = {k: v for k, v in values[0].items() if v is not None} if values else {}
    return found


def _places(home: Path, dataset: str, load_id: str, rows: Sequence[int]) -> dict[int, Any]:
    contract = load_contract(dataset)
    manifest = read_landed(home / "landing" / dataset / load_id).manifest
    if manifest.stream:
        named = {row: unpacked(row) for row in rows}
        topic = manifest.stream["topic"]
        return {r: f"{topic} partition {p} offset {o}" for r, (_, p, o) in named.items()}
    kept = home / "archive" / dataset / manifest.source_sha256
    found = places_of(contract, kept, rows)
    return {r: f"record {r}, line {p.line}, byte {p.byte}" for r, p in found.items()}


def _contribution(line: Mapping[str, Any]) -> dict[str, Any]:
    left = ("source_dataset", "load_id", "row_number")
    return {name: value for name, value in line.items() if name not in left and value is not None}


def _refused(
    connection: duckdb.DuckDBPyConnection, settings: Settings, limit: int
) -> dict[str, Any]:
    """Refused rows of the loads behind the cells that no replay has taken since."""
    count, first = 0, list[dict[str, Any]]()
    for dataset, load_id in connection.execute(
        "select distinct source_dataset, load_id from landed order by all"
    ).fetchall():
        landed = read_landed(settings.home / "landing" / dataset / load_id)
        if landed.manifest.rows_quarantined:
            left, rows = left_of(settings.home, landed, max(limit - len(first), 0))
            count += left
            first += [{"dataset": dataset, "load_id": load_id, **row} for row in rows]
    return {"count": count, "rows": first}


def _years(connection: duckdb.DuckDBPyConnection) -> list[str]:
    with suppress(duckdb.BinderException):
        found = connection.execute("select distinct left(period, 4) from cells order by 1")
        return [str(year) for (year,) in found.fetchall()]
    return []


def _notes(settings: Settings, version: Version, count: int) -> list[str]:
    since = int(side.status(settings.home).get("last_decision", 0)) - horizon_of(version)
    notes = []
    if since > 0:
        notes.append(
            f"{since} decisions were made since this version was built; they are not in it. "
            "Run 'dvina build' to bring them in."
        )
    if count > MOST_CELLS:
        notes.append(f"{count} cells; the first {MOST_CELLS} are listed, all of them are proven.")
    return notes


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
