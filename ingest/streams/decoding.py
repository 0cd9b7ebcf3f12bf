"""Decodes the payloads of a micro-batch straight into Arrow.

pyarrow parses all payloads at once. Each stands in an array of its own line, ``{"_":[payload]}``,
so one that is no single JSON object makes the parser fail or the array longer or shorter than
one: a message is never taken for another. Only a chunk in which that happens is looked at message
by message. Another format is another ``Decoder``.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson

from ingest.contract import Contract
from ingest.contract_column import DEFAULT_NULLS, Column
from ingest.decimals import is_misread, read_type
from ingest.sources import Malformed, RawBatch

Payloads = Sequence[bytes | None]
CHUNK = 512  # messages among which a bad one is looked for
MAX_TEXT = 4_000
MAX_BYTES = 8 * 1024**2  # a longer message is refused unread
DEEP = 50_000  # brackets in one message that are not given to the compiled parser
_HEAD, _BETWEEN, _TAIL = b'{"_":[', b']}\n{"_":[', b"]}"
_WHOLE = pa.decimal128(38, 0)


class Decoder(Protocol):
    """Turns payloads into raw batches; together they hold every message once."""

    def decode(self, payloads: Payloads, rows: np.ndarray, keys: Payloads) -> Iterator[RawBatch]:
        """Payloads with their record numbers and the messages' keys (empty: not asked for)."""


def decoder_of(contract: Contract) -> Decoder:
    """The decoder that the contract's stream names."""
    assert contract.stream is not None
    return _DECODERS[contract.stream.payload](contract)


class JsonDecoder:
    """One JSON object per message; see the module docstring."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        columns = {c.source: c for c in contract.columns if c.source in contract.source_columns}
        self._columns = {
            alias: columns[name] for alias, name in contract.header_names.items() if name in columns
        }
        fields = [pa.field(name, _read_as(column)) for name, column in self._columns.items()]
        self._masked = _masking(contract.masked)
        self._schema = pa.schema([("_", pa.list_(pa.struct(fields)))])
        self._in_bulk = not any(_needs_text(column) for column in contract.columns)

    def decode(
        self, payloads: Payloads, rows: np.ndarray, keys: Payloads = ()
    ) -> Iterator[RawBatch]:
        """All at once where every payload is sound, else in chunks, else one by one."""
        whole = self._bulk(payloads, rows, keys)
        if whole is not None:
            yield whole
            return
        for at in range(0, len(payloads), CHUNK):
            part = slice(at, at + CHUNK)
            few, few_keys = payloads[part], keys[part] if keys else ()
            chunk = self._bulk(few, rows[part], few_keys)
            yield chunk or self._one_by_one(few, rows[part], few_keys)

    def _bulk(self, payloads: Payloads, rows: np.ndarray, keys: Payloads) -> RawBatch | None:
        if not self._in_bulk or any(_may_be_deep(payload) for payload in payloads):
            return None
        try:
            text = b"".join((_HEAD, _BETWEEN.join(payloads), _TAIL))  # type: ignore[arg-type]
            structs = self._parsed(text, len(payloads))
        except (TypeError, pa.ArrowInvalid):  # a message without a payload is None
            return None
        if structs is None:
            return None
        columns = self._told(structs, keys)
        return RawBatch(
            columns, pa.array(rows), name=self._contract.dataset,
            whole=lambda: self._one_by_one(payloads, rows, keys).columns,
        )  # fmt: skip

    def _parsed(self, text: bytes, count: int) -> pa.StructArray | None:
        """One struct per message; None where the text is not so."""
        if is_misread(text):
            return None
        table = pajson.read_json(
            pa.BufferReader(text),
            read_options=pajson.ReadOptions(use_threads=False, block_size=len(text) + 1),
            parse_options=pajson.ParseOptions(
                explicit_schema=self._schema, unexpected_field_behavior="ignore"
            ),
        )
        table.validate(full=True)  # the parser lets bytes pass that are no UTF-8
        lists = table.column("_").combine_chunks()
        structs = lists.flatten()
        lengths = np.diff(lists.offsets.to_numpy())
        if table.num_rows != count or len(structs) != count or not (lengths == 1).all():
            return None
        return None if structs.null_count else structs

    def _told(self, structs: pa.StructArray, keys: Payloads) -> pa.RecordBatch:
        """Columns by the contract's first names; of several names of one column the first told."""
        found: dict[str, pa.Array] = {}
        for name, values in zip(self._columns, structs.flatten(), strict=True):
            source = str(self._columns[name].source)
            found[source] = pc.coalesce(found[source], values) if source in found else values
        return self._with_keys(
            {source: _for_casting(self._columns[source], v) for source, v in found.items()}, keys
        )

    def _with_keys(self, columns: dict[str, pa.Array], keys: Payloads) -> pa.RecordBatch:
        stream = self._contract.stream
        if stream and stream.key and keys:
            told = pa.array([_key_text(key) for key in keys], pa.string())
            present = columns.get(stream.key, pa.nulls(len(told), pa.string()))
            columns[stream.key] = pc.coalesce(present.cast(pa.string()), told)
        return pa.RecordBatch.from_pydict(columns)

    def _one_by_one(self, payloads: Payloads, rows: np.ndarray, keys: Payloads) -> RawBatch:
        """Every value as text; a message that is no JSON object is handed on as malformed."""
        good: list[dict[str, str | None]] = []
        at: list[int] = []
        bad: list[Malformed] = []
        damaged = False
        for number, payload in enumerate(payloads):
            text = (payload or b"").decode("utf-8", "replace")
            record, why = _record(text, payload)
            if record is None:
                shown = self._masked(text[:MAX_TEXT])
                bad.append(Malformed(int(rows[number]), shown, why))
                continue
            damaged = damaged or "\ufffd" in text
            told: dict[str, str | None] = {}
            for key, value in record.items():
                name = str(self._columns[key].source) if key in self._columns else key
                if told.get(name) is None:
                    told[name] = _as_text(value)
            good.append(told)
            at.append(number)
        names = dict.fromkeys([*self._contract.source_columns, *(name for r in good for name in r)])
        columns = {name: pa.array([r.get(name) for r in good], pa.string()) for name in names}
        batch = self._with_keys(columns, [keys[n] for n in at] if keys else ())
        numbers = pa.array(rows[at], pa.int64())
        return RawBatch(batch, numbers, tuple(bad), damaged, self._contract.dataset)


