"""Says in words what a rule expects, and in SQL which rows break it.

Great Expectations counts the rows that break a rule, but names none of them unless it pulls all
into memory. So the first few are fetched apart, by a query of ours with bound values.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from expectations.report import MAX_OFFENDERS, Offender
from expectations.suite import ROW, quote
from ingest.contract import Rule

UNEXPECTED_ROWS = "unexpected_rows_expectation"
QUERY = "unexpected_rows_query"
ROWS_TO_HOLD, CONDITION = "expect_rows_to_hold", "condition"
MAX_CHARS = 200  # of a value that is shown
_STRINGS = re.compile(r"'(?:[^']|'')*'")
_COLUMN_KEYS = ("column", "column_A", "column_B")
_COLUMN_LISTS = ("column_list", "column_set")


@dataclass(frozen=True)
class Query:
    """An SQL query and the values for its ``$1``, ``$2`` ..."""

    sql: str
    parameters: tuple[Any, ...] = ()


def kind(rule: Rule) -> str:
    """The rule's expectation in snake case: ``ExpectColumnMax`` is ``expect_column_max``."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", rule.expectation)
    return parts.lower()


def columns_of(rule: Rule, known: Sequence[str]) -> tuple[str, ...]:
    """The columns that the rule is about; of a query those among ``known`` that it names."""
    if rule.arguments.get("columns"):
        return tuple(str(name) for name in rule.arguments["columns"])
    query = rule.arguments.get(QUERY, rule.arguments.get(CONDITION))
    if isinstance(query, str):
        words = set(re.findall(r"\w+", _STRINGS.sub("", query)))
        return tuple(name for name in known if name in words and name != ROW)
    named = [rule.arguments[key] for key in _COLUMN_KEYS if key in rule.arguments]
    lists = [rule.arguments[key] for key in _COLUMN_LISTS if key in rule.arguments]
    return tuple(str(name) for name in [*named, *(n for names in lists for n in names)])


def expected(rule: Rule) -> str:
    """What the rule expects, in a few words."""
    arguments = rule.arguments
    if arguments.get("says"):
        return str(arguments["says"])
    match kind(rule):
        case "expect_column_values_to_not_be_null":
            return "a value in every row"
        case "expect_column_values_to_be_in_set":
            return "one of " + ", ".join(str(value) for value in arguments["value_set"])
        case "expect_column_values_to_be_unique" | "expect_compound_columns_to_be_unique":
            return "no two rows alike in " + ", ".join(columns_of(rule, ()))
        case "unexpected_rows_expectation" if isinstance(arguments.get(QUERY), str):
            query = " ".join(arguments[QUERY].replace("{{", "{").replace("}}", "}").split())
            return "no row " + query[query.find(" where ") + 1 :]
        case "expect_rows_to_hold" if isinstance(arguments.get(CONDITION), str):
            return f"in every row {' '.join(arguments[CONDITION].split())}"
        case name:
            listed = ", ".join(f"{key}={value}" for key, value in arguments.items())
            return f"{name.removeprefix('expect_').replace('_', ' ')} ({listed})"


def breaking_rows(rule: Rule, relation: str, met: Sequence[Any]) -> Query | None:
    """The rows of ``relation`` (SQL of a table) that break the rule; None when they have no name.

    ``met`` are values that Great Expectations met: rows are found by them where the condition of
    an expectation is not written down here.
    """
    name, arguments = kind(rule), rule.arguments
    if name == UNEXPECTED_ROWS:
        return Query(arguments[QUERY].rstrip("; \n\t").format(batch=relation))
    if name == ROWS_TO_HOLD:
        return Query(f"select * from {relation} where ({arguments[CONDITION]}) is false")
    if "row_condition" in arguments:
        return None
    columns = [quote(column) for column in columns_of(rule, ())]
    every = f"select * from {relation} where "
    match name:
        case "expect_column_values_to_not_be_null":
            return Query(f"{every}{columns[0]} is null")
        case "expect_column_values_to_be_unique" | "expect_compound_columns_to_be_unique":
            return Query(every + _repeated(columns, relation))
    if "column" in arguments and met:
        places = ", ".join(f"${number}" for number in range(1, len(met) + 1))
        return Query(f"{every}{columns[0]} in ({places})", tuple(met))
    return None


def _repeated(columns: Sequence[str], relation: str) -> str:
    key = f"row({', '.join(columns)})"  # in which null equals null
    return (
        f"{key} in (select {key} from {relation} group by all having count(*) > 1 "
        f"order by min({ROW}) limit {MAX_OFFENDERS})"
    )


def shown(query: Query, names: Sequence[str], show: Sequence[str]) -> Query:
    """The first of the query's rows: their number, then the columns to show, as text."""
    row = quote(ROW) if ROW in names else "0"
    texts = (f"left(cast({quote(name)} as varchar), {MAX_CHARS})" for name in show)
    picked = ", ".join([row, *texts])
    return Query(
        f"select {picked} from ({query.sql}) order by 1 limit {MAX_OFFENDERS}", query.parameters
    )


def offenders(
    rows: Iterable[Sequence[Any]], columns: Sequence[str], key: Sequence[str]
) -> tuple[Offender, ...]:
    """Offenders from rows as ``shown`` gives them: the number, then ``columns``, then ``key``."""
    found = []
    for row, *texts in rows:
        values = [_plain(text) for text in texts]
        value = values[0] if len(columns) == 1 else _pairs(columns, values)
        place = _pairs(key, values[len(columns) :])
        found.append(
            Offender(int(row), ", ".join(columns), f"{value} at {place}" if key else value)
        )
    return tuple(found)


def _pairs(names: Sequence[str], values: Sequence[str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=False))


def _plain(text: str | None) -> str:
    """A value fit for a terminal: what does not print is shown as a question mark."""
    if text is None:
        return "null"
    return "".join(character if character.isprintable() else "?" for character in text)
