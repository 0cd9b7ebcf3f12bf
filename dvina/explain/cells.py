"""Names the cells of a mart: its grain gives the options, its rows the values that they may have.

What is asked for is bound to the query, never written into it; names of marts and columns are
those that the models declare.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
import yaml

from dvina.models import DBT_PROJECT
from warehouse.database import quote

LINEAGE = DBT_PROJECT / "models" / "lineage"
_ENDINGS = ("_country_code", "_code", "_id")
_LEAVES = """
with recursive below as (
    select sector_id, is_leaf from marts.dim_sectors where sector_id = ?
    union all
    select s.sector_id, s.is_leaf from marts.dim_sectors as s
    join below on s.parent_sector_id = below.sector_id
)
select sector_id from below where is_leaf order by 1
"""


class WrongQuestion(ValueError):
    """Raised when no such mart, option or value exists; says which do."""


@dataclass(frozen=True)
class Mart:
    """A mart and the columns that name one of its rows."""

    name: str
    grain: tuple[str, ...]

    @property
    def options(self) -> dict[str, str]:
        """Name of each option on the command line -> column; whole where a short one means two."""
        short = [_short(column) for column in self.grain]
        whole = [column.replace("_", "-") for column in self.grain]
        names = [s if short.count(s) == 1 else w for s, w in zip(short, whole, strict=True)]
        return dict(zip(names, self.grain, strict=True))

    def column_of(self, option: str) -> str:
        """The column that an option names; raises WrongQuestion."""
        asked = option.replace("-", "_")
        ways = {**{short.replace("-", "_"): c for short, c in self.options.items()},
                **{column: column for column in self.grain}}  # fmt: skip
        begun = {column for way, column in ways.items() if way.startswith(asked)}
        if asked in ways or len(begun) == 1:
            return ways.get(asked) or begun.pop()
        told = ", ".join(f"--{name}" for name in self.options)
        raise WrongQuestion(f"{self.name} has no option --{option}. Its grain gives: {told}.")


@cache
def marts() -> Mapping[str, Mart]:
    """Every mart that the models declare, by name."""
    found = {}
    for path in sorted((DBT_PROJECT / "models" / "marts").rglob("*.yml")):
        for model in yaml.safe_load(path.read_text("utf-8")).get("models", ()):
            for test in model.get("data_tests", ()):
                if isinstance(test, dict) and "unique_combination" in test:
                    columns = test["unique_combination"]["arguments"]["columns"]
                    found[model["name"]] = Mart(model["name"], tuple(columns))
    return found


def explained() -> tuple[str, ...]:
    """Marts that have a lineage."""
    return tuple(n for n in marts() if (LINEAGE / f"lineage_{n}.sql").is_file())


def mart_named(name: str) -> Mart:
    """The mart of that name; raises WrongQuestion."""
    if name not in marts():
        raise WrongQuestion(
            f"No mart {name!r}. Marts that can be explained: {_listed(explained())}."
        )
    return marts()[name]


def read_options(mart: Mart, words: Sequence[str]) -> dict[str, str]:
    """Column -> value from ``--name value`` and ``--name=value``; raises WrongQuestion."""
    told: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise WrongQuestion(f"{word!r} is no option. Write --sector VALUE, for example.")
        name, equals, value = word.removeprefix("--").partition("=")
        column = mart.column_of(name)
        if not equals and not rest:
            raise WrongQuestion(f"--{name} needs a value.")
        if column in told:
            raise WrongQuestion(f"--{name} stands twice.")
        told[column] = value if equals else rest.pop(0)
    return told


def lay_cells(
    connection: duckdb.DuckDBPyConnection, source: str, mart: Mart, asked: Mapping[str, str]
) -> int:
    """Keep the cells asked for as temporary table ``cells``; returns how many there are.

    ``source`` is the attached catalogue of the published marts. A sector that is a parent stands
    for its leaves. Raises WrongQuestion with the values that exist.
    """
    table = f"{source}.marts.{quote(mart.name)}"
    if not _count(connection, f"select count(*) from {table}"):
        raise WrongQuestion(f"{mart.name} has no rows. 'dvina status' says what is loaded.")
    conditions, bound = ["true"], list[str]()
    for column, value in asked.items():
        values = _values(connection, source, column, value)
        conditions.append(f"cast({quote(column)} as varchar) in ({', '.join('?' * len(values))})")
        bound += values
        _check(connection, table, mart, column, values, value)
    connection.execute(
        f"create or replace temp table cells as select * from {table} "
        f"where {' and '.join(conditions)} order by all",
        bound,
    )
    count = _count(connection, "select count(*) from cells")
    if not count:
        raise WrongQuestion(
            f"{mart.name} has no cell where {_told(asked)}: each value exists, not together. "
            "Leave an option away to see what there is."
        )
    return count


def shown(
    connection: duckdb.DuckDBPyConnection, query: str, bound: Sequence[Any] = ()
) -> list[dict[str, Any]]:
    """A query's rows as dictionaries."""
    answer = connection.execute(query, list(bound))
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def _values(
    connection: duckdb.DuckDBPyConnection, source: str, column: str, value: str
) -> list[str]:
    if column != "sector_id":
        return [value]
    leaves = connection.execute(_LEAVES.replace("marts.", f"{source}.marts."), [value]).fetchall()
    return [leaf for (leaf,) in leaves] or [value]


def _check(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    mart: Mart,
    column: str,
    values: Sequence[str],
    asked: str,
) -> None:
    name = f"cast({quote(column)} as varchar)"
    listed = ", ".join("?" * len(values))
    if _count(connection, f"select count(*) from {table} where {name} in ({listed})", values):
        return
    known = [
        str(value)
        for (value,) in connection.execute(
            f"select distinct {name} from {table} order by 1"
        ).fetchall()
        if value is not None
    ]
    near = difflib.get_close_matches(asked, known, n=5, cutoff=0.5) or known[:20]
    more = f" and {len(known) - len(near)} more" if len(known) > len(near) else ""
    raise WrongQuestion(
        f"{mart.name} has no row whose {column} is {asked!r}. There is: {_listed(near)}{more}."
    )


def _count(connection: duckdb.DuckDBPyConnection, query: str, bound: Sequence[Any] = ()) -> int:
    row = connection.execute(query, list(bound)).fetchone()
    return int(row[0]) if row else 0


def _short(column: str) -> str:
    for ending in _ENDINGS:
        if column.endswith(ending):
            return column.removesuffix(ending).replace("_", "-")
    return column.replace("_", "-")


def _told(asked: Mapping[str, str]) -> str:
    return " and ".join(f"{column} is {value!r}" for column, value in asked.items()) or "anything"


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values) or "nothing"
