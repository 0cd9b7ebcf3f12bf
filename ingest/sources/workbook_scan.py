"""Counts the records of a Data Browser workbook in its XML, apart from the reader of its cells.

The count is what the reader's output is held against, so it shares no code with it: the zip is
unpacked member by member, the XML goes through expat as a stream. A sheet with a row ``TIME`` is a
table; its records are its labelled rows times its periods, less the cells that hold ``:``. On the
way the whole workbook is checked before anything else opens it: no member unpacks to more than it
says, nothing swells beyond the limits, no sheet spans more cells than memory can take, and there
is no document type (entities are declared in one).
"""

import copy
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.parsers import expat

from ingest.contract import Limits
from ingest.errors import HostileInput, SourceRefused

MISSING = ":"
MAX_MEMBERS, MAX_CELLS, MAX_STRINGS = 20_000, 4_000_000, 1_000_000
MAX_PART_BYTES = 64 * 1024**2  # of a part that is no sheet
MAX_UNPACKED = 2 * 1024**3
_RATIO_FLOOR = 64 * 1024**2
_CHUNK, _MAX_TOKEN = 256 * 1024, 1024**2
_HEADING = re.compile(r"\((Labels|Codes)\)$", re.IGNORECASE)


def is_workbook(path: Path) -> bool:
    """True for a zip that holds the parts of an xlsx workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.NameToInfo
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return False


def count_records(
    path: Path,
    limits: Limits,
    where: str,
    counter: "Callable[[str, list[str]], SheetCounter] | None" = None,
) -> int:
    """Records of a workbook; raises SourceRefused where it is damaged, HostileInput at a bound.

    ``where`` names dataset and file in the messages; ``counter`` counts one sheet, given its place
    for messages and the shared strings.
    """
    counter = counter or _DataBrowserSheet
    try:
        with zipfile.ZipFile(path) as archive:
            parts = _Parts(archive, path.stat().st_size, limits, where)
            strings = _Strings(where)
            parts.feed_all("xl/sharedStrings.xml", strings)
            count = 0
            for name in parts.names:
                if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                    sheet = counter(f"{where}, {name}", strings.values)
                    parts.feed_all(name, sheet)
                    count += sheet.finish()
                elif name != "xl/sharedStrings.xml":
                    parts.drain(name)
            return count
    except expat.ExpatError as error:
        raise SourceRefused(f"{where} is a workbook with damaged XML: {error}.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise SourceRefused(f"{where} is a damaged workbook: {error}. Fetch it again.") from error


class _Parts:
    """The members of the zip, unpacked as streams within the bounds, each but once."""

    def __init__(self, archive: zipfile.ZipFile, packed: int, limits: Limits, where: str) -> None:
        self._archive = archive
        self._where = where
        swell = max(packed * limits.max_ratio, _RATIO_FLOOR)
        self._left = min(swell, limits.max_file_bytes, MAX_UNPACKED)
        self.names = archive.namelist()
        if len(self.names) > MAX_MEMBERS or len(set(self.names)) < len(self.names):
            raise HostileInput(f"{where} is a workbook with too many parts, or one of them twice.")

    def feed_all(self, name: str, handler: "_Handler") -> None:
        """Parse one member, if it is there."""
        if name in self._archive.NameToInfo:
            for chunk in self._chunks(name, MAX_UNPACKED):
                handler.feed(chunk)
            handler.close()

    def drain(self, name: str) -> None:
        """Unpack one member to see that it keeps the bounds."""
        for _ in self._chunks(name, MAX_PART_BYTES):
            pass

    def _chunks(self, name: str, limit: int) -> Iterator[bytes]:
        told = self._archive.getinfo(name)
        info = copy.copy(told)
        info.file_size = min(limit, self._left) + 2 * _CHUNK  # else it is cut at what it says
        size = 0
        with self._archive.open(info) as stream:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > min(limit, self._left):
                    raise HostileInput(
                        f"{self._where}, {name}: swells beyond the limit when unpacked "
                        "(limits.max_ratio): it looks like a zip bomb."
                    )
                yield chunk
        self._left -= size
        if size != told.file_size:
            raise HostileInput(f"{self._where}, {name}: is {size} bytes, not what the zip says.")


class _Handler:
    """An XML stream without document types and without huge tokens."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._fed = 0
        self._local: dict[str, str] = {}  # x:row -> row
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._element
        self._parser.CharacterDataHandler = self._text
        self._pieces: list[str] = []
        self._length = 0
        self._collects = False

    def feed(self, chunk: bytes) -> None:
        """Parse the next bytes."""
        self._parser.Parse(chunk, False)
        self._fed += len(chunk)
        if self._fed - self._parser.CurrentByteIndex > _MAX_TOKEN:
            raise HostileInput(f"{self._where}: an XML tag is longer than {_MAX_TOKEN} bytes.")

    def close(self) -> None:
        """The stream is at its end."""
        self._parser.Parse(b"", True)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins; its name comes without a prefix."""
        raise NotImplementedError

    def _doctype(self, *_: object) -> None:
        raise HostileInput(f"{self._where}: the XML has a document type, which no workbook needs.")

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        local = self._local.get(name)
        if local is None:
            local = self._local[name] = name.rpartition(":")[2]
        self.start(local, attributes)

    def _text(self, text: str) -> None:
        if self._collects:
            self._pieces.append(text)
            self._length += len(text)
            if self._length > _MAX_TOKEN:
                raise HostileInput(f"{self._where}: a text is longer than {_MAX_TOKEN} characters.")

    def _taken(self) -> str:
        text = "".join(self._pieces)
        self._pieces.clear()
        self._length, self._collects = 0, False
        return text


class _Strings(_Handler):
    """The shared strings, in order."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.values: list[str] = []
        self._open = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "si":
            self._close_string()
            self._open = True
        else:
            self._collects = name == "t"

    def close(self) -> None:
        super().close()
        self._close_string()

    def _close_string(self) -> None:
        if self._open:
            self.values.append(self._taken())
            if len(self.values) > MAX_STRINGS:
                raise HostileInput(f"{self._where}: more than {MAX_STRINGS} shared strings.")


