"""Every EIS and TED file that we were given: ingested with counts that close, or refused with why.

Prints file, rows read, landed and quarantined with reasons. Runs where DVINA_SAMPLES names the
folder of samples.
"""

import zipfile
from pathlib import Path

import duckdb
import pytest

from dvina import pipeline
from dvina.settings import Settings
from ingest.errors import IngestError
from ingest.landing import read_landed, refusals
from tests.conftest import SAMPLES_FOLDER, needs_samples

NOTICES, PROTOCOLS, CONTRACTS, EXECUTIONS = (
    f"procurement_eis_{what}" for what in ("notices", "protocols", "contracts", "executions")
)
TED = "procurement_ted_notices"
CHAIN, HOMYAKIN, PROTOCOL = (
    "eis_44fz/btbroot_2014",
    "eis_223fz/homyakin",
    "eis_223fz/andreisaw_protocols",
)
LISTS, EXTRACT = "eis_223fz/homyakin_codelists", "eis_223fz_cars_2017_2019/derived_tsv"
# Files of a kind that is read: dataset and records, which all land but for repeats.
READ = {
    "eis_44fz/afa_2014_test_env/fcs.xml": (NOTICES, 1),
    f"{CHAIN}/fcsNotificationZK44_0176100002714001240_1840.xml": (NOTICES, 1),
    f"{CHAIN}/fcsNotificationZK44_0176100002714001240_5091.xml": (NOTICES, 1),
    f"{CHAIN}/contract_0176100002714000010_14250237.xml": (CONTRACTS, 1),
    f"{CHAIN}/contractProcedure_0176100002714000010_48988560.xml": (EXECUTIONS, 1),
    f"{CHAIN}/contractProcedure_0176100002714000010_49004915.xml": (EXECUTIONS, 1),
    "eis_223fz/afa_2013/pu.xml": (NOTICES, 101),
    f"{HOMYAKIN}/purchaseNotice_test.xml": (NOTICES, 1),
    f"{HOMYAKIN}/purchaseNoticeZK_test.xml": (NOTICES, 1),
    f"{HOMYAKIN}/contract/contract_test.xml": (CONTRACTS, 1),
    f"{HOMYAKIN}/contract/contract_test2.xml": (CONTRACTS, 1),
    f"{HOMYAKIN}/contract/contract_without_xmlns.xml": (CONTRACTS, 1),
    f"{HOMYAKIN}/contract/contract_broken_xmlns.xml": (CONTRACTS, 1),
    f"{HOMYAKIN}/contract/contract_Adygeya_Resp_20191217_000000_20191217_235959_daily_001.xml": (CONTRACTS, 1),
    f"{HOMYAKIN}/contract/contract_Altayskii__krai_20191217_000000_20191217_235959_daily_001.xml": (CONTRACTS, 1),
    f"{HOMYAKIN}/contract/contract_Severnaia_Osetiya_Alaniia_Resp_20150101_000000_20150131_235959_001.xml": (CONTRACTS, 1),
    f"{HOMYAKIN}/contractCompleting_test.xml": (EXECUTIONS, 1),
    f"{PROTOCOL}/31400935277.xml": (PROTOCOLS, 1),
    f"{PROTOCOL}/34752044.xml": (PROTOCOLS, 1),
    f"{PROTOCOL}/wokhse.xml": (PROTOCOLS, 1),
}  # fmt: skip
# One notice stands 101 times in this file, and once in the next.
REPEATS = {"eis_223fz/afa_2013/pu.xml": 100}
AGAIN = {
    "eis_223fz/afa_2013/purchaseNotice_Adygeya_Resp_20130301_000000_20130401_235959_001.xml": NOTICES
}
# Files of no supported kind, or no data: what the message says.
REFUSED = {
    f"{CHAIN}/fcsPurchaseDocsP_0176100002714001240_557.xml": (PROTOCOLS, "export/fcsPurchaseDocument"),
    f"{HOMYAKIN}/purchasePlan_test.xml": (NOTICES, "purchasePlan/header"),
    f"{HOMYAKIN}/contract/contract_empty.xml": (CONTRACTS, "is empty (0 bytes)"),
    f"{HOMYAKIN}/contract/contract_Moskva_20150104_000000_20150104_235959_daily_001.xml": (
        CONTRACTS, "is empty (0 bytes)"),
    f"{PROTOCOL}/31704861041-02.xml": (PROTOCOLS, "nonResidentInfo/type"),
    "eis_223fz/schemas_223fz_16.2.zip": (NOTICES, "no record of this dataset"),
    "eis_44fz_json/many_tenders_2023.json": (NOTICES, "is not XML"),
    **{f"{LISTS}/{name}.json": (NOTICES, "is not XML") for name in (
        "application_rejection_reason", "contract_status", "country", "currency",
        "delivery_place_indication", "plan_item_status", "plan_status", "purchase_category",
        "purchase_method", "purchase_notice_status", "purchase_notice_type", "purchase_type")},
    # Tables of the extract as it was dumped; what is ingested of it ships under samples/.
    **{f"{EXTRACT}/{name}.tsv": ("procurement_eis_purchases", "misses the column") for name in (
        "bids", "buyers", "lots", "procurements", "regions", "sposobs", "suppliers")},
}  # fmt: skip
FOLDERS = ("eis_44fz", "eis_44fz_json", "eis_223fz", "eis_223fz_cars_2017_2019")


