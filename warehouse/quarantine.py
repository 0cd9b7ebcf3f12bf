"""Reads the quarantine without the lock: from the Parquet beside each landed load."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.contract import Contract
from ingest.landing import QUARANTINE, Landed, read_landed
from ingest.streams.positions import unpacked
from warehouse import side
from warehouse.database import literal, open_memory, quote
from warehouse.errors import UnknownLoad


def counts(home: Path, dataset: str | None = None) -> list[dict[str, Any]]:
    """Refused rows counted by dataset, load, rule and column."""
    files = sorted((home / "landing").glob(f"{dataset or '[!.]*'}/*/{QUARANTINE}"))
    if not files:
        return []
    return _query(
        home,
        "select split_part(filename, '/', -3) as dataset, split_part(filename, '/', -2) as load, "
        'rule, "column", count(*) as rows, min(row) as first_row, '
        'arg_min("value", row) as first_value '
        f"from read_parquet([{', '.join(literal(str(f)) for f in files)}], filename = true) "
        "group by all order by all",
    )


def rows(home: Path, load_id: str, limit: int) -> list[dict[str, Any]]:
    """The first refused rows of a load, as they came; raises UnknownLoad."""
    files = list((home / "landing").glob(f"[!.]*/{load_id}/{QUARANTINE}"))
    if not files:
        raise UnknownLoad(f"No landed load {load_id}. See 'dvina loads'.")
    found = _query(
        home,
        'select row, rule, "column", "value", source '
        f"from read_parquet({literal(str(files[0]))}) order by row limit {limit:d}",
    )
    stream = read_landed(files[0].parent).manifest.stream
    if stream:  # a message's number says where it stood in its topic
        for entry in found:
            _, partition, offset = unpacked(entry.pop("row"))
            entry["position"] = f"{stream['topic']} partition {partition} offset {offset}"
    return found


def open_rows(home: Path, contract: Contract, origin: Landed) -> pa.Table:
    """Refused rows of a load that no replay has taken yet: ``_row`` and the source's columns.

    Lines that could not be split into fields are left out: they have no columns.
    """
    columns = ", ".join(
        f"source[{literal(name)}] as {quote(name)}" for name in contract.source_columns
    )
    without = _not_taken(home, origin)
    with open_memory(home) as connection:
        return connection.execute(
            f"select row as _row, {columns} from {_parquet([literal(str(origin.quarantine))])} "
            f"where rule <> 'malformed' {without} order by row"
        ).to_arrow_table()


def left_of(home: Path, landed: Landed, limit: int) -> tuple[int, list[dict[str, Any]]]:
    """How many refused rows of a load no replay has taken yet, and the first of them."""
    left = f"from {_parquet([literal(str(landed.quarantine))])} where true"
    left += f" {_not_taken(home, landed)}"
    counted = _query(home, f"select count(*) as count {left}")
    listed = f'select row, rule, "column", "value", source {left} order by row limit {limit:d}'
    return int(counted[0]["count"]), _query(home, listed)


def _not_taken(home: Path, origin: Landed) -> str:
    """A condition on refused rows: no replay of their load took them."""
    taken = [
        path
        for path in origin.folder.parent.glob("*/manifest.json")
        if json.loads(path.read_text("utf-8"))["replay_of"] == origin.manifest.load_id
        and side.load(home, path.parent.name) is not None
    ]
    segments = [literal(str(s)) for path in taken for s in path.parent.glob("segment-*.parquet")]
    return f"and row not in (select _row from {_parquet(segments)})" if segments else ""


def known_already(contract: Contract, origin: Landed, rows: pa.RecordBatch) -> pa.BooleanArray:
    """Which rows have a key (or, without one, a content) that their load or they hold already."""
    judged = contract.key or tuple(column.name for column in contract.columns)
    if contract.repeats == "legitimate":
        return pa.array([False] * rows.num_rows, pa.bool_())
    names = ", ".join(quote(name) for name in judged)
    segments = [literal(str(path)) for path in origin.segments]
    with open_memory(origin.folder.parent) as connection:
        connection.register("fresh", pa.Table.from_batches([rows]))
        held = f"select {names} from {_parquet(segments)} union all " if segments else ""
        table = connection.execute(
            f"select row_number() over (partition by {names} order by _row) > 1 "
            f"or hash({names}) in (select hash({names}) from ({held}select {names} from fresh "
            "where false)) as known from fresh order by _row"
        ).to_arrow_table()
    return table["known"].combine_chunks()


def _parquet(files: list[str]) -> str:
    return f"read_parquet([{', '.join(files)}])"


def _query(home: Path, sql: str) -> list[dict[str, Any]]:
    with open_memory(home) as connection:
        answer = connection.execute(sql)
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, entry, strict=True)) for entry in answer.fetchall()]
