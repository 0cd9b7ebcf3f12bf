"""A register kept by hand: workbook or CSV, its mistakes told as a spreadsheet names them."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dvina.advice import advice
from ingest.contract import load_contract
from ingest.errors import SchemaDrift, SourceRefused
from ingest.landing import Landed
from tests.conftest import PROJECT, SAMPLES
from tests.support import land
from tests.workbooks import Cell, workbook

Write = Callable[[str, str | bytes], Path]
CONTRACT = "loans_register"
HEADINGS = ["line", "lender", "borrower", "date", "sector", "currency", "committed", "source"]
GOOD: list[Cell] = ["a", "Россия", "Belarus", "16.11.2022", "Станки", "RUB", 105000000000, "x"]


def _land(path: Path, home: Path) -> Landed:
    return land(load_contract(CONTRACT), path, home)


def _rows(landed: Landed) -> list[dict[str, Any]]:
    return pa.concat_tables([pq.read_table(p) for p in landed.segments]).to_pylist()


def _advice(landed: Landed, path: Path) -> list[str]:
    return advice(load_contract(CONTRACT), landed.folder, path.name)


def _book(*rows: list[Cell], title: bool = True) -> bytes:
    above: list[list[Cell]] = [["Loans of the ministry"], []] if title else []
    return workbook({"Notes": [["what", "ever"]], "Loans": [*above, HEADINGS, *rows]})


def test_a_workbook_and_a_csv_of_the_same_lines_are_the_same_rows(home: Path, write: Write) -> None:
    book = write(
        "a.xlsx", _book(GOOD, [], ["b", "RUS", "БЕЛАРУСЬ", "2023-01-01", "", "USD", 0.5, "y"])
    )
    text = (
        ";".join(HEADINGS).title() + "\n"
        "a;Russian Federation;BLR;2022-11-16;machine_tools_machines;RUB;105000000000,00;x\n"
        "b;RUS;Республика Беларусь;01.01.2023;;USD;0,5;y\n"
    )
    plain = write("a.csv", text.encode("cp1251"))
    first, second = (_rows(_land(path, home / path.suffix)) for path in (book, plain))
    assert len(first) == 2
    assert first == second
    assert [str(row["committed"]) for row in first] == ["105000000000.00", "0.50"]
    assert [row["sector_id"] for row in first] == ["machine_tools_machines", None]


def test_each_mistake_is_told_by_sheet_row_column_and_what_belongs_there(
    home: Path, write: Write
) -> None:
    bad: list[list[Cell]] = [
        ["b", "Atlantis", "Belarus", "2022-11-16", "", "RUB", 1, "x"],
        ["c", "Russia", "Belarus", "autumn 2022", "", "RUB", 1, "x"],
        ["d", "Russia", "Belarus", "2022-11-16", "machines", "RUB", 1, "x"],
        ["e", "Russia", "Belarus", "2022-11-16", "", "roubles", 1, "x"],
        ["f", "Russia", "Belarus", "2022-11-16", "", "RUB", "105 bn", "x"],
        ["g", "Russia", "Belarus", "2022-11-16", "", "RUB", 1, ""],
    ]
    path = write("my register.xlsx", _book(GOOD, *bad))
    landed = _land(path, home)
    m = landed.manifest
    assert (m.rows_read, m.rows_landed, m.rows_quarantined) == (7, 1, 6)
    told = _advice(landed, path)
    where = "my register.xlsx, sheet 'Loans', row"
    for sentence, begin, what in zip(
        told,
        (f"{where} 5, column B (lender): 'Atlantis' is not known", f"{where} 6, column D (date)",
         f"{where} 7, column E (sector): 'machines' is not one of", f"{where} 8, column F (currency)",
         f"{where} 9, column G (committed): '105 bn' is no number", f"{where} 10, column H (source): the cell is empty"),
        ("English or Russian name", "write 2022-11-16 or 16.11.2022", "Microelectronics", "ISO 4217",
         "digits only", "Where one knows it from"),
        strict=True,
    ):  # fmt: skip
        assert sentence.startswith(begin), sentence
        assert what in sentence


def test_a_csv_is_told_by_row_and_column_too(home: Path, write: Write) -> None:
    text = ",".join(HEADINGS) + "\na,Russia,Belarus,2022-11-16,,rubles,5,x\n"
    path = write("r.csv", text)
    (sentence,) = _advice(_land(path, home), path)
    assert sentence.startswith("r.csv, row 2, column F (currency): 'rubles' is not written as")


def test_the_twenty_first_mistake_is_only_counted(home: Path, write: Write) -> None:
    lines = [f"{n},Russia,Belarus,2022-11-16,,rubles,5,x\n" for n in range(25)]
    path = write("r.csv", ",".join(HEADINGS) + "\n" + "".join(lines))
    told = _advice(_land(path, home), path)
    assert (len(told), told[-1]) == (21, "... and 5 rows more.")


def test_a_workbook_without_the_headings_or_rows_is_refused_in_words(
    home: Path, write: Write
) -> None:
    with pytest.raises(SchemaDrift, match=r"no sheet with the headings line, lender.*template"):
        _land(write("a.xlsx", workbook({"Sheet1": [["creditor", "amount"], ["x", 1]]})), home)
    twice = workbook({"Loans": [[*HEADINGS, "date"], [*GOOD, "2022-01-01"]]})
    with pytest.raises(SchemaDrift, match="heading date more than once"):
        _land(write("b.xlsx", twice), home)
    with pytest.raises(SourceRefused, match="holds no rows"):
        _land(write("c.xlsx", _book()), home)


def test_the_templates_have_the_headings_of_the_contract() -> None:
    names = [column.source for column in load_contract(CONTRACT).columns]
    folder = PROJECT / "docs" / "templates"
    assert (folder / "loans_register.csv").read_text().strip().split(",") == names
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_path(str(folder / "loans_register.xlsx"))
    assert book.get_sheet_by_name("Loans").to_python() == [names]
    told = book.get_sheet_by_name("What belongs where").to_python()[1:]
    assert [row[0] for row in told] == names


def test_the_shipped_example_names_a_source_in_every_line_and_marks_what_is_made_up(
    home: Path,
) -> None:
    path = SAMPLES / CONTRACT / f"{CONTRACT}.csv"
    with path.open(newline="", encoding="utf-8") as lines:
        entries = list(csv.DictReader(lines))
    real = [entry for entry in entries if entry["example"] == "no"]
    assert len(real) == 4
    assert all("https://" in entry["source"] for entry in real)
    assert {entry["disbursed"] for entry in real} == {""}
    rows = _rows(_land(path, home))
    assert {(r["lender_code"], r["borrower_code"], str(r["committed"])) for r in rows if not r["is_example"]} == {
        ("RUS", "BLR", "105000000000.00")
    }  # fmt: skip
