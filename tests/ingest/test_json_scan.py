"""Finding records in JSON answers, whatever stands in their strings and wherever chunks end."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import HostileInput, SourceRefused
from ingest.sources import json_scan
from ingest.sources.json_scan import AnswerScanner

_TEXTS = st.text(alphabet='ab"\\{}[],: \n\té', max_size=8)
_VALUES = st.none() | st.booleans() | st.integers() | _TEXTS | st.lists(_TEXTS, max_size=2)
_RECORDS = st.lists(st.dictionaries(_TEXTS, _VALUES, max_size=4), max_size=6)


def scan(text: bytes, size: int) -> tuple[list[Any], int]:
    """All records and the told count, fed in chunks of ``size`` bytes."""
    scanner = AnswerScanner("dataset: file")
    found: list[Any] = []
    for at in range(0, len(text), size):
        block = scanner.feed(text[at : at + size])
        found += [json.loads(block.record(number)) for number in range(block.records)]
    return found, scanner.finish()


@given(st.lists(_RECORDS, min_size=1, max_size=3), st.integers(1, 40), st.booleans())
def test_the_records_are_those_of_a_json_parser_wherever_chunks_end(
    answers: list[list[dict[str, Any]]], size: int, pretty: bool
) -> None:
    texts = [
        json.dumps(
            {"elapsedTime": "]} {", "count": len(rows), "data": rows, "error": "", "more": {"a": [1]}},
            ensure_ascii=False, indent=2 if pretty else None,
        )
        for rows in answers
    ]  # fmt: skip
    whole = "\n".join(texts).encode()
    found, told = scan(whole, size)
    assert found == [row for rows in answers for row in rows]
    assert told == len(found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("[]", "does not begin with an object"),
        ("null", "text stands after"),
        ('{"count":2,"data":[{"a":1}]}', "tells of 2 records but holds 1"),
        ('{"count":1,"data":[{"a":1}', "cut in transfer"),
        ('{"count":1,"data":[{"a":"1', "cut in transfer"),
        ('{"count":0,"data":[1,2]}', "something else than objects"),
        ('{"count":0,"data":[]}}', "closes what none has opened"),
        ('{"count":0,"data":[]} x', "text stands after"),
        ('{"count":0,"rows":[{}]}', "has no list 'data'"),
        ('{"count":0,"data":[],"error":"Too many"}', "error of the publisher: Too many"),
        ('{"statusCode":401,"message":"Access denied"}', "error of the publisher: Access denied"),
        ('{"count":0 "data":[]}', "is no JSON"),
        ("<html>busy</html>", "text stands after"),
    ],
)
def test_what_is_no_whole_answer_is_refused_with_what_and_where(text: str, message: str) -> None:
    with pytest.raises(SourceRefused, match=message):
        scan(text.encode(), 1000)


def test_depth_record_and_envelope_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_scan, "MAX_RECORD_BYTES", 1000)
    monkeypatch.setattr(json_scan, "MAX_ENVELOPE_BYTES", 1000)
    deep = '{"data":[{"a":' + "[" * 100 + "]" * 100 + "}]}"
    with pytest.raises(HostileInput, match="nested deeper"):
        scan(deep.encode(), 50)
    with pytest.raises(HostileInput, match="record 1 is longer"):
        scan(b'{"data":[{"a":"' + b"x" * 5000, 100)
    with pytest.raises(HostileInput, match="bytes around the records"):
        scan(b'{"a":"' + b"x" * 5000, 100)
