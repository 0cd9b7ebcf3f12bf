"""The IMF's downloads: periods as columns or as rows, by codes or by labels, counted twice."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.contract import load_contract
from ingest.errors import IngestError, SchemaDrift, SourceRefused
from ingest.landing import Landed
from ingest.sources.wide import count_cells
from tests.conftest import SAMPLES, SAMPLES_FOLDER, needs_samples
from tests.support import land

Write = Callable[[str, str | bytes], Path]
GIVEN = SAMPLES_FOLDER / "customs" / "eurostat"
NAMES = (
    "DATASET", "SERIES_CODE", "OBS_MEASURE", "COUNTRY.ID", "COUNTRY", "INDICATOR.ID", "INDICATOR",
    "COUNTERPART_COUNTRY.ID", "COUNTERPART_COUNTRY", "FREQUENCY.ID", "FREQUENCY", "SCALE.ID",
    "SCALE", "TRADE_FLOW.ID", "TRADE_FLOW",
)  # fmt: skip
EXPORTS = (
    "XG_FOB_USD",
    "Exports of goods, Free on board (FOB), US dollar",
    "XG",
    "Exports of goods",
)
IMPORTS = ("MG_CIF_USD", "Imports of goods, Cost insurance freight (CIF), US dollar", "MG", "Imports of goods")  # fmt: skip


def _line(*fields: str) -> str:
    return ",".join(f'"{field}"' for field in fields) + "\n"


def _series(
    partner: str, label: str, of: tuple[str, str, str, str], *cells: str, scale: str = "Millions"
) -> str:
    code, words, flow, flow_words = of
    return _line(
        "IMF.STA:IMTS(1.0.0)", f"RUS.{code}.{partner}.A", "OBS_VALUE", "RUS", "Russian Federation",
        code, words, partner, label, "A", "Annual", "6", scale, flow, flow_words, *cells,
    )  # fmt: skip


HEADER = "\ufeff" + _line(*NAMES, "2022", "2023", "2024")
BELARUS = _series("BLR", "Belarus, Republic of", EXPORTS, "28677.04655285568", "", "32948.8")
WORLD = _series("G001", "World", IMPORTS, "", "", "0.00009564116985376829")


def _imf(home: Path, path: Path) -> Landed:
    return land(load_contract("customs_imf_totals"), path, home)


def _table(landed: Landed) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in landed.segments)


def _counts(landed: Landed) -> tuple[int, int, int, int]:
    m = landed.manifest
    assert m.rows_read == m.rows_landed + m.rows_quarantined + m.rows_duplicate
    return m.rows_read, m.rows_landed, m.rows_quarantined, m.rows_duplicate


def test_each_filled_cell_is_a_row_and_an_empty_one_is_none(home: Path, write: Write) -> None:
    landed = _imf(home, write("a.csv", HEADER + BELARUS + WORLD))
    assert _counts(landed) == (3, 3, 0, 0)
    assert landed.manifest.drift == ()
    columns = ["partner_code", "flow_code", "valuation_code", "period", "frequency",
               "value_usd_millions", "scale_name", "_row"]  # fmt: skip
    assert [list(map(str, row.values())) for row in _table(landed).select(columns).to_pylist()] == [
        ["BLR", "X", "FOB", "2022", "A", "28677.04655285568000", "millions", "1"],
        ["BLR", "X", "FOB", "2024", "A", "32948.80000000000000", "millions", "2"],
        ["WLD", "M", "CIF", "2024", "A", "0.00009564116985", "millions", "3"],
    ]


def test_quarters_and_months_keep_their_frequency(home: Path, write: Write) -> None:
    header = _line(*NAMES, "2023", "2023-Q1", "2023-M01")
    lines = _series("BLR", "Belarus", EXPORTS, "12", "3", "1")
    table = _table(_imf(home, write("a.csv", header + lines)))
    assert table.select(["period", "frequency"]).to_pylist() == [
        {"period": "2023", "frequency": "A"},
        {"period": "2023-Q1", "frequency": "Q"},
        {"period": "2023-01", "frequency": "M"},
    ]


def test_a_line_per_observation_is_read_too(home: Path, write: Write) -> None:
    header = _line(*NAMES, "TIME_PERIOD", "OBS_VALUE")
    lines = "".join(
        _series("BLR", "Belarus", EXPORTS, period, value)
        for period, value in (("2023", "12"), ("2023-M02", "1.5"), ("2024", ""))
    )
    table = _table(_imf(home, write("a.csv", header + lines)))
    assert table["period"].to_pylist() == ["2023", "2023-02"]
    assert [str(v) for v in table["value_usd_millions"].to_pylist()] == [
        "12.00000000000000",
        "1.50000000000000",
    ]


def test_labels_do_where_a_file_has_no_codes(home: Path, write: Write) -> None:
    header = _line("COUNTRY", "COUNTERPART_COUNTRY", "INDICATOR", "SCALE", "2024")
    lines = _line("Russian Federation", "Belarus, Republic of", EXPORTS[1], "Millions", "7")
    lines += _line("Russian Federation", "Belarus, Republic of", IMPORTS[1], "Millions", "8")
    (first, second) = _table(_imf(home, write("a.csv", header + lines))).to_pylist()
    assert (first["reporter_code"], first["partner_code"], first["flow_code"]) == (
        "RUS",
        "BLR",
        "X",
    )
    assert (second["flow_code"], second["valuation_code"]) == ("M", "CIF")


def test_an_unknown_area_another_indicator_and_another_scale_are_quarantined_as_they_came(
    home: Path, write: Write
) -> None:
    good = _series("BLR", "Belarus", EXPORTS, "1", "2", "3")
    lines = (
        good
        + _series("GX999", "Lemuria", EXPORTS, "", "", "4")
        + _series(
            "BLR",
            "Belarus",
            ("TBG_USD", "Trade balance goods, US dollar", "TBG", "Trade balance"),
            "",
            "5",
            "",
        )
        + _series("KAZ", "Kazakhstan", EXPORTS, "6", "", "", scale="Units")
    )
    landed = _imf(home, write("a.csv", HEADER + lines))
    assert _counts(landed) == (6, 3, 3, 0)
    refused = pq.read_table(landed.quarantine).to_pylist()
    assert [(row["row"], row["column"], row["value"]) for row in refused] == [
        (4, "partner_code", "GX999"), (5, "flow_code", "TBG_USD"), (6, "scale_name", "Units"),
    ]  # fmt: skip
    assert dict(refused[0]["source"])["COUNTERPART_COUNTRY"] == "Lemuria"


def test_a_line_of_another_width_is_one_malformed_record_with_its_number(
    home: Path, write: Write
) -> None:
    landed = _imf(
        home, write("a.csv", HEADER + BELARUS + "stray,line\n" + BELARUS.replace("BLR", "KAZ"))
    )
    assert _counts(landed) == (5, 4, 1, 0)
    (refused,) = pq.read_table(landed.quarantine).to_pylist()
    assert (refused["row"], refused["rule"]) == (3, "malformed")
    assert _table(landed)["_row"].to_pylist() == [1, 2, 4, 5]


BAD: dict[str, tuple[str, type[SourceRefused], str]] = {
    "cut": ((HEADER + BELARUS)[:-4], SourceRefused, "cut in transfer|never closed"),
    "cut_after_a_field": ((HEADER + BELARUS)[:-1], SourceRefused, "cut in transfer"),
    "no_periods": (_line(*NAMES) + _series("BLR", "x", EXPORTS), SchemaDrift, "no column of a period"),
    "no_partner": (HEADER.replace("COUNTERPART_COUNTRY", "PARTNER") + BELARUS, SchemaDrift, "misses the column"),
    "twice": (HEADER.replace("2023", "2022") + BELARUS, SchemaDrift, "column 2022 more than once"),
    "no_rows": (HEADER, SourceRefused, "no rows"),
    "only_empty": (HEADER + _series("BLR", "x", EXPORTS, "", "", ""), SourceRefused, "no rows"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_download_is_refused_in_words(home: Path, write: Write, name: str) -> None:
    content, error, words = BAD[name]
    with pytest.raises(error, match=words):
        _imf(home, write("bad.csv", content))


def test_an_unknown_column_is_told(home: Path, write: Write) -> None:
    lines = HEADER.replace("DATASET", "NOVELTY") + BELARUS
    assert _imf(home, write("a.csv", lines)).manifest.drift == ("unknown column NOVELTY",)


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ('"a","b","1",""\n', 1),
        ("a,b,,2\r\n", 1),
        ('a,"x\n,y",3,4\n', 2),
        ("a,b,3\n", 1),
        ('\n\r\n"a","b","",""\n', 0),
        ('a,"q""q",1,2', 2),
        ("", 0),
        ("a\n", 1),
        ('a,b,"",\r\na,b,"  ",5', 2),
    ],
)
def test_cells_are_counted_in_the_bytes(text: str, records: int) -> None:
    assert count_cells(text.encode(), np.array([False, False, True, True])) == records


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(
            st.sampled_from(
                ['"RUS"', '"BLR"', '"XG_FOB_USD"', '""', "1", '"2.5"', "", 'x"y', "é", '"a\nb"']
            ),
            max_size=6,
        ),
        max_size=8,
    )
)
def test_whatever_lines_follow_the_header_the_counts_close_or_the_file_is_refused(
    home: Path, write: Write, lines: list[list[str]]
) -> None:
    text = "COUNTRY.ID,COUNTERPART_COUNTRY.ID,INDICATOR.ID,2023,2024\n"
    text += "".join(",".join(fields) + "\n" for fields in lines)
    try:
        landed = _imf(home, write("a.csv", text))
    except IngestError:
        return
    read, _, quarantined, _ = _counts(landed)
    assert read > 0
    numbers = [] if not landed.segments else _table(landed)["_row"].to_pylist()
    refused = pq.read_table(landed.quarantine)["row"].to_pylist()
    assert len(refused) == quarantined
    assert sorted(numbers + refused) == list(range(1, read + 1))


def test_many_blocks_give_what_one_gives(
    home: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = ["BLR", "KAZ", "ARM", "KGZ", "CHN", "DEU"]
    text = HEADER + "".join(
        _series(code, code, of, str(n), "", str(n + 1))
        for n, code in enumerate(codes)
        for of in (EXPORTS, IMPORTS)
    )
    path = write("a.csv", text)
    whole = _table(_imf(home, path))
    monkeypatch.setattr("ingest.sources.wide.BLOCK_BYTES", 300)
    assert _table(_imf(home, path)).equals(whole)
    assert whole["_row"].to_pylist() == list(range(1, 25))


# The pair's cells in the given file, read by hand: series RUS.XG_FOB_USD.BLR.A, RUS.MG_CIF_USD.BLR.A
PAIR = {
    "X": ("14106.665299", "18130.668771", "21562.752686", "19955.465987", "16029.02772", "22825.634944",
          "28677.04655285568", "38278.22450891479", "32948.84844749824"),
    "M": ("9486.686383", "11303.701714", "11884.540489", "12197.153018", "12585.076696", "15619.579579",
          "18148.1694377609", "15303.76422543861", "14121.15930498812"),
}  # fmt: skip


def _pair(table: pa.Table, flow: str) -> dict[str, str]:
    chosen = table.filter(
        pc.and_(pc.equal(table["partner_code"], "BLR"), pc.equal(table["flow_code"], flow))
    )
    return {r["period"]: f"{r['value_usd_millions'].normalize():f}" for r in chosen.to_pylist()}


@needs_samples
def test_the_given_download_lands_whole_and_its_pair_equals_the_cells(home: Path) -> None:
    landed = _imf(home, GIVEN / "imf_imts_rus_wide.csv")
    assert _counts(landed) == (3_704, 3_704, 0, 0)
    table = _table(landed)
    years = [str(year) for year in range(2016, 2025)]
    for flow, cells in PAIR.items():
        assert _pair(table, flow) == dict(zip(years, cells, strict=True))
    assert set(table["reporter_code"].to_pylist()) == {"RUS"}


def test_the_shipped_sample_is_the_same_pair(home: Path) -> None:
    landed = _imf(home, SAMPLES / "customs_imf_totals" / "customs_imf_totals.csv")
    assert _counts(landed) == (18, 18, 0, 0)
    for flow, cells in PAIR.items():
        assert tuple(_pair(_table(landed), flow).values()) == cells


@needs_samples
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("eurostat_input_codes.csv", "misses the column reporter, partner, flow"),
        ("baci_product_codes_HS17_V202301.csv", "it has instead: code, description"),
        ("eurostat_lt_total_exports.xlsx", "workbook"),
    ],
)
def test_a_given_file_of_another_kind_says_what_it_is(home: Path, name: str, words: str) -> None:
    with pytest.raises(SourceRefused, match=words):
        _imf(home, GIVEN / name)
