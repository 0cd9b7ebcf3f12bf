"""Russia's customs service: the forms in which it published, Russian and English.

The rows are made up (SYNTHETIC) in the publisher's layouts; the samples' rows are real.
"""

import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingest.casting import cast_batch
from ingest.contract import load_contract
from ingest.errors import SourceRefused
from ingest.sources import open_source
from tests.conftest import SAMPLES_FOLDER, needs_samples

CONTRACT = load_contract("customs_fcs_flows")
Write = Callable[[str, str | bytes], Path]

YEARLY = (
    "NAPR,PERIOD,STRANA,TNVED,EDIZM,STOIM,NETTO,KOL\n"
    "ИМ,2021,BY,0403903000,,1526541.73,1045093.246,27\n"
    "ЭК,2021,PL,XXXXXXXXXX,,193128686.73,0.051005,0\n"
)
MONTHLY = (
    "napr\tperiod\tnastranapr\ttnved\tedizm\tStoim\tNetto\tKol\tRegion\tRegion_s\n"
    "ИМ\t01/2016\tBY\t0403903000\tшт\t1526541,73\t1045093,246\t27\t"
    "71100 - Ханты-Мансийский автономный округ - Югра\t04 - Уральский федеральный округ\n"
    "ЭК\t01/2016\tNNN\t8703231981\tшт\t10\t0\t2\t45000 - Город Москва\t01 - Центральный\n"
)
DUMP = MONTHLY.replace("\t", ";").replace("nastranapr", "STRANA").upper()
ENGLISH = (
    "DIRECTION,PERIOD,COUNTRY,HS,UM,VALUE,NETWEIGHT,QUANTITY,REGION,REGION_S\n"
    "IMP,01/2015,BY,0403903000,,7826,1899,0,46000 - MOSCOW REGION,01-CENTRAL FEDERAL DISTRICT\n"
    'EXP,01/2015,IR,8703231981,,9479,25,0,"45000 - MOSCOW, THE CAPITAL",01-CENTRAL\n'
)


def read(path: Path, name: str = "") -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Landed and refused rows of a file, after its counts were found to close."""
    source = open_source(CONTRACT, path, name)
    casts = [cast_batch(CONTRACT, part()) for part in source.parts()]
    landed = pa.Table.from_batches([c.landed for c in casts]).to_pylist()
    refused = [row for c in casts for row in c.refused.to_pylist()]
    assert source.records_read() == len(landed) + len(refused)
    assert source.drift == ()
    return landed, refused


@pytest.mark.parametrize(
    ("name", "content", "period"),
    [
        ("2021-01.csv", YEARLY.encode(), "2021-01"),
        ("fts_202101.csv", b"\xef\xbb\xbf" + YEARLY.encode(), "2021-01"),
        ("yearly.csv", YEARLY.encode(), "2021"),
        ("DATTSVT.csv", MONTHLY.encode(), "2016-01"),
        ("dump.csv", DUMP.encode("cp1251"), "2016-01"),
        ("english.csv", ENGLISH.encode(), "2015-01"),
    ],
)
def test_every_form_gives_the_same_kind_of_row(
    write: Write, name: str, content: bytes, period: str
) -> None:
    landed, refused = read(write(name, content))
    assert (len(landed), refused) == (2, [])
    first, second = landed
    assert (first["flow_code"], first["partner_code"]) == ("M", "BLR")
    assert first["commodity_code"] == "0403903000"
    assert {row["period"] for row in landed} == {period}
    assert first["frequency"] == ("A" if len(period) == 4 else "M")
    assert isinstance(first["value_usd"], Decimal)
    assert second["flow_code"] == "X"


def test_a_dump_keeps_decimals_regions_and_the_unknown_country(write: Write) -> None:
    (first, second), _ = read(write("DATTSVT.csv", MONTHLY.encode()))
    assert first["value_usd"] == Decimal("1526541.73")
    assert first["net_weight_kg"] == Decimal("1045093.246000")
    assert first["region_code"] == "71100"
    assert first["region_name"] == "Ханты-Мансийский автономный округ - Югра"
    assert second["partner_code"] == "unknown"


def test_a_dump_in_a_zip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "TCBT.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("DATTSVT.csv", MONTHLY.encode())
    landed, refused = read(path)
    assert (len(landed), refused) == (2, [])


def test_confidential_codes_keep_their_value(write: Write) -> None:
    landed, _ = read(write("2021-01.csv", YEARLY.encode()))
    assert landed[1]["commodity_code"] == "XXXXXXXXXX"
    assert landed[1]["value_usd"] == Decimal("193128686.73")


def test_what_is_wrong_in_a_row_is_quarantined_with_its_reason(write: Write) -> None:
    body = YEARLY + (
        "ИМ,2021,BY,403903000,,1,1,1\n"  # a code that lost its zero
        "ИМ,2020,BY,0403903000,,1,1,1\n"  # another year than the name's
        "ЯЯ,2021,BY,0403903000,,1,1,1\n"
        "ИМ,2021,ZZ,0403903000,,1,1,1\n"
        "ИМ,2021,BY,0403903000,,1 000,1,1\n"
    )
    landed, refused = read(write("2021-01.csv", body.encode()))
    assert len(landed) == 2
    assert [(row["row"], row["rule"], row["column"]) for row in refused] == [
        (3, "pattern", "commodity_code"),
        (4, "other_year_in_file_name", "period"),
        (5, "not_in_list", "flow_code"),
        (6, "unknown_countries_alpha2", "partner_code"),
        (7, "not_decimal", "value_usd"),
    ]


def test_a_dbf_is_refused_and_says_so(write: Write) -> None:
    with pytest.raises(SourceRefused, match=r"dBase.*not read"):
        read(write("DATTSVT.dbf", b"\x03\x78\x01\x01" + bytes(28) + b"STRANA".ljust(32, b"\0")))


@needs_samples
def test_the_real_excerpts_are_read_whole() -> None:
    folder = SAMPLES_FOLDER / "customs/fts_russia"
    russian, none = read(folder / "fts_2021-01_excerpt_from_doc.csv")
    assert (len(russian), none) == (5, [])
    assert sum(row["value_usd"] for row in russian) == Decimal("194757431.83")
    english, none = read(folder / "fts_en_2015-01_excerpt_from_readme.csv")
    assert (len(english), none) == (7, [])
    assert english[1]["region_name"] == "MOSCOW, THE CAPITAL OF RUSSIAN FEDERATION"
