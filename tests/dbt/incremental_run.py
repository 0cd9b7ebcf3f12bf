"""Run apart from the tests: random loads, withdrawals and builds, and at the end both ways of building.

``python incremental_run.py HOME SEED STEPS`` prints one JSON object: what was done, which builds were
incremental, and the tables that differ between the kept-up marts and those made anew from the same
ledger. Every figure is SYNTHETIC.
"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb

from dvina.build import build_and_publish
from dvina.pipeline import ingest, request
from dvina.settings import Settings
from tests.comtrade import answer, record

COUNTRIES, YEARS = (112, 643, 276, 398), ("2018", "2019", "2020")
LONE_YEAR = "2017"  # of one load, which is withdrawn first: nothing of the year is left
CODES = ("TOTAL", "87", "8703", "870323", "843351", "8542", "854231", "845811", "999999")


def main(home: Path, seed: int, steps: int) -> dict[str, Any]:
    """Do the steps, then compare; see the module docstring."""
    dice = random.Random(seed)
    settings = Settings(home=home, inbox=home / "inbox", pairs=("BLR-RUS", "DEU-RUS"))
    loads: list[str] = []
    done: list[str] = []
    for _ in range(6):
        _load(settings, dice, loads)
    _load(settings, dice, lone := [], LONE_YEAR)
    build_and_publish(settings)
    kept_up = []
    for step in range(steps):
        if not step or (loads and dice.random() < 0.4):
            gone = loads.pop(dice.randrange(len(loads))) if step else lone[0]
            request(settings, "withdraw", gone, "a test")
            done.append("withdraw")
        else:
            _load(settings, dice, loads)
            done.append("load")
        if step == steps // 2:
            _die_between_two_models(settings)
            done.append("killed build")
        outcome = build_and_publish(settings)
        if outcome.state == "failed":
            return {"failed": outcome.message, "done": done}
        kept_up.append(_years(settings))
    ours = _tables(settings)
    left = [
        n
        for n, rows in ours.items()
        if "dim" not in n and "rates" not in n and any(f"'{LONE_YEAR}'" in r for r in rows)
    ]
    build_and_publish(settings, force=True)
    anew = _tables(settings)
    differ = sorted(name for name in ours.keys() | anew.keys() if ours.get(name) != anew.get(name))
    return {
        "done": done,
        "years": kept_up,
        "left_of_lone_year": left,
        "tables": {name: len(rows) for name, rows in anew.items()},
        "differ": {name: _difference(ours.get(name, []), anew.get(name, [])) for name in differ},
    }


def _load(
    settings: Settings, dice: random.Random, loads: list[str], year: str | None = None
) -> None:
    """Some flows of one reporter and year, sometimes a revision of what is there."""
    reporter, year = dice.choice(COUNTRIES), year or dice.choice(YEARS)
    partners = [c for c in COUNTRIES if c != reporter]
    records = [
        record(
            reporter=reporter, partner=partner, code=code, period=year, flow=flow,
            value=dice.randrange(1, 10_000), classificationCode=dice.choice(("H4", "H5")),
        )
        for partner in dice.sample(partners, dice.randrange(1, 4))
        for flow in ("X", "M")
        for code in dice.sample(CODES, dice.randrange(1, 6))
    ]  # fmt: skip
    path = settings.home.parent / "answer.json"
    path.write_text(answer(*records), encoding="utf-8")
    outcome = ingest(settings, "customs_comtrade_flows", str(path))
    if outcome.state == "accepted":
        loads.append(outcome.load_id)


def _die_between_two_models(settings: Settings) -> None:
    subprocess.run(
        [sys.executable, "-m", "dvina", "build"],
        env={**os.environ, "DVINA_HOME": str(settings.home), "DVINA_PAIRS": ",".join(settings.pairs),
             "DVINA_KILL_AT": "build.mid_models:22"},
        check=False, capture_output=True, timeout=120,
    )  # fmt: skip


def _years(settings: Settings) -> str:
    """Which years the last build brought up to date, as dbt was told."""
    results = json.loads((settings.home / "dbt/target/run_results.json").read_text())
    told = results["args"]["vars"]
    return str((told if isinstance(told, dict) else json.loads(told))["touched_years"])


def _tables(settings: Settings) -> dict[str, list[str]]:
    with duckdb.connect(settings.home / "warehouse.duckdb", read_only=True) as database:
        names = database.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where schema_name in ('intermediate', 'marts') "
            "and table_name <> 'int_sectors_by_prefix' order by 1"  # keeps codes that are gone
        ).fetchall()
        return {
            name: sorted(str(row) for row in database.execute(f"from {name}").fetchall())
            for (name,) in names
        }


def _difference(ours: list[str], anew: list[str]) -> list[list[str]]:
    return [sorted(set(ours) - set(anew))[:3], sorted(set(anew) - set(ours))[:3]]


if __name__ == "__main__":
    answered = main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps(answered))
