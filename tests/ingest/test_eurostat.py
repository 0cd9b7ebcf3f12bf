"""Eurostat: the bulk files under both headers, and the Data Browser's workbooks."""

import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import py7zr
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.contract import load_contract
from ingest.errors import CountsDisagree, HostileInput, IngestError, SchemaDrift, SourceRefused
from ingest.landing import Landed
from ingest.sources import workbook
from ingest.sources.workbook_table import letters
from tests.conftest import SAMPLES, SAMPLES_FOLDER, needs_samples
from tests.support import land

Write = Callable[[str, str | bytes], Path]
GIVEN = SAMPLES_FOLDER / "customs" / "eurostat"
NEW = (
    "REPORTER,PARTNER,TRADE_TYPE,PRODUCT_NC,PRODUCT_SITC,PRODUCT_CPA21,PRODUCT_CPA22,PRODUCT_BEC,"
    "PRODUCT_BEC5,PRODUCT_SECTION,FLOW,STAT_PROCEDURE,SUPPL_UNIT,PERIOD,VALUE_EUR,VALUE_NAC,"
    "QUANTITY_KG,QUANTITY_SUPPL_UNIT\n"
)
OLD = (
    "DECLARANT,DECLARANT_ISO,PARTNER,PARTNER_ISO,TRADE_TYPE,PRODUCT_NC,PRODUCT_SITC,"
    "PRODUCT_cpa2002,PRODUCT_cpa2008,PRODUCT_CPA2_1,PRODUCT_BEC,PRODUCT_SECTION,FLOW,STAT_REGIME,"
    "SUPP_UNIT,PERIOD,VALUE_IN_EUROS,QUANTITY_IN_KG,SUP_QUANTITY\n"
)
NEW_ROWS = (
    "AT,BY,E,01012100,00150,0143,0143,111,112110,01,2,1,PST,202402,1500.5,1500.5,400,2\n"
    "AT,BY,E,39XXXXXX,582XX,XXXX,XXXX,700,31XXXX,07,2,1,NO_SU,202402,89,89,0,0\n"
    "AT,BY,E,39XXXXXX,583XX,XXXX,XXXX,700,31XXXX,07,2,1,NO_SU,202402,11,11,0,0\n"
    "AT,BY,E,TOTAL,TOTAL,TOTAL,TOTAL,TOTAL,TOTAL,TOTAL,2,1,NO_SU,202402,1600.5,1600.5,400,0\n"
)


def _table(landed: Landed) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in landed.segments)


def _reasons(landed: Landed) -> dict[tuple[str, str], int]:
    table = pq.read_table(landed.quarantine)
    counted = table.group_by(["rule", "value"]).aggregate([("row", "count")]).to_pylist()
    return {(entry["rule"], entry["value"]): entry["row_count"] for entry in counted}


def _counts(landed: Landed) -> tuple[int, int, int, int]:
    m = landed.manifest
    assert m.rows_read == m.rows_landed + m.rows_quarantined + m.rows_duplicate
    return m.rows_read, m.rows_landed, m.rows_quarantined, m.rows_duplicate


def _comext(home: Path, path: Path) -> Landed:
    return land(load_contract("customs_comext_flows"), path, home)


def test_a_bulk_file_keeps_codes_levels_and_suppressed_rows(home: Path, write: Write) -> None:
    landed = _comext(home, write("full_v2_202402.dat", NEW + NEW_ROWS))
    assert _counts(landed) == (4, 4, 0, 0)
    assert landed.manifest.drift == ()
    table = _table(landed)
    assert table["commodity_code"].to_pylist() == ["01012100", "39XXXXXX", "39XXXXXX", "TOTAL"]
    assert table["commodity_level"].to_pylist() == [8, 8, 8, 0]
    assert set(table["partner_code"].to_pylist()) == {"BLR"}
    assert set(table["period"].to_pylist()) == {"2024-02"}
    assert [str(value) for value in table["value_eur"].to_pylist()] == [
        "1500.50", "89.00", "11.00", "1600.50",
    ]  # fmt: skip


