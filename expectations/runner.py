"""Runs checks with Great Expectations by SQL on one table or view of a DuckDB file.

An expectation that raises, has an unknown name or gets arguments it does not take is *errored*.
Great Expectations is imported here once per process, when it is first needed: that takes seconds.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from expectations.report import ERRORED, FAILED, PASSED, CheckResult, Offender
from expectations.suite import Check

MAX_OFFENDERS = 20
# Great Expectations gives the connection back before it fetches, and the rollback that follows
# would drop DuckDB's pending result.
_ENGINE = {
    "isolation_level": "AUTOCOMMIT",
    "skip_autocommit_rollback": True,
    "pool_reset_on_return": None,
    "connect_args": {"read_only": True},
}


@cache
def load_great_expectations() -> Any:
    """Import Great Expectations, quietly."""
    warnings.filterwarnings("ignore", module="great_expectations")
    import great_expectations

    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    return great_expectations


def run_checks(
    file: Path, table: str, checks: Sequence[Check], schema: str | None = None
) -> tuple[CheckResult, ...]:
    """Answers to all checks on ``schema.table`` of a DuckDB file, in their order."""
    known: list[tuple[Check, Any]] = []
    answers: dict[str, CheckResult] = {}
    for check in checks:
        try:
            known.append((check, _expectation(check)))
        except Exception as error:
            answers[check.rule] = _errored(check, error)
    try:
        with _source(file) as source:
            results = _validate(source, table, schema, [expectation for _, expectation in known])
            for check, _ in known:
                answers[check.rule] = _answer(check, results.get(check.rule), source, table, schema)
    except Exception as error:
        return tuple(answers.get(check.rule) or _errored(check, error) for check in checks)
    return tuple(answers[check.rule] for check in checks)


def _expectation(check: Check) -> Any:
    from great_expectations import expectations as classes

    name = check.expectation
    if "_" in name:
        name = "".join(part.capitalize() for part in name.split("_"))
    return getattr(classes, name)(**check.arguments, meta={"rule": check.rule})


@contextmanager
def _source(file: Path) -> Iterator[Any]:
    """The file as a data source of Great Expectations, closed afterwards."""
    gx = load_great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_sql(
        "dvina", connection_string=f"duckdb:///{file}", kwargs=_ENGINE
    )
    try:
        yield source
    finally:
        source.get_execution_engine().close()
        # The data source tested its connection by an engine of its own.
        source.get_execution_engine().engine.dispose()
        source.get_engine().dispose()


def _validate(
    source: Any, table: str, schema: str | None, expectations: Sequence[Any]
) -> dict[str, Any]:
    gx = load_great_expectations()
    asset = source.add_table_asset(table, table_name=table, schema_name=schema)
    batch = asset.add_batch_definition_whole_table("all").get_batch()
    suite = gx.ExpectationSuite(name="dvina", expectations=list(expectations))
    answer = batch.validate(suite, result_format="SUMMARY")
    return {result.expectation_config.meta["rule"]: result for result in answer.results}


def _answer(check: Check, result: Any, source: Any, table: str, schema: str | None) -> CheckResult:
    if result is None:
        return _errored(check, RuntimeError("Great Expectations gave no answer"))
    raised = _exception(result.exception_info or {})
    if raised:
        return _errored(check, RuntimeError(raised))
    observed = _observed(result.result)
    if not result.success:
        return _failed(check, observed, _offenders(check, source, table, schema))
    return CheckResult(
        check.rule, check.severity, PASSED, check.column, observed, check.expected,
        f"rule {check.rule} passed",
    )  # fmt: skip


def _failed(check: Check, observed: str, offenders: tuple[Offender, ...]) -> CheckResult:
    where = f"column {check.column} " if check.column else ""
    first = f" (first: row {offenders[0].row}, {offenders[0].value!r})" if offenders else ""
    message = (
        f"rule {check.rule} failed: {where}has {observed} where {check.expected} is expected{first}"
    )
    return CheckResult(
        check.rule, check.severity, FAILED, check.column, observed, check.expected, message,
        offenders,
    )  # fmt: skip


def _errored(check: Check, error: Exception) -> CheckResult:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return CheckResult(
        check.rule, check.severity, ERRORED, check.column, "no answer", check.expected,
        f"rule {check.rule} could not be checked: {reason[:300]}",
    )  # fmt: skip


def _exception(info: dict[str, Any]) -> str | None:
    """The message of an exception in either of the two shapes that Great Expectations gives."""
    if "raised_exception" in info:
        return str(info.get("exception_message")) if info["raised_exception"] else None
    for nested in info.values():
        if isinstance(nested, dict) and nested.get("raised_exception", True):
            return str(nested.get("exception_message"))
    return None


def _observed(result: dict[str, Any]) -> str:
    if "unexpected_count" in result:
        return f"{result['unexpected_count']} of {result.get('element_count')} rows otherwise"
    return f"{result.get('observed_value')}"


def _offenders(check: Check, source: Any, table: str, schema: str | None) -> tuple[Offender, ...]:
    """At most MAX_OFFENDERS rows that break the check, by a query of our own."""
    query = check.arguments.get("unexpected_rows_query")
    name = f'"{schema}"."{table}"' if schema else f'"{table}"'
    if check.where is not None:
        rows = f"select * from {name} where {check.where}"
    elif query is not None:
        rows = str(query).format(batch=name)
    else:
        return ()
    shown = f't."{check.column}"' if check.column else "t"
    with source.get_execution_engine().engine.connect() as connection:
        columns = connection.exec_driver_sql(f"from ({rows}) limit 0").keys()
        number = "t._row" if "_row" in columns else "0"
        found = connection.exec_driver_sql(
            f"select {number}, ({shown})::varchar from ({rows}) as t order by 1 "
            f"limit {MAX_OFFENDERS}"
        ).fetchall()
    return tuple(Offender(int(row), str(value)) for row, value in found)
