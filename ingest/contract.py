"""The contract: the only place where a dataset is described.

A contract is one YAML file in ``ingest/contracts``. It is read into frozen dataclasses, and from
them follow the Arrow schema, the raw table, the accepted view, the Great Expectations suite and
the dictionary page. ``load_contract`` refuses a file that is not complete and consistent.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from ingest.contract_column import FILE_NAME, Column, column_of, complaints_of, stray_conditions
from ingest.contract_stream import Stream, complaints_of_stream, stream_of
from ingest.errors import ContractError

# Compiled where there is one: a commit reads every contract.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CONTRACTS_DIR = Path(__file__).parent / "contracts"
DIRECTORY_VARIABLE = "DVINA_CONTRACTS"  # another directory of contracts than the shipped one
REVISION_KINDS = ("slice", "event", "snapshot", "key")
SEVERITIES = ("stop", "warn", "inform")
# Prose never changes what a row becomes, so it takes no part in a contract's identity.
PROSE = (
    "title",
    "description",
    "publisher",
    "owner",
    "warnings",
    "keep_archive_days",
    "expected_every_days",
    "ignored",
    "stream",
)


@dataclass(frozen=True)
class Publisher:
    """Who publishes the records, and on what terms they may be passed on."""

    name: str
    url: str
    licence: str
    terms_url: str
    redistributable: bool


@dataclass(frozen=True)
class SourceFormat:
    """How the publisher's files are laid out; where several ways are listed, the file decides."""

    kinds: tuple[str, ...] = ("csv",)  # names of readers, ingest.sources.KINDS
    delimiters: tuple[str, ...] = (",",)
    quote: str = '"'
    encodings: tuple[str, ...] = ("utf-8",)
    final_newline: str = "required"  # a file cut in transfer mostly ends inside a line
    trailing_delimiter: bool = False  # records may end with a delimiter that the header lacks
    records: tuple[str, ...] = ()  # of XML: which elements are records, ingest.sources.xml_scan


@dataclass(frozen=True)
class Revision:
    """How a later load of the same dataset stands to an earlier one (docs/architecture.md)."""

    kind: str
    by: tuple[str, ...] = ()  # columns whose values name a slice or snapshot
    scope: tuple[str, ...] = ()  # text columns whose values tell how much of a slice a file holds
    version: str | None = None  # kind key: the publisher's version; the greatest wins


@dataclass(frozen=True)
class Limits:
    """Bounds of a whole load; a share is of the rows read."""

    min_rows: int = 1
    max_rows: int | None = None
    max_quarantined_share: float = 0.05
    max_file_bytes: int = 8 * 1024**3
    max_ratio: int = 200  # decompressed to compressed
    max_field_chars: int = 32_768


@dataclass(frozen=True)
class Rule:
    """One hand-written expectation of Great Expectations on a landed load."""

    name: str
    expectation: str
    arguments: Mapping[str, Any]
    severity: str
    why: str


