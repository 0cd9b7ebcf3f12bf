"""``make up`` and ``make down``: Airflow's servers on loopback, detached, and their whole end.

Four processes, each the leader of a session of its own, are noted in ``airflow-server/pids.json``
under ``DVINA_HOME``. The end reaches every process of those sessions, also orphans. Nothing listens
elsewhere than on 127.0.0.1; the administrator's password is made once and kept with mode 0600.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from base64 import urlsafe_b64encode
from contextlib import suppress
from pathlib import Path

import psutil

from dvina.settings import PROJECT, settings

PORT_VARIABLE, USUAL_PORT = "DVINA_AIRFLOW_PORT", 8080
SERVERS = {
    "api-server": ("--host", "127.0.0.1", "--workers", "1"),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
_READY_S, _END_S, _ORPHANS_END_S = 120, 30, 10


def up(home: Path) -> str:
    """Start Airflow and wait until it answers; its address. Raises OSError when it does not."""
    place = home / "airflow-server"
    place.mkdir(parents=True, exist_ok=True)
    if _members(place):
        raise OSError(f"Airflow runs already; its processes stand in {place / 'pids.json'}.")
    port = _port()
    environment = _environment(home, place, port)
    with (place / "log").open("ab") as log:
        migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
        if subprocess.run(migrate, env=environment, stdout=log, stderr=log).returncode:
            raise OSError(f"Airflow's metadata database could not be made: see {place / 'log'}.")
        noted = {}
        for name, options in SERVERS.items():
            port_of = ("--port", str(port)) if name == "api-server" else ()
            child = subprocess.Popen(
                [sys.executable, "-m", "airflow", name, *options, *port_of],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, cwd=place,
            )  # fmt: skip
            noted[name] = [child.pid, psutil.Process(child.pid).create_time()]
            (place / "pids.json").write_text(json.dumps(noted), "utf-8")
    address = f"http://127.0.0.1:{port}"
    if not _is_well(address):
        down(home)
        raise OSError(f"Airflow was not well after {_READY_S} s: see {place / 'log'}.")
    return address


def down(home: Path) -> int:
    """End all that ``up`` started and give how many processes that were; 0 when none ran."""
    place = home / "airflow-server"
    leaders, every = _leaders(place), _members(place)
    _tell(leaders, signal.SIGTERM)  # they end their own
    psutil.wait_procs(leaders, _END_S)
    for number in (signal.SIGTERM, signal.SIGKILL):  # orphans
        left = _members(place)
        _tell(left, number)
        psutil.wait_procs(left, _ORPHANS_END_S)
    if not _members(place):
        (place / "pids.json").unlink(missing_ok=True)
    return len(every)


def _tell(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _noted(place: Path) -> dict[int, float]:
    try:
        return dict(json.loads((place / "pids.json").read_text("utf-8")).values())
    except (OSError, ValueError):
        return {}


def _leaders(place: Path) -> list[psutil.Process]:
    noted = _noted(place)
    return [process for process in _members(place) if process.pid in noted]


def _members(place: Path) -> list[psutil.Process]:
    """The living processes of the noted sessions, without those whose number was given anew."""
    sessions = {pid for pid, started in _noted(place).items() if not _is_other(pid, started)}
    found = []
    for process in psutil.process_iter() if sessions else ():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _is_other(pid: int, started: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - started) > 1
    except psutil.NoSuchProcess:
        return False  # a session outlives its leader, and keeps the number taken


def _is_well(address: str) -> bool:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        with (
            suppress(OSError),
            urllib.request.urlopen(f"{address}/api/v2/monitor/health", timeout=5) as answer,
        ):
            parts = json.load(answer)
            names = ("metadatabase", "scheduler", "dag_processor", "triggerer")
            if all(parts[name]["status"] == "healthy" for name in names):
                return True
        time.sleep(0.5)
    return False


def _port() -> int:
    """The configured port, else the usual one, else any that is free."""
    for port in (int(os.environ.get(PORT_VARIABLE, USUAL_PORT)), 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
        if PORT_VARIABLE in os.environ:
            raise OSError(f"Port {port} is taken. Set {PORT_VARIABLE} to another.")
    raise OSError("No port is free.")


def _environment(home: Path, place: Path, port: int) -> dict[str, str]:
    _kept(place / "passwords.json", json.dumps({"admin": secrets.token_urlsafe(24)}))
    address = f"http://127.0.0.1:{port}"
    return {
        **os.environ,
        "AIRFLOW_HOME": str(place),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__SECRET_KEY": _kept(place / "secret", secrets.token_hex(32)),
        "AIRFLOW__API_AUTH__JWT_SECRET": _kept(place / "jwt-secret", secrets.token_hex(32)),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__FERNET_KEY": _kept(
            place / "fernet-key", urlsafe_b64encode(secrets.token_bytes(32)).decode()
        ),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(place / "passwords.json"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{place / 'airflow.db'}",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "DO_NOT_TRACK": "1",
        "DVINA_HOME": str(home),
        "DVINA_INBOX": str(settings().inbox.absolute()),
        "PYTHONPATH": os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")]),
    }


def _kept(path: Path, fresh: str) -> str:
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(fresh)
    return path.read_text("utf-8")


def main(word: str) -> int:
    """``up`` or ``down``; the exit code."""
    home = settings().home.absolute()
    if word == "down":
        print(f"{down(home)} processes of Airflow ended.")
        return 0
    try:
        print(f"Airflow: {up(home)}  user admin, password in {home}/airflow-server/passwords.json")
    except OSError as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
