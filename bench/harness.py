"""Runs variants in fresh processes, in turns, and sums them up.

A sample is one run of one variant; a side is all samples of one variant on one row. Between two
sides the order alternates from repetition to repetition, so that a machine that grows slower
meets both. Memory is the greatest sum of resident sets of the process and all its children.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

BENCH = Path(__file__).parent
DATA = BENCH / "data"
_SAMPLE_EVERY_S = 0.01
_TIMEOUT_S = 1800


class BenchError(Exception):
    """Raised when a variant does not end well; the message holds the end of its output."""


@dataclass(frozen=True)
class Work:
    """One variant with its arguments, and the command that runs it in a process of its own."""

    variant: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = (sys.executable, "-m", "bench.variants")


@dataclass(frozen=True)
class Sample:
    """What one run took; ``peak_mb`` is of the whole process tree, imports included."""

    seconds: float
    cpu: float
    import_s: float
    peak_mb: float
    laps: Mapping[str, float]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Side:
    """All samples of one variant."""

    samples: tuple[Sample, ...]

    def seconds(self, lap: str = "") -> tuple[float, float, float]:
        """Median, least and greatest seconds of the whole, of a lap, or of several by +."""
        if not lap:
            return spread([s.seconds for s in self.samples])
        return spread([sum(s.laps[name] for name in lap.split("+")) for s in self.samples])

    @property
    def cpu(self) -> float:
        """Median CPU seconds."""
        return statistics.median(s.cpu for s in self.samples)

    @property
    def import_s(self) -> float:
        """Median seconds of the imports, which are in no other figure."""
        return statistics.median(s.import_s for s in self.samples)

    @property
    def peak_mb(self) -> float:
        """The greatest peak of all samples, in MB of a million bytes."""
        return max(s.peak_mb for s in self.samples)


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, least and greatest."""
    return statistics.median(values), min(values), max(values)


def in_turns(repetitions: int, *works: Work) -> tuple[Side, ...]:
    """Run each work so many times, the order reversed from one repetition to the next."""
    samples: list[list[Sample]] = [[] for _ in works]
    for repetition in range(repetitions):
        order = range(len(works)) if repetition % 2 == 0 else reversed(range(len(works)))
        for number in order:
            samples[number].append(run(works[number]))
    return tuple(Side(tuple(side)) for side in samples)


def run(work: Work) -> Sample:
    """Run a variant once in a home of its own that is removed afterwards; raises BenchError."""
    with scratch() as folder:
        spec = {"home": str(folder / "home"), **work.spec}
        return _watched([*work.command, work.variant, json.dumps(spec)], folder)


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory that is removed at the end."""
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DATA, prefix="run-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def fresh(folder: Path) -> Path:
    """The folder, without what an earlier run left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _watched(command: list[str], folder: Path) -> Sample:
    output = folder / "output"
    with output.open("wb") as sink:
        child = subprocess.Popen(
            command,
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd=BENCH.parent,
            env={**os.environ, "DO_NOT_TRACK": "1", "DVINA_CONFIG": str(folder / "none.toml")},
        )
        try:
            peak = _peak_bytes(child)
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
    text = output.read_text("utf-8", "replace").strip()
    if child.returncode:
        raise BenchError(f"{command[-2]} ended with {child.returncode}: {text[-2000:]}")
    answer = json.loads(text.splitlines()[-1])
    return Sample(**answer, peak_mb=peak / 1e6)


def _peak_bytes(child: subprocess.Popen[bytes]) -> int:
    """Watch a process tree until it ends; raises BenchError when it takes too long."""
    peak, begun = 0, time.monotonic()
    root = psutil.Process(child.pid)
    while child.poll() is None:
        peak = max(peak, _resident(root))
        time.sleep(_SAMPLE_EVERY_S)
        if time.monotonic() - begun > _TIMEOUT_S:
            raise BenchError(f"took longer than {_TIMEOUT_S} s")
    return peak


def _resident(root: psutil.Process) -> int:
    try:
        return sum(p.memory_info().rss for p in (root, *root.children(recursive=True)))
    except psutil.Error:
        return 0