def files(*folders: str) -> set[str]:
    """Every file of some folders of procurement samples."""
    root = SAMPLES_FOLDER / "procurement"
    found = (path for folder in folders for path in (root / folder).rglob("*.*"))
    return {str(p.relative_to(root)) for p in found if p.is_file() and p.name != "SOURCES.md"}


@needs_samples
@pytest.mark.timeout(300)
def test_every_eis_file_is_ingested_or_says_exactly_why_not(home: Path) -> None:
    assert files(*FOLDERS) == {*READ, *AGAIN, *REFUSED}
    settings = Settings(home=home)
    for name, (dataset, rows) in READ.items():
        outcome = pipeline.ingest(settings, dataset, str(SAMPLES_FOLDER / "procurement" / name))
        landed = read_landed(home / "landing" / dataset / outcome.load_id)
        print(f"{name}: {outcome.counts}. {refusals(landed)}")
        assert (outcome.state, outcome.rows_read) == ("accepted", rows), f"{name} {outcome.message}"
        repeats = REPEATS.get(name, 0)
        assert (outcome.rows_landed, outcome.rows_quarantined) == (rows - repeats, 0)
        assert outcome.rows_duplicate == repeats
        assert landed.manifest.drift == ()
    for name, (dataset, why) in REFUSED.items():
        told = _refusal(settings, dataset, SAMPLES_FOLDER / "procurement" / name)
        print(f"{name}: {told}")
        assert why in told
        assert dataset in told
    for name, dataset in AGAIN.items():
        outcome = pipeline.ingest(settings, dataset, str(SAMPLES_FOLDER / "procurement" / name))
        print(f"{name}: {outcome.counts}")
        assert outcome.state in ("accepted", "unchanged")
    _ask(home)


def _ask(home: Path) -> None:
    """What the real documents say, in the rows that stand."""
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as reader:
        contract = reader.execute(
            f"select purchase_number, price::int, suppliers[1].inn, suppliers[1].country_oksm_code, "
            f"items[1].okpd_code from accepted.{CONTRACTS}_as_of(1000) where document_kind = 'contract'"
        ).fetchall()
        assert contract == [("0176100002714001240", 232750, "0105049067", "643", "21.12.14.132")]
        notices = reader.execute(
            f"select count(*), count(distinct document_id) from accepted.{NOTICES}_as_of(1000)"
        ).fetchall()
        assert notices == [(6, 6)]
        won = reader.execute(
            f"with lots as (select unnest(lots) as lot from accepted.{PROTOCOLS}_as_of(1000)), "
            "bids as (select unnest(lot.bids) as bid from lots) "
            "select bid.supplier_inn, bid.price::int from bids where bid.result_code = 'F' order by 2"
        ).fetchall()
        assert len(won) == 10  # eight lots of one protocol, and one each of the others
        assert {(None, 462_000), ("7703621798", 1_052_784), ("7327056389", 633_000)} <= set(won)


@needs_samples
@pytest.mark.timeout(300)
def test_all_eforms_notices_are_ingested_and_winners_from_abroad_are_found(
    home: Path, tmp_path: Path
) -> None:
    names = sorted(files("ted_eforms"))
    assert len(names) == 91
    path = tmp_path / "notices.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(SAMPLES_FOLDER / "procurement" / name, name)
    outcome = pipeline.ingest(Settings(home=home), TED, str(path))
    landed = read_landed(home / "landing" / TED / outcome.load_id)
    print(f"{len(names)} notices in one archive: {outcome.counts}. {refusals(landed)}")
    assert (outcome.state, outcome.rows_read, outcome.rows_landed) == ("accepted", 91, 91)
    assert landed.manifest.drift == ()
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as reader:
        abroad = reader.execute(f"""
            with n as (from accepted.{TED}_as_of(1000)),
            o as (select notice_id, unnest(organisations) as o from n),
            p as (select notice_id, unnest(tendering_parties) as p from n),
            t as (select notice_id, p.tendering_party_id as party, unnest(p.tenderers) as t from p)
            select distinct o.o.country_code_3 from t join o
            on t.notice_id = o.notice_id and t.t.organisation_id = o.o.organisation_id order by 1
        """).fetchall()
    countries = {country for (country,) in abroad}
    assert {"NOR", "USA", "SWE", "IRL"} <= countries


def _refusal(settings: Settings, dataset: str, path: Path) -> str:
    try:
        outcome = pipeline.ingest(settings, dataset, str(path))
    except IngestError as error:
        return str(error)
    assert outcome.state == "rejected"
    assert outcome.rows_landed == 0
    return outcome.message
