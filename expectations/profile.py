"""Measures each slice of a landed load, and lays it beside what was accepted before.

The profile has one row per slice and one for the whole load. ``compare`` makes of it a table on
which rules are judged like on any other: per slice its measures, those of the same slice as it
stands (``previous_*``), and the median and spread of its *siblings*, the slices that differ from
it only in their period; for the whole load these are the loads before. Spread is the median
absolute deviation as a standard deviation, of natural logarithms for counts and sizes, because
figures of trade are skewed and faults multiply them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expectations.suite import ROW, literal, quote
from ingest.contract import Contract

COMPARED, WHOLE = "compared", "(whole load)"
MAX_SLICES = 100_000  # a load in more slices is compared as a whole only
_TIMES = ("period", "date", "timestamp")
_SIGMA = 1.4826  # a median absolute deviation as the standard deviation of a normal distribution


@dataclass(frozen=True)
class History:
    """Profiles of accepted loads, oldest first, and where this load's is to be kept.

    ``scope`` tells loads apart that hold different parts of their slices: only like is compared.
    """

    profiles: tuple[Path, ...] = ()
    keep: Path | None = None
    scope: str = ""


def measured(contract: Contract) -> tuple[str, ...]:
    """Columns whose nulls are counted: those that may be null, and decimals.

    A decimal that is 0 counts as null: publishers write one for the other.
    """
    maybe = (c for c in contract.columns if c.constant is None)
    return tuple(c.name for c in maybe if not c.required or c.type == "decimal")


def summed(contract: Contract) -> tuple[str, ...]:
    """Columns that are added up."""
    return tuple(c.name for c in contract.columns if c.type == "decimal")


def measure(connection: Any, contract: Contract, view: str, scope: str) -> None:
    """Make the table ``profile`` from a view of the landed load: one scan."""
    by = list(contract.revision.by)
    periods = _periods(contract)
    family = [name for name in by if name not in periods]
    measures = ["count(*)::bigint as row_count", f"{_newest(periods)} as newest"]
    for name in measured(contract):
        value = f"nullif({quote(name)}, 0)" if name in summed(contract) else quote(name)
        measures.append(f"(count(*) - count({value}))::bigint as {_of(name, 'nulls')}")
    for name in summed(contract):
        measures.append(f"sum({quote(name)})::double as {_of(name, 'total')}")
        measures.append(f"count_if({quote(name)} > 0)::bigint as {_of(name, 'positive')}")
        log = f"ln(case when {quote(name)} > 0 then {quote(name)}::double end)"
        measures.append(f"sum({log}) as {_of(name, 'logs')}")
    grouped = f"group by {', '.join(map(quote, by))}" if by else ""
    connection.execute(
        f"create table profile as select {literal(scope)} as scope, {_json(by)} as slice, "
        f"{_json(family)} as family, "
        f"{', '.join(measures)} from {view} {grouped}"
    )
    sums = "".join(f", sum({name})" for name in _measures(contract))
    connection.execute(
        f"insert into profile select {literal(scope)}, {literal(WHOLE)}, {literal(WHOLE)}, "
        f"sum(row_count), "
        f"max(newest){sums} from profile"
    )


def compare(connection: Any, contract: Contract, history: History) -> None:
    """Make the table ``compared`` from ``profile``, and keep the profile for later loads."""
    _before(connection, contract, history)
    _siblings(connection, contract)
    _repeated(connection, contract)
    if history.keep is not None:
        _keep(connection, history.keep)
    count = connection.execute("select count(*) from profile").fetchone()[0]
    only = f"where p.slice = {literal(WHOLE)}" if count > MAX_SLICES else ""
    connection.execute(
        f"create table {COMPARED} as select row_number() over (order by p.slice) as {ROW}, "
        f"p.slice as slice, {', '.join(_columns(contract))} from profile as p "
        "left join previous as v on p.slice = v.slice "
        "left join siblings as s on p.slice = s.slice "
        f"left join repeated as r on p.slice = r.slice {only}"
    )


def _columns(contract: Contract) -> Iterator[str]:
    """SQL of the columns of ``compared``."""
    yield "p.row_count as row_count"
    yield "v.row_count as previous_row_count"
    yield "s.known as sibling_count"
    yield "round(exp(s.row_count_middle), 1) as sibling_row_count"
    yield f"s.row_count_spread * {_SIGMA} as sibling_row_count_spread"
    yield "p.newest as newest"
    yield "(select max(newest) from before) as newest_before"
    yield "r.same_content_as as same_content_as"
    yield "r.same_content_as_load as same_content_as_load"
    for name in summed(contract):
        total, positive = _of(name, "total"), _of(name, "positive")
        yield f"p.{total} as {quote(name + '_total')}"
        yield f"v.{total} as {quote('previous_' + name + '_total')}"
        yield f"p.{positive} as {quote(name + '_positive')}"
        yield f"{_typical('p', name)} as {quote(name + '_typical')}"
        yield f"exp(s.{_of(name, 'middle')}) as {quote('sibling_' + name + '_typical')}"
        yield f"s.{_of(name, 'spread')} * {_SIGMA} as {quote('sibling_' + name + '_spread')}"
    for name in measured(contract):
        nulls = _of(name, "nulls")
        yield f"p.{nulls} / p.row_count as {quote(name + '_null_share')}"
        yield f"v.{nulls} / v.row_count as {quote('previous_' + name + '_null_share')}"
        yield f"s.{_of(name, 'null_most')} as {quote('sibling_' + name + '_null_most')}"


def _typical(table: str, name: str) -> str:
    """The geometric mean of what is above 0: a few huge figures do not move it."""
    return f"exp({table}.{_of(name, 'logs')} / nullif({table}.{_of(name, 'positive')}, 0))"


def _before(connection: Any, contract: Contract, history: History) -> None:
    """Tables of what was accepted: ``before`` holds every profile, ``previous`` each slice's last.

    A measure that older profiles lack is null.
    """
    listed = ", ".join(literal(str(path)) for path in history.profiles)
    known = "select *, '' as _load from profile where false"
    if history.profiles:
        known = f"select * from read_parquet([{listed}], union_by_name = true, filename = '_load')"
    revises = contract.revision.kind in ("slice", "snapshot")
    present = {name for name, *_ in connection.execute(f"describe {known}").fetchall()}
    names = ["scope", "slice", "family", "row_count", "newest"]
    picked = [*names, *(m if _bare(m) in present else f"null as {m}" for m in _measures(contract))]
    connection.execute(
        f"create table before as select {', '.join(picked)}, "
        f"parse_filename(_load, true) as _load from ({known}) "
        f"where scope = {literal(history.scope)}"
    )
    connection.execute(
        "create table previous as select * from before "
        # Events and keyed records are appended: a later load is no revision of an earlier one.
        f"where slice <> {literal(WHOLE)} and {str(revises).lower()} "
        "qualify row_number() over (partition by slice order by _load desc) = 1"
    )


def _siblings(connection: Any, contract: Contract) -> None:
    """A table of the median and spread of each slice's siblings, as they stand."""
    logs = ["ln(b.row_count) as row_count"]
    spread = ["median(row_count) as row_count_middle", "mad(row_count) as row_count_spread"]
    for name in summed(contract):
        logs.append(f"ln({_typical('b', name)}) as {_of(name, 'typical')}")
        spread.append(f"median({_of(name, 'typical')}) as {_of(name, 'middle')}")
        spread.append(f"mad({_of(name, 'typical')}) as {_of(name, 'spread')}")
    for name in measured(contract):
        logs.append(f"b.{_of(name, 'nulls')} / b.row_count as {_of(name, 'nulls')}")
        spread.append(f"max({_of(name, 'nulls')}) as {_of(name, 'null_most')}")
    # Where a slice has no period, its own versions are all the siblings there are.
    others = "p.slice <> b.slice" if _periods(contract) else "false"
    connection.execute(
        "create table siblings as with standing as ("
        f"from before where slice = {literal(WHOLE)} union all from previous), "
        f"pairs as (select p.slice as slice, {', '.join(logs)} from profile as p "
        f"join standing as b on p.family = b.family and b.row_count > 0 "
        f"and ({others} or p.slice = {literal(WHOLE)})) "
        f"select slice, count(*) as known, {', '.join(spread)} from pairs group by slice"
    )


