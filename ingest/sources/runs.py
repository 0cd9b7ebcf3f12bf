"""Cuts a text into runs of records at places that its content names, not its offsets.

A revised file is mostly the former one: a few records differ, often in length. Were runs cut at
fixed offsets, everything after the first difference would look new. So a run ends at the first
record, past a least size, whose last bytes hash to a chosen value: the next run begins at the
same record as before. (Content-defined chunking, as backup programs do it.)
"""

import numpy as np

RUN_BYTES = 16 * 1024**2  # least
MOST_BYTES = 2 * RUN_BYTES
_WINDOW = 64  # bytes before a record's end that are hashed
_AT_ONCE = 512
_ONE_IN = 1024
_FACTORS = (np.arange(_WINDOW, dtype=np.uint64) * 2 + 1) * np.uint64(0x9E3779B97F4A7C15)


def end_of_run(text: bytes | memoryview, ends: np.ndarray, begun: int) -> int:
    """Where the run that began at ``begun`` ends in the text; 0 where it goes on.

    ``ends`` are offsets one beyond the records of the text, ``begun`` may be negative.
    """
    far = ends[ends >= max(begun + RUN_BYTES, _WINDOW)]
    if not len(far):
        return 0
    data = np.frombuffer(text, dtype=np.uint8)
    for first in range(0, len(far), _AT_ONCE):
        some = far[first : first + _AT_ONCE]
        windows = data[some[:, None] - np.arange(1, _WINDOW + 1)].astype(np.uint64)
        hashes = (windows * _FACTORS).sum(axis=1, dtype=np.uint64) >> np.uint64(32)
        chosen = np.flatnonzero(hashes % _ONE_IN == 0)
        if len(chosen):
            return int(some[chosen[0]])
    return int(far[-1]) if int(far[-1]) - begun >= MOST_BYTES else 0
