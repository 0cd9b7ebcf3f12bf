"""The way of one load: fetch, land, seal, judge, commit.

Everything slow happens before the lock. A load that equals what stands already ends after the
seal, without a decision. What a killed process left behind is taken up by the next run.
"""

import getpass
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from dvina import remote
from dvina.alerts.pages import keep_page
from dvina.alerts.sweep import at_once
from dvina.histories import history
from dvina.settings import Settings
from expectations.gate import LoadFacts, judge
from ingest import archive, landing, segments
from ingest.contract import Contract, load_contract
from ingest.errors import CountsDisagree, SourceRefused
from ingest.landing import Landed, Manifest, Workplace
from ingest.sources import open_source
from ingest.steps import reached
from warehouse import side
from warehouse.commit import commit_pending, pending
from warehouse.database import open_warehouse
from warehouse.errors import LockTimeout, UnknownLoad
from warehouse.lock import writer_lock
from warehouse.seal import Sealer

_POLL_S = 0.25


@dataclass(frozen=True)
class Outcome:
    """What became of one source; ``state`` is accepted, rejected, unchanged or withdrawn."""

    dataset: str
    origin: str
    state: str
    load_id: str
    rows_read: int
    rows_landed: int
    rows_quarantined: int
    rows_duplicate: int
    message: str
    drift: tuple[str, ...] = ()

    @property
    def counts(self) -> str:
        """The count equation in words."""
        return (
            f"{self.rows_read} read = {self.rows_landed} landed + {self.rows_quarantined} "
            f"quarantined + {self.rows_duplicate} duplicates"
        )


def ingest(
    settings: Settings,
    dataset: str,
    origin: str,
    scope: dict[str, list[str]] | None = None,
    progress: remote.Progress | None = None,
    *,
    owned: bool = False,
) -> Outcome:
    """Bring one file in, to its decision; bad data gives a rejected outcome, not an error.

    ``origin`` is a path, or an address that is fetched first; ``progress`` is told of its bytes.
    ``scope`` is what a query was cut to (column -> prefixes); without it the file's own values
    tell, where the contract says so. An ``owned`` file is taken away, not copied.

    Raises ContractError, SourceMissing, FetchFailed, StorageFailed, LockTimeout.
    """
    judged = land_and_judge(settings, dataset, origin, scope, progress, owned=owned)
    return judged if isinstance(judged, Outcome) else settle(settings, judged)


def land_and_judge(
    settings: Settings,
    dataset: str,
    origin: str,
    scope: dict[str, list[str]] | None = None,
    progress: remote.Progress | None = None,
    *,
    within: dict[str, list[str]] | None = None,
    owned: bool = False,
) -> Landed | Outcome:
    """All of ``ingest`` that needs no lock: a load to ``settle``, or that it changes nothing.

    ``within`` is what else a query asked for (column -> values): other rows refuse the source.
    Raises ContractError, SourceMissing, FetchFailed, StorageFailed.
    """
    contract = load_contract(dataset)
    home = settings.home
    clean_up(settings)
    archive.expire(home / "archive", contract)
    place = Workplace(home / "landing", dataset)
    try:
        with (
            remote.at_hand(settings, contract, origin, progress) as path,
            archive.fetching(contract, path, home / "archive", owned=owned) as fetching,
        ):
            landed, refusal = _land(contract, fetching, place, scope, within)
    except BaseException:
        place.discard()
        raise
    reached("ingest.landed")
    if refusal:
        _refuse(landed, refusal)
        return landed
    stands = side.standing(home, contract, landed)
    if stands:
        landing.remove(landed)
        at_once(settings, dataset, fine="a file equal to what is accepted came in")
        return _unchanged(landed.manifest, stands)
    judge_landed(contract, landed, settings)
    return landed


def judge_landed(
    contract: Contract, landed: Landed, settings: Settings | None = None
) -> dict[str, Any]:
    """Put a landed load through the gate and lay the verdict beside its manifest.

    Without settings, as for micro-batches, it is not held against its history.
    """
    m = landed.manifest
    reached("gate.before")
    facts = LoadFacts(
        m.rows_read, m.rows_landed, m.rows_quarantined, m.rows_duplicate, landing.refusals(landed)
    )
    report = judge(contract, m.load_id, landed.segments, facts, history=history(settings, m))
    reason = "passed every rule that stops"
    if report.outcome != "passed":
        reason = f"{m.origin}: {report.summary()} The former data stays."
    verdict = {**report.to_json(), "outcome": report.outcome, "reason": reason}
    if settings is not None and any(r.outcome != "passed" for r in report.results):
        keep_page(settings.home, report)
    landing.write_verdict(landed, verdict)
    reached("gate.after")
    return verdict


