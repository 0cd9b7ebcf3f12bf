"""The gate: judges a landed load before it is committed, and marts before they are published.

``judge`` and ``judge_marts`` answer with a report and raise nothing for bad data, bad rules or
damaged files: what could not be judged is an errored check, and never passes. They hold no lock,
write only to a temporary directory of their own, and leave nothing open or behind. Great
Expectations is imported at the first call, or ahead of time by ``warm``.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from expectations.engine import DEFAULT_MEMORY, Target, great_expectations
from expectations.facts import LoadFacts, judge_facts
from expectations.kinds import on_datasets, on_slices, slice_rules
from expectations.marts import grain, load_mart_rules
from expectations.profile import COMPARED, History, compare, measure
from expectations.report import MARTS, CheckResult, Report
from expectations.suite import ROW, literal, quote, suite_rules
from expectations.validation import errored, told, validate
from ingest.contract import Contract, Rule

__all__ = ["History", "LoadFacts", "judge", "judge_marts", "warm"]

_VIEW = "landed"


def warm() -> None:
    """Import Great Expectations, which takes seconds, before it is needed."""
    great_expectations()


def judge(
    contract: Contract,
    load_id: str,
    segments: Sequence[Path],
    facts: LoadFacts,
    memory_limit: str = DEFAULT_MEMORY,
    history: History | None = None,
) -> Report:
    """Judge the Parquet segments of a landed load, and its counts, by its contract.

    A load without segments has its counts judged only. With a ``history`` it is also held against
    what was accepted before, and its profile is kept where the history says. ``memory_limit`` is
    DuckDB's; what does not fit goes to the temporary directory.
    """
    by_rows = _judge_rows(contract, segments, facts, memory_limit, history)
    results = (*judge_facts(contract, facts), *by_rows)
    return Report(contract.dataset, load_id, contract.identity, results, _now())


def judge_marts(duckdb_file: Path, version_id: str, memory_limit: str = DEFAULT_MEMORY) -> Report:
    """Judge the marts in a version's DuckDB file, written aside, by the rules of marts.yml."""
    identity = MARTS
    results: list[CheckResult] = []
    try:
        marts = load_mart_rules()
        identity = marts.identity
        for mart, rules in marts.rules.items():
            results += _judge_mart(duckdb_file, mart, rules, memory_limit)
    except Exception as error:
        results.append(_crash("marts_can_be_judged", error))
    return Report(MARTS, version_id, identity, tuple(results), _now())


def _judge_rows(
    contract: Contract,
    segments: Sequence[Path],
    facts: LoadFacts,
    memory_limit: str,
    history: History | None,
) -> tuple[CheckResult, ...]:
    counted = _rows_as_counted(facts)
    if not segments:
        lost = errored(counted, "There is no segment to read, yet rows are said to have landed.")
        return (lost,) if facts.rows_landed else ()
    try:
        with TemporaryDirectory(prefix="dvina-gate-") as folder:
            scratch = Path(folder)
            target = Target(
                scratch / "gate.duckdb", "main", _VIEW, _VIEW, scratch,
                memory_limit=memory_limit, made_by=_view(segments),
            )  # fmt: skip
            by_row = (r for r in suite_rules(contract) if not (on_slices(r) or on_datasets(r)))
            results = validate(target, (counted, *by_row))
            if history is not None:
                results += _judge_slices(contract, target, history)
            return results
    except Exception as error:
        return (_crash("load_can_be_judged", error),)


def _judge_slices(contract: Contract, rows: Target, history: History) -> tuple[CheckResult, ...]:
    try:
        with _opened(rows.database, rows.memory_limit, rows.scratch) as connection:
            measure(connection, contract, _VIEW, history.scope)
            compare(connection, contract, history)
        target = replace(rows, table=COMPARED, relation=COMPARED, key=("slice",), made_by="")
        return validate(target, slice_rules(contract))
    except Exception as error:
        return (_crash("history_can_be_judged", error),)


def _judge_mart(
    database: Path, mart: str, rules: tuple[Rule, ...], memory_limit: str
) -> tuple[CheckResult, ...]:
    relation = f"(select rowid + 1 as {ROW}, * from {quote(MARTS)}.{quote(mart)})"
    try:
        with TemporaryDirectory(prefix="dvina-gate-") as folder:
            key = grain(rules)
            target = Target(database, MARTS, mart, relation, Path(folder), key, memory_limit)
            return validate(target, rules)
    except Exception as error:
        return (_crash(f"{mart}.can_be_judged", error),)


def _view(segments: Sequence[Path]) -> str:
    """SQL of a view that reads the segments."""
    files = ", ".join(literal(_as_is(path)) for path in segments)
    # hive_partitioning: a directory called 'a=b' would otherwise become a column.
    reads = f"read_parquet([{files}], hive_partitioning = false)"
    return f"create view {_VIEW} as select * from {reads}"


def _opened(database: Path, memory_limit: str, scratch: Path) -> Any:
    import duckdb

    config: dict[str, Any] = {"memory_limit": memory_limit, "temp_directory": str(scratch)}
    return duckdb.connect(str(database), config=config)


def _as_is(path: Path) -> str:
    """A path in which DuckDB finds no pattern to expand."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(path.absolute()))


def _rows_as_counted(facts: LoadFacts) -> Rule:
    return Rule(
        "rows_as_counted",
        "expect_table_row_count_to_equal",
        {"value": facts.rows_landed},
        "stop",
        "The segments hold as many rows as the load's manifest says.",
    )


def _crash(rule: str, error: Exception) -> CheckResult:
    message = f"nothing could be judged: {type(error).__name__}: {told(error)}."
    return CheckResult(rule, "stop", "errored", None, "not judged", "a judgement", message)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
