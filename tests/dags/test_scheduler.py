"""A real scheduler: an ingest leads to a build by itself, backfill, a failing source, no leftover.

With ``DVINA_WRITE_DOCS=1`` the pictures of Airflow's pages are kept in ``docs/images``.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dvina import serving
from dvina.alerts import store
from tests.conftest import PROJECT, SAMPLES
from tests.dags.server import Served, airflow, until
from tests.ingest.fetching.publisher import Asked, FakeComtrade, Publisher, Said, publishing, row

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
CHROMIUM = Path("/usr/bin/chromium")
IMAGES = PROJECT / "docs" / "images"
TOTALS = SAMPLES / "customs_imf_totals" / "customs_imf_totals.csv"
LOANS = ("loans_ids_flows", "loans_register")
NOTHING_NEW = {("skipped", 0), ("skipped", 1)}
MONTHS = ("202001", "202002", "202003")
ROWS = [
    row(freqCode="M", period=month, refMonth=int(month[4:]), reporterCode=reporter,
        reporterISO=iso, partnerCode=partner, partnerISO=other, cmdCode=code)
    for month in MONTHS
    for reporter, iso, partner, other in ((112, "BLR", 643, "RUS"), (643, "RUS", 112, "BLR"))
    for code in ("870323", "870324")
]  # fmt: skip


class Shop:
    """UN Comtrade and, at /totals.csv, a file that is not there until it is ``open``."""

    def __init__(self) -> None:
        self.open = False
        self._comtrade = FakeComtrade(ROWS)

    def __call__(self, asked: Asked) -> Said:
        if asked.path != "/totals.csv":
            return self._comtrade(asked)
        return Said(body=TOTALS.read_bytes()) if self.open else Said(404, b"gone")


@pytest.fixture(scope="module")
def shop() -> Iterator[tuple[Shop, Publisher]]:
    """A publisher on loopback."""
    play = Shop()
    with publishing(play) as publisher:
        yield play, publisher


@pytest.fixture(scope="module")
def served(
    shop: tuple[Shop, Publisher], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Airflow on a free port, with an empty inbox; afterwards no process is left."""
    folder = tmp_path_factory.mktemp("airflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVINA_HOME", str(folder / "home"))
        patch.setenv("DVINA_INBOX", str(folder / "inbox"))
        patch.setenv("DVINA_COMTRADE_URL", shop[1].url)
        patch.setenv("DVINA_BUILD_QUIET_S", "8")
        patch.setenv("DVINA_RETRY_DELAY_S", "2")
        patch.setenv(serving.PORT_VARIABLE, "0")
        serving.settings.cache_clear()
        with airflow(folder / "home") as running:
            yield running
    serving.settings.cache_clear()


def _published(home: Path, question: str) -> Any:
    with duckdb.connect(home / "published" / "current.duckdb", read_only=True) as reader:
        return reader.execute(question).fetchall()


def _builds(served: Served, runs: list[dict[str, Any]]) -> list[str]:
    """States of the tasks that build, of runs."""
    found = [served.tasks("build_and_publish", run["dag_run_id"]) for run in runs]
    return [tasks["build_and_publish"][0] for tasks in found]


def test_an_ingest_leads_to_a_build_by_itself(served: Served) -> None:
    files = [path for path in (PROJECT / "dags").glob("*.py") if path.name[0] != "_"]
    until(lambda: served.get("dags", limit=100)["total_entries"] == len(files) >= 10, 60)
    assert served.get("importErrors")["total_entries"] == 0
    served.unpause("build_and_publish", "ingest_loans", "ingest_customs", "backfill_customs")
    (scheduled,) = served.quiet("ingest_loans")  # the period that is over runs at once
    assert set(served.tasks("ingest_loans", scheduled["dag_run_id"]).values()) <= NOTHING_NEW
    assert served.runs("build_and_publish") == []
    for dataset in LOANS:
        shutil.copytree(SAMPLES / dataset, served.home.parent / "inbox" / dataset)
    run = served.trigger("ingest_loans")
    assert served.ended("ingest_loans", run) == "success"
    tasks = served.tasks("ingest_loans", run)
    for dataset in LOANS:
        assert tasks[f"{dataset}.land"][0] == tasks[f"{dataset}.commit"][0] == "success"
    assert tasks["loans_iati_activities.commit"][0] == "skipped"
    log = served.log("ingest_loans", run, "loans_register.land")
    assert "5 rows read = 5 landed + 0 quarantined + 0 duplicates" in log

    runs = served.quiet("build_and_publish")
    events = served.get("assets/events", limit=100)["asset_events"]
    keys = {event["partition_key"] for event in events}
    assert {"BLR RUS", "RUS BLR 2024-01-29"} <= keys
    states = _builds(served, runs)
    assert states.count("success") >= 1
    assert len(runs) <= 3 < len(events)  # a burst of slices is a build, or few
    assert {run["partition_key"] for run in runs} == {"marts"}
    (count,) = _published(served.home, "select count(*) from dvina.marts.mart_sector_loans")
    assert count[0] > 0
    told = served.log("build_and_publish", runs[0]["dag_run_id"], "build_and_publish")
    assert "dvina://accepted/loans_" in told


