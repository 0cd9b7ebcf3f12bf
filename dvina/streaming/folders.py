"""A watched folder as a stream: files that appear in ``<inbox>/<dataset>/`` are brought in.

A file may be renamed into place or be written slowly: it is taken when its size and time of change
have stood still for a while, and a file that changes while it is read is left for later. Each
state of a file is brought in once; what was seen is noted in ``ops/watched.json``, and losing that
note costs only the reading, because a file that stands already changes nothing.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dvina.inbox import source_files
from dvina.pipeline import Outcome, ingest
from dvina.settings import Settings
from ingest.errors import IngestError
from warehouse import side
from warehouse.errors import WarehouseError

_log = logging.getLogger(__name__)
_LOOK_S = 0.5
State = tuple[int, int]  # bytes, time of change in nanoseconds


class Watch:
    """Looks at the folders of some datasets again and again."""

    def __init__(self, settings: Settings, datasets: Sequence[str], still_s: float) -> None:
        self._settings, self._datasets, self._still_s = settings, datasets, still_s
        self._note = settings.home / "ops" / "watched.json"
        self._done: dict[str, list[int]] = self._read_note()
        self._seen: dict[Path, tuple[State, float]] = {}  # its state, and since when it stands

    def look(self) -> list[Outcome]:
        """Bring in the files that are ready; what cannot be read yet is tried again."""
        outcomes = []
        for dataset in self._datasets:
            for path in source_files(self._settings, dataset):
                state = self._ready(path)
                if state is None:
                    continue
                try:
                    outcomes.append(ingest(self._settings, dataset, str(path)))
                except (IngestError, WarehouseError, OSError) as error:
                    _log.warning("%s: later: %s", path.name, error)
                    self._seen.pop(path, None)
                    continue
                self._done[str(path)] = list(state)
                side.write(self._note, self._done)
        return outcomes

    def _ready(self, path: Path) -> State | None:
        """The state of a file that stands still and was not brought in so."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        state = found.st_size, found.st_mtime_ns
        if self._done.get(str(path)) == list(state):
            return None
        former, since = self._seen.get(path, (None, 0.0))
        if former != state:
            self._seen[path] = (state, time.monotonic())
            return None
        return state if time.monotonic() - since >= self._still_s else None

    def _read_note(self) -> dict[str, list[int]]:
        try:
            told: dict[str, list[int]] = json.loads(self._note.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return told


def watch(
    settings: Settings,
    datasets: Sequence[str],
    tell: Callable[[Outcome], None],
    stops: Callable[[], bool],
    still_s: float = 2.0,
) -> None:
    """Watch until ``stops``; ``tell`` is given what became of each file."""
    watching = Watch(settings, datasets, still_s)
    while not stops():
        for outcome in watching.look():
            tell(outcome)
        time.sleep(_LOOK_S)
