"""What the tests share: a home in a temporary directory, contracts, files and their samples."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("DO_NOT_TRACK", "1")
PROJECT = Path(__file__).resolve().parent.parent
SAMPLES = PROJECT / "samples"
SAMPLES_FOLDER = Path(os.environ.get("DVINA_SAMPLES", "/nonexistent"))
needs_samples = pytest.mark.skipif(
    "DVINA_SAMPLES" not in os.environ, reason="DVINA_SAMPLES names no folder of publishers' files"
)


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
