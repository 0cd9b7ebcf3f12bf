"""What waits without holding a worker: until loads are quiet, until a topic has messages."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException
from airflow.triggers.base import BaseEventTrigger, TriggerEvent


class WaitForQuiet(BaseOperator):
    """Lets a burst of loads become one build: waits until none was decided for a while.

    Skips when another run's build has tried all that this run's slices brought; a run that was
    cleared, or that a person started, builds all the same.
    """

    def execute(self, context: Any) -> None:
        """Look for the first time."""
        self._skip_what_is_built(context)
        quiet_s, _, decision = _now()
        if quiet_s > 0:
            self._wait(quiet_s, decision, 0.0)

    def look_again(self, context: Any, event: Any, decision: int, waited_s: float) -> None:
        """Look again: go on when nothing came meanwhile, or after the longest wait."""
        self._skip_what_is_built(context)
        quiet_s, most_s, newest = _now()
        waited_s += quiet_s
        if newest != decision and waited_s < most_s:
            self._wait(quiet_s, newest, waited_s)
        self.log.info("quiet at decision %d after %.0f s", newest, waited_s)

    def _wait(self, quiet_s: float, decision: int, waited_s: float) -> NoReturn:
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        self.log.info("decision %d: waiting %.0f s for more loads", decision, quiet_s)
        self.defer(
            trigger=TimeDeltaTrigger(timedelta(seconds=quiet_s)),
            method_name="look_again",
            kwargs={"decision": decision, "waited_s": waited_s},
        )

    def _skip_what_is_built(self, context: Any) -> None:
        from dvina.decided import decided
        from dvina.settings import settings

        wanted = _decision_of(context.get("triggering_asset_events") or {})
        known = decided(settings().home)
        first = context["ti"].try_number == 1
        if wanted is not None and first and known.tried >= wanted:
            raise AirflowSkipException(
                f"the build up to decision {known.tried} took these slices in: {known.outcome}"
            )


class WaitForMessages(BaseOperator):
    """Waits until a topic has messages that were not read; skips when none come."""

    def __init__(self, *, topic: str, most_s: float = 3600, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.topic, self.most_s = topic, most_s

    def execute(self, context: Any) -> None:
        """Hand the wait to the triggerer."""
        trigger = TopicHasMessages(topic=self.topic, most_s=self.most_s)
        self.defer(trigger=trigger, method_name="go_on")

    def go_on(self, context: Any, event: dict[str, Any]) -> None:
        """Let the next task drain, unless nothing came."""
        if not event["waiting"]:
            raise AirflowSkipException(f"{self.topic}: no message in {self.most_s:.0f} s")
        self.log.info("%s: %d messages wait", self.topic, event["waiting"])


class TopicHasMessages(BaseEventTrigger):
    """Fires when a topic holds messages beyond what the stream group read, and again later.

    What was read is asked of the broker, whose offsets are only for display: this is a wake-up
    call, the rows are counted by the positions in the warehouse.
    """

    def __init__(
        self, *, topic: str, most_s: float = 0, poll_s: float = 5, again_s: float = 60
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.topic, self.most_s, self.poll_s, self.again_s = topic, most_s, poll_s, again_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Its path and arguments."""
        arguments = {"topic": self.topic, "most_s": self.most_s}
        arguments |= {"poll_s": self.poll_s, "again_s": self.again_s}
        return "dags._waiting.TopicHasMessages", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask the broker now and then; with ``most_s`` say in the end that nothing came."""
        from dvina.streaming.waiting import waiting

        asked_s = 0.0
        while not self.most_s or asked_s < self.most_s:
            count = await asyncio.to_thread(waiting, self.topic)
            if count:
                yield _event(self.topic, count)
            pause = self.again_s if count else self.poll_s
            await asyncio.sleep(pause)
            asked_s += pause
        yield _event(self.topic, 0)


def _event(topic: str, count: int) -> TriggerEvent:
    return TriggerEvent({"topic": topic, "waiting": count})  # type: ignore[no-untyped-call]


def _now() -> tuple[float, float, int]:
    """Seconds of quiet that are wanted, the longest wait, and the newest decision."""
    from dvina.decided import decided
    from dvina.settings import settings

    found = settings()
    return found.build_quiet_s, found.build_wait_most_s, decided(found.home).newest


def _decision_of(events: Any) -> int | None:
    """The newest decision that a run's events tell; None where a person started it."""
    told = [event.extra.get("decision") for asset in events for event in events[asset]]
    known = [int(decision) for decision in told if decision is not None]
    return max(known, default=None)
