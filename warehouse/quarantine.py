"""Reads the quarantine without the lock: from the Parquet beside each landed load."""

from pathlib import Path
from typing import Any

from ingest.landing import QUARANTINE
from warehouse.database import literal, open_memory
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
    return _query(
        home,
        'select row, rule, "column", "value", source '
        f"from read_parquet({literal(str(files[0]))}) order by row limit {limit:d}",
    )


def _query(home: Path, sql: str) -> list[dict[str, Any]]:
    with open_memory(home) as connection:
        answer = connection.execute(sql)
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, entry, strict=True)) for entry in answer.fetchall()]
