"""Finds the keys under which OCDS packages and records hold releases, without parsing them.

https://standard.open-contracting.org/latest/en/schema/reference/ (release package, record package)
"""

import json
import re
from dataclasses import dataclass

import numpy as np

from ingest.sources.json_brackets import Brackets

LISTS = (b"records", b"releases")
HOLDERS = (*LISTS, b"compiledRelease", b"versionedRelease")
_BACKSLASH = 0x5C


@dataclass(frozen=True)
class Publisher:
    """Who published a package."""

    name: str | None
    uri: str | None


@dataclass(frozen=True)
class Key:
    """A key whose value is a list (``square``) or an object: where the value begins."""

    name: bytes
    at: int
    bracket: int  # number of the value's bracket
    square: bool


def holds_keys(text: bytes) -> bool:
    """True where any of the keys may stand in the text."""
    return any(b'"' + name + b'"' in text for name in HOLDERS)


def keys_in(text: bytes, found: Brackets, names: tuple[bytes, ...], depth: int) -> list[Key]:
    """The keys of those names in objects whose members stand at ``depth``, in order."""
    keys = [key for name in names for key in _keys(text, found, name, depth)]
    return sorted(keys, key=lambda key: key.at)


def _keys(text: bytes, found: Brackets, name: bytes, depth: int) -> list[Key]:
    begin = re.compile(b'"' + name + rb'"\s*:\s*[\[{]')
    quoted, keys = b'"' + name + b'"', []
    place = text.find(quoted)
    while place >= 0:
        match = begin.match(text, place)
        if match and (place == 0 or text[place - 1] != _BACKSLASH):
            at = match.end() - 1
            bracket = int(np.searchsorted(found.at, at))
            inside = bracket < len(found.at) and found.at[bracket] == at
            if inside and found.depth[bracket] == depth:
                keys.append(Key(name, at, bracket, not found.curly[bracket]))
        place = text.find(quoted, place + len(quoted))
    return keys


def publisher_of(envelope: bytes | dict[str, object]) -> Publisher | None:
    """The publisher that an envelope tells; None where it tells none or is no JSON."""
    if isinstance(envelope, bytes):
        try:
            envelope = json.loads(envelope)
        except (ValueError, RecursionError):
            return None
    told = envelope.get("publisher") if isinstance(envelope, dict) else None
    if not isinstance(told, dict):
        return None
    name, uri = (told.get(key) for key in ("name", "uri"))
    return Publisher(name if isinstance(name, str) else None, uri if isinstance(uri, str) else None)
