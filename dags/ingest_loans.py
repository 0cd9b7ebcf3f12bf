"""Brings in loan records (World Bank, registers kept by hand): one task per dataset."""

from airflow.sdk import dag, task

from dags._wiring import DEFAULTS, LOANS, START, accepted, ingest_inbox


@dag(
    dag_id="ingest_loans",
    schedule="@daily",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["ingest", "loans"],
)
def ingest_loans() -> None:
    """Bring in loan records: World Bank debt by creditor and statements, registers kept by hand.

    Each task takes the files of `inbox/<dataset>/` through contract, landing, Great Expectations
    and ledger. Files that are in already change nothing and the task is skipped.

    **When it fails**: the message names the dataset, file, column and row. The former data stays.
    Look with `dvina loads` and `dvina quarantine show LOAD`; mend the file or the contract and
    clear the task, or overrule with `dvina accept LOAD --reason ...`.
    """
    for dataset in LOANS:
        task(task_id=dataset, outlets=[accepted(dataset)])(ingest_inbox)(dataset)


ingest_loans()