def _record(text: str, payload: bytes | None) -> tuple[dict[str, Any] | None, str]:
    """The object that a message holds, or why it holds none."""
    if payload is None:
        return None, "a message without a payload"
    if len(payload) > MAX_BYTES:
        return None, f"a message of {len(payload)} bytes"
    try:
        record = json.loads(
            text, parse_float=str, parse_int=str, parse_constant=_no_number,
            object_pairs_hook=_no_name_twice,
        )  # fmt: skip
    except (ValueError, RecursionError) as error:
        return None, str(error)[:200] or "too deep"
    if not isinstance(record, dict):
        return None, "no JSON object"
    return record, ""


def _masking(names: Sequence[str]) -> Callable[[str], str]:
    """Takes the values of these names out of a text that is nearly JSON."""
    if not names:
        return lambda text: text
    words = "|".join(re.escape(name) for name in names)
    pattern = re.compile(rf'("(?:{words})"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^,}}\]]*)')
    return lambda text: pattern.sub(r'\1"<masked>"', text)


def _no_number(word: str) -> str:
    raise ValueError(f"{word} is no number in JSON")


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return record


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False)


def _key_text(key: bytes | None) -> str | None:
    return None if key is None else key.decode("utf-8", "replace")


def _read_as(column: Column) -> pa.DataType:
    """The type in which the parser is asked for a column; decimals take numbers and texts."""
    match column.type:
        case "decimal":
            return read_type(column)
        case "integer":
            return _WHOLE
        case "boolean":
            return pa.bool_()
        case _:
            return pa.string()


def _for_casting(column: Column, values: pa.Array) -> pa.Array:
    """What ``ingest.casting`` takes: decimals, text, text in a dictionary where words repeat."""
    if column.type == "decimal":
        return values
    if column.type in ("integer", "boolean"):
        values = values.cast(pa.string())
    if column.type in ("integer", "boolean", "date", "timestamp", "period") or _has_words(column):
        return values.dictionary_encode(null_encoding="encode")
    return values


def _has_words(column: Column) -> bool:
    return bool(column.lookup or column.values or column.allowed or column.pattern)


def _needs_text(column: Column) -> bool:
    """True where only text can be cast: what is nested, and decimals with nulls of their own."""
    own_nulls = column.type == "decimal" and column.nulls != DEFAULT_NULLS
    return column.type == "list" or "." in str(column.source or "") or own_nulls


def _may_be_deep(payload: bytes | None) -> bool:
    """True where a payload could nest so deep that a parser runs out of stack."""
    if payload is None or len(payload) < DEEP:
        return False
    return payload.count(b"[") + payload.count(b"{") > DEEP


_DECODERS: dict[str, Callable[[Contract], Decoder]] = {"json": JsonDecoder}
