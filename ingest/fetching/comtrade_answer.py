"""One answer of UN Comtrade on disk: is it whole, how many rows, and are they those asked for.

An answer is ``{"elapsedTime": ..., "count": n, "data": [...], "error": ""}``. Only the named
columns are read, whole at once, by Arrow: 100,000 rows of 47 fields take 0.3 s and no list of
rows. Types are given, never inferred: inferring crashes Arrow 26 on deeply nested input.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from ingest.fetching.comtrade_query import LEVELS, Query
from ingest.fetching.errors import AnswerRefused, TryAgain

# Numbers come as 4 and as 4.0, which only floats take both. Money is not read from here.
_ASKED = {
    "period": pa.string(),
    "reporterCode": pa.float64(),
    "flowCode": pa.string(),
    "partnerCode": pa.float64(),
    "cmdCode": pa.string(),
    "partner2Code": pa.float64(),
    "motCode": pa.float64(),
    "customsCode": pa.string(),
}
_CONTENT = _ASKED | {
    "classificationCode": pa.string(),
    "aggrLevel": pa.float64(),
    "qtyUnitCode": pa.float64(),
    "qty": pa.float64(),
    "altQty": pa.float64(),
    "netWgt": pa.float64(),
    "grossWgt": pa.float64(),
    "cifvalue": pa.float64(),
    "fobvalue": pa.float64(),
    "primaryValue": pa.float64(),
}
_BLANKS = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")  # JSON has none inside strings
_CHUNK = 1024**2


@dataclass(frozen=True)
class Answer:
    """A whole answer; ``count`` is what the publisher says, ``rows`` what it sent."""

    path: Path
    count: int
    rows: pa.StructArray

    def stray(self, query: Query) -> str:
        """A row's value that was not asked for, in words; empty when all rows were."""
        codes = query.commodities or LEVELS[:1]
        checks = {
            "period": query.periods,
            "reporterCode": query.reporters,
            "flowCode": query.flows,
            "partnerCode": query.partners,
            "cmdCode": None if codes[0] in LEVELS else codes,
            "partner2Code": ("0",),
            "motCode": ("0",),
            "customsCode": ("C00",),
        }
        for name, asked in checks.items():
            values = pc.unique(pc.struct_field(self.rows, [name])).drop_null().to_pylist()
            strange = {_text(value) for value in values} - set(asked) if asked else set()
            if strange:
                return f"{name} {min(strange)} was not asked for"
        return ""

    def append_to(self, out: Path) -> None:
        """Write the answer as one line, otherwise as the publisher sent it."""
        with self.path.open("rb") as source, out.open("ab") as target:
            first = True
            while chunk := source.read(_CHUNK):
                target.write((chunk.removeprefix(_BOM) if first else chunk).translate(_LINE_ENDS))
                first = False
            target.write(b"\n")


def read_answer(path: Path, who: str) -> Answer:
    """The answer in a file; ``who`` begins the messages.

    Raises TryAgain when it was cut, AnswerRefused when it is something else.
    """
    count, error, rows = _read(path, who, _ASKED)
    if error:
        raise AnswerRefused(f"{who} reports an error: {error[:300]}. Narrow or mend the query.")
    if count is None or count < 0:
        raise AnswerRefused(f"{who} gave an answer without a count. Look at {path.name}.")
    return Answer(path, count, rows)


def fingerprint(path: Path, who: str) -> str:
    """Names the content of an answer, whatever the order of its rows and keys, and its time."""
    _, _, rows = _read(path, who, _CONTENT)
    columns = [pc.struct_field(rows, [name]).cast(pa.string()) for name in sorted(_CONTENT)]
    joined = pc.binary_join_element_wise(
        *columns, "\x1f", null_handling="replace", null_replacement="\x00"
    )
    digest = hashlib.sha256()
    order = pc.sort_indices(joined)
    for start in range(0, len(order), 10_000):
        lines = joined.take(order.slice(start, 10_000))
        whole = pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines)
        digest.update(pc.binary_join(whole, "\n")[0].as_buffer())
    return f"{len(rows)}:{digest.hexdigest()}"


def _read(
    path: Path, who: str, fields: dict[str, pa.DataType]
) -> tuple[int | None, str, pa.StructArray]:
    _check_ends(path, who)
    row = pa.struct(list(fields.items()))
    schema = pa.schema([("count", pa.float64()), ("error", pa.string()), ("data", pa.list_(row))])
    try:
        table = pj.read_json(
            str(path),
            read_options=pj.ReadOptions(use_threads=False, block_size=path.stat().st_size + 16),
            parse_options=pj.ParseOptions(
                explicit_schema=schema,
                newlines_in_values=True,
                unexpected_field_behavior="ignore",
            ),
        )
        table.validate(full=True)  # text that is no UTF-8
    except pa.ArrowInvalid as error:
        raise AnswerRefused(f"{who} gave an answer that is not as it documents: {error}") from error
    if table.num_rows != 1:
        raise AnswerRefused(f"{who} gave {table.num_rows} documents in one answer.")
    count, error_text = table["count"][0].as_py(), table["error"][0].as_py() or ""
    return (
        None if count is None else int(count),
        error_text,
        table["data"].combine_chunks().flatten(),
    )


def _check_ends(path: Path, who: str) -> None:
    """It must begin and end as an object does, before Arrow sees it: a bare ``null`` crashes it."""
    with path.open("rb") as file:
        begin = file.read(4096).removeprefix(_BOM).lstrip(_BLANKS)
        file.seek(max(path.stat().st_size - 4096, 0))
        end = file.read().rstrip(_BLANKS)
    if not begin.startswith(b"{"):
        seen = begin[:60].decode("utf-8", "replace")
        raise AnswerRefused(
            f"{who} gave no JSON but {seen!r}. Open the address in a browser, or try later."
        )
    if not end.endswith(b"}"):
        raise TryAgain("the body was cut")


def _text(value: object) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)
