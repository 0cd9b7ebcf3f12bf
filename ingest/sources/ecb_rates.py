"""Reads the reference rates of the European Central Bank: a line per day, a column per currency.

Every cell that holds a rate is a record; an empty cell and ``N/A`` are none (the currency was not
quoted that day). Both of the bank's files are read: the history (``2026-04-13``) and the daily one
(``13 April 2026``, blanks after commas); both end each line with a comma. A file is read whole, up
to MAX_BYTES: thirty years are 2 MB. Cells are counted by a pattern in the bytes, apart from the
parser. https://www.ecb.europa.eu/stats/eurofxref/
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ingest.containers import open_bytes
from ingest.contract import Contract
from ingest.errors import HostileInput, SchemaDrift, SourceRefused
from ingest.sources import Kind, Malformed, Part, RawBatch
from ingest.sources.layout import not_delimited

MAX_BYTES = 64 * 1024**2
MAX_MALFORMED, MAX_TEXT = 1_000, 4_000
NOT_QUOTED = ("", "N/A")
_RATE = re.compile(rb",[ \t]*(?!N/A[ \t]*[,\r\n])[^,\s]")
_CURRENCY = re.compile(r"[A-Z]{3}")


class EcbRates:
    """One file of rates; see the module docstring. Raises SourceRefused and SchemaDrift."""

    def __init__(self, contract: Contract, path: Path, name: str) -> None:
        self._name = name
        self._where = f"{contract.dataset}: {name}"
        with open_bytes(path, contract.limits, self._where) as stream:
            text = b""
            while chunk := stream.read(1024**2):
                text += chunk
                if len(text) > MAX_BYTES:
                    raise HostileInput(f"{self._where} is larger than {MAX_BYTES} bytes.")
        problem = not_delimited(text[:4096])
        if problem:
            raise SourceRefused(f"{self._where} {problem}.")
        if not text.endswith(b"\n"):
            raise SourceRefused(
                f"{self._where} ends inside its last line: it was cut in transfer. Fetch it again."
            )
        header, _, self._body = text.partition(b"\n")
        self._currencies = self._header(header)
        self._malformed: list[Malformed] = []

    @property
    def drift(self) -> tuple[str, ...]:
        """Nothing: a new currency is a record like the others."""
        return ()

    def parts(self) -> Iterator[Part]:
        """All of it at once."""
        yield self._rates

    def records_read(self) -> int:
        """Cells that hold something, and lines of another number of fields, in the bytes."""
        lines = [line for line in self._body.split(b"\n") if line.strip()]
        whole = [line for line in lines if line.count(b",") == self._width - 1]
        return len(_RATE.findall(b"\n".join([*whole, b""]))) + len(lines) - len(whole)

    def _header(self, line: bytes) -> list[str]:
        names = [name.strip() for name in line.decode("utf-8-sig", "replace").split(",")]
        currencies = names[1:-1] if names[-1] == "" else names[1:]
        odd = [name for name in currencies if not _CURRENCY.fullmatch(name)]
        if names[0] != "Date" or odd or not currencies or len(set(currencies)) < len(currencies):
            raise SchemaDrift(
                f"{self._where} has the columns {', '.join(names)[:200]}; a table of the European "
                "Central Bank has Date and one column per currency (USD, JPY, ...)."
            )
        self._width = len(names)
        return currencies

    def _rates(self) -> RawBatch:
        trailing = [""] * (self._width - len(self._currencies) - 1)
        names = ["Date", *self._currencies, *trailing]

        def note(row: pacsv.InvalidRow) -> str:
            reason = f"{row.actual_columns} fields where the header has {row.expected_columns}"
            self._malformed.append(Malformed(row.number or 0, row.text[:MAX_TEXT], reason))
            return "skip" if len(self._malformed) <= MAX_MALFORMED else "error"

        try:
            table = pacsv.read_csv(
                pa.BufferReader(self._body or b"\n"),
                read_options=pacsv.ReadOptions(
                    use_threads=False, block_size=len(self._body) + 2, column_names=names
                ),
                parse_options=pacsv.ParseOptions(quote_char=False, invalid_row_handler=note),
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string())
                ),
            )
        except pa.ArrowInvalid as error:
            raise SourceRefused(f"{self._where} cannot be split into fields: {error}.") from error
        return self._melt(table)

    def _melt(self, table: pa.Table) -> RawBatch:
        cells = [pc.utf8_trim_whitespace(table[c].combine_chunks()) for c in self._currencies]
        quoted = [pc.invert(pc.is_in(c, pa.array(NOT_QUOTED))) for c in cells]
        held = np.column_stack([q.to_numpy(zero_copy_only=False) for q in quoted])
        lines, columns = np.nonzero(held)
        # "1 April 2026" as "01 April 2026"
        dates = pc.replace_substring_regex(table["Date"].combine_chunks(), r"^\s*([0-9]) ", r"0\1 ")
        every = pa.concat_arrays(cells)
        batch = pa.RecordBatch.from_pydict(
            {
                "Date": dates.take(pa.array(lines)),
                "currency": pa.array(self._currencies).take(pa.array(columns)),
                "rate": every.take(pa.array(columns * table.num_rows + lines)),
            }
        )
        rows = np.arange(1, len(lines) + 1, dtype=np.int64)
        odd = [
            Malformed(len(lines) + n, m.text, m.reason)
            for n, m in enumerate(self._malformed, start=1)
        ]
        return RawBatch(batch, pa.array(rows), tuple(odd), name=self._name)


ECB_RATES = Kind(lambda _: True, EcbRates)
