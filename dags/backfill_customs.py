"""Fetches a month or year of UN Comtrade per run; Airflow's own backfill drives the periods."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import CronPartitionTimetable, Param, dag, task

from dags._tasks import fetch, reporters
from dags._wiring import DEFAULTS, WAREHOUSE, accepted

DATASET = "customs_comtrade_flows"


@dag(
    dag_id="backfill_customs",
    schedule=CronPartitionTimetable("@monthly", timezone="UTC", run_offset=-1, key_format="%Y-%m"),
    start_date=datetime(2000, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    default_args={**DEFAULTS, "owner": "customs"},
    params={
        "period": Param("", type="string", description="2018:2022, 2020-01; else the run's own."),
        "frequency": Param("M", enum=["M", "A"], description="The run's own: its month or year."),
        "reporters": Param(["BLR", "RUS"], type="array", minItems=1, description="ISO alpha-3."),
        "partners": Param([], type="array", description="ISO alpha-3; none: all partners."),
        "commodities": Param(["AG6"], type="array", description="AG2, AG4, AG6, TOTAL or codes."),
        "force": Param(False, type="boolean", description="Fetch what was not released anew, too."),
    },
    tags=["ingest", "customs", "backfill"],
)
def backfill_customs() -> None:
    """Fetch UN Comtrade, a period per run, a reporter per task: `airflow backfill create --dag-id
    backfill_customs --from-date 2020-01-01 --to-date 2020-12-01`, or the page's own form. What was
    not released anew is skipped.

    **When it fails**: the message says whether key, quota, publisher or data are at fault. The
    key is the password of the connection `comtrade`. Clear the task and it goes on there.
    """
    task(
        task_id=DATASET,
        outlets=[accepted(DATASET)],
        queue=WAREHOUSE,
        max_active_tis_per_dag=1,  # the publisher paces one caller
        map_index_template="{{ task.op_kwargs['reporter'] }} {{ partition_key or params.period }}",
    )(fetch).partial(dataset=DATASET).expand(reporter=task(reporters)())


backfill_customs()
