"""Kinds of faults, planted at random places and sizes into otherwise good slices.

Each takes the rows of a slice and gives the bytes of a file, or None where the publisher has
nothing that the fault could touch.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.publishers import Publisher, Row


@dataclass(frozen=True)
class Place:
    """Where a fault is planted: the slice, one before it, and what draws sizes."""

    publisher: Publisher
    rows: list[Row]
    before: list[Row]
    draw: random.Random


Fault = Callable[[Place], bytes | None]


def as_file(rows: list[Row], header: list[str] | None = None) -> bytes:
    """Rows as CSV."""
    names = header or list(rows[0])

    def field(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text

    lines = [",".join(map(field, names))]
    lines += [",".join(field(value) for value in row.values()) for row in rows]
    return ("\n".join(lines) + "\n").encode()


def _some(place: Place, least: float, most: float) -> set[int]:
    count = max(1, round(len(place.rows) * place.draw.uniform(least, most)))
    return set(place.draw.sample(range(len(place.rows)), count))


def _changed(place: Place, chosen: set[int], source: str, change: Callable[[str], str]) -> bytes:
    return as_file(
        [
            {**row, source: change(row[source])} if number in chosen else row
            for number, row in enumerate(place.rows)
        ]
    )


def _times(factor: float) -> Callable[[str], str]:
    """Another figure, printed with as many decimals as the publisher prints."""

    def changed(text: str) -> str:
        if not text:
            return text
        return f"{float(text) * factor:.{len(text.partition('.')[2])}f}"

    return changed


def _all(place: Place) -> set[int]:
    return set(range(len(place.rows)))


def halved_volume(place: Place) -> bytes:
    kept = set(range(len(place.rows))) - _some(place, 0.5, 0.6)
    return as_file([row for number, row in enumerate(place.rows) if number in kept])


def doubled_volume(place: Place) -> bytes | None:
    """The rows of the slice before stand in it too, under this slice's period."""
    if not place.publisher.period:
        return None
    key = set(map(_identity(place), place.rows))
    more = [_moved(place, row) for row in place.before]
    fresh = [row for row in more if _identity(place)(row) not in key]
    spread = [
        {
            **row,
            place.publisher.value: _times(place.draw.uniform(0.5, 2))(row[place.publisher.value]),
        }
        for row in place.rows
    ]
    return as_file([*place.rows, *fresh, *_renamed(place, spread)])


def _renamed(place: Place, rows: list[Row]) -> list[Row]:
    """The same rows under other product codes where there are any."""
    name = next(
        (n for n in ("product", "cmdCode", "code", "loan", "day", "number") if n in rows[0]), None
    )
    if name is None:
        return []
    turn = {"product": lambda t: t[:4] + t[4:][::-1], "cmdCode": lambda t: t}.get(
        name, lambda t: f"{t}9"
    )
    known = {tuple(row.values()) for row in rows}
    out = [{**row, name: turn(row[name])} for row in rows]
    return [row for row in out if tuple(row.values()) not in known]


def _identity(place: Place) -> Callable[[Row], tuple[str, ...]]:
    value = place.publisher.value
    return lambda row: tuple(v for k, v in row.items() if k != value)


def _moved(place: Place, row: Row) -> Row:
    """A row of the slice before under the period of this slice."""
    names = [n for n in row if n in (place.publisher.period, "refYear", "refPeriodId", "period")]
    return {**row, **{name: place.rows[0][name] for name in names}}


def zero_burst(place: Place) -> bytes:
    return _changed(place, _some(place, 0.4, 0.8), place.publisher.value, lambda _: "0")


def null_burst(place: Place) -> bytes:
    return _changed(place, _some(place, 0.1, 0.6), place.publisher.value, lambda _: "")


def code_outside_list(place: Place) -> bytes:
    return _changed(place, _some(place, 0.1, 0.5), place.publisher.code, lambda _: "TRANSIT?")


def shifted_column(place: Place) -> bytes:
    chosen = _some(place, 0.1, 0.6)
    rows = []
    for number, row in enumerate(place.rows):
        values = list(row.values())
        if number in chosen:
            values = [values[-1], *values[:-1]]
        rows.append(dict(zip(row, values, strict=True)))
    return as_file(rows)


def currency_roubles(place: Place) -> bytes:
    return _changed(place, _all(place), place.publisher.value, _times(place.draw.uniform(60, 95)))


