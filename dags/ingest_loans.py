"""Brings in loan records (World Bank, registers kept by hand): a group of tasks per dataset."""

from datetime import timedelta

from airflow.sdk import dag

from dags._wiring import DEFAULTS, LOANS, START, bring_in, by_hand


@dag(
    dag_id="ingest_loans",
    schedule="@daily",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    default_args={**DEFAULTS, "owner": "loans"},
    params=by_hand(LOANS),
    tags=["ingest", "loans"],
)
def ingest_loans() -> None:
    """Bring in loan records: World Bank debt by creditor and statements, registers kept by hand.

    **By hand**: start it with the form: one dataset, and its files or addresses, or what lies in
    `inbox/<dataset>/`. Files that are in already change nothing, and the group is skipped.

    **When it fails**: `refused` says which file, column and row; the former data stays. Look with
    `dvina quarantine show LOAD`; mend the file or the contract and start again, or overrule with
    `dvina accept LOAD --reason ...`. Where `land` or `commit` fails, mend what it says, clear it.
    """
    for dataset in LOANS:
        bring_in(dataset)


ingest_loans()
