"""Reads moments whose layout gives every part a fixed place: digits by numpy, whole columns.

Such a layout is made of ``%Y``, ``%m``, ``%d``, ``%H``, ``%M`` and ``%S``, each with as many digits
as it always has, and of letters that stand as they are. A day that the calendar lacks is none,
and there is no year 0.
"""

import re
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa

from ingest.text_arrays import data_of, offsets

_DIGITS = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2}
_BELOW = {"%H": 24, "%M": 60, "%S": 60}
_SECONDS = {"%H": 3600, "%M": 60, "%S": 1}
_DAY_S, _MICROS = 86_400, 1_000_000


@dataclass(frozen=True)
class FixedLayout:
    """Where what stands in a text: ``parts`` are their sign, first and last place but one."""

    width: int
    parts: tuple[tuple[str, int, int], ...]
    letters: tuple[tuple[int, int], ...]  # place, byte


@cache
def fixed_layout(layout: str) -> FixedLayout | None:
    """The places of a layout; None where some part of it has none."""
    pieces = re.split("(%[A-Za-z%])", layout)
    signs = pieces[1::2]
    if not {"%Y", "%m", "%d"} <= set(signs) <= set(_DIGITS) or len(signs) != len(set(signs)):
        return None
    at, parts, letters = 0, [], []
    for piece in pieces:
        if piece in _DIGITS:
            parts.append((piece, at, at + _DIGITS[piece]))
            at += _DIGITS[piece]
            continue
        spelt = piece.encode()
        letters += list(zip(range(at, at + len(spelt)), spelt, strict=True))
        at += len(spelt)
    return FixedLayout(at, tuple(parts), tuple(letters))


def parse_fixed(text: pa.StringArray, layout: FixedLayout) -> pa.Array:
    """Timestamps in microseconds, null where the text is null or does not fit the layout."""
    lengths = np.diff(offsets(text))
    fits = lengths == layout.width
    if text.null_count:
        fits &= text.is_valid().to_numpy(zero_copy_only=False)
    micros = np.zeros(len(text), dtype=np.int64)
    if fits.all():
        micros, good = _moments(_letters(text, layout.width), layout)
        fits = good
    elif fits.any():
        told, good = _moments(_letters(text.filter(pa.array(fits)), layout.width), layout)
        micros[fits] = told
        fits[fits] = good
    return pa.array(micros, pa.int64(), mask=~fits).cast(pa.timestamp("us"))


def _letters(text: pa.StringArray, width: int) -> np.ndarray:
    """The bytes of texts that are all of one width, a row for each."""
    first = int(offsets(text)[0])
    return data_of(text)[first : first + len(text) * width].reshape(len(text), width)


def _moments(letters: np.ndarray, layout: FixedLayout) -> tuple[np.ndarray, np.ndarray]:
    """Microseconds since 1970, and which of the texts are a moment."""
    good = np.ones(len(letters), dtype=bool)
    for place, byte in layout.letters:
        good &= letters[:, place] == byte
    told = {}
    for sign, first, end in layout.parts:
        number = np.zeros(len(letters), dtype=np.int32)
        for place in range(first, end):
            digit = letters[:, place] - np.uint8(48)  # what is no digit becomes more than 9
            good &= digit <= 9
            number *= 10
            number += digit
        told[sign] = number
    first_days, lengths = _months()
    year, month, day = told["%Y"], told["%m"], told["%d"]
    good &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    at = np.where(good, year * 12 + month - 1, 0)
    good &= day <= lengths[at]
    seconds = (first_days[at] + day - 1) * np.int64(_DAY_S)
    for sign, most in _BELOW.items():
        if sign in told:
            good &= told[sign] < most
            seconds += told[sign] * np.int64(_SECONDS[sign])
    return seconds * _MICROS, good


@cache
def _months() -> tuple[np.ndarray, np.ndarray]:
    """Of each month of the years 0 to 9999: its first day since 1970, and how many it has."""
    months = np.arange("0000-01", "10000-02", dtype="datetime64[M]")
    firsts = months.astype("datetime64[D]").astype(np.int64)
    return firsts[:-1], np.diff(firsts)
