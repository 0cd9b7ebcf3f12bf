"""The rows of streams: a backlog read as fast as it goes, and how late a steady feed is."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.harness import Work, in_turns, run
from bench.streams import broker_with

if TYPE_CHECKING:
    from bench.rows import Plan, Result

GOAL_SPEED, GOAL_LATE_S = 0.4, 0.5
RATE = 5_000
_COMMAND = (sys.executable, "-m", "bench.streams")


def stream_json(plan: "Plan") -> "Iterator[Result]":
    """Messages of 1 kB against a bare loop that consumes and parses them."""
    from bench.rows import Result

    count = 300_000 if plan.with_peers else 100_000
    with broker_with(count) as broker:
        spec = {"brokers": broker.address, "count": count}
        ours, limit = in_turns(
            min(plan.repetitions, 3),
            Work("ours_stream", spec, _COMMAND),
            Work("limit_stream", spec, _COMMAND),
        )
    mine, bare = (count / side.seconds()[0] for side in (ours, limit))
    yield Result(
        row="stream_json",
        size=f"{count // 1000}k of 1 kB",
        ours_s=ours.seconds()[0],
        limit_s=limit.seconds()[0],
        ratio_to_limit=ours.seconds()[0] / limit.seconds()[0],
        goal=f"<= {1 / GOAL_SPEED:g}",
        met=mine >= GOAL_SPEED * bare,
        peak_mb=ours.peak_mb,
        ours_spread=ours.seconds()[1:],
        limit_spread=limit.seconds()[1:],
        ours_cpu_s=ours.cpu,
        limit_cpu_s=limit.cpu,
        import_s=ours.import_s,
        repetitions=len(ours.samples),
        note=f"{mine:,.0f} messages/s against {bare:,.0f} of a bare loop: {mine / bare:.2f} of it",
    )


def stream_latency(plan: "Plan") -> "Iterator[Result]":
    """Message to committed row at 5,000 messages a second, and with builds back to back."""
    from bench.rows import Result
    from ingest.contract import load_contract
    from tests.streams.broker import DATASET

    stream = load_contract(DATASET).stream
    assert stream is not None
    goal = stream.batch_age_s + GOAL_LATE_S
    for builds in (False, True):
        with broker_with(0) as broker:
            spec = {
                "brokers": broker.address, "rate": RATE, "builds": builds,
                "seconds": 60 if plan.with_peers else 20,
            }  # fmt: skip
            sample = run(Work("ours_latency", spec, _COMMAND))
        yield Result(
            row=f"stream_latency{'_building' if builds else ''}",
            size=f"{sample.facts['messages'] / 1000:.0f}k at {RATE}/s",
            ours_s=sample.seconds,
            goal=f"p99 <= {goal:g} s",
            met=sample.seconds <= goal,
            peak_mb=sample.peak_mb,
            import_s=sample.import_s,
            repetitions=1,
            note=f"p99; p50 {sample.facts['p50_s']:.2f} s, most {sample.facts['max_s']:.2f} s"
            + ("; builds back to back meanwhile" if builds else ""),
        )
