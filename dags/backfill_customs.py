"""Fetches a month or year of UN Comtrade per run; Airflow's own backfill drives the periods."""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, Param, dag, task

from dags._wiring import DEFAULTS, accepted

DATASET = "customs_comtrade_flows"


@dag(
    dag_id="backfill_customs",
    schedule=CronDataIntervalTimetable("@monthly", timezone="UTC"),
    start_date=datetime(2000, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params={
        "frequency": Param(
            "M", enum=["M", "A"], description="M: the month of the run. A: its year."
        ),
        "reporters": Param(["BLR", "RUS"], type="array", minItems=1, description="ISO alpha-3."),
        "partners": Param([], type="array", description="ISO alpha-3; none: all partners."),
        "commodities": Param(["AG6"], type="array", description="AG2, AG4, AG6, TOTAL or codes."),
        "force": Param(False, type="boolean", description="Fetch what was not released anew, too."),
    },
    tags=["ingest", "customs"],
)
def backfill_customs() -> None:
    """Fetch UN Comtrade, a period per run: `airflow backfill create --dag-id backfill_customs
    --from-date 2020-01-01 --to-date 2020-12-01`. What was not released anew is skipped.

    **When it fails**: the message says whether key, quota, publisher or data are at fault. The
    key is the password of the connection `comtrade`. Clear the task and it goes on there.
    """

    @task(task_id=DATASET, outlets=[accepted(DATASET)])
    def fetch(**context: Any) -> list[str]:
        from dvina.backfill import backfill_interval as bring

        return bring(DATASET, context["data_interval_start"], context["params"])

    fetch()


backfill_customs()
