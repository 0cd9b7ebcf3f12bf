"""A watched folder: files that are renamed into place or grow slowly are brought in once."""

import shutil
import time
from pathlib import Path

import pytest

from dvina.pipeline import Outcome
from dvina.settings import Settings
from dvina.streaming.folders import Watch
from tests.support import rows
from tests.support import toy as toy_contract
from warehouse import side

STILL_S = 0.3


def _look(watch: Watch, seconds: float) -> list[Outcome]:
    until, outcomes = time.monotonic() + seconds, list[Outcome]()
    while time.monotonic() < until:
        outcomes += watch.look()
        time.sleep(0.05)
    return outcomes


def test_files_are_brought_in_once_when_they_stand_still(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy_contract(tmp_path / "contracts")
    monkeypatch.setenv("DVINA_CONTRACTS", str(tmp_path / "contracts"))
    settings = Settings(home=home, inbox=tmp_path / "inbox", lock_wait_s=20)
    folder = tmp_path / "inbox" / "toy_flows"
    folder.mkdir(parents=True)
    watch = Watch(settings, ["toy_flows"], STILL_S)

    aside = tmp_path / "whole.csv"
    aside.write_text(rows("Belarus,2021-01,8703,1,"))
    shutil.move(aside, folder / "whole.csv")
    first = _look(watch, 2 * STILL_S)
    assert [(o.origin, o.state) for o in first] == [("whole.csv", "accepted")]

    text = rows("Russia,2021-01,8703,1,", "Russia,2021-01,8704,2,")
    with (folder / "slow.csv").open("w") as file:
        for part in (text[:60], text[60:90], text[90:]):
            assert watch.look() == [], "a file that is still written was taken"
            file.write(part)
            file.flush()
            time.sleep(STILL_S / 2)
            assert watch.look() == []
    second = _look(watch, 3 * STILL_S)
    assert [(o.origin, o.state, o.rows_landed) for o in second] == [("slow.csv", "accepted", 2)]

    (folder / "whole.csv").write_text(rows("Belarus,2021-01,8703,5,"))
    (folder / ".hidden.csv").write_text(rows("Belarus,2021-02,8703,5,"))
    third = _look(watch, 3 * STILL_S)
    assert [(o.origin, o.state) for o in third] == [("whole.csv", "accepted")]
    assert _look(Watch(settings, ["toy_flows"], STILL_S), 2 * STILL_S) == [], "known after a start"
    assert len(side.loads(home)) == 3
