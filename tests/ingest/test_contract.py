"""The contract refuses what is not complete, and its identity follows what decides rows."""

from pathlib import Path

import pyarrow as pa
import pytest

from ingest import sources
from ingest.contract import dataset_names, load_contract
from ingest.errors import ContractError
from tests.conftest import SAMPLES
from tests.support import TOY, toy


def test_every_shipped_contract_loads_and_describes_each_column() -> None:
    names = dataset_names()
    assert len(names) >= 6
    for name in names:
        contract = load_contract(name)
        assert contract.columns
        assert all(len(column.description) > 8 for column in contract.columns)
        shipped = (SAMPLES / name).is_dir()
        assert contract.publisher.redistributable or not shipped


def test_the_schema_follows_from_the_columns(tmp_path: Path) -> None:
    schema = toy(tmp_path).schema
    assert schema.field("value_usd").type == pa.decimal128(18, 2)
    assert schema.field("seen_date").type == pa.date32()
    assert not schema.field("period").nullable
    assert schema.names[-1] == "_row"


def test_prose_does_not_change_the_identity_but_a_rule_does(tmp_path: Path) -> None:
    before = toy(tmp_path / "a").identity
    assert toy(tmp_path / "b", title="Other", warnings=["Beware."]).identity == before
    assert toy(tmp_path / "c", repeats="legitimate", key=[]).identity != before
    assert toy(tmp_path / "d", version=2).identity != before


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"key": ["nothing"]}, "key column nothing does not exist"),
        ({"revision": {"kind": "sometimes"}}, "revision kind sometimes"),
        ({"revision": {"kind": "slice"}}, "needs 'by'"),
        ({"masked": ["value"]}, "masked column value is also landed"),
        ({"columns": TOY["columns"] * 2}, "appears twice"),
        ({"repeats": "maybe"}, "repeats is maybe"),
        ({"limits": {"min_rowz": 3}}, "min_rowz"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_contract_is_refused_with_what_is_wrong(
    tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ContractError, match=complaint):
        toy(tmp_path, **change)


def test_an_unknown_dataset_names_the_known_ones() -> None:
    with pytest.raises(ContractError, match="customs_eurostat_flows"):
        load_contract("customs_nothing")


def test_a_dataset_name_cannot_leave_the_folder() -> None:
    with pytest.raises(ContractError):
        load_contract("../contract")


def test_every_kind_that_contracts_may_name_has_a_reader() -> None:
    assert len(sources._KINDS) > 10
    for name in sources._KINDS:
        assert callable(sources._kind(name).open)
