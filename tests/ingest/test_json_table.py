"""Small JSON documents: what is a record, how it is counted, what is refused."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import Contract
from ingest.errors import HostileInput, SchemaDrift, SourceRefused
from ingest.sources import json_table
from ingest.sources.json_table import MAX_BYTES, JsonTable
from tests.support import toy

Write = Callable[[str, str | bytes], Path]

COLUMNS = [
    {"name": "code", "source": ["code", "(key)"], "type": "text", "description": "Code."},
    {"name": "name", "source": ["name", "(value)"], "type": "text", "required": False,
     "optional": True, "description": "Name."},
]  # fmt: skip


def contract(tmp_path: Path, records: str) -> Contract:
    made = toy(
        tmp_path / "contracts", columns=COLUMNS, key=["code"],
        revision={"kind": "slice", "by": ["code"]},
        format={"kinds": ["json_table"], "records": [records]},
    )  # fmt: skip
    return replace(made, masked=())


def rows(source: JsonTable) -> list[dict[str, Any]]:
    batches = [part().columns for part in source.parts()]
    found = pa.Table.from_batches(batches).to_pylist()
    assert source.records_read() == len(found) > 0
    return found


def test_every_object_with_the_key_is_a_record_wherever_it_stands(
    tmp_path: Path, write: Write
) -> None:
    text = """{"title": "a \\"code\\": list", "code of": 1, "groups": [
      {"code": "01", "name": "one", "subs": [{"code": "0101", "name": "one, \\"one\\""}]},
      {"chapter": "2", "goods": {"code": 10.50, "name": null}}]}"""
    source = JsonTable(contract(tmp_path, "code"), write("a.json", text), "a.json")
    assert rows(source) == [
        {"code": "01", "name": "one"},
        {"code": "0101", "name": 'one, "one"'},
        {"code": "10.50", "name": None},
    ]


@pytest.mark.parametrize(
    ("records", "text"),
    [
        ("{}", '{"03000000-1": "Seeds", "03100000-2": "Nuts"}'),
        ("Sector{}", '{"Other": {"1": {}}, "Sector": {"03000000-1": {"name": "Seeds", "sub": [1]},'
         ' "03100000-2": {"name": "Nuts"}}}'),
    ],
)  # fmt: skip
def test_members_of_an_object_are_records_by_their_names(
    tmp_path: Path, write: Write, records: str, text: str
) -> None:
    source = JsonTable(contract(tmp_path, records), write("a.json", text), "a.json")
    found = [(row["code"], row["name"]) for row in rows(source)]
    assert found == [("03000000-1", "Seeds"), ("03100000-2", "Nuts")]


def test_a_name_that_comes_twice_is_two_records(tmp_path: Path, write: Write) -> None:
    source = JsonTable(contract(tmp_path, "{}"), write("a.json", '{"1": "a", "1": "b"}'), "a.json")
    assert [row["name"] for row in rows(source)] == ["a", "b"]


BAD: dict[str, tuple[str, type[SourceRefused], str]] = {
    "cut": ('[{"code": "1"}, {"code":', SourceRefused, "not whole JSON"),
    "text": ("code,name\n1,a\n", SourceRefused, "not JSON"),
    "empty": (" \n", SourceRefused, "empty"),
    "other": ('[{"id": "1"}]', SourceRefused, "holds no record"),
    "deep": ("[" * 200_000, SourceRefused, "nested too deeply|not whole JSON"),
    "large": ("[" + " " * MAX_BYTES + "]", HostileInput, "larger than"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_such_document_is_refused_in_words(
    tmp_path: Path, write: Write, name: str
) -> None:
    text, error, words = BAD[name]
    with pytest.raises(error, match=words):
        JsonTable(contract(tmp_path, "code"), write("a.json", text), "a.json")


def test_a_missing_key_is_told_with_what_is_there_instead(tmp_path: Path, write: Write) -> None:
    made = contract(tmp_path, "id")
    with pytest.raises(SchemaDrift, match="misses the key code; it has instead: id, text"):
        JsonTable(made, write("a.json", '[{"id": "1", "text": "a"}]'), "a.json")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["code", "name", "x", 'q"', "a\\"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_the_tokens_tell_as_many_records_as_the_parser_finds(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    parsed = json.loads(text, object_pairs_hook=json_table._Object)
    found = len(list(json_table._found(parsed, "code")))
    tokens = re.finditer(json_table._TOKEN, text.encode())
    assert found == sum(1 for t in tokens if t[1] == b'"code"' and t[2])
    members = len(list(json_table._found(parsed, "{}")))
    assert members == json_table._count_members(text.encode(), [])
