"""Short kinds of rules: an entry in a contract names one, and this module says it in SQL.

Kinds of ROWS judge the landed rows, those of SLICES the table that ``expectations.profile`` makes
of a load beside its history. Every contract gets the kinds of SLICES with the defaults below; an
entry of the same name takes the place of a derived rule, to set another threshold or severity.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from expectations.errors import RuleUnusable
from expectations.profile import measured, summed
from expectations.suite import BATCH, quote
from ingest.contract import Contract, Rule

HOLD = "expect_rows_to_hold"
FRESH = "expect_newest_within"  # judged by the watch, not by the gate
# Thresholds, fixed on files other than those the recall is measured on (docs/quality.md).
FEWEST = 5  # siblings that make a history
ROWS_FACTOR, VALUE_FACTOR, UNIT_FACTOR = 1.7, 5.0, 200.0
REVISED_ROWS, REVISED_VALUE, RESTATED = 1.25, 1.25, 1.02
SIGMAS, MORE_NULLS = 5.0, 0.15
SMALL = 5  # rows; slices this small repeat each other by chance

Words = Mapping[str, Any]


def rows_like_siblings(factor: float = ROWS_FACTOR) -> str:
    """The number of rows is within a factor of what slices like it, or loads before, had."""
    noise = "2.5 * sqrt(1.0 / row_count + 1.0 / sibling_row_count)"  # of counts, as of Poisson
    return _near("row_count", "sibling_row_count", factor, "sibling_row_count_spread", noise)


def rows_like_previous(factor: float = REVISED_ROWS) -> str:
    """A revision has about as many rows as what it replaces."""
    return (
        "abs(row_count - previous_row_count) <= 3 or "
        f"abs(ln(row_count / previous_row_count)) <= ln({factor})"
    )


def values_like_siblings(column: str, factor: float = VALUE_FACTOR) -> str:
    """The typical (geometric mean) figure is within a factor of that of slices like it."""
    typical, positive = quote(f"{column}_typical"), quote(f"{column}_positive")
    noise = f"5 / sqrt(nullif({positive}, 0))"  # few skewed figures say little
    sibling, spread = quote(f"sibling_{column}_typical"), quote(f"sibling_{column}_spread")
    return _near(typical, sibling, factor, spread, noise)


def values_like_previous(column: str, factor: float = REVISED_VALUE) -> str:
    """A revision's total is within a factor of the total that it replaces."""
    total, previous = quote(f"{column}_total"), quote(f"previous_{column}_total")
    return f"abs({total} - {previous}) <= {factor - 1:g} * abs({previous}) + 0.01"


def nulls_like_before(column: str, more: float = MORE_NULLS) -> str:
    """The share of nulls is not much greater than it ever was, and than it was in this slice."""
    share = quote(f"{column}_null_share")
    allowed = f"greatest({more}, 1.5 / sqrt(row_count))"
    siblings = f"{share} - {quote(f'sibling_{column}_null_most')} <= {allowed}"
    previous = f"{share} - {quote(f'previous_{column}_null_share')} <= {allowed}"
    return f"(sibling_count < {FEWEST} or {siblings}) and coalesce({previous}, true)"


def content_of_its_own() -> str:
    """No slice repeats the rows and totals of another period."""
    return f"same_content_as is null or row_count < {SMALL}"


def no_older_version() -> str:
    """No slice goes back to a version that was revised since."""
    return f"same_content_as_load is null or row_count < {SMALL}"


@dataclass(frozen=True)
class _Kind:
    """How a kind of SLICES is said in SQL, which columns show it, and what it expects in words."""

    condition: Callable[..., str]
    shows: tuple[str, ...]  # with {} for the column that the rule is about
    says: str


def period_has_begun() -> str:
    """No slice is of a year that lies ahead."""
    return "try_cast(left(newest, 4) as integer) <= year(current_date)"


_ON_SLICES: dict[str, _Kind] = {
    "expect_rows_like_siblings": _Kind(
        rows_like_siblings,
        ("row_count", "sibling_row_count"),
        "about as many rows as in periods or loads before",
    ),
    "expect_rows_like_previous": _Kind(
        rows_like_previous,
        ("row_count", "previous_row_count"),
        "about as many rows as the version it replaces",
    ),
    "expect_values_like_siblings": _Kind(
        values_like_siblings,
        ("{}_typical", "sibling_{}_typical"),
        "figures of {} on the scale of periods or loads before",
    ),
    "expect_values_like_previous": _Kind(
        values_like_previous,
        ("{}_total", "previous_{}_total"),
        "a total of {} near that of the version it replaces",
    ),
    "expect_nulls_like_before": _Kind(
        nulls_like_before,
        ("{}_null_share", "sibling_{}_null_most", "previous_{}_null_share"),
        "{} missing no more often than before",
    ),
    "expect_content_of_its_own": _Kind(
        content_of_its_own, ("row_count", "same_content_as"), "rows unlike those of another period"
    ),
    "expect_no_older_version": _Kind(
        no_older_version,
        ("row_count", "same_content_as_load"),
        "nothing that was revised since",
    ),
    "expect_period_to_have_begun": _Kind(
        period_has_begun, ("newest",), "no period of a year that lies ahead"
    ),
    "expect_slices_to_hold": _Kind(lambda condition: condition, (), ""),
}


