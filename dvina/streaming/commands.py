"""The commands of streams: ``stream``, ``compact``, ``watch``, ``simulate``, ``demo-stream``."""

import signal
import threading
from collections.abc import Callable
from typing import Annotated, Any

import typer

from dvina.printing import DATA_FAILED, ENVIRONMENT_FAILED, err, out, print_outcome
from dvina.settings import settings
from ingest.contract import dataset_names, load_contract


def stream(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="Datasets with a topic; by default all.")
    ] = None,
    drain: Annotated[
        float | None, typer.Option(help="Stop when all is read, or after so many seconds.")
    ] = None,
    new_epoch: Annotated[
        str, typer.Option(help="Begin a new epoch of this topic, which was made anew.")
    ] = "",
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger.")] = "",
) -> None:
    """Read topics and commit their messages in micro-batches, until SIGTERM."""
    from dvina.streaming.epochs import begin_epoch
    from dvina.streaming.service import serve

    if new_epoch:
        for line in begin_epoch(settings(), new_epoch, reason):
            out.print(line, highlight=False, soft_wrap=True)
        return
    amiss = serve(settings(), datasets or (), drain)
    for line in amiss:
        err.print(f"[red]error:[/] {line}", highlight=False, soft_wrap=True)
    if amiss:
        raise typer.Exit(ENVIRONMENT_FAILED)


def watch(
    datasets: Annotated[list[str] | None, typer.Argument(help="Datasets; by default all.")] = None,
    still: Annotated[float, typer.Option(help="Seconds a file must not have changed.")] = 2,
) -> None:
    """Bring in files as they appear in the inbox, until SIGTERM."""
    from dvina.streaming.folders import watch as look_on

    stops = _until_a_signal()
    chosen = [load_contract(name).dataset for name in datasets or dataset_names()]
    look_on(settings(), chosen, print_outcome, stops, still)


def simulate(
    rate: Annotated[float, typer.Option(min=0.1, help="Messages a second.")] = 100,
    seconds: Annotated[float | None, typer.Option(help="Stop after so long.")] = None,
    seed: Annotated[int, typer.Option(help="Decides what is made up.")] = 1,
) -> None:
    """Send made-up declarations, marked as such, until SIGTERM."""
    from dvina.streaming.simulator import simulate as send

    stops = _until_a_signal()
    taken = send(settings().brokers, rate, seconds, seed, stops)
    out.print(f"{taken} messages sent, all of them made up")


def demo_stream() -> None:
    """Start a broker, the simulator and the stream, show a mart changing, stop them."""
    from dvina.streaming.demo import run_demo

    if not run_demo(settings(), out):
        raise typer.Exit(DATA_FAILED)


def compact(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="Datasets with a topic; by default all.")
    ] = None,
) -> None:
    """Merge the micro-batches of hours that are over into one load each."""
    from dvina.streaming.compacting import compact as merge
    from dvina.streaming.service import streamable

    for dataset in streamable(datasets or ()):
        before, after = merge(settings(), dataset)
        told = f"{before} micro-batches became {after} loads" if before else "nothing to merge"
        out.print(f"{dataset}: {told}")


def _until_a_signal() -> Callable[[], bool]:
    """True from SIGTERM or SIGINT on."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    return stop.is_set


STREAM_COMMANDS: dict[str, Callable[..., Any]] = {
    "stream": stream,
    "compact": compact,
    "watch": watch,
    "simulate": simulate,
    "demo-stream": demo_stream,
}
