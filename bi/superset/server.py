"""Starts Superset on loopback from its own environment, and ends it with all its children."""

import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bi.superset.bundle import write_bundle

HERE = Path(__file__).parent
_READY_S = 120


class Superset:
    """One Superset with its state in ``home``; ``environment`` is where it is installed."""

    def __init__(self, home: Path, environment: Path) -> None:
        self.home, self._bin = home, environment / "bin"
        self.password_file = home / "password"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def password(self) -> str:
        """The administrator's password: made once, kept in a file that others cannot read."""
        return _kept(self.password_file)

    def prepare(self, published: Path, uri: str | None = None) -> None:
        """Make the metadata database if need be and import the bundle; raises RuntimeError."""
        self.home.mkdir(parents=True, exist_ok=True)
        _kept(self.home / "secret")
        bundle = write_bundle(published, self.home / "dvina.zip", uri)
        done = subprocess.run(
            [self._bin / "python", HERE / "prepare.py", bundle],
            env=self._environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"Superset could not be prepared: {done.stderr[-3000:]}")

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[str]:
        """Serve on loopback; the address. The whole process group is ended afterwards."""
        port = port or _free_port()
        with (self.home / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [self._bin / "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1",
                 "--worker-class", "gthread", "--threads", "8", "--timeout", "120",
                 "superset.app:create_app()"],
                env=self._environment(), stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            self._wait_until_ready(address)
            yield address
        finally:
            self._end()

    def wait(self) -> None:
        """Until it ends or is interrupted."""
        assert self._child is not None
        with suppress(KeyboardInterrupt):
            self._child.wait()

    def _wait_until_ready(self, address: str) -> None:
        assert self._child is not None
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline and self._child.poll() is None:
            with (
                suppress(OSError),
                urllib.request.urlopen(f"{address}/health", timeout=5) as answer,
            ):
                if answer.status == 200:
                    return
            time.sleep(0.5)
        told = (self.home / "log").read_text("utf-8", "replace")[-2000:]
        raise RuntimeError(f"Superset did not start: {told}")

    def _end(self) -> None:
        if self._child is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(10)

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DVINA_BI_HOME": str(self.home),
            "DVINA_BI_PASSWORD": self.password,
            "SUPERSET_CONFIG_PATH": str(HERE / "superset_config.py"),
            "SUPERSET_HOME": str(self.home),
            "SCARF_ANALYTICS": "False",
            "DO_NOT_TRACK": "1",
            "PYTHONWARNINGS": "ignore",
        }


def _kept(path: Path) -> str:
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
    return path.read_text("utf-8")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
