"""Reads whole files of documents for tests, the way the engine does."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.casting import cast_batch
from ingest.contract import load_contract
from ingest.sources import open_source
from tests.conftest import synthetic


def read(dataset: str, *files: Path) -> list[dict[str, Any]]:
    """Landed rows of files, none refused, after their counts were found to close."""
    contract, rows = load_contract(dataset), list[dict[str, Any]]()
    for file in files or synthetic(dataset):
        source = open_source(contract, file)
        batches = [cast_batch(contract, part()) for part in source.parts()]
        assert [batch.refused.num_rows for batch in batches if batch.refused.num_rows] == []
        landed = [
            row for batch in batches for row in pa.Table.from_batches([batch.landed]).to_pylist()
        ]
        assert source.records_read() == len(landed) > 0
        assert source.drift == ()
        rows += landed
    return rows
