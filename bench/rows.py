"""The rows of the table: what is loaded, what it is held against, and the goal.

A row is a function in ``ROWS`` that takes a plan (sizes and repetitions) and gives results; to
add one, write the function and, if it measures something new, a variant.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from bench import peers
from bench.dag_parsing import dag_parse
from bench.eis_xml import CONTRACTS, contracts
from bench.generate import Rows, generate
from bench.generate_customs import FIRST_YEAR, answers, dump
from bench.generate_loans import statements
from bench.generate_ocds import releases
from bench.harness import DATA, BenchError, Side, Work, fresh, in_turns, run
from bench.marts import marts_increment, marts_memory, marts_overhead
from bench.publishing import publish_change
from bench.server import serving
from bench.stream_rows import stream_json, stream_latency, stream_published
from bench.variants import ANSWERS, DATASET, DUMP, RELEASES, STATEMENTS

MB_LIMIT, GATE_MB = 750, 600
SLICE = 50_000
LOANS = 1_300_000  # 144 monthly statements of 9,000 loans
ANSWER_ROWS = 99_000  # of an answer: below what makes the publisher's limit


@dataclass(frozen=True)
class Plan:
    """How large and how often; peers only in the full run."""

    rows: int
    many_rows: int  # of the memory row
    few_rows: int
    peer_rows: int
    answers: int
    repetitions: int
    with_peers: bool


QUICK = Plan(500_000, 2_000_000, 200_000, 0, 1, 3, False)
FULL = Plan(5_000_000, 20_000_000, 1_000_000, 500_000, 5, 5, True)


@dataclass(frozen=True)
class Result:
    """One line of the table; ``*_spread`` is least and greatest, ``met`` None without a goal."""

    row: str
    size: str
    ours_s: float
    limit_s: float | None = None
    ratio_to_limit: float | None = None
    goal: str = ""
    met: bool | None = None
    peer: str = ""
    peer_s: float | None = None
    ratio_to_peer: float | None = None
    peak_mb: float | None = None
    ours_spread: tuple[float, float] | None = None
    limit_spread: tuple[float, float] | None = None
    ours_cpu_s: float | None = None
    limit_cpu_s: float | None = None
    import_s: float | None = None
    repetitions: int = 0
    note: str = ""
    on: str = ""  # the day, where the table is kept


def bookkeeping(plan: Plan) -> Iterator[Result]:
    """A whole load against the same load without archive, quarantine, seal and ledger."""
    for row, broken, goal in (("bookkeeping", 0.0, 1.15), ("bookkeeping_broken", 0.001, None)):
        csv = str(generate(Rows(plan.rows, broken=broken), DATA))
        ours, limit = in_turns(
            plan.repetitions, Work("ours_load", {"csv": csv}), Work("limit_load", {"csv": csv})
        )
        note = _laps(ours) + ("; 1 row in 1000 is quarantined" if broken else "")
        yield _against(row, _rows(plan.rows), ours, limit, goal, note=note)


def memory(plan: Plan) -> Iterator[Result]:
    """Peak memory of a large load against that of a small one, without the gate and with it."""
    few, many = (str(generate(Rows(n), DATA)) for n in (plan.few_rows, plan.many_rows))
    for row, gate in (("memory", False), ("memory_with_gate", True)):
        spec, times = {"gate": gate}, 1 if gate else 2
        large, small = in_turns(
            times, Work("ours_load", {"csv": many, **spec}), Work("ours_load", {"csv": few, **spec})
        )
        ratio = large.peak_mb / small.peak_mb
        yield Result(
            row=row,
            size=f"{_rows(plan.many_rows)} against {_rows(plan.few_rows)}",
            ours_s=large.seconds()[0],
            ratio_to_limit=ratio,
            goal="" if gate else f"<= 1.15 and < {MB_LIMIT} MB",
            met=None if gate else ratio <= 1.15 and large.peak_mb < MB_LIMIT,
            peak_mb=large.peak_mb,
            ours_spread=large.seconds()[1:],
            ours_cpu_s=large.cpu,
            import_s=large.import_s,
            repetitions=times,
            note=f"ratio of peaks; small load {small.peak_mb:.0f} MB",
        )


def resend_load(plan: Plan) -> Iterator[Result]:
    """One slice sent again with changes, into a raw table that holds much more."""
    base = str(_loaded(Rows(plan.rows)))
    again = Rows(SLICE, changed_spread=0.2)
    csv = str(generate(again, DATA))
    segments = _segments(_loaded(again))
    ours, limit = in_turns(
        plan.repetitions,
        Work("ours_load", {"csv": csv, "base": base}),
        Work("limit_insert", {"segments": segments, "base": base}),
    )
    size = f"{_rows(SLICE)} into {_rows(plan.rows)}"
    yield _against(
        "resend_load", size, ours, limit, 1.3, lap="transaction", note="the transaction alone"
    )
    yield _against("resend_load_committed", size, ours, limit, lap="commit", note="and side store")
    yield _against("resend_load_whole", size, ours, limit, note=_laps(ours))


def resend_file(plan: Plan) -> Iterator[Result]:
    """A whole file sent again with 1 % of its rows changed, against a full replace."""
    slice_rows = plan.rows // 100
    base = str(_loaded(Rows(plan.rows, slice_rows=slice_rows)))
    for row, rows in (
        ("resend_file_slices", Rows(plan.rows, slice_rows=slice_rows, changed_slices=0.01)),
        ("resend_file_spread", Rows(plan.rows, slice_rows=slice_rows, changed_spread=0.01)),
    ):
        csv = str(generate(rows, DATA))
        ours, limit = in_turns(
            plan.repetitions,
            Work("ours_load", {"csv": csv, "base": base}),
            Work("limit_replace", {"csv": csv, "base": base}),
        )
        where = "1 % of the slices" if rows.changed_slices else "all slices"
        note = f"changes in {where}; "
        yield _against(row, _rows(plan.rows), ours, limit, 0.5, note=note + _laps(ours))
        yield _against(
            f"{row}_commit", _rows(plan.rows), ours, limit, lap="transaction",
            limit_lap="transaction", note=note + "delete and insert against our transaction",
        )  # fmt: skip


def gate(plan: Plan) -> Iterator[Result]:
    """Great Expectations' suite on a landed load against one scan of its columns."""
    spec = {"segments": _segments(_loaded(Rows(plan.rows))), "rows": plan.rows}
    ours, limit = in_turns(plan.repetitions, Work("ours_gate", spec), Work("limit_scan", spec))
    checks = ours.samples[0].facts["checks"]
    yield _against("gate", _rows(plan.rows), ours, limit, note=f"{checks} checks, import apart")


