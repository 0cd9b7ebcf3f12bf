"""Every OCDS file that publishers gave us: landed with counts that close, or refused with why.

Prints file, rows read, landed and quarantined with reasons. Runs where DVINA_SAMPLES names the
folder of samples.
"""

from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

import pytest

from ingest.contract import load_contract
from ingest.errors import SourceRefused
from ingest.landing import Landed, refusals
from tests.conftest import SAMPLES_FOLDER, needs_samples
from tests.support import land

CONTRACT = load_contract("procurement_ocds_releases")
FOLDERS = ("ocds_fixtures", "ocds_real_publishers")
CUT, NO_OBJECT = "was cut in transfer", "no JSON object or list"
# Files of which nothing is read: what the message says.
REFUSED = {
    "*/_READMEs/*.md": NO_OBJECT,
    "*/SOURCES*": NO_OBJECT,
    "*.git-id": NO_OBJECT,
    "*/codelists/+releaseTag.csv": "is empty",
    "*/codelists/*.csv": NO_OBJECT,
    "*/cardinal_jsonl/coverage/base_boolean.jsonl": NO_OBJECT,
    "*/cardinal_jsonl/coverage/base_null.jsonl": NO_OBJECT,
    "*/cardinal_jsonl/coverage/base_number.jsonl": NO_OBJECT,
    "*/cardinal_jsonl/coverage/base_string.jsonl": NO_OBJECT,
    "*/cardinal_jsonl/coverage/blank_line.jsonl": NO_OBJECT,
    "*/cardinal_jsonl/coverage/blank_space.jsonl": NO_OBJECT,
    "*/cardinal_jsonl/coverage/empty_string.jsonl": NO_OBJECT,
    "*/cardinal_jsonl/coverage/invalid_utf8.jsonl": NO_OBJECT,
    "*/cardinal_jsonl/coverage/mixed_lines_base.jsonl": NO_OBJECT,
    "*/cardinal_jsonl/coverage/blank_file.jsonl": "is empty",
    "*/cardinal_jsonl/coverage/invalid_array_quote_*.jsonl": CUT,
    "*/moldova_3_systems_examples/*MTender_system.json": CUT,
    "*/cove-ocds/bad.xlsx": "is empty",
    "*/cove-ocds/tenders_releases_2_releases*.xlsx": "is a workbook",
    "*/paraguay/sample/records/28[34]?[0-9]6.json": "is empty",
}
# Files in which rows are quarantined: what is said of the commonest reason.
NO_OCID, MALFORMED, LINKED = (
    "missing, column ocid",
    "rule malformed",
    "linked releases must be fetched",
)
QUARANTINED = {
    "*/cardinal_jsonl/coverage/*": (NO_OCID, MALFORMED),
    "*/cardinal_jsonl/prepare/*": (NO_OCID,),
    "*/cardinal_jsonl/indicators/R003.jsonl": ("not_timestamp, column tender_start_at",),
    "*/cardinal_jsonl/indicators/R018.jsonl": ("below_minimum, column tenderer_count",),
    "*/cove-ocds/*_empty_releases.json": (NO_OCID,),
    "*/cove-ocds/ba[dt]*.json": (MALFORMED, NO_OCID),
    "*/cove-ocds/*/extension.json": (NO_OCID,),
    "*/cove-ocds/[ln]*.json": ("of another type", "something else than objects"),
    "*/cove-ocds/utf*.json": ("releases is of another type",),
    "*/cove-ocds/ocds_release_nulls.json": (NO_OCID,),
    "*/cove-ocds/record_minimal_valid.json": (NO_OCID,),
    "*/cove-ocds/tenders_releases_2_releases_[in]*.json": ("not_timestamp, column tender_end_at",),
    "*/kingfisher-process/*.json": (NO_OCID,),
    "*/kyrgyzstan/*": ("not_timestamp, column published_at",),
    "*/moldova_3_systems_examples/*": (NO_OCID, "Expecting property name"),
    "*/beneficial_ownership/*_statement_*.json": (NO_OCID,),
    "*/buyers_suppliers/consortia.json": ("not_list, column parties",),
    "*/frameworks/extensions_block.json": (NO_OCID,),
    "*/ocds_divisionCode_extension/*.json": (NO_OCID,),
    "*/record_reference/linked_releases.json": (LINKED,),
    "*/paraguay/sample/records/*.json": (LINKED,),
}
TOTALS = {"refused": 57, "read": 3212, "landed": 1110, "quarantined": 2102}


def files() -> list[Path]:
    """Every file of the OCDS folders."""
    root = SAMPLES_FOLDER / "procurement"
    return sorted(
        path for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file()
    )


def _is_one(path: Path, patterns: Iterable[str]) -> str | None:
    return next((pattern for pattern in patterns if fnmatch(str(path), pattern)), None)


@needs_samples
@pytest.mark.timeout(600)
def test_every_ocds_file_lands_or_says_exactly_why_not(home: Path) -> None:
    found = files()
    assert len(found) > 600
    counts: Counter[str] = Counter()
    for path in found:
        name = str(path.relative_to(SAMPLES_FOLDER / "procurement"))
        refused = _is_one(path, REFUSED)
        landed, message = _landed(path, home)
        if landed is None:
            print(f"{name}: refused. {message}")
            assert refused, name
            assert REFUSED[refused] in message
            counts["refused"] += 1
            continue
        m = landed.manifest
        told = refusals(landed)
        print(
            f"{name}: {m.rows_read} read = {m.rows_landed} landed + {m.rows_quarantined} quarantined. {told}"
        )
        assert not refused, name
        assert m.rows_read == m.rows_landed + m.rows_quarantined + m.rows_duplicate > 0
        counts.update(read=m.rows_read, landed=m.rows_landed, quarantined=m.rows_quarantined)
        if m.rows_quarantined:
            pattern = _is_one(path, QUARANTINED)
            assert pattern, f"{name}: {told}"
            assert any(why in told for why in QUARANTINED[pattern]), f"{name}: {told}"
    print(dict(counts))
    assert counts == TOTALS


def _landed(path: Path, home: Path) -> tuple[Landed | None, str]:
    try:
        return land(CONTRACT, path, home), ""
    except SourceRefused as error:
        return None, str(error)
