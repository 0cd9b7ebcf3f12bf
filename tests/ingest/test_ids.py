"""International Debt Statistics: bulk text, Arrow files and pages of the API, counted twice."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from ingest.contract import Limits, load_contract
from ingest.errors import HostileInput, IngestError, SchemaDrift, SourceRefused
from ingest.landing import Landed, refusals
from ingest.sources import open_source
from ingest.sources.arrow_count import count_rows
from tests.support import land

Write = Callable[[str, str | bytes], Path]
DATASET = "loans_ids_flows"
YEARS = [str(year) for year in range(2000, 2033)]
HEADER = (
    "Country Name,Country Code,Counterpart-Area Name,Counterpart-Area Code,Series Name,"
    "Series Code," + ",".join(YEARS) + "\r\n"
)


def _land(path: Path, home: Path) -> Landed:
    return land(load_contract(DATASET), path, home)


def _rows(landed: Landed) -> list[dict[str, Any]]:
    assert landed.segments
    table = pa.concat_tables([pq.read_table(path) for path in landed.segments])
    return [dict(row) for row in table.to_pylist()]


def _line(country: str, code: str, lender: str, series: str, **cells: str) -> str:
    values = [cells.get(f"y{year}", "") for year in YEARS]
    return f'{country},{code:10},"{lender}",999,"Words, and more",{series},{",".join(values)}\r\n'


def test_bulk_text_is_cp1252_with_padded_codes_and_says_what_is_scheduled(
    home: Path, write: Write
) -> None:
    text = HEADER + _line(
        "Belarus", "BLR", "Russian Federation", "DT.AMT.BLAT.CD",
        y2022="1629650950.1", y2023="1224626823", y2031="7",
    )  # fmt: skip
    text += _line(
        "C\u00f4te d'Ivoire", "CIV", "World Bank-IBRD\u00a0\u00a0", "DT.DOD.MLAT.CD", y2024="5"
    )
    landed = _land(write("IDS_ALLCountries_Data.csv", text.encode("cp1252")), home)
    rows = _rows(landed)
    assert landed.manifest.rows_read == len(rows) == 4
    assert {(r["borrower_code"], r["lender_code"], r["period"], str(r["value"])) for r in rows} == {
        ("BLR", "RUS", "2022", "1629650950.1000"),
        ("BLR", "RUS", "2023", "1224626823.0000"),
        ("BLR", "RUS", "2031", "7.0000"),
        ("CIV", "WB-IBRD", "2024", "5.0000"),
    }
    assert {row["last_actual_year"] for row in rows} == {2024}


def test_a_file_that_is_cut_does_not_tell_its_edition(home: Path, write: Write) -> None:
    text = (
        "Country Code,Counterpart-Area Name,Series Code,2021 [YR2021],2022 [YR2022]\n"
        "BLR,China,DT.INT.BLAT.CD,1.5,2.5\n"
    )
    rows = _rows(_land(write("databank.csv", text), home))
    assert [(row["period"], row["last_actual_year"]) for row in rows] == [
        ("2021", None),
        ("2022", None),
    ]


def test_of_the_bulk_zip_only_the_data_are_read(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "IDS_Excel.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("IDS_SeriesMetaData.csv", "Code,Indicator Name\nx,y\n")
        archive.writestr(
            "IDS_ALLCountries_Data.csv",
            HEADER + _line("Belarus", "BLR", "China", "DT.AMT.BLAT.CD", y2022="3"),
        )
        archive.writestr("IDS_CountryMetaData.csv", "Code,Long Name\nBLR,Belarus\n")
    assert [row["lender_code"] for row in _rows(_land(path, home))] == ["CHN"]


def test_an_unknown_creditor_is_quarantined_with_its_name(home: Path, write: Write) -> None:
    text = HEADER
    text += _line("Belarus", "BLR", "Atlantis", "DT.AMT.BLAT.CD", y2022="3")
    text += _line("Belarus", "BLR", "China", "DT.AMT.BLAT.CD", y2022="4")
    text += "too,short\r\n"
    landed = _land(write("IDS_ALLCountries_Data.csv", text), home)
    m = landed.manifest
    assert (m.rows_read, m.rows_landed, m.rows_quarantined) == (3, 1, 2)
    assert "unknown_loan_parties_ids" in str(refusals(landed))
    assert "Atlantis" in str(refusals(landed))


def test_a_header_without_creditors_or_years_is_refused(home: Path, write: Write) -> None:
    lacking = HEADER.replace("Counterpart-Area Name,", "Lender,")
    with pytest.raises(SchemaDrift, match="misses the column counterpart_area"):
        _land(write("a.csv", lacking + "x\n"), home)
    with pytest.raises(SchemaDrift, match="more than once"):
        _land(write("b.csv", HEADER.replace("2001", "2000") + "x\n"), home)


def _feather(path: Path, rows: int = 3, **options: Any) -> Path:
    table = pa.table(
        {
            "country": ["Belarus"] * rows,
            "counterpart_area": pa.array(["Germany, Fed. Rep. of"] * rows).dictionary_encode(),
            "series": ["PPG, bilateral (AMT, current US$)"] * rows,
            "year": pa.array([f"{2000 + n}-01-01" for n in range(rows)]).cast(pa.timestamp("ns")),
            "value": [0.1 + n for n in range(rows)],
            "series_code": ["DT.AMT.BLAT.CD"] * rows,
        }
    )
    feather.write_feather(table, str(path), **options)
    return path


@pytest.mark.parametrize("compression", ["lz4", "zstd", "uncompressed"])
def test_an_arrow_file_is_read_as_text_and_counted_in_its_messages(
    home: Path, tmp_path: Path, compression: str
) -> None:
    path = _feather(tmp_path / "a.feather", 25, compression=compression, chunksize=10)
    rows = _rows(_land(path, home))
    assert count_rows(path, Limits(), "x") == len(rows) == 25
    assert [str(row["value"]) for row in rows[:2]] == ["0.1000", "1.1000"]
    assert {row["lender_code"] for row in rows} == {"DEU"}
    assert [row["period"] for row in rows] == [str(2000 + n) for n in range(25)]


def test_an_arrow_file_that_was_cut_or_rotted_is_refused(home: Path, tmp_path: Path) -> None:
    whole = _feather(tmp_path / "a.feather", 50).read_bytes()
    assert whole[:6] == b"ARROW1"
    for number, body in enumerate((whole[:-40], whole[:30], whole[:6])):
        path = tmp_path / f"cut{number}.feather"
        path.write_bytes(body)
        with pytest.raises(SourceRefused, match="damaged Arrow file"):
            _land(path, home)
    refused = read = 0
    path = tmp_path / "rot.feather"
    for at in range(8, len(whole), 7):  # any byte may rot: it is refused or read, never a crash
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            source = open_source(load_contract(DATASET), path)
            read += sum(part().columns.num_rows for part in source.parts()) > 0
        except IngestError:
            refused += 1
    assert refused
    assert read


def test_an_arrow_file_that_would_swell_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    table = pa.table({"country": pa.array(["x" * 30_000] * 5_000)})
    path = tmp_path / "bomb.feather"
    feather.write_feather(table, str(path), compression="zstd")
    assert path.stat().st_size < 1_000_000
    with pytest.raises(HostileInput, match="swells"):
        count_rows(path, Limits(), "x")


def item(lender: str, year: int, value: object, country: str = "BLR") -> dict[str, Any]:
    """One item as the API gives it, its concepts in an order of its own."""
    return {
        "variable": [
            {"concept": "Time", "id": f"YR{year}", "value": str(year)},
            {"concept": "Country", "id": country, "value": "Belarus"},
            {"concept": "Vintage", "id": "1", "value": "one that is not known"},
            {"concept": "Counterpart-Area", "id": "087", "value": lender},
            {"concept": "Series", "id": "DT.AMT.BLAT.CD", "value": "PPG, bilateral"},
        ],
        "value": value,
    }


def page(
    items: list[dict[str, Any]], number: int = 1, pages: int = 1, total: int | None = None
) -> dict[str, Any]:
    """One page as the API gives it."""
    return {
        "page": number, "pages": pages, "per_page": 50, "total": total or len(items),
        "sourceid": "6", "lastupdated": "2024-12-03",
        "source": {"id": "6", "name": "International Debt Statistics", "data": items},
    }  # fmt: skip


ITEMS = [
    item("Russian Federation", 2022, 1629650950.1),
    item("Russian Federation", 2023, None),
    item("World Bank-IBRD" + "\u00a0" * 20, 2022, 3.5),
    item("China", 2022, 8.08329963684082),
]


def test_pages_are_read_by_concept_and_items_without_a_value_are_none(
    home: Path, write: Write
) -> None:
    two = json.dumps(page(ITEMS[:2], 1, 2, 4)) + "\n" + json.dumps(page(ITEMS[2:], 2, 2, 4))
    whole = json.dumps(page(ITEMS), indent=2)
    for number, text in enumerate((two, whole)):
        landed = _land(write(f"{number}.json", text), home / str(number))
        rows = _rows(landed)
        assert landed.manifest.rows_read == 3
        assert {(r["lender_code"], str(r["value"]), r["last_actual_year"]) for r in rows} == {
            ("RUS", "1629650950.1000", 2023),
            ("WB-IBRD", "3.5000", 2023),
            ("CHN", "8.0833", 2023),
        }
        assert {row["period"] for row in rows} == {"2022"}


def test_a_page_that_the_block_reader_refuses_is_read_value_by_value(
    home: Path, write: Write
) -> None:
    odd = [item("China", 2022, "n.a."), item("China", 2023, 1.5e9), item("China", 2024, 1)]
    landed = _land(write("odd.json", json.dumps(page(odd))), home)
    m = landed.manifest
    assert (m.rows_read, m.rows_landed, m.rows_quarantined) == (3, 2, 1)
    assert "n.a." in str(refusals(landed))
    assert sorted(str(row["value"]) for row in _rows(landed)) == ["1.0000", "1500000000.0000"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('<?xml version="1.0"?><wb:error xmlns:wb="http://www.worldbank.org"><wb:message id="120" '
         'key="Invalid">not valid or data not found</wb:message></wb:error>', "data not found"),
        ('[{"message":[{"id":"120","key":"Invalid value","value":"The value is not valid"}]}]',
         "The value is not valid"),
        (json.dumps(page(ITEMS, 1, 2, 8)), "ends after page 1 of 2"),
        (json.dumps(page(ITEMS, 2, 2, 8)), "holds page 2 where page 1 is expected"),
        (json.dumps(page(ITEMS, total=9)), "4 items where its last page says 9"),
        (json.dumps(page(ITEMS))[:-30], "cut in transfer"),
    ],
)  # fmt: skip
def test_errors_and_pages_that_lack_are_refused(
    home: Path, write: Write, text: str, told: str
) -> None:
    with pytest.raises(SourceRefused, match=told):
        _land(write("page.json", text), home)


def test_the_three_forms_of_one_figure_are_one_row(
    home: Path, write: Write, tmp_path: Path
) -> None:
    """A bulk file, a page and an extract differ in bytes; what lands of them does not."""
    wide = HEADER + _line("Belarus", "BLR", "China", "DT.AMT.BLAT.CD", y2022="8.0833")
    pages = json.dumps(page([item("China", 2022, 8.08329963684082)]))
    table = pa.table(
        {
            "country": ["Belarus"], "counterpart_area": ["China"], "series": ["x"],
            "year": pa.array(["2022-01-01"]).cast(pa.timestamp("ns")),
            "value": [8.08329963684082], "series_code": ["DT.AMT.BLAT.CD"],
        }
    )  # fmt: skip
    feather.write_feather(table, str(tmp_path / "a.feather"))
    paths = [write("wide.csv", wide), write("page.json", pages), tmp_path / "a.feather"]
    landed = [_rows(_land(path, home / str(at)))[0] for at, path in enumerate(paths)]
    told = [{k: v for k, v in row.items() if k != "last_actual_year"} for row in landed]
    assert told[0] == told[1] == told[2]
    assert pc.equal(pa.scalar(str(told[0]["value"])), "8.0833").as_py()
