"""Landing a file: counts close, what is refused is kept, and bad files leave nothing."""

import gzip
import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest import archive, landing, segments
from ingest.errors import (
    CountsDisagree,
    HostileInput,
    IngestError,
    SchemaDrift,
    SourceMissing,
    SourceRefused,
)
from ingest.sources import Part, RawBatch, open_source
from ingest.sources.delimited import DelimitedText
from tests.support import HEADER, TOY, land, rows, toy

Write = Callable[[str, str | bytes], Path]
MOST = Decimal("9999999999999999.99")  # that a column of 18 digits holds
GOOD = (
    "Belarus,2021-01,8703,10.50,2021-02-01",
    "Russia,2021-01,8704,3,",
    "Russia,2021-02,8704,7,-",
)


def _quarantine(folder: Path) -> list[dict[str, object]]:
    return pq.read_table(folder / landing.QUARANTINE).to_pylist()


def test_good_rows_land_with_types_and_record_numbers(home: Path, write: Write) -> None:
    landed = land(toy(home / "contracts"), write("a.csv", rows(*GOOD)), home)
    table = pq.read_table(landed.segments[0])
    assert table["_row"].to_pylist() == [1, 2, 3]
    assert [str(v) for v in table["value_usd"].to_pylist()] == ["10.50", "3.00", "7.00"]
    assert (landed.manifest.rows_read, landed.manifest.rows_landed) == (3, 3)


amounts = st.decimals(
    min_value=-MOST, max_value=MOST, places=2, allow_nan=False, allow_infinity=False
)
days = st.one_of(st.none(), st.dates(date(1, 1, 1), date(9999, 12, 31)))


@given(st.lists(st.tuples(amounts, days), min_size=1, max_size=300))
@example([(-MOST, date(1, 1, 1)), (MOST, date(9999, 12, 31)), (-MOST, None)] * 50)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_and_days_are_read_from_a_segment_as_they_were_written(
    tmp_path: Path, told: list[tuple[Decimal, date | None]]
) -> None:
    columns = [dict(column) for column in TOY["columns"]]
    columns[3].pop("minimum")
    lines = (f"Belarus,2021-01,8703,{amount:f},{day or '-'}" for amount, day in told)
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        home = Path(folder)
        (home / "a.csv").write_text(rows(*lines), encoding="utf-8")
        contract = toy(home / "contracts", columns=columns, repeats="legitimate", key=[])
        (segment,) = land(contract, home / "a.csv", home).segments
        read = pq.read_table(segment).select(["value_usd", "seen_date", "_row"])
        query = f"select value_usd, seen_date, _row from '{segment}' order by _row"
        assert duckdb.execute(query).fetchall() == [
            (amount, day, number) for number, (amount, day) in enumerate(told, 1)
        ]
    assert read["value_usd"].to_pylist() == [amount for amount, _ in told]
    assert read["seen_date"].to_pylist() == [day for _, day in told]


def test_a_refused_row_is_kept_as_it_came_without_its_masked_column(
    home: Path, write: Write
) -> None:
    text = rows(GOOD[0], "Atlantis,2021-01,8703,n/a,2021-02-30", GOOD[1])
    landed = land(toy(home / "contracts"), write("a.csv", text), home)
    (refused,) = _quarantine(landed.folder)
    assert (refused["row"], refused["rule"]) == (2, "unknown_countries")
    assert (refused["column"], refused["value"]) == ("reporter_code", "Atlantis")
    source = dict(refused["source"])  # type: ignore[call-overload]
    assert source == {"reporter": "Atlantis", "period": "2021-01", "code": "8703", "value": "n/a",
                      "seen": "2021-02-30"}  # fmt: skip
    assert "example.org" not in json.dumps(refused)


def test_a_line_with_too_few_fields_is_kept_with_its_number_and_masked_text(
    home: Path, write: Write
) -> None:
    text = (
        rows(GOOD[0])
        + "Russia,call +375 29 123-45-67 or a.b@example.org\n"
        + rows(GOOD[1])[len(HEADER) :]
    )
    landed = land(toy(home / "contracts"), write("a.csv", text), home)
    (refused,) = _quarantine(landed.folder)
    assert (refused["row"], refused["rule"]) == (2, "malformed")
    assert "<telephone>" in str(refused["source"])
    assert "example.org" not in str(refused["source"])
    assert pq.read_table(landed.segments[0])["_row"].to_pylist() == [1, 3]


