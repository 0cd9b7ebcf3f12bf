"""The bodies of the tasks over the real pipeline: what they hand on, skip, refuse and tell."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.sdk.execution_time.context import OutletEventAccessors

from dags import _tasks
from dags._wiring import MARTS, MAY_GET_BETTER, UNBUILT, accepted
from dvina import maintenance
from dvina.alerts import store
from dvina.alerts.findings import of_tasks
from dvina.decided import decided
from dvina.partitions import MOST_KEYS, partition_keys
from dvina.settings import Settings, settings
from ingest.errors import SourceMissing, StorageFailed
from ingest.fetching.errors import FetchFailed, KeyRefused
from ingest.landing import UNITS
from tests.conftest import SAMPLES
from warehouse import side
from warehouse.errors import LockTimeout

DATASET = "customs_imf_totals"
FILE = SAMPLES / DATASET / f"{DATASET}.csv"
EVERYTHING = {"dataset": "all", "files": []}


@pytest.fixture
def configured(home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that the tasks see, with an empty inbox."""
    monkeypatch.setenv("DVINA_HOME", str(home))
    monkeypatch.setenv("DVINA_INBOX", str(home / "inbox"))
    monkeypatch.setenv("DVINA_BACKUPS", str(home.parent / "copies"))
    monkeypatch.setenv("DVINA_KEEP_BACKUPS", "1")
    settings.cache_clear()
    yield settings()  # type: ignore[misc]
    settings.cache_clear()


def _put(configured: Settings, name: str, text: str) -> None:
    folder = configured.inbox / DATASET
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def test_a_good_and_a_bad_file_go_separate_ways(
    configured: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AirflowSkipException, match="empty"):
        _tasks.land(DATASET, params=EVERYTHING)
    lines = FILE.read_text().splitlines()
    bad = [*lines[:3], lines[3].rsplit(",", 1)[0] + ",a lot"]
    _put(configured, "bad.csv", "\n".join(bad) + "\n")
    _put(configured, "good.csv", FILE.read_text())
    found = _tasks.land(DATASET, params=EVERYTHING)
    assert [len(found[kind]) for kind in ("passed", "refused")] == [1, 1]
    assert "18 rows read = 18 landed + 0 quarantined" in capsys.readouterr().out

    told = OutletEventAccessors()
    assert _tasks.commit(DATASET, found["passed"], outlet_events=told) == found["passed"]
    event = told[accepted(DATASET)]
    assert "RUS 2016 A M CIF" in event.partition_keys
    assert event.extra["loads"] == found["passed"]
    assert 0 < event.extra["decision"] <= decided(configured.home).newest
    with pytest.raises(AirflowFailException, match="a lot"):
        _tasks.refuse(DATASET, found["refused"])
    assert "report: file://" in capsys.readouterr().out
    with pytest.raises(AirflowSkipException):
        _tasks.refuse(DATASET, [])
    # a task that died after the commit is cleared: the loads are told of again
    again = OutletEventAccessors()
    _tasks.commit(DATASET, found["passed"], outlet_events=again)
    assert again[accepted(DATASET)].partition_keys == event.partition_keys

    unbuilt = OutletEventAccessors()
    assert _tasks.tell_of_unbuilt(outlet_events=unbuilt) == decided(configured.home).newest
    assert unbuilt[UNBUILT].partition_keys == {MARTS}
    side.note(configured.home, last_try={"horizon": 99, "state": "failed", "message": "x"})
    with pytest.raises(AirflowSkipException):
        _tasks.tell_of_unbuilt(outlet_events=unbuilt)

    kept = configured.home / "archive" / DATASET
    old = next(path for path in kept.iterdir() if path.is_file())
    os.utime(old, (0, 0))
    assert maintenance.expire(configured) == 1
    assert maintenance.checkpoint(configured)[1] > 0
    first, second = maintenance.back_up(configured), maintenance.back_up(configured)
    assert second is not None
    assert first != second
    assert configured.backups is not None
    assert list(configured.backups.iterdir()) == [second]
    assert maintenance.look_over(configured) == ()


def test_only_the_dataset_that_was_chosen_is_brought_in(configured: Settings) -> None:
    with pytest.raises(AirflowSkipException, match="only loans_register"):
        _tasks.land(DATASET, params={"dataset": "loans_register", "files": ["x"]})
    with pytest.raises(AirflowFailException, match="Choose the dataset"):
        _tasks.land(DATASET, params={"dataset": "all", "files": ["x"]})
    with pytest.raises(SourceMissing):
        _tasks.land(DATASET, params={"dataset": DATASET, "files": ["nowhere.csv"]})


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (FetchFailed("no answer"), "retry"),
        (StorageFailed("full"), "retry"),
        (LockTimeout("busy"), "retry"),
        (ConnectionError("reset"), "retry"),
        (KeyRefused("no"), "fail"),
        (SourceMissing("gone"), "fail"),
        (ValueError("wrong"), "fail"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_only_what_may_get_better_is_tried_again(error: Exception, action: str) -> None:
    assert MAY_GET_BETTER.evaluate(error, 1, 3).action.value == action


def test_a_load_of_many_slices_is_told_by_its_years(home: Path) -> None:
    def keys(*slices: dict[str, str]) -> list[str]:
        folder = home / "landing" / DATASET / "load"
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"slice": [json.dumps(each) for each in slices]}), folder / UNITS)
        return partition_keys(home, DATASET, ["load"])

    assert keys({"reporter_code": "BLR", "period": "2021-03"}) == ["BLR 2021-03"]
    assert keys({}) == ["whole"]
    assert keys() == ["whole"]
    codes = [{"code": f"C{n}", "period": f"{2000 + n % 3}-01"} for n in range(MOST_KEYS + 1)]
    assert keys(*codes) == ["2000", "2001", "2002"]
    assert keys(*codes, {"code": "none"}) == ["2000", "2001", "2002", "any"]


def test_the_tasks_of_a_dataset_are_one_finding(home: Path) -> None:
    for task in ("land", "commit"):
        entry = {"error": f"{task} broke", "run_id": "r"}
        store.task_failed(home, "ingest_customs", f"{DATASET}.{task}", entry)
    (finding,) = of_tasks(home)
    assert finding.subject == f"task:ingest_customs.{DATASET}"
    assert finding.datasets == (DATASET,)
    assert "--task-regex" in finding.next_step
