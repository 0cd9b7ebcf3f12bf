"""Opens a table of a DuckDB file to Great Expectations and closes everything again.

Great Expectations talks to DuckDB by SQLAlchemy. It gives a connection back before it fetches,
and a rollback at that moment would drop DuckDB's pending result: so nothing is rolled back.
"""

import logging
import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_MEMORY = "1GB"
_NO_ROLLBACK = {
    "isolation_level": "AUTOCOMMIT",
    "skip_autocommit_rollback": True,
    "pool_reset_on_return": None,
}
# Great Expectations keeps the current project in one global of the process.
_ALONE = threading.Lock()


@dataclass(frozen=True)
class Target:
    """A table or view to judge, in a file that nobody writes to meanwhile.

    ``relation`` is SQL that stands for it and has a column ``_row``; ``key`` are columns that
    tell its rows apart in messages; ``scratch`` takes what does not fit in memory. ``made_by`` is
    SQL that makes it first, in a file of our own; any other file is opened to be read only.
    """

    database: Path
    schema: str
    table: str
    relation: str
    scratch: Path
    key: tuple[str, ...] = ()
    memory_limit: str = DEFAULT_MEMORY
    made_by: str = ""


@dataclass(frozen=True)
class OpenTable:
    """A target while it is open; the batch is Great Expectations', the engine SQLAlchemy's."""

    target: Target
    batch: Any
    _engine: Any

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query of ours, its values bound to ``$1``, ``$2`` ..."""
        with self._engine.connect() as connection:
            rows = connection.exec_driver_sql(sql, tuple(parameters)).fetchall()
        return [tuple(row) for row in rows]

    def rows(self) -> int:
        """How many rows the target has."""
        return int(self.fetch(f"select count(*) from {self.target.relation}")[0][0])

    def columns(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[str, ...]:
        """The names of the columns that a query gives."""
        with self._engine.connect() as connection:
            empty = connection.exec_driver_sql(f"select * from ({sql}) limit 0", tuple(parameters))
            return tuple(empty.keys())


def great_expectations() -> Any:
    """Great Expectations, imported once per process; the first time takes seconds."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations.expectations

        import expectations.extensions  # noqa: F401  # registers itself

    return great_expectations


@contextmanager
def opened(target: Target) -> Iterator[OpenTable]:
    """Open a target; raises errors of Great Expectations when it is not there or damaged.

    One target at a time is open in a process. Meanwhile Great Expectations is silent.
    """
    gx = great_expectations()
    with _ALONE, _silence():
        source = _context(gx).data_sources.add_sql(
            "target", connection_string=_url(target.database), kwargs=_settings(target)
        )
        try:
            if target.made_by:
                with source.get_engine().connect() as connection:
                    connection.exec_driver_sql(target.made_by)
            asset = source.add_table_asset(
                target.table, table_name=target.table, schema_name=target.schema
            )
            batch = asset.add_batch_definition_whole_table("all").get_batch()
            yield OpenTable(target, batch, source.get_engine())
        finally:
            source.get_engine().dispose()
            source.get_execution_engine().close()
            gx.data_context.data_context.context_factory.project_manager.set_project(None)


def _context(gx: Any) -> Any:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def _url(database: Path) -> str:
    from sqlalchemy import URL

    # Rendered by SQLAlchemy: a '$' left as it is would be replaced by Great Expectations.
    return URL.create("duckdb", database=str(database)).render_as_string()


def _settings(target: Target) -> dict[str, Any]:
    limits = {"memory_limit": target.memory_limit, "temp_directory": str(target.scratch)}
    return {**_NO_ROLLBACK, "connect_args": {"read_only": not target.made_by, "config": limits}}


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing of Great Expectations reaches the handlers of this process, whatever their level."""
    logger = logging.getLogger("great_expectations")
    propagate, nowhere = logger.propagate, logging.NullHandler()
    # Some of its loggers set a level of their own, so the parent's level would not hold them.
    logger.propagate = False
    logger.addHandler(nowhere)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeHandler(nowhere)
        logger.propagate = propagate
