"""A number is landed as it was written or refused, however many digits it has and whoever reads it."""

import json
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest import decimals
from ingest.casting import cast_batch
from ingest.columns import cast_column
from ingest.contract import Contract, load_contract
from ingest.contract_column import Column
from ingest.sources import open_source
from ingest.streams.decoding import decoder_of
from tests.comtrade import answer, download, record
from tests.ingest.test_ids import item, page
from tests.ingest.test_ocds import release
from tests.ingest.test_statements import OLD, _line
from tests.streams.broker import declaration

Write = Callable[[str, str | bytes], Path]
# What 128 and 256 bits take for 1000 and something, once the point stands 18 digits before the end.
WRAPS, WRAPS_WIDE = (2**bits // 10**18 + 1_001 for bits in (128, 256))
HUGE = [
    str(WRAPS),
    f"-{WRAPS}",
    str(WRAPS_WIDE),
    f"{WRAPS}.25",
    "1e30",
    "1E+20",
    "9" * 38,
    "9" * 70,
    # Further behind the point than pyarrow's tables reach.
    "1.00E-75",
    "1.5e-40",
    "1E-300",
    "1.0000000000000000000E-22",
]
COLUMNS = [
    Column(name="c", type="decimal", description="d", source="c", required=False, **more)  # type: ignore[arg-type]
    for more in (
        {"precision": 18, "scale": 2}, {"precision": 38, "scale": 18},
        {"precision": 38, "scale": 10}, {"precision": 38, "scale": 37},
        {"precision": 18, "scale": 2, "rounds": True}, {"precision": 28, "scale": 2, "rounds": True},
    )
]  # fmt: skip
numbers = st.from_regex(r"-?[0-9]{1,45}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@given(st.lists(numbers, min_size=1, max_size=4))
@example(HUGE)
@example(["1.5", "-0.000000000931", "17014118346046923173.1687"])
def test_a_number_as_text_is_landed_as_written_or_refused(texts: list[str]) -> None:
    for column in COLUMNS:
        cast = cast_column(column, pa.array(texts), 100)
        refused = np.zeros(len(texts), bool)
        for _, mask in cast.broken:
            refused |= mask
        for text, value, bad in zip(texts, cast.values.to_pylist(), refused, strict=True):
            assert value is None if bad else value == _meant(column, text)


def _meant(column: Column, text: str) -> Decimal:
    with localcontext(Context(prec=200)):
        number = Decimal(text)
        places = Decimal(1).scaleb(-column.scale)
        return number.quantize(places, ROUND_HALF_EVEN) if column.rounds else number


def test_a_large_exponent_is_found_wherever_it_stands() -> None:
    for before in (0, 1, *range(decimals._PIECE - 5, decimals._PIECE + 5)):
        for number, found in (
            (b"1e-50", True),
            (b"1.E-20", True),
            (b"re-50", False),
            (b"1e-05", False),
        ):
            text = b"," * before + number + b"," * decimals._PIECE
            assert decimals.is_misread(text) is found, (before, number)


@pytest.mark.parametrize("text", HUGE)
def test_a_huge_number_in_delimited_text_is_refused_alone(write: Write, text: str) -> None:
    contract = load_contract("loans_worldbank_statements")
    lines = [
        _line(f"IBRD0000{n}", due=due) for n, due in enumerate(("64.5", text, "-0.000000000931"))
    ]
    landed, refused = _read(contract, write("a.csv", OLD + "\n" + "".join(lines)), "due_usd")
    assert landed == [Decimal("64.50"), Decimal("0.00")]
    assert refused == [(2, "not_decimal", "due_usd", text)]


@pytest.mark.parametrize("text", [*HUGE, "123456789012345678"])
def test_a_huge_number_in_json_is_refused_alone(write: Write, text: str) -> None:
    contract = load_contract("customs_comtrade_flows")
    body = answer(record(), record(primaryValue=0.123456789), record())
    body = body.replace("0.123456789", text)
    landed, refused = _read(contract, write("a.json", body), "value_usd")
    assert landed == [Decimal(1000), Decimal(1000)]
    assert [(row, rule, of) for row, rule, of, _ in refused] == [(2, "not_decimal", "value_usd")]
    assert Decimal(str(refused[0][3])) == Decimal(text)


def test_a_huge_number_in_a_download_is_refused_alone(write: Write) -> None:
    contract = load_contract("customs_comtrade_flows")
    body = download(record(), record(primaryValue=WRAPS), record(primaryValue=123456789012345678))
    landed, refused = _read(contract, write("a.csv", body), "value_usd")
    assert landed == [Decimal(1000)]
    assert [(row, value) for row, _, _, value in refused] == [
        (2, str(WRAPS)), (3, "123456789012345678"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", HUGE)
def test_a_huge_number_in_a_page_of_debt_is_refused_alone(write: Write, text: str) -> None:
    contract = load_contract("loans_ids_flows")
    body = json.dumps(page([item("China", 2022, 7.25), item("China", 2023, 1.5)]))
    landed, refused = _read(contract, write("a.json", body.replace("7.25", text)), "value")
    assert landed == [Decimal("1.5")]
    assert [(row, rule, of) for row, rule, of, _ in refused] == [(1, "not_decimal", "value")]


@pytest.mark.parametrize("text", HUGE)
def test_a_huge_number_in_a_release_is_refused_alone(write: Write, text: str) -> None:
    contract = load_contract("procurement_ocds_releases")
    tender = {"id": "t", "value": {"amount": 7.25, "currency": "USD"}}
    items = {"id": "t", "items": [{"id": "i", "quantity": 7.25}]}
    for told in (tender, items):
        lines = [json.dumps(release(1)), json.dumps(release(2, tender=told))]
        path = write("a.jsonl", "\n".join(lines).replace("7.25", text))
        landed, refused = _read(contract, path, "ocid")
        assert len(landed) == 1
        assert [(row, rule) for row, rule, _, _ in refused] == [(2, "not_decimal")]


@pytest.mark.parametrize("text", [*HUGE, "123456789012345678"])
def test_a_huge_number_in_a_message_is_refused_alone(text: str) -> None:
    contract = load_contract("customs_declarations")
    payloads = [json.dumps(declaration(1, value_usd=value)) for value in (7.25, 8.5)]
    bodies = [payload.replace("7.25", text).encode() for payload in payloads]
    batches = list(decoder_of(contract).decode(bodies, np.array([1, 2]), ()))
    casts = [cast_batch(contract, raw) for raw in batches]
    assert [v for c in casts for v in c.landed["value_usd"].to_pylist()] == [Decimal("8.50")]
    refused = [entry for c in casts for entry in c.refused.to_pylist()]
    assert [(entry["row"], entry["rule"]) for entry in refused] == [(1, "not_decimal")]


def _read(
    contract: Contract, path: Path, name: str
) -> tuple[list[object], list[tuple[int, str, str, str]]]:
    """One column of the rows that landed, and row, rule, column and value of those refused."""
    landed: list[object] = []
    refused: list[tuple[int, str, str, str]] = []
    for part in open_source(contract, path).parts():
        cast = cast_batch(contract, part())
        landed += cast.landed.column(name).to_pylist()
        refused += [
            (e["row"], e["rule"], e["column"], e["value"]) for e in cast.refused.to_pylist()
        ]
    return landed, refused
