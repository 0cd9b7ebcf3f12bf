"""Bodies of the tasks: each calls a function of the rooms, prints counts, hands on names of loads.

Nothing heavy is imported before a task runs. Errors go up as they are: which of them are tried
again is said once, in ``_wiring.MAY_GET_BETTER``.
"""

from typing import Any

from dags import _notes

_MOST_TOLD = 20  # loads in an event, slices in a line of the log


def land(dataset: str, *, params: Any = None) -> dict[str, list[str]]:
    """Fetch, land and judge what waits; names of the loads that passed and of the refused ones.

    Needs no lock, so any worker that shares the landing may do it. Skips when nothing is new.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    origins = _origins(dataset, params)
    if not origins:
        raise AirflowSkipException(f"{dataset}: the inbox is empty")  # before what takes seconds

    from dvina.pipeline import Outcome, land_and_judge
    from dvina.settings import settings
    from ingest.landing import read_verdict

    found: dict[str, list[str]] = {"passed": [], "refused": []}
    for origin in origins:
        landed = land_and_judge(settings(), dataset, origin, progress=_notes.Progress(origin))
        if isinstance(landed, Outcome):
            print(f"{dataset} {landed.origin}: {landed.state}. {landed.counts}")
            continue
        verdict, m = read_verdict(landed) or {"outcome": "errored"}, landed.manifest
        print(f"{dataset} {m.origin}: {verdict['outcome']}. {m.rows_read} rows read = "
              f"{m.rows_landed} landed + {m.rows_quarantined} quarantined + "
              f"{m.rows_duplicate} duplicates")  # fmt: skip
        _notes.print_page(dataset, m.load_id)
        found["passed" if verdict["outcome"] == "passed" else "refused"].append(m.load_id)
        _notes.lineage([origin], [settings().home / "landing" / dataset])
    if not any(found.values()):
        raise AirflowSkipException(f"{dataset}: nothing new")
    return found


def commit(dataset: str, load_ids: list[str], *, outlet_events: Any = None) -> list[str]:
    """Commit loads that passed and tell which slices they brought; names of those accepted."""
    from airflow.sdk.exceptions import AirflowSkipException

    decided = {load_id: _settled(dataset, load_id) for load_id in load_ids}
    good = [load_id for load_id, (state, _) in decided.items() if state == "accepted"]
    for load_id, (state, reason) in decided.items():
        print(f"{dataset} {load_id}: {state}. {reason}")
    if not good:
        raise AirflowSkipException(f"{dataset}: nothing was accepted")
    announce(dataset, good, outlet_events)
    return good


def refuse(dataset: str, load_ids: list[str]) -> None:
    """Write refused loads into the ledger and fail: the same files would be refused again.

    They may have been overruled meanwhile; then there is nothing to say.
    """
    from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

    if not load_ids:
        raise AirflowSkipException(f"{dataset}: no file was refused")
    decided = [_settled(dataset, load_id) for load_id in load_ids]
    rejected = [reason for state, reason in decided if state == "rejected"]
    if not rejected:
        raise AirflowSkipException(f"{dataset}: what was refused is accepted meanwhile")
    for load_id in load_ids:
        _notes.print_page(dataset, load_id)
    _notes.print_incidents(dataset)
    raise AirflowFailException("\n".join(rejected))


def announce(dataset: str, load_ids: list[str], outlet_events: Any) -> None:
    """Tell the dataset's asset which slices were accepted, and by which decision of the ledger."""
    from dags._wiring import accepted
    from dvina.partitions import partition_keys
    from dvina.settings import settings
    from warehouse import side

    home = settings().home
    keys = partition_keys(home, dataset, load_ids)
    known = [side.load(home, load_id) for load_id in load_ids]
    decisions = [decision["no"] for load in known if load for decision in load["decisions"]]
    newest = max(decisions, default=side.status(home).get("last_decision", 0))
    event = outlet_events[accepted(dataset)]
    event.extra = {"loads": load_ids[:_MOST_TOLD], "decision": newest}
    event.add_partitions(keys)
    more = f" and {len(keys) - _MOST_TOLD} more" if len(keys) > _MOST_TOLD else ""
    print(f"slices: {', '.join(keys[:_MOST_TOLD])}{more}")


def fetch(
    dataset: str,
    reporter: str,
    *,
    params: Any = None,
    outlet_events: Any = None,
    partition_key: Any = None,
    partition_date: Any = None,
) -> list[str]:
    """Ask the publisher for one reporter's part of the run's period; names of accepted loads.

    Skips when nothing is new, so that no build starts.
    """
    from dvina.backfill import backfill_interval

    asked = {**params, "reporters": [reporter]}
    if partition_date is None and not asked.get("period"):  # started by hand for a partition
        asked["period"] = partition_key or ""
    loads = backfill_interval(dataset, partition_date, asked)
    announce(dataset, loads, outlet_events)
    return loads


