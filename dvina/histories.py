"""What the gate holds a load against: the profiles of loads like it that were accepted."""

from dvina.settings import Settings
from expectations.gate import History
from ingest.landing import Manifest
from warehouse import profiles

_FEW = 20  # values of a scope that are compared by name


def history(settings: Settings | None, m: Manifest) -> History | None:
    """The history of a load; None for a micro-batch, and for a replay, a part of another load."""
    if settings is None or m.replay_of:
        return None
    keep = profiles.place(settings.home, m.dataset, m.load_id)
    return History(profiles.accepted(settings.home, m.dataset), keep, _extent(m.scope))


def _extent(scope: dict[str, list[str]]) -> str:
    """What a load's scope says of its size: few values by name, many as many."""
    told = (
        f"{name}: {'many' if len(values) > _FEW else ', '.join(sorted(values))}"
        for name, values in sorted(scope.items())
    )
    return "; ".join(told)
