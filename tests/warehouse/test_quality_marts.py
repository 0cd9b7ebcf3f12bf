"""The marts about the data: each load with its verdict, each dataset with its age."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dvina import pipeline
from dvina.settings import Settings
from ingest.contract import load_contract
from tests.support import rows, toy
from warehouse.database import open_warehouse
from warehouse.ledger import last_decision
from warehouse.lock import writer_lock
from warehouse.quality_marts import lay_quality_marts

GOOD = [f"Belarus,2021-01,{8000 + i},{i + 1}.50," for i in range(10)]


def test_each_load_stands_with_its_verdict_and_each_dataset_with_its_age(
    home: Path,
    tmp_path: Path,
    write: Callable[[str, str | bytes], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule = {"name": "small", "expectation": "expect_rows_to_hold", "severity": "warn", "why": "w",
            "arguments": {"condition": "value_usd < 9", "columns": ["value_usd"]}}  # fmt: skip
    toy(tmp_path / "contracts", expected_every_days=30, rules=[rule])
    monkeypatch.setenv("DVINA_CONTRACTS", str(tmp_path / "contracts"))
    settings = Settings(home=home)
    good = pipeline.ingest(settings, "toy_flows", str(write("good.csv", rows(*GOOD))))
    bad = pipeline.ingest(settings, "toy_flows", str(write("bad.csv", "<html></html>")))
    with writer_lock(home, 5), open_warehouse(home) as connection:
        connection.execute("update ledger.pin set horizon = ?", [last_decision(connection)])
        lay_quality_marts(connection, [load_contract("toy_flows")])
        loads = connection.execute(
            "select load_id, decision, rows_landed, warned_count, stopped_count, broken_rules, offenders "
            "from marts.mart_data_quality order by landed_at"
        ).fetchall()
        (fresh,) = connection.execute(
            "select dataset, publisher, last_load_id, load_count, due_at - last_accepted_at, "
            "newest_period, slice_count, row_count from marts.mart_freshness"
        ).fetchall()
    assert loads[0][:6] == (good.load_id, "accepted", 10, 1, 0, "small")
    assert json.loads(loads[0][6])[0] == {"row": 9, "column": "value_usd", "value": "9.50"}
    assert loads[1][:6] == (bad.load_id, "rejected", 0, 0, 1, "source_readable")
    assert fresh[:4] == ("toy_flows", "Nobody", good.load_id, 1)
    assert fresh[4].days == 30
    assert fresh[5:] == ("2021-01", 1, 10)
