"""Reads text without a header, line by line, by the patterns that a contract gives.

``format.records`` holds regular expressions with named groups, which are the columns; the first
that fits a whole line decides. One without a group says what is no record, such as a stamp above a
table. A line that fits none is handed on as malformed. Whole blocks go through Arrow's kernels;
records are counted in the bytes, by Python's own expressions.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.containers import open_bytes
from ingest.contract import Contract
from ingest.errors import ContractError, HostileInput, SchemaDrift, SourceRefused
from ingest.sources import Kind, Malformed, Part, RawBatch
from ingest.sources.layout import not_delimited

BLOCK_BYTES = 1024**2
MAX_LINE_BYTES = 1024**2
MAX_MALFORMED, MAX_TEXT = 10_000, 4_000


class Lines:
    """One text; see the module docstring. Raises SourceRefused, SchemaDrift, HostileInput."""

    def __init__(self, contract: Contract, path: Path, name: str) -> None:
        if not contract.format.records:
            raise ContractError(f"{contract.dataset}: format lines needs 'records'.")
        self._contract = contract
        self._path = path
        self._name = name
        self._where = f"{contract.dataset}: {name}"
        self._encoding = contract.format.encodings[0]
        wholes = [rf"^(?:{pattern})$" for pattern in contract.format.records]
        self._records = [p for p in wholes if re.compile(p).groups]
        self._skipped = [p for p in wholes if not re.compile(p).groups]
        self._counted = self._malformed = 0
        head = next(self._blocks(), b"")
        problem = not_delimited(head[:4096])
        if problem:
            raise SourceRefused(f"{self._where} {problem}.")
        self._check(head)

    @property
    def drift(self) -> tuple[str, ...]:
        """Nothing: a line is as the contract says, or malformed."""
        return ()

    def parts(self) -> Iterator[Part]:
        """Blocks of whole lines, about 1 MiB each."""
        for block in self._blocks():
            lines = self._lines(block)
            records = sum(not self._is_skipped(line) for line in lines)
            if records:
                yield partial(self._parse, block, self._counted)
            self._counted += records

    def records_read(self) -> int:
        """Lines that are neither blank nor said to be no records."""
        return self._counted

    def _blocks(self) -> Iterator[bytes]:
        rest = b""
        with open_bytes(self._path, self._contract.limits, self._where) as stream:
            while chunk := stream.read(BLOCK_BYTES):
                whole, newline, rest = (rest + chunk).rpartition(b"\n")
                if len(rest) > MAX_LINE_BYTES:
                    raise HostileInput(
                        f"{self._where} has a line longer than {MAX_LINE_BYTES} bytes."
                    )
                if newline:
                    yield whole
        if rest:
            yield rest

    def _check(self, head: bytes) -> None:
        """Refuse a text of which no line begins the way the contract says."""
        lines = self._lines(head)[:100]
        if lines and not any(re.match(p, line) for p in self._records for line in lines):
            raise SchemaDrift(
                f"{self._where}: none of its first lines is as {self._contract.dataset}.yml says "
                f"('records'); the first is {lines[0][:80]!r}."
            )

    def _lines(self, block: bytes) -> list[str]:
        text = block.decode(self._encoding, "replace").removeprefix("\ufeff")
        return [line for raw in text.split("\n") if (line := raw.removesuffix("\r")).strip()]

    def _is_skipped(self, line: str) -> bool:
        return any(re.match(pattern, line) for pattern in self._skipped)

    def _parse(self, block: bytes, given: int) -> RawBatch:
        """The records of a block, of which ``given`` stand before it."""
        text = block.decode(self._encoding, "replace")
        lines = pa.array(text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"))
        lines = lines.filter(pc.not_equal(pc.utf8_trim_whitespace(lines), ""))
        for pattern in self._skipped:
            lines = lines.filter(pc.invert(pc.match_substring_regex(lines, pattern)))
        columns: dict[str, pa.Array] = {}
        fits = np.zeros(len(lines), dtype=bool)
        for pattern in self._records:
            groups = pc.extract_regex(lines, pattern)
            taken = pc.and_(pc.is_valid(groups), pa.array(~fits))
            for field in groups.type:
                value = pc.if_else(taken, pc.struct_field(groups, field.name), None)
                known = columns.get(field.name, pa.nulls(len(lines), pa.string()))
                columns[field.name] = pc.coalesce(known, value)
            fits |= taken.to_numpy(zero_copy_only=False)
        rows = np.arange(1, len(lines) + 1, dtype=np.int64) + given
        bad = [
            Malformed(int(rows[at]), str(lines[at])[:MAX_TEXT], "is as no pattern of the contract")
            for at in np.flatnonzero(~fits)[: MAX_MALFORMED + 1]
        ]
        self._malformed += len(bad)
        if self._malformed > MAX_MALFORMED:
            raise SourceRefused(f"{self._where} has more than {MAX_MALFORMED} malformed lines.")
        batch = pa.RecordBatch.from_pydict(columns).filter(pa.array(fits))
        damaged = "\ufffd" in text
        return RawBatch(batch, pa.array(rows[fits]), tuple(bad), damaged, self._name)


LINES = Kind(lambda _: True, Lines)
