"""Builds the marts and publishes what passed, whenever a dataset has a new accepted load."""

from functools import reduce
from operator import or_

from airflow.sdk import dag, task

from dags._wiring import (
    CUSTOMS,
    DEFAULTS,
    LOANS,
    PROCUREMENT,
    PUBLISHED,
    REFERENCE,
    START,
    STREAMS,
    accepted,
    build_marts,
)


@dag(
    dag_id="build_and_publish",
    schedule=reduce(or_, map(accepted, (*CUSTOMS, *PROCUREMENT, *LOANS, *REFERENCE, *STREAMS))),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["build"],
)
def build_and_publish() -> None:
    """Build and publish.

    One task runs one `dbt build` on the accepted views at a pinned horizon, puts the marts
    through Great Expectations and switches the published version.

    **When it fails**: readers keep the former version. The message names the model or rule; the
    whole story is in `DVINA_HOME/dbt/logs/dbt.log`. Mend it and clear the task.
    """
    task(task_id="build_and_publish", outlets=[PUBLISHED])(build_marts)()


build_and_publish()
