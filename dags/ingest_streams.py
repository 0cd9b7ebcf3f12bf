"""Drains the topics of datasets that have one, window after window: one task per dataset."""

from airflow.sdk import dag, task

from dags._wiring import DEFAULTS, START, STREAMS, accepted, drain_topic


@dag(
    dag_id="ingest_streams",
    schedule="@continuous",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    default_args={**DEFAULTS, "retries": 5},
    tags=["ingest", "stream"],
)
def ingest_streams() -> None:
    """Read the topics of datasets that have one, until their end or for five minutes.

    An alternative to the service `dvina stream`, which is quicker; both may run at once. It is
    paused until you have a broker: set `DVINA_BROKERS` and unpause it. A window without a message
    skips the task, so that no build is started.

    **When it fails**: the message names the topic, partition and position. A topic that was made
    anew needs `dvina stream --new-epoch TOPIC`. Refused messages stand in the quarantine with
    their position: `dvina quarantine list`.
    """
    for dataset in STREAMS:
        task(task_id=dataset, outlets=[accepted(dataset)])(drain_topic)(dataset)


ingest_streams()
