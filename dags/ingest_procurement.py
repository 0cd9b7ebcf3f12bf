"""Brings in public procurement records (EIS, OCDS, TED, World Bank): one task per dataset."""

from airflow.sdk import dag, task

from dags._wiring import DEFAULTS, PROCUREMENT, START, accepted, ingest_inbox


@dag(
    dag_id="ingest_procurement",
    schedule="@daily",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["ingest", "procurement"],
)
def ingest_procurement() -> None:
    """Bring in public procurement records (EIS, OCDS, TED, World Bank).

    Each task takes the files of `inbox/<dataset>/` through contract, landing, Great Expectations
    and ledger. Files that are in already change nothing and the task is skipped.

    **When it fails**: the message names the dataset, file, column and row. The former data stays.
    Look with `dvina loads` and `dvina quarantine show LOAD`; mend the file or the contract and
    clear the task, or overrule with `dvina accept LOAD --reason ...`.
    """
    for dataset in PROCUREMENT:
        task(task_id=dataset, outlets=[accepted(dataset)])(ingest_inbox)(dataset)


ingest_procurement()
