"""Builds the lineage of some figures aside: slices from the landing, then the models over them.

What was laid once for a published version and some years is used again for the next question.
Of trade only the years asked for are laid, which is all that its models divide by; who a supplier
is, and what a loan was before, follows from all of procurement and all loans.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from dvina.models import run_models, variables
from dvina.settings import Settings
from ingest.contract import dataset_names, load_contract
from warehouse import publish
from warehouse.builds import year_of
from warehouse.database import FILE
from warehouse.errors import NotPublished
from warehouse.lock import writer_lock
from warehouse.publish import Version
from warehouse.replica import lay_replica

PLACE = "explain"  # beside the warehouse: may be deleted at any time
_KEPT = 3
_RATES = "reference_rates_"
# What a family of figures is made of. Streams feed the declarations alone; a year of trade stands
# for itself.
FAMILIES: dict[str, tuple[str, ...]] = {
    "trade": ("customs_", _RATES),
    "procurement": ("procurement_", "reference_"),
    "loans": ("loans_", _RATES),
    "cooperation": ("customs_", "procurement_", "loans_", "reference_"),
    "declarations": ("customs_declarations",),
}
_BY_YEAR = ("trade", "cooperation")
_STREAMED = ("declarations",)
_FAMILY_OF = {
    "mart_sector_trade": "trade",
    "mart_trade_mirror": "trade",
    "mart_sector_procurement": "procurement",
    "mart_supplier_participation": "procurement",
    "mart_declared_trade": "declarations",
    "mart_sector_loans": "loans",
    "fct_loan_flows": "loans",
    "mart_sector_cooperation": "cooperation",
}


def lineage_of(settings: Settings, mart: str, version: Version, years: Sequence[str]) -> Path:
    """A DuckDB file with the lineage of a mart's figures of some years.

    Raises NotPublished, LandingDamaged; LockTimeout while another question is being prepared.
    """
    family = _FAMILY_OF[mart]
    place = settings.home / PLACE
    told = variables(settings)
    by_year = sorted(years) if family in _BY_YEAR else []
    name = json.dumps([version.version_id, family, by_year, told])
    folder = place / hashlib.sha256(name.encode()).hexdigest()[:16]
    with writer_lock(place, settings.lock_wait_s):
        if not folder.is_dir():
            _lay(settings, version, family, _keep(family, years), folder)
        folder.touch()
        _forget_old(place)
    return folder / FILE


def published(settings: Settings) -> Version:
    """The version that readers see; raises NotPublished before the first."""
    version = publish.current(settings.home)
    if version is None:
        raise NotPublished("Nothing is published yet. Run 'dvina build' first.")
    return version


def _keep(family: str, years: Sequence[str]) -> Callable[[str, str], bool]:
    wanted = {int(year) for year in years if year.isdigit()}

    def keep(dataset: str, slice_text: str) -> bool:
        is_streamed = load_contract(dataset).stream is not None
        if not dataset.startswith(FAMILIES[family]) or is_streamed != (family in _STREAMED):
            return False
        by_year = family in _BY_YEAR and dataset.startswith("customs_")
        year = year_of(slice_text) if by_year else None
        return year is None or year in wanted

    return keep


def _lay(
    settings: Settings,
    version: Version,
    family: str,
    keep: Callable[[str, str], bool],
    folder: Path,
) -> None:
    aside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    contracts = [load_contract(name) for name in dataset_names()]
    lay_replica(settings.home, version, contracts, keep, aside)
    failure = run_models(
        aside / FILE,
        settings.home / PLACE / "dbt",
        ["build", "--select", f"+tag:explains_{family}", "--exclude-resource-type", "test",
         "--exclude-resource-type", "unit_test", "--full-refresh"],
        {**variables(settings), "explain": True},
    ).failure  # fmt: skip
    if failure is not None:
        shutil.rmtree(aside, ignore_errors=True)
        raise NotPublished(f"The lineage could not be built: {failure}")
    aside.rename(folder)


def _forget_old(place: Path) -> None:
    folders = [f for f in place.glob("[!.]*") if (f / FILE).is_file()]
    for folder in sorted(folders, key=lambda f: f.stat().st_mtime)[:-_KEPT]:
        with suppress(OSError):
            shutil.rmtree(folder)
