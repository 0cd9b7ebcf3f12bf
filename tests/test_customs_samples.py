"""Every customs file that publishers gave us: ingested with counts that close, or refused with why.

Prints file, rows read, landed and quarantined with reasons. Runs where DVINA_SAMPLES names the
folder of samples.
"""

from pathlib import Path

import pytest

from dvina import pipeline
from dvina.settings import Settings
from ingest.errors import IngestError
from ingest.landing import read_landed, refusals
from tests.conftest import SAMPLES_FOLDER, needs_samples

COMTRADE, FCS, EUROSTAT = "customs_comtrade_flows", "customs_fcs_flows", "customs_eurostat_flows"
COMEXT, IMF = "customs_comext_flows", "customs_imf_totals"
# Files of a kind that is read: dataset and rows, all of which land.
READ = {
    "comtrade/csv_2012_h3_china_india.csv": (COMTRADE, 8739),
    "comtrade/csv_legacy_comtrade_871200_2017.csv": (COMTRADE, 1302),
    "comtrade/csv_v1_tradedata_tha_hs8542_2014on.csv": (COMTRADE, 1178),
    "comtrade/json_v1_get_C_A_HS_chn_2010.json": (COMTRADE, 4),
    "comtrade/json_v1_preview_ind_2022_total_sdk_wrapped.json": (COMTRADE, 1),
    "eurostat/comext_full_v2_excerpt_202402_AT_AD.dat": (COMEXT, 13),
    "eurostat/eurostat_19_4623968_spreadsheet.xlsx": (EUROSTAT, 36667),
    "eurostat/eurostat_20_4624110_spreadsheet.xlsx": (EUROSTAT, 63065),
    "eurostat/eurostat_22_4624885_spreadsheet.xlsx": (EUROSTAT, 9295),
    "eurostat/eurostat_eu_total_trade_4630244_spreadsheet.xlsx": (EUROSTAT, 17968),
    "eurostat/eurostat_lt_total_exports.xlsx": (EUROSTAT, 238),
    "eurostat/imf_imts_rus_wide.csv": (IMF, 3704),
    "fts_russia/fts_2021-01_excerpt_from_doc.csv": (FCS, 5),
    "fts_russia/fts_en_2015-01_excerpt_from_readme.csv": (FCS, 7),
}
# The same rows as a file above, so nothing changes.
AGAIN = {"comtrade/json_v1_get_C_A_HS_chn_2010_raw_body.json": COMTRADE}
# Files of no supported kind, or no data: what the message says.
REFUSED = {
    "comtrade/csv_derived_hubashov_Cyprus_2018_Import_41.csv": (COMTRADE, "misses the column"),
    "comtrade/json_apim_error_403_quota.json": (COMTRADE, "Out of call volume quota"),
    "comtrade/json_apim_error_429_rate_limit.json": (COMTRADE, "Rate limit is exceeded"),
    "comtrade/json_v1_bulk_catalog_arg_1962.json": (COMTRADE, "misses the key"),
    "comtrade/json_v1_bulk_empty_result.json": (COMTRADE, "no rows"),
    "comtrade/json_v1_empty_preview_period1900_from_doc.json": (COMTRADE, "no rows"),
    "comtrade/json_v1_error_401_invalid_key.json": (COMTRADE, "invalid subscription key"),
    "comtrade/json_v1_error_401_missing_key.json": (COMTRADE, "missing subscription key"),
    "comtrade/json_v1_get_S_A_EB_empty.json": (COMTRADE, "no rows"),
    "comtrade/xlsx_api_A_U.xlsx": (COMTRADE, "workbook"),
    "comtrade/xlsx_api_china_to_rf_M.xlsx": (COMTRADE, "workbook"),
    "comtrade/xlsx_v1_tradedata_tha.xlsx": (COMTRADE, "workbook"),
    "eec_belstat/opendataby_vneshtorg_exim_all.csv": (COMTRADE, "misses the column"),
    "eec_belstat/opendataby_vneshtorg_trade_geo.json": (COMTRADE, "JSON"),
    "eurostat/baci_country_codes_V202301.csv": ("customs_baci_flows", "misses the column"),
    "eurostat/baci_product_codes_HS17_V202301.csv": ("customs_baci_flows", "misses the column"),
    "eurostat/eurostat_export_sanctions_codes.csv": (EUROSTAT, "misses the column"),
    "eurostat/eurostat_input_codes.csv": (EUROSTAT, "misses the column"),
    "fts_russia/db_vneshtorg_countries.xlsx": (FCS, "workbook"),
    "fts_russia/db_vneshtorg_operations.xlsx": (FCS, "workbook"),
    "fts_russia/db_vneshtorg_regions.xlsx": (FCS, "workbook"),
    "fts_russia/db_vneshtorg_tnved.xlsx": (FCS, "workbook"),
    "fts_russia/mgimo_turkey_2025_processed.parquet": (FCS, "Parquet"),
}
FOLDERS = ("comtrade", "eec_belstat", "eurostat", "fts_russia")


def files() -> set[str]:
    """Every file of the customs folders, by folder and name; reference tables are not trade."""
    return {
        f"{folder}/{path.name}"
        for folder in FOLDERS
        for path in (SAMPLES_FOLDER / "customs" / folder).glob("*.*")
        if path.name != "SOURCES.md"
    }


@needs_samples
@pytest.mark.timeout(300)
def test_every_customs_file_is_ingested_or_says_exactly_why_not(home: Path) -> None:
    assert files() == {*READ, *AGAIN, *REFUSED}
    settings = Settings(home=home)
    for name, (dataset, rows) in READ.items():
        outcome = pipeline.ingest(settings, dataset, str(SAMPLES_FOLDER / "customs" / name))
        landed = read_landed(home / "landing" / dataset / outcome.load_id)
        print(f"{name}: {outcome.counts}. {refusals(landed)}")
        assert (outcome.state, outcome.rows_read) == ("accepted", rows), f"{name} {outcome.message}"
        assert (outcome.rows_landed, outcome.rows_quarantined) == (rows, 0)
    for name, dataset in AGAIN.items():
        outcome = pipeline.ingest(settings, dataset, str(SAMPLES_FOLDER / "customs" / name))
        print(f"{name}: {outcome.state}")
        assert outcome.state == "unchanged"
    for name, (dataset, why) in REFUSED.items():
        told = _refusal(settings, dataset, SAMPLES_FOLDER / "customs" / name)
        print(f"{name}: {told}")
        assert why in told
        assert dataset in told


def _refusal(settings: Settings, dataset: str, path: Path) -> str:
    try:
        outcome = pipeline.ingest(settings, dataset, str(path))
    except IngestError as error:
        return str(error)
    assert outcome.state == "rejected"
    assert outcome.rows_landed == 0
    return outcome.message