def currency_euro(place: Place) -> bytes:
    return _changed(
        place, _all(place), place.publisher.value, _times(place.draw.uniform(1.05, 1.2))
    )


def unit_times_1000(place: Place) -> bytes:
    return _changed(place, _all(place), place.publisher.value, _times(1000))


def unit_by_1000(place: Place) -> bytes:
    return _changed(place, _all(place), place.publisher.value, _times(0.001))


def unit_in_a_part(place: Place) -> bytes:
    return _changed(place, _some(place, 0.35, 0.6), place.publisher.value, _times(1000))


def one_huge_row(place: Place) -> bytes:
    return _changed(
        place, {place.draw.randrange(len(place.rows))}, place.publisher.value, _times(1e5)
    )


def duplicated_slice(place: Place) -> bytes | None:
    """Last period's rows under this period."""
    return as_file([_moved(place, row) for row in place.before]) if place.publisher.period else None


def key_twice(place: Place) -> bytes:
    chosen = sorted(_some(place, 0.02, 0.1))
    twice = [
        {**place.rows[n], place.publisher.value: _times(1.5)(place.rows[n][place.publisher.value])}
        for n in chosen
    ]
    return as_file([*place.rows, *twice])


def negative_values(place: Place) -> bytes:
    return _changed(place, _some(place, 0.05, 0.3), place.publisher.value, lambda text: f"-{text}")


def words_for_numbers(place: Place) -> bytes:
    return _changed(place, _some(place, 0.05, 0.3), place.publisher.value, lambda _: "n.a.")


def thousands_apart(place: Place) -> bytes:
    return _changed(
        place, _all(place), place.publisher.value, lambda text: f"1 {text}" if text else text
    )


def error_page(place: Place) -> bytes:
    return f"<!DOCTYPE html><html><body>Error {place.draw.randint(500, 599)}</body></html>".encode()


def cut_download(place: Place) -> bytes:
    whole = as_file(place.rows)
    return whole[: -place.draw.randint(3, max(4, len(whole) // 2))].rstrip(b"\n")


def empty_file(place: Place) -> bytes:
    return as_file([], list(place.rows[0]))


def column_missing(place: Place) -> bytes:
    return as_file(
        [{k: v for k, v in row.items() if k != place.publisher.value} for row in place.rows]
    )


def column_renamed(place: Place) -> bytes:
    header = [f"{n}_new" if n == place.publisher.code else n for n in place.rows[0]]
    return as_file(place.rows, header)


def other_period_layout(place: Place) -> bytes | None:
    period = place.publisher.period
    return _changed(place, _all(place), period, lambda text: f"per. {text}") if period else None


def period_to_come(place: Place) -> bytes | None:
    period = place.publisher.period
    return (
        _changed(place, _all(place), period, lambda text: f"2{int(text[1]) + 1}{text[2:]}")
        if period
        else None
    )


def wrong_encoding(place: Place) -> bytes:
    chosen = _some(place, 0.1, 0.4)
    whole = as_file(
        [
            {**row, place.publisher.code: "Ã©§" + row[place.publisher.code]} if n in chosen else row
            for n, row in enumerate(place.rows)
        ]
    )
    return whole.replace("Ã©§".encode(), b"\xe9\xff")


FAULTS: dict[str, Fault] = {
    function.__name__: function
    for function in (
        halved_volume, doubled_volume, zero_burst, null_burst, code_outside_list, shifted_column,
        currency_roubles, currency_euro, unit_times_1000, unit_by_1000, unit_in_a_part, one_huge_row,
        duplicated_slice, key_twice, negative_values, words_for_numbers, thousands_apart, error_page,
        cut_download, empty_file, column_missing, column_renamed, other_period_layout,
        period_to_come, wrong_encoding,
    )
}  # fmt: skip


def restated(factor: float) -> Fault:
    """The slice that stands already comes again with other figures."""
    return lambda place: _changed(place, _all(place), place.publisher.value, _times(factor))


def dropped_in_revision(place: Place) -> bytes:
    return halved_volume(place)


REVISIONS: dict[str, Fault] = {
    "history_restated_by_half": restated(1.5),
    "history_restated_by_5_percent": restated(1.05),
    "revision_drops_rows": dropped_in_revision,
}
