"""From figures to landed rows, while the warehouse is locked: the rows must add up to the figures."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from dvina import pipeline
from dvina.explain import cells
from dvina.settings import Settings
from dvina.streaming.batches import judge, land
from ingest.contract import load_contract
from ingest.streams.landing import Messages
from ingest.streams.positions import Span, StreamPart
from tests.conftest import SAMPLES
from tests.dbt.conftest import Marts, built
from tests.streams.broker import declaration
from warehouse.lock import writer_lock
from warehouse.seal import Sealer

PAIRS = "BLR-RUS,DEU-RUS"
LOANS = ("loans_ids_flows", "loans_register", "loans_worldbank_statements")


def ask(home: Path, *words: str, code: int = 0) -> Any:
    """What ``dvina explain`` answers, in a process of its own; messages where it refuses."""
    ran = subprocess.run(
        [sys.executable, "-m", "dvina", "explain", *words, "--json"],
        env={**os.environ, "DVINA_HOME": str(home), "DVINA_PAIRS": PAIRS},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ran.returncode == code, ran.stdout[-2000:] + ran.stderr[-3000:]
    return json.loads(ran.stdout) if ran.stdout else ran.stderr


@pytest.fixture(scope="module")
def home(marts: Marts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is published and landed, without the warehouse: nothing here may need it."""
    target = tmp_path_factory.mktemp("explain") / "home"
    for part in ("landing", "ops", "published", "archive"):
        shutil.copytree(marts.home / part, target / part, symlinks=True)
    return target


@pytest.fixture(scope="module")
def loans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped records of loans, which are real, and nothing else."""
    files = [
        (dataset, path.name, path.read_bytes())
        for dataset in LOANS
        for path in sorted((SAMPLES / dataset).glob("*.csv"))
    ]
    assert len(files) > 3
    return built(tmp_path_factory.mktemp("loans"), tuple(files), PAIRS).home


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three micro-batches of declarations: ten items, one of them amended and one cancelled later."""
    folder = tmp_path_factory.mktemp("declared")
    settings = Settings(home=folder / "home", inbox=folder / "inbox")
    contract = load_contract("customs_declarations")
    first = [declaration(n, value_usd="10.50") for n in range(6)]
    second = [declaration(n, is_synthetic=False) for n in range(6, 10)]
    later = [
        declaration(0, version=2, status="amended", value_usd="99.25"),
        declaration(1, version=2, status="cancelled"),
    ]
    start = 0
    for items in (first, second, later):
        end = start + len(items)
        payloads = [json.dumps(item).encode() for item in items]
        part = StreamPart("customs.declarations", "one", 1, (Span(0, start, end),))
        where = np.zeros(len(items), np.int64), np.arange(start, end)
        landed = land(settings, contract, Messages(part, payloads, *where), Sealer())
        assert judge(contract, landed) == "passed"
        pipeline.commit(settings)
        start = end
    return built(folder, (), PAIRS).home


@pytest.mark.parametrize(
    ("rooms", "mart"),
    [
        ("home", "mart_sector_trade"),
        ("home", "mart_trade_mirror"),
        ("home", "mart_sector_procurement"),
        ("home", "mart_sector_cooperation"),
        ("loans", "fct_loan_flows"),
        ("loans", "mart_sector_loans"),
        ("loans", "mart_sector_cooperation"),
    ],
)
def test_every_cell_is_what_its_landed_rows_add_up_to(
    rooms: str, mart: str, request: pytest.FixtureRequest
) -> None:
    told = ask(request.getfixturevalue(rooms), mart, "--limit", "3")
    assert told["cell_count"] > 0
    assert told["row_count"] >= len(told["rows"]) > 0
    assert any(measure["cells"] for measure in told["proof"])
    assert [m for m in told["proof"] if m["cells_that_differ"]] == []
    for row in told["rows"]:
        assert row["values"]
        assert row["place"]
        assert row["contributions"]
    assert {row["load_id"] for row in told["rows"]} <= {load["load_id"] for load in told["loads"]}
    assert all(len(load["source_sha256"]) == 64 for load in told["loads"])


def test_a_cell_is_explained_while_a_writer_holds_the_warehouse(marts: Marts) -> None:
    with writer_lock(marts.home, 5), duckdb.connect(marts.home / "warehouse.duckdb"):
        told = ask(
            marts.home, "mart_sector_trade", "--reporter", "BLR", "--partner", "RUS",
            "--sector", "automotive", "--period=2019", "--flow", "X", "--limit", "50",
        )  # fmt: skip
    (cell,) = told["cells"]
    # 870323: 60 in all, which wins over 20 + 40; 870421: 10 + 5
    assert cell["value_usd"] == "75.00"
    values = sorted(float(row["values"]["value_usd"]) for row in told["rows"])
    assert values == [5.0, 10.0, 60.0]
    assert [m["from_rows"] for m in told["proof"] if m["measure"] == "value_usd"] == ["75.00"]