def reporters(*, params: Any = None) -> list[str]:
    """The reporters that a run is for: each is fetched by a task of its own."""
    return list(dict.fromkeys(params["reporters"]))


def drain(dataset: str, window_s: float = 300, *, outlet_events: Any = None) -> int:
    """Read what waits in the dataset's topic; how many rows were committed.

    Skips when there was none, so that no build is started; fails when a partition is stopped.
    """
    from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

    from dvina.settings import settings
    from dvina.streaming.service import Service, streamable
    from warehouse import side

    home = settings().home
    before = side.known_loads(home)
    service = Service(settings(), streamable([dataset]))
    service.run(drain_s=window_s, told=False)
    stopped = [trouble for flow in service.flows for trouble in flow.troubles]
    if stopped:
        raise AirflowFailException("\n".join(stopped))
    if service.unwell():
        raise OSError("; ".join(service.unwell()))  # a broker that does not answer: tried again
    rows = sum(flow.rows_committed for flow in service.flows)
    print(f"{dataset}: {rows} rows committed")
    if not rows:
        raise AirflowSkipException(f"{dataset}: no new message in the topic")
    fresh = sorted(side.known_loads(home) - before)
    mine = [each for each in fresh if side.decided_at(home, dataset, each)]
    announce(dataset, mine, outlet_events)
    return rows


def build_marts(*, triggering_asset_events: Any = None) -> str:
    """Build what changed and publish what passed; the name of the version.

    Skips when the marts are as they were published, so that nobody is told of a new version.
    """
    from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

    from dvina.build import build_and_publish
    from dvina.settings import settings

    told = triggering_asset_events or {}
    for asset in told:
        print(f"{asset.uri}: {', '.join(sorted({e.partition_key or '-' for e in told[asset]}))}")
    outcome = build_and_publish(settings())
    print(f"{outcome.state}, decision {outcome.horizon}: {outcome.message}")
    if outcome.state == "failed":
        _notes.print_incidents()
        raise AirflowFailException(outcome.message)
    if outcome.version_id is None:
        raise AirflowSkipException(outcome.message)
    home, seen = settings().home, settings().home / "published" / "current.duckdb"
    _notes.lineage([home / "landing" / asset.name.rpartition("/")[2] for asset in told], [seen])
    print(f"readers see {seen}")
    return outcome.version_id


def tell_of_unbuilt(*, outlet_events: Any = None) -> int:
    """Ask for a build of what was accepted outside Airflow; the newest decision.

    The stream service and the command line commit loads that no task tells of.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from dags._wiring import MARTS, UNBUILT
    from dvina.decided import decided
    from dvina.settings import settings

    known = decided(settings().home)
    if known.newest <= known.tried:
        raise AirflowSkipException(f"built up to decision {known.tried}, the newest")
    event = outlet_events[UNBUILT]
    event.extra = {"decision": known.newest}
    event.add_partitions(MARTS)
    print(f"decisions {known.tried + 1} to {known.newest} are not built")
    return known.newest


def send_digest() -> None:
    """Send what the last day brought to every route that wants it."""
    from dvina.alerts.digest import send_digest as send
    from dvina.settings import settings

    print(send(settings()))


def review_quality() -> dict[str, Any]:
    """Move incidents on and send what is due; fails when something does not reach anybody."""
    from airflow.sdk.exceptions import AirflowFailException

    from dvina.quality import review
    from dvina.settings import settings

    found = review(settings())
    print(found.text)
    if found.urgent:
        raise AirflowFailException(found.text)
    return found.counts


def _origins(dataset: str, params: dict[str, Any]) -> list[str]:
    from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

    from dvina.inbox import source_files
    from dvina.settings import settings

    chosen, files = params.get("dataset", "all"), params.get("files") or []
    if chosen not in ("all", dataset):
        raise AirflowSkipException(f"only {chosen} was asked for")
    if files and chosen == "all":
        raise AirflowFailException("Choose the dataset that the files belong to.")
    return files or [str(path) for path in source_files(settings(), dataset)]


def _settled(dataset: str, load_id: str) -> tuple[str, str]:
    """The decision on a landed load, and its reason."""
    from dvina.pipeline import settle
    from dvina.settings import settings
    from ingest.landing import read_landed
    from warehouse import side

    home = settings().home
    known = side.load(home, load_id)
    if known is None:
        outcome = settle(settings(), read_landed(home / "landing" / dataset / load_id))
        return outcome.state, outcome.message
    last = known["decisions"][-1]
    return str(last["decision"]), str(last["reason"])
