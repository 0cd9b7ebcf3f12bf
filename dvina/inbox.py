"""Files that wait in the inbox: ``<inbox>/<dataset>/``; light, so that looking costs no import."""

from pathlib import Path

from dvina.settings import Settings

# Endings of files that wait in an inbox; what lies beside them (SOURCE.md) is none.
_DATA = {
    ".csv", ".tsv", ".txt", ".dat", ".json", ".jsonl", ".xml", ".xlsx", ".gz", ".zip", ".7z",
    ".feather",
}  # fmt: skip


def source_files(settings: Settings, dataset: str) -> tuple[Path, ...]:
    """Files that wait for a dataset in the inbox, by name."""
    folder = settings.inbox / dataset
    return tuple(sorted(p for p in folder.glob("*") if p.is_file() and _is_data(p)))


def _is_data(path: Path) -> bool:
    return path.suffix.lower() in _DATA and path.name[0] not in "._"
