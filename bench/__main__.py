"""``python -m bench [--quick] [--only ROW]``: measure, print a table, keep the results."""

import argparse
import sys
import time

from bench.harness import DATA, BenchError, fresh
from bench.report import save, surroundings, table
from bench.rows import FULL, QUICK, ROWS, Result


def main() -> int:
    """Run the rows asked for; 1 when a row could not be measured or misses its goal."""
    arguments = _arguments()
    plan = QUICK if arguments.quick else FULL
    chosen = arguments.only or list(ROWS)
    around = surroundings(" ".join(["python -m bench", *sys.argv[1:]]))
    begun = time.monotonic()
    results: list[Result] = []
    broken = False
    for name in chosen:
        try:
            for result in ROWS[name](plan):
                results.append(result)
                print(f"{result.row}: done", file=sys.stderr, flush=True)
        except BenchError as error:
            broken = True
            results.append(Result(name, "-", 0.0, note="could not be measured"))
            print(f"{name}: {error}", file=sys.stderr, flush=True)
    print(table(results))
    if not arguments.dry:
        save(results, around, (time.monotonic() - begun) / 60)
    fresh(DATA / "homes")
    return int(broken or any(result.met is False for result in results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, under 5 minutes")
    parser.add_argument("--only", action="append", choices=list(ROWS), metavar="ROW")
    parser.add_argument("--dry", action="store_true", help="print the table, keep nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
