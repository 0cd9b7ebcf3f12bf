"""Casts one column of text to its contract's type and marks what breaks it.

A kernel that casts a whole column is tried first; only when it refuses are the bad values found
by a pattern and cast apart. What is accepted never depends on the neighbours of a value.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Column
from ingest.lookups import resolve

_PERIOD = r"^[0-9]{4}(-(0[1-9]|1[0-2])|-Q[1-4])?$"
_NAN_FREE_INTEGER = r"^[+-]?[0-9]{1,18}$"


@dataclass(frozen=True)
class Cast:
    """A typed column, and per broken rule a mask of the rows that broke it."""

    values: pa.Array
    broken: tuple[tuple[str, np.ndarray], ...]


def cast_column(column: Column, text: pa.Array, max_chars: int, *, damaged: bool = False) -> Cast:
    """Cast text by the column's description; rules are named as they stand in quarantine.

    ``damaged`` says that bytes which were no text stand in the column as U+FFFD.
    """
    broken: list[tuple[str, np.ndarray]] = []
    if damaged:
        _note(broken, "encoding", _mask(pc.match_substring(text, "\ufffd")))
    if _has_nul(text):
        _note(broken, "nul_byte", _mask(pc.match_substring(text, "\x00")))
    _note(broken, "too_long", _mask(pc.greater(pc.binary_length(text), max_chars)))
    if column.trim:
        text = pc.utf8_trim_whitespace(text)
    if column.decimal_mark != "." and column.type == "decimal":
        text = _with_point(text, column.decimal_mark)
    text = pc.if_else(pc.is_in(text, pa.array(column.nulls)), None, text)
    if column.values or column.lookup:
        text, unknown = _translate(column, text)
        _note(broken, "not_in_list" if column.values else f"unknown_{column.lookup}", unknown)
    values, bad = _CASTS[column.type](column, text)
    _note(broken, f"not_{column.type}", bad)
    if column.required:
        # A value that broke another rule is null by now; its first reason is kept by the caller.
        _note(broken, "missing", _mask(pc.is_null(values)))
    _note_bounds(column, text, values, broken)
    return Cast(values, tuple(broken))


def _note_bounds(
    column: Column, text: pa.Array, values: pa.Array, broken: list[tuple[str, np.ndarray]]
) -> None:
    if column.pattern:
        fits = pc.match_substring_regex(text, pattern=f"^(?:{column.pattern})$")
        _note(broken, "pattern", _mask(pc.invert(fits)))
    if column.allowed:
        listed = pc.is_in(values.cast(pa.string()), pa.array(column.allowed))
        _note(broken, "not_in_list", _mask(pc.and_(pc.invert(listed), pc.is_valid(values))))
    if column.minimum is not None:
        bound = pa.scalar(column.minimum).cast(column.arrow_type)
        _note(broken, "below_minimum", _mask(pc.less(values, bound)))
    if column.maximum is not None:
        bound = pa.scalar(column.maximum).cast(column.arrow_type)
        _note(broken, "above_maximum", _mask(pc.greater(values, bound)))


def _has_nul(text: pa.Array) -> bool:
    data = text.buffers()[-1]
    return data is not None and b"\x00" in memoryview(data).tobytes()


def _with_point(text: pa.Array, mark: str) -> pa.Array:
    # A point where a comma is the decimal mark would be a second mark: let it fail the cast.
    text = pc.replace_substring(text, ".", "?")
    return pc.replace_substring(text, mark, ".")


def _translate(column: Column, text: pa.Array) -> tuple[pa.Array, np.ndarray]:
    if column.lookup:
        codes = resolve(column.lookup, text)
    else:
        keys = pa.array([str(key) for key in column.values])
        words = pa.array([str(word) for word in column.values.values()])
        codes = words.take(pc.index_in(text, value_set=keys))
    unknown = pc.and_(pc.is_null(codes), pc.is_valid(text))
    return codes, _mask(unknown)


Typed = tuple[pa.Array, np.ndarray]


def _cast_text(_: Column, text: pa.Array) -> Typed:
    return text, np.zeros(0, bool)


def _cast_decimal(column: Column, text: pa.Array) -> Typed:
    whole, scale = column.precision - column.scale, column.scale
    small = rf"\.[0-9]{{1,{scale}}}0*"
    large = rf"[0-9]{{1,{whole}}}(\.[0-9]{{0,{scale}}}0*)?|" if whole else ""
    pattern = rf"^[+-]?0*({large}{small})$"
    try:
        values = text.cast(column.arrow_type)
        if not _any(pc.match_substring(text, "e")) and not _any(pc.match_substring(text, "E")):
            return values, np.zeros(0, bool)
    except pa.ArrowInvalid:
        pass
    # Arrow counts leading zeros as digits; they are none.
    slim = pc.replace_substring_regex(text, r"^([+-]?)0+([0-9])", r"\1\2")
    slim = pc.replace_substring_regex(slim, r"(\.[0-9]*?)0+$", r"\1")
    return _where(slim, pattern, column.arrow_type)


def _cast_integer(column: Column, text: pa.Array) -> Typed:
    return _where(text, _NAN_FREE_INTEGER, column.arrow_type)


def _where(text: pa.Array, pattern: str, to: pa.DataType) -> Typed:
    bad = _mask(pc.invert(pc.match_substring_regex(text, pattern=pattern)))
    good = pc.if_else(pa.array(bad), None, text) if bad.any() else text
    return good.cast(to), bad


def _cast_moment(column: Column, text: pa.Array) -> Typed:
    moments = pa.nulls(len(text), pa.timestamp("us"))
    for layout in column.layouts:
        moments = pc.coalesce(moments, _parse_moment(text, layout))
    bad = _mask(pc.and_(pc.is_null(moments), pc.is_valid(text)))
    return moments.cast(column.arrow_type), bad


def _parse_moment(text: pa.Array, layout: str) -> pa.Array:
    """Timestamps in microseconds, null where the text is not of the layout."""
    fraction = None
    if layout.endswith(".%f"):  # which Arrow does not know
        layout = layout.removesuffix(".%f")
        digits = pc.struct_field(pc.extract_regex(text, r"\.(?P<f>[0-9]{1,6})$"), "f")
        fraction = pc.utf8_rpad(digits, 6, "0").cast(pa.int64()).cast(pa.duration("us"))
        text = pc.replace_substring_regex(text, r"\.[0-9]{1,6}$", "")
    parsed = pc.strptime(text, format=layout, unit="s", error_is_null=True)
    # strptime lets 31 February pass as 3 March: only what prints back the same is a date.
    same = pc.equal(pc.strftime(parsed, format=layout), text)
    moments = pc.if_else(pc.fill_null(same, False), parsed, None).cast(pa.timestamp("us"))
    return moments if fraction is None else pc.add(moments, fraction)


def _cast_period(_: Column, text: pa.Array) -> Typed:
    bad = _mask(pc.invert(pc.match_substring_regex(text, pattern=_PERIOD)))
    return pc.if_else(pa.array(bad), None, text), bad


def _cast_boolean(_: Column, text: pa.Array) -> Typed:
    bad = _mask(pc.invert(pc.is_in(text, pa.array(["true", "false", None]))))
    return pc.if_else(pc.is_null(text), None, pc.equal(text, "true")), bad


_CASTS: dict[str, Callable[[Column, pa.Array], Typed]] = {
    "text": _cast_text,
    "decimal": _cast_decimal,
    "integer": _cast_integer,
    "date": _cast_moment,
    "timestamp": _cast_moment,
    "period": _cast_period,
    "boolean": _cast_boolean,
}


def _note(broken: list[tuple[str, np.ndarray]], rule: str, mask: np.ndarray) -> None:
    if mask.any():
        broken.append((rule, mask))


def _mask(condition: pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(condition, False).to_numpy(zero_copy_only=False), dtype=bool)


def _any(condition: pa.Array) -> bool:
    return bool(pc.any(condition).as_py())
