"""Which marts are made from a dataset, and who reads them, by dbt's manifest of the last build."""

import json
from functools import cache
from pathlib import Path
from typing import Any


def reached_by(home: Path, datasets: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Marts and exposures downstream of the datasets; empty before the first build."""
    path = home / "dbt" / "target" / "manifest.json"
    if not path.is_file():
        return (), ()
    manifest = _manifest(path, path.stat().st_mtime_ns)
    wanted = set(datasets)
    start = [key for key, node in manifest["sources"].items() if node["name"] in wanted]
    met, queue = set(start), list(start)
    while queue:
        for child in manifest["child_map"].get(queue.pop(), ()):
            if child not in met:
                met.add(child)
                queue.append(child)
    names = [key.split(".")[-1] for key in met if key.startswith("model.")]
    marts = tuple(sorted(name for name in names if name.startswith("mart_")))
    exposures = (manifest["exposures"][key] for key in met if key.startswith("exposure."))
    return marts, tuple(sorted(e.get("label") or e["name"] for e in exposures))


@cache
def _manifest(path: Path, _changed: int) -> Any:
    return json.loads(path.read_text("utf-8"))
