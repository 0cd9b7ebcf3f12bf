"""Keeps the installation in order once a night: old bytes, small files, a copy, a look at all."""

from datetime import timedelta

from airflow.sdk import dag, task

from dags import _upkeep
from dags._wiring import DEFAULTS, START, WAREHOUSE


@dag(
    dag_id="maintain_installation",
    schedule="30 3 * * *",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    default_args={**DEFAULTS, "queue": WAREHOUSE},
    tags=["maintenance"],
)
def maintain_installation() -> None:
    """Expire archived bytes, merge micro-batches, checkpoint, copy, look everything over.

    No step waits for another; those that open the warehouse take its lock in turn. Copies go to
    `DVINA_BACKUPS`, the newest `DVINA_KEEP_BACKUPS` are kept. The data dictionary is made by every
    publish, not here.

    **When it fails**: the step's message says what to do; `dvina doctor` shows the same as
    `look_over`. A full disk: make space, `dvina forget DATASET` removes archived bytes. Each step
    may be cleared and run again at any time.
    """
    steps = (_upkeep.expire, _upkeep.compact, _upkeep.checkpoint, _upkeep.back_up)
    for step in (*steps, _upkeep.look_over):
        task(task_id=step.__name__)(step)()


maintain_installation()
