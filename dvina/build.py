"""Builds the marts with dbt and publishes what passed, while loads go on being committed.

One process holds the writer's lock: dbt and the thread that commits share its DuckDB. All models
read one horizon. Marts that fail a test of dbt or a rule of Great Expectations are not
published, and readers keep the former version.
"""

import hashlib
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from dvina.alerts.sweep import at_once
from dvina.dictionary import read_manifest
from dvina.dictionary_pages import words_of
from dvina.models import DBT_PROJECT, run_models, variables
from dvina.reach import Reach, reached_by
from dvina.settings import Settings
from dvina.terms import terms_of_marts, with_terms
from expectations.gate import judge_marts, warm
from expectations.report import Report
from ingest import landing
from ingest.contract import dataset_names, load_contract
from warehouse import builds, publish, side, standing
from warehouse.commit import commit_pending
from warehouse.contents import Held, columns
from warehouse.database import FILE, open_copy, open_warehouse
from warehouse.errors import PublishFailed
from warehouse.lock import writer_lock
from warehouse.mart_figures import MartFigures, mart_figures
from warehouse.postgres import publish_to_postgres
from warehouse.quality_marts import QUALITY_MARTS, lay_quality_marts
from warehouse.revisions import note_revisions
from warehouse.standing import Written
from warehouse.tables import ensure_tables

RESTATED = "source:accepted.revisions+"  # what any load may have restated
LEFT_OUT = ("unit_test",)  # they prove the models, not the data, and run in the project's tests
_PAUSE_S, _LOOK_AFTER = 0.02, 10  # pauses after which it looks though nothing was judged
_AGAIN = -1  # no moment at which a load was judged
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildOutcome:
    """``state`` is published, unchanged (marts as before) or failed; ``message`` says why.

    ``marts`` says what each mart holds, unless the build failed.
    """

    state: str
    horizon: int
    message: str
    version_id: str | None = None
    marts: tuple[MartFigures, ...] = ()


def build_and_publish(settings: Settings, *, force: bool = False) -> BuildOutcome:
    """Build when something changed, publish when the marts changed; raises LockTimeout."""
    warm()  # importing Great Expectations takes seconds: not under the lock
    with (
        writer_lock(settings.home, settings.lock_wait_s),
        open_warehouse(settings.home, settings.memory_limit) as connection,
    ):
        outcome = _build(settings, connection, force=force)
        tried = {"horizon": outcome.horizon, "state": outcome.state, "message": outcome.message}
        side.note(settings.home, last_try=tried)
    at_once(settings)
    return _after(settings, outcome)


def _build(
    settings: Settings, connection: duckdb.DuckDBPyConnection, *, force: bool
) -> BuildOutcome:
    inputs, contracts = _inputs(settings), [load_contract(name) for name in dataset_names()]
    for contract in contracts:
        ensure_tables(connection, contract)
    commit_pending(connection, settings.home, load_contract, beside_build=True)
    publish.clean(settings.home)
    held = standing.take(connection, settings.home)
    with _committing(settings, connection):
        if not force and builds.is_built(connection, inputs):
            return _publish(settings, connection, _horizon(connection), held)
        reach = None if force else reached_by(builds.changed_slices(connection, inputs))
        build = builds.begin(connection, inputs)
        try:
            note_revisions(connection, contracts)
            failure, written = _run_dbt(settings, reach)
        except BaseException:
            builds.end(connection, build, succeeded=False)
            raise
        builds.end(connection, build, succeeded=failure is None)
        if failure is not None:
            _note(settings, "failed", failure)
            return BuildOutcome("failed", build.horizon, failure)
        held = standing.without(held, written) if written is not None else {}
        return _publish(settings, connection, build.horizon, held)


def publish_built(settings: Settings) -> BuildOutcome:
    """Publish the marts as they were built last; raises PublishFailed, LockTimeout."""
    warm()
    with (
        writer_lock(settings.home, settings.lock_wait_s),
        open_warehouse(settings.home, settings.memory_limit) as connection,
    ):
        last = connection.execute("select state from ledger.builds order by noted_at desc limit 1")
        if last.fetchone() != ("reached",):
            raise PublishFailed("The last build did not succeed. Run 'dvina build' first.")
        standing.take(connection, settings.home)  # what is asked for by hand is measured whole
        outcome = _publish(settings, connection, _horizon(connection), {})
    return _after(settings, outcome)


