"""Drains a topic when the triggerer saw messages in it: event-driven, no schedule."""

from functools import reduce
from operator import or_

from airflow.sdk import dag, task

from dags._tasks import drain
from dags._wiring import DEFAULTS, START, STREAMS, WAREHOUSE, accepted, messages


@dag(
    dag_id="drain_on_message",
    schedule=reduce(or_, map(messages, STREAMS.values())),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    default_args={**DEFAULTS, "owner": "customs", "retries": 5},
    tags=["ingest", "stream"],
)
def drain_on_message() -> None:
    """Read a topic when messages wait in it; the watcher asks the broker every five seconds.

    For topics that are silent most of the time; for busy ones `ingest_streams` or `dvina stream`
    are better. It is paused until you have a broker: set `DVINA_BROKERS` and unpause it.

    **When it fails**: as in `ingest_streams`: the message names the topic, partition and position.
    """
    for dataset in STREAMS:
        task(task_id=dataset, outlets=[accepted(dataset)], queue=WAREHOUSE)(drain)(dataset)


drain_on_message()
