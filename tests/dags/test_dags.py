"""Every DAG file imports, has tasks and a runbook, stays thin and parses without heavy imports."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.contract import dataset_names
from tests.conftest import PROJECT

FILES = sorted(path for path in (PROJECT / "dags").glob("*.py") if path.name[0] != "_")

_LOAD = """
import json, sys, logging
logging.disable(logging.CRITICAL)
from airflow.dag_processing.dagbag import DagBag
before = set(sys.modules)
bag = DagBag({folder!r})
heavy = [m for m in ("great_expectations", "dbt", "duckdb", "pyarrow", "pandas") if m in set(sys.modules) - before]
print(json.dumps({{
    "errors": {{k: str(v) for k, v in bag.import_errors.items()}},
    "heavy": heavy,
    "dags": {{d.dag_id: {{"tasks": sorted(d.task_ids), "doc": d.doc_md or "", "tags": sorted(d.tags)}} for d in bag.dags.values()}},
}}))
"""


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    import json

    folder = tmp_path_factory.mktemp("airflow")
    environment = os.environ | {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
    }
    done = subprocess.run(
        [sys.executable, "-c", _LOAD.format(folder=str(PROJECT / "dags"))],
        capture_output=True, text=True, env=environment, check=True, timeout=120,
    )  # fmt: skip
    answer: dict[str, dict[str, object]] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def test_every_dag_file_imports_and_has_tasks_and_a_runbook(
    bag: dict[str, dict[str, object]],
) -> None:
    assert bag["errors"] == {}
    assert set(bag["dags"]) == {path.stem for path in FILES}
    for dag in bag["dags"].values():
        assert isinstance(dag, dict)
        assert dag["tasks"]
        assert "When it fails" in dag["doc"]
        assert dag["tags"]


def test_every_dataset_has_a_task_in_one_ingest_dag(bag: dict[str, dict[str, object]]) -> None:
    named = [
        task.removesuffix(".commit")
        for name, dag in bag["dags"].items()
        if name.startswith("ingest_")
        for task in dag["tasks"]  # type: ignore[index]
        if task.endswith(".commit") or task in dataset_names()
    ]
    assert sorted(named) == sorted(dataset_names())


def test_parsing_the_dags_imports_nothing_heavy(bag: dict[str, dict[str, object]]) -> None:
    assert bag["heavy"] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dag_file_is_a_table_of_contents(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < 50
    assert "select " not in text.lower().split('"""')[0]