def test_the_older_header_gives_the_same_columns(home: Path, write: Write) -> None:
    rows = (
        "001,FR,0075,RU,E,27090090,33300,1110,0610,0610,311,05,1,1,-,200801,2580,600,0\n"
        "001,FR,0003,NL,I,99RRR100,00151,0122,0143,.....,111,01,2,4,A,200801,77,5,1\n"
    )
    landed = _comext(home, write("full200801.dat", OLD + rows))
    assert _counts(landed) == (2, 2, 0, 0)
    assert landed.manifest.drift == ()
    first, second = _table(landed).to_pylist()
    assert (first["reporter_code"], first["partner_code"], first["flow_code"]) == (
        "FRA",
        "RUS",
        "M",
    )
    assert (first["period"], first["frequency"], first["quantity_kg"]) == ("2008-01", "M", 600)
    assert (second["partner_code"], second["flow_code"]) == ("NLD", "X")
    assert (second["commodity_code"], second["stat_procedure_code"]) == ("99RRR100", "4")


def test_month_52_is_the_year(home: Path, write: Write) -> None:
    landed = _comext(home, write("full_v2_202352.dat", NEW + NEW_ROWS.replace("202402", "202352")))
    table = _table(landed)
    assert set(table["period"].to_pylist()) == {"2023"}
    assert set(table["frequency"].to_pylist()) == {"A"}


PARTNERS = {
    "GR": "GRC", "EL": "GRC", "GB": "GBR", "XI": "XXI", "XU": "XXU", "XK": "XKX", "XS": "SRB",
    "QP": "XQP", "QV": "XQV", "QZ": "XQZ", "NA": "NAM", "AN": "ANT", "CS": "XCS",
}  # fmt: skip


@pytest.mark.parametrize("letters", PARTNERS)
def test_a_partner_that_is_no_iso_country_keeps_a_code_of_its_own(
    home: Path, write: Write, letters: str
) -> None:
    row = NEW_ROWS.splitlines()[0].replace("AT,BY", f"AT,{letters}") + "\n"
    (found,) = _table(_comext(home, write("a.dat", NEW + row)))["partner_code"].to_pylist()
    assert found == PARTNERS[letters]


def test_an_unknown_partner_is_quarantined_with_itsletters(home: Path, write: Write) -> None:
    rows = NEW_ROWS * 30 + NEW_ROWS.splitlines()[0].replace("BY", "J9") + "\n"
    landed = _comext(home, write("a.dat", NEW + rows))
    assert _reasons(landed) == {("unknown_countries_alpha2", "J9"): 1}


@pytest.mark.parametrize("packed", ["zip", "7z"])
def test_a_packed_bulk_file_lands_like_the_plain_one(home: Path, write: Write, packed: str) -> None:
    buffer = io.BytesIO()
    if packed == "zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.writestr("full_202402.dat", NEW + NEW_ROWS)
    else:
        with py7zr.SevenZipFile(buffer, "w") as archive:
            archive.writestr(NEW + NEW_ROWS, "full_202402.dat")
    landed = _comext(home, write(f"full_v2_202402.{packed}", buffer.getvalue()))
    assert _counts(landed) == (4, 4, 0, 0)


def test_a_bulk_file_without_a_column_is_drift(home: Path, write: Write) -> None:
    with pytest.raises(SchemaDrift, match="misses the column VALUE_EUR"):
        _comext(home, write("a.dat", (NEW + NEW_ROWS).replace("VALUE_EUR", "VALUE")))


@needs_samples
def test_the_given_bulk_excerpt_lands_whole(home: Path) -> None:
    landed = _comext(home, GIVEN / "comext_full_v2_excerpt_202402_AT_AD.dat")
    assert _counts(landed) == (13, 13, 0, 0)
    table = _table(landed)
    assert pc.sum(table["value_eur"]).as_py() == 7_713
    suppressed = table.filter(pc.equal(table["commodity_code"], "39XXXXXX"))
    assert suppressed["value_eur"].to_pylist() == [89]


Rows = Sequence[Sequence[object]]
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
ABOVE: Rows = (
    ("Data extracted on 21/01/2023 17:37:40 from [ESTAT]",),
    ("Dataset: ", "EU trade since 1988 by HS2-4-6 and CN8 [DS-045409__custom_1]"),
    ("Last updated: ", "13/01/2023 11:00"),
    (),
    ("PRODUCT [PRODUCT]", "", "Tractors (excl. [old] ones) [87019590]"),
    ("FLOW", "", "EXPORT"),
    ("INDICATORS", "", "VALUE_IN_EUROS"),
    (),
    ("TIME", "TIME", "2022-01", "2022-02", "2022-03"),
    ("FREQ (Labels)", "FREQ (Labels)", "Monthly", "Monthly", "Monthly"),
    ("REPORTER (Labels)", "PARTNER (Labels)", "", "", ""),
)
BODY: Rows = (
    ("Austria", "Belarus (Belorussia)", 16973856, ":", 12),
    ("Spain (incl. Canary Islands 'XB' from 1997)", "Russian Federation (Russia)", ":", 0.5, ":"),
)
BELOW: Rows = ((), ("Special value",), (":", "not available"))


