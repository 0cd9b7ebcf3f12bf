"""Casts one column of text to its contract's type and marks what breaks it.

A kernel that casts a whole column is tried first; only when it refuses are the bad values found
by a pattern and cast apart. What is accepted never depends on the neighbours of a value.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract_column import Column
from ingest.decimals import ROUNDING, Typed, is_misread, read_type, rounded, settled
from ingest.fixed_width import layouts_of_days, parse_days
from ingest.lookups import resolve
from ingest.moments import parse_moments
from ingest.text_arrays import data_of, has_byte, longest, nulled, trimmed

_PERIOD = r"^[0-9]{4}(-(0[1-9]|1[0-2])|-Q[1-4])?$"
_EXPONENT = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]{1,2}$"
_NAN_FREE_INTEGER = r"^[+-]?[0-9]{1,18}$"


@dataclass(frozen=True)
class Cast:
    """A typed column, and per broken rule a mask of the rows that broke it."""

    values: pa.Array
    broken: tuple[tuple[str, np.ndarray], ...]


def cast_column(
    column: Column, values: pa.Array, max_chars: int, *, damaged: bool = False, name: str = ""
) -> Cast:
    """Cast by the column's description; rules are named as they stand in quarantine.

    ``values`` are text, text in a dictionary (then each distinct value is cast once), or decimals
    that the reader cast already. ``damaged`` says that bytes which were no text stand in the
    column as U+FFFD, ``name`` what the file was called.
    """
    if pa.types.is_decimal(values.type):
        broken: list[tuple[str, np.ndarray]] = []
        values, large = settled(column, values)
        _note(broken, "not_decimal", large)
        if column.required and values.null_count:
            _note(broken, "missing", _mask(pc.is_null(values)))
        _note_bounds(column, None, values, broken)
        return Cast(values, tuple(broken))
    if not pa.types.is_dictionary(values.type):
        return _cast_text_column(column, values, max_chars, damaged=damaged, name=name)
    words = values.dictionary
    cast = _cast_text_column(column, words, max_chars, damaged=damaged, name=name)
    indices = values.indices
    masks = tuple((rule, mask[indices.to_numpy()]) for rule, mask in cast.broken)
    found = tuple((rule, mask) for rule, mask in masks if mask.any())
    if pa.types.is_string(cast.values.type):
        return Cast(_distinct(indices, cast.values), found)
    return Cast(cast.values.take(indices), found)


def _distinct(indices: pa.Array, words: pa.Array) -> pa.DictionaryArray:
    """A dictionary of distinct words without null, which casting may have made equal or null."""
    encoded = words.dictionary_encode()
    if len(encoded.dictionary) == len(words):  # they are distinct as they stand
        return pa.DictionaryArray.from_arrays(indices, words)
    return pa.DictionaryArray.from_arrays(encoded.indices.take(indices), encoded.dictionary)


def _cast_text_column(
    column: Column, text: pa.Array, max_chars: int, *, damaged: bool, name: str
) -> Cast:
    broken: list[tuple[str, np.ndarray]] = []
    if damaged:
        _note(broken, "encoding", _mask(pc.match_substring(text, "\ufffd")))
    if has_byte(text, b"\x00"):
        _note(broken, "nul_byte", _mask(pc.match_substring(text, "\x00")))
    if longest(text) > max_chars:
        _note(broken, "too_long", _mask(pc.greater(pc.binary_length(text), max_chars)))
    if column.extract:
        text = _extract(text, column.extract)
    if column.trim:
        text = trimmed(text)
    if column.decimal_mark != "." and column.type == "decimal":
        text = _with_point(text, column.decimal_mark)
    text = nulled(text, column.nulls)
    if column.pad:
        text = _padded(text, column.pad)
    if column.values or column.lookup:
        text, unknown = _translate(column, text)
        _note(broken, "not_in_list" if column.values else f"unknown_{column.lookup}", unknown)
    values, bad = _CASTS[column.type](column, text)
    _note(broken, f"not_{column.type}", bad)
    if column.month_from_name:
        values, other = _with_month(values, column.month_from_name, name)
        _note(broken, "other_year_in_file_name", other)
    if column.required and values.null_count:
        # A value that broke another rule is null by now; its first reason is kept by the caller.
        _note(broken, "missing", _mask(pc.is_null(values)))
    _note_bounds(column, text, values, broken)
    return Cast(values, tuple(broken))


def frequencies(periods: pa.Array) -> pa.Array:
    """A, Q or M for periods written as YYYY, YYYY-Qn and YYYY-MM; null where there is none."""
    if pa.types.is_dictionary(periods.type):
        return _distinct(periods.indices, frequencies(periods.dictionary))
    quarter = pc.match_substring(periods, "Q")
    month = pc.if_else(pc.equal(pc.utf8_length(periods), 4), "A", "M")
    return pc.if_else(quarter, "Q", month)


def lengths(codes: pa.Array) -> pa.Array:
    """How many characters codes have that begin with a digit; 0 for words such as TOTAL."""
    if pa.types.is_dictionary(codes.type):
        return lengths(codes.dictionary).take(codes.indices)
    is_code = pc.match_substring_regex(codes, pattern="^[0-9]")
    return pc.if_else(is_code, pc.utf8_length(codes), 0).cast(pa.int64())


def _extract(text: pa.Array, pattern: str) -> pa.Array:
    """The group of the pattern where it matches, the text as it is elsewhere."""
    named = pattern.replace("(", "(?P<value>", 1) if "(?P<" not in pattern else pattern
    groups = pc.extract_regex(text, named)
    found = pc.struct_field(groups, [0])
    return pc.coalesce(found, text) if found.null_count else found


def _padded(text: pa.Array, width: int) -> pa.Array:
    """Digits with the leading zeros that the publisher lost, other text as it is."""
    digits = pc.match_substring_regex(text, pattern="^[0-9]+$")
    return pc.if_else(digits, pc.utf8_lpad(text, width, "0"), text)


def _with_month(periods: pa.Array, pattern: str, name: str) -> tuple[pa.Array, np.ndarray]:
    """Bare years with the month that the file's name tells; marks years that it contradicts."""
    found = re.search(pattern, name)
    if not found:
        return periods, np.zeros(0, bool)
    year, month = found.groups()
    bare = pc.equal(pc.utf8_length(periods), 4)
    other = pc.and_(bare, pc.not_equal(periods, year))
    return pc.if_else(bare, f"{year}-{month}", periods), _mask(other)


