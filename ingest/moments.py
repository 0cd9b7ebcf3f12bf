"""Parses dates and times by the layouts that a contract lists, each text by the first that fits.

A layout is strptime's; ``.%f`` may stand for one to nine digits, of which six are kept, and ``%z``
at the end for ``Z`` or an offset such as ``+03:00``: the moment is then told in UTC. A text that is
no date of the calendar fits no layout.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.fixed_width import fixed_layout, parse_fixed

_FRACTION = r"\.(?P<f>[0-9]{1,9})$"
_OFFSET = r"(?P<sign>[+-])(?P<h>[01][0-9]|2[0-3]):?(?P<m>[0-5][0-9])$"
_MOMENT = pa.timestamp("us")


def parse_moments(text: pa.Array, layouts: tuple[str, ...]) -> pa.Array:
    """Timestamps in microseconds, null where the text is null or fits no layout."""
    if text.null_count:
        known = parse_moments(text.drop_null(), layouts)
        return pc.replace_with_mask(pa.nulls(len(text), _MOMENT), text.is_valid(), known)
    moments = pa.nulls(len(text), _MOMENT)
    for layout in layouts:
        if not moments.null_count:
            break
        if moments.null_count == len(text):
            moments = _parsed(text, layout)
        else:
            left = moments.is_null()
            places = pa.array(np.flatnonzero(left))
            moments = pc.replace_with_mask(moments, left, _parsed(text.take(places), layout))
    return moments


def _parsed(text: pa.Array, layout: str) -> pa.Array:
    parts = []
    body = layout
    if body.endswith("%z"):
        body = body.removesuffix("%z")
        text, offset = _without_offset(text)
        parts.append(offset)
    if body.endswith(".%f"):
        body = body.removesuffix(".%f")
        text, fraction = _without_fraction(text)
        parts.append(fraction)
    moments = _by_layout(text, body)
    for part in parts:
        moments = pc.add(moments, part)
    return moments


def _without_offset(text: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The texts without their offset, null where they have none, and what leads to UTC."""
    zulu = pc.ends_with(text, "Z")
    bare = pc.if_else(zulu, pc.utf8_slice_codeunits(text, 0, -1), None)
    if pc.all(zulu).as_py():
        return bare, pa.scalar(0, pa.duration("us"))
    groups = pc.extract_regex(text, _OFFSET)
    hours, minutes = (pc.struct_field(groups, name).cast(pa.int64()) for name in ("h", "m"))
    seconds = pc.add(pc.multiply(hours, 3600), pc.multiply(minutes, 60))
    east = pc.equal(pc.struct_field(groups, "sign"), "+")
    seconds = pc.fill_null(pc.if_else(east, pc.negate(seconds), seconds), 0)
    stripped = pc.replace_substring_regex(text, _OFFSET.replace("?P<", "?P<x"), "")
    bare = pc.coalesce(bare, pc.if_else(pc.is_valid(groups), stripped, None))
    return bare, pc.multiply(seconds, 1_000_000).cast(pa.duration("us"))


def _without_fraction(text: pa.Array) -> tuple[pa.Array, pa.Array]:
    digits = pc.struct_field(pc.extract_regex(text, _FRACTION), "f")
    six = pc.utf8_slice_codeunits(pc.utf8_rpad(digits, 6, "0"), 0, 6)
    whole = pc.replace_substring_regex(text, r"\.[0-9]{1,9}$", "")
    return whole, six.cast(pa.int64()).cast(pa.duration("us"))


def _by_layout(text: pa.Array, layout: str) -> pa.Array:
    if fixed := fixed_layout(layout):
        return parse_fixed(text, fixed)
    parsed = pc.strptime(text, format=layout, unit="s", error_is_null=True)
    # strptime lets 31 February pass as 3 March: only what prints back the same is a date.
    same = pc.equal(pc.strftime(parsed, format=layout), text)
    return pc.if_else(pc.fill_null(same, False), parsed, None).cast(_MOMENT)
