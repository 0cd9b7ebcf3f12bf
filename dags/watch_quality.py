"""Looks every hour at what was rejected, refused or is overdue."""

from airflow.sdk import dag, task

from dags._wiring import DEFAULTS, START, review_quality


@dag(
    dag_id="watch_quality",
    schedule="@hourly",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args={**DEFAULTS, "retries": 0},
    tags=["quality"],
)
def watch_quality() -> None:
    """Watch quality.

    Reads the side store, never the warehouse file, so it works while a build runs.

    **When it fails**: a newest load was rejected, a dataset is overdue, or the last build failed.
    The message says which, and the command to run next.
    """
    task(task_id="review")(review_quality)()


watch_quality()
