"""``python -m bi.superset``: Superset on loopback with Dvina's dashboards, until interrupted.

``DVINA_BI_DATABASE`` points the dashboards at another database that holds the published tables,
such as ``postgresql+psycopg2://reader:...@host/dvina``; without it they read the DuckDB file.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

from bi.superset.server import Superset

PROJECT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Prepare, serve, and stop the whole process tree at the end."""
    home = Path(os.environ.get("DVINA_HOME", "var")).absolute()
    parser = argparse.ArgumentParser(prog="python -m bi.superset", description=__doc__)
    parser.add_argument("--environment", type=Path, default=PROJECT / ".envs" / "superset")
    parser.add_argument("--port", type=int, default=8088)
    arguments = parser.parse_args()
    if not (home / "published" / "current.duckdb").exists():
        print("Nothing is published. Run 'make demo' or 'dvina build' first.", file=sys.stderr)
        return 3
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends what was started, too
    superset = Superset(home / "superset", arguments.environment)
    print("Preparing Superset (half a minute) ...", flush=True)
    superset.prepare(home / "published", os.environ.get("DVINA_BI_DATABASE"))
    with superset.serving(arguments.port) as address:
        print(
            f"Superset: {address}/dashboard/list/  user admin, password in {superset.password_file}"
        )
        print("Stop it with Ctrl-C.", flush=True)
        superset.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
