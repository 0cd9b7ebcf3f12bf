"""Decimals: by which types they are read, and which of what was read is in its type.

pyarrow brings a number to its scale within the bits of its type, and what overflows them comes out
as another number, unseen: 1e30 with 18 digits after the point as 18960114910927365649.47 in 128
bits. So a type is only asked for whose precision and scale together are no more digits than its
bits hold, since a number of more digits than the precision is refused before it is scaled.
pyarrow's parsers, unlike its casts, also let pass what has too many digits after that. And a
number that lies further behind the point than a type reaches, 1.00E-75, is brought to scale by a
power of ten that no table holds: texts with such a number are not given to pyarrow's parsers.
"""

import re
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract_column import Column

ROUNDING = pa.decimal128(38, 18)  # of numbers that are still to be rounded
_NARROW, _WIDE = 38, 76  # digits that 128 and 256 bits hold
# More than 38 places behind the point are left only to many digits or to a large exponent.
_FAR = re.compile(rb"[eE]-0*(?:[2-9][0-9]|[1-9][0-9]{2})|[0-9]{19}\.?[eE]-")
_PIECE = 1 << 17  # bytes that are looked through while they are near the processor
_IS_DIGIT = np.isin(np.arange(256), np.frombuffer(b"0123456789.", np.uint8))
Typed = tuple[pa.Array, np.ndarray]  # values, and a mask of those that are none, empty for none


def exact_type(column: Column) -> pa.DataType:
    """The type that holds a decimal column's numbers until they are rounded."""
    return ROUNDING if column.rounds else column.arrow_type


def read_type(column: Column) -> pa.DataType:
    """The type to read a decimal column by, in which no number comes out as another."""
    kind = exact_type(column)
    if kind.precision + kind.scale <= _NARROW:
        return kind
    return pa.decimal256(_WIDE - kind.scale, kind.scale)


def narrowed(kind: pa.DataType) -> pa.DataType:
    """The same for a parser that knows 128 bits only, which refuses more numbers then.

    What it gives may have more digits than the type it was asked for: see ``widened``.
    """
    return pa.decimal128(min(kind.precision, _NARROW - kind.scale), kind.scale)


def is_misread(text: bytes | bytearray | memoryview | np.ndarray) -> bool:
    """True where a number may stand in the text that pyarrow's parsers read as another."""
    data = np.frombuffer(text, np.uint8)
    pieces = (data[at : at + _PIECE + 3] for at in range(0, len(data), _PIECE))
    return any(map(_has_exponent, pieces)) and _FAR.search(data.data) is not None


def _has_exponent(piece: np.ndarray) -> bool:
    """True where an e and a minus stand between digits, which few texts have."""
    pairs = piece[1:] == ord("-")
    pairs &= (piece[:-1] | 0x20) == ord("e")
    if not pairs.any():
        return False
    at = np.flatnonzero(pairs)
    around = _IS_DIGIT[piece.take(at - 1, mode="clip")] & _IS_DIGIT[piece.take(at + 2, mode="clip")]
    return bool(around.any())


def widened(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """What was read as ``narrowed`` in its own type: the bits are the same."""
    return pa.Array.from_buffers(kind, len(values), values.buffers(), offset=values.offset)


def settled(column: Column, values: pa.Array) -> Typed:
    """Decimals as a reader gives them in the column's type; those too large for it are marked."""
    kind = column.arrow_type
    if column.rounds and values.type != kind:
        kind = ROUNDING
    bad = np.zeros(0, bool)
    fitting = _in_type(values, kind)
    if fitting is None:
        bad = _large(values, kind.precision - kind.scale)
        fitting = pc.if_else(pa.array(bad), None, values).cast(kind)
    return (fitting, bad) if kind == column.arrow_type else rounded(fitting, column, bad)


def rounded(values: pa.Array, column: Column, bad: np.ndarray) -> Typed:
    """Decimals of many digits at the column's scale, half to even; what is too large is bad."""
    digits = min(column.precision - column.scale, ROUNDING.precision - ROUNDING.scale - 1)
    near = pc.round(values, ndigits=column.scale, round_mode="half_to_even")
    large = _large(near, digits)
    if large.any():
        near = pc.if_else(pa.array(large), None, near)
        bad = bad | large if len(bad) else large
    return near.cast(column.arrow_type), bad


def _in_type(values: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """The values in the type; None where one has more digits, which parsers let pass."""
    try:
        if values.type != kind:
            return values.cast(kind)
        values.validate(full=True)
    except pa.ArrowInvalid:
        return None
    return values


def _large(values: pa.Array, digits: int) -> np.ndarray:
    """Marks numbers with more than so many digits before the point."""
    roomy = pa.decimal256 if pa.types.is_decimal256(values.type) else pa.decimal128
    most = _WIDE if pa.types.is_decimal256(values.type) else _NARROW
    bound = pa.scalar(Decimal(10) ** digits, roomy(most, values.type.scale))
    large = pc.greater_equal(pc.abs(values), bound)
    return np.asarray(pc.fill_null(large, False).to_numpy(zero_copy_only=False), dtype=bool)
