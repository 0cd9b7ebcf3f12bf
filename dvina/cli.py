"""The command line: thin, it calls the rooms and prints what they say.

Exit codes: 0 done, 1 the data failed, 2 wrong use, 3 the environment failed.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from dvina.settings import settings
from ingest.contract import dataset_names, load_contract
from ingest.errors import (
    ContractError,
    CountsDisagree,
    IngestError,
    SourceMissing,
    SourceRefused,
)
from warehouse import lock, side
from warehouse import publish as published
from warehouse.errors import UnknownLoad, WarehouseError

app = typer.Typer(
    help="Customs, procurement and loans between two countries, per industrial sector.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
quarantine = typer.Typer(help="Rows that were refused, with their reasons.", no_args_is_help=True)
app.add_typer(quarantine, name="quarantine")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the ledger.")]
out = Console()
err = Console(stderr=True)

DATA_FAILED, WRONG_USE, ENVIRONMENT_FAILED = 1, 2, 3
_MARKS = {"accepted": "[green]accepted[/]", "rejected": "[red]rejected[/]"}


@app.command("ingest")
def ingest_command(
    dataset: Annotated[str, typer.Argument(help="A dataset, as 'dvina datasets' lists them.")],
    source: Annotated[
        list[str] | None, typer.Option("--from", help="A file or an address; repeatable.")
    ] = None,
    period: Annotated[
        str, typer.Option(help="Ask the publisher: 2018:2022, 2020-01:2020-12 or 2020.")
    ] = "",
    reporter: Annotated[str, typer.Option(help="ISO alpha-3, several by comma.")] = "BLR,RUS",
    partner: Annotated[str, typer.Option(help="ISO alpha-3, several by comma; else all.")] = "",
    commodity: Annotated[str, typer.Option(help="AG2, AG4, AG6, TOTAL or codes.")] = "AG6",
    flow: Annotated[str, typer.Option(help="X, M, RX, RM; else all.")] = "",
    force: Annotated[bool, typer.Option(help="Ask for what was not released anew, too.")] = False,
    as_json: Json = False,
) -> None:
    """Bring files in, or a range of periods that is fetched: land, judge, commit what passed."""
    load_contract(dataset)
    if period and source:
        raise SourceMissing("Give either --from or --period, not both.")
    if period:
        lists = (tuple(filter(None, text.split(","))) for text in (partner, commodity, flow))
        _ingest_periods(dataset, period, reporter.split(","), *lists, force=force, as_json=as_json)
    else:
        _ingest_files(dataset, source, as_json)


def _ingest_files(dataset: str, source: list[str] | None, as_json: bool) -> None:
    from dvina import pipeline

    files = source or [str(path) for path in pipeline.source_files(settings(), dataset)]
    if not files:
        raise SourceMissing(
            f"{dataset}: no files in {settings().inbox / dataset}. Give one with --from, or a "
            "range of periods with --period where the publisher can be asked."
        )
    outcomes = []
    for number, file in enumerate(files, 1):
        title = f"{dataset}: {Path(file).name} ({number} of {len(files)})"
        with err.status(title) as status:
            outcome = pipeline.ingest(
                settings(),
                dataset,
                file,
                progress=lambda done, total, shown=title, line=status: line.update(  # type: ignore[misc]
                    f"{shown}: {done / 1e6:.1f}{f' of {total / 1e6:.1f}' if total else ''} MB"
                ),
            )
        if not as_json:
            _print_outcome(outcome)
        outcomes.append(outcome)
    if as_json:
        _print_json([vars(outcome) for outcome in outcomes])
    if any(outcome.state == "rejected" for outcome in outcomes):
        raise typer.Exit(DATA_FAILED)


def _ingest_periods(
    dataset: str,
    period: str,
    reporters: list[str],
    partners: tuple[str, ...],
    commodities: tuple[str, ...],
    flows: tuple[str, ...],
    *,
    force: bool,
    as_json: bool,
) -> None:
    from dvina.backfill import SliceOutcome, backfill

    def told(done: SliceOutcome) -> None:
        if not as_json:
            mark = _MARKS.get(done.state, done.state)
            out.print(
                f"{dataset} {done.reporter} {done.period} {done.commodities}: {mark}, "
                f"{done.rows} rows. {done.message}",
                highlight=False,
                soft_wrap=True,
            )

    with err.status(f"{dataset}: {period}"):
        outcomes = backfill(
            settings(), dataset, period, reporters, partners=partners, commodities=commodities,
            flows=flows, force=force, progress=told,
        )  # fmt: skip
    if as_json:
        _print_json([vars(outcome) for outcome in outcomes])
    if any(outcome.state == "rejected" for outcome in outcomes):
        raise typer.Exit(DATA_FAILED)


@app.command()
def datasets(as_json: Json = False) -> None:
    """List the datasets that have a contract."""
    entries = [_dataset(name) for name in dataset_names()]
    _print_rows(entries, as_json, "datasets")


@app.command()
def status(as_json: Json = False) -> None:
    """Say what is accepted, built and published; never waits for the lock."""
    home = settings().home
    version = published.current(home)
    loads = side.loads(home)
    facts = {
        "home": str(home),
        "loads": len(loads),
        "rejected": sum(load["decisions"][-1]["decision"] == "rejected" for load in loads),
        "last_decision": side.status(home).get("last_decision", 0),
        "last_build": side.status(home).get("last_build"),
        "published": version.version_id if version else None,
        "lock": lock.state(home),
    }
    if as_json:
        _print_json(facts)
        return
    for name, fact in facts.items():
        out.print(f"{name:14} {fact}", highlight=False)


@app.command()
def loads(
    dataset: Annotated[str | None, typer.Argument(help="Only this dataset.")] = None,
    as_json: Json = False,
) -> None:
    """List loads with their counts and decisions; never waits for the lock."""
    entries = side.loads(settings().home, dataset)
    if as_json:
        _print_json(entries)
        return
    for load in entries:
        last = load["decisions"][-1]
        out.print(
            f"{load['load_id']} {load['dataset']} {load['origin']}: {last['decision']}, "
            f"{load['slices_in_force']} of {load['slices']} slices in force. {_equation(load)}",
            highlight=False,
            soft_wrap=True,
        )
        if last["decision"] != "accepted":
            out.print(f"  {last['reason']}", highlight=False, soft_wrap=True)
    if not entries:
        out.print("no loads")


@app.command()
def accept(load: str, reason: Reason, as_json: Json = False) -> None:
    """Put a rejected, withdrawn or superseded load in force; who and why are kept."""
    _ask("accept", load, reason, as_json)


@app.command()
def withdraw(load: str, reason: Reason, as_json: Json = False) -> None:
    """Take an accepted load out of sight."""
    _ask("withdraw", load, reason, as_json)


@quarantine.command("list")
def quarantine_list(dataset: str | None = None, as_json: Json = False) -> None:
    """Count refused rows by dataset, load, rule and column."""
    from warehouse.quarantine import counts

    _print_rows(counts(settings().home, dataset), as_json, "quarantined rows")


@quarantine.command("show")
def quarantine_show(
    load: str,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: Json = False,
) -> None:
    """Show refused rows of a load as they came."""
    from warehouse.quarantine import rows

    _print_rows(rows(settings().home, load, limit), as_json, f"rows of {load}")


@quarantine.command("replay")
def quarantine_replay(dataset: str, as_json: Json = False) -> None:
    """Drive the refused rows of loads in force again, after the contract or a lookup was mended."""
    from dvina.replay import replay

    answers = replay(settings(), dataset)
    if as_json:
        _print_json([vars(answer) for answer in answers])
        return
    for answer in answers:
        out.print(
            f"{answer.origin_load_id}: {answer.driven} rows driven again = {answer.passed} passed "
            f"+ {answer.left} still refused",
            highlight=False,
            soft_wrap=True,
        )
        if answer.outcome:
            _print_outcome(answer.outcome)
    if not any(answer.driven for answer in answers):
        out.print(f"{dataset}: no refused rows to replay")


@app.command()
def backup(target: Path) -> None:
    """Copy everything but the archive into a new directory under TARGET."""
    from warehouse.backup import backup as copy
    from warehouse.lock import writer_lock

    with writer_lock(settings().home, settings().lock_wait_s):
        out.print(f"backed up to {copy(settings().home, target)}", soft_wrap=True)


@app.command()
def restore(source: Path) -> None:
    """Bring a backup back into an empty DVINA_HOME."""
    from warehouse.backup import restore as bring_back
    from warehouse.lock import writer_lock

    with writer_lock(settings().home, settings().lock_wait_s):
        bring_back(source, settings().home)
    out.print(f"restored into {settings().home}. Next: dvina status", soft_wrap=True)


@app.command()
def rebuild() -> None:
    """Make a lost warehouse file anew from the landing and its journal."""
    from warehouse.backup import rebuild as remake
    from warehouse.lock import writer_lock

    with writer_lock(settings().home, settings().lock_wait_s):
        count = remake(settings().home, load_contract)
    out.print(f"rebuilt from {count} events. Next: dvina build")


@app.command()
def build(
    force: Annotated[bool, typer.Option(help="Build although nothing changed.")] = False,
    as_json: Json = False,
) -> None:
    """Build the marts from what is accepted, and publish them when they pass."""
    from dvina.build import build_and_publish

    with err.status("building"):
        outcome = build_and_publish(settings(), force=force)
    _print_build(vars(outcome), as_json)


@app.command()
def publish(
    rollback: Annotated[bool, typer.Option(help="Go back to the version before.")] = False,
    as_json: Json = False,
) -> None:
    """Publish the marts as they were built last, or go back to the version before."""
    from dvina.build import publish_built
    from warehouse.lock import writer_lock

    if rollback:
        with writer_lock(settings().home, settings().lock_wait_s):
            version = published.roll_back(settings().home)
        facts: dict[str, Any] = {"state": "rolled back", "version_id": version.version_id}
    else:
        with err.status("publishing"):
            facts = vars(publish_built(settings()))
    _print_build(facts, as_json)


@app.command()
def forget(dataset: str) -> None:
    """Remove all archived bytes of a dataset."""
    from ingest.archive import forget as forget_bytes

    contract = load_contract(dataset)
    places = ("archive", "fetching")
    removed = [forget_bytes(settings().home / place, contract.dataset) for place in places]
    told = "archived bytes removed" if any(removed) else "nothing was archived"
    out.print(f"{dataset}: {told}")


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look the installation over; exit code 3 when something is wrong."""
    from dvina.doctor import examine

    findings = examine(settings())
    if as_json:
        _print_json([vars(finding) for finding in findings])
    else:
        for finding in findings:
            mark = "[green]well[/]" if finding.well else "[red]ill [/]"
            out.print(f"{mark} {finding.subject}: {finding.seen}", highlight=False, soft_wrap=True)
    if not all(finding.well for finding in findings):
        raise typer.Exit(ENVIRONMENT_FAILED)


