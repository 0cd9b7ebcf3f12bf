"""What the DAG files share: assets per dataset, defaults, and the task bodies' one-line calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Asset

START = datetime(2024, 1, 1, tzinfo=UTC)


def task_failed(context: Any) -> None:
    """Make an incident of a task that failed for good."""
    _note(context, str(context.get("exception") or "no reason given"))


def task_is_well(context: Any) -> None:
    """Resolve the incident of a task that succeeded, or had nothing to do."""
    _note(context, None)


def _note(context: Any, error: str | None) -> None:
    from dvina.alerts import store
    from dvina.alerts.sweep import at_once
    from dvina.settings import settings

    ti, home = context["ti"], settings().home
    if error is not None:
        store.task_failed(home, ti.dag_id, ti.task_id, {"error": error, "run_id": ti.run_id})
    elif not store.task_succeeded(home, ti.dag_id, ti.task_id):
        return
    at_once(settings())


DEFAULTS: dict[str, Any] = {
    "owner": "dvina",
    "retries": 2,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "execution_timeout": timedelta(hours=2),
    "on_failure_callback": task_failed,
    "on_success_callback": task_is_well,
    "on_skipped_callback": task_is_well,
}
CUSTOMS = (
    "customs_baci_flows",
    "customs_comext_flows",
    "customs_comtrade_flows",
    "customs_eurostat_flows",
    "customs_fcs_flows",
    "customs_imf_totals",
)
PROCUREMENT = (
    "procurement_eis_purchases",
    "procurement_eis_lots",
    "procurement_eis_bids",
    "procurement_eis_notices",
    "procurement_eis_protocols",
    "procurement_eis_contracts",
    "procurement_eis_executions",
    "procurement_ocds_releases",
    "procurement_ted_notices",
    "procurement_wb_contracts",
)
LOANS = (
    "loans_iati_activities",
    "loans_ids_flows",
    "loans_register",
    "loans_worldbank_statements",
)
REFERENCE = (
    "reference_bec_codes",
    "reference_code_concordances",
    "reference_cpv_codes",
    "reference_dac_codes",
    "reference_hs_codes",
    "reference_hs_concordances",
    "reference_isic_codes",
    "reference_m49_areas",
    "reference_okpd2_codes",
    "reference_okrb_codes",
    "reference_pp1875_items",
    "reference_rates_cbr",
    "reference_rates_ecb",
    "reference_rates_nbrb",
    "reference_tnved_codes",
    "reference_tnved_tables",
)
STREAMS = ("customs_declarations",)
PUBLISHED = Asset("dvina://published/current")


def accepted(dataset: str) -> Asset:
    """The asset that is updated when a load of the dataset was accepted."""
    return Asset(f"dvina://accepted/{dataset}")


@contextmanager
def retried_only_when_it_may_get_better() -> Iterator[None]:
    """Let Airflow retry a busy lock, a full disk or a network; anything else fails at once."""
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    from ingest.errors import StorageFailed
    from ingest.fetching.errors import FetchFailed
    from warehouse.errors import LockTimeout, PublishFailed

    try:
        yield
    except (AirflowException, FetchFailed, StorageFailed, LockTimeout, PublishFailed, OSError):
        raise
    except Exception as error:
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error


def ingest_inbox(dataset: str) -> list[str]:
    """Bring in what lies in the dataset's inbox; returns the names of accepted loads.

    Skips the task when nothing is new, so that no build is started; fails without a retry when
    a file was rejected, since the same file would be rejected again.
    """
    from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

    from dvina.pipeline import ingest, source_files
    from dvina.settings import settings

    with retried_only_when_it_may_get_better():
        outcomes = [ingest(settings(), dataset, str(f)) for f in source_files(settings(), dataset)]
    for outcome in outcomes:
        print(f"{outcome.dataset} {outcome.origin}: {outcome.state}. {outcome.counts}")
    rejected = [outcome.message for outcome in outcomes if outcome.state == "rejected"]
    if rejected:
        raise AirflowFailException("\n".join(rejected))
    loads = [outcome.load_id for outcome in outcomes if outcome.state == "accepted"]
    if not loads:
        raise AirflowSkipException(f"{dataset}: nothing new in the inbox")
    return loads


def drain_topic(dataset: str, window_s: float = 300) -> int:
    """Read what waits in the dataset's topic; returns how many rows were committed.

    Skips the task when there was none, so that no build is started; fails when a partition is
    stopped.
    """
    from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

    from dvina.settings import settings
    from dvina.streaming.service import Service, streamable

    with retried_only_when_it_may_get_better():
        service = Service(settings(), streamable([dataset]))
        service.run(drain_s=window_s, told=False)
    stopped = [trouble for flow in service.flows for trouble in flow.troubles]
    if stopped:
        raise AirflowFailException("\n".join(stopped))
    if service.unwell():
        raise OSError("; ".join(service.unwell()))  # a broker that does not answer: tried again
    rows = sum(flow.rows_committed for flow in service.flows)
    if not rows:
        raise AirflowSkipException(f"{dataset}: no new message in the topic")
    return rows


def build_marts() -> str:
    """Build what changed and publish what passed; returns the state."""
    from airflow.sdk.exceptions import AirflowFailException

    from dvina.build import build_and_publish
    from dvina.settings import settings

    with retried_only_when_it_may_get_better():
        outcome = build_and_publish(settings())
    print(f"{outcome.state}: {outcome.message}")
    if outcome.state == "failed":
        raise AirflowFailException(outcome.message)
    return outcome.state


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
