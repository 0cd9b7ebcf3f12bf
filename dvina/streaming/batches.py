"""The way of one micro-batch up to the lock: land, seal, judge; and what became of it."""

import time
from dataclasses import dataclass
from pathlib import Path

from dvina.pipeline import judge_landed, of_micro_batches
from dvina.settings import Settings
from ingest.contract import Contract
from ingest.landing import Landed, Workplace
from ingest.steps import reached
from ingest.streams.landing import Messages, write_batch
from ingest.streams.positions import following, part_of
from warehouse import side
from warehouse.seal import Sealer


@dataclass(frozen=True)
class Batch:
    """A landed micro-batch that waits for its decision."""

    landed: Landed
    generation: int
    read_at: float  # time.time() when its first message was read
    newest_at: float  # when its newest message was produced, seconds since 1970

    @property
    def following(self) -> dict[int, int]:
        """Per partition the position after it."""
        return following(part_of(self.landed.manifest.stream).spans)

    def decided_at(self, home: Path) -> float | None:
        """When it was decided, in seconds since 1970; None while it is not."""
        m = self.landed.manifest
        return side.decided_at(home, m.dataset, m.load_id)

    def is_gone(self, home: Path) -> bool:
        """True when it is undecided and no longer there: another consumer was faster."""
        return not self.landed.folder.is_dir() and self.decided_at(home) is None


def land(settings: Settings, contract: Contract, messages: Messages, sealer: Sealer) -> Landed:
    """Decode, cast, write and seal a micro-batch; raises StorageFailed, CountsDisagree."""
    place = Workplace(settings.home / "landing", contract.dataset)
    try:
        manifest = write_batch(contract, messages, place)
        reached("stream.written")
        landed = place.publish(sealer.seal(contract, place.folder, manifest))
    except BaseException:
        place.discard()
        raise
    reached("stream.landed")
    return landed


def judge(contract: Contract, landed: Landed) -> str:
    """Put a micro-batch through the gate; gives the outcome."""
    verdict = judge_landed(of_micro_batches(contract), landed)
    return str(verdict["outcome"])


def age(since: float) -> float:
    """Seconds since a moment of ``time.time()``."""
    return time.time() - since
