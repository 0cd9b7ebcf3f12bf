"""Sends once a day what is open, what came in, what was only noted and what is old."""

from airflow.sdk import dag, task

from dags._tasks import send_digest
from dags._wiring import DEFAULTS, START


@dag(
    dag_id="digest_quality",
    schedule="0 6 * * *",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["quality"],
)
def digest_quality() -> None:
    """Digest of a day.

    Goes to every route with `digest = true`. What cannot be delivered stays in the outbox and is
    sent by the next watch.

    **When it fails**: read the task's log; a contract or a profile cannot be read. Clear the task.
    """
    task(task_id="send")(send_digest)()


digest_quality()
