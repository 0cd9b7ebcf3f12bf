"""The watch: looks at everything once, and says what a person must look at."""

from dataclasses import dataclass
from datetime import datetime

from dvina.alerts import store
from dvina.alerts.delivery import WORRYING
from dvina.alerts.sweep import sweep
from dvina.settings import Settings


@dataclass(frozen=True)
class Review:
    """``urgent`` is what nobody was told of; ``counts`` are plain numbers for machines."""

    urgent: tuple[str, ...]
    notes: tuple[str, ...]
    counts: dict[str, int]

    @property
    def text(self) -> str:
        """All findings, the urgent ones first."""
        lines = [*(f"URGENT {line}" for line in self.urgent), *self.notes]
        return "\n".join(lines) or "nothing to report"


def review(settings: Settings, now: datetime | None = None) -> Review:
    """Move incidents on and send what is due.

    Urgent is what does not reach anybody: messages that were tried several times, and open
    incidents of severity stop where no route has an address.
    """
    done = sweep(settings, now)
    opened = [i for i in store.incidents(settings.home) if i.is_open]
    stuck = [m for m in store.messages(settings.home) if m.get("attempts", 0) >= WORRYING]
    urgent = [f"{m['route']}: not delivered ({m['last_error']}): {m['title']}" for m in stuck]
    if not settings.routes:
        urgent += [f"{i.title}. Next: {i.next_step}" for i in opened if i.severity == "stop"]
    notes = [f"{i.incident_id} {i.severity} {i.state}: {i.title}" for i in opened]
    counts = {
        "open": len(opened), "moved": len(done.moved), "delivered": done.delivered,
        "undelivered": done.undelivered,
    }  # fmt: skip
    return Review(tuple(urgent), tuple(notes), counts)
