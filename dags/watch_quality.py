"""Looks every hour at what is rejected, doubtful, late or failing, and tells who must know."""

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

    Reads the side store, never the warehouse file, so it works while a build runs. Incidents are
    opened, told again and resolved here and after each load; see `dvina alerts list`.

    **When it fails**: messages do not reach their receiver, or something of severity stop is open
    and no route has an address. Mend `DVINA_ALERT_URL_<ROUTE>`, try it with `dvina alerts test`.
    """
    task(task_id="review")(review_quality)()


watch_quality()
