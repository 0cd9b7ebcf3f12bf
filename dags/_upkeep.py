"""Bodies of the tasks of ``maintain_installation``: each calls one step and prints what it did."""


def expire() -> int:
    """Remove what contracts keep no longer; how many files went."""
    from dvina.maintenance import expire as remove
    from dvina.settings import settings

    gone = remove(settings())
    print(f"{gone} archived files were older than their contracts keep them")
    return gone


def compact() -> None:
    """Merge the micro-batches of hours that are over."""
    from dvina.maintenance import compact_streams
    from dvina.settings import settings

    for dataset, (before, after) in compact_streams(settings()).items():
        print(f"{dataset}: {before} micro-batches became {after} loads")


def checkpoint() -> None:
    """Write DuckDB's log into the warehouse file."""
    from dvina.maintenance import checkpoint as write
    from dvina.settings import settings

    before, after = write(settings())
    print(f"the warehouse: {before / 1e6:.1f} MB before, {after / 1e6:.1f} MB after")


def back_up() -> str:
    """Copy the installation, where a place for copies is set; the name of the copy."""
    from airflow.sdk.exceptions import AirflowSkipException

    from dvina.maintenance import back_up as copy
    from dvina.settings import settings

    made = copy(settings())
    if made is None:
        raise AirflowSkipException("DVINA_BACKUPS names no directory, or there is no warehouse yet")
    print(f"{made}; {settings().keep_backups} copies are kept")
    return made.name


def look_over() -> None:
    """Run the doctor; fails when something is ill."""
    from airflow.sdk.exceptions import AirflowFailException

    from dvina.maintenance import look_over as look
    from dvina.settings import settings

    ill = look(settings())
    if ill:
        raise AirflowFailException("\n".join(f"{each.subject}: {each.seen}" for each in ill))
    print("all is well")
