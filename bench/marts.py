"""What a build costs after a small load, what dbt adds to its SQL, and what a large one takes.

``python -m bench.marts NAME SPEC`` runs one variant in a process of its own. History is loaded by
``dvina.pipeline.ingest`` from files, as any load is; only the gate's checks of rows are left out.
"""

import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench.generate_loans import statements
from bench.generate_months import MONTH_ROWS, months
from bench.generate_ocds import releases
from bench.harness import DATA, Side, Work, fresh, run
from bench.variants import Measured, Spec, _clock, _measure, _pass_unseen

if TYPE_CHECKING:
    from bench.rows import Plan, Result

FLOWS, RELEASES, STATEMENTS = (
    "customs_comtrade_flows", "procurement_ocds_releases", "loans_worldbank_statements",
)  # fmt: skip
SHARES = (1 / 8, 1 / 20)  # of a full build, at the smaller and at the larger history
EXPONENT, OVERHEAD_S, MEMORY_MB = 0.2, 1.0, 3000
REPETITIONS = 3
_COMMAND = (sys.executable, "-m", "bench.marts")


def marts_increment(plan: "Plan") -> "Iterator[Result]":
    """Facts and marts brought up to date after one month, at two lengths of history."""
    from bench.rows import Result

    sides: list[Side] = []
    sizes = (plan.rows, plan.many_rows)
    for rows, share in zip(sizes, SHARES, strict=True):
        full, ours = _built(rows), _followed(rows)
        sides.append(ours)
        ratio = ours.seconds("dbt")[0] / full.seconds("dbt")[0]
        yield _row(
            "marts_increment", f"50k after {rows / 1e6:g}M", ours, "dbt", full, ratio,
            f"<= 1/{1 / share:.0f}", ratio <= share,
            f"the limit is a full build; {_shares(ours)}",
        )  # fmt: skip
    few, many = (side.seconds("dbt")[0] for side in sides)
    exponent = math.log(many / few) / math.log(sizes[1] / sizes[0])
    yield Result(
        row="marts_increment_growth",
        size=f"{sizes[0] / 1e6:g}M to {sizes[1] / 1e6:g}M",
        ours_s=many,
        ratio_to_limit=exponent,
        goal=f"<= {EXPONENT}",
        met=exponent <= EXPONENT,
        repetitions=len(sides[1].samples),
        note="the exponent by which seconds grow with history",
    )


def marts_overhead(plan: "Plan") -> "Iterator[Result]":
    """A build in a process that built before, against the time that its SQL takes in DuckDB."""
    from bench.rows import Result

    ours = _followed(plan.rows)
    whole, sql = ours.seconds("warm")[0], ours.seconds("sql")[0]
    yield Result(
        row="marts_overhead",
        size=f"50k after {plan.rows / 1e6:g}M",
        ours_s=whole,
        limit_s=sql,
        ratio_to_limit=whole - sql,
        goal=f"<= {OVERHEAD_S} s",
        met=whole - sql <= OVERHEAD_S,
        ours_spread=ours.seconds("warm")[1:],
        limit_spread=ours.seconds("sql")[1:],
        repetitions=len(ours.samples),
        note="the limit is the time in DuckDB; the ratio is the seconds beyond it",
    )