def gate_checks(plan: Plan) -> Iterator[Result]:
    """Twelve checks of rows and the comparison with history, against a scan and a peer."""
    segments = {"segments": _segments(_loaded(Rows(plan.rows))), "rows": plan.rows}
    work = Work("ours_gate", {**segments, "history": True})
    ours, limit = in_turns(plan.repetitions, work, Work("limit_scan", segments))
    row = _against("gate_checks", _rows(plan.rows), ours, limit, 5.0)
    checks = ours.samples[0].facts["checks"]
    within = bool(row.met) and (row.peak_mb or 0) < GATE_MB
    note = f"{checks} checks, 12 of them on rows; imports apart, {ours.import_s:.1f} s"
    yield replace(row, goal=f"<= 5 and < {GATE_MB} MB", met=within, note=note)
    if plan.with_peers:
        yield _against_pandas(plan, work, Work("gx_pandas", segments), "", 20)
        floats = Work("gx_pandas", {**segments, "floats": True})
        yield _against_pandas(plan, work, floats, "_floats", None)


def _against_pandas(
    plan: Plan, work: Work, peer: Work, kind: str, at_least: float | None
) -> Result:
    mine, theirs = in_turns(2, work, peer)
    faster = theirs.seconds()[0] / mine.seconds()[0]
    return Result(
        row=f"gate_checks_vs_pandas{kind}",
        size=_rows(plan.rows),
        ours_s=mine.seconds()[0],
        goal=f"{at_least:g} times faster" if at_least else "",
        met=faster >= at_least if at_least else None,
        peer="Great Expectations on pandas",
        peer_s=theirs.seconds()[0],
        ratio_to_peer=1 / faster,
        peak_mb=mine.peak_mb,
        ours_spread=mine.seconds()[1:],
        ours_cpu_s=mine.cpu,
        import_s=mine.import_s,
        repetitions=2,
        note=f"{faster:.1f} times faster; peer's peak {theirs.peak_mb:.0f} MB",
    )


def csv_vs_duckdb(plan: Plan) -> Iterator[Result]:
    """A whole load against DuckDB's own CSV reader into a table, and against peers."""
    csv = str(generate(Rows(plan.rows), DATA))
    ours, limit = in_turns(
        plan.repetitions, Work("ours_load", {"csv": csv}), Work("limit_read_csv", {"csv": csv})
    )
    yield _against("csv_vs_duckdb", _rows(plan.rows), ours, limit, 1.6, note=_laps(ours))
    if plan.with_peers:
        small = str(generate(Rows(plan.peer_rows), DATA))
        for peer in ("pandas", "dlt"):
            yield _peer(f"csv_vs_{peer}", peer, plan, Work("ours_load", {"csv": small}), small)


