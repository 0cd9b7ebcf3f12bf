"""The main job as a newcomer runs it: real DAGs, gate, dbt and publishing on the samples."""

import json
import os
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import PROJECT, SAMPLES

MARTS = (
    "mart_trade_mirror",
    "mart_sector_cooperation",
    "mart_sector_loans",
    "mart_sector_procurement",
    "mart_sector_trade",
)
DVINA = str(Path(sys.executable).parent / "dvina")


class Installation:
    """A home of its own, driven by the command line."""

    def __init__(self, home: Path, inbox: Path) -> None:
        self.home, self.inbox = home, inbox

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"DVINA_HOME": str(self.home), "DVINA_INBOX": str(self.inbox)}
        environment |= {"COLUMNS": "200"}
        return subprocess.run(
            [DVINA, *arguments],
            capture_output=True, text=True, env=environment, cwd=PROJECT, check=False, timeout=280,
        )  # fmt: skip

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the published file as a BI tool would."""
        with duckdb.connect(self.home / "published" / "current.duckdb", read_only=True) as reader:
            return reader.execute(query).fetchall()

    def marts(self) -> dict[str, list[tuple[Any, ...]]]:
        return {mart: self.ask(f"from dvina.marts.{mart} order by all") for mart in MARTS}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Installation, str]:
    """An installation on which the demonstration ran once, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(SAMPLES, folder / "inbox")
    installation = Installation(folder / "home", folder / "inbox")
    done = installation.run("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    return installation, done.stdout


def test_the_demo_fills_the_four_marts_and_says_where_to_look(
    demo: tuple[Installation, str],
) -> None:
    installation, printed = demo
    for mart, found in installation.marts().items():
        assert found, mart
        assert mart in printed
    assert str(installation.home / "published" / "current.duckdb") in printed


def test_the_belarusian_supplier_won_twice_in_no_sector_of_ours(
    demo: tuple[Installation, str],
) -> None:
    won = demo[0].ask(
        "select sector_id, sum(award_count)::int, max(award_value_usd) "
        "from marts.mart_sector_procurement "
        "where buyer_country_code = 'RUS' and supplier_country_code = 'BLR' and award_count > 0 "
        "group by all"
    )
    assert won == [("other", 2, None)]
    everything = demo[0].ask(
        "select distinct sector_id from marts.mart_sector_procurement where supplier_country_code = 'BLR'"
    )
    assert everything == [("other",)]


def test_belarus_paid_russia_what_the_world_bank_says(demo: tuple[Installation, str]) -> None:
    paid = demo[0].ask(
        "select repaid_bilateral_usd, is_projection from marts.mart_sector_loans "
        "where lender_code = 'RUS' and borrower_code = 'BLR' and period = '2023'"
    )
    assert paid == [(Decimal("1224626897.40"), False)]


def test_aggregates_and_projections_are_kept_apart(demo: tuple[Installation, str]) -> None:
    assert (
        demo[0].ask(
            "select distinct lender_code from marts.mart_sector_loans where lender_code in ('WLD', 'XML')"
        )
        == []
    )
    assert demo[0].ask(
        "select distinct period from marts.mart_sector_loans where is_projection order by 1"
    ) == [("2024",), ("2025",)]


def test_a_second_demo_changes_nothing_and_says_so(demo: tuple[Installation, str]) -> None:
    installation = demo[0]
    before, marts = installation.json("status"), installation.marts()
    done = installation.run("demo")
    assert done.returncode == 0
    assert "Nothing changed: no new decision in the ledger" in done.stdout
    after = installation.json("status")
    assert after["last_decision"] == before["last_decision"] > 0
    assert after["published"] == before["published"]
    assert installation.marts() == marts


def test_the_counts_of_every_load_close(demo: tuple[Installation, str]) -> None:
    loads = demo[0].json("loads")
    files = [path for path in SAMPLES.glob("*/*") if path.name != "SOURCE.md"]
    assert len(loads) == len(files) >= 9
    for load in loads:
        parts = load["rows_landed"] + load["rows_quarantined"] + load["rows_duplicate"]
        assert load["rows_read"] == parts > 0


def test_a_broken_copy_is_rejected_and_the_former_data_stays(
    demo: tuple[Installation, str], tmp_path: Path
) -> None:
    installation = demo[0]
    before = installation.ask("select sum(value_usd) from marts.mart_sector_trade")
    good = (SAMPLES / "customs_imf_totals" / "customs_imf_totals.csv").read_text().splitlines()
    broken = [*good[:3], good[3].rsplit(",", 1)[0] + ",a lot", *good[4:]]
    path = tmp_path / "totals_2025.csv"
    path.write_text("\n".join(broken) + "\n")
    done = installation.run("ingest", "customs_imf_totals", "--from", str(path))
    assert done.returncode == 1
    assert "rejected" in done.stdout
    assert "1 of 18 rows quarantined (5.56%)" in done.stdout
    (load,) = [x for x in installation.json("loads") if x["origin"] == "totals_2025.csv"]
    (shown,) = installation.json("quarantine", "show", load["load_id"])
    assert (shown["row"], shown["column"], shown["value"]) == (3, "value_usd_millions", "a lot")
    assert "value_usd_millions" in load["decisions"][0]["reason"]
    assert "row 3" in load["decisions"][0]["reason"]
    assert installation.run("build").returncode == 0
    assert installation.ask("select sum(value_usd) from marts.mart_sector_trade") == before


def test_html_instead_of_data_is_rejected_and_noted_in_the_ledger(
    demo: tuple[Installation, str], tmp_path: Path
) -> None:
    path = tmp_path / "page.csv"
    path.write_text("<!DOCTYPE html><html>Service unavailable</html>")
    done = demo[0].run("ingest", "loans_ids_flows", "--from", str(path))
    assert done.returncode == 1
    assert "page.csv is an HTML page" in done.stdout
    assert demo[0].json("loads", "loans_ids_flows")[-1]["decisions"][-1]["decision"] == "rejected"


def test_wrong_use_and_a_missing_file_have_their_own_exit_code(
    demo: tuple[Installation, str],
) -> None:
    assert demo[0].run("ingest", "loans_ids_flows", "--from", "nowhere.csv").returncode == 2
    assert demo[0].run("ingest", "nothing").returncode == 2
    assert demo[0].run("withdraw", "nothing", "--reason", "x").returncode == 2


def test_a_withdrawn_load_leaves_the_marts_and_an_accepted_one_comes_back(
    demo: tuple[Installation, str],
) -> None:
    installation = demo[0]
    query = "select count(*) from marts.mart_sector_loans where source_dataset = 'loans_ids_flows'"
    before = installation.ask(query)
    load = installation.json("loads", "loans_ids_flows")[0]["load_id"]
    assert installation.run("withdraw", load, "--reason", "a test").returncode == 0
    assert installation.run("build").returncode == 0
    assert installation.ask(query) == [(0,)]
    assert installation.run("accept", load, "--reason", "a test").returncode == 0
    assert installation.run("build").returncode == 0
    assert installation.ask(query) == before


def test_the_doctor_finds_an_installation_well_and_a_damaged_one_ill(
    demo: tuple[Installation, str],
) -> None:
    assert demo[0].run("doctor").returncode == 0
    segment = next((demo[0].home / "landing").rglob("segment-*.parquet"))
    database = (demo[0].home / "published" / "current" / "dvina.duckdb").resolve()
    for path, told in (
        (segment, "a segment cannot be read"),
        (database, "dvina.duckdb differs from byte 0 on"),
    ):
        good, mode = path.read_bytes(), path.stat().st_mode
        path.chmod(0o644)
        path.write_bytes(good[:40] + b"?" + good[41:] if path == database else good[:40])
        try:
            done = demo[0].run("doctor")
        finally:
            path.write_bytes(good)
            path.chmod(mode)
        assert done.returncode == 3
        assert told in done.stdout


def test_nothing_of_a_masked_or_private_kind_is_published(demo: tuple[Installation, str]) -> None:
    tables = demo[0].ask("select table_name from duckdb_tables() where schema_name = 'marts'")
    assert tables
    names = demo[0].ask(
        "select distinct column_name from duckdb_columns() where schema_name = 'marts'"
    )
    assert not {"contact", "email", "telephone", "supplier_name"} & {name for (name,) in names}


def test_the_process_leaves_a_clean_terminal(demo: tuple[Installation, str]) -> None:
    done = demo[0].run("ingest", "customs_eurostat_flows")
    assert done.returncode == 0, done.stdout
    assert done.stderr.strip() == ""