class SheetCounter(_Handler):
    """Counts the records of one sheet, row by row: ``close_row`` says what is one."""

    def __init__(self, where: str, strings: list[str]) -> None:
        super().__init__(where)
        self._strings = strings
        self._row = self._column = self._widest = 0
        self._kind = ""
        self._cells: dict[int, str] = {}
        self.count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._close_cell()
            place = attributes.get("r")
            self._column = _column(place) if place else self._column + 1
            self._kind = attributes.get("t", "n")
            self._widest = max(self._widest, self._column)
        elif name in ("v", "t"):
            self._collects = True
        elif name == "row":
            self._close_row()
            self._row = int(attributes.get("r", self._row + 1))
            self._column = 0
            if self._row * max(self._widest, 1) > MAX_CELLS:
                raise HostileInput(f"{self._where}: spans more than {MAX_CELLS} cells.")
        else:
            self._collects = False

    def finish(self) -> int:
        """Records of the sheet; 0 when it is no table."""
        self._close_row()
        if self._row * self._widest > MAX_CELLS:
            raise HostileInput(f"{self._where}: spans more than {MAX_CELLS} cells.")
        return self.count

    def _close_cell(self) -> None:
        text = self._taken().strip()
        if text and self._kind == "s":
            text = self._strings[int(text)] if int(text) < len(self._strings) else ""
        if text:
            self._cells[self._column] = text

    def close_row(self, cells: dict[int, str]) -> None:
        """A row is at its end: its filled cells by the number of their column."""
        raise NotImplementedError

    def _close_row(self) -> None:
        self._close_cell()
        self.close_row(self._cells)
        self._cells.clear()


class _DataBrowserSheet(SheetCounter):
    """Counts the cells of a table of Eurostat's Data Browser."""

    def __init__(self, where: str, strings: list[str]) -> None:
        super().__init__(where, strings)
        self._periods: set[int] = set()
        self._part = "above"  # above, headings, body, below the table
        self._last = 0  # row that was looked at last

    def close_row(self, cells: dict[int, str]) -> None:
        """A row is at its end."""
        first = cells.get(1, "")
        if self._part == "above" and first == "TIME":
            labels = next(n for n in range(1, MAX_CELLS) if cells.get(n) != "TIME")
            self._periods = {at for at in cells if at >= labels}
            self._part = "headings"
        elif self._part == "headings" and not _HEADING.search(first):
            self._part = "body"
            self._last = self._row - 1
        if self._part == "body":
            if first and self._row == self._last + 1:
                held = sum(cells.get(at) == MISSING for at in self._periods)
                self.count += len(self._periods) - held
            else:
                self._part = "below"
        self._last = self._row


def _column(place: str) -> int:
    """The number of a cell's column, from 1: 28 for AB12."""
    number = 0
    for letter in place.rstrip("0123456789"):
        number = number * 26 + ord(letter) - 64
    return number