@app.command()
def demo() -> None:
    """Run the real DAGs over the shipped samples and show what the marts say."""
    from dvina.demo import run_demo

    if not run_demo(settings(), out):
        raise typer.Exit(DATA_FAILED)


def main() -> None:
    """Entry point: runs the command and turns errors into messages and exit codes."""
    sys.exit(_guarded(app))


def _guarded(command: Callable[..., Any]) -> int:
    try:
        answer = command(standalone_mode=False)
    except typer.Exit as stop:
        return int(stop.exit_code)
    except (ContractError, SourceMissing, UnknownLoad) as error:
        return _fail(error, WRONG_USE)
    except (SourceRefused, CountsDisagree) as error:
        return _fail(error, DATA_FAILED)
    except (IngestError, WarehouseError, OSError) as error:
        return _fail(error, ENVIRONMENT_FAILED)
    except ValueError as error:  # settings that do not validate
        return _fail(error, WRONG_USE)
    except typer.Abort:
        return WRONG_USE
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # click's usage errors
            return _fail(Exception(error.format_message()), WRONG_USE)
        raise
    return answer if isinstance(answer, int) else 0


def _fail(error: Exception, code: int) -> int:
    err.print(f"[red]error:[/] {error}", highlight=False, soft_wrap=True)
    return code


