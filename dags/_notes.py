"""What tasks tell: to the log where pages and incidents lie, to the alerts which task failed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

FIRST = ".land"  # of a dataset's tasks the first; when it has nothing to do, all of them are well


def task_failed(context: Any) -> None:
    """Make an incident of a task that failed for good."""
    error = context.get("exception")
    kind = "" if type(error).__name__ == "AirflowFailException" else f"{type(error).__name__}: "
    _note(context, f"{kind}{error}" if error else "no reason given; the process may have died")


def task_is_well(context: Any) -> None:
    """Resolve the incident of a task that succeeded, or had nothing to do."""
    _note(context, None)


def print_page(dataset: str, load_id: str) -> None:
    """Say where the report of a load lies, if it has one."""
    from dvina.alerts.pages import place
    from dvina.settings import settings

    page = place(settings().home, dataset, load_id)
    if page.is_file():
        print(f"report: {page.as_uri()}")


def print_incidents(dataset: str = "") -> None:
    """Say which incidents are open, of a dataset or at all."""
    from dvina.alerts import store
    from dvina.settings import settings

    for incident in store.incidents(settings().home):
        if incident.is_open and (not dataset or dataset in incident.datasets):
            print(f"incident {incident.incident_id}: {incident.title}. Next: {incident.next_step}")


def lineage(reads: Iterable[str | Path], writes: Iterable[str | Path]) -> None:
    """Tell Airflow's collector which files a task reads and writes; nobody may be listening."""
    from airflow.sdk import BaseHook
    from airflow.sdk.lineage import get_hook_lineage_collector

    collector, hook = get_hook_lineage_collector(), BaseHook()
    for tell, places in (
        (collector.add_input_asset, reads),
        (collector.add_output_asset, writes),
    ):
        for place in places:
            if "://" not in str(place):  # OpenLineage has no name for others
                tell(context=hook, uri=Path(place).absolute().as_uri())


class Progress:
    """Prints how far a file was fetched, every tenth of it."""

    def __init__(self, origin: str) -> None:
        self._origin, self._told = origin, 0

    def __call__(self, done: int, total: int | None) -> None:
        """So many bytes are here, of so many if that is known."""
        tenth = done * 10 // total if total else done // 10**8
        if tenth > self._told:
            self._told = tenth
            print(f"{self._origin}: {done / 1e6:.1f} MB fetched")


def _note(context: Any, error: str | None) -> None:
    from dvina.alerts import store
    from dvina.settings import settings

    ti, home = context["ti"], settings().home
    index = getattr(ti, "map_index", -1)
    name = ti.task_id if index is None or index < 0 else f"{ti.task_id}.{index}"
    if error is not None:
        store.task_failed(home, ti.dag_id, name, {"error": error, "run_id": ti.run_id})
    else:
        group = name.removesuffix(FIRST)
        names = [name] if group == name else [name, f"{group}.commit", f"{group}.refused"]
        failed_before = [store.task_succeeded(home, ti.dag_id, each) for each in names]
        if not any(failed_before):
            return  # before what takes seconds to import
    from dvina.alerts.sweep import at_once

    at_once(settings())
