"""Parses one XML document piece by piece and hands out its record elements, each whole.

Memory does not depend on the size of a document: what was handed out, or is of no use, is taken
out of the tree. libxml2's bounds on depth (256), texts, attributes and names stay on; entities,
document types and the network are off; a record that grows past a bound is refused.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from ingest.errors import HostileInput, SourceRefused
from ingest.sources.xml_paths import local_name
from ingest.sources.xml_scan import RecordName
from ingest.sources.xml_shred import Element

MAX_RECORD_BYTES = 32 * 1024**2
HEADER_BYTES = 1024**2  # before the first record; kept, because rows may take values from it
# Encodings in which markup is written in the bytes of ASCII, so that bytes can be searched.
_BY_BYTES = ("utf-8", "us-ascii", "ascii", "windows-125", "iso-8859-", "koi8-", "cp866", "ibm866")
_ENCODING = re.compile(rb"""\s*<\?xml[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._\-]+)["']""")
_ROOT = re.compile(rb"(?s)(?:\s|<\?.*?\?>|<!--.*?-->)*<([^\s<>/?!]+)")
_MAX_NAMES, _MAX_LEVELS, _KNOWN_TAGS = 1_000, 4, 10_000


@dataclass(frozen=True)
class XmlHead:
    """What the first bytes of a document tell: the root's name as it is written, the encoding."""

    root: str
    encoding: str | None  # None: as the document declares

    @classmethod
    def of(cls, head: bytes, where: str) -> "XmlHead":
        """Look at the first bytes, without a mark of order; raises SourceRefused."""
        declared, forced = _ENCODING.match(head), None
        encoding = declared[1].decode().lower() if declared else "utf-8"
        if encoding.startswith("utf-16"):
            forced = encoding = "utf-8"  # into which the caller turned it
        if not encoding.startswith(_BY_BYTES):
            raise SourceRefused(f"{where} declares the encoding {encoding[:40]!r}; it is not read.")
        root = _ROOT.match(head)
        if root is None:
            raise SourceRefused(f"{where} is not XML: no element begins in its first bytes.")
        return cls(root[1].decode(encoding, "replace"), forced)


class RecordMatcher:
    """Says whether an element is a record; what was learnt of a tag is kept."""

    def __init__(self, records: Sequence[RecordName]) -> None:
        self._patterns = [
            (re.compile(re.escape(record.name).replace(r"\*", r"[\w.\-]*")), record.attribute)
            for record in records
        ]
        self._known: dict[str, tuple[str, ...]] = {}

    def __call__(self, element: Element) -> bool:
        tag = element.tag
        wanted = self._known.get(tag)
        if wanted is None:
            name = local_name(tag)
            wanted = tuple(which for pattern, which in self._patterns if pattern.fullmatch(name))
            if len(self._known) < _KNOWN_TAGS:
                self._known[tag] = wanted
        return any(not name or _has(element, name) for name in wanted)


class XmlDocument:
    """One document that is being read; ``where`` begins its messages.

    ``begin`` is given the root once, before the first record is handed out, when all that stands
    before that record was read.
    """

    def __init__(
        self,
        is_record: RecordMatcher,
        begin: Callable[[Element], None],
        head: XmlHead,
        where: str,
    ) -> None:
        self._is_record = is_record
        self._begin = begin
        self._where = where
        self._parser = etree.XMLPullParser(
            events=("start",),
            tag=f"{{*}}{head.root}",  # only the root is asked for, the others are found below it
            encoding=head.encoding,
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        self._root: Element | None = None
        self._begun = False
        self._fed = self._pending = self._found = 0
        self._beside: dict[str, Counter[str]] = {}
        self._holding: set[str] = set()
        self.kind = ""  # local names of the root and of its first child

    def feed(self, chunk: bytes) -> Iterator[Element]:
        """Parse the next bytes and hand out records; each must be used before the next is asked."""
        self._fed += len(chunk)
        self._pending += len(chunk)
        self._guarded(lambda: self._parser.feed(chunk))
        yield from self._records(whole=False)
        if self._pending > MAX_RECORD_BYTES:
            raise HostileInput(
                f"{self._where}: an element of {self.kind} is larger than {MAX_RECORD_BYTES} bytes."
            )

    def finish(self) -> Iterator[Element]:
        """The records that are left; raises SourceRefused where the document is not whole."""
        self._root = self._guarded(self._parser.close)
        yield from self._records(whole=True)

    @property
    def beside(self) -> Counter[str]:
        """Elements, by their path, that stand beside records and are none."""
        counted: Counter[str] = Counter()
        for path in self._holding & self._beside.keys():
            counted += Counter({f"{path}/{n}": c for n, c in self._beside[path].items()})
        return counted

    def _guarded(self, step: Callable[[], Element]) -> Element:
        try:
            return step()
        except etree.XMLSyntaxError as error:
            line, place, what = *error.position, str(error.msg)
            log = self._parser.feed_error_log  # tells more where the parser stopped long before
            if not line and len(log):
                line, place, what = log[0].line, log[0].column, log[0].message
            raise SourceRefused(
                f"{self._where}, line {line}, column {place}: not well-formed XML: "
                f"{what[:200]}. The file was cut in transfer or damaged; fetch it again."
            ) from error

    def _records(self, *, whole: bool) -> Iterator[Element]:
        for _, element in self._parser.read_events():
            self._root = element if self._root is None else self._root
        root = self._root
        if root is None:
            return
        self._know(root)
        if not (self._begun or whole or self._fed > HEADER_BYTES or self._has_record(root)):
            return
        if not self._begun:
            self._begun = True
            self._begin(root)
        if not self._is_record(root):
            yield from self._harvest(root, local_name(root.tag), 1, whole=whole)
        elif whole:
            self._found += 1
            yield root

    def _know(self, root: Element) -> None:
        """Note what kind of document it is; raises HostileInput where it declares a type."""
        if not self.kind:
            self.kind = local_name(root.tag)
            if root.getroottree().docinfo.internalDTD is not None:
                raise HostileInput(f"{self._where} declares a document type; it is not read.")
        if "/" not in self.kind and len(root):
            self.kind = f"{self.kind}/{local_name(root[0].tag)}"

    def _has_record(self, root: Element) -> bool:
        """True where a record begins in what was read of a document until now."""
        return any(self._is_record(element) for element in root.iter(etree.Element))

    def _harvest(self, parent: Element, path: str, level: int, *, whole: bool) -> Iterator[Element]:
        """Hand out whole records below an element that is none, and take out all that is whole.

        An element is whole once a sibling after it, or after an element around it, has begun.
        What follows it is then no text that the parser still adds to.
        """
        child = parent[0] if len(parent) else None
        while child is not None:
            following = child.getnext()
            done = whole or following is not None
            if self._is_record(child):
                if level <= _MAX_LEVELS:
                    self._holding.add(path)
                if done:
                    self._found += 1
                    yield child
            else:
                name = local_name(child.tag)
                before = self._found
                below = f"{path}/{name}" if level < _MAX_LEVELS else path
                yield from self._harvest(child, below, level + 1, whole=done)
                if done and before == self._found:
                    self._note(path, name, level)
            if done:
                parent.remove(child)
                self._pending = 0
            child = following

    def _note(self, path: str, name: str, level: int) -> None:
        names = self._beside.setdefault(path, Counter()) if level <= _MAX_LEVELS else None
        if names is not None and (name in names or len(names) < _MAX_NAMES):
            names[name] += 1


def _has(element: Element, name: str) -> bool:
    return name in element.attrib or any(local_name(key) == name for key in element.attrib)
