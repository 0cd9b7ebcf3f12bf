"""Writes the bundle of dashboards; before the first publish an empty one, which imports nothing."""

import sys
import zipfile
from pathlib import Path

from bi.superset.bundle import write_bundle

PUBLISHED, TARGET = Path("/var/lib/dvina/published"), Path(sys.argv[1])
EMPTY = "version: 1.0.0\ntimestamp: '2026-01-01T00:00:00+00:00'\n"

if (PUBLISHED / "current.duckdb").exists():
    write_bundle(PUBLISHED, TARGET)
else:
    with zipfile.ZipFile(TARGET, "w") as archive:
        archive.writestr("dvina/metadata.yaml", EMPTY)
    print("Nothing is published yet: dashboards come with the next start of superset-init.")