@dataclass(frozen=True)
class Contract:
    """A dataset as described by its YAML; see the module docstring."""

    dataset: str
    version: int
    title: str
    description: str
    grain: str
    owner: str
    publisher: Publisher
    format: SourceFormat
    revision: Revision
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    limits: Limits
    repeats: str  # legitimate | forbidden
    unknown_columns: str  # warn | stop
    masked: tuple[str, ...]
    ignored: tuple[str, ...]  # headers that are known and not kept
    keep_archive_days: int  # 0: the publisher's bytes are not kept
    expected_every_days: int | None  # a dataset without a load for longer is overdue
    rules: tuple[Rule, ...]
    warnings: tuple[str, ...]
    stream: Stream | None  # a topic whose messages are records, too
    digest: str

    @property
    def identity(self) -> str:
        """Version and digest of all that decides what a row becomes."""
        return f"{self.version}:{self.digest}"

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of a landed segment: the columns, then ``_row`` (record number from 1)."""
        fields = [pa.field(c.name, c.arrow_type, nullable=not c.required) for c in self.columns]
        return pa.schema([*fields, pa.field("_row", pa.int64(), nullable=False)])

    @property
    def shared(self) -> tuple[str, ...]:
        """Columns that are equal in all rows of a slice: kept once with it, not in each row."""
        return tuple(
            c.name for c in self.columns if c.constant is not None or c.name in self.revision.by
        )

    @property
    def source_columns(self) -> tuple[str, ...]:
        """Headers of the columns that are read, each once, by their first name."""
        sources = (c.source for c in self.columns if c.source not in (None, FILE_NAME))
        return tuple(dict.fromkeys(str(source) for source in sources))

    @property
    def reads_name(self) -> bool:
        """True where the name of a file decides a value of its rows."""
        return any(c.source == FILE_NAME or c.month_from_name for c in self.columns)

    @property
    def header_names(self) -> Mapping[str, str]:
        """Every header that a column may have -> the column's first name."""
        return {
            name: str(column.source)
            for column in self.columns
            if column.source not in (None, FILE_NAME)
            for name in (str(column.source), *column.aliases)
        }

    def names_of(self, header: Sequence[str]) -> dict[str, str]:
        """Headers of a file that are a column's -> the column's first name.

        Of several names of one column the one that the contract lists first counts; another of
        them in the same file is a column that the contract does not know.
        """
        present, named = set(header), dict[str, str]()
        for column in self.columns:
            if column.source not in (None, FILE_NAME):
                ways = (str(column.source), *column.aliases)
                taken = next((name for name in ways if name in present), None)
                if taken is not None:
                    named[taken] = str(column.source)
        return named

    def unknown(self, header: Sequence[str]) -> list[str]:
        """Headers of a file that this contract says nothing of."""
        told = {*self.names_of(header), *self.masked, *self.ignored}
        return [name for name in header if name not in told]

    @property
    def may_lack(self) -> frozenset[str]:
        """First names of the columns that a file may lack."""
        return frozenset(c.source for c in self.columns if c.source and c.optional)

    def column(self, name: str) -> Column:
        """The column of that name, a field of a list as ``list.field``; raises ContractError."""
        top, _, path = name.partition(".")
        for column in self.columns:
            if column.name == top and (found := column.within(path)):
                return found
        raise ContractError(f"{self.dataset}: no column {name} in {self.dataset}.yml.")


def dataset_names(directory: Path | None = None) -> tuple[str, ...]:
    """Names of all datasets that have a contract, sorted."""
    return tuple(sorted(path.stem for path in (directory or contracts_dir()).glob("*.yml")))


def contracts_dir() -> Path:
    """Where contracts lie: the directory that ``DVINA_CONTRACTS`` names, else the shipped one."""
    return Path(os.environ.get(DIRECTORY_VARIABLE) or CONTRACTS_DIR)


def load_contract(dataset: str, directory: Path | None = None) -> Contract:
    """Read and check one contract; raises ContractError with what to mend."""
    return _load(dataset, directory or contracts_dir())


@cache
def _load(dataset: str, directory: Path) -> Contract:
    path = directory / f"{dataset}.yml"
    if not dataset.isidentifier() or not path.is_file():
        known = ", ".join(dataset_names(directory)) or "none"
        raise ContractError(f"No contract for dataset {dataset!r}. Known datasets: {known}.")
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ContractError(f"{path.name} is not valid YAML: {error}") from error
    if not isinstance(document, dict):
        raise ContractError(f"{path.name} holds no mapping of keys.")
    return _contract(document, path)


