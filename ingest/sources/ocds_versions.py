"""Takes the last values of a versioned release, which tells every value that a field ever had.

https://standard.open-contracting.org/latest/en/schema/records_reference/#versioned-release
"""

from typing import Any

_KEYS = frozenset(("releaseID", "releaseDate", "releaseTag", "value"))


def latest(versioned: dict[str, Any]) -> dict[str, Any]:
    """The release as of the last change; its date is that change's."""
    release: dict[str, Any] = _latest(versioned)
    dates = list(_dates(versioned))
    if dates and not isinstance(release.get("date"), str):
        release["date"] = max(dates)
    return release


def is_versioned(release: dict[str, Any]) -> bool:
    """True where a release tells versions of its fields, as it may outside records."""
    lists = (value for value in release.values() if isinstance(value, list) and value)
    return any(all(map(_is_version, values)) for values in lists)


def _latest(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _latest(of) for key, of in value.items()}
    if isinstance(value, list):
        if value and all(map(_is_version, value)):
            return value[-1]["value"]
        return [_latest(item) for item in value]
    return value


def _dates(value: Any) -> Any:
    if _is_version(value) and isinstance(value.get("releaseDate"), str):
        yield value["releaseDate"]
    elif isinstance(value, dict):
        for of in value.values():
            yield from _dates(of)
    elif isinstance(value, list):
        for of in value:
            yield from _dates(of)


def _is_version(value: Any) -> bool:
    return (
        isinstance(value, dict) and "value" in value and _KEYS.issuperset(value) and len(value) > 1
    )