def customs_dump(plan: Plan) -> Iterator[Result]:
    """A dump of the Russian customs service, cp1251 and decimal comma, by its shipped contract."""
    raw, utf8 = dump(plan.rows, DATA)
    ours, limit = in_turns(
        plan.repetitions,
        Work("ours_load", {"dataset": DUMP, "csv": str(raw)}),
        Work("limit_read_dump", {"csv": str(utf8)}),
    )
    yield _against("customs_dump", _rows(plan.rows), ours, limit, 1.6, note=_laps(ours))
    yield _against(
        "customs_dump_read", _rows(plan.rows), ours, limit, 1.2, lap="segments+transaction",
        note="reading, casting, Parquet and insert alone",
    )  # fmt: skip
    if plan.with_peers:
        small, _ = dump(plan.peer_rows, DATA)
        work = Work("ours_load", {"dataset": DUMP, "csv": str(small)})
        yield _peer("customs_dump_vs_dlt", "dlt_dump", plan, work, str(small), at_least=3)


def comtrade_answers(plan: Plan) -> Iterator[Result]:
    """Answers of UN Comtrade over HTTP, fetched and loaded, against a typed parser alone."""
    files = answers(plan.answers, ANSWER_ROWS, DATA)
    years = f"{FIRST_YEAR}:{FIRST_YEAR + plan.answers - 1}"
    paths = ",".join(map(str, files))
    size = f"{plan.answers} x {ANSWER_ROWS // 1000}k records"
    with serving(files) as url:
        work = Work("ours_answers", {"dataset": ANSWERS, "url": url, "years": years})
        python = peers.environment("msgspec")
        if python is None:
            yield Result("comtrade_answers", size, 0.0, note="the parser is not to be had")
            return
        parse = Work("msgspec", {"input": paths}, _command(python))
        ours, limit = in_turns(plan.repetitions, work, parse)
        yield _against("comtrade_answers", size, ours, limit, 2.0, note=_laps(ours))
        if plan.with_peers:
            one = Work("ours_answers", {"dataset": ANSWERS, "url": url, "years": str(FIRST_YEAR)})
            address = f"{url}/?period={FIRST_YEAR}"
            yield _peer("comtrade_vs_dlt", "dlt_answers", plan, one, address, at_least=10)