def _ask(wish: str, load: str, reason: str, as_json: bool) -> None:
    from dvina import pipeline

    answer = pipeline.request(settings(), wish, load, reason)
    if as_json:
        _print_json(answer or {"done": False, "queued": True})
    elif answer is None:
        out.print(f"asked to {wish} {load}; whoever holds the lock will do it")
    else:
        out.print(f"{load}: {answer['decision']}, {answer['slices']} slices. Next: dvina build")


def _dataset(name: str) -> dict[str, object]:
    contract = load_contract(name)
    return {
        "dataset": name,
        "publisher": contract.publisher.name,
        "grain": contract.grain,
        "revision": contract.revision.kind,
    }


def _equation(load: dict[str, Any]) -> str:
    return (
        f"{load['rows_read']} read = {load['rows_landed']} landed + "
        f"{load['rows_quarantined']} quarantined + {load['rows_duplicate']} duplicates"
    )


def _print_outcome(outcome: Any) -> None:
    mark = _MARKS.get(outcome.state, outcome.state)
    out.print(
        f"{outcome.dataset} {outcome.origin}: {mark}. {outcome.counts}",
        highlight=False,
        soft_wrap=True,
    )
    if outcome.state != "accepted":
        out.print(f"  {outcome.message}", highlight=False, soft_wrap=True)
    elif outcome.rows_quarantined:
        out.print(f"  see them: dvina quarantine show {outcome.load_id}", highlight=False)
    for change in outcome.drift:
        out.print(f"  warning: {change}", highlight=False)


def _print_build(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(facts)
    else:
        out.print(
            f"{facts['state']}: {facts.get('message') or facts['version_id']}", soft_wrap=True
        )
    if facts["state"] == "failed":
        raise typer.Exit(DATA_FAILED)


def _print_rows(entries: list[dict[str, Any]], as_json: bool, title: str) -> None:
    if as_json:
        _print_json(entries)
    elif not entries:
        out.print(f"no {title}")
    else:
        table = Table(title=title, title_justify="left")
        for name in entries[0]:
            table.add_column(name, overflow="fold")
        for entry in entries:
            table.add_row(*(str(value) for value in entry.values()))
        out.print(table)


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=1, default=str, ensure_ascii=False) + "\n")
