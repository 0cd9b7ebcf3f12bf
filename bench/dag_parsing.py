"""How long each DAG file takes to parse, after Airflow's own import.

``python -m bench.dag_parsing NAME SPEC`` parses one file in a process of its own, as Airflow's DAG
processor forks one from a process that has imported Airflow.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.harness import BENCH, Work, in_turns
from bench.variants import Measured, _measure

if TYPE_CHECKING:
    from bench.rows import Plan, Result

GOAL_S = 0.5
_FOLDER = BENCH.parent / "dags"
_COMMAND = (sys.executable, "-m", "bench.dag_parsing")


def dag_parse(plan: "Plan") -> "Iterator[Result]":
    """Every DAG file; each must parse within the goal."""
    from bench.rows import Result

    for path in sorted(_FOLDER.glob("[!_]*.py")):
        (ours,) = in_turns(min(plan.repetitions, 3), Work("parse", {"file": str(path)}, _COMMAND))
        seconds, least, most = ours.seconds()
        facts = ours.samples[0].facts
        yield Result(
            row=f"dag_parse {path.stem}",
            size=f"{facts['tasks']} tasks",
            ours_s=seconds,
            goal=f"<= {GOAL_S} s",
            met=seconds <= GOAL_S,
            peak_mb=ours.peak_mb,
            ours_spread=(least, most),
            ours_cpu_s=ours.cpu,
            import_s=ours.import_s,
            repetitions=len(ours.samples),
            note=f"after Airflow's import, {ours.import_s:.1f} s",
        )


def parse(spec: dict[str, Any], out: Measured) -> None:
    """Parse one file as Airflow does, its serialisation left out."""
    logging.disable(logging.CRITICAL)
    home = Path(spec["home"])
    home.mkdir(parents=True)
    os.environ["AIRFLOW_HOME"] = str(home)
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    begun = time.perf_counter()
    import airflow.sdk  # noqa: F401
    from airflow.dag_processing.dagbag import DagBag

    empty = home / "empty"
    empty.mkdir()
    DagBag(empty)  # what Airflow imports of its own at the first bag
    out.import_s = time.perf_counter() - begun
    with _measure(out):
        bag = DagBag(spec["file"])
    assert not bag.import_errors, bag.import_errors
    (dag,) = bag.dags.values()
    out.facts["tasks"] = len(dag.tasks)


def main(name: str, spec: str) -> None:
    """Run it and print what it took."""
    out = Measured()
    {"parse": parse}[name](json.loads(spec), out)
    print(json.dumps(asdict(out)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
