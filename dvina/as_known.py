"""Builds every mart as it would have been on an earlier day, into a file of its own.

The warehouse is copied under the lock, which takes as long as copying a file; everything else
happens in the copy, whose ledger is cut off at that day. The warehouse and what is published stay
as they are. Models, seeds, contracts and settings are those of today: what changes is what was
known.
"""

import re
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from dvina.models import run_models, variables
from dvina.settings import Settings
from ingest.contract import dataset_names, load_contract
from warehouse import publish
from warehouse.database import FILE, open_warehouse
from warehouse.lock import writer_lock
from warehouse.quality_marts import lay_quality_marts
from warehouse.rewind import copy_warehouse, rewind
from warehouse.tables import ensure_tables


class WrongMoment(ValueError):
    """Raised when a day, moment or decision cannot be read, or a target cannot be written to."""


@dataclass(frozen=True)
class Known:
    """What was built: up to which decision, into which file; ``state`` is built or failed."""

    state: str
    horizon: int
    message: str


def build_as_known(settings: Settings, moment: str, target: Path) -> Known:
    """Build the marts as known at ``moment`` into the new file ``target``.

    ``moment`` is a day (its end, UTC), a point in time (ISO 8601, UTC where it tells no zone) or
    the number of a decision. Raises WrongMoment, LockTimeout, PublishFailed.
    """
    until = read_moment(moment)
    _check(settings, target)
    place = settings.home / f".as-known-{secrets.token_hex(4)}"
    try:
        with writer_lock(settings.home, settings.lock_wait_s):
            copy_warehouse(settings.home, place)
        with open_warehouse(place, settings.memory_limit) as connection:
            horizon = rewind(connection, until)
            if not horizon:
                raise WrongMoment(f"Nothing was known at {moment}. See 'dvina loads'.")
            contracts = [load_contract(dataset) for dataset in dataset_names()]
            for contract in contracts:
                ensure_tables(connection, contract)
            arguments = ["build", "--full-refresh", "--exclude-resource-type", "unit_test"]
            out = settings.home / "dbt" / "as_known"
            ran = run_models(place / FILE, out, arguments, variables(settings))
            if ran.failure is not None:
                return Known("failed", horizon, ran.failure)
            lay_quality_marts(connection, contracts)
            aside = target.with_name(f".{target.name}.{place.name[-8:]}.part")
            publish.write_file(connection, aside)
            aside.rename(target)
        return Known("built", horizon, f"{target}, as known after decision {horizon}")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def read_moment(text: str) -> datetime | int:
    """A moment in UTC, or the number of a decision; raises WrongMoment."""
    if re.fullmatch(r"[0-9]{1,12}", text):
        return int(text)
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise WrongMoment(
            f"{text!r} is no day (2026-03-31), no point in time (2026-03-31T12:00:00) and no "
            "number of a decision."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _check(settings: Settings, target: Path) -> None:
    if target.exists():
        raise WrongMoment(f"{target} exists already. Give --target a new file.")
    if not target.absolute().parent.is_dir():
        raise WrongMoment(f"{target.absolute().parent} is no directory.")
    if (settings.home / "published").resolve() in target.resolve().parents:
        raise WrongMoment(
            f"{target} lies where versions are published. Give --target another file."
        )
