"""Builds the marts and publishes what passed, whenever slices of a dataset were accepted."""

from datetime import timedelta

from airflow.sdk import dag, task

from dags._tasks import build_marts
from dags._waiting import WaitForQuiet
from dags._wiring import DEFAULTS, PUBLISHED, START, WAREHOUSE, any_accepted_slice


@dag(
    dag_id="build_and_publish",
    schedule=any_accepted_slice(),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    default_args=DEFAULTS,
    tags=["build"],
)
def build_and_publish() -> None:
    """Build and publish.

    Slices that are accepted close together become one run, which names them in its asset events.
    It waits until loads are quiet, then one `dbt build` at a pinned horizon brings up to date what
    those slices reach, the marts pass Great Expectations and the published version is switched. A
    run whose slices were in the build before it is skipped.

    **When it fails**: readers keep the former version. The message names the model or rule; the
    whole story is in `DVINA_HOME/dbt/logs/dbt.log`. Mend it and clear the task.
    """
    quiet = WaitForQuiet(task_id="wait_for_quiet", execution_timeout=None)
    build = task(task_id="build_and_publish", outlets=[PUBLISHED], queue=WAREHOUSE)(build_marts)
    quiet >> build()


build_and_publish()