def marts_memory(plan: "Plan") -> "Iterator[Result]":
    """A full build over customs, releases and loans."""
    from bench.rows import Result

    some, loans = plan.many_rows // 100, plan.many_rows // 20
    home = fresh(DATA / "homes" / "marts-memory")
    for dataset, path in (
        (FLOWS, months(0, plan.many_rows // MONTH_ROWS, DATA)),
        (RELEASES, releases(some, DATA)),
        (STATEMENTS, statements(loans, DATA)),
    ):
        run(Work("fill", {"home": str(home), "dataset": dataset, "path": str(path)}, _COMMAND))
    ours = run(Work("ours_full", {"home": str(home)}, _COMMAND))
    yield Result(
        row="marts_memory",
        size=f"{plan.many_rows / 1e6:g}M flows, {some / 1000:g}k releases, {loans / 1e6:g}M loans",
        ours_s=ours.seconds,
        goal=f"< {MEMORY_MB} MB",
        met=ours.peak_mb < MEMORY_MB,
        peak_mb=ours.peak_mb,
        import_s=ours.import_s,
        repetitions=1,
        note=f"a full build, published: dbt {ours.laps['dbt']:.1f}",
    )


def fill(spec: Spec, out: Measured) -> None:
    """Bring a file in; the gate looks at its counts, not at its rows."""
    from dvina import pipeline
    from dvina.settings import Settings

    pipeline.judge = _pass_unseen
    home = Path(spec["home"])
    home.mkdir(parents=True, exist_ok=True)
    with _measure(out):
        outcome = pipeline.ingest(Settings(home=home), spec["dataset"], spec["path"])
    if outcome.state != "accepted":
        raise SystemExit(f"the load was {outcome.state}: {outcome.message}")


def ours_full(spec: Spec, out: Measured) -> None:
    """Build and publish everything in ``home``."""
    _import_building(out)
    with _measure(out):
        _build(Path(spec["home"]), out, "dbt")


def ours_months(spec: Spec, out: Measured) -> None:
    """Two months more in ``home``: each loaded, then built; the second build is a warm one."""
    _import_building(out)
    home = Path(spec["home"])
    first, second = spec["paths"]
    fill({"home": home, "dataset": FLOWS, "path": first}, Measured())
    with _measure(out):
        _build(home, out, "dbt")
    fill({"home": home, "dataset": FLOWS, "path": second}, Measured())
    with _timed_sql(out):
        _build(home, out, "warm")


def _build(home: Path, out: Measured, lap: str) -> None:
    from dvina import build
    from dvina.settings import Settings

    run_models = build.run_models
    _clock(build, "run_models", lap, out)
    try:
        outcome = build.build_and_publish(Settings(home=home))
    finally:
        build.run_models = run_models
    if outcome.state != "published":
        raise SystemExit(f"the build was {outcome.state}: {outcome.message}")


@contextmanager
def _timed_sql(out: Measured) -> Iterator[None]:
    """Add up how long DuckDB works for dbt, until the body ends."""
    from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

    execute = DuckDBCursorWrapper.execute
    _clock(DuckDBCursorWrapper, "execute", "sql", out)
    try:
        yield
    finally:
        DuckDBCursorWrapper.execute = execute


def _import_building(out: Measured) -> None:
    begun = time.perf_counter()
    from dbt.cli.main import dbtRunner

    from dvina import build
    from expectations.gate import warm

    warm()
    assert build
    assert dbtRunner
    out.import_s = time.perf_counter() - begun


@cache
def _built(rows: int) -> Side:
    """What the first build of so many rows of history took; once per run of the harness."""
    path = str(months(0, rows // MONTH_ROWS, DATA))
    home = str(fresh(_home_of(rows)))
    run(Work("fill", {"home": home, "dataset": FLOWS, "path": path}, _COMMAND))
    return Side((run(Work("ours_full", {"home": home}, _COMMAND)),))


@cache
def _followed(rows: int) -> Side:
    """Builds after that one, three times two months more, each time in a new process."""
    _built(rows)
    samples = []
    for first in range(rows // MONTH_ROWS, rows // MONTH_ROWS + 2 * REPETITIONS, 2):
        paths = [str(months(month, 1, DATA)) for month in (first, first + 1)]
        spec = {"home": str(_home_of(rows)), "paths": paths}
        samples.append(run(Work("ours_months", spec, _COMMAND)))
    return Side(tuple(samples))


def _home_of(rows: int) -> Path:
    return DATA / "homes" / f"marts-{rows}"


def _shares(ours: Side) -> str:
    """What else a build takes, beside dbt."""
    return f"publishing and all else {ours.seconds()[0] - ours.seconds('dbt')[0]:.1f} s"


def _row(
    row: str, size: str, ours: Side, lap: str, full: Side, ratio: float, goal: str, met: bool,
    note: str,
) -> "Result":  # fmt: skip
    from bench.rows import Result

    return Result(
        row=row,
        size=size,
        ours_s=ours.seconds(lap)[0],
        limit_s=full.seconds(lap)[0],
        ratio_to_limit=ratio,
        goal=goal,
        met=met,
        peak_mb=ours.peak_mb,
        ours_spread=ours.seconds(lap)[1:],
        limit_spread=full.seconds(lap)[1:],
        import_s=ours.import_s,
        repetitions=len(ours.samples),
        note=note,
    )


if __name__ == "__main__":
    measured = Measured()
    variants = {"fill": fill, "ours_full": ours_full, "ours_months": ours_months}
    variants[sys.argv[1]](json.loads(sys.argv[2]), measured)
    print(json.dumps(asdict(measured)))