def _contract(document: dict[str, Any], path: Path) -> Contract:
    try:
        contract = Contract(
            dataset=document.pop("dataset"),
            digest=_digest(document),
            version=int(document.pop("version")),
            publisher=Publisher(**document.pop("publisher")),
            format=_format(document.pop("format", {})),
            revision=_revision(document.pop("revision")),
            columns=tuple(column_of(entry) for entry in document.pop("columns")),
            limits=Limits(**document.pop("limits", {})),
            rules=tuple(Rule(**entry) for entry in document.pop("rules", ())),
            key=tuple(document.pop("key")),
            masked=tuple(document.pop("masked", ())),
            ignored=tuple(document.pop("ignored", ())),
            warnings=tuple(document.pop("warnings", ())),
            repeats=document.pop("repeats", "forbidden"),
            unknown_columns=document.pop("unknown_columns", "warn"),
            keep_archive_days=int(document.pop("keep_archive_days", 0)),
            expected_every_days=document.pop("expected_every_days", None),
            stream=stream_of(document.pop("stream", None)),
            **document,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ContractError(f"{path.name}: {type(error).__name__}: {error}") from error
    _check(contract, path)
    return contract


def _revision(entry: dict[str, Any]) -> Revision:
    by, scope = (tuple(entry.get(name, ())) for name in ("by", "scope"))
    return Revision(entry["kind"], by, scope, entry.get("version"))


def _format(entry: dict[str, Any]) -> SourceFormat:
    listed: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()
    }
    return SourceFormat(**listed)


def _digest(document: Mapping[str, Any]) -> str:
    rows = {key: value for key, value in document.items() if key not in PROSE}
    rows["columns"] = [_without_prose(column) for column in document["columns"]]
    canonical = json.dumps(rows, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def _without_prose(column: Mapping[str, Any]) -> dict[str, Any]:
    told = {key: value for key, value in column.items() if key != "description"}
    if "fields" in told:
        told["fields"] = [_without_prose(field) for field in told["fields"]]
    return told


def _check(contract: Contract, path: Path) -> None:
    names = [column.name for column in contract.columns]
    complaints = [
        *(f"column {n} appears twice" for n in {n for n in names if names.count(n) > 1}),
        *(f"column {n} begins with _" for n in names if n.startswith("_")),
        *(f"key column {n} does not exist" for n in contract.key if n not in names),
        *(f"revision column {n} does not exist" for n in contract.revision.by if n not in names),
        *(f"scope column {n} does not exist" for n in contract.revision.scope if n not in names),
        *(f"a list cannot be in key, revision or scope: {n}" for n in _lists_that_name(contract)),
        *(f"masked column {n} is also landed" for n in contract.masked if n in _sources(contract)),
        *(complaint for column in contract.columns for complaint in complaints_of(column)),
        *stray_conditions(contract.columns),
        *complaints_of_stream(contract.stream, _sources(contract), contract.revision.kind),
        *(
            f"rule {r.name}: severity {r.severity}"
            for r in contract.rules
            if r.severity not in SEVERITIES
        ),
    ]
    if contract.key and contract.repeats == "legitimate" and contract.revision.kind != "event":
        complaints.append("a key forbids repeats, so repeats cannot be legitimate")
    if contract.dataset != path.stem:
        complaints.append(f"dataset is {contract.dataset}, the file {path.stem}")
    if contract.revision.kind not in REVISION_KINDS:
        complaints.append(f"revision kind {contract.revision.kind}, not one of {REVISION_KINDS}")
    if contract.revision.kind in ("slice", "snapshot") and not contract.revision.by:
        complaints.append(f"revision kind {contract.revision.kind} needs 'by'")
    if contract.revision.kind == "key" and contract.revision.version not in names:
        complaints.append("revision kind key needs 'version', a column")
    if contract.repeats not in ("legitimate", "forbidden"):
        complaints.append(f"repeats is {contract.repeats}, not legitimate or forbidden")
    if contract.unknown_columns not in ("warn", "stop"):
        complaints.append(f"unknown_columns is {contract.unknown_columns}, not warn or stop")
    if complaints:
        raise ContractError(f"{path.name}: " + "; ".join(complaints) + ".")


def _lists_that_name(contract: Contract) -> list[str]:
    by = {*contract.key, *contract.revision.by, *contract.revision.scope}
    return [c.name for c in contract.columns if c.type == "list" and c.name in by]


def _sources(contract: Contract) -> set[str]:
    return {column.source for column in contract.columns if column.source}
