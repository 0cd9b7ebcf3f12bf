"""Has Great Expectations judge an open table by rules, and reads its answers in three values.

Every expectation is pushed down as SQL, rules on rows all in one scan: they are first asked only
whether they hold, and those that do not are asked again for what breaks them. One that raised is
errored, whatever its ``success`` says; so is a rule that cannot be turned into an expectation,
and one that got no answer.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from expectations.breaches import (
    QUERY,
    ROWS_TO_HOLD,
    UNEXPECTED_ROWS,
    breaking_rows,
    columns_of,
    expected,
    kind,
    offenders,
    shown,
)
from expectations.engine import OpenTable, Target, great_expectations, opened
from expectations.errors import RuleUnusable
from expectations.kinds import spelled_out
from expectations.report import CheckResult, Offender
from expectations.suite import BATCH, ROW
from ingest.contract import Rule

_MAX_TOLD = 400
_MAX_COLUMNS = 6  # of a row that is shown when its rule names none
# What is observed where such an expectation holds.
_OBSERVED: Mapping[str, Callable[[Any], Any]] = {
    "expect_table_row_count_to_equal": lambda e: e.value,
    "expect_table_columns_to_match_ordered_list": lambda e: list(e.column_list or ()),
    UNEXPECTED_ROWS: lambda _: 0,
}
_BIND = re.compile(r"(?<![:\w\\]):(?=\w)")


def validate(target: Target, rules: Sequence[Rule]) -> tuple[CheckResult, ...]:
    """One result per rule, in the order of the rules.

    A rule that cannot be used or judged gives an errored result. What makes judging impossible
    altogether (no such table, a damaged file) raises an error of DuckDB or Great Expectations.
    """
    usable: dict[int, Any] = {}
    results: dict[int, CheckResult] = {}
    rules = list(rules)
    for number, rule in enumerate(rules):
        try:
            rules[number] = spelled_out(rule)
            usable[number] = _expectation(rules[number], number)
        except RuleUnusable as error:
            results[number] = errored(rule, str(error))
    with opened(target) as table:
        answers = _answers(table, usable)
        columns = table.columns(f"select * from {target.relation}")
        for number in usable:
            results[number] = _result(table, columns, rules[number], answers.get(number))
    return tuple(results[number] for number in range(len(rules)))


def errored(rule: Rule, message: str) -> CheckResult:
    """The result of a rule that could not be judged."""
    return _check(rule, "errored", columns_of(rule, ()), "not judged", message)


def told(error: object) -> str:
    """An error's text on one line, cut where it gets long."""
    text = " ".join(str(error).split())
    return text if len(text) <= _MAX_TOLD else f"{text[:_MAX_TOLD]} ..."


def _expectation(rule: Rule, number: int) -> Any:
    """The rule as an expectation that bears its number; raises RuleUnusable."""
    gx = great_expectations()
    arguments = dict(rule.arguments)
    if kind(rule) == UNEXPECTED_ROWS:
        query = arguments.get(QUERY)
        if not isinstance(query, str) or BATCH not in query:
            raise RuleUnusable(f"its '{QUERY}' is no SQL that reads from {BATCH}.")
        arguments[QUERY] = _BIND.sub(r"\\:", query)  # SQLAlchemy takes :word for a parameter
    try:
        build = gx.expectations.registry.get_expectation_impl(kind(rule))
        return build(**arguments, meta={"rule": number})
    except Exception as error:
        raise RuleUnusable(f"{rule.expectation} cannot be used: {told(error)}.") from error


def _answers(table: OpenTable, usable: Mapping[int, Any]) -> dict[int, Any]:
    """For each rule's number Great Expectations' result, or the error that it ended with."""
    plain = {number: e for number, e in usable.items() if _tells_by_holding(e)}
    answers = _judged(table, plain, "BOOLEAN_ONLY")
    hold = {number for number, answer in answers.items() if _holds(answer)}
    rest = {number: e for number, e in usable.items() if number not in hold}
    answers |= _judged(table, rest, "SUMMARY")
    if len(rest) > 1:  # they share a query: what broke one must not be said of the others
        for number in [n for n in rest if not _was_judged(answers.get(n))]:
            answers |= _judged(table, {number: usable[number]}, "SUMMARY")
    rows = table.rows() if hold else 0
    for number in hold:
        answers[number].result = _what_holding_means(usable[number], rows)
    return answers


def _tells_by_holding(expectation: Any) -> bool:
    """Whether nothing more is to be asked where the expectation holds."""
    return kind_of(expectation) in _OBSERVED or _on_rows(expectation)


def _on_rows(expectation: Any) -> bool:
    """Whether the expectation counts rows against it and allows for none."""
    return (hasattr(expectation, "map_metric") or kind_of(expectation) == ROWS_TO_HOLD) and getattr(
        expectation, "mostly", 1
    ) == 1


