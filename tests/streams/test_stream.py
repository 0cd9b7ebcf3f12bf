"""From messages to committed rows, with a real broker."""

from ingest.streams.positions import unpacked
from tests.streams.broker import DATASET, Broker, declaration, send, topic
from tests.streams.conftest import Streaming
from warehouse import side
from warehouse.quarantine import rows as quarantined


def test_messages_become_rows_and_poison_is_quarantined_with_its_position(
    broker: Broker, streaming: Streaming
) -> None:
    send(broker, *(declaration(n) for n in range(20)), partition=0)
    poison = b'{"declaration_id": "X", "declarant_name": "Maria Known", "declarant_phone": +37529'
    send(broker, declaration(20), poison, None, declaration(21, value_usd="n/a"), partition=1)
    assert streaming.drain() == []
    assert len(streaming.accepted()) == 21
    refused = streaming.ask('select row, rule, "column", source from quarantine.rows order by row')
    assert [(unpacked(row), rule, column) for row, rule, column, _ in refused] == [
        ((1, 1, 1), "malformed", None),
        ((1, 1, 2), "malformed", None),
        ((1, 1, 3), "not_decimal", "value_usd"),
    ]
    assert "Known" not in str(refused)
    assert streaming.ask(
        'select "partition", max(next_offset) from ledger.positions group by 1 order by 1'
    ) == [(0, 20), (1, 4)]
    (shown,) = [
        entry
        for load in side.loads(streaming.home, DATASET)
        for entry in quarantined(streaming.home, load["load_id"], 10)
        if entry["rule"] == "not_decimal"
    ]
    assert shown["position"] == f"{topic()} partition 1 offset 3"


def test_reading_again_changes_nothing(broker: Broker, streaming: Streaming) -> None:
    send(broker, *(declaration(n) for n in range(10)))
    streaming.drain()
    before = streaming.ask("from ledger.loads order by all")
    assert before
    streaming.drain()
    assert streaming.ask("from ledger.loads order by all") == before
    send(broker, declaration(10))
    streaming.drain()
    assert len(streaming.accepted()) == 11
