"""What Great Expectations lacks on DuckDB, through the places where it may be extended.

``expect_rows_to_hold`` judges a condition of SQL in every row. Its count is an aggregate that
Great Expectations bundles with all others: any number of such rules, regular expressions among
them, cost one scan together. The result has the keys of any other expectation on rows. Import
this module only after Great Expectations.
"""

from typing import Any, ClassVar

from great_expectations.compatibility.sqlalchemy import sqlalchemy as sa
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_partial
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

COUNT, TOTAL = "table.rows_against", "table.row_count"


class RowsAgainst(TableMetricProvider):  # type: ignore[misc]
    """How many rows make a condition false; null is not false."""

    metric_name = COUNT
    value_keys = ("condition",)

    @metric_partial(
        engine=SqlAlchemyExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
        domain_type=MetricDomainTypes.TABLE,
    )  # type: ignore[untyped-decorator]
    def _sqlalchemy(
        cls,
        execution_engine: Any,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> Any:
        # A colon before a word would be a parameter to SQLAlchemy; literal_column takes none.
        false = sa.literal_column(f"(({metric_value_kwargs['condition']}) is false)")
        return sa.func.count_if(false), metric_domain_kwargs, {}


class ExpectRowsToHold(BatchExpectation):  # type: ignore[misc]
    """Expect a condition of SQL to be false in no row, as a check constraint does."""

    condition: str
    columns: list[str] = []  # noqa: RUF012  # a field of pydantic; shown beside what breaks it
    says: str = ""  # the condition in words

    metric_dependencies: ClassVar[tuple[str, ...]] = (COUNT, TOTAL)
    success_keys: ClassVar[tuple[str, ...]] = ("condition",)
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "row_condition", "condition_parser")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        against, total = int(metrics[COUNT] or 0), int(metrics[TOTAL])
        share = 100 * against / total if total else 0.0
        found = {
            "element_count": total,
            "unexpected_count": against,
            "unexpected_percent": share,
            "partial_unexpected_list": [],
        }
        return {"success": against == 0, "result": found}