def clean_up(settings: Settings) -> None:
    """Remove dead leftovers and judge loads whose process died before the gate."""
    root = settings.home / "landing"
    landing.clean(root)
    for landed in pending(settings.home):
        if landing.is_abandoned(landed):
            contract = load_contract(landed.manifest.dataset)
            if landed.manifest.stream:
                judge_landed(of_micro_batches(contract), landed)
            elif side.standing(settings.home, contract, landed):
                landing.remove(landed)
            else:
                judge_landed(contract, landed, settings)


def of_micro_batches(contract: Contract) -> Contract:
    """The contract by which a micro-batch is judged: it may be small, or hold bad messages only."""
    assert contract.stream is not None
    share = contract.stream.max_quarantined_share
    limits = replace(contract.limits, min_rows=0, max_rows=None, max_quarantined_share=share)
    return replace(contract, limits=limits)


def commit(settings: Settings, wait_s: float | None = None) -> None:
    """Commit everything that waits; raises LockTimeout."""
    wait = settings.lock_wait_s if wait_s is None else wait_s
    with writer_lock(settings.home, wait), open_warehouse(settings.home) as connection:
        reached("commit.locked")
        commit_pending(connection, settings.home, load_contract)


def request(settings: Settings, wish: str, load_id: str, reason: str) -> dict[str, Any] | None:
    """Ask to accept or withdraw a load; None when the holder of the lock will do it later.

    Raises UnknownLoad when the ledger refuses.
    """
    path = side.ask(settings.home, wish, load_id, reason, getpass.getuser())
    deadline = monotonic() + min(settings.lock_wait_s, 10)
    while monotonic() < deadline:
        with suppress(LockTimeout):
            commit(settings, _POLL_S)
        answer = side.take_answer(path)
        if answer is not None:
            if not answer["done"]:
                raise UnknownLoad(answer["error"])
            return answer
    return None


def _land(
    contract: Contract,
    fetching: archive.Fetching | archive.Fetched,
    place: Workplace,
    scope: dict[str, list[str]] | None,
    within: dict[str, list[str]] | None,
) -> tuple[Landed, str | None]:
    try:
        source = open_source(contract, fetching.path, fetching.origin)
        with closing(Sealer(place.folder)) as sealer:
            with sealer.measuring(contract, place.load_id) as closed:
                manifest = segments.write_segments(
                    contract, source, fetching, place, scope, closed, within
                )
            reached("ingest.fetched")
            manifest = sealer.seal(contract, place.folder, manifest)
        _check_counts(manifest)
        return place.publish(manifest), None
    except (SourceRefused, CountsDisagree) as error:
        message = str(error)
    fetched = fetching.result()  # raises where the file changed: then it is no load at all
    place.empty()
    return place.publish(segments.write_refusal(contract, fetched, place)), message


def _check_counts(m: Manifest) -> None:
    if m.rows_read != m.rows_landed + m.rows_quarantined + m.rows_duplicate:
        raise CountsDisagree(
            f"{m.dataset} load {m.load_id}: {m.rows_read} rows read are not {m.rows_landed} landed "
            f"+ {m.rows_quarantined} quarantined + {m.rows_duplicate} duplicates."
        )


def _refuse(landed: Landed, message: str) -> None:
    check = {
        "rule": "source_readable", "severity": "stop", "outcome": "failed", "column": None,
        "observed": "refused", "expected": "a file as the contract describes it",
        "message": message,
    }  # fmt: skip
    verdict = {"outcome": "failed", "reason": message, "decided_by": "reader", "results": [check]}
    landing.write_verdict(landed, verdict)


def settle(settings: Settings, landed: Landed) -> Outcome:
    """Wait until a judged load is decided, by this process or by whoever holds the lock."""
    m, home = landed.manifest, settings.home
    deadline = monotonic() + settings.lock_wait_s
    while True:
        try:
            commit(settings, _POLL_S)
        except LockTimeout:
            if monotonic() > deadline:
                raise
        entry = side.load(home, m.load_id)
        if entry is not None:
            own = entry["decisions"][0]  # a later load may have superseded it already
            at_once(settings, m.dataset)
            return _outcome(m, own["decision"], own["reason"])
        if not landed.folder.exists():
            return _unchanged(m, "accepted")


def _outcome(m: Manifest, state: str, message: str) -> Outcome:
    return Outcome(
        m.dataset, m.origin, state, m.load_id, m.rows_read, m.rows_landed,
        m.rows_quarantined, m.rows_duplicate, message, m.drift,
    )  # fmt: skip


def _unchanged(m: Manifest, stands: str) -> Outcome:
    if stands == "withdrawn":
        return _outcome(
            m, "withdrawn",
            "equals a load that was withdrawn; 'dvina accept LOAD --reason ...' brings it back",
        )  # fmt: skip
    return _outcome(m, "unchanged", "equals what is accepted already")
