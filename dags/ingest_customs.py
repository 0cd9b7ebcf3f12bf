"""Brings in customs records from the inbox: a group of tasks per dataset."""

from datetime import timedelta

from airflow.sdk import dag

from dags._wiring import CUSTOMS, DEFAULTS, START, bring_in, by_hand


@dag(
    dag_id="ingest_customs",
    schedule="@daily",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    default_args={**DEFAULTS, "owner": "customs"},
    params=by_hand(CUSTOMS),
    tags=["ingest", "customs"],
)
def ingest_customs() -> None:
    """Bring in customs records (UN Comtrade, Eurostat, Russia, CEPII, IMF).

    **By hand**: start it with the form: one dataset, and its files or addresses, or what lies in
    `inbox/<dataset>/`. Files that are in already change nothing, and the group is skipped.

    **When it fails**: `refused` says which file, column and row; the former data stays. Look with
    `dvina quarantine show LOAD`; mend the file or the contract and start again, or overrule with
    `dvina accept LOAD --reason ...`. Where `land` or `commit` fails, mend what it says, clear it.
    """
    for dataset in CUSTOMS:
        bring_in(dataset)


ingest_customs()