def ocds_releases(plan: Plan) -> Iterator[Result]:
    """JSON Lines of OCDS releases against DuckDB's own reader, nested, and against dlt."""
    count = min(plan.rows // 25, 200_000)
    path = str(releases(count, DATA))
    load = Work("ours_load", {"csv": path, "dataset": RELEASES})
    ours, limit = in_turns(min(plan.repetitions, 3), load, Work("limit_read_ocds", {"csv": path}))
    note = f"{_laps(ours)}; DuckDB's peak {limit.peak_mb:.0f} MB; goal of the peak 1200 MB"
    yield _against("ocds_releases", _rows(count), ours, limit, 1.5, note=note)
    if plan.with_peers:
        few = str(releases(10_000, DATA))
        one = Work("ours_load", {"csv": few, "dataset": RELEASES})
        yield _peer("ocds_vs_dlt", "dlt_ocds", plan, one, few, at_least=15)


def eis_xml(plan: Plan) -> Iterator[Result]:
    """Contracts of EIS in one XML file against a bare lxml loop, read alone and loaded whole."""
    few, many = (contracts(n // 50, DATA) for n in (plan.few_rows, plan.rows))
    spec = {"xml": str(many), "dataset": CONTRACTS}
    ours, limit = in_turns(plan.repetitions, Work("ours_xml", spec), Work("limit_xml", spec))
    small = run(Work("ours_xml", {**spec, "xml": str(few)}))
    size = f"{_rows(plan.rows // 50)} documents"
    note = f"peak {ours.peak_mb / small.peak_mb:.2f} times that of {_rows(plan.few_rows // 50)}"
    yield _against("eis_xml", size, ours, limit, 2.0, note=note)
    whole = Work("ours_load", {"dataset": CONTRACTS, "csv": str(many)})
    ours, limit = in_turns(plan.repetitions, whole, Work("limit_xml", spec))
    yield _against("eis_xml_load", size, ours, limit, note=_laps(ours))


def loans_statement(plan: Plan) -> Iterator[Result]:
    """Statements of loans of the World Bank, 33 columns, by their shipped contract."""
    rows = LOANS if plan.with_peers else LOANS // 5
    csv = str(statements(rows, DATA))
    load = Work("ours_load", {"dataset": STATEMENTS, "csv": csv})
    ours, limit = in_turns(plan.repetitions, load, Work("limit_read_statements", {"csv": csv}))
    yield _against("loans_statement", _rows(rows), ours, limit, 1.5, note=_laps(ours))
    if plan.with_peers:
        small = str(statements(plan.peer_rows, DATA))
        work = Work("ours_load", {"dataset": STATEMENTS, "csv": small})
        yield _peer("loans_statement_vs_pandas", "pandas_statements", plan, work, small, at_least=3)


ROWS: dict[str, Callable[[Plan], Iterator[Result]]] = {
    function.__name__: function
    for function in (
        bookkeeping,
        memory,
        resend_load,
        resend_file,
        gate,
        gate_checks,
        csv_vs_duckdb,
        customs_dump,
        comtrade_answers,
        ocds_releases,
        eis_xml,
        publish_change,
        dag_parse,
        stream_json,
        stream_latency,
        stream_published,
        loans_statement,
        marts_increment,
        marts_overhead,
        marts_memory,
    )
}


def _peer(
    row: str, peer: str, plan: Plan, mine: Work, given: str, at_least: float | None = None
) -> Result:
    """Ours and a peer on the same smaller input, twice in turns."""
    sizes = {"dlt_answers": ANSWER_ROWS, "dlt_ocds": 10_000}
    size = _rows(sizes.get(peer, plan.peer_rows))
    python = peers.environment(peer)
    if python is None:
        return Result(row, size, 0.0, peer=peers.NAMES[peer], note="environment not to be had")
    work = Work(peer, {"input": given}, _command(python))
    try:
        ours, theirs = in_turns(2, mine, work)
    except BenchError as error:
        return Result(row, size, 0.0, peer=peers.NAMES[peer], note=f"did not run: {error}"[:200])
    faster = theirs.seconds()[0] / ours.seconds()[0]
    return Result(
        row=row,
        size=size,
        ours_s=ours.seconds()[0],
        goal=f"{at_least:g} times faster" if at_least else "",
        met=faster >= at_least if at_least else None,
        peer=peers.NAMES[peer],
        peer_s=theirs.seconds()[0],
        ratio_to_peer=1 / faster,
        peak_mb=ours.peak_mb,
        ours_spread=ours.seconds()[1:],
        ours_cpu_s=ours.cpu,
        import_s=ours.import_s,
        repetitions=2,
        note=f"{faster:.1f} times faster; peer's peak {theirs.peak_mb:.0f} MB",
    )


def _command(python: Path) -> tuple[str, str]:
    return str(python), str(Path(peers.__file__))


def _against(
    row: str,
    size: str,
    ours: Side,
    limit: Side,
    goal: float | None = None,
    *,
    lap: str = "",
    limit_lap: str = "",
    note: str = "",
) -> Result:
    mine, least, most = ours.seconds(lap)
    other, low, high = limit.seconds(limit_lap)
    ratio = mine / other
    return Result(
        row=row,
        size=size,
        ours_s=mine,
        limit_s=other,
        ratio_to_limit=ratio,
        goal=f"<= {goal}" if goal else "",
        met=ratio <= goal if goal else None,
        peak_mb=ours.peak_mb,
        ours_spread=(least, most),
        limit_spread=(low, high),
        ours_cpu_s=None if lap else ours.cpu,
        limit_cpu_s=None if limit_lap else limit.cpu,
        import_s=ours.import_s,
        repetitions=len(ours.samples),
        note=note,
    )


@cache
def _loaded(rows: Rows) -> Path:
    """A home in which the rows are loaded, made once per run of the harness."""
    home = fresh(DATA / "homes" / rows.name.removesuffix(".csv"))
    run(Work("ours_load", {"csv": str(generate(rows, DATA)), "home": str(home)}))
    return home


def _segments(home: Path) -> list[str]:
    return [str(p) for p in sorted(home.glob(f"landing/{DATASET}/*/segment-*.parquet"))]


def _laps(side: Side) -> str:
    """Median seconds of the laps that lie beside each other."""
    names = ("fetch", "segments", "seal", "commit")
    told: list[Any] = [f"{n} {side.seconds(n)[0]:.2f}" for n in names if n in side.samples[0].laps]
    return ", ".join(told)


def _rows(count: int) -> str:
    return f"{count / 1e6:g}M" if count >= 1e6 else f"{count // 1000}k"
