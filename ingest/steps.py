"""The named steps of the way of the data, so that a test can kill the process at each of them.

``reached(step)`` does nothing in normal use. When ``DVINA_KILL_AT`` names the step (or
``step:N`` its N-th passing) the process ends itself by SIGKILL there, as a power cut would. The
kill matrix is generated from ``STEPS``; a name that is not listed is refused.
"""

import os
import signal
from collections import Counter

STEPS = (
    "ingest.begun",
    "ingest.fetched",
    "ingest.mid_segment",
    "ingest.segments_written",
    "ingest.landed",
    "stream.written",
    "stream.landed",
    "gate.before",
    "gate.after",
    "commit.locked",
    "commit.in_transaction",
    "commit.superseding",
    "commit.committed",
    "commit.side_store_written",
    "build.horizon_pinned",
    "build.mid_models",
    "build.before_reached",
    "publish.mid_write",
    "publish.before_switch",
    "publish.after_switch",
    "compact.written",
    "compact.in_transaction",
    "compact.committed",
    "compact.cleaning",
    "clean.before_remove",
    "backup.mid_copy",
)

_passed: Counter[str] = Counter()


def reached(step: str) -> None:
    """Mark that a step was reached; ends the process when a test asked for it there."""
    wanted = os.environ.get("DVINA_KILL_AT")
    if not wanted:
        return
    if step not in STEPS:
        raise ValueError(f"{step} is not listed in ingest.steps.STEPS")
    _passed[step] += 1
    name, _, nth = wanted.partition(":")
    if name == step and _passed[step] >= int(nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
