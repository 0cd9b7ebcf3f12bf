"""Text without a header: lines by the patterns of a contract, counted apart, refused in words."""

# ruff: noqa: RUF001  (names in Russian)

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.contract import load_contract
from ingest.errors import IngestError, SchemaDrift, SourceRefused
from ingest.landing import Landed
from tests.conftest import synthetic
from tests.support import land

Write = Callable[[str, str | bytes], Path]
OKPD2, TNVED, DECREE = "reference_okpd2_codes", "reference_tnved_tables", "reference_pp1875_items"


def counts(landed: Landed) -> tuple[int, int, int]:
    m = landed.manifest
    assert m.rows_read == m.rows_landed + m.rows_quarantined + m.rows_duplicate
    return m.rows_read, m.rows_landed, m.rows_quarantined


def table(landed: Landed) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in landed.segments)


def test_codes_lose_their_blank_and_stray_quotes_but_no_quote_that_belongs_to_a_name(
    home: Path,
) -> None:
    landed = land(load_contract(OKPD2), synthetic(OKPD2)[0], home)
    assert counts(landed) == (4, 4, 0)
    assert [(row["code"], row["name"]) for row in table(landed).to_pylist()] == [
        ("01", "Придуманное название"),
        ("01.1", 'Придуманное "название" с кавычками'),
        ("01.11.11.110", "Придуманное название в кавычках"),
        ("A", "Придуманный раздел"),
    ]


def test_tables_of_several_layouts_are_told_apart_and_their_stamp_is_no_record(home: Path) -> None:
    sections, headings = (land(load_contract(TNVED), path, home) for path in synthetic(TNVED))
    assert (counts(sections), counts(headings)) == ((2, 2, 0), (2, 2, 0))
    columns = ["table_name", "section_code", "chapter_code", "heading_digits"]
    assert table(sections).select(columns).to_pylist()[0] == {
        "table_name": "TNVED1", "section_code": "01", "chapter_code": None, "heading_digits": None,
    }  # fmt: skip
    assert table(headings).select(columns).to_pylist()[0] == {
        "table_name": "TNVED3", "section_code": None, "chapter_code": "01", "heading_digits": "01",
    }  # fmt: skip
    ends = table(headings)["valid_to_date"].to_pylist()
    assert [str(day) for day in ends] == ["2006-12-31", "None"]
    assert table(headings)["name"][0].as_py() == "ПРИДУМАННАЯ ПОЗИЦИЯ 0801\u00a0-\u00a00806"


def test_an_exception_of_an_item_is_a_column_of_its_own(home: Path, write: Write) -> None:
    text = "1.\tМолоко\t10.51.1\n2.\tСыры\t10.51.4, за исключением 10.51.40.120\n"
    rows = table(land(load_contract(DECREE), write("app2.tsv", text), home)).to_pylist()
    assert [(row["okpd2_codes"], row["excepted_codes"]) for row in rows] == [
        ("10.51.1", None), ("10.51.4", "10.51.40.120"),
    ]  # fmt: skip


def test_a_line_as_no_pattern_is_malformed_with_its_number(home: Path, write: Write) -> None:
    text = "01\tone\r\n\r\nstray line\r\n02\ttwo\r\n03\tthree"
    landed = land(load_contract(OKPD2), write("a.tsv", text), home)
    assert counts(landed) == (4, 3, 1)
    (refused,) = pq.read_table(landed.quarantine).to_pylist()
    assert (refused["row"], refused["rule"]) == (2, "malformed")
    assert table(landed)["_row"].to_pylist() == [1, 3, 4]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("code;name\n01;one\n", SchemaDrift, "none of its first lines"),
        ("<html>\n", SourceRefused, "HTML page"),
        ("", SourceRefused, "is empty"),
        ("[1]", SourceRefused, "JSON"),
    ],
)
def test_another_text_is_refused_in_words(
    home: Path, write: Write, text: str, error: type[SourceRefused], words: str
) -> None:
    with pytest.raises(error, match=words):
        land(load_contract(OKPD2), write("a.tsv", text), home)


def test_many_blocks_give_what_one_gives(
    home: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("a.tsv", "".join(f"{n:02}.1\tимя {n}\n" for n in range(1, 90)))
    whole = table(land(load_contract(OKPD2), path, home))
    monkeypatch.setattr("ingest.sources.lines.BLOCK_BYTES", 50)
    landed = land(load_contract(OKPD2), path, home)
    assert counts(landed) == (89, 89, 0)
    assert (
        table(landed)
        .select(["code", "name", "_row"])
        .equals(whole.select(["code", "name", "_row"]))
    )


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            ["01\tone", '02\t"\ttwo"', "A \t", "x", "\t", " ", "", "03\tдва\u00a0", "01\ta\tb", "\x85", "\u2028"]
        ),
        max_size=8,
    )
)  # fmt: skip
def test_whatever_the_lines_the_counts_close_or_the_file_is_refused(
    home: Path, write: Write, lines: list[str]
) -> None:
    try:
        landed = land(load_contract(OKPD2), write("a.tsv", "\n".join(lines)), home)
    except IngestError:
        return
    read, _, quarantined = counts(landed)
    assert read > 0
    assert pq.read_table(landed.quarantine).num_rows == quarantined
