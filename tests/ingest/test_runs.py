"""Runs of records that came before are linked: the rows are those of a fresh load all the same."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as quick
from hypothesis import strategies as st

from ingest import lookups, segment_writer
from ingest.contract import Contract
from ingest.landing import Landed
from ingest.sources import delimited, runs
from tests.support import HEADER, land, toy

Write = Callable[[str, str | bytes], Path]


@pytest.fixture(autouse=True)
def small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of some kilobytes hold many runs."""
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(runs, "RUN_BYTES", 2048)
    monkeypatch.setattr(runs, "MOST_BYTES", 8192)
    monkeypatch.setattr(runs, "_ONE_IN", 8)


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    return toy(tmp_path / "contracts", repeats="legitimate", key=[])


def lines(count: int, seed: int = 1) -> list[str]:
    """Good rows of many lengths; every one is different."""
    dice = random.Random(seed)
    countries = ("Belarus", "Russia", "Germany")
    return [
        f"{countries[n * 3 // count]},2021-{1 + n * 12 // count:02d},{8000 + n % 1000},"
        f"{n}.{dice.randrange(100)},,x@example.org\n"
        for n in range(count)
    ]


def rows(landed: Landed) -> list[tuple[Any, ...]]:
    """All landed rows in source order."""
    files = ", ".join(f"'{path}'" for path in landed.segments)
    return duckdb.sql(f"select * from read_parquet([{files}]) order by _row").fetchall()


def shared(landed: Landed) -> int:
    """How many segments have another name elsewhere."""
    return sum(path.stat().st_nlink > 1 for path in landed.segments)


def test_a_revised_file_links_the_runs_that_did_not_change(
    contract: Contract, home: Path, write: Write, tmp_path: Path
) -> None:
    first = lines(3000)
    land(contract, write("a.csv", HEADER + "".join(first)), home)
    second = [*first]
    second[1500] = second[1500].replace(",8500,", ",8500,1000")  # another length
    path = write("b.csv", HEADER + "".join(second))
    again = land(contract, path, home)
    fresh = land(contract, path, tmp_path / "elsewhere")
    assert len(again.segments) > 20
    assert len(again.segments) - 3 <= shared(again) < len(again.segments)
    assert rows(again) == rows(fresh)
    assert again.units.read_bytes() == fresh.units.read_bytes()
    assert again.manifest.profile == fresh.manifest.profile


def test_a_row_that_is_put_in_moves_the_numbers_of_those_after_it(
    contract: Contract, home: Path, write: Write, tmp_path: Path
) -> None:
    first = lines(1500)
    land(contract, write("a.csv", HEADER + "".join(first)), home)
    path = write("b.csv", HEADER + "".join([*first[:700], first[0], *first[700:]]))
    again = land(contract, path, home)
    assert 0 < shared(again) < len(again.segments)
    assert rows(again) == rows(land(contract, path, tmp_path / "elsewhere"))


def test_a_run_that_fills_several_segments_is_read_again(
    contract: Contract, home: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_writer, "SEGMENT_ROWS", 10)
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 512)
    path = write("a.csv", HEADER + "".join(lines(600)))
    first, again = land(contract, path, home), land(contract, path, home)
    assert len(first.segments) > len(first.manifest.runs)
    assert rows(again) == rows(first)
    assert again.manifest.rows_landed == 600


def test_a_run_with_refused_rows_is_read_again(
    contract: Contract, home: Path, write: Write
) -> None:
    text = HEADER + "".join([*lines(900), "Atlantis,2021-01,8703,1,,x@example.org\n"])
    counts = []
    for name in ("a.csv", "b.csv"):
        m = land(contract, write(name, text), home).manifest
        counts.append((m.rows_read, m.rows_landed, m.rows_quarantined))
    assert counts == [(901, 900, 1)] * 2


def test_nothing_is_linked_that_is_damaged_or_was_read_otherwise(
    contract: Contract, home: Path, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("a.csv", HEADER + "".join(lines(900)))
    first = land(contract, path, home)
    assert shared(land(contract, path, home)) == len(first.segments)
    other = toy(tmp_path / "other", repeats="legitimate", key=[], version=2)
    assert shared(land(other, path, home)) == 0
    monkeypatch.setattr(delimited, "digest", lambda lookup: f"{lookups.digest(lookup)} mended")
    assert shared(land(contract, path, home)) == 0


def test_a_segment_that_rotted_is_not_taken_over(
    contract: Contract, home: Path, write: Write
) -> None:
    path = write("a.csv", HEADER + "".join(lines(900)))
    first = land(contract, path, home)
    wanted = rows(first)
    rotten = bytearray(first.segments[1].read_bytes())
    rotten[100] ^= 1
    first.segments[1].write_bytes(rotten)
    again = land(contract, path, home)
    assert shared(again) == len(again.segments) - 1
    assert rows(again) == wanted


def test_repeats_that_were_taken_out_are_taken_out_again(
    home: Path, write: Write, tmp_path: Path
) -> None:
    contract = toy(tmp_path / "contracts", key=[])
    text = HEADER + "".join([*lines(900), *lines(900)[:40]])
    for name in ("a.csv", "b.csv"):
        m = land(contract, write(name, text), home).manifest
        assert (m.rows_read, m.rows_landed, m.rows_duplicate) == (940, 900, 40)


@quick(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.lists(st.integers(0, 1999), max_size=4))
def test_any_few_changes_leave_the_rows_right(
    contract: Contract, tmp_path_factory: pytest.TempPathFactory, seed: int, places: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("changes")
    first, dice = lines(2000, seed=3), random.Random(seed)
    path = folder / "a.csv"
    path.write_text(HEADER + "".join(first))
    land(contract, path, folder / "home")
    second = [*first]
    for place in (min(place, 1990) for place in places):
        change = dice.randrange(3)
        if change == 0:
            second[place] = second[place].replace(",8", f",8{dice.randrange(10)}", 1)
        elif change == 1:
            second.insert(place, dice.choice(first))
        else:
            del second[place]
    path.write_text(HEADER + "".join(second))
    again, fresh = land(contract, path, folder / "home"), land(contract, path, folder / "other")
    assert again.manifest.rows_read == fresh.manifest.rows_read == len(second)
    assert again.manifest.rows_quarantined == fresh.manifest.rows_quarantined
    assert rows(again) == rows(fresh)


def test_runs_end_at_records_and_resume_after_a_change() -> None:
    texts = [f"{n},{n * n % 977},some text of row {n}\n".encode() for n in range(4000)]
    changed = [*texts[:300], b"a longer row than before\n", *texts[301:]]
    ends = [_cuts(parts) for parts in (texts, changed)]
    assert len(ends[0]) > 20
    assert ends[0][-15:] == ends[1][-15:]


def _cuts(texts: list[bytes]) -> list[int]:
    """Numbers of the records after which a run ends."""
    text, begun, cuts = b"".join(texts), 0, []
    ends = np.cumsum([len(part) for part in texts])
    while (end := runs.end_of_run(text, ends, begun)) != 0:
        assert end in ends
        cuts.append(int(np.searchsorted(ends, end)))
        begun = end
        if end == len(text):
            break
    return cuts
