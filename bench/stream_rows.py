"""The rows of streams: a backlog read as fast as it goes, and how late a steady feed is."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench import stream_peers
from bench.harness import Sample, Work, in_turns, run
from bench.peers import made
from bench.streams import broker_with
from ingest.streams.topics import _FETCH
from tests.streams.broker import topic

if TYPE_CHECKING:
    from bench.rows import Plan, Result

GOAL_SPEED, GOAL_PEER, GOAL_LATE_S = 0.4, 2.0, 0.5
GOAL_PUBLISHED_S = 30.0
RATE, PUBLISHED_RATE = 5_000, 1_000
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
        tuned = run(Work("limit_stream", {**spec, "client": _FETCH}, _COMMAND))
        peer = _quixstreams(broker.address, count) if plan.with_peers else None
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
        note=f"{mine:,.0f} messages/s against {bare:,.0f} of a bare loop: {mine / bare:.2f} of it; "
        f"{mine * tuned.seconds / count:.2f} of one whose client is set as ours",
    )
    if peer:
        faster = peer.seconds / ours.seconds()[0]
        yield Result(
            row="stream_vs_quixstreams",
            size=f"{count // 1000}k of 1 kB",
            ours_s=ours.seconds()[0],
            goal=f"{GOAL_PEER:g} times faster",
            met=faster >= GOAL_PEER,
            peer="quixstreams, checked in Python, into DuckDB",
            peer_s=peer.seconds,
            ratio_to_peer=1 / faster,
            peak_mb=ours.peak_mb,
            ours_cpu_s=ours.cpu,
            repetitions=1,
            note=f"{faster:.1f} times faster; peer's peak {peer.peak_mb:.0f} MB",
        )


def _quixstreams(brokers: str, count: int) -> Sample | None:
    """One run of the peer over the same messages; None where its environment is not to be had."""
    python = made("quixstreams")
    if python is None:
        return None
    spec = {"brokers": brokers, "count": count, "topic": topic()}
    return run(Work("quixstreams", spec, (str(python), stream_peers.__file__)))


def stream_latency(plan: "Plan") -> "Iterator[Result]":
    """Message to committed row at 5,000 messages a second, and with builds back to back."""
    from bench.rows import Result
    from ingest.contract import load_contract
    from tests.streams.broker import DATASET

    stream = load_contract(DATASET).stream
    assert stream is not None
    goal = stream.batch_age_s + GOAL_LATE_S
    for builds in ("", "all"):
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


def stream_published(plan: "Plan") -> "Iterator[Result]":
    """Message to published mart at 1,000 messages a second, builds following one another."""
    from bench.rows import Result

    with broker_with(0) as broker:
        spec = {
            "brokers": broker.address, "rate": PUBLISHED_RATE, "builds": "changes",
            "seconds": 180 if plan.with_peers else 90,
        }  # fmt: skip
        sample = run(Work("ours_published", spec, _COMMAND))
    yield Result(
        row="stream_published",
        size=f"{sample.facts['messages'] / 1000:.0f}k at {PUBLISHED_RATE}/s",
        ours_s=sample.seconds,
        goal=f"p95 <= {GOAL_PUBLISHED_S:g} s",
        met=sample.seconds <= GOAL_PUBLISHED_S,
        peak_mb=sample.peak_mb,
        import_s=sample.import_s,
        repetitions=1,
        note=f"p95; p50 {sample.facts['p50_s']:.1f} s, most {sample.facts['max_s']:.1f} s; "
        f"{sample.facts['versions']} versions were published",
    )
