"""Runs dbt's models over a warehouse file, in this process; the caller holds that file's lock."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from dvina.settings import PROJECT, Settings
from ingest.steps import reached

DBT_PROJECT = PROJECT / "dbt_project"
_MOST_TOLD, _MOST_CHARACTERS = 3, 300  # of failures in a message


@dataclass(frozen=True)
class Ran:
    """What dbt did: what failed, or None, and the ``meta`` of each table it may have written to."""

    failure: str | None
    written: Mapping[str, Mapping[str, Any]]


def run_models(
    database: Path,
    out: Path,
    arguments: list[str],
    variables: dict[str, object],
    reach: str = "",
) -> Ran:
    """Run dbt with some arguments over ``database``.

    ``out`` gets dbt's artefacts and logs. ``reach`` tells models that are kept up what to bring
    up to date (``macros/touched.sql``); without it they are made anew. Unit tests of the models
    prove the models, not the data: they run in the project's tests.
    """
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["DVINA_WAREHOUSE"] = str(database)
    os.environ["DVINA_REACH"] = reach
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    every = [
        *arguments, "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT),
        "--target-path", str(out / "target"), "--log-path", str(out / "logs"),
        "--log-level", "none", "--log-level-file", "info", "--vars", json.dumps(variables),
    ]  # fmt: skip
    if reach and (out / "target" / "manifest.json").is_file():
        every.append("--no-write-json")  # of the models, which are what they were
    logging.raiseExceptions = False  # a full disk must not fill the terminal too
    try:
        answer = dbtRunner(callbacks=[_mid_models]).invoke(every)
    finally:
        os.environ.pop("DVINA_REACH")
        DuckDBConnectionManager.close_all_connections()
    results = getattr(answer.result, "results", [])
    made = [r.node for r in results if r.node.resource_type in ("model", "seed", "snapshot")]
    written = {node.alias: dict(node.config.meta or {}) for node in made}
    if answer.success:
        return Ran(None, written)
    log = out / "logs" / "dbt.log"
    if answer.exception is not None:
        return Ran(f"dbt stopped: {answer.exception}. See {log}.", written)
    return Ran(f"{_failure(results, database)}. See {log}.", written)


def _failure(results: Sequence[Any], database: Path) -> str:
    failed = [r for r in results if r.status in ("error", "fail")]
    told = "; ".join(
        f"{r.node.name}: {r.message}{_found(database, r)}" for r in failed[:_MOST_TOLD]
    )
    return f"{len(failed)} of dbt's models or tests failed: {told}"


def _found(database: Path, result: Any) -> str:
    """The first rows that a failed test found, if they are figures.

    Other generic tests give back the values that they found, which may name a person.
    """
    generic = getattr(result.node, "test_metadata", None)
    if result.status != "fail" or (generic and generic.name != "never_null"):
        return ""
    # The caller has it open: it is the same one.
    with suppress(duckdb.Error), duckdb.connect(database) as reader:
        rows = reader.execute(result.node.compiled_code)
        names = [name for name, *_ in rows.description or ()]
        found = [
            ", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True))
            for row in rows.fetchmany(_MOST_TOLD)
        ]
        return f" ({'; '.join(found)[:_MOST_CHARACTERS]})"
    return ""


def variables(settings: Settings) -> dict[str, object]:
    """What the settings decide of the models."""
    return {
        "pairs": list(settings.pairs),
        "union_members": list(settings.union_members),
        "cif_fob_factor": settings.cif_fob_factor,
    }


def _mid_models(event: object) -> None:
    if getattr(getattr(event, "info", None), "name", "") == "LogModelResult":
        reached("build.mid_models")
