"""Finds the brackets of a JSON text that stand outside strings, whole chunks at a time.

No value is parsed: quotes and backslashes say where strings are, and a running sum gives every
bracket its depth. This is the structure that records are cut out of and counted by, apart from
the parser that will read them.
"""

from dataclasses import dataclass

import numpy as np

_QUOTE, _BACKSLASH, _CURLY, _SQUARE = 0x22, 0x5C, 0x7B, 0x5B
# Without these bits the four brackets are one byte; so are Y, y, _ and DEL, whose bits 1 and 2 are
# equal where a bracket's are not.
_ALIKE, _BRACKET = 0xD9, 0x59
_AT_ONCE = 256 * 1024  # bytes: what is made of them stays in the processor's cache


@dataclass(frozen=True)
class Brackets:
    """Brackets outside strings: where, is it curly, does it open, and the depth before it."""

    at: np.ndarray
    curly: np.ndarray
    opens: np.ndarray
    depth: np.ndarray

    @property
    def lowest(self) -> int:
        """The least depth that any of them leads to; 0 where there are none."""
        return int(self._after.min()) if len(self.at) else 0

    @property
    def deepest(self) -> int:
        """The greatest depth that any of them leads to; 0 where there are none."""
        return int(self._after.max()) if len(self.at) else 0

    @property
    def _after(self) -> np.ndarray:
        after: np.ndarray = self.depth + np.where(self.opens, 1, -1)
        return after

    def shifted(self, by: int) -> "Brackets":
        """The same in a text that begins ``by`` bytes earlier."""
        return Brackets(self.at + by, self.curly, self.opens, self.depth)

    def since(self, place: int) -> "Brackets":
        """Those at ``place`` and beyond, in the text that begins there."""
        first = int(np.searchsorted(self.at, place))
        return Brackets(
            self.at[first:] - place, self.curly[first:], self.opens[first:], self.depth[first:]
        )

    def joined(self, more: "Brackets") -> "Brackets":
        """These and, after them, ``more`` of the same text."""
        return Brackets(
            *(np.concatenate((getattr(self, name), getattr(more, name))) for name in _FIELDS)
        )


_FIELDS = ("at", "curly", "opens", "depth")
NONE = Brackets(
    np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0, bool), np.zeros(0, np.int64)
)  # of an empty text


class BracketFinder:
    """Feed it the bytes in order; it keeps the depth, and whether a string is open, between."""

    def __init__(self) -> None:
        self.depth = 0
        self.in_string = False
        self._escaping = False

    def feed(self, fresh: np.ndarray) -> Brackets:
        """The brackets of the next bytes (uint8); their places count from the first of these."""
        found = [
            self._outside_strings(fresh[first : first + _AT_ONCE]) + first
            for first in range(0, len(fresh), _AT_ONCE)
        ]
        at = np.concatenate(found) if found else np.zeros(0, np.int64)
        kinds = fresh[at]
        opens = (kinds & 0xDF) == _SQUARE
        steps = np.where(opens, 1, -1)
        after = self.depth + np.cumsum(steps)
        if len(after):
            self.depth = int(after[-1])
        return Brackets(at, kinds >= _CURLY, opens, after - steps)

    def _outside_strings(self, fresh: np.ndarray) -> np.ndarray:
        """Where brackets stand that no string holds."""
        at = np.flatnonzero((fresh & _ALIKE) == _BRACKET)
        second, third = fresh[at] >> 1 & 1, fresh[at] >> 2 & 1
        at = at[second != third]
        # Quotes before the first bracket, between brackets, and after the last: odd or even. No
        # bracket is a quote, so one at the very beginning counts as none before it.
        quotes = self._quotes(fresh).view(np.uint8)
        odd = np.bitwise_xor.reduceat(quotes, np.concatenate(([0], at)))
        inside = np.bitwise_xor.accumulate(odd).astype(bool) ^ self.in_string
        self.in_string = bool(inside[-1])
        outside: np.ndarray = at[~inside[:-1]]
        return outside

    def _quotes(self, fresh: np.ndarray) -> np.ndarray:
        """Which bytes begin or end a string."""
        is_quote: np.ndarray = fresh == _QUOTE
        slashes = np.flatnonzero(fresh == _BACKSLASH)
        if self._escaping:  # the bytes before ended in a backslash that escapes
            slashes = np.concatenate(([-1], slashes))
        if len(slashes):
            first = slashes[np.diff(slashes, prepend=-9) != 1]
            last = slashes[np.diff(slashes, append=len(fresh) + 9) != 1]
            escaped = last[(last - first) % 2 == 0] + 1  # after a run of odd length
            self._escaping = bool(len(escaped)) and int(escaped[-1]) == len(fresh)
            is_quote[escaped[: -1 if self._escaping else None]] = False
        return is_quote