def test_exact_repeats_are_duplicates_only_where_the_contract_forbids_them(
    home: Path, write: Write
) -> None:
    path = write("a.csv", rows(GOOD[0], GOOD[1], GOOD[0]))
    forbidden = land(toy(home / "a"), path, home).manifest
    assert (forbidden.rows_landed, forbidden.rows_duplicate) == (2, 1)
    allowed = land(toy(home / "b", repeats="legitimate", key=[]), path, home).manifest
    assert (allowed.rows_landed, allowed.rows_duplicate) == (3, 0)


def test_blank_lines_quoted_line_ends_and_crlf_are_counted_right(home: Path, write: Write) -> None:
    text = 'reporter,period,code,value,seen,contact\r\n\r\nRussia,2021-01,8703,"1",,"a\nb\r\n\r\nc"\r\n\r\n'
    landed = land(toy(home / "contracts"), write("a.csv", text), home)
    assert landed.manifest.rows_read == landed.manifest.rows_landed == 1


BAD_FILES = {
    "empty": (b"", SourceRefused, "is empty"),
    "header_only": (HEADER.encode(), SourceRefused, "no rows"),
    "html": (b"<!DOCTYPE html><html><body>Error 503</body></html>", SourceRefused, "HTML page"),
    "json": (b'{"count": 0}', SourceRefused, "XML or JSON"),
    "utf16": (rows(*GOOD).encode("utf-16"), SourceRefused, "wrong encoding"),
    "header_cp1251": ("страна,".encode("cp1251") + rows(*GOOD).encode(), SourceRefused, "wrong enc"),
    "truncated": (rows(*GOOD).encode()[:-9], SourceRefused, "cut in transfer"),
    "open_quote": ((rows(*GOOD) + '"Russia,2021-02,8704,1,,x\n').encode(), SourceRefused, "quote"),
    "missing_column": (rows(*GOOD).replace("value", "val").encode(), SchemaDrift, "misses the column value"),
    "column_twice": (rows(*GOOD).replace("seen", "code").encode(), SchemaDrift, "more than once"),
    "fake_gzip": (b"\x1f\x8b" + b"\x00" * 50, SourceRefused, "damaged"),
    "fake_zip": (b"PK\x03\x04" + b"\x00" * 50, SourceRefused, "damaged zip"),
    "sevenzip": (b"7z\xbc\xaf\x27\x1c" + b"\x00" * 50, SourceRefused, "7z"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_with_what_and_where(home: Path, write: Write, name: str) -> None:
    content, error, words = BAD_FILES[name]
    with pytest.raises(error, match=words):
        land(toy(home / "contracts"), write("bad.csv", content), home)
    assert not list((home / "landing").glob("toy_flows/*"))


def test_a_file_that_is_not_there_says_which(home: Path) -> None:
    with pytest.raises(SourceMissing, match=r"nowhere\.csv does not exist"):
        land(toy(home / "contracts"), home / "nowhere.csv", home)


def test_a_link_instead_of_a_file_is_refused(home: Path, write: Write, tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(write("a.csv", rows(*GOOD)))
    with pytest.raises(HostileInput, match="symbolic link"):
        land(toy(home / "contracts"), link, home)


def test_an_unknown_column_is_told_or_stops_as_the_contract_says(home: Path, write: Write) -> None:
    text = "extra," + rows(*(f"1,{entry}" for entry in GOOD))
    landed = land(toy(home / "a"), write("a.csv", text), home)
    assert landed.manifest.drift == ("unknown column extra",)
    with pytest.raises(SchemaDrift, match="unknown column extra"):
        land(toy(home / "b", unknown_columns="stop"), write("a.csv", text), home)


class _Faulty:
    """A planted reader that drops or repeats its last row."""

    def __init__(self, source: DelimitedText, fault: str) -> None:
        self._source, self._fault = source, fault
        self.drift = source.drift

    def parts(self) -> Iterator[Part]:
        for part in self._source.parts():
            yield partial(self._spoil, part)

    def _spoil(self, part: Part) -> RawBatch:
        raw = part()
        if self._fault == "drops":
            return RawBatch(raw.columns.slice(1), raw.rows.slice(1), raw.malformed)
        twice = pa.Table.from_batches([raw.columns, raw.columns.slice(0, 1)])
        numbers = pa.concat_arrays([raw.rows, raw.rows.slice(0, 1)])
        return RawBatch(twice.combine_chunks().to_batches()[0], numbers, raw.malformed)

    def records_read(self) -> int:
        return self._source.records_read()


@pytest.mark.parametrize("fault", ["drops", "repeats"])
def test_a_reader_that_drops_or_repeats_a_row_is_caught(
    home: Path, write: Write, fault: str
) -> None:
    contract = toy(home / "contracts")
    fetched = archive.fetch(contract, str(write("a.csv", rows(*GOOD))), home / "archive")
    place = landing.Workplace(home / "landing", contract.dataset)
    source = open_source(contract, fetched.path)
    assert isinstance(source, DelimitedText)
    with pytest.raises(CountsDisagree, match="holds 3 records"):
        segments.write_segments(contract, _Faulty(source, fault), fetched, place)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=400), st.text('ab,"\n\r\x00é1-', max_size=200).map(str.encode)))