def test_a_declared_figure_is_explained_by_its_messages(declared: Path) -> None:
    told = ask(declared, "mart_declared_trade", "--is-synthetic", "true", "--limit", "50")
    assert [m for m in told["proof"] if m["cells_that_differ"]] == []
    rows = {row["values"]["declaration_id"]: row for row in told["rows"]}
    # of six made-up ones the second is cancelled, the first holds in its later version
    assert len(rows) == told["row_count"] == 5
    amended = rows[declaration(0)["declaration_id"]]
    assert amended["values"]["value_usd"] == "99.25"
    assert amended["place"] == "customs.declarations partition 0 offset 10"
    sums = {m["measure"]: m["from_rows"] for m in told["proof"]}
    assert sums["value_usd"] == "141.25"
    assert sums["declaration_count"] == 5
    assert [load["origin"] for load in told["loads"]] == [
        "customs.declarations [0:0-5]", "customs.declarations [0:10-11]",
    ]  # fmt: skip


def test_participation_adds_up_and_a_supplier_that_may_be_a_person_stays_hidden(
    marts: Marts, home: Path
) -> None:
    hidden = {
        supplier
        for (supplier,) in marts.ask(
            "select supplier_id from marts.mart_supplier_participation where organisation_name is null"
        )
    }
    assert hidden
    told = ask(home, "mart_supplier_participation", "--limit", "1000")
    assert told["row_count"] == len(told["rows"])
    assert [m for m in told["proof"] if m["cells_that_differ"]] == []
    assert all(measure["cells"] for measure in told["proof"])
    lines = [(row, line) for row in told["rows"] for line in row["contributions"]]
    shown = [row for row, line in lines if line["supplier_id"] not in hidden]
    withheld = [row for row, line in lines if line["supplier_id"] in hidden]
    assert shown
    assert withheld
    assert all(list(row["values"]) == ["withheld"] and row["place"] for row in withheld)
    assert any("withheld" not in row["values"] for row in shown)


def test_what_finer_codes_tell_is_a_line_without_a_row(home: Path) -> None:
    """CHN to BLR: TOTAL 1000, 8542 300 of it, 854231 200 of that: 700 have no product."""
    told = ask(
        home, "mart_sector_trade", "--reporter", "CHN", "--partner", "BLR", "--period", "2019",
        "--sector", "unallocated",
    )  # fmt: skip
    assert told["cells"][0]["value_usd"] == "700.00"
    assert [row["values"]["value_usd"] for row in told["rows"]] == ["1000.000"]
    (line,) = told["without_a_row"]
    assert float(line["value_original"]) == -300
    assert line["counted_as"] == "told by finer codes"


def test_a_figure_that_its_rows_do_not_give_is_told(home: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "home"
    shutil.copytree(home, spoilt, symlinks=True)
    version = (spoilt / "published" / "current").resolve()
    (version / "dvina.duckdb").chmod(0o600)
    with duckdb.connect(version / "dvina.duckdb") as database:
        database.execute(
            "update marts.mart_sector_trade set value_original = value_original + 1 "
            "where reporter_code = 'BLR' and partner_code = 'RUS' and period = '2019'"
        )
    told = ask(spoilt, "mart_sector_trade", "--reporter", "BLR", "--period", "2019", code=1)
    differ = {m["measure"]: m["cells_that_differ"] for m in told["proof"]}
    assert differ["value_original"] > 0
    assert differ["product_rows"] == 0


def test_an_indicator_says_that_it_is_no_sum_and_explains_its_inputs(home: Path) -> None:
    told = ask(home, "mart_sector_trade_indicators", "--period", "2019", "--country", "BLR",
               "--partner", "RUS", "--sector", "automotive_vehicles")  # fmt: skip
    assert "does not add up" in told["not_additive"]
    assert {inputs["mart"] for inputs in told["inputs"]} == {"mart_trade_mirror"}
    for inputs in told["inputs"]:
        assert inputs["row_count"] > 0
        assert not any(measure["cells_that_differ"] for measure in inputs["proof"])


def test_an_event_is_explained_by_the_trade_before_and_after_it(marts: Marts, home: Path) -> None:
    ((pair, event, sector, direction, year),) = marts.ask(
        "select pair_id, event_id, sector_id, direction, period_before "
        "from marts.mart_policy_events where exports_before_usd > 0 order by all limit 1"
    )
    told = ask(home, "mart_policy_events", "--pair", pair, "--event", event,
               "--sector", sector, "--direction", direction)  # fmt: skip
    assert told["inputs"][0]["asked"]["period"] == year
    assert told["inputs"][0]["row_count"] > 0
    assert not any(m["cells_that_differ"] for i in told["inputs"] for m in i["proof"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["mart_nothing"], "mart_sector_trade"),
        (["mart_sector_trade", "--colour", "red"], "--sector"),
        (["mart_sector_trade", "--sector", "automotiv"], "automotive_vehicles"),
        (["mart_sector_trade", "--reporter", "BLR' or true --"], "There is: "),
        (["mart_sector_trade", "--sector"], "needs a value"),
        (["mart_sector_trade", "--reporter", "CHN", "--partner", "CAN"], "not together"),
        (["mart_revisions"], "has no lineage"),
        (["mart_supplier_participation", "--supplier", "x"], "--supplier-country-code"),
        (["mart_declared_trade", "--sector", "tools"], "has no rows"),
    ],
)
def test_a_question_that_cannot_be_answered_says_what_can(
    home: Path, words: list[str], says: str
) -> None:
    assert says in ask(home, *words, code=2)


def test_every_lineage_has_its_proof_and_covers_the_grain() -> None:
    assert len(cells.explained()) >= 8
    for name in cells.explained():
        proof = (cells.LINEAGE / f"proof_{name}.sql").read_text("utf-8")
        assert all(column in proof for column in cells.marts()[name].grain)
