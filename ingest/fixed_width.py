"""Reads moments whose layout gives every part a fixed place: digits by numpy, whole columns.

Such a layout is made of ``%Y``, ``%m``, ``%d``, ``%H``, ``%M`` and ``%S``, each with as many digits
as it always has, and of letters that stand as they are. A day that the calendar lacks is none,
and there is no year 0.
"""

import re
from collections.abc import Sequence
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

    @property
    def tells_days(self) -> bool:
        """True where it tells nothing of the time of day."""
        return len(self.parts) == len(_DIGITS) - len(_BELOW)


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


@cache
def layouts_of_days(layouts: tuple[str, ...]) -> tuple[FixedLayout, ...]:
    """The layouts, if each gives every part a place and tells days alone; else none."""
    found = tuple(fixed_layout(layout) for layout in layouts)
    known = tuple(layout for layout in found if layout is not None and layout.tells_days)
    return known if len(known) == len(layouts) else ()


def parse_days(text: pa.StringArray, layouts: Sequence[FixedLayout]) -> pa.Array:
    """Days by the first layout that fits, null where the text is null or fits none."""
    lengths = np.diff(offsets(text))
    open_ = np.ones(len(text), bool)
    if text.null_count:
        open_ = text.is_valid().to_numpy(zero_copy_only=False)
    days, good = np.zeros(len(text), dtype=np.int32), np.zeros(len(text), dtype=bool)
    for layout in layouts:
        fits = (lengths == layout.width) & open_ & ~good
        if not fits.any():
            continue
        told, _, right = _calendar(_letters(text, fits, layout.width), layout)
        if fits.all():
            days, good = told, right
        else:
            days[fits], good[fits] = told, right
    return pa.array(days, pa.int32(), mask=None if good.all() else ~good).cast(pa.date32())


def parse_fixed(text: pa.StringArray, layout: FixedLayout) -> pa.Array:
    """Timestamps in microseconds, null where the text is null or does not fit the layout."""
    fits = np.diff(offsets(text)) == layout.width
    if text.null_count:
        fits &= text.is_valid().to_numpy(zero_copy_only=False)
    micros = np.zeros(len(text), dtype=np.int64)
    if fits.any():
        days, seconds, good = _calendar(_letters(text, fits, layout.width), layout)
        micros[fits] = (days * np.int64(_DAY_S) + seconds) * _MICROS
        fits[fits] = good
    return pa.array(micros, pa.int64(), mask=~fits).cast(pa.timestamp("us"))


def _letters(text: pa.StringArray, chosen: np.ndarray, width: int) -> np.ndarray:
    """The bytes of the chosen texts, which are all of one width: a row for each place."""
    places, count = offsets(text), int(np.count_nonzero(chosen))
    if places[-1] - places[0] != count * width:  # others have letters, too
        text = text.filter(pa.array(chosen))
        places = offsets(text)
    first = int(places[0])
    letters = data_of(text)[first : first + count * width].reshape(count, width)
    return np.ascontiguousarray(letters.T)  # places together: numpy is fast along them


def _calendar(
    letters: np.ndarray, layout: FixedLayout
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Days since 1970, seconds of the day, and which of the texts are a moment."""
    good = np.ones(letters.shape[1], dtype=bool)
    for place, byte in layout.letters:
        good &= letters[place] == byte
    told = {}
    for sign, first, end in layout.parts:
        digits = letters[first:end] - np.uint8(48)  # what is no digit becomes more than 9
        good &= (digits <= 9).all(axis=0)
        number = digits[0].astype(np.int32)
        for digit in digits[1:]:
            number *= 10
            number += digit
        told[sign] = number
    first_days, lengths = _months()
    year, month, day = told["%Y"], told["%m"], told["%d"]
    good &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    at = year * 12 + (month - 1)
    if not good.all():
        at[~good] = 0
    good &= day <= lengths[at]
    seconds = np.zeros(len(good), dtype=np.int64)
    for sign, most in _BELOW.items():
        if sign in told:
            good &= told[sign] < most
            seconds += told[sign] * np.int64(_SECONDS[sign])
    return first_days[at] + (day - 1), seconds, good


@cache
def _months() -> tuple[np.ndarray, np.ndarray]:
    """Of each month of the years 0 to 9999: its first day since 1970, and how many it has."""
    months = np.arange("0000-01", "10000-02", dtype="datetime64[M]")
    firsts = months.astype("datetime64[D]").astype(np.int32)
    return firsts[:-1], np.diff(firsts)
