"""Run apart from the tests: random loads, withdrawals and builds, and at the end both ways of building.

``python incremental_run.py HOME SEED STEPS`` prints one JSON object: what was done, what each build
was told to bring up to date, and the tables that differ between the kept-up ones and those made anew
from the same ledger. Every figure is SYNTHETIC.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb

from dvina import build, models
from dvina.pipeline import ingest, request
from dvina.settings import PROJECT, Settings
from tests.dbt.incremental_feeds import FEEDS, Files, both_ways, comtrade
from warehouse.errors import UnknownLoad

LONE_YEAR = "2017"  # of one load, which is withdrawn first: nothing of the year is left
KEEPS_CODES = "int_sectors_by_trade_code"  # also those that no row has any more
_DIE = (
    "import sys; from pathlib import Path; from dvina import build, models; "
    "from dvina.settings import settings; "
    "build.DBT_PROJECT = models.DBT_PROJECT = Path(sys.argv[1]); build.build_and_publish(settings())"
)


class Run:
    """An installation with a dbt project of its own, so that seeds may change."""

    def __init__(self, home: Path, seed: int) -> None:
        self.dice = random.Random(seed)
        self.settings = Settings(home=home, inbox=home / "inbox", pairs=("BLR-RUS", "DEU-RUS"))
        self.project = home.parent / "dbt_project"
        shutil.copytree(PROJECT / "dbt_project", self.project)
        build.DBT_PROJECT = models.DBT_PROJECT = self.project
        build.run_models = self._note_and_run
        self.loads: list[str] = []
        self.done: list[str] = []
        self.told: list[dict[str, Any] | None] = []

    def load(self, files: Files) -> list[str]:
        """Bring files in; returns the loads that were accepted."""
        accepted = []
        for dataset, text in files:
            path = self.settings.home.parent / f"{dataset}.{'json' if text[0] in '{[' else 'csv'}"
            path.write_text(text, encoding="utf-8")
            outcome = ingest(self.settings, dataset, str(path))
            self.done.append(f"{dataset} {outcome.state}")
            assert outcome.state in ("accepted", "unchanged", "rejected"), outcome.message
            if outcome.state == "rejected":  # more refused rows than the contract lets pass
                assert outcome.rows_quarantined, outcome.message
                request(self.settings, "accept", outcome.load_id, "a test")
            accepted += [outcome.load_id] if outcome.state != "unchanged" else []
        self.loads += accepted
        return accepted

    def withdraw(self, load: str) -> None:
        """Take a load out, unless later ones took its place already."""
        self.loads.remove(load)
        try:
            request(self.settings, "withdraw", load, "a test")
        except UnknownLoad:
            self.done.append("withdraw nothing")
        else:
            self.done.append(f"withdraw {load}")

    def change_a_seed(self) -> None:
        """Give the codes of one prefix to another sector."""
        path = self.project / "seeds" / "sector_crosswalk.csv"
        path.write_text(path.read_text().replace("HS,8542,microelectronics", "HS,8542,tools"))
        self.done.append("seed")

    def die_between_two_models(self) -> None:
        """Build in a process that is killed on the way."""
        died = subprocess.run(
            [sys.executable, "-c", _DIE, str(self.project)],
            env={**os.environ, "DVINA_HOME": str(self.settings.home),
                 "DVINA_PAIRS": ",".join(self.settings.pairs),
                 "DVINA_KILL_AT": f"build.mid_models:{self.dice.randrange(2, 7)}"},
            check=False, capture_output=True, timeout=120,
        )  # fmt: skip
        self.done.append(f"killed build {died.returncode}")
        with duckdb.connect(self.settings.home / "warehouse.duckdb") as database:
            # as if it had been killed just before it dropped the former table and view
            database.execute("create table marts.mart_sector_trade__dbt_backup as select 1 as one")
            database.execute("create view marts.view_loans__dbt_backup as select 1 as one")

    def build(self, *, force: bool = False, tested: bool = True) -> None:
        """Build, and note what dbt was told to bring up to date; tests of the data may be left out."""
        build.LEFT_OUT = ("unit_test",) if tested else ("unit_test", "test")
        outcome = build.build_and_publish(self.settings, force=force)
        assert outcome.state != "failed", outcome.message

    def _note_and_run(self, *arguments: Any) -> models.Ran:
        reach = arguments[4]
        self.told.append(json.loads(reach) if reach else None)
        return models.run_models(*arguments)

    def refused(self) -> dict[str, int]:
        """Of each mart that tells it the rows behind which something is in quarantine."""
        with duckdb.connect(self.settings.home / "warehouse.duckdb", read_only=True) as database:
            marts = database.execute(
                "select table_name from duckdb_columns() where schema_name = 'marts' "
                "and column_name = 'refused_row_count' and table_name like 'mart%' order by 1"
            ).fetchall()
            return {
                mart: len(
                    database.execute(f"from marts.{mart} where refused_row_count > 0").fetchall()
                )
                for (mart,) in marts
            }

    def tables(self) -> dict[str, list[str]]:
        """All tables that dbt makes, as sorted text."""
        with duckdb.connect(self.settings.home / "warehouse.duckdb", read_only=True) as database:
            names = database.execute(
                "select schema_name || '.' || table_name from duckdb_tables() "
                "where schema_name in ('intermediate', 'marts') and table_name <> ? "
                "union select schema_name || '.' || view_name from duckdb_views() "
                "where schema_name = 'marts' order by 1",
                [KEEPS_CODES],
            ).fetchall()
            return {
                name: sorted(_text(row) for row in database.execute(f"from {name}").fetchall())
                for (name,) in names
            }


def main(home: Path, seed: int, steps: int) -> dict[str, Any]:
    """Do the steps, then compare; see the module docstring."""
    run = Run(home, seed)
    dice = run.dice
    for feed in (*FEEDS, comtrade, comtrade, *(FEEDS if steps > 1 else ())):
        run.load(feed(dice))
    (lone,) = run.load(comtrade(dice, LONE_YEAR))
    run.build(tested=steps > 1)
    for step in range(steps):
        if not step:
            run.withdraw(lone)
        if step == steps // 2:
            # what a killed build saw and the next one does not
            gone = [load for feed in dice.sample(FEEDS, 2) for load in run.load(feed(dice))]
            run.die_between_two_models()
            for load in gone:
                run.withdraw(load)
        for _ in range(dice.randrange(1, 4)):
            if run.loads and dice.random() < 0.35:
                run.withdraw(dice.choice(run.loads))
            else:
                run.load(dice.choice(FEEDS)(dice))
        if steps > 4 and step == steps // 3:
            run.change_a_seed()
        if step == steps - 1:  # whatever was drawn, the marts of both directions have rows
            for files in both_ways():
                run.load(files)
        run.build(tested=steps > 1)
    ours, refused, told = run.tables(), run.refused(), run.told[1:]
    run.build(force=True, tested=steps > 1)
    anew = run.tables()
    differ = sorted(name for name in ours.keys() | anew.keys() if ours.get(name) != anew.get(name))
    return {
        "done": run.done,
        "told": told,
        "refused": refused,
        "left_of_lone_year": _holding(ours, f"'{LONE_YEAR}'"),
        "tables": {name: len(rows) for name, rows in anew.items()},
        "differ": {name: _difference(ours.get(name, []), anew.get(name, [])) for name in differ},
    }


def _text(row: tuple[Any, ...]) -> str:
    """A row as text; a sum of doubles depends in its last digits on the order of the rows."""
    return str(
        tuple(
            f"{round(value, 9) + 0.0:.12g}" if isinstance(value, float) else value for value in row
        )
    )


def _holding(tables: dict[str, list[str]], text: str) -> list[str]:
    return [
        name
        for name, rows in tables.items()
        if "dim" not in name and "rates" not in name and any(text in row for row in rows)
    ]


def _difference(ours: list[str], anew: list[str]) -> list[list[str]]:
    return [sorted(set(ours) - set(anew))[:3], sorted(set(anew) - set(ours))[:3]]


if __name__ == "__main__":
    answered = main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps(answered))
