"""Drains the topics of datasets that have one, window after window."""

from airflow.sdk import dag, task

from dags._tasks import drain
from dags._waiting import WaitForMessages
from dags._wiring import DEFAULTS, START, STREAMS, WAREHOUSE, accepted


@dag(
    dag_id="ingest_streams",
    schedule="@continuous",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    default_args={**DEFAULTS, "owner": "customs", "retries": 5},
    tags=["ingest", "stream"],
)
def ingest_streams() -> None:
    """Read the topics of datasets that have one, until their end or for five minutes at a time.

    An alternative to the service `dvina stream`, which is quicker; both may run at once. It is
    paused until you have a broker: set `DVINA_BROKERS` and unpause it. While a topic is silent
    the run waits in the triggerer and holds no worker.

    **When it fails**: the message names the topic, partition and position. A topic that was made
    anew needs `dvina stream --new-epoch TOPIC`. Refused messages stand in the quarantine with
    their position: `dvina quarantine list`.
    """
    for dataset, topic in STREAMS.items():
        waits = WaitForMessages(task_id=f"wait_for_{dataset}", topic=topic, execution_timeout=None)
        waits >> task(task_id=dataset, outlets=[accepted(dataset)], queue=WAREHOUSE)(drain)(dataset)


ingest_streams()
