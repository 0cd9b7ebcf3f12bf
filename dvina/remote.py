"""Brings a file at an address here before it is ingested; a path is taken as it is.

What was fetched lies under ``DVINA_HOME/fetching/<dataset>`` so that it is not fetched again while
the publisher says that it did not change. Where the contract keeps no bytes it goes at once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dvina.settings import Settings
from ingest.contract import Contract

Progress = Callable[[int, int | None], None]  # bytes that are here, bytes in all when known


@contextmanager
def at_hand(
    settings: Settings, contract: Contract, origin: str, progress: Progress | None = None
) -> Iterator[str]:
    """The path of a source; raises FetchFailed, HostileInput, StorageFailed."""
    if not origin.startswith(("http://", "https://")):
        yield origin
        return
    from ingest.fetching.files import download
    from ingest.fetching.http import Manners, PoliteClient

    folder = settings.home / "fetching" / contract.dataset
    bound = contract.limits.max_file_bytes
    with PoliteClient(contract.dataset, Manners(contact=settings.contact)) as client:
        got = download(client, origin, folder, max_bytes=bound, progress=progress)
    try:
        yield str(got.path)
    finally:
        if not contract.keep_archive_days:
            got.path.unlink(missing_ok=True)
