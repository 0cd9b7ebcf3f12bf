"""Clients built on another DuckDB than ours read what was published, also after many publishes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from warehouse import publish
from warehouse.database import open_warehouse

_READ = """
import duckdb, json, sys
reader = duckdb.connect(sys.argv[1], read_only=True)
found = reader.execute("select count(*), sum(n) from dvina.marts.mart_toy").fetchone()
view = reader.execute("select count(*) from dvina.marts.view_toy").fetchone()
said = reader.execute("select comment from duckdb_columns() where table_name = 'mart_toy'").fetchone()
print(json.dumps([duckdb.__version__, *found, *view, *said]))
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that was written once as a whole and twice from the one before."""
    home = tmp_path_factory.mktemp("clients") / "home"
    for value in range(3):
        with open_warehouse(home) as connection:
            connection.execute("create schema if not exists marts")
            connection.execute(
                f"create or replace table marts.mart_toy as select {value} + i as n from range(100) as t(i)"
            )
            connection.execute(
                "create or replace view marts.view_toy as select n from marts.mart_toy where n < 10"
            )
            words = publish.Words({"marts.mart_toy.n": "a number"})
            version = publish.write_aside(connection, home, {}, words)
        assert version is not None
        publish.switch(home, version, 5)
    return home / "published"


def _environment(release: str) -> Path:
    """An interpreter with that release of DuckDB, made once under ``.envs``; skips without one."""
    folder = PROJECT / ".envs" / f"duckdb-{release}"
    uv = str(Path(sys.executable).parent / "uv")
    if not (folder / ".current").exists():
        for command in (
            [uv, "venv", "--quiet", "--clear", "--python", "3.11", str(folder)],
            [uv, "pip", "install", "--quiet", "--python", str(folder), f"duckdb=={release}.*"],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"DuckDB {release} is not to be had: {done.stderr.strip()[-200:]}")
        (folder / ".current").touch()
    return folder / "bin" / "python"


@pytest.mark.parametrize("release", ["1.2", "1.4", "1.5"])
def test_a_client_reads_tables_views_and_comments(release: str, published: Path) -> None:
    python = Path(sys.executable) if release == "1.5" else _environment(release)
    done = subprocess.run(
        [python, "-c", _READ, published / "current" / "dvina.duckdb"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    version, *answer = json.loads(done.stdout)
    assert version.startswith(release)
    assert answer == [100, 2 * 100 + 4950, 8, "a number"]


def test_a_client_of_ours_finds_the_same_catalogue_behind_the_shorter_link(published: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _READ, published / "current.duckdb"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout)[1:] == [100, 2 * 100 + 4950, 8, "a number"]