def parts_add_up(
    value: str, by: list[str], parts: str, total: str, tolerance: float = 0.01, allow: float = 0.05
) -> str:
    """SQL of the groups whose parts differ from the publisher's total; none while few do.

    ``parts`` and ``total`` are conditions, ``tolerance`` is a share of the total, ``allow`` the
    share of groups in which the publisher's own figures may differ.
    """
    keys = ", ".join(quote(name) for name in by)
    of, off = quote(value), "abs(parts - total) > {0} * abs(total) + 1"
    return (
        f"select * from (select {keys}, sum({of}) filter ({total}) as total, "
        f"sum({of}) filter ({parts}) as parts from {BATCH} group by {keys}) "
        "where total is not null and parts is not null "
        f"qualify ({off.format(tolerance)}) and count_if({off.format(tolerance)}) over () "
        f"> {allow} * count(*) over ()"
    )


def on_slices(rule: Rule) -> bool:
    """Whether a rule judges slices and not rows."""
    return rule.expectation in _ON_SLICES


def on_datasets(rule: Rule) -> bool:
    """Whether a rule judges a dataset as it stands, not a load."""
    return rule.expectation == FRESH


def spelled_out(rule: Rule) -> Rule:
    """A rule of a short kind as one that Great Expectations knows; others stay as they are.

    Raises RuleUnusable when its arguments do not fit.
    """
    try:
        if rule.expectation in _ON_SLICES:
            return replace(rule, expectation=HOLD, arguments=_held(rule))
        if rule.expectation == "expect_parts_to_add_up":
            query = parts_add_up(**rule.arguments)
            arguments = {"unexpected_rows_query": query}
            return replace(rule, expectation="unexpected_rows_expectation", arguments=arguments)
    except TypeError as error:
        raise RuleUnusable(f"{rule.expectation} cannot be used: {error}.") from error
    return rule


def _held(rule: Rule) -> dict[str, Any]:
    kind, about = _ON_SLICES[rule.expectation], str(rule.arguments.get("column", ""))
    return {
        "condition": kind.condition(**rule.arguments),
        "columns": [name.format(about) for name in kind.shows],
        "says": kind.says.format(about),
    }


def slice_rules(contract: Contract) -> tuple[Rule, ...]:
    """The rules of a load against its history: derived ones, then those written by hand."""
    by_hand = [rule for rule in contract.rules if on_slices(rule)]
    named = {rule.name for rule in by_hand}
    derived = (rule for rule in _derived(contract) if rule.name not in named)
    return (*derived, *by_hand)


def _derived(contract: Contract) -> Iterator[Rule]:
    # Loads of events and of keyed records are of any size and about anything: none is like another.
    if contract.revision.kind not in ("slice", "snapshot"):
        return
    yield _rule(
        "rows_like_siblings", "expect_rows_like_siblings", {}, "warn",
        "So many rows more or fewer than in periods before: something is missing, or twice there.",
    )  # fmt: skip
    yield _rule(
        "rows_like_previous", "expect_rows_like_previous", {}, "warn",
        "A revision that adds or drops so many rows is seldom one.",
    )  # fmt: skip
    yield _rule(
        "period_has_begun", "expect_period_to_have_begun", {}, "warn",
        "A period of years to come is a misread date, or a projection of which its contract tells.",
    )  # fmt: skip
    if summed(contract):  # between two snapshots nothing may have happened
        yield _rule(
            "content_of_its_own", "expect_content_of_its_own", {},
            "inform" if contract.revision.kind == "snapshot" else "warn",
            "One period repeats the rows and totals of another: an old file under a new name.",
        )  # fmt: skip
        yield _rule(
            "no_older_version", "expect_no_older_version", {}, "warn",
            "The publisher's copy may be stale: it holds what was revised since.",
        )  # fmt: skip
    for name in summed(contract):
        yield from _derived_of_sum(name)
    for name in measured(contract):
        yield _rule(
            f"{name}_nulls_like_before", "expect_nulls_like_before", {"column": name}, "warn",
            f"{name} is missing more often than it was: the publisher's column has changed.",
        )  # fmt: skip


def _derived_of_sum(name: str) -> Iterator[Rule]:
    siblings, previous = "expect_values_like_siblings", "expect_values_like_previous"
    yield _rule(
        f"{name}_in_unit", siblings, {"column": name, "factor": UNIT_FACTOR}, "warn",
        f"{name} is on another scale than ever before: another unit, or another column.",
    )  # fmt: skip
    yield _rule(
        f"{name}_like_siblings", siblings, {"column": name}, "warn",
        f"{name} is far from what it was in periods before: unit, currency or selection changed.",
    )  # fmt: skip
    yield _rule(
        f"{name}_like_previous", previous, {"column": name}, "warn",
        f"The publisher changed {name} by more than it usually revises.",
    )  # fmt: skip
    yield _rule(
        f"{name}_restated", previous, {"column": name, "factor": RESTATED}, "inform",
        f"The publisher restated {name}.",
    )  # fmt: skip


def _near(value: str, sibling: str, factor: float, spread: str, noise: str) -> str:
    allowed = f"greatest(ln({factor:g}), {SIGMAS:g} * {spread}, {noise})"
    ratio = f"nullif({value}, 0) / nullif({sibling}, 0)"
    return f"sibling_count < {FEWEST} or abs(ln({ratio})) <= {allowed}"


def _rule(name: str, expectation: str, arguments: Words, severity: str, why: str) -> Rule:
    return Rule(name, expectation, arguments, severity, why)
