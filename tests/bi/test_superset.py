"""An empty Superset imports the bundle; every chart answers with rows, and is looked at in Chromium.

With ``DVINA_WRITE_DOCS=1`` the pictures are kept in ``docs/images``.
"""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bi.superset.bundle import described
from bi.superset.server import Superset
from tests.bi.test_bundle import published
from tests.conftest import PROJECT
from tests.postgres import postgres_in
from warehouse import publish
from warehouse.database import open_warehouse
from warehouse.postgres import publish_to_postgres

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
ENVIRONMENT = PROJECT / ".envs" / "superset"
CHROMIUM = Path("/usr/bin/chromium")
IMAGES = PROJECT / "docs" / "images"
__all__ = ["published"]


@dataclass(frozen=True)
class Served:
    """A Superset that runs, and what it reads."""

    superset: Superset
    address: str
    home: Path

    def total(self) -> int:
        """Rows in force of all datasets, as Superset's own request for data gives them."""
        token = self._post("security/login", {
            "username": "admin", "password": self.superset.password, "provider": "db",
        })["access_token"]  # fmt: skip
        listed = self._ask("dataset/?q=(page_size:100)", token)["result"]
        (number,) = [d["id"] for d in listed if d["table_name"] == "mart_freshness"]
        metric = {"expressionType": "SQL", "sqlExpression": "sum(row_count)", "label": "total"}
        answer = self._post("chart/data", {
            "datasource": {"id": number, "type": "table"}, "queries": [{"metrics": [metric]}],
        }, token)  # fmt: skip
        return int(answer["result"][0]["data"][0]["total"])

    def _post(self, path: str, body: dict[str, Any], token: str = "") -> Any:
        return self._ask(path, token, json.dumps(body).encode())

    def _ask(self, path: str, token: str, body: bytes | None = None) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(f"{self.address}/api/v1/{path}", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def served(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An empty Superset on the published samples."""
    made = subprocess.run(
        ["make", "bi-environment"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"Superset's environment could not be made: {made.stderr[-300:]}")
    superset = Superset(tmp_path_factory.mktemp("superset") / "home", ENVIRONMENT)
    superset.prepare(published)
    with superset.serving() as address:
        yield Served(superset, address, published.parent)


@pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed")
def test_every_chart_answers_with_rows_and_every_dashboard_is_pictured(
    served: Served, tmp_path: Path
) -> None:
    subprocess.run(
        [PROJECT / ".venv/bin/uv", "pip", "install", "--quiet", "playwright==1.65.2"],
        env={**os.environ, "VIRTUAL_ENV": str(ENVIRONMENT)}, check=True,
    )  # fmt: skip
    dashboards = described()["dashboards"]
    folder = IMAGES if os.environ.get("DVINA_WRITE_DOCS") == "1" else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    seen = subprocess.run(
        [ENVIRONMENT / "bin/python", Path(__file__).with_name("browse.py"), served.address,
         served.superset.password, folder, *(f"dvina-{d['key']}" for d in dashboards)],
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert seen.returncode == 0, seen.stderr[-3000:]
    answers = json.loads(seen.stdout.splitlines()[-1])
    for dashboard in dashboards:
        told = answers[f"dvina-{dashboard['key']}"]
        charts = sum(len(row) for row in dashboard["rows"])
        of_charts = [answer for answer in told if answer["kind"] != "filter_select"]
        numbers = {(answer["chart"], answer["kind"]) for answer in of_charts}
        assert len(numbers) == charts, (dashboard["key"], told)
        assert [a for a in told if a["status"] != 200 or a["error"] or not all(a["rows"])] == []
        assert (folder / f"dvina-{dashboard['key']}.png").stat().st_size > 50_000


def test_a_running_superset_shows_a_new_version_within_a_minute(served: Served) -> None:
    before = served.total()
    assert before > 0
    with open_warehouse(served.home) as connection:
        connection.execute("update marts.mart_freshness set row_count = row_count + 1")
        version = publish.write_aside(connection, served.home, {})
    assert version is not None
    publish.switch(served.home, version, 5)
    deadline = time.monotonic() + 60
    while served.total() == before:
        assert time.monotonic() < deadline, "still the old version after a minute"
        time.sleep(1)
    assert served.total() > before


def test_one_setting_points_it_at_postgresql(served: Served, tmp_path: Path) -> None:
    before = served.total()
    version = publish.current(served.home)
    assert version is not None
    with postgres_in(tmp_path) as uri:
        publish_to_postgres(version, uri)
        address = uri.replace("postgresql://", "postgresql+psycopg2://")
        served.superset.prepare(served.home / "published", address)
        assert served.total() == before
    served.superset.prepare(served.home / "published")
    assert served.total() == before
