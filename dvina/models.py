"""Runs dbt's models over a warehouse file, in this process; the caller holds that file's lock."""

import json
import logging
import os
from pathlib import Path

from dvina.settings import PROJECT, Settings
from ingest.steps import reached

DBT_PROJECT = PROJECT / "dbt_project"


def run_models(
    database: Path, out: Path, arguments: list[str], variables: dict[str, object]
) -> str | None:
    """Run dbt with some arguments over ``database``; returns what failed, or None.

    ``out`` gets dbt's artefacts and logs. Unit tests of the models prove the models, not the data:
    they run in the project's tests.
    """
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["DVINA_WAREHOUSE"] = str(database)
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    every = [
        *arguments, "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT),
        "--target-path", str(out / "target"), "--log-path", str(out / "logs"),
        "--log-level", "none", "--log-level-file", "debug", "--vars", json.dumps(variables),
    ]  # fmt: skip
    logging.raiseExceptions = False  # a full disk must not fill the terminal too
    try:
        answer = dbtRunner(callbacks=[_mid_models]).invoke(every)
    finally:
        DuckDBConnectionManager.close_all_connections()
    if answer.success:
        return None
    if answer.exception is not None:
        return f"dbt stopped: {answer.exception}. See {out / 'logs' / 'dbt.log'}."
    failed = [r for r in getattr(answer.result, "results", []) if r.status in ("error", "fail")]
    told = "; ".join(f"{r.node.name}: {r.message}" for r in failed[:3])
    return f"{len(failed)} of dbt's models or tests failed: {told}. See {out / 'logs' / 'dbt.log'}."


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
