"""The IMF's downloads of trade by partner (IMTS): a line per series, a column per period.

Periods stand as 2024, 2024-Q1 or 2024-M01, all three in one file where that was asked for; the
portal's other layout, a line per observation with TIME_PERIOD and OBS_VALUE, is read too.
Countries and indicators are taken by their codes (``COUNTRY.ID``), by their labels where a file
has no codes. https://data.imf.org/en/datasets/IMF.STA:IMTS
"""

import csv
import io
import re
from pathlib import Path

import pyarrow.compute as pc

from ingest.containers import open_bytes
from ingest.contract import Contract, Limits
from ingest.errors import SchemaDrift, SourceRefused
from ingest.sources import Kind
from ingest.sources.wide import Form, Header, Texts, WideText

PERIOD = re.compile(r"[0-9]{4}(-(Q[1-4]|M(0[1-9]|1[0-2])|S[12]))?")
# Our column -> the publisher's, the code before the label; a file must have one of each but scale.
NAMED = {
    "reporter": ("COUNTRY.ID", "COUNTRY"),
    "partner": ("COUNTERPART_COUNTRY.ID", "COUNTERPART_COUNTRY"),
    "indicator": ("INDICATOR.ID", "INDICATOR"),
    "scale": ("SCALE", "SCALE.ID"),
}
TOLD = ("SERIES_CODE", "COUNTRY", "COUNTERPART_COUNTRY", "INDICATOR")  # shown with refused rows
# XG_FOB_USD, or "Exports of goods, Free on board (FOB), US dollar"
_FLOW = (
    r"^(?P<flow>XG|MG|Exports of goods|Imports of goods)(?:_|, .*\()(?P<valuation>FOB|CIF)"
    r"(?:_USD|\), US dollar)$"
)


def read_header(contract: Contract, line: str, where: str) -> Header:
    """What the columns of a header are; raises SchemaDrift where one is missing or twice."""
    names = tuple(name.strip() for name in next(csv.reader(io.StringIO(line)), []))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SchemaDrift(f"{where} has the column {', '.join(twice)} more than once.")
    named = {
        ours: next(name for name in ways if name in names)
        for ours, ways in NAMED.items()
        if any(name in names for name in ways)
    }
    lacking = [NAMED[ours][0] for ours in NAMED if ours not in named and ours != "scale"]
    if lacking:
        raise SchemaDrift(f"{where} misses the column {', '.join(lacking)}.")
    valued = tuple(name for name in names if PERIOD.fullmatch(name))
    if not valued and {"TIME_PERIOD", "OBS_VALUE"} <= set(names):
        return Header(names, named, ("OBS_VALUE",), "TIME_PERIOD")
    if not valued:
        raise SchemaDrift(
            f"{where} has no column of a period such as 2024 or 2024-M01, nor TIME_PERIOD and "
            "OBS_VALUE."
        )
    return Header(names, named, valued, None)


def _derive(words: Texts, _: Header) -> Texts:
    """Reporter, partner and scale as they stand; flow and valuation out of the indicator."""
    arrays = {ours: words[ours] for ours in ("reporter", "partner", "scale") if ours in words}
    flows = pc.extract_regex(words["indicator"], _FLOW)
    for part in ("flow", "valuation"):
        arrays[part] = pc.coalesce(pc.struct_field(flows, part), words["indicator"])
    return arrays


FORM = Form(read_header, _derive, "value_usd_millions", told=TOLD)


def _open(contract: Contract, path: Path, name: str) -> WideText:
    return WideText(contract, path, name, FORM)


def _is_imf(path: Path) -> bool:
    try:
        with open_bytes(path, Limits()) as stream:
            line = stream.read(64 * 1024).partition(b"\n")[0]
    except SourceRefused:
        return False  # the reader that takes it will say why, and call the file by its name
    return b"COUNTERPART_COUNTRY" in line and b"INDICATOR" in line


IMF_WIDE = Kind(_is_imf, _open)
