"""The command line asks a publisher on loopback: files by address, and ranges of periods."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.comtrade import answer, download, record
from tests.ingest.fetching.publisher import Asked, FakeComtrade, Said, publishing, row

DATASET = "customs_comtrade_flows"


def dvina(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "dvina", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "DVINA_HOME": str(home), **environment},
        check=False,
        timeout=120,
    )


def test_a_file_at_an_address_is_fetched_once_and_ingested(home: Path) -> None:
    body = download(record(), record(partner=156))
    etag = f'"{hashlib.sha256(body).hexdigest()[:8]}"'

    def play(asked: Asked) -> Said:
        if asked.headers.get("if-none-match") == etag:
            return Said(304)
        return Said(200, body, {"etag": etag})

    with publishing(play) as publisher:
        url = f"{publisher.url}/files/TradeData.csv"
        first = dvina(home, "ingest", DATASET, "--from", url)
        again = dvina(home, "ingest", DATASET, "--from", url, "--json")
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "TradeData.csv: accepted. 2 read = 2 landed" in first.stdout
    assert json.loads(again.stdout)[0]["state"] == "unchanged"
    assert "dvina" in publisher.asked[0].headers["user-agent"]


def test_an_address_that_answers_with_an_error_is_a_message_and_exit_code_3(home: Path) -> None:
    with publishing(lambda _: Said(404, b"gone")) as publisher:
        done = dvina(home, "ingest", DATASET, "--from", f"{publisher.url}/a.csv")
    assert done.returncode == 3
    assert "404" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_web_page_instead_of_data_is_rejected_and_says_so(home: Path) -> None:
    page = b"<!DOCTYPE html><html><body>Please log in</body></html>"
    with publishing(lambda _: Said(200, page)) as publisher:
        done = dvina(home, "ingest", DATASET, "--from", f"{publisher.url}/a.csv")
    assert done.returncode == 1
    assert "HTML page, not data" in done.stdout


def test_a_range_of_periods_is_one_command_and_is_not_asked_for_twice(home: Path) -> None:
    rows = [row(period=period, cmdCode="870323", partnerCode=112) for period in ("2020", "2021")]
    released = {(643, "2020"): "2021-06-01T10:00:00", (643, "2021"): "2022-06-01T10:00:00"}
    arguments = (
        "ingest", DATASET, "--period", "2020:2021", "--reporter", "RUS", "--partner", "BLR",
    )  # fmt: skip
    with publishing(FakeComtrade(rows, releases=released)) as publisher:
        about = {"DVINA_COMTRADE_URL": publisher.url, "DVINA_COMTRADE_KEY": "secret-key"}
        first = dvina(home, *arguments, **about)
        again = dvina(home, *arguments, **about)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert first.stdout.count("accepted, 1 rows") == 2
    assert again.stdout.count("skipped") == 2
    assert "secret-key" not in first.stdout + first.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--period", "20x0"), "no range of periods"),
        (("--period", "2020", "--reporter", "Atlantis"), "Atlantis"),
        (("--period", "2020", "--from", "a.csv"), "not both"),
    ],
)
def test_a_wrong_wish_is_a_message_and_exit_code_2(
    home: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = dvina(home, "ingest", DATASET, *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_an_answer_that_was_saved_is_a_file_as_any_other(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_text(answer(record(), record(partner=0)), encoding="utf-8")
    done = dvina(home, "ingest", DATASET, "--from", str(path))
    assert done.returncode == 0, done.stderr
    assert "2 read = 2 landed" in done.stdout