def _sheet(rows: Rows, head: str = "") -> str:
    lines = []
    for number, row in enumerate(rows, 1):
        cells = [
            f'<c r="{letters(at)}{number}" t="n"><v>{cell!r}</v></c>'
            if isinstance(cell, int | float)
            else f'<c r="{letters(at)}{number}" t="inlineStr"><is><t>{cell}</t></is></c>'
            for at, cell in enumerate(row, 1)
        ]
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    body = "\n".join(lines)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<worksheet xmlns="{_SHEET}">'
        f'<dimension ref="A1"/><sheetData>{body}</sheetData></worksheet>'
    )


def _workbook(*sheets: Rows | str, strings: str = "") -> bytes:
    """A workbook with the sheets Summary, Sheet 1, Sheet 2 ... as the Data Browser writes it."""
    texts = [sheet if isinstance(sheet, str) else _sheet(sheet) for sheet in ((("x",),), *sheets)]
    names = ["Summary", *(f"Sheet {n}" for n in range(1, len(sheets) + 1))]
    listed = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(names, 1)
    )
    links = "".join(
        f'<Relationship Id="r{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(names) + 1)
    )
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}"><Relationship Id="r1" '
            f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}">{links}</Relationships>',
        )
        for n, text in enumerate(texts, 1):
            archive.writestr(f"xl/worksheets/sheet{n}.xml", text)
        if strings:
            archive.writestr("xl/sharedStrings.xml", strings)
    return buffer.getvalue()


def _with(place: str, value: object) -> Rows:
    """The small sheet with another value in one cell."""
    rows = [list(row) for row in (*ABOVE, *BODY, *BELOW)]
    column, row = ord(place[0]) - 65, int(place[1:]) - 1
    rows[row] += [""] * (column + 1 - len(rows[row]))
    rows[row][column] = value
    return rows


def _eurostat(home: Path, path: Path) -> Landed:
    return land(load_contract("customs_eurostat_flows"), path, home)


def test_a_workbook_gives_a_row_for_each_cell_that_holds_a_value(home: Path, write: Write) -> None:
    second = (
        *ABOVE[:4],
        ("PRODUCT", "", "Total"),
        ("FLOW", "", "IMPORT"),
        *ABOVE[6:],
        *BODY,
        *BELOW,
    )
    path = write("download.xlsx", _workbook((*ABOVE, *BODY, *BELOW), second))
    landed = _eurostat(home, path)
    assert _counts(landed) == (6, 6, 0, 0)
    columns = ["reporter_code", "partner_code", "commodity_code", "commodity_level", "flow_code",
               "period", "frequency", "value_eur", "_row"]  # fmt: skip
    first, *_, last = _table(landed).select(columns).to_pylist()
    assert [str(v) for v in first.values()] == [
        "AUT",
        "BLR",
        "87019590",
        "8",
        "X",
        "2022-01",
        "M",
        "16973856.00",
        "1",
    ]
    assert [str(v) for v in last.values()] == [
        "ESP",
        "RUS",
        "TOTAL",
        "0",
        "M",
        "2022-02",
        "M",
        "0.50",
        "6",
    ]


