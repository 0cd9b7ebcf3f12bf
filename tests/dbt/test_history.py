"""What publishers restated, and marts as they were known before it. Every figure is SYNTHETIC."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dvina.as_known import WrongMoment, read_moment
from dvina.pipeline import ingest
from dvina.settings import Settings
from ingest.contract import load_contract
from tests.comtrade import answer, record

DATASET = "customs_comtrade_flows"
BLR, RUS, DEU = 112, 643, 276


@dataclass(frozen=True)
class Story:
    """A home after a revision, what was published before it, and the decision it was built up to."""

    home: Path
    before: Path
    horizon: int
    revising_load: str


def dvina(home: Path, *words: str, code: int = 0) -> str:
    """Run a command in a process of its own: dbt leaves threads behind."""
    ran = subprocess.run(
        [sys.executable, "-m", "dvina", *words],
        env={**os.environ, "DVINA_HOME": str(home), "DVINA_PAIRS": "BLR-RUS"},
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert ran.returncode == code, ran.stdout + ran.stderr[-3000:]
    return ran.stdout + ran.stderr


def rows(database: Path) -> dict[str, list[str]]:
    """Every table of a published file, its rows as sorted texts."""
    with duckdb.connect(database, read_only=True) as reader:
        names = reader.execute(
            "select schema_name || '.' || table_name from duckdb_tables() order by 1"
        ).fetchall()
        return {n: sorted(str(r) for r in reader.execute(f"from {n}").fetchall()) for (n,) in names}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Two slices are loaded and published; then one of them is revised and published anew."""
    folder = tmp_path_factory.mktemp("history")
    home = folder / "home"

    def load(name: str, *records: dict[str, Any]) -> str:
        path = folder / name
        path.write_text(answer(*records), encoding="utf-8")
        outcome = ingest(Settings(home=home), DATASET, str(path))
        assert outcome.state == "accepted", outcome.message
        return outcome.load_id

    def flow(code: str, value: int, reporter: int = BLR, partner: int = RUS) -> dict[str, Any]:
        return record(reporter=reporter, partner=partner, code=code, period="2019", value=value)

    load("first.json", flow("870323", 60), flow("870421", 15), flow("843351", 7),
         flow("870323", 500, DEU, BLR))  # fmt: skip
    assert dvina(home, "build").startswith("published")
    before = folder / "before.duckdb"
    version = (home / "published" / "current").resolve()
    shutil.copy(version / "dvina.duckdb", before)
    horizon = json.loads((version / "manifest.json").read_text())["horizon"]
    # one value changed, one row is new; 843351 is not in the file and stays
    revising = load("second.json", flow("870323", 66), flow("870421", 15), flow("845811", 4))
    assert dvina(home, "build").startswith("published")
    return Story(home, before, horizon, revising)


def test_a_revision_is_told_with_its_rows_and_values(story: Story) -> None:
    with duckdb.connect(story.home / "published" / "current.duckdb", read_only=True) as reader:
        found = reader.execute(
            "select dataset, load_id, rows_before, rows_after, rows_added, rows_removed, "
            "rows_changed, measure_name, measure_unit, value_before, value_after, value_change, "
            "slice_key, measures from marts.mart_revisions"
        ).fetchall()
    (told,) = found
    assert told[:7] == (DATASET, story.revising_load, 3, 4, 1, 0, 1)
    assert told[7:12] == ("value_usd", "USD", Decimal(82), Decimal(92), Decimal(10))
    assert json.loads(told[12])["reporter_code"] == "BLR"
    measures = {entry["measure"]: entry for entry in json.loads(told[13])}
    assert (measures["value_usd"]["before"], measures["value_usd"]["after"]) == (82.0, 92.0)


@pytest.mark.long
def test_marts_as_known_before_a_revision_are_those_published_then(story: Story) -> None:
    published = rows(story.home / "published" / "current.duckdb")
    target = story.home.parent / "as_known.duckdb"
    told = dvina(story.home, "build", "--as-known", str(story.horizon), "--target", str(target))
    assert told.startswith("built")
    then, now = rows(story.before), rows(target)
    assert len(then["marts.mart_sector_trade"]) > 2
    assert then["marts.mart_sector_trade"] != published["marts.mart_sector_trade"]
    assert now.keys() == then.keys()
    assert {name for name in then if now[name] != then[name]} == set()
    assert rows(story.home / "published" / "current.duckdb") == published
    assert not list(story.home.glob(".as-known*"))
    again = dvina(story.home, "build", "--as-known", "2026-01-01", "--target", str(target), code=2)
    assert "exists already" in again


def test_a_mart_carries_the_terms_of_what_it_is_made_from(story: Story) -> None:
    version = story.home / "published" / "current"
    terms = json.loads((version / "manifest.json").read_text())["terms"]["mart_sector_trade"]
    (told,) = [entry for entry in terms if entry["dataset"] == DATASET]
    assert told["redistributable"] is load_contract(DATASET).publisher.redistributable is False
    assert told["terms_url"] == load_contract(DATASET).publisher.terms_url
    with duckdb.connect(version / "dvina.duckdb", read_only=True) as reader:
        comments = dict(
            reader.execute("select table_name, comment from duckdb_tables()").fetchall()
        )
    assert "NOT to be passed on" in comments["mart_sector_trade"]
    assert told["licence"] in comments["mart_sector_trade"]
    assert DATASET not in (comments["mart_sector_procurement"] or "")
    dvina(story.home, "export", str(story.home.parent / "out"))
    marts = json.loads((story.home.parent / "out" / "terms.json").read_text())["marts"]
    left = {mart["mart"]: (mart["rows"], mart["rows_left_out"]) for mart in marts}
    assert left["mart_sector_trade"][0] == 0 < left["mart_sector_trade"][1]
    assert left["dim_sectors"][0] > 0


def test_a_moment_is_a_day_a_point_in_time_or_a_decision() -> None:
    assert read_moment("17") == 17
    day = read_moment("2026-03-31")
    assert str(day) == "2026-03-31 23:59:59.999999+00:00"
    assert str(read_moment("2026-03-31T12:00:00")) == "2026-03-31 12:00:00+00:00"
    assert str(read_moment("2026-03-31T12:00:00+03:00")) == "2026-03-31 12:00:00+03:00"
    with pytest.raises(WrongMoment, match="no day"):
        read_moment("last week")
