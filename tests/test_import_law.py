"""The rooms import only whom they may."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import PROJECT


def test_the_import_law_holds() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "5 kept, 0 broken" in done.stdout
