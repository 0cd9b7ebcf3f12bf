"""Runs work in forked processes that can be killed, and never outlive the test.

A child is forked from the test's process, so heavy imports are there already. It leads a process
group of its own, dies with its parent, prints into a file and leaves its answer in another.
"""

import ctypes
import gc
import os
import pickle
import resource
import secrets
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

Work = Callable[[], Any]
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


@dataclass(frozen=True)
class Ended:
    """How a child ended: the signal that killed it or its answer, and what it used and printed."""

    signal: int | None
    value: Any
    error: str  # type and message of what it raised; empty when it raised nothing
    peak_mb: float  # how far its resident memory rose above what it was forked with
    seconds: float
    printed: str

    @property
    def killed(self) -> bool:
        """True when it died by SIGKILL."""
        return self.signal == signal.SIGKILL

    def answer(self) -> Any:
        """What the work returned; fails the test with what was printed when it did not return."""
        assert self.signal is None, f"died by signal {self.signal}\n{self.printed}"
        assert not self.error, f"{self.error}\n{self.printed}"
        return self.value


class Child:
    """A running child; ``wait`` for it or ``kill`` it."""

    def __init__(self, pid: int, folder: Path, bound_s: float) -> None:
        self.pid = pid
        self._folder = folder
        self._began = time.monotonic()
        self._deadline = self._began + bound_s
        self._status: int | None = None

    def wait(self) -> Ended:
        """How it ended; fails the test when it does not end within its bound."""
        while not self._is_over():
            if time.monotonic() > self._deadline:
                self.kill()
                raise AssertionError(f"a child did not end in time\n{self._printed()}")
            time.sleep(0.01)
        self._end_group()
        assert self._status is not None
        number = os.WTERMSIG(self._status) if os.WIFSIGNALED(self._status) else None
        seconds = time.monotonic() - self._began
        path = self._folder / "answer"
        if number is not None or not path.is_file():
            return Ended(number, None, "" if number else "no answer", 0, seconds, self._printed())
        value, error, peak = pickle.loads(path.read_bytes())
        return Ended(None, value, error, peak, seconds, self._printed())

    def runs(self) -> bool:
        """True while it has not ended."""
        return not self._is_over()

    def kill(self) -> None:
        """End it and what it started, by SIGKILL."""
        self._end_group()
        while not self._is_over():
            time.sleep(0.005)

    def _is_over(self) -> bool:
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = status if pid else None
        return self._status is not None

    def _end_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if self._status is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _printed(self) -> str:
        with suppress(OSError):
            return (self._folder / "printed").read_text("utf-8", "replace")[-6000:]
        return ""


class Nursery:
    """Starts children below one directory and ends those that still run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[Child] = []

    def start(
        self, work: Work, environment: Mapping[str, str] | None = None, bound_s: float = 400
    ) -> Child:
        """Fork a child that does ``work`` with these variables added to its environment."""
        folder = self._folder / secrets.token_hex(4)
        folder.mkdir(parents=True)
        sys.stdout.flush()
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            gc.freeze()  # what was inherited belongs to threads that are not here: never collect it
            try:
                _be_a_child(parent, folder, environment or {})
                _do(work, folder)
            finally:
                os._exit(1)
        child = Child(pid, folder, bound_s)
        self._children.append(child)
        return child

    def run(
        self, work: Work, environment: Mapping[str, str] | None = None, bound_s: float = 400
    ) -> Ended:
        """Do ``work`` in a child and wait for its end."""
        return self.start(work, environment, bound_s).wait()

    def end(self) -> None:
        """Kill every child that still runs."""
        for child in self._children:
            child.kill()


@contextmanager
def nursery_in(folder: Path) -> Iterator[Nursery]:
    """A nursery whose children are all dead afterwards."""
    nursery = Nursery(folder)
    try:
        yield nursery
    finally:
        nursery.end()


def _be_a_child(parent: int, folder: Path, environment: Mapping[str, str]) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was told
        os._exit(1)
    os.setpgid(0, 0)
    printed = os.open(folder / "printed", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    os.environ.update(environment)
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None


def _do(work: Work, folder: Path) -> None:
    before = psutil.Process().memory_info().rss / 1024**2
    value, error = None, ""
    try:
        value = work()
    except BaseException as problem:
        error = f"{type(problem).__name__}: {problem}"
        traceback.print_exc()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    sys.stdout.flush()
    sys.stderr.flush()
    (folder / "answer").write_bytes(pickle.dumps((value, error, peak)))
    os._exit(0)