def _what_holding_means(expectation: Any, rows: int) -> dict[str, Any]:
    """What Great Expectations would say of an expectation that holds in a table of ``rows``."""
    observed = _OBSERVED.get(kind_of(expectation))
    if observed is not None:
        return {"observed_value": observed(expectation)}
    counts = {"element_count": rows, "unexpected_count": 0, "unexpected_percent": 0.0}
    return {**counts, "partial_unexpected_list": []}


def kind_of(expectation: Any) -> str:
    """The name by which Great Expectations knows an expectation."""
    return str(expectation.expectation_type)


def _was_judged(answer: Any) -> bool:
    judged = answer is not None and not isinstance(answer, Exception)
    return judged and _raised(answer.exception_info) is None


def _holds(answer: Any) -> bool:
    return _was_judged(answer) and bool(answer.success)


def _judged(table: OpenTable, usable: Mapping[int, Any], result_format: str) -> dict[int, Any]:
    """The answers by number; where a suite comes down as a whole, the error stands for each."""
    if not usable:
        return {}
    # Handed over as a list: ``add_expectation`` silently drops one that equals another.
    suite = great_expectations().ExpectationSuite(name="rules", expectations=list(usable.values()))
    try:
        results = table.batch.validate(suite, result_format=result_format).results
    except Exception as error:
        return dict.fromkeys(usable, error)
    return {int(result.expectation_config.meta["rule"]): result for result in results}


def _result(table: OpenTable, known: Sequence[str], rule: Rule, answer: Any) -> CheckResult:
    columns = columns_of(rule, known)
    if answer is None:
        return errored(rule, "Great Expectations gave no answer.")
    raised = told(answer) if isinstance(answer, Exception) else _raised(answer.exception_info)
    if raised is not None:
        return errored(rule, f"could not be judged: {raised}. {rule.why}")
    observed = _observed(rule, answer.result)
    if answer.success:
        return _check(rule, "passed", columns, observed, f"{observed}, as expected")
    found, trouble = _offenders(table, rule, columns, answer.result)
    first = f" (first: {found[0]})" if found else trouble
    place = {0: "", 1: f"column {columns[0]} has "} if columns else {0: ""}
    where = place.get(len(columns), f"columns {', '.join(columns)} have ")
    message = f"{where}{observed}, expected {_words(rule)}{first}. {rule.why}"
    return _check(rule, "failed", columns, observed, message, found)


def _check(
    rule: Rule,
    outcome: str,
    columns: Sequence[str],
    observed: str,
    message: str,
    found: tuple[Offender, ...] = (),
) -> CheckResult:
    column = ", ".join(columns) or None
    return CheckResult(
        rule.name, rule.severity, outcome, column, observed, _words(rule), message, found
    )


def _words(rule: Rule) -> str:
    try:
        return expected(rule)
    except (KeyError, TypeError):  # arguments that do not fit their expectation
        return str(dict(rule.arguments))


def _raised(info: Any) -> str | None:
    """The message of what an expectation raised; None when it raised nothing.

    The information stands either flat, or apart for each metric that the expectation needed.
    """
    if not isinstance(info, Mapping) or not info:
        return None
    parts = [info] if "raised_exception" in info else list(info.values())
    for part in parts:
        if not isinstance(part, Mapping):
            return told(part)
        if part.get("raised_exception", True):
            return told(part.get("exception_message") or "an unnamed error").rstrip(".")
    return None


def _observed(rule: Rule, result: Mapping[str, Any]) -> str:
    if "unexpected_count" in result:
        return f"{result['unexpected_count']} of {result.get('element_count')} rows against it"
    value = told(result.get("observed_value"))
    return f"{value} rows against it" if kind(rule) == UNEXPECTED_ROWS else value


def _offenders(
    table: OpenTable, rule: Rule, columns: Sequence[str], result: Mapping[str, Any]
) -> tuple[tuple[Offender, ...], str]:
    """The first rows that break a rule, or why they cannot be named."""
    met = result.get("partial_unexpected_list") or []
    target = table.target
    try:
        query = breaking_rows(rule, target.relation, met)
        if query is None:
            return tuple(Offender(0, ", ".join(columns), told(value)) for value in met), ""
        names = table.columns(query.sql, query.parameters)
        show = [name for name in columns if name in names]
        show = show or [name for name in names if name != ROW][:_MAX_COLUMNS]
        key = [name for name in target.key if name in names and name not in show]
        rows = shown(query, names, [*show, *key])
        return offenders(table.fetch(rows.sql, rows.parameters), show, key), ""
    except Exception as error:
        return (), f" (its rows could not be named: {told(error)})"