def test_whatever_bytes_follow_the_header_the_counts_close_or_the_file_is_refused(
    home: Path, write: Write, content: bytes
) -> None:
    contract = toy(home / "contracts")
    try:
        landed = land(contract, write("a.csv", HEADER.encode() + content), home)
    except IngestError:
        return
    m = landed.manifest
    assert m.rows_read == m.rows_landed + m.rows_quarantined + m.rows_duplicate > 0
    assert len(_quarantine(landed.folder)) == m.rows_quarantined


def test_record_numbers_stay_right_over_many_blocks_with_malformed_lines(
    home: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.sources.delimited.BLOCK_BYTES", 4096)
    bad = {7, 8, 500, 501, 1999, 2000}
    lines = [
        "broken" if n in bad else f"Russia,{2000 + n % 20}-01,{n:04d},{n},," for n in range(1, 2001)
    ]
    landed = land(toy(home / "c"), write("a.csv", HEADER + "\n".join(lines) + "\n"), home)
    table = pq.read_table(landed.segments[0])
    assert [int(v) for v in table["value_usd"].to_pylist()] == table["_row"].to_pylist()
    assert table.num_rows == 1994
    assert {row["row"] for row in _quarantine(landed.folder)} == bad


def test_a_column_of_another_type_is_drift_before_any_row_is_written(
    home: Path, write: Write
) -> None:
    entries = [f"Russia,2021-01,{n:04d},USD {n},," for n in range(1, 40)]
    with pytest.raises(
        SchemaDrift, match="column value: decimal until now, but 39 of the first 39"
    ):
        land(toy(home / "c"), write("a.csv", HEADER + "\n".join(entries) + "\n"), home)
    assert not list((home / "landing").rglob("segment-*.parquet"))


@pytest.mark.parametrize("packed", ["gz", "zip"])
def test_a_packed_file_lands_like_the_plain_one(home: Path, write: Write, packed: str) -> None:
    text = rows(*GOOD).encode()
    if packed == "gz":
        content = gzip.compress(text)
    else:
        with zipfile.ZipFile(buffer := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archived:
            archived.writestr("a.csv", text)
        content = buffer.getvalue()
    landed = land(toy(home / "c"), write(f"a.csv.{packed}", content), home)
    assert (landed.manifest.rows_read, landed.manifest.rows_landed) == (3, 3)


@pytest.mark.parametrize("shift", range(4))
def test_characters_across_block_ends_lose_nothing(home: Path, write: Write, shift: int) -> None:
    contract = toy(home / "c", unknown_columns="warn")
    text = "товар " * 20 + "€"
    lines = "".join(
        f"Russia,{2000 + n // 9000}-01,{n % 9000:04d},{n},,{text}\n" for n in range(15_000)
    )
    landed = land(contract, write("a.csv", HEADER.replace("\n", "x" * shift + "\n") + lines), home)
    assert (landed.manifest.rows_read, landed.manifest.rows_landed) == (15_000, 15_000)
