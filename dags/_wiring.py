"""What the DAG files share: datasets and their assets, defaults, and the group of a dataset."""

import os
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from airflow.sdk import (
    Asset,
    AssetWatcher,
    ExceptionRetryPolicy,
    FixedKeyMapper,
    Param,
    PartitionedAssetTimetable,
    RetryAction,
    RetryRule,
    task,
    task_group,
)
from airflow.sdk.exceptions import AirflowException

from dags import _notes, _tasks
from dags._waiting import TopicHasMessages

START = datetime(2024, 1, 1, tzinfo=UTC)
WAREHOUSE = "warehouse"  # queue of tasks that open the warehouse file
MARTS = "marts"  # the partition of the marts that every slice belongs to: docs/decisions.md, 69
MAY_GET_BETTER = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            ["ingest.fetching.errors.KeyRefused", "ingest.fetching.errors.QuotaExhausted"],
            action=RetryAction.FAIL,
            reason="asking again does not help",
        ),
        RetryRule(
            [
                "ingest.fetching.errors.FetchFailed",
                "ingest.errors.StorageFailed",
                "warehouse.errors.LockTimeout",
                "warehouse.errors.PublishFailed",
                AirflowException,
                OSError,
            ],
            reason="a network, a disk or a lock may be free again later",
        ),
    ],
    default=RetryAction.FAIL,
)
DEFAULTS: dict[str, Any] = {
    "owner": "dvina",
    "retries": 2,
    "retry_delay": timedelta(seconds=float(os.environ.get("DVINA_RETRY_DELAY_S", "60"))),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=15),
    "retry_policy": MAY_GET_BETTER,
    "execution_timeout": timedelta(hours=2),
    "on_failure_callback": _notes.task_failed,
    "on_success_callback": _notes.task_is_well,
    "on_skipped_callback": _notes.task_is_well,
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
STREAMS = {"customs_declarations": "customs.declarations"}  # dataset: topic
UNBUILT = Asset("dvina://ledger/unbuilt", group="accepted")  # what was accepted outside Airflow
PUBLISHED = Asset("dvina://published/current", group="published")


def accepted(dataset: str) -> Asset:
    """The asset that is updated, slice by slice, when a load of the dataset was accepted."""
    return Asset(f"dvina://accepted/{dataset}", group="accepted")


def messages(topic: str) -> Asset:
    """The asset that is updated when a topic has messages that were not read yet."""
    watcher = AssetWatcher(name=f"messages of {topic}", trigger=TopicHasMessages(topic=topic))
    return Asset(f"dvina://topic/{topic}", group="topics", watchers=[watcher])


def any_accepted_slice() -> PartitionedAssetTimetable:
    """One run for all slices that were accepted before it began, of whatever dataset."""
    datasets = (*CUSTOMS, *PROCUREMENT, *LOANS, *REFERENCE, *STREAMS)
    return PartitionedAssetTimetable(
        assets=reduce(or_, map(accepted, datasets), UNBUILT),
        default_partition_mapper=FixedKeyMapper(MARTS),
    )


def by_hand(datasets: tuple[str, ...]) -> dict[str, Param]:
    """The form of an ingest DAG: one dataset instead of all, files instead of the inbox."""
    return {
        "dataset": Param("all", enum=["all", *datasets], description="Bring in only this one."),
        "files": Param(
            [],
            type="array",
            items={"type": "string"},
            description="Paths or addresses, one a line; none: what lies in the inbox.",
        ),
    }


def bring_in(dataset: str) -> None:
    """A dataset's tasks: land and judge its files, commit what passed, fail for what did not."""

    @task_group(group_id=dataset)
    def group() -> None:
        landed: Any = task(task_id="land", multiple_outputs=True)(_tasks.land)(dataset)
        task(task_id="commit", outlets=[accepted(dataset)], queue=WAREHOUSE)(_tasks.commit)(
            dataset, landed["passed"]
        )
        task(task_id="refused", queue=WAREHOUSE)(_tasks.refuse)(dataset, landed["refused"])

    group()