def _publish(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    horizon: int,
    held: Mapping[str, Held],
) -> BuildOutcome:
    contracts = [load_contract(dataset) for dataset in dataset_names()]
    lay_quality_marts(connection, contracts)
    terms = terms_of_marts(connection, settings.home)
    facts = {
        "horizon": horizon,
        "pairs": settings.pairs,
        "licences": {c.dataset: f"{c.publisher.name}: {c.publisher.licence}" for c in contracts},
        "terms": terms,
    }
    words = words_of(read_manifest(settings.home), contracts, columns(connection))
    held = standing.without(held, dict.fromkeys(QUALITY_MARTS))
    words = with_terms(words, terms)
    version = publish.write_aside(connection, settings.home, facts, words, held)
    if version is None:
        former = side.status(settings.home).get("last_build") or {}
        unchanged = "the marts are as they were published"
        kept = {key: former[key] for key in ("doubts", "marts") if key in former}
        _note(settings, "unchanged", unchanged, **kept)
        return BuildOutcome("unchanged", horizon, unchanged)
    report = judge_marts(version.database, version.version_id)
    if report.outcome != "passed":
        publish.discard(version)
        note_of_build(settings.home, report, version.version_id)
        return BuildOutcome("failed", horizon, report.summary())
    published = publish.switch(settings.home, version, settings.keep_versions)
    note_of_build(settings.home, report, published.version_id)
    message = f"version {published.version_id}"
    return BuildOutcome("published", horizon, message, published.version_id)


def _after(settings: Settings, outcome: BuildOutcome) -> BuildOutcome:
    """What is done with the current version once the lock is free again.

    It is read for its figures, and brought to PostgreSQL where one is set.
    """
    version = publish.current(settings.home)
    if version is None or outcome.state == "failed":
        return outcome
    if settings.postgres_uri:
        publish_to_postgres(version, settings.postgres_uri)
    with open_copy(version.database, settings.memory_limit) as reader:
        return replace(outcome, marts=mart_figures(reader))


def note_of_build(home: Path, report: Report, version_id: str) -> None:
    """Note the verdict on a version in the side store: not published, or with which doubts."""
    if report.outcome != "passed":
        side.note(home, last_build={"state": "failed", "message": report.summary()})
        return
    doubts = [result for result in report.to_json()["results"] if result["outcome"] != "passed"]
    marts = sorted({result.rule.split(".")[0] for result in report.results})
    note = {"state": "published", "message": f"version {version_id}"}
    side.note(home, last_build={**note, "doubts": doubts, "marts": marts})


def _note(settings: Settings, state: str, message: str, **more: object) -> None:
    side.note(settings.home, last_build={"state": state, "message": message, **more})


def _horizon(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("select horizon from ledger.pin").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _committing(settings: Settings, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what waits in a thread of this process until the body ends."""
    done = threading.Event()

    def work() -> None:
        with connection.cursor() as cursor:
            judged, pauses, put_off = landing.judged_at(settings.home), 0, False
            while not done.wait(_PAUSE_S):
                pauses += 1
                before, judged = judged, landing.judged_at(settings.home)
                if judged == before and pauses % _LOOK_AFTER:
                    continue
                try:
                    commit_pending(cursor, settings.home, load_contract, beside_build=True)
                    put_off = False
                except duckdb.TransactionException as error:
                    # dbt changed the catalogue in the same moment: once more at once, then later.
                    _log.info("commit put off: %s", error)
                    judged, put_off = judged if put_off else _AGAIN, True
                except Exception:
                    _log.exception("a load could not be committed beside the build; it is kept")

    thread = threading.Thread(target=work, name="dvina-commit", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _run_dbt(settings: Settings, reach: Reach | None) -> tuple[str | None, Written | None]:
    """Run ``dbt build`` for what changes can reach, or for all.

    Returns what failed, or None, and what was written to; None for all of it. A model is built
    again when a dataset above it changed, and of a model that is kept up to date only the
    partitions that changed.
    """
    if reach is not None and not reach.datasets:
        return None, {}
    arguments = ["build", *(p for kind in LEFT_OUT for p in ("--exclude-resource-type", kind))]
    if reach is None:
        arguments.append("--full-refresh")
    else:
        arguments += ["--select", *reach.selection(), RESTATED]
    told = reach.told() if reach else ""
    ran = run_models(
        settings.home / FILE, settings.home / "dbt", arguments, variables(settings), told
    )
    return ran.failure, reach.written(ran.written) if reach else None


def _inputs(settings: Settings) -> str:
    """A digest of what decides a build besides the ledger: models, seeds, contracts, settings."""
    digest = hashlib.sha256(json.dumps(variables(settings), sort_keys=True).encode())
    for dataset in dataset_names():
        digest.update(f"{dataset} {load_contract(dataset).identity}".encode())
    for path in sorted(_project_files(DBT_PROJECT)):
        digest.update(str(path.relative_to(DBT_PROJECT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _project_files(root: Path) -> Iterator[Path]:
    for path in root.rglob("*"):
        if path.is_file() and path.suffix in {".sql", ".py", ".yml", ".csv"}:
            yield path