def test_labels_may_stand_above_the_table_and_periods_may_be_years(
    home: Path, write: Write
) -> None:
    rows = (
        *ABOVE[:4], ("REPORTER [REPORTER]", "", "Lithuania [LT]"), ("FLOW [FLOW]", "", "EXPORT [2]"),
        ("INDICATORS [INDICATORS]", "", "VALUE_IN_EUROS [VALUE_IN_EUROS]"), (),
        ("TIME", "TIME", "2021", "2022"), ("FREQ (Labels)", "FREQ (Labels)", "Annual", "Annual"),
        ("PRODUCT (Labels)", "PARTNER (Labels)", "", ""),
        ("Vehicles [87]", "Belarus (Belorussia) [BY]", 5, ":"),
        ("Tractors [8701]", "Belarus (Belorussia) [BY]", ":", 4),
    )  # fmt: skip
    table = _table(_eurostat(home, write("a.xlsx", _workbook(rows))))
    columns = [
        "reporter_code",
        "partner_code",
        "commodity_code",
        "flow_code",
        "period",
        "frequency",
    ]
    assert table.select(columns).to_pylist() == [
        dict(zip(columns, ("LTU", "BLR", "87", "X", "2021", "A"), strict=True)),
        dict(zip(columns, ("LTU", "BLR", "8701", "X", "2022", "A"), strict=True)),
    ]


def test_shared_strings_are_read_like_texts_in_the_cell(home: Path, write: Write) -> None:
    words: list[str] = []

    def shared(cell: object) -> str:
        words.append(str(cell))
        return f't="s"><v>{len(words) - 1}</v></c>'

    text = _sheet((*ABOVE, *BODY, *BELOW))
    for cell in {c for row in (*ABOVE, *BODY, *BELOW) for c in row if isinstance(c, str) and c}:
        text = text.replace(f't="inlineStr"><is><t>{cell}</t></is></c>', shared(cell))
    listed = "".join(f"<si><t>{word}</t></si>" for word in words)
    content = _workbook(text, strings=f'<sst xmlns="{_SHEET}">{listed}</sst>')
    assert _counts(_eurostat(home, write("a.xlsx", content))) == (3, 3, 0, 0)


def test_an_empty_cell_and_a_word_are_quarantined_with_sheet_and_cell(
    home: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [*ABOVE, *BODY, ("Austria", "Atlantis", 1, 2, 3), ("Latvia", "Georgia", "c", "", 4)]
    landed = _eurostat(home, write("a.xlsx", _workbook(rows)))
    assert _counts(landed) == (9, 4, 5, 0)
    assert _reasons(landed) == {
        ("unknown_countries", "Atlantis"): 3, ("not_decimal", "c"): 1, ("missing", ""): 1,
    }  # fmt: skip
    sources = [dict(row["source"]) for row in pq.read_table(landed.quarantine).to_pylist()]
    assert {(source["sheet"], source["cell"]) for source in sources} == {
        ("Sheet 1", "C14"), ("Sheet 1", "D14"), ("Sheet 1", "E14"), ("Sheet 1", "C15"), ("Sheet 1", "D15"),
    }  # fmt: skip


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.tuples(st.sampled_from("ABCDEFG"), st.integers(5, 18)).map(lambda at: f"{at[0]}{at[1]}"),
        st.sampled_from(
            [":", "", " ", "TIME", "Austria", "FREQ (Labels)", 7, 0.25, -1, "2022-04", "x"]
        ),
        max_size=6,
    )
)
def test_whatever_stands_in_the_cells_the_counts_close_or_the_workbook_is_refused(
    home: Path, write: Write, changes: dict[str, object]
) -> None:
    rows = [list(row) + [""] * (7 - len(row)) for row in (*ABOVE, *BODY, *BODY, *BELOW)]
    for place, value in changes.items():
        rows[int(place[1:]) - 1][ord(place[0]) - 65] = value
    try:
        landed = _eurostat(home, write("a.xlsx", _workbook(rows)))
    except CountsDisagree:
        raise
    except IngestError:
        return
    read, *_ = _counts(landed)
    refused = pq.read_table(landed.quarantine)["row"].to_pylist()
    numbers = _table(landed)["_row"].to_pylist() if landed.segments else []
    assert set(numbers + refused) <= set(range(1, read + 1))


BAD_SHEETS: dict[str, tuple[Rows, str]] = {
    "no_time": (_with("A9", "DATE"), "sheet 'Sheet 1' has no row TIME"),
    "other_dataset": (_with("B2", "Exports [DS-059331]"), "cell B2: the dataset is 'Exports"),
    "quantity": (_with("C7", "QUANTITY_IN_100KG"), "cell C7: the indicator is 'QUANTITY_IN_100KG'"),
    "no_flow": (_with("A6", "x"), "does not tell its FLOW"),
    "no_product_code": (
        _with("C5", "Tractors"),
        "cell C5: the product 'Tractors' comes without its code",
    ),
    "codes_only": (_with("B11", "PARTNER (Codes)"), "does not tell its PARTNER"),
    "flags": (_with("F13", "e"), "cell F13: a value under no period"),
    "no_label": (_with("A12", ""), "cell A12: the row holds values but has no label"),
}


