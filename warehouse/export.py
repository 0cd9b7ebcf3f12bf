"""Copies published marts into a directory that may be passed on: Parquet, without what may not be.

A row stays behind when one of the datasets that it names as its source may not be redistributed;
a mart whose rows do not name their sources stays behind whole when it is made from such a
dataset. Code lists and rates only steer figures: they count where their own rows would be passed
on, in dimensions. The terms are those that the version carries.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from warehouse.contents import MARTS
from warehouse.database import literal, open_memory, quote
from warehouse.errors import PublishFailed
from warehouse.versions import MANIFEST, Version

TERMS = "terms.json"
_REFERENCE, _DIMENSION = "reference_", "dim_"


@dataclass(frozen=True)
class Exported:
    """What became of one mart: rows passed on, rows left out, and because of which datasets."""

    mart: str
    rows: int
    rows_left_out: int
    because_of: tuple[str, ...]


def export(version: Version, target: Path) -> list[Exported]:
    """Write what may be passed on into the new directory ``target``; raises PublishFailed."""
    entry = json.loads((version.folder / MANIFEST).read_text("utf-8"))
    if "terms" not in entry:
        raise PublishFailed(
            f"Version {version.version_id} was written by an older Dvina and carries no terms. "
            "Run 'dvina build --force' first."
        )
    aside = target.with_name(f".{target.name}.part")
    if target.exists():
        raise PublishFailed(f"{target} exists already. Name a new directory.")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        done = _write(version, entry["terms"], aside)
        told = {
            "version_id": version.version_id,
            "terms": entry["terms"],
            "marts": [asdict(mart) for mart in done],
        }
        (aside / TERMS).write_text(json.dumps(told, indent=1), encoding="utf-8")
        aside.rename(target)
    except (OSError, duckdb.Error) as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise PublishFailed(f"{target} could not be written: {error}.") from error
    return done


def _write(
    version: Version, terms: Mapping[str, Sequence[Mapping[str, Any]]], folder: Path
) -> list[Exported]:
    done = []
    with open_memory(folder) as connection:
        connection.execute(f"attach {literal(str(version.database))} as dvina (read_only)")
        for name in sorted(version.tables):
            schema, mart = name.split(".")
            if schema == MARTS:
                done.append(_export(connection, mart, terms.get(mart, ()), folder))
    shutil.rmtree(folder / ".spill", ignore_errors=True)
    return done


def _export(
    connection: duckdb.DuckDBPyConnection,
    mart: str,
    terms: Sequence[Mapping[str, Any]],
    folder: Path,
) -> Exported:
    table = f"dvina.{MARTS}.{quote(mart)}"
    kept_back = tuple(
        str(t["dataset"])
        for t in terms
        if not t["redistributable"]
        and (mart.startswith(_DIMENSION) or not str(t["dataset"]).startswith(_REFERENCE))
    )
    names = [str(n) for (n, *_) in connection.execute(f"describe {table}").fetchall()]
    allowed = _allowed(names, kept_back)
    counted = connection.execute(
        f"select count(*) filter (where {allowed}), count(*) from {table}"
    ).fetchone()
    rows, every = counted if counted else (0, 0)
    if rows or not every:
        target = literal(str(folder / f"{mart}.parquet"))
        connection.execute(
            f"copy (select * from {table} where {allowed}) to {target} (format parquet)"
        )
    return Exported(mart, rows, every - rows, kept_back if every > rows else ())


def _allowed(names: Sequence[str], kept_back: Sequence[str]) -> str:
    """The rows that may be passed on, as SQL over the columns that name a row's sources."""
    if not kept_back:
        return "true"
    told = [n for n in names if n == "dataset" or n.endswith(("source_dataset", "source_datasets"))]
    listed = ", ".join(literal(dataset) for dataset in kept_back)
    return (
        " and ".join(
            f"not list_has_any(string_split(coalesce({quote(n)}, ''), ', '), [{listed}])"
            for n in told
        )
        or "false"
    )
