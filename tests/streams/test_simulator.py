"""The simulated feed: marked in every message, in the contract's shape, the same for a seed."""

import json
from itertools import islice

import numpy as np

from dvina.streaming.simulator import declarations
from ingest.casting import cast_batch
from ingest.contract import load_contract
from ingest.streams.decoding import decoder_of
from tests.streams.broker import DATASET

CONTRACT = load_contract(DATASET)


def test_every_made_up_declaration_keeps_the_contract_and_says_that_it_is_made_up() -> None:
    entries = list(islice(declarations(7), 2_000))
    payloads = [json.dumps(entry).encode() for entry in entries]
    (raw,) = decoder_of(CONTRACT).decode(payloads, np.arange(len(payloads)), ())
    cast = cast_batch(CONTRACT, raw)
    assert (cast.landed.num_rows, cast.refused.num_rows) == (2_000, 0)
    assert set(cast.landed["is_synthetic"].to_pylist()) == {True}
    assert all(entry["declaration_id"].startswith("SYN/") for entry in entries)


def test_later_versions_follow_earlier_ones() -> None:
    seen: dict[tuple[str, int], int] = {}
    amended = 0
    for entry in islice(declarations(7), 2_000):
        key = entry["declaration_id"], entry["item_number"]
        assert entry["version"] == seen.get(key, 0) + 1
        amended += key in seen
        seen[key] = entry["version"]
    assert amended > 50
