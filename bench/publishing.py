"""Publishing after a small change, against a plain copy of the published file.

``python -m bench.publishing NAME SPEC`` runs one of the two in a process of its own. Both end with
the bytes on the disk; ours also takes fingerprints of the year that was written to, reads back what
it wrote, writes Parquet and sums, and switches the link. The rules on marts are not in it: the gate
is a row of its own.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.harness import DATA, Work, fresh, in_turns
from bench.variants import Measured, _measure

if TYPE_CHECKING:
    from bench.rows import Plan, Result

GOAL = 1.5
_COMMAND = (sys.executable, "-m", "bench.publishing")
_MART = """
create or replace table marts.mart_trade as
select
    ['BLR', 'RUS', 'DEU', 'CHN', 'KAZ', 'POL', 'TUR', 'IND'][1 + i % 8] as reporter_code,
    'P' || (hash(i) % 200)::varchar as partner_code,
    'sector_' || (hash(i + 1) % 10)::varchar as sector_id,
    (2000 + i * 25 // {rows})::varchar || '-'
        || lpad((1 + hash(i + 2) % 12)::varchar, 2, '0') as period,
    'M' as frequency,
    ['X', 'M'][1 + i % 2] as flow_code,
    (hash(i + 3) % 100000000 / 100)::decimal(18, 2) as value_usd,
    (hash(i + 4) % 100000000 / 100)::decimal(18, 2) as value_original,
    'EUR' as currency_code,
    (hash(i + 5) % 1000000 / 1000000)::decimal(9, 6) as crosswalk_mass,
    (hash(i + 6) % 500)::integer as product_rows,
    'customs_made_up_flows' as source_dataset
from range({rows}) as t(i)
"""
_CHANGE = """
update marts.mart_trade set value_usd = value_usd + 1
where rowid in (select rowid from marts.mart_trade where period = '2024-05' limit 1000)
"""
_KEPT = 2  # versions: all are copied for each repetition


def publish_change(plan: "Plan") -> "Iterator[Result]":
    """One thousand rows of one month changed, in a mart of 25 years."""
    from bench.rows import Result

    rows = 20_000_000 if plan.with_peers else 5_000_000
    base = _published(rows)
    spec = {"base": str(base)}
    ours, limit = in_turns(
        plan.repetitions, Work("ours_publish", spec, _COMMAND), Work("limit_copy", spec, _COMMAND)
    )
    ratio = ours.seconds()[0] / limit.seconds()[0]
    size = limit.samples[0].facts["bytes"] / 1e6
    yield Result(
        row="publish_change",
        size=f"{rows / 1e6:g}M, {size:.0f} MB",
        ours_s=ours.seconds()[0],
        limit_s=limit.seconds()[0],
        ratio_to_limit=ratio,
        goal=f"<= {GOAL}",
        met=ratio <= GOAL,
        peak_mb=ours.peak_mb,
        ours_spread=ours.seconds()[1:],
        limit_spread=limit.seconds()[1:],
        ours_cpu_s=ours.cpu,
        limit_cpu_s=limit.cpu,
        import_s=ours.import_s,
        repetitions=plan.repetitions,
        note="1000 rows of one of 300 months changed; the limit is copy and flush",
    )


def ours_publish(spec: dict[str, Any], out: Measured) -> None:
    """Change the mart outside the clock, publish within it."""
    from warehouse import publish, standing
    from warehouse.database import open_warehouse

    import_module("pandas")  # a build has it from the gate, and DuckDB asks for it
    home = Path(spec["home"])
    _copy(spec["base"], home)
    with open_warehouse(home, "1GB") as connection:
        held = standing.without(standing.take(connection, home), {"mart_trade": (2024,)})
        assert held
        connection.execute(_CHANGE)
        connection.execute("checkpoint")
        _settle(home)
        with _measure(out):
            version = publish.write_aside(connection, home, {}, held=held)
            assert version is not None
            publish.switch(home, version, _KEPT)


def limit_copy(spec: dict[str, Any], out: Measured) -> None:
    """Copy the published file and force it to the disk, all else as before a publish."""
    home = Path(spec["home"])
    _copy(spec["base"], home)
    source = home / "published" / "current" / "dvina.duckdb"
    _settle(home)
    with _measure(out):
        copied = shutil.copyfile(source, home / "dvina.duckdb")
        with Path(copied).open("rb") as file:
            os.fsync(file.fileno())
    out.facts["bytes"] = source.stat().st_size


def _copy(base: str, home: Path) -> None:
    """A copy of the home, in which versions share files as they do there."""
    subprocess.run(["cp", "-a", base, str(home)], check=True)


def _settle(home: Path) -> None:
    """Flush what lies about, and leave memory for files that was used a moment ago.

    On a virtual machine a page that nobody had before costs ten times one that was freed.
    """
    source = home / "published" / "current" / "dvina.duckdb"
    used = [home / f"used-{number}" for number in range(4)]
    for path in used:
        shutil.copyfile(source, path)
    os.sync()
    for path in used:
        path.unlink()


def _published(rows: int) -> Path:
    """A home with the mart, published as often as it takes until a version was retired."""
    from warehouse import publish
    from warehouse.database import open_warehouse

    home = fresh(DATA / "homes" / f"published-{rows}")
    with open_warehouse(home, "1GB") as connection:
        connection.execute("create schema marts")
        connection.execute(_MART.format(rows=rows))
        for _ in range(_KEPT + 1):
            version = publish.write_aside(connection, home, {})
            assert version is not None
            publish.switch(home, version, _KEPT)
            connection.execute(_CHANGE)
    return home


def main(name: str, spec: str) -> None:
    """Run one variant and print what it took."""
    out = Measured()
    {"ours_publish": ours_publish, "limit_copy": limit_copy}[name](json.loads(spec), out)
    print(json.dumps(asdict(out)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
