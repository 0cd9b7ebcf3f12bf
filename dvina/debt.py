"""Asks the World Bank for debt by creditor and ingests the answers, a borrower at a time.

Each borrower is one query and one load with the scope of its query, so that nothing else is
superseded. What did not change since the last time changes nothing.
"""

import os
from collections.abc import Callable, Mapping, Sequence

from dvina import pipeline
from dvina.backfill import CONTACT_VARIABLE, months_or_years
from dvina.settings import Settings
from dvina.slices import SliceOutcome
from ingest.fetching.http import Manners, PoliteClient
from ingest.fetching.worldbank import BASE, SERIES, DebtQuery, DebtStatistics

URL_VARIABLE = "DVINA_WORLDBANK_URL"  # another address: a mirror, a test
KIND = "ids_json"


def fetch_debt(
    settings: Settings,
    dataset: str,
    periods: str,
    borrowers: Sequence[str],
    *,
    lenders: Sequence[str] = (),
    series: Sequence[str] = (),
    progress: Callable[[SliceOutcome], None] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> list[SliceOutcome]:
    """Fetch and ingest each borrower's years; ``all`` is every year, scheduled ones among them.

    Without lenders all of them are asked for, without series the stocks and flows of the marts.
    Raises QueryWrong, FetchFailed and its kinds, SourceRefused, and what the pipeline raises.
    """
    years = None if periods == "all" else months_or_years(periods)
    folder = settings.home / "fetching" / dataset
    manners = Manners(contact=environment.get(CONTACT_VARIABLE, settings.contact))
    outcomes = []
    with PoliteClient(dataset, manners) as client:
        source = DebtStatistics(client, base=environment.get(URL_VARIABLE) or BASE)
        for borrower in dict.fromkeys(borrowers):
            query = DebtQuery((borrower,), tuple(series) or SERIES, tuple(lenders) or None, years)
            pages = source.fetch(query, folder)
            try:
                done = pipeline.ingest(
                    settings, dataset, str(pages.path), scope=pages.scope, owned=True
                )
            finally:
                pages.path.unlink(missing_ok=True)
            asked = f"{len(query.series)} series"
            told = (done.state, done.rows_read, done.load_id, done.message)
            outcomes.append(SliceOutcome(borrower, periods, asked, *told))
            if progress:
                progress(outcomes[-1])
    return outcomes
