"""The command line: thin, it calls the rooms and prints what they say.

Exit codes: 0 done, 1 the data failed, 2 wrong use, 3 the environment failed.
"""

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from dvina.alerts_cli import alerts
from dvina.explain_cli import explain
from dvina.printing import (
    DATA_FAILED,
    ENVIRONMENT_FAILED,
    WRONG_USE,
    equation,
    err,
    out,
    print_build,
    print_json,
    print_outcome,
    print_rows,
)
from dvina.settings import settings
from dvina.streaming.commands import STREAM_COMMANDS
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
app.add_typer(alerts, name="alerts")
for name, command in STREAM_COMMANDS.items():
    app.command(name)(command)

app.command("explain", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    explain
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the ledger.")]


@app.command("ingest")
def ingest_command(
    dataset: Annotated[str, typer.Argument(help="A dataset, as 'dvina datasets' lists them.")],
    source: Annotated[
        list[str] | None, typer.Option("--from", help="A file or an address; repeatable.")
    ] = None,
    period: Annotated[
        str, typer.Option(help="Ask the publisher: 2018:2022, 2020-01:2020-12 or 2020.")
    ] = "",
    reporter: Annotated[
        str, typer.Option("--reporter", "--borrower", help="ISO alpha-3, several by comma.")
    ] = "BLR,RUS",
    partner: Annotated[
        str,
        typer.Option("--partner", "--lender", help="ISO alpha-3, several by comma; else all."),
    ] = "",
    commodity: Annotated[
        str,
        typer.Option("--commodity", "--series", help="AG2, AG4, AG6, TOTAL or codes."),
    ] = "AG6",
    flow: Annotated[str, typer.Option(help="X, M, RX, RM; else all.")] = "",
    force: Annotated[bool, typer.Option(help="Ask for what was not released anew, too.")] = False,
    as_json: Json = False,
) -> None:
    """Bring files in, or a range of periods that is fetched: land, judge, commit what passed."""
    from dvina.ingesting import ingest_files, ingest_periods

    load_contract(dataset)
    if period and source:
        raise SourceMissing("Give either --from or --period, not both.")
    if period:
        lists = (tuple(filter(None, text.split(","))) for text in (partner, commodity, flow))
        ingest_periods(dataset, period, reporter.split(","), *lists, force=force, as_json=as_json)
    else:
        ingest_files(dataset, source, as_json)


@app.command()
def datasets(as_json: Json = False) -> None:
    """List the datasets that have a contract."""
    entries = [_dataset(name) for name in dataset_names()]
    print_rows(entries, as_json, "datasets")


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
        print_json(facts)
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
        print_json(entries)
        return
    for load in entries:
        last = load["decisions"][-1]
        out.print(
            f"{load['load_id']} {load['dataset']} {load['origin']}: {last['decision']}, "
            f"{load['slices_in_force']} of {load['slices']} slices in force. {equation(load)}",
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

    print_rows(counts(settings().home, dataset), as_json, "quarantined rows")


@quarantine.command("show")
def quarantine_show(
    load: str,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: Json = False,
) -> None:
    """Show refused rows of a load as they came."""
    from warehouse.quarantine import rows

    print_rows(rows(settings().home, load, limit), as_json, f"rows of {load}")


@quarantine.command("replay")
def quarantine_replay(dataset: str, as_json: Json = False) -> None:
    """Drive the refused rows of loads in force again, after the contract or a lookup was mended."""
    from dvina.replay import replay

    answers = replay(settings(), dataset)
    if as_json:
        print_json([vars(answer) for answer in answers])
        return
    for answer in answers:
        out.print(
            f"{answer.origin_load_id}: {answer.driven} rows driven again = {answer.passed} passed "
            f"+ {answer.left} still refused",
            highlight=False,
            soft_wrap=True,
        )
        if answer.outcome:
            print_outcome(answer.outcome)
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
    as_known: Annotated[
        str, typer.Option(help="A day, a moment or a decision: as was known then, into --target.")
    ] = "",
    target: Annotated[Path | None, typer.Option(help="A new file, for --as-known.")] = None,
    as_json: Json = False,
) -> None:
    """Build the marts from what is accepted, and publish them when they pass."""
    if bool(as_known) != bool(target):
        raise SourceMissing("--as-known and --target belong together.")
    with err.status("building"):
        if target is not None:
            from dvina.as_known import build_as_known

            facts = asdict(build_as_known(settings(), as_known, target))
        else:
            from dvina.build import build_and_publish

            facts = asdict(build_and_publish(settings(), force=force))
    print_build(facts, as_json)


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
            facts = asdict(publish_built(settings()))
    print_build(facts, as_json)


@app.command()
def export(target: Path, as_json: Json = False) -> None:
    """Copy the published marts into a new directory, without what may not be passed on."""
    from warehouse.export import export as copy

    version = published.current(settings().home)
    if version is None:
        raise SourceMissing("Nothing is published yet. Run 'dvina build' first.")
    print_rows([vars(mart) for mart in copy(version, target)], as_json, f"exported to {target}")


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
        print_json([vars(finding) for finding in findings])
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
        print_json(answer or {"done": False, "queued": True})
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
