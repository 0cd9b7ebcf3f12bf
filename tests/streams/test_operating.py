"""What an operator sees and does: metrics, health, replay of refused messages."""

import json
import shutil
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest
import yaml

from dvina import pipeline
from dvina.replay import replay
from dvina.settings import Settings
from dvina.streaming.batches import judge, land
from dvina.streaming.metrics import Metrics, served
from ingest.contract import CONTRACTS_DIR, _load, load_contract
from ingest.streams.landing import Messages
from ingest.streams.positions import Span, StreamPart
from tests.streams.broker import DATASET, Broker, declaration, send
from tests.streams.conftest import Streaming
from warehouse.database import open_warehouse
from warehouse.seal import Sealer


def _get(port: int, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_health_and_readiness_say_what_is_amiss() -> None:
    amiss: list[str] = []
    with served(Metrics(), 0, lambda: amiss, lambda: ["no partition"]) as port:
        assert _get(port, "/health") == (200, "well")
        assert _get(port, "/ready") == (503, "no partition")
        amiss.append("stuck")
        assert _get(port, "/health") == (503, "stuck")
        assert _get(port, "/elsewhere")[0] == 404


def test_metrics_tell_rows_lag_and_latency(broker: Broker, streaming: Streaming) -> None:
    send(broker, *(declaration(n) for n in range(30)), b"poison")
    service = streaming.service()
    service.run(drain_s=30, told=False)
    with served(service.metrics, 0, list, list) as port:
        _, text = _get(port, "/metrics")
    told = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    name = f'{{dataset="{DATASET}"}}'
    assert float(told[f"dvina_stream_rows_total{name}"]) == 30
    assert float(told[f"dvina_stream_quarantined_rows_total{name}"]) == 1
    assert float(told[f"dvina_stream_commit_latency_seconds_count{name}"]) >= 1
    lags = [float(v) for k, v in told.items() if k.startswith("dvina_stream_consumer_lag")]
    assert lags
    assert set(lags) == {0}
    newest = float(told[f"dvina_stream_newest_row_timestamp_seconds{name}"])
    assert 0 <= time.time() - newest < 120


def test_refused_messages_are_driven_again_when_the_contract_is_mended(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contracts = tmp_path / "contracts"
    shutil.copytree(CONTRACTS_DIR, contracts)
    monkeypatch.setenv("DVINA_CONTRACTS", str(contracts))
    _load.cache_clear()
    settings = Settings(home=home, lock_wait_s=20)
    payloads: list[bytes | None] = [
        json.dumps(declaration(n, **({"flow": "EXPORTS"} if n == 2 else {}))).encode()
        for n in range(5)
    ]
    part = StreamPart("customs.declarations", "one", 1, (Span(0, 0, 5),))
    messages = Messages(part, payloads, np.zeros(5, np.int64), np.arange(5))
    judge(load_contract(DATASET), land(settings, load_contract(DATASET), messages, Sealer()))
    pipeline.commit(settings)
    path = contracts / f"{DATASET}.yml"
    document = yaml.safe_load(path.read_text("utf-8"))
    document["version"] = 2
    for column in document["columns"]:
        if column["name"] == "flow_code":
            column["values"]["EXPORTS"] = "X"
    path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    _load.cache_clear()
    (answer,) = replay(settings, DATASET)
    assert (answer.driven, answer.passed, answer.left) == (1, 1, 0)
    assert [again.driven for again in replay(settings, DATASET)] == [0]
    with open_warehouse(home) as connection:
        found = connection.execute(
            f"select declaration_id, _row from accepted.{DATASET}_as_of(1000000) order by _row"
        ).fetchall()
    assert [name for name, _ in found] == [declaration(n)["declaration_id"] for n in range(5)]
    assert len({row for _, row in found}) == 5
    _load.cache_clear()
