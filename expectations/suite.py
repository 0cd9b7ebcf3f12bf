"""Derives the rules of a landed load from its contract.

Whatever the contract promises of a landed row is judged again by another engine than the one
that cast the rows: an error of the reader or the caster shows here. Ranges and patterns are SQL,
because Great Expectations turns bounds into binary floats, which lets a decimal beyond fifteen
digits slip past, and knows no regular expressions on DuckDB.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from expectations.errors import RuleUnusable
from ingest.contract import Contract, Rule
from ingest.contract_column import Column

ROW = "_row"
BATCH = "{batch}"
_PERIOD = "[0-9]{4}(-(0[1-9]|1[0-2])|-Q[1-4])?"
_TYPED: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "decimal": Decimal,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "boolean": lambda text: {"true": True, "false": False}[text.lower()],
}


def suite_rules(contract: Contract) -> tuple[Rule, ...]:
    """All rules of a load: those that follow from the contract, then those written by hand.

    Derived rules are of severity stop. Raises RuleUnusable when a bound or a listed value is
    not of its column's type.
    """
    derived = [_columns(contract), *_key(contract)]
    for column in contract.columns:
        derived += [*_required(column), *_listed(column), *_range(column), *_pattern(column)]
    return (*derived, *contract.rules)


def quote(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _columns(contract: Contract) -> Rule:
    names = [*(column.name for column in contract.columns), ROW]
    return _stop(
        "columns_as_in_contract",
        "expect_table_columns_to_match_ordered_list",
        {"column_list": names},
        "A landed load has the contract's columns in the contract's order.",
    )


def _key(contract: Contract) -> Iterator[Rule]:
    # Events and keyed records repeat their key by nature: the accepted view chooses among them.
    if not contract.key or contract.revision.kind not in ("slice", "snapshot"):
        return
    why = f"One row for each {contract.grain}."
    if len(contract.key) == 1:
        arguments = {"column": contract.key[0]}
        yield _stop("key_unique", "expect_column_values_to_be_unique", arguments, why)
    else:
        columns = {"column_list": list(contract.key)}
        yield _stop("key_unique", "expect_compound_columns_to_be_unique", columns, why)


def _required(column: Column) -> Iterator[Rule]:
    if column.required:
        yield _stop(
            f"{column.name}_present",
            "expect_column_values_to_not_be_null",
            {"column": column.name},
            f"{column.name} is required.",
        )


def _listed(column: Column) -> Iterator[Rule]:
    constant = () if column.constant is None else (column.constant,)
    words = column.allowed or tuple(dict.fromkeys(column.values.values())) or constant
    if words:
        yield _stop(
            f"{column.name}_in_list",
            "expect_column_values_to_be_in_set",
            {"column": column.name, "value_set": [_typed(column, word) for word in words]},
            f"{column.name} has a closed list.",
        )


def _range(column: Column) -> Iterator[Rule]:
    name = quote(column.name)
    holds, says = [], []
    if column.minimum is not None:
        holds.append(f"{name} >= {_bound(column, column.minimum)}")
        says.append(f"{column.minimum} or more")
    if column.maximum is not None:
        holds.append(f"{name} <= {_bound(column, column.maximum)}")
        says.append(f"{column.maximum} or less")
    if holds:
        why = f"{column.name} is {' and '.join(says)}."
        yield _rows_hold(f"{column.name}_in_range", column, " and ".join(holds), why)


def _pattern(column: Column) -> Iterator[Rule]:
    pattern = column.pattern or (_PERIOD if column.type == "period" else None)
    # On other types the pattern is of the publisher's text, which is not landed.
    if pattern and column.type in ("text", "period"):
        # The whole value must fit, as in ingest.casting; both engines use RE2.
        fits = f"regexp_matches({quote(column.name)}, {literal(f'^(?:{pattern})$')})"
        why = f"{column.name} has the form {pattern}."
        yield _rows_hold(f"{column.name}_has_pattern", column, fits, why)


def _rows_hold(rule: str, column: Column, condition: str, why: str) -> Rule:
    arguments = {"condition": condition, "columns": [column.name]}
    return _stop(rule, "expect_rows_to_hold", arguments, why)


def _stop(name: str, expectation: str, arguments: dict[str, Any], why: str) -> Rule:
    return Rule(name, expectation, arguments, "stop", why)


def _typed(column: Column, text: str) -> Any:
    try:
        return _TYPED.get(column.type, str)(str(text))
    except (ValueError, KeyError, InvalidOperation) as error:
        raise RuleUnusable(
            f"column {column.name} is of type {column.type}, but lists or is bounded by {text!r}. "
            "Mend it in the contract."
        ) from error


def _bound(column: Column, text: str) -> str:
    """The bound as an SQL literal of the column's type; decimals keep every digit."""
    value = _typed(column, text)
    match column.type:
        case "integer" | "decimal":
            return f"{value:f}" if isinstance(value, Decimal) else str(value)
        case "date" | "timestamp" | "boolean":
            return f"cast({literal(text)} as {column.type})"
        case _:
            return literal(text)
