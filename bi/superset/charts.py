"""What Superset calls the form data of a chart, by the kind that ``dashboards.yml`` names."""

import json
from collections.abc import Callable, Mapping
from typing import Any

Chart = Mapping[str, Any]
Metrics = Mapping[str, Any]
_ROWS = 10_000


def params_of(chart: Chart, metrics: Metrics) -> dict[str, Any]:
    """The form data of a chart; raises KeyError for a kind that is not known."""
    own = _KINDS[chart["type"]](chart, metrics)
    return {"adhoc_filters": _filters(chart), "row_limit": _ROWS, **own}


def _bar(chart: Chart, metrics: Metrics) -> dict[str, Any]:
    return {
        **_series(chart, metrics),
        "viz_type": "echarts_timeseries_bar",
        "orientation": "horizontal" if chart.get("horizontal") else "vertical",
        "stack": "Stack" if chart.get("by") or chart.get("stack") else None,
        "xAxisForceCategorical": True,
        "x_axis_sort_asc": True,
        "logAxis": bool(chart.get("log")),
        "minorSplitLine": False,
    }


def _line(chart: Chart, metrics: Metrics) -> dict[str, Any]:
    return {
        **_series(chart, metrics),
        "viz_type": "echarts_timeseries_line",
        "time_grain_sqla": "P1M",
        "x_axis_time_format": "%Y-%m",
        "connectNulls": False,
        "markerEnabled": True,
        "markerSize": 4,
    }


def _series(chart: Chart, metrics: Metrics) -> dict[str, Any]:
    names = chart["metrics"]
    first = metrics[names[0]]
    return {
        "x_axis": chart["x"],
        "groupby": chart.get("by", []),
        "metrics": names,
        "limit": chart.get("limit", 25),
        "timeseries_limit_metric": names[0],
        "order_desc": True,
        "show_legend": bool(chart.get("by")) or len(names) > 1,
        "legendType": "scroll",
        "legendOrientation": "top",
        "rich_tooltip": True,
        "y_axis_format": first.get("format", "SMART_NUMBER"),
        "y_axis_title": first["name"] if len(names) == 1 else "",
        "y_axis_title_margin": 50,
        "y_axis_title_position": "Left",
        "truncate_metric": True,
        "truncateXAxis": True,
        "color_scheme": "supersetColors",
    }


def _table(chart: Chart, metrics: Metrics) -> dict[str, Any]:
    if "metrics" in chart:
        asked: dict[str, Any] = {
            "query_mode": "aggregate",
            "groupby": chart["columns"],
            "metrics": chart["metrics"],
            "timeseries_limit_metric": chart["metrics"][0],
            "order_desc": True,
        }
    else:
        orders = chart.get("order", ())
        asked = {
            "query_mode": "raw",
            "all_columns": chart["columns"],
            "order_by_cols": [
                json.dumps([o.removeprefix("-"), not o.startswith("-")]) for o in orders
            ],
        }
    money = [c for c in chart["columns"] if c.endswith("_usd")]
    config = {name: {"d3NumberFormat": ",.3s"} for name in money}
    return {
        **asked,
        "viz_type": "table",
        "column_config": config,
        "show_cell_bars": False,
        "table_timestamp_format": "%Y-%m-%d",
        "page_length": 50,
        "include_search": True,
    }


def _pivot(chart: Chart, metrics: Metrics) -> dict[str, Any]:
    return {
        "viz_type": "pivot_table_v2",
        "groupbyRows": chart["rows"],
        "groupbyColumns": chart["columns"],
        "metrics": chart["metrics"],
        "metricsLayout": "COLUMNS",
        "aggregateFunction": "First",
        "rowOrder": "key_a_to_z",
        "colOrder": "key_a_to_z",
        "valueFormat": "SMART_NUMBER",
        "transposePivot": False,
    }


def _heatmap(chart: Chart, metrics: Metrics) -> dict[str, Any]:
    (metric,) = chart["metrics"]
    return {
        "viz_type": "heatmap_v2",
        "x_axis": chart["x"],
        "groupby": chart["y"],
        "metric": metric,
        "normalize_across": "heatmap",
        "linear_color_scheme": "blue_white_yellow",
        "legend_type": "continuous",
        "show_legend": False,
        "show_percentage": False,
        "show_values": True,
        "sort_x_axis": "alpha_asc",
        "sort_y_axis": "alpha_asc",
        "value_bounds": [None, None],
        "y_axis_format": metrics[metric].get("format"),
        "bottom_margin": 60,
        "left_margin": 130,
        "xscale_interval": -1,
        "yscale_interval": -1,
    }


def _pie(chart: Chart, metrics: Metrics) -> dict[str, Any]:
    (metric,) = chart["metrics"]
    return {
        "viz_type": "pie",
        "groupby": chart["by"],
        "metric": metric,
        "label_type": "key_value",
        "donut": True,
        "innerRadius": 40,
        "outerRadius": 70,
        "show_labels": True,
        "labels_outside": True,
        "show_legend": False,
        "number_format": metrics[metric].get("format", "SMART_NUMBER"),
        "sort_by_metric": True,
        "color_scheme": "supersetColors",
    }


def _map(chart: Chart, metrics: Metrics) -> dict[str, Any]:
    (metric,) = chart["metrics"]
    return {
        "viz_type": "world_map",
        "entity": chart["entity"],
        "country_fieldtype": "cca3",
        "metric": metric,
        "secondary_metric": metric,
        "show_bubbles": True,
        "max_bubble_size": "25",
        "color_by": "metric",
        "linear_color_scheme": "schemeYlOrBr",
        "color_picker": {"r": 0, "g": 122, "b": 135, "a": 1},
        "y_axis_format": metrics[metric].get("format"),
        "sort_by_metric": True,
    }


def _filters(chart: Chart) -> list[dict[str, Any]]:
    return [
        {"clause": "WHERE", "expressionType": "SQL", "sqlExpression": condition}
        for condition in chart.get("where", ())
    ]


_KINDS: Mapping[str, Callable[[Chart, Metrics], dict[str, Any]]] = {
    "bar": _bar,
    "line": _line,
    "table": _table,
    "pivot": _pivot,
    "heatmap": _heatmap,
    "pie": _pie,
    "map": _map,
}