def test_a_backfill_of_three_periods_is_airflows_own(served: Served) -> None:
    (scheduled,) = served.quiet(
        "backfill_customs"
    )  # last month, of which the publisher has nothing
    before = len(served.runs("build_and_publish"))
    wish = {"dag_id": "backfill_customs", "max_active_runs": 2, "from_date": "2020-01-01T00:00:00Z",
            "to_date": "2020-03-31T00:00:00Z", "dag_run_conf": {"reporters": ["BLR", "RUS"]}}  # fmt: skip
    asked = served.post("backfills", wish)
    runs = [
        run
        for run in served.quiet("backfill_customs", 4, 300)
        if run["dag_run_id"] != scheduled["dag_run_id"]
    ]
    assert [run["state"] for run in runs] == ["success"] * 3
    assert sorted(run["partition_key"] for run in runs) == ["2020-01", "2020-02", "2020-03"]
    for run in runs:
        fetched = served.tasks("backfill_customs", run["dag_run_id"])
        assert fetched["customs_comtrade_flows.0"][0] == "success"
        assert fetched["customs_comtrade_flows.1"][0] == "success"
    until(lambda: served.get(f"backfills/{asked['id']}")["completed_at"] is not None, 90)

    builds = served.quiet("build_and_publish", before + 1)[before:]
    built = _builds(served, builds).count("success")
    assert 1 <= built <= 3  # six tasks, each with a slice of its own
    found = _published(
        served.home,
        "select distinct period from dvina.marts.mart_sector_trade "
        "where reporter_code = 'BLR' and partner_code = 'RUS' and period like '2020-%' order by 1",
    )
    assert found == [("2020-01",), ("2020-02",), ("2020-03",)]


def test_a_failing_source_is_tried_again_told_of_and_recovers(
    served: Served, shop: tuple[Shop, Publisher]
) -> None:
    play, publisher = shop
    served.quiet("ingest_customs")
    before = len(served.runs("build_and_publish"))
    address = f"{publisher.url}/totals.csv"
    run = served.trigger("ingest_customs", dataset="customs_imf_totals", files=[address])
    assert served.ended("ingest_customs", run) == "failed"
    assert served.tasks("ingest_customs", run)["customs_imf_totals.land"] == ("failed", 3)
    assert len([asked for asked in publisher.asked if asked.path == "/totals.csv"]) >= 3
    (incident,) = [i for i in store.incidents(served.home) if i.is_open]
    assert incident.subject == "task:ingest_customs.customs_imf_totals"
    assert "404" in incident.text

    play.open = True
    cleared = {"dry_run": False, "dag_run_id": run, "task_ids": ["customs_imf_totals.land"],
               "include_downstream": True, "only_failed": False, "reset_dag_runs": True}  # fmt: skip
    served.post("dags/ingest_customs/clearTaskInstances", cleared)
    assert served.ended("ingest_customs", run) == "success"
    assert [i for i in store.incidents(served.home) if i.is_open] == []
    served.quiet("build_and_publish", before + 1)
    totals = "select count(*) from dvina.marts.mart_sector_trade where source_dataset = 'customs_imf_totals'"
    assert _published(served.home, totals) != []


def test_a_refused_file_fails_at_once_and_the_others_come_in(served: Served) -> None:
    lines = TOTALS.read_text().splitlines()
    good = served.home.parent / "good.csv"
    broken = served.home.parent / "broken.csv"
    good.write_text("\n".join([*lines[:3], lines[3].rsplit(",", 1)[0] + ",77", *lines[4:]]) + "\n")
    broken.write_text("\n".join([*lines[:3], lines[3].rsplit(",", 1)[0] + ",a lot"]) + "\n")
    files = [str(broken), str(good)]
    run = served.trigger("ingest_customs", dataset="customs_imf_totals", files=files)
    assert served.ended("ingest_customs", run) == "failed"
    tasks = served.tasks("ingest_customs", run)
    assert tasks["customs_imf_totals.commit"][0] == "success"
    assert tasks["customs_imf_totals.refused"] == ("failed", 1)
    log = served.log("ingest_customs", run, "customs_imf_totals.refused")
    assert "a lot" in log
    assert "report: file://" in log
    opened = {i.subject for i in store.incidents(served.home) if i.is_open}
    assert opened & {"load:customs_imf_totals", "task:ingest_customs.customs_imf_totals"}


@pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed")
def test_the_pages_of_assets_and_of_a_run_are_pictured(served: Served, tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", tmp_path / "browser"], check=True)
    subprocess.run(
        [uv, "pip", "install", "--quiet", "playwright==1.65.2"],
        env={**os.environ, "VIRTUAL_ENV": str(tmp_path / "browser")}, check=True,
    )  # fmt: skip
    folder = IMAGES if os.environ.get("DVINA_WRITE_DOCS") == "1" else tmp_path
    (asset,) = [
        asset["id"]
        for asset in served.get("assets", limit=100)["assets"]
        if asset["uri"] == "dvina://published/current"
    ]
    (run,) = [
        run["dag_run_id"] for run in served.runs("ingest_loans") if run["run_type"] == "manual"
    ]
    seen = subprocess.run(
        [tmp_path / "browser/bin/python", Path(__file__).with_name("browse.py"), served.address,
         served.password, folder, f"airflow-assets=1450,assets/{asset}",
         f"airflow-run=700,dags/ingest_loans/runs/{run}"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert seen.returncode == 0, seen.stderr[-3000:]
    for name in ("airflow-assets", "airflow-run"):
        assert (folder / f"{name}.png").stat().st_size > 20_000
