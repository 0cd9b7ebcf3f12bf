"""UN Comtrade: answers of the API, downloads of the site, and what stands in force after them."""

import gzip
import json
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from ingest.casting import cast_batch
from ingest.contract import load_contract
from ingest.errors import SchemaDrift
from ingest.sources import json_records, open_source
from tests.comtrade import answer, download, record
from tests.conftest import SAMPLES_FOLDER, needs_samples
from tests.support import judged, land
from warehouse.commit import commit_pending
from warehouse.database import open_warehouse

DATASET = "customs_comtrade_flows"
CONTRACT = load_contract(DATASET)
Write = Callable[[str, str | bytes], Path]


def read(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Landed and refused rows of a file, after its counts were found to close."""
    source = open_source(CONTRACT, path)
    landed: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for part in source.parts():
        cast = cast_batch(CONTRACT, part())
        landed += pa.Table.from_batches([cast.landed]).to_pylist()
        refused += cast.refused.to_pylist()
    assert source.records_read() == len(landed) + len(refused)
    assert source.drift == ()
    return landed, refused


def load(home: Path, path: Path, scope: dict[str, list[str]] | None = None) -> None:
    """Land, judge and commit one file."""
    judged(land(CONTRACT, path, home, scope))
    with open_warehouse(home) as connection:
        commit_pending(connection, home, load_contract)


def in_force(home: Path) -> dict[tuple[str, str], Decimal]:
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as reader:
        found = reader.execute(
            f"select partner_code, commodity_code, value_usd from accepted.{DATASET}_as_of(1000000)"
        ).fetchall()
    assert len(found) == len({row[:2] for row in found})
    return {(partner, code): value for partner, code, value in found}


def test_an_answer_and_a_download_of_the_same_records_give_the_same_rows(write: Write) -> None:
    records = [
        record(code="TOTAL", value=452684213646.747, partner=0),
        record(code="010121", value=0.1 + 0.2, partner=899, netWgt=None),
        record(code="8703", reporter=699, partner=842, period="202001"),
    ]
    asked, _ = read(write("a.json", answer(*records)))
    downloaded, _ = read(write("a.csv", download(*records)))
    assert asked == downloaded
    assert [(r["partner_code"], r["commodity_code"], r["commodity_level"]) for r in asked] == [
        ("WLD", "TOTAL", 0), ("_X", "010121", 6), ("USA", "8703", 4),
    ]  # fmt: skip
    assert [r["value_usd"] for r in asked] == [
        Decimal("452684213646.747"), Decimal("0.300"), Decimal("1000.000"),
    ]  # fmt: skip
    assert [(r["period"], r["frequency"]) for r in asked][1:] == [("2020", "A"), ("2020-01", "M")]
    assert asked[2]["reporter_code"] == "IND"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
@pytest.mark.parametrize("packed", ["plain", "gz", "zip"])
def test_downloads_come_plain_or_packed_in_either_encoding(
    tmp_path: Path, write: Write, encoding: str, packed: str
) -> None:
    body = download(record(), record(partner=0), encoding=encoding)
    if packed == "plain":
        path = write("TradeData.csv", body)
    elif packed == "gz":
        path = write("TradeData.csv.gz", gzip.compress(body))
    else:
        path = tmp_path / "TradeData.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("TradeData.csv", body)
    landed, refused = read(path)
    assert [(r["partner_code"], r["value_usd"]) for r in landed] == [
        ("RUS", Decimal(1000)), ("WLD", Decimal(1000)),
    ]  # fmt: skip
    assert not refused


def test_a_bulk_file_has_tabs_its_own_names_of_values_and_numbers_for_truth(write: Write) -> None:
    names = "typeCode freqCode refPeriodId period reporterCode flowCode partnerCode partner2Code "
    names += (
        "classificationCode cmdCode customsCode mosCode motCode qtyUnitCode qty isQtyEstimated "
    )
    names += "netWgt CIFValue FOBValue primaryValue isReported isAggregate"
    row = "C A 20200101 2020 112 M 643 0 H5 010121 C00 0 0 5 12 0 99.5 1000 900.5 1000 1 0"
    body = "\n".join("\t".join(line.split(" ")) for line in (names, row)) + "\n"
    path = write("COMTRADE-FINAL-CA1122020H5[2021-06-01].gz", gzip.compress(body.encode()))
    (landed,), refused = read(path)
    assert not refused
    assert (landed["commodity_code"], landed["cif_value_usd"]) == ("010121", Decimal(1000))
    assert (landed["fob_value_usd"], landed["is_reported"]) == (Decimal("900.5"), True)


def test_a_field_beyond_the_trailing_comma_refuses_the_file(write: Write) -> None:
    body = download(record(), record()).replace(b'"false",\r\n', b'"false","x"\r\n', 1)
    with pytest.raises(Exception, match="columns may be shifted"):
        read(write("a.csv", body))


def test_bad_values_are_quarantined_one_by_one_and_the_rest_goes_on(write: Write) -> None:
    records = [
        record(),
        record(partner=99999),
        record(primaryValue="a lot"),
        record(primaryValue=None),
        record(primaryValue=-5),
        record(cmdCode=870323),  # a code that has lost its text
        record(typeCode="S"),
        record(partner=156),
    ]
    landed, refused = read(write("a.json", answer(*records)))
    assert [r["_row"] for r in landed] == [1, 6, 8]
    assert [(r["row"], r["rule"], r["column"]) for r in refused] == [
        (2, "unknown_countries_comtrade", "partner_code"),
        (3, "not_decimal", "value_usd"),
        (4, "missing", "value_usd"),
        (5, "below_minimum", "value_usd"),
        (7, "not_in_list", "type_code"),
    ]
    assert dict(refused[0]["source"])["partnerCode"] == "99999"


def test_blocks_end_anywhere_and_the_rows_keep_their_numbers(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_records, "BLOCK_BYTES", 5000)
    path = write(
        "a.json",
        "\n".join(answer(*(record(value=n + 100 * page) for n in range(17))) for page in range(3)),
    )
    landed, _ = read(path)
    assert [r["_row"] for r in landed] == list(range(1, 52))
    assert [int(r["value_usd"]) for r in landed] == [
        n + 100 * p for p in range(3) for n in range(17)
    ]


def test_a_key_that_the_publisher_renamed_is_drift(write: Write) -> None:
    renamed = record()
    renamed["value"] = renamed.pop("primaryValue")
    with pytest.raises(SchemaDrift, match="misses the key primaryValue"):
        read(write("a.json", answer(renamed)))


def test_a_query_for_one_chapter_leaves_the_others_of_that_month(home: Path, write: Write) -> None:
    wide = [record(code=c, period="202001") for c in ("870323", "870899", "840820", "TOTAL")]
    load(home, write("wide.json", answer(*wide)))
    narrow = answer(record(code="870323", period="202001", value=7))
    load(home, write("87.json", narrow), {"commodity_code": ["87"]})
    assert in_force(home) == {
        ("RUS", "870323"): Decimal(7),  # 870899 is gone: the query for chapter 87 did not give it
        ("RUS", "840820"): Decimal(1000),
        ("RUS", "TOTAL"): Decimal(1000),
    }


def test_a_download_supersedes_only_the_partners_and_commodities_that_it_names(
    home: Path, write: Write
) -> None:
    wide = [record(code=c, partner=p) for c in ("870323", "840820") for p in (643, 156)]
    load(home, write("wide.csv", download(*wide)))
    load(home, write("narrow.csv", download(record(code="870323", value=7))))
    assert in_force(home) == {
        ("RUS", "870323"): Decimal(7),
        ("RUS", "840820"): Decimal(1000),
        ("CHN", "870323"): Decimal(1000),
        ("CHN", "840820"): Decimal(1000),
    }
    load(home, write("wide again.csv", download(*wide)))
    assert in_force(home)[("RUS", "870323")] == Decimal(1000)


def test_the_same_answer_in_another_order_and_time_changes_nothing(
    home: Path, write: Write
) -> None:
    from dvina import pipeline
    from dvina.settings import Settings

    records = [record(code=c) for c in ("870323", "840820")]
    settings = Settings(home=home)
    first = pipeline.ingest(settings, DATASET, str(write("a.json", answer(*records))))
    turned = [dict(sorted(entry.items())) for entry in reversed(records)]
    path = write("b.json", answer(*turned, elapsedTime="7.31 secs"))
    second = pipeline.ingest(settings, DATASET, str(path))
    assert (first.state, second.state) == ("accepted", "unchanged")


@needs_samples
def test_the_thai_download_has_all_rows_codes_as_text_and_accents() -> None:
    path = SAMPLES_FOLDER / "customs/comtrade/csv_v1_tradedata_tha_hs8542_2014on.csv"
    landed, refused = read(path)
    assert (len(landed), refused) == (1178, [])
    assert {r["commodity_code"] for r in landed} == {"8542"}
    assert {r["reporter_code"] for r in landed} == {"THA"}
    raw = open_source(CONTRACT, path)
    names = {
        name
        for part in raw.parts()
        for name in part().whole().column("partnerDesc").to_pylist()  # type: ignore[misc]
    }
    assert {"Côte d'Ivoire", "Türkiye"} & names


@needs_samples
def test_every_comtrade_sample_is_read_or_refused_with_its_reason() -> None:
    folder = SAMPLES_FOLDER / "customs/comtrade"
    told = {}
    for path in sorted(folder.glob("*.*")):
        if path.suffix not in (".json", ".csv", ".xlsx"):
            continue
        try:
            landed, refused = read(path)
            told[path.name] = f"{len(landed)} landed, {len(refused)} quarantined"
        except Exception as error:
            told[path.name] = f"{type(error).__name__}: {error}"
    print(json.dumps(told, indent=1))
    assert told["csv_2012_h3_china_india.csv"] == "8739 landed, 0 quarantined"
    assert told["csv_legacy_comtrade_871200_2017.csv"] == "1302 landed, 0 quarantined"
    assert told["json_v1_get_C_A_HS_chn_2010.json"] == "4 landed, 0 quarantined"
    assert told["json_v1_preview_ind_2022_total_sdk_wrapped.json"] == "1 landed, 0 quarantined"
    assert "Access denied due to invalid" in told["json_v1_error_401_invalid_key.json"]
    assert "Out of call volume quota" in told["json_apim_error_403_quota.json"]
    assert "misses the key partnerCode" in told["json_v1_bulk_catalog_arg_1962.json"]
    assert (
        "misses the column reporterCode" in told["csv_derived_hubashov_Cyprus_2018_Import_41.csv"]
    )