def _note_bounds(
    column: Column, text: pa.Array | None, values: pa.Array, broken: list[tuple[str, np.ndarray]]
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


def _with_point(text: pa.Array, mark: str) -> pa.Array:
    if mark == ",":
        # A point where a comma is the decimal mark would be a second mark: let it fail the cast.
        text = pc.replace_substring(text, ".", "?")
    return pc.replace_substring(text, ",", ".")


def _translate(column: Column, text: pa.Array) -> tuple[pa.Array, np.ndarray]:
    if column.lookup:
        codes = resolve(column.lookup, text)
    else:
        keys = pa.array([str(key) for key in column.values])
        words = pa.array([str(word) for word in column.values.values()])
        codes = words.take(pc.index_in(text, value_set=keys))
    if codes.null_count == text.null_count:
        return codes, np.zeros(0, bool)
    return codes, _mask(pc.and_(pc.is_null(codes), pc.is_valid(text)))


def _cast_text(_: Column, text: pa.Array) -> Typed:
    return text, np.zeros(0, bool)


def _cast_decimal(column: Column, text: pa.Array) -> Typed:
    if column.rounds:
        many = {"precision": ROUNDING.precision, "scale": ROUNDING.scale}
        noisy = replace(column, **many, rounds=False)
        values, bad = _cast_decimal(noisy, text)
        return rounded(values, column, bad)
    whole, scale = column.precision - column.scale, column.scale
    small = rf"\.[0-9]{{1,{scale}}}0*"
    large = rf"[0-9]{{1,{whole}}}(\.[0-9]{{0,{scale}}}0*)?|" if whole else ""
    pattern = rf"^[+-]?0*({large}{small})$"
    if not is_misread(data_of(text)):
        try:
            return text.cast(read_type(column)).cast(column.arrow_type), np.zeros(0, bool)
        except pa.ArrowInvalid:
            pass
    # Arrow counts leading zeros as digits; they are none.
    slim = pc.replace_substring_regex(_written_out(text), r"^([+-]?)0+([0-9])", r"\1\2")
    slim = pc.replace_substring_regex(slim, r"^([+-]?)(\.[0-9])", r"\10\2")
    slim = pc.replace_substring_regex(slim, r"(\.[0-9]*?)0+$", r"\1")
    return _where(slim, pattern, column.arrow_type)


def _written_out(text: pa.Array) -> pa.Array:
    """Numbers with an exponent, which are few, without it."""
    raised = pc.match_substring_regex(text, pattern=_EXPONENT)
    if not _any(raised):
        return text
    at = pa.array(np.flatnonzero(_mask(raised)))
    plain = pa.array([f"{Decimal(value):f}" for value in text.take(at).to_pylist()])
    return pc.replace_with_mask(text, pc.fill_null(raised, False), plain)


def _cast_integer(column: Column, text: pa.Array) -> Typed:
    return _where(text, _NAN_FREE_INTEGER, column.arrow_type)


def _where(text: pa.Array, pattern: str, to: pa.DataType) -> Typed:
    bad = _mask(pc.invert(pc.match_substring_regex(text, pattern=pattern)))
    good = pc.if_else(pa.array(bad), None, text) if bad.any() else text
    return good.cast(to), bad


def _cast_moment(column: Column, text: pa.Array) -> Typed:
    if column.type == "date" and (layouts := layouts_of_days(column.layouts)):
        moments = parse_days(text, layouts)
    else:
        moments = parse_moments(text, column.layouts).cast(column.arrow_type)
    if moments.null_count == text.null_count:
        return moments, np.zeros(0, bool)
    return moments, _mask(pc.and_(pc.is_null(moments), pc.is_valid(text)))


def _cast_period(column: Column, text: pa.Array) -> Typed:
    for layout in column.layouts:
        text = _as_period(text, layout)
    bad = _mask(pc.invert(pc.match_substring_regex(text, pattern=_PERIOD)))
    return (pc.if_else(pa.array(bad), None, text) if bad.any() else text), bad


def _as_period(text: pa.Array, layout: str) -> pa.Array:
    """Text of the layout as YYYY, YYYY-Qn or YYYY-MM, other text as it is."""
    pattern = layout
    for sign, group in (
        ("%Y", "(?P<y>[0-9]{4})"),
        ("%m", "(?P<m>[0-9]{2})"),
        ("%q", "(?P<q>[1-4])"),
    ):
        pattern = pattern.replace(sign, group)
    groups = pc.extract_regex(text, f"^{pattern}$")
    parts = [pc.struct_field(groups, "y")]
    parts += [pc.struct_field(groups, "m")] if "%m" in layout else []
    parts += (
        [pc.binary_join_element_wise("Q", pc.struct_field(groups, "q"), "")]
        if "%q" in layout
        else []
    )
    return pc.coalesce(pc.binary_join_element_wise(*parts, "-"), text)


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
