"""The World Bank's International Debt Statistics (IDS) as wide text: a column per year.

The bulk download is a zip with the data and four files of notes; DataBank's downloads head their
years ``2000 [YR2000]``. An edition has eight years of scheduled debt service after its last actual
year, so the last column tells which year that is; a file that ends earlier does not tell it.
https://datatopics.worldbank.org/debt/ids/
"""

import csv
import io
import re
from pathlib import Path

import pyarrow as pa

from ingest.containers import open_bytes
from ingest.contract import Contract, Limits
from ingest.errors import SchemaDrift, SourceRefused
from ingest.sources import Kind
from ingest.sources.wide import Form, Header, Texts, WideText

YEAR = re.compile(r"([0-9]{4})( \[YR[0-9]{4}\])?")
PROJECTED_YEARS = 8
FIRST_YEARS = ("1970", "2000")  # with which whole editions begin
MEMBER = r"(^|/)IDS_ALL\w*Data\w*\.csv$"
NEEDED = ("country", "counterpart_area", "series_code")


def read_header(contract: Contract, line: str, where: str) -> Header:
    """What the columns of a header are; raises SchemaDrift where one is missing or twice."""
    names = tuple(name.strip() for name in next(csv.reader(io.StringIO(line)), []))
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise SchemaDrift(f"{where} has the column {', '.join(twice)} more than once.")
    named = {ours: theirs for theirs, ours in contract.names_of(names).items()}
    lacking = [column for column in NEEDED if column not in named]
    if lacking:
        raise SchemaDrift(f"{where} misses the column {', '.join(lacking)}.")
    valued = tuple(name for name in names if YEAR.fullmatch(name))
    if not valued:
        raise SchemaDrift(f"{where} has no column of a year such as 2000 or 2000 [YR2000].")
    return Header(names, named, valued, None)


def last_actual_year(header: Header) -> str | None:
    """The year after which a whole edition's figures are scheduled; None for a part of one."""
    years = sorted(name[:4] for name in header.valued)
    whole = years[0] in FIRST_YEARS and len(years) == int(years[-1]) - int(years[0]) + 1
    if not whole or len(years) <= PROJECTED_YEARS + 20:
        return None
    return str(int(years[-1]) - PROJECTED_YEARS)


def _derive(words: Texts, header: Header) -> Texts:
    rows = len(next(iter(words.values())))
    told = pa.array([last_actual_year(header)], pa.string())
    return {**words, "last_actual_year": told.take(pa.array([0] * rows, pa.int32()))}


FORM = Form(read_header, _derive, "value", period="year", member=MEMBER)


def _open(contract: Contract, path: Path, name: str) -> WideText:
    return WideText(contract, path, name, FORM)


def _is_wide(path: Path) -> bool:
    try:
        with open_bytes(path, Limits(), member=MEMBER) as stream:
            line = stream.read(64 * 1024).partition(b"\n")[0]
    except SourceRefused:
        return False  # the reader that takes it will say why, and call the file by its name
    fields = line.decode("latin-1").replace('"', "").split(",")
    return sum(bool(YEAR.fullmatch(field.strip())) for field in fields) > 1


IDS_WIDE = Kind(_is_wide, _open)