@pytest.mark.parametrize("name", BAD_SHEETS)
def test_a_sheet_of_another_layout_is_refused_with_the_cell(
    home: Path, write: Write, name: str
) -> None:
    rows, words = BAD_SHEETS[name]
    with pytest.raises(SourceRefused, match=r"download\.xlsx, sheet 'Sheet 1'") as caught:
        _eurostat(home, write("download.xlsx", _workbook(rows)))
    assert words in str(caught.value)


def _lying(content: bytes) -> bytes:
    """The workbook whose first sheet says that it is one byte long."""
    changed = bytearray(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo("xl/worksheets/sheet2.xml").file_size
    at = content.rfind(struct.pack("<L", size))
    changed[at : at + 4] = struct.pack("<L", 1)
    return bytes(changed)


SMALL = _workbook((*ABOVE, *BODY, *BELOW))
ENTITY = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
FAR = _sheet((*ABOVE, *BODY)).replace(
    "</sheetData>", '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
)
HOSTILE: dict[str, tuple[bytes, type[SourceRefused], str]] = {
    "entities": (_workbook(_sheet(ABOVE, ENTITY)), HostileInput, "document type"),
    "bomb": (_workbook(_sheet(ABOVE) + " " * 150_000_000), HostileInput, "zip bomb"),
    "far_cell": (_workbook(FAR), HostileInput, "spans more than"),
    "long_tag": (_workbook("<a b='" + "x" * 3_000_000 + "'/>"), HostileInput, "tag is longer"),
    "long_text": (_workbook(_with("A12", "x" * 2_000_000)), HostileInput, "text is longer"),
    "lying": (_lying(SMALL), HostileInput, "not what the zip says"),
    "cut_xml": (_workbook(_sheet(ABOVE)[:-30]), SourceRefused, "damaged XML"),
    "cut_zip": (SMALL[:-40], SourceRefused, "damaged zip"),
    "no_sheets": (_workbook(), SourceRefused, "without a sheet of data"),
    "empty_sheet": (_workbook(_sheet(())), SourceRefused, "sheet 'Sheet 1' is empty"),
    "string_number": (_workbook(_sheet(ABOVE).replace("</row>", '<c t="s"><v>x</v></c></row>', 1)), SourceRefused, "damaged workbook"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_workbook_is_refused_in_words(home: Path, write: Write, name: str) -> None:
    content, error, words = HOSTILE[name]
    with pytest.raises(error, match=words):
        _eurostat(home, write("bad.xlsx", content))


def test_whole_numbers_print_as_such_and_others_with_the_digits_that_tell_them() -> None:
    values = np.array([16973856.0, 0.1, 5, 1e22, True, "c"], dtype=object)
    assert workbook._texts(values).to_pylist() == ["16973856", "0.1", "5", "1e+22", "True", "c"]
    assert workbook._texts(values[:1]).to_pylist() == ["16973856"]


@pytest.mark.parametrize("column", [1, 26, 27, 52, 702, 703, 16_384])
def test_column_letters_and_numbers_agree(column: int) -> None:
    from ingest.sources.workbook_scan import _column

    assert _column(f"{letters(column)}12") == column


GIVEN_ROWS = {
    "eurostat_19_4623968_spreadsheet.xlsx": 36_667,
    "eurostat_20_4624110_spreadsheet.xlsx": 63_065,
    "eurostat_22_4624885_spreadsheet.xlsx": 9_295,
    "eurostat_eu_total_trade_4630244_spreadsheet.xlsx": 17_968,
    "eurostat_lt_total_exports.xlsx": 238,
}


@needs_samples
@pytest.mark.parametrize("name", GIVEN_ROWS)
def test_the_given_workbooks_land_whole(home: Path, name: str) -> None:
    landed = _eurostat(home, GIVEN / name)
    assert _counts(landed) == (GIVEN_ROWS[name], GIVEN_ROWS[name], 0, 0)


def _series(table: pa.Table, **chosen: str) -> dict[str, int]:
    for column, value in chosen.items():
        table = table.filter(pc.equal(table[column], value))
    return {row["period"]: int(row["value_eur"]) for row in table.to_pylist()}


@needs_samples
def test_monthly_figures_of_belarus_and_russia_equal_the_cells(home: Path) -> None:
    """Looked up by hand in the sheets' XML; the cells are named."""
    table = _table(_eurostat(home, GIVEN / "eurostat_20_4624110_spreadsheet.xlsx"))
    # Sheet 1, Germany, 87038090: C48:H48 to Belarus, H52:L52 to Russia (C52:G52 hold ":")
    used = _series(table, reporter_code="DEU", commodity_code="87038090", partner_code="BLR")
    assert [used[f"2020-0{month}"] for month in range(1, 7)] == [
        167_200,
        206_250,
        345_200,
        239_460,
        573_210,
        1_231_053,
    ]
    used = _series(table, reporter_code="DEU", commodity_code="87038090", partner_code="RUS")
    assert [used.get(f"2020-{month:02d}") for month in range(1, 12)] == [
        None, None, None, None, None, 90_290, 17_500, 202_600, 53_400, 164_267, None,
    ]  # fmt: skip
    # Sheet 4, AH48
    assert _series(table, reporter_code="DEU", commodity_code="87041090", partner_code="BLR") == {
        "2022-08": 21_000
    }
    assert _series(table, reporter_code="DEU", commodity_code="87041090", partner_code="RUS") == {}
    totals = _table(_eurostat(home, GIVEN / "eurostat_eu_total_trade_4630244_spreadsheet.xlsx"))
    # Sheet 4, Lithuania's exports: C125, AK125 to Belarus, C129, AK129 to Russia
    for partner, first, last in (
        ("BLR", 78_040_236, 182_244_848),
        ("RUS", 252_111_715, 252_229_945),
    ):
        total = _series(
            totals, reporter_code="LTU", partner_code=partner, commodity_code="TOTAL", flow_code="X"
        )
        assert (total["2020-01"], total["2022-11"], len(total)) == (first, last, 35)


@needs_samples
def test_the_shipped_sample_equals_the_same_cells_of_the_given_workbooks(home: Path) -> None:
    columns = ["reporter_code", "partner_code", "commodity_code", "period", "value_eur"]
    shipped = _table(
        _eurostat(home, SAMPLES / "customs_eurostat_flows" / "customs_eurostat_flows.csv")
    )
    given = pa.concat_tables(
        _table(_eurostat(home, GIVEN / f"eurostat_{name}_spreadsheet.xlsx"))
        for name in ("19_4623968", "20_4624110")
    )
    wanted = pc.and_(
        pc.is_in(given["commodity_code"], pc.unique(shipped["commodity_code"])),
        pc.is_in(given["partner_code"], pa.array(["BLR", "RUS"])),
    )
    order = [(column, "ascending") for column in columns]
    assert (
        given.filter(wanted)
        .select(columns)
        .sort_by(order)
        .equals(shipped.select(columns).sort_by(order))
    )
    assert shipped.num_rows == 5_024
    assert set(shipped["commodity_level"].to_pylist()) == {8}


NOT_OF_THE_KIND = {
    "eurostat_export_sanctions_codes.csv": "misses the column reporter, partner, flow, period, value_eur",
    "eurostat_input_codes.csv": "misses the column reporter, partner, product, flow, period, value_eur",
    "baci_country_codes_V202301.csv": "it has instead: country_code",
    "baci_product_codes_HS17_V202301.csv": "it has instead: code, description",
    "comext_full_v2_excerpt_202402_AT_AD.dat": "it has instead: REPORTER, PARTNER",
    "imf_imts_rus_wide.csv": "it has instead: DATASET, SERIES_CODE",
}


@needs_samples
@pytest.mark.parametrize("name", NOT_OF_THE_KIND)
def test_a_given_file_of_another_kind_says_what_it_lacks(home: Path, name: str) -> None:
    with pytest.raises(SchemaDrift) as caught:
        _eurostat(home, GIVEN / name)
    assert NOT_OF_THE_KIND[name] in str(caught.value)


@needs_samples
def test_every_given_file_is_accounted_for() -> None:
    known = {*GIVEN_ROWS, *NOT_OF_THE_KIND, "SOURCES.md"}
    assert {path.name for path in GIVEN.iterdir()} == known
