"""The compose file keeps to its rules; a validator reads it where one is installed."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parent.parent
DOCUMENT: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
RUN_ONCE = {"airflow-init", "kafka-topics", "superset-init"}
LASTING = sorted(SERVICES.keys() - RUN_ONCE)
DCLINT = PROJECT / ".envs" / "dclint" / "node_modules" / ".bin" / "dclint"


def test_services_were_found() -> None:
    assert {"postgres", "airflow-scheduler", "kafka", "stream", "superset"} <= set(LASTING)
    assert set(SERVICES) >= RUN_ONCE


@pytest.mark.parametrize("name", LASTING)
def test_a_lasting_service_is_watched_bounded_and_restarted(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert service["restart"] == "unless-stopped"
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


@pytest.mark.parametrize("name", sorted(RUN_ONCE))
def test_what_runs_once_is_bounded_and_not_restarted(name: str) -> None:
    assert SERVICES[name]["restart"] == "no"
    assert set(SERVICES[name]["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


def test_only_loopback_ports_are_opened() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) >= 4
    assert all(re.fullmatch(r"127\.0\.0\.1:\$\{\w+:-\d+\}:\d+", port) for port in ports), ports


def test_no_secret_stands_in_the_files() -> None:
    secret = re.compile(r"(PASSWORD|SECRET|SECRET_KEY|FERNET_KEY|CLUSTER_ID|AUTH)$")
    found = 0
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if secret.search(key):
                found += 1
                assert str(value).startswith("${"), key
            assert not re.search(r"://\w*:(?!\$\{)[^/@]+@", str(value)), (
                key
            )  # a password in an address
    assert found >= 8
    example = (PROJECT / ".env.example").read_text("utf-8")
    lines = [line for line in example.splitlines() if secret.search(line.partition("=")[0])]
    assert len(lines) >= 8
    assert all("=change-me" in line for line in lines if not line.startswith("#")), lines


def test_every_image_has_a_fixed_tag() -> None:
    images = [service["image"] for service in SERVICES.values()]
    images += re.findall(r"^ARG PYTHON=(\S+)", (PROJECT / "Dockerfile").read_text("utf-8"), re.M)
    assert len(images) == len(SERVICES) + 1
    for image in images:
        tag = re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", image).partition(":")[2]
        assert re.search(r"\d+\.\d+|\d{4}-\d\d-\d\d", tag), image


def test_one_worker_has_all_that_opens_the_warehouse() -> None:
    workers = [name for name, s in SERVICES.items() if "celery" in s.get("command", ())]
    assert workers == ["worker-warehouse"]
    command = SERVICES["worker-warehouse"]["command"]
    assert command[command.index("--queues") + 1] == "warehouse"
    environment = SERVICES["airflow-scheduler"]["environment"]
    assert environment["AIRFLOW__OPERATORS__DEFAULT_QUEUE"].split()[0] == "warehouse"


def test_every_container_that_writes_the_home_has_a_name_of_its_own() -> None:
    """Notes of writers hold host and process: two containers of one name would judge each other."""
    writers = [s for s in SERVICES.values() if "home:/var/lib/dvina" in s.get("volumes", ())]
    names = [service["hostname"] for service in writers]
    assert len(names) >= 5
    assert len(set(names)) == len(names)


def test_all_that_is_named_exists() -> None:
    binds = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if volume.startswith(".")
    ]
    text = (PROJECT / "docker-compose.yml").read_text("utf-8")
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (PROJECT / "Dockerfile").read_text(), re.M)
    named = {*binds, *re.findall(r"/opt/dvina/([\w/.]+)", text)}
    named |= {path for line in copied for path in line.split()}
    assert len(named) >= 12
    assert [path for path in sorted(named) if not (PROJECT / path).exists()] == []
    volumes = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if not volume.startswith(".")
    }
    assert volumes == set(DOCUMENT["volumes"])


def test_the_image_holds_every_room() -> None:
    rooms = re.search(r"^packages = (\[.*\])", (PROJECT / "pyproject.toml").read_text(), re.M)
    assert rooms is not None
    dockerfile = (PROJECT / "Dockerfile").read_text("utf-8")
    ignored = (PROJECT / ".dockerignore").read_text("utf-8").splitlines()
    for room in yaml.safe_load(rooms[1]):
        assert f"COPY {room} ./{room}\n" in dockerfile
        assert f"!{room}" in ignored


def test_profiles_are_those_of_the_documentation() -> None:
    profiles = {p for service in SERVICES.values() for p in service.get("profiles", ())}
    assert profiles == {"celery", "monitoring", "s3"}
    told = (PROJECT / "docs" / "operations.md").read_text("utf-8")
    assert {p for p in profiles if f"| `{p}` |" in told} == profiles


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Secrets as an operator makes them."""
    made = subprocess.run(
        ["sh", PROJECT / "deploy/make_env.sh"], capture_output=True, text=True, check=True
    ).stdout
    assert "=change-me" not in made
    path = tmp_path / "env"
    path.write_text(made, "utf-8")
    return path


def _read(folder: Path, profiles: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """podman-compose reads the file. It asks podman's version first, and nothing else of it."""
    podman = folder / "podman"
    podman.write_text('#!/bin/sh\n[ "$1" = --version ] && echo podman version 5.4.2\n', "utf-8")
    podman.chmod(0o755)
    return subprocess.run(
        [Path(sys.executable).with_name("podman-compose"), "--podman-path", podman, *arguments,
         "-f", PROJECT / "docker-compose.yml", "config"],
        capture_output=True, text=True, check=False, cwd=folder,
        env={"PATH": f"{folder}:{os.environ['PATH']}", "COMPOSE_PROFILES": profiles},
    )  # fmt: skip


@pytest.mark.parametrize("profiles", ["", "celery,monitoring,s3"])
def test_podman_compose_accepts_the_file_with_made_secrets(
    profiles: str, secrets: Path, tmp_path: Path
) -> None:
    done = _read(tmp_path, profiles, "--env-file", secrets)
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    wanted = {n for n, s in SERVICES.items() if profiles or "profiles" not in s}
    assert set(services) == wanted
    assert "change-me" not in done.stdout


def test_without_secrets_the_file_says_how_to_make_them(tmp_path: Path) -> None:
    done = _read(tmp_path, "")
    assert done.returncode != 0
    assert "run deploy/make_env.sh" in done.stderr


@pytest.mark.skipif(not DCLINT.exists(), reason="'make dclint' was not run, or there is no npm")
def test_dclint_has_no_complaint() -> None:
    done = subprocess.run(
        [DCLINT, "--max-warnings", "0", "-c", PROJECT / "deploy/dclint.yaml",
         PROJECT / "docker-compose.yml"],
        capture_output=True, text=True, check=False, cwd=PROJECT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