def _repeated(connection: Any, contract: Contract) -> None:
    """Which slices have the rows and totals of a sibling, or of an older version of themselves."""
    totals = [_of(name, "total") for name in summed(contract)]
    alike = " and ".join(
        ["a.row_count = b.row_count", *(f"a.{t} is not distinct from b.{t}" for t in totals)]
    )
    some = f"abs(a.{totals[0]}) > 0" if totals else "false"
    stays = " and ".join(
        ["a.row_count = v.row_count", *(f"a.{t} is not distinct from v.{t}" for t in totals)]
    )
    connection.execute(
        "create table repeated as with known as ("
        "from before union all by name select *, '' as _load from profile), "
        "pairs as (select a.slice as slice, "
        "case when b.slice <> a.slice then b.slice end as sibling, "
        "case when b.slice = a.slice then b._load end as older "
        "from profile as a join known as b on a.family = b.family "
        f"and {alike} and {some} and a.slice <> {literal(WHOLE)} "
        "left join previous as v on v.slice = a.slice "
        f"where b.slice <> a.slice or (b._load <> '' and b._load < v._load and not ({stays}))) "
        "select slice, min(sibling) as same_content_as, max(older) as same_content_as_load "
        "from pairs group by slice"
    )


def _keep(connection: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}")
    connection.execute(f"copy profile to {literal(str(aside))} (format parquet)")
    aside.replace(path)


def _periods(contract: Contract) -> list[str]:
    kinds = {column.name: column.type for column in contract.columns}
    return [name for name in contract.revision.by if kinds[name] in _TIMES]


def _newest(periods: Sequence[str]) -> str:
    return f"max({quote(periods[0])})::varchar" if periods else "null::varchar"


def _measures(contract: Contract) -> list[str]:
    """Names of the measures, as SQL, in the order of the profile."""
    names = [_of(name, "nulls") for name in measured(contract)]
    for name in summed(contract):
        names += [_of(name, "total"), _of(name, "positive"), _of(name, "logs")]
    return names


def _of(column: str, measure: str) -> str:
    return quote(f"{column}.{measure}")


def _bare(quoted: str) -> str:
    return quoted[1:-1].replace('""', '"')


def _json(names: Sequence[str]) -> str:
    pairs = ", ".join(f"{quote(name)} := {quote(name)}" for name in names)
    return f"to_json(struct_pack({pairs}))::varchar" if names else "'{}'"
