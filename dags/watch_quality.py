"""Looks every hour at what is rejected, doubtful, late, failing or unbuilt, and tells of it."""

from datetime import timedelta

from airflow.sdk import dag, task

from dags._tasks import review_quality, tell_of_unbuilt
from dags._wiring import DEFAULTS, START, UNBUILT


@dag(
    dag_id="watch_quality",
    schedule="@hourly",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=50),
    default_args={**DEFAULTS, "retries": 0},
    tags=["quality"],
)
def watch_quality() -> None:
    """Watch quality.

    Reads the side store, never the warehouse file, so it works while a build runs. Incidents are
    opened, told again and resolved here and after each load; see `dvina alerts list`. What `dvina
    stream` and the command line brought in and nobody built is told to `build_and_publish`.

    **When it fails**: messages do not reach their receiver, or something of severity stop is open
    and no route has an address. Mend `DVINA_ALERT_URL_<ROUTE>`, try it with `dvina alerts test`.
    """
    task(task_id="review")(review_quality)()
    task(task_id="unbuilt", outlets=[UNBUILT])(tell_of_unbuilt)()


watch_quality()
