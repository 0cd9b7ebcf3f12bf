"""What stands beside a value may forbid to keep it: in columns, in lists, in refused rows."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingest.casting import cast_batch
from ingest.contract import Contract
from ingest.errors import ContractError
from ingest.sources import RawBatch
from tests.support import toy

NAME = {"name": "name", "source": "n", "type": "text", "required": False, "description": "d",
        "unless": {"kind": "P.*", "number": "[0-9]{12}"}}  # fmt: skip
BESIDE = [
    {"name": "kind", "source": "k", "type": "text", "required": False, "description": "d"},
    {"name": "number", "source": "i", "type": "text", "required": False, "description": "d"},
    NAME,
]
COLUMNS = [
    {"name": "id", "source": "id", "type": "integer", "description": "d"},
    *BESIDE,
    {"name": "parties", "source": "parties", "type": "list", "required": False, "description": "d",
     "fields": BESIDE},
]  # fmt: skip


def contract(tmp_path: Path, columns: list[dict[str, Any]] = COLUMNS) -> Contract:
    return toy(tmp_path, columns=columns, key=["id"], revision={"kind": "event"}, masked=[])


def batch(*rows: dict[str, Any], dictionary: bool = False) -> RawBatch:
    party = pa.struct([("k", pa.string()), ("i", pa.string()), ("n", pa.string())])
    types = {"id": pa.string(), "k": pa.string(), "i": pa.string(), "n": pa.string(),
             "parties": pa.list_(party)}  # fmt: skip
    columns = {
        name: pa.array([row.get(name) for row in rows], kind) for name, kind in types.items()
    }
    if dictionary:
        columns["k"], columns["n"] = (columns[n].dictionary_encode() for n in ("k", "n"))
    return RawBatch(
        pa.RecordBatch.from_pydict(columns), pa.array(range(1, len(rows) + 1), pa.int64())
    )


@pytest.mark.parametrize("dictionary", [False, True])
def test_names_go_where_a_neighbour_says_so(tmp_path: Path, dictionary: bool) -> None:
    given = batch(
        {"id": "1", "k": "L", "i": "1234567890", "n": "MAZ", "parties": [
            {"k": "PF", "n": "Ivanov"}, {"k": " P\n", "n": "Petrov"}, {"k": None, "i": "123456789012", "n": "Sidorov"},
            {"k": "L", "n": "KAMAZ"}]},
        {"id": "2", "k": "P", "i": None, "n": "Ivanov", "parties": None},
        {"id": "3", "k": None, "i": None, "n": "Nobody's kind", "parties": []},
        dictionary=dictionary,
    )  # fmt: skip
    landed = pa.Table.from_batches([cast_batch(contract(tmp_path), given).landed]).to_pylist()
    assert [row["name"] for row in landed] == ["MAZ", None, "Nobody's kind"]
    assert [party["name"] for party in landed[0]["parties"]] == [None, None, None, "KAMAZ"]
    assert [row["parties"] for row in landed[1:]] == [None, []]


def test_a_refused_row_keeps_no_such_name_either(tmp_path: Path) -> None:
    given = batch({"id": "x", "k": "P", "n": "Ivanov", "parties": [{"k": "P", "n": "Petrov"}]})
    whole = given.columns.drop_columns(["parties"])
    for raw in (given, RawBatch(given.columns, given.rows, whole=lambda: whole)):
        refused = cast_batch(contract(tmp_path), raw).refused.to_pylist()
        assert [(row["column"], row["value"]) for row in refused] == [("id", "x")]
        assert dict(refused[0]["source"])["k"] == "P"
        assert "Ivanov" not in str(refused)
        assert "Petrov" not in str(refused)


def test_a_condition_on_what_does_not_stand_beside_is_refused(tmp_path: Path) -> None:
    lonely = [COLUMNS[0], {**NAME, "unless": {"parties": ".*"}}]
    with pytest.raises(ContractError, match="'unless' names parties, which does not stand beside"):
        contract(tmp_path, lonely)
