"""Makes the bundle that Superset imports: database, datasets, charts and dashboards, as one zip.

What is shown stands in ``dashboards.yml``; columns, types and what they mean are taken from the
published DuckDB file, whose comments are the data dictionary. Every object has an identity that
follows from its name, so importing again brings the same objects up to date.
"""

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import duckdb
import yaml

from bi.superset.charts import params_of
from bi.superset.layout import filters_of, position_of

DESCRIPTION = Path(__file__).with_name("dashboards.yml")
DATABASE, SCHEMA = "Dvina", "marts"
_NAMESPACE = UUID("5b8d6c9e-6e0f-4c7b-9d0a-2f6c4d3f9a10")
_TEMPORAL = ("DATE", "TIMESTAMP")


@dataclass(frozen=True)
class Column:
    """One column of a published view or table."""

    name: str
    type: str
    description: str


def described() -> dict[str, Any]:
    """The description of datasets and dashboards, with a chart of sources on each dashboard."""
    told: dict[str, Any] = yaml.safe_load(DESCRIPTION.read_text("utf-8"))
    for dashboard in told["dashboards"]:
        if not _shows_freshness(dashboard):
            dashboard["rows"].append([_sources(dashboard)])
    return told


def duckdb_uri(published: Path) -> str:
    """The address of the published file for SQLAlchemy."""
    return f"duckdb:///{published / 'current.duckdb'}"


def write_bundle(published: Path, target: Path, uri: str | None = None) -> Path:
    """Write the zip for Superset; ``uri`` is another database with the same tables.

    Raises ValueError when the description names a column or metric that does not exist.
    """
    told = described()
    columns = _columns(published, tuple(told["datasets"]))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, entry in _files(told, columns, uri or duckdb_uri(published)):
            archive.writestr(f"dvina/{name}", yaml.safe_dump(entry, sort_keys=False))
    return target


def identity(kind: str, name: str) -> str:
    """The UUID of an object."""
    return str(uuid5(_NAMESPACE, f"{kind}/{name}"))


