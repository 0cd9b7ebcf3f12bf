"""What a build has to bring up to date: of which models, and of those which partitions.

A model is built again when a dataset above it in dbt's graph changed. Models that declare a
``partition`` in their ``meta`` then only do those that the changed slices reach:

- trade by periods where a month of a year stands for itself, else by years, which customs and
  exchange rates name (``macros/touched.sql``);
- loans by pairs of lender and borrower, statements by month (``macros/touched_loans.sql``).

All others are made anew from tables that are kept up, or are small.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ingest.contract import load_contract
from warehouse.builds import touched_years

RATES = "reference_rates_"
TRADE_INPUTS = ("customs_", RATES)
STATEMENTS = "loans_worldbank_statements"
# Datasets of loans whose slices are one lender and one borrower, and those that rates reach too.
PAIRS = ("loans_ids_flows", "loans_register")
CONVERTED = ("loans_register", "loans_iati_activities")


@dataclass(frozen=True)
class Reach:
    """Datasets that changed, and partitions of trade and of loans that this reaches."""

    datasets: tuple[str, ...]
    years: tuple[int, ...]
    periods: tuple[str, ...] = ()
    whole_years: tuple[int, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    months: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()

    def told(self) -> str:
        """The partitions as the models read them."""
        return json.dumps({k: v for k, v in asdict(self).items() if k != "datasets"})

    def written(self, models: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[int, ...] | None]:
        """The years that may have changed in tables that dbt made, by their ``meta``; None: all."""
        told: dict[str, tuple[int, ...] | None] = {}
        for name, meta in models.items():
            later = range(int(meta.get("touched_later", 0)) + 1)
            by_year = meta.get("touched_by") == "period"
            told[name] = tuple(y + k for y in self.years for k in later) if by_year else None
        return told

    def selection(self) -> list[str]:
        """dbt's names for the models that read the datasets, and all that read those."""
        return [f"source:accepted.{dataset}+" for dataset in self.datasets]


def reached_by(changed: Mapping[str, Iterable[str]] | None) -> Reach | None:
    """What slices that changed, by dataset, can reach; None where all is to be made anew.

    That is so without a build to bring up to date, and where a slice of trade names no year.
    """
    if changed is None:
        return None
    trade = [text for name in changed if _is_trade(name) for text in changed[name]]
    years = touched_years(trade)
    if years is None:
        return None
    periods = {period for period in map(_period_of, trade) if period}
    whole_years = touched_years(text for text in trade if not _period_of(text))
    pairs = {
        (str(told["lender_code"]), str(told["borrower_code"]))
        for name in PAIRS
        for told in map(json.loads, changed.get(name, ()))
    }
    statements = map(json.loads, changed.get(STATEMENTS, ()))
    months = {str(told["as_of_date"])[:7] for told in statements}
    whole = {name for name in CONVERTED if any(map(_is_of_rates, changed))}
    whole |= {name for name in changed if name.startswith("loans_") and name not in PAIRS}
    return Reach(
        tuple(sorted(changed)),
        years,
        tuple(sorted(periods)),
        whole_years or (),
        tuple(sorted(pairs)),
        tuple(sorted(months)),
        tuple(sorted(whole - {STATEMENTS})),
    )


def _period_of(slice_text: str) -> str | None:
    """The period that a slice is of; None where it only has a date or a year, as rates do."""
    period = json.loads(slice_text).get("period")
    return str(period) if period else None


def _is_of_rates(dataset: str) -> bool:
    return dataset.startswith(RATES)


def _is_trade(dataset: str) -> bool:
    return dataset.startswith(TRADE_INPUTS) and load_contract(dataset).stream is None
