"""Where the charts of a dashboard stand, and its filters, as Superset keeps them."""

from collections.abc import Callable, Mapping
from typing import Any

Dashboard = Mapping[str, Any]
COLUMNS = 12
_HEIGHT = 46
_ROOT = ["ROOT_ID", "GRID_ID"]


def position_of(dashboard: Dashboard, uuid_of: Callable[[Any], str]) -> dict[str, Any]:
    """Rows of charts under a heading that says what the dashboard is about."""
    says = " ".join(dashboard["says"].split())
    rows: dict[str, Any] = {
        "ROW-says": _node("ROW", "ROW-says", ["MARKDOWN-says"], _ROOT, _BACKGROUND),
        "MARKDOWN-says": _node(
            "MARKDOWN", "MARKDOWN-says", [], [*_ROOT, "ROW-says"],
            {"width": COLUMNS, "height": 8, "code": says},
        ),
    }  # fmt: skip
    number = 0
    for place, row in enumerate(dashboard["rows"]):
        row_id, names = f"ROW-{place}", []
        for chart in row:
            number += 1
            name = f"CHART-{number}"
            names.append(name)
            meta = {
                "chartId": number,  # replaced by the import, which goes by the uuid
                "uuid": uuid_of(chart),
                "sliceName": chart["title"],
                "width": COLUMNS // len(row),
                "height": chart.get("height", _HEIGHT),
            }
            rows[name] = _node("CHART", name, [], [*_ROOT, row_id], meta)
        rows[row_id] = _node("ROW", row_id, names, _ROOT, _BACKGROUND)
    order = [name for name in rows if name.startswith("ROW-")]
    return {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": _node("ROOT", "ROOT_ID", ["GRID_ID"], [], {}),
        "GRID_ID": _node("GRID", "GRID_ID", order, ["ROOT_ID"], {}),
        "HEADER_ID": {
            "type": "HEADER",
            "id": "HEADER_ID",
            "meta": {"text": dashboard["title"]},
        },
        **rows,
    }


def filters_of(dashboard: Dashboard, uuid_of: Callable[[str], str]) -> list[dict[str, Any]]:
    """Filters that act on every chart whose dataset has their column."""
    return [_filter(entry, uuid_of(entry["dataset"])) for entry in dashboard.get("filters", ())]


def _filter(entry: Mapping[str, Any], dataset_uuid: str) -> dict[str, Any]:
    values = [entry["value"]] if "value" in entry else []
    chosen = [{"col": entry["column"], "op": "IN", "val": values}] if values else []
    return {
        "id": f"NATIVE_FILTER-{entry['column']}",
        "name": entry["name"],
        "type": "NATIVE_FILTER",
        "filterType": "filter_select",
        "description": "",
        "targets": [{"column": {"name": entry["column"]}, "datasetUuid": dataset_uuid}],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
        "cascadeParentIds": [],
        "controlValues": {
            "multiSelect": True,
            "enableEmptyFilter": False,
            "defaultToFirstItem": False,
            "inverseSelection": False,
            "searchAllOptions": False,
        },
        "defaultDataMask": {
            "extraFormData": {"filters": chosen} if chosen else {},
            "filterState": {"value": values or None},
            "ownState": {},
        },
    }


_BACKGROUND = {"background": "BACKGROUND_TRANSPARENT"}


def _node(
    kind: str, name: str, children: list[str], parents: list[str], meta: Mapping[str, Any]
) -> dict[str, Any]:
    return {"type": kind, "id": name, "children": children, "parents": parents, "meta": dict(meta)}
