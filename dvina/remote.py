"""Brings a file at an address here before it is ingested; a path is taken as it is.

What was fetched lies under ``DVINA_HOME/fetching/<dataset>`` so that it is not fetched again while
the publisher says that it did not change. Where the contract keeps no bytes it goes at once. An
address behind ``pages:`` is the first of several pages, which become one file.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dvina.settings import Settings
from ingest.contract import Contract

PAGES = "pages:"  # before an address whose answer leads to further pages
Progress = Callable[[int, int | None], None]  # bytes that are here, bytes in all when known


@contextmanager
def at_hand(
    settings: Settings, contract: Contract, origin: str, progress: Progress | None = None
) -> Iterator[str]:
    """The path of a source; raises FetchFailed, HostileInput, StorageFailed."""
    paged = origin.startswith(PAGES)
    url = origin.removeprefix(PAGES)
    if not url.startswith(("http://", "https://")):
        yield origin
        return
    from ingest.fetching.files import download
    from ingest.fetching.http import Manners, PoliteClient
    from ingest.fetching.pages import fetch_pages

    folder = settings.home / "fetching" / contract.dataset
    bound = contract.limits.max_file_bytes
    with PoliteClient(contract.dataset, Manners(contact=settings.contact)) as client:
        if paged:
            path = fetch_pages(client, url, folder, max_bytes=bound, progress=progress)
        else:
            path = download(client, url, folder, max_bytes=bound, progress=progress).path
    try:
        yield str(path)
    finally:
        if paged or not contract.keep_archive_days:
            path.unlink(missing_ok=True)