def _files(
    told: Mapping[str, Any], columns: Mapping[str, tuple[Column, ...]], uri: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    yield (
        "metadata.yaml",
        {"version": "1.0.0", "timestamp": "2026-01-01T00:00:00+00:00"},
    )
    yield f"databases/{DATABASE}.yaml", _database(uri)
    for name, dataset in told["datasets"].items():
        yield f"datasets/{DATABASE}/{name}.yaml", _dataset(name, dataset, columns[name])
    for dashboard in told["dashboards"]:
        charts = [chart for row in dashboard["rows"] for chart in row]
        for chart in charts:
            _check(chart, told["datasets"], columns)
            key = f"{dashboard['key']}/{chart['title']}"
            yield f"charts/{identity('chart', key)}.yaml", _chart(key, chart, told["datasets"])
        yield f"dashboards/{dashboard['key']}.yaml", _dashboard(dashboard)


def _database(uri: str) -> dict[str, Any]:
    read_only = {"engine_params": {"connect_args": {"read_only": True}}}
    extra = read_only if uri.startswith("duckdb") else {}
    return {
        "database_name": DATABASE,
        "sqlalchemy_uri": uri,
        "expose_in_sqllab": True,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_run_async": False,
        "extra": extra,
        "uuid": identity("database", DATABASE),
        "version": "1.0.0",
    }


def _dataset(name: str, dataset: Mapping[str, Any], columns: tuple[Column, ...]) -> dict[str, Any]:
    metrics = [
        {
            "metric_name": key,
            "verbose_name": metric["name"],
            "expression": metric["sql"],
            "d3format": metric.get("format"),
        }
        for key, metric in dataset["metrics"].items()
    ]
    return {
        "table_name": name,
        "main_dttm_col": dataset.get("time"),
        "schema": SCHEMA,
        "sql": None,
        "columns": [_column(column) for column in columns],
        "metrics": metrics,
        "uuid": identity("dataset", name),
        "database_uuid": identity("database", DATABASE),
        "version": "1.0.0",
    }


def _column(column: Column) -> dict[str, Any]:
    return {
        "column_name": column.name,
        "verbose_name": column.name.replace("_", " "),
        "description": column.description,
        "type": column.type,
        "is_dttm": column.type.startswith(_TEMPORAL),
        "groupby": True,
        "filterable": True,
        "is_active": True,
    }


def _chart(key: str, chart: Mapping[str, Any], datasets: Mapping[str, Any]) -> dict[str, Any]:
    params = params_of(chart, datasets[chart["dataset"]]["metrics"])
    return {
        "slice_name": chart["title"],
        "description": chart.get("says"),
        "viz_type": params["viz_type"],
        "params": params,
        "uuid": identity("chart", key),
        "dataset_uuid": identity("dataset", chart["dataset"]),
        "version": "1.0.0",
    }


def _dashboard(dashboard: Mapping[str, Any]) -> dict[str, Any]:
    def uuid_of(chart: Mapping[str, Any]) -> str:
        return identity("chart", f"{dashboard['key']}/{chart['title']}")

    return {
        "dashboard_title": dashboard["title"],
        "description": " ".join(dashboard["says"].split()),
        "slug": f"dvina-{dashboard['key']}",
        "published": True,
        "position": position_of(dashboard, uuid_of),
        "metadata": {
            "native_filter_configuration": filters_of(
                dashboard, lambda name: identity("dataset", name)
            ),
            "refresh_frequency": 60,  # an open dashboard shows a new version within a minute
            "color_scheme": "supersetColors",
            "cross_filters_enabled": True,
        },
        "uuid": identity("dashboard", dashboard["key"]),
        "version": "1.0.0",
    }


def _columns(published: Path, names: tuple[str, ...]) -> dict[str, tuple[Column, ...]]:
    """Columns of the published views and tables, with their comments."""
    with duckdb.connect(str(published / "current.duckdb"), read_only=True) as reader:
        rows = reader.execute(
            "select table_name, column_name, data_type, coalesce(comment, '') "
            "from duckdb_columns() where schema_name = ? "
            "and table_name in (select unnest(?)) order by column_index",
            [SCHEMA, list(names)],
        ).fetchall()
    found = {name: tuple(Column(*rest) for own, *rest in rows if own == name) for name in names}
    missing = [name for name, columns in found.items() if not columns]
    if missing:
        raise ValueError(f"nothing published under {', '.join(missing)}. Run 'dvina build' first.")
    return found


def _check(
    chart: Mapping[str, Any],
    datasets: Mapping[str, Any],
    columns: Mapping[str, tuple[Column, ...]],
) -> None:
    known = {column.name for column in columns[chart["dataset"]]}
    asked = [chart.get(key) for key in ("x", "y", "entity")]
    asked += [*chart.get("columns", ()), *chart.get("rows", ()), *chart.get("by", ())]
    asked += [name.removeprefix("-") for name in chart.get("order", ())]
    strange = {name for name in asked if name} - known
    metrics = datasets[chart["dataset"]]["metrics"]
    strange |= set(chart.get("metrics", ())) - set(metrics)
    if strange:
        raise ValueError(f"chart {chart['title']!r} names {sorted(strange)} of {chart['dataset']}.")


def _shows_freshness(dashboard: Mapping[str, Any]) -> bool:
    charts = [chart for row in dashboard["rows"] for chart in row]
    return any(c["dataset"] == "mart_freshness" and c["type"] == "table" for c in charts)


def _sources(dashboard: Mapping[str, Any]) -> dict[str, Any]:
    """What is behind a dashboard: why a chart has nothing to show is told here."""
    either = " or ".join(f"dataset like '{prefix}%'" for prefix in dashboard["sources"])
    return {
        "title": "What is behind these figures: datasets, loaded or not",
        "type": "table",
        "dataset": "mart_freshness",
        "columns": ["dataset", "publisher", "load_count", "row_count", "newest_period", "coverage"],
        "where": [either],
        "order": ["-row_count"],
        "says": "A chart without data has its reason here: nothing of its datasets was loaded.",
    }
