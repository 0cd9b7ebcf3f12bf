"""Checks that follow from a contract, and the hand-written ones that stand in it.

Each check names an expectation of Great Expectations and, where rows can break it, the SQL
condition that finds them, so that offenders are fetched by number and not all at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingest.contract import Column, Contract, Rule


@dataclass(frozen=True)
class Check:
    """One expectation with its severity; ``where`` finds the rows that break it."""

    rule: str
    expectation: str
    arguments: Mapping[str, Any]
    severity: str
    expected: str
    column: str | None = None
    where: str | None = None


def checks_of(contract: Contract) -> tuple[Check, ...]:
    """All checks of a landed load: the derived ones first, then those the contract lists."""
    derived = [_columns(contract), *_key(contract)]
    for column in contract.columns:
        derived += _required(column)
        derived += _range(column)
        derived += _list(column)
        derived += _pattern(column)
    return (*derived, *(check_of(rule) for rule in contract.rules))


def check_of(rule: Rule) -> Check:
    """A hand-written rule as a check."""
    query = rule.arguments.get("unexpected_rows_query")
    column = rule.arguments.get("column")
    expected = rule.why if query else f"{rule.expectation} {dict(rule.arguments)}"
    return Check(rule.name, rule.expectation, rule.arguments, rule.severity, expected, column)


def _columns(contract: Contract) -> Check:
    names = list(contract.schema.names)
    return Check(
        "columns_as_in_contract",
        "ExpectTableColumnsToMatchOrderedList",
        {"column_list": names},
        "stop",
        f"columns {', '.join(names)}",
    )


def _key(contract: Contract) -> list[Check]:
    # Events repeat and stream keys have versions: their views choose, the load may hold several.
    if not contract.key or contract.revision.kind not in ("slice", "snapshot"):
        return []
    arguments: dict[str, Any]
    keys = ", ".join(_quote(name) for name in contract.key)
    where = f"({keys}) in (select ({keys}) from landed group by {keys} having count(*) > 1)"
    if len(contract.key) == 1:
        expectation, arguments = "ExpectColumnValuesToBeUnique", {"column": contract.key[0]}
    else:
        expectation = "ExpectCompoundColumnsToBeUnique"
        arguments = {"column_list": list(contract.key)}
    expected = f"each {', '.join(contract.key)} once"
    return [Check("key_is_unique", expectation, arguments, "stop", expected, None, where)]


def _required(column: Column) -> list[Check]:
    if not column.required:
        return []
    return [
        Check(
            f"{column.name}_is_there",
            "ExpectColumnValuesToNotBeNull",
            {"column": column.name},
            "stop",
            "no null",
            column.name,
            f"{_quote(column.name)} is null",
        )
    ]


def _range(column: Column) -> list[Check]:
    # By SQL, because Great Expectations turns bounds into binary floats.
    name = _quote(column.name)
    kind = _KINDS.get(column.type)
    beyond = [
        f"{name} {sign} cast({_text(bound)} as {kind})"
        for sign, bound in (("<", column.minimum), (">", column.maximum))
        if bound is not None and kind
    ]
    expected = f"between {column.minimum or '-'} and {column.maximum or '-'}"
    return (
        [_rows(f"{column.name}_in_range", column, " or ".join(beyond), expected)] if beyond else []
    )


def _list(column: Column) -> list[Check]:
    words = sorted({*column.allowed, *map(str, column.values.values())})
    if not words or column.type != "text":
        return []
    listed = ", ".join(_text(word) for word in words)
    return [
        Check(
            f"{column.name}_in_list",
            "ExpectColumnValuesToBeInSet",
            {"column": column.name, "value_set": words},
            "stop",
            f"one of {', '.join(words)}",
            column.name,
            f"{_quote(column.name)} not in ({listed})",
        )
    ]


def _pattern(column: Column) -> list[Check]:
    # Great Expectations has no regex on DuckDB; DuckDB has. A looked-up code has another form.
    if not column.pattern or column.lookup or column.values:
        return []
    where = f"not regexp_full_match({_quote(column.name)}, {_text(column.pattern)})"
    return [_rows(f"{column.name}_has_its_form", column, where, f"form {column.pattern}")]


def _rows(rule: str, column: Column, where: str, expected: str) -> Check:
    """A check that no row fulfils ``where``."""
    braced = where.replace("{", "{{").replace("}", "}}")
    query = f"select * from {{batch}} where {braced}"
    arguments = {"unexpected_rows_query": query}
    return Check(rule, "UnexpectedRowsExpectation", arguments, "stop", expected, column.name, where)


_KINDS = {
    "integer": "bigint",
    "decimal": "decimal(38, 10)",
    "date": "date",
    "timestamp": "timestamp",
}


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
