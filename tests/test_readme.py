"""The README's demonstration is run as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import PROJECT


def test_the_demonstration_of_the_readme_prints_what_it_says() -> None:
    (script,) = re.findall(r"```bash\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    script = script.replace(".venv/bin/dvina", str(Path(sys.executable).parent / "dvina"))
    done = subprocess.run(
        ["bash", "-eu", "-c", script + "\nrm -rf $DVINA_HOME $DVINA_CONTRACTS"],
        cwd=PROJECT, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (
        "rejected. 574 read = 543 landed + 31 quarantined + 0 duplicates",
        "31 of 574 rows quarantined (5.40%), expected at most 2.00%",
        "column value in 31 rows (first: row 359, 'n.a.')",
        "exit code 1: the data failed",
        "accepted, 19 slices. Next: dvina build",
        "31 rows driven again = 31 passed + 0 still refused",
        "accepted. 31 read = 31 landed + 0 quarantined + 0 duplicates",
    ):
        assert line in done.stdout, line
