"""What ``dvina ingest`` does: files one after the other, or a range of periods."""

from pathlib import Path

import typer

from dvina.advice import advice
from dvina.inbox import source_files
from dvina.printing import DATA_FAILED, MARKS, err, out, print_json, print_outcome
from dvina.settings import settings
from ingest.contract import load_contract
from ingest.errors import SourceMissing


def ingest_files(dataset: str, source: list[str] | None, as_json: bool) -> None:
    """Bring in files or addresses, or what waits in the inbox; raises typer.Exit when one fails."""
    from dvina import pipeline

    files = source or [str(path) for path in source_files(settings(), dataset)]
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
            print_outcome(outcome)
            folder = settings().home / "landing" / dataset / outcome.load_id
            for sentence in advice(load_contract(dataset), folder, outcome.origin):
                out.print(f"  {sentence}", highlight=False, soft_wrap=True, markup=False)
        outcomes.append(outcome)
    if as_json:
        print_json([vars(outcome) for outcome in outcomes])
    if any(outcome.state == "rejected" for outcome in outcomes):
        raise typer.Exit(DATA_FAILED)


def ingest_periods(
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
    """Ask the publisher for every period of a range; raises typer.Exit when one is rejected."""
    from dvina import debt
    from dvina.backfill import backfill
    from dvina.slices import SliceOutcome

    def told(done: SliceOutcome) -> None:
        if not as_json:
            mark = MARKS.get(done.state, done.state)
            out.print(
                f"{dataset} {done.reporter} {done.period} {done.commodities}: {mark}, "
                f"{done.rows} rows. {done.message}",
                highlight=False,
                soft_wrap=True,
            )

    with err.status(f"{dataset}: {period}"):
        if debt.KIND in load_contract(dataset).format.kinds:
            asked = () if commodities == ("AG6",) else commodities
            outcomes = debt.fetch_debt(
                settings(), dataset, period, reporters, lenders=partners, series=asked,
                progress=told,
            )  # fmt: skip
        else:
            outcomes = backfill(
                settings(), dataset, period, reporters, partners=partners,
                commodities=commodities, flows=flows, force=force, progress=told,
            )  # fmt: skip
    if as_json:
        print_json([vars(outcome) for outcome in outcomes])
    if any(outcome.state == "rejected" for outcome in outcomes):
        raise typer.Exit(DATA_FAILED)
