"""What the tests share: a home in a temporary directory, contracts, files and their samples."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

os.environ.setdefault("DO_NOT_TRACK", "1")
settings.register_profile("dvina", deadline=None)  # how long an example takes proves nothing
settings.load_profile("dvina")
PROJECT = Path(__file__).resolve().parent.parent
SAMPLES = PROJECT / "samples"
SAMPLES_FOLDER = Path(os.environ.get("DVINA_SAMPLES", "/nonexistent"))
needs_samples = pytest.mark.skipif(
    "DVINA_SAMPLES" not in os.environ, reason="DVINA_SAMPLES names no folder of publishers' files"
)

# Files that ask the same marts, which are built once where one process runs them all.
SHARING = frozenset(
    f"tests/dbt/test_{of}.py"
    for of in (
        "documents", "explain", "indicators", "mirror", "models", "planted_faults", "procurement",
        "trade",
    )
)  # fmt: skip
# Files of a minute and more: begun first, so that two processes end at about the same time.
LONGEST = tuple(
    f"tests/{of}.py"
    for of in (
        "test_end_to_end", "dbt/test_explain", "reliability/test_kill_matrix",
        "reliability/test_concurrency", "reliability/test_disk_full",
        "dbt/test_history", "dbt/test_incremental", "test_loans_samples", "bi/test_bundle",
        "test_ocds_samples", "streams/test_exactness", "ingest/test_runs",
        "dvina/test_cli_fetching", "streams/test_chaos", "faults/test_recall", "test_readme",
    )
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that share something one after the other, and the longest first."""
    rank = {name: number for number, name in enumerate(LONGEST)}
    first = min(rank.get(name, len(LONGEST)) for name in SHARING)

    def place(item: pytest.Item) -> tuple[int, bool]:
        name = _file(item.nodeid)
        return (first if name in SHARING else rank.get(name, len(LONGEST))), name not in rank

    items.sort(key=place)  # a stable sort: tests of one file stay together


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadScopeScheduling | None":
    """Tests of one file, or of files that share something, run in one process."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            name = _file(nodeid)
            return "sharing" if name in SHARING else name

    return ByFile(config, log) if config.getoption("dist") == "loadfile" else None


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def synthetic(dataset: str) -> list[Path]:
    """Made-up files of a dataset whose publisher's records may not be shipped."""
    return sorted(path for path in (PROJECT / "tests/synthetic" / dataset).glob("*"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty DVINA_HOME."""
    return tmp_path / "home"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Writes a file of that name and content and gives its path."""

    def writer(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return writer
