"""The command ``dvina explain``: reads the options of a mart's grain and prints the answer."""

import json
from typing import Annotated, Any

import typer

from dvina.printing import DATA_FAILED, out, print_json
from dvina.settings import settings


def explain(
    context: typer.Context,
    mart: Annotated[str, typer.Argument(help="A mart, such as mart_sector_trade.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many rows are listed.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Show where a figure comes from: loads, landed rows, file, hash and place.

    The mart's grain gives further options: --sector automotive --period 2021-03 --reporter BLR.
    What the rows add up to is held against what is published; exit code 1 where they differ.
    """
    from dvina.explain.answer import explain as answer
    from dvina.explain.cells import mart_named, read_options

    named = mart_named(mart)
    told = answer(settings(), named, read_options(named, context.args), limit)
    if as_json:
        print_json(told)
    else:
        _print(told)
    if any(measure["cells_that_differ"] for measure in told.get("proof", ())):
        raise typer.Exit(DATA_FAILED)


def _print(told: dict[str, Any]) -> None:
    _line(f"{told['mart']}, version {told['version_id']}: {told['cell_count']} cells")
    for note in told["notes"]:
        _line(f"  note: {note}")
    for cell in told["cells"]:
        _line(f"  {_pairs(cell)}")
    if "not_additive" in told:
        _line(told["not_additive"])
        for inputs in told["inputs"]:
            _line("")
            _print(inputs)
        return
    _line("Do the rows add up?")
    for measure in told["proof"]:
        _line(f"  {_verdict(measure)}")
    _line(f"Loads: {len(told['loads'])}")
    for load in told["loads"]:
        file = f", sha256 {load['source_sha256']}" if load["source_sha256"] else ""
        _line(
            f"  {load['dataset']} {load['load_id']}: {load['rows_behind']} rows of "
            f"{load['origin']}{file}, accepted {load['accepted_at']}"
        )
    _line(f"Rows: {told['row_count']}, listed {len(told['rows'])}")
    for row in told["rows"]:
        _line(f"  {row['dataset']} {row['load_id']} {row['place']}: {_pairs(row['values'])}")
        for contribution in row["contributions"]:
            _line(f"    {_pairs(contribution)}")
    for line in told["without_a_row"]:
        _line(f"  without a row: {_pairs(line)}")
    refused = told["refused"]
    _line(f"Refused rows of these loads, of whatever slice: {refused['count']}")
    for row in refused["rows"]:
        _line(
            f"  {row['dataset']} {row['load_id']} record {row['row']}: rule {row['rule']}, column "
            f"{row['column']}, value {row['value']!r}"
        )


def _verdict(measure: dict[str, Any]) -> str:
    name, differ = measure["measure"], measure["cells_that_differ"]
    if differ:
        return (
            f"{name}: NO, in {differ} cells. Published {measure['published']}, rows "
            f"{measure['from_rows']}. Run 'dvina build', and tell who keeps the models if it stays."
        )
    if measure["published"] is None:
        return f"{name}: not known, and no row tells it"
    return f"{name}: yes, {measure['from_rows']}"


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{k} {_short(v)}" for k, v in values.items() if v is not None)


def _short(value: object) -> str:
    text = (
        json.dumps(value, default=str, ensure_ascii=False)
        if isinstance(value, (dict, list))
        else str(value)
    )
    return text if len(text) <= 120 else f"{text[:117]}..."


def _line(text: str) -> None:
    out.print(text, highlight=False, markup=False, soft_wrap=True)
