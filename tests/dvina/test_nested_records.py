"""Lists inside records: cast, quarantined, landed, judged, committed and replayed like flat rows."""

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from dvina import pipeline
from dvina.replay import replay
from dvina.settings import Settings
from ingest.contract import Contract, _load, load_contract
from ingest.contract_column import Column, column_of
from ingest.errors import ContractError
from ingest.nested import cast_list
from tests.support import TOY
from warehouse.database import open_warehouse
from warehouse.tables import widens

Write = Callable[[str, str | bytes], Path]
SUPPLIERS: dict[str, Any] = {
    "name": "suppliers", "type": "list", "source": "suppliers", "required": False,
    "description": "Who won.",
    "fields": [
        {"name": "name", "type": "text", "source": "name", "description": "Name."},
        {"name": "country_code", "type": "text", "source": "address.country", "required": False,
         "lookup": "countries", "description": "Country."},
    ],
}  # fmt: skip
AWARDS: dict[str, Any] = {
    "name": "awards", "type": "list", "source": "awards", "required": False,
    "description": "Awards.",
    "fields": [
        {"name": "award_id", "type": "text", "source": "id", "description": "Its number."},
        {"name": "value_amount", "type": "decimal", "source": "value.amount", "minimum": 0,
         "precision": 28, "scale": 2, "required": False, "description": "Value."},
        {"name": "award_date", "type": "date", "source": "date", "layouts": ["%Y-%m-%d"],
         "required": False, "description": "Day."},
        SUPPLIERS,
    ],
}  # fmt: skip
TAGS = {"name": "tags", "type": "list", "source": "tag", "required": False, "description": "Tags."}
ID = {"name": "release_id", "type": "text", "source": "id", "description": "Number."}
GOOD = [
    {"id": "a1", "value.amount": "10.50", "date": "2021-02-03",
     "suppliers": [{"name": "MAZ", "address.country": "Belarus"}, {"name": "KAMAZ"}]},
    {"id": "a2"},
]  # fmt: skip


def _document(columns: list[dict[str, Any]], version: int = 1) -> dict[str, Any]:
    return {**TOY, "version": version, "columns": columns, "key": ["release_id"], "masked": [],
            "revision": {"kind": "event"}, "grain": "release"}  # fmt: skip


def _file(*records: tuple[str, object, object]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "tag", "awards"])
    for number, tags, awards in records:
        writer.writerow([number, *("" if v is None else _said(v) for v in (tags, awards))])
    return text.getvalue()


def _said(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class Place:
    """A home whose one dataset has nested columns."""

    def __init__(self, home: Path, contracts: Path, write: Write) -> None:
        self.settings = Settings(home=home, inbox=home / "inbox", lock_wait_s=20)
        self.home, self.contracts, self.write = home, contracts, write

    def contract(self, *columns: dict[str, Any], version: int = 1) -> Contract:
        self.contracts.mkdir(exist_ok=True)
        text = yaml.safe_dump(_document(list(columns), version), sort_keys=False)
        (self.contracts / "toy_flows.yml").write_text(text)
        _load.cache_clear()
        return load_contract("toy_flows")

    def ingest(self, *records: tuple[str, object, object]) -> pipeline.Outcome:
        path = self.write("a.csv", _file(*records))
        return pipeline.ingest(self.settings, "toy_flows", str(path))

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with open_warehouse(self.home) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def place(home: Path, tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("DVINA_CONTRACTS", str(tmp_path / "contracts"))
    made = Place(home, tmp_path / "contracts", write)
    made.contract(ID, TAGS, AWARDS)
    return made


def _cast(values: object, kind: pa.DataType | None = None, **changes: Any) -> Any:
    column = column_of({**AWARDS, **changes})
    return cast_list(column, pa.array(values, kind), 1_000)


def test_leaves_are_cast_and_lists_stay_where_they_were() -> None:
    cast = _cast([json.dumps(GOOD), "[]", None, json.dumps([{"id": "b"}])])
    assert cast.broken == ()
    first, empty, missing, last = cast.values.to_pylist()
    assert (empty, missing) == ([], None)
    assert first[0]["value_amount"] == Decimal("10.50")
    assert [s["country_code"] for s in first[0]["suppliers"]] == ["BLR", None]
    assert first[1]["suppliers"] is None
    assert last[0]["award_id"] == "b"


def test_readers_may_hand_over_structs_with_decimals_dictionaries_and_slices() -> None:
    ids = pa.array(["a", "b", "c"]).dictionary_encode()
    amounts = pa.array([Decimal("1.00"), None, Decimal("3.00")], pa.decimal128(28, 2))
    items = pa.StructArray.from_arrays([amounts, ids], names=["value.amount", "id"])
    lists = pa.ListArray.from_arrays(pa.array([0, 0, 2, 3]), items)
    cast = cast_list(column_of(AWARDS), lists.slice(1), 1_000)
    assert cast.broken == ()
    assert [[i["award_id"] for i in items] for items in cast.values.to_pylist()] == [
        ["a", "b"],
        ["c"],
    ]


@pytest.mark.parametrize(
    ("awards", "rule", "path", "value"),
    [
        ([{"id": "a"}, {"value.amount": "1"}], "missing", "award_id", None),
        ([{"id": "a", "value.amount": "ten"}], "not_decimal", "value_amount", "ten"),
        ([{"id": "a", "value.amount": "-1"}], "below_minimum", "value_amount", "-1"),
        ([{"id": "a", "date": "in May"}], "not_date", "award_date", "in May"),
        ([GOOD[1], {"id": "a", "suppliers": [{"name": "x", "address.country": "Atlantis"}]}],
         "unknown_countries", "suppliers.country_code", "Atlantis"),
        ("not json", "not_list", "", "not json"),
        ({"id": "a"}, "not_list", "", '{"id": "a"}'),
    ],
)  # fmt: skip
def test_a_bad_value_refuses_its_record_with_the_path_to_it(
    place: Place, awards: object, rule: str, path: str, value: str | None
) -> None:
    outcome = place.ingest(("r1", ["tender"], GOOD), ("r2", None, awards), ("r3", [], None))
    assert (outcome.rows_landed, outcome.rows_quarantined) == (2, 1)
    (refused,) = pq.read_table(
        next((place.home / "landing/toy_flows").glob("*/quarantine.parquet"))
    ).to_pylist()
    assert refused["row"] == 2
    assert refused["rule"] == rule
    assert refused["column"] == f"awards.{path}".rstrip(".")
    assert refused["value"] == value
    assert dict(refused["source"])["id"] == "r2"


def test_nested_records_are_judged_committed_and_shown_once(place: Place) -> None:
    outcome = place.ingest(("r1", ["tender", "award"], GOOD), ("r2", [], None))
    assert (outcome.state, outcome.rows_landed) == ("accepted", 2)
    again = place.ingest(("r2", [], None), ("r1", ["tender", "award"], GOOD))
    assert again.state == "unchanged"
    more = place.ingest(("r1", ["tender", "award"], GOOD), ("r3", ["x"], GOOD))
    assert more.state == "accepted"
    shown = place.ask(
        "select release_id, len(tags), len(awards), awards[1].value_amount "
        "from accepted.toy_flows_as_of(1000) order by all"
    )
    assert shown == [
        ("r1", 2, 2, Decimal("10.50")), ("r2", 0, None, None), ("r3", 1, 2, Decimal("10.50")),
    ]  # fmt: skip


def test_refused_records_are_replayed_after_the_contract_is_mended(place: Place) -> None:
    first = place.ingest(("r1", None, GOOD), ("r2", ["t"], [{"id": "a", "value.amount": "n/a"}]))
    assert first.rows_quarantined == 1
    mended = {
        **AWARDS,
        "fields": [
            {**f, "nulls": ["", "n/a"]} if f["name"] == "value_amount" else f
            for f in AWARDS["fields"]
        ],
    }
    place.contract(ID, TAGS, mended, version=2)
    (answer,) = replay(place.settings, "toy_flows")
    assert (answer.driven, answer.passed) == (1, 1)
    rows = place.ask(
        "select release_id, tags, awards[1].award_id from accepted.toy_flows_as_of(1000) order by 1"
    )
    assert rows == [("r1", None, "a1"), ("r2", ["t"], "a")]


def test_a_field_may_be_added_to_a_list_and_none_be_lost(place: Place) -> None:
    place.ingest(("r1", None, GOOD))
    status = {"name": "status", "type": "text", "source": "status", "required": False,
              "description": "Status."}  # fmt: skip
    wider = {**AWARDS, "fields": [*AWARDS["fields"][:2], status, *AWARDS["fields"][2:]]}
    place.contract(ID, TAGS, wider, version=2)
    place.ingest(("r2", None, [{"id": "b", "status": "active"}]))
    rows = place.ask(
        "select release_id, awards[1].award_id, awards[1].status "
        "from accepted.toy_flows_as_of(1000) order by 1"
    )
    assert rows == [("r1", "a1", None), ("r2", "b", "active")]


def test_only_types_that_keep_all_they_had_are_widened() -> None:
    assert widens("STRUCT(a VARCHAR)[]", 'STRUCT("a" VARCHAR, b BIGINT)[]')
    assert widens(
        "STRUCT(a STRUCT(c VARCHAR)[])[]", "STRUCT(a STRUCT(c VARCHAR, d DATE)[], b BIGINT)[]"
    )
    assert not widens("STRUCT(a VARCHAR, b BIGINT)[]", "STRUCT(a VARCHAR)[]")
    assert not widens("STRUCT(a VARCHAR)[]", "STRUCT(a BIGINT, b BIGINT)[]")
    assert not widens("STRUCT(a VARCHAR)[]", "STRUCT(a VARCHAR)[]")
    assert not widens("DECIMAL(18,2)", "DECIMAL(18,4)")


def test_prose_of_a_field_takes_no_part_in_a_contracts_identity(place: Place) -> None:
    before = place.contract(ID, TAGS, AWARDS).identity
    fields = [{**field, "description": "Other words."} for field in AWARDS["fields"]]
    assert place.contract(ID, TAGS, {**AWARDS, "fields": fields}).identity == before
    fields[1]["scale"] = 3
    assert place.contract(ID, TAGS, {**AWARDS, "fields": fields}).identity != before


@pytest.mark.parametrize(
    ("column", "complaint"),
    [
        ({**AWARDS, "fields": [*AWARDS["fields"], AWARDS["fields"][0]]}, "award_id twice"),
        ({**AWARDS, "fields": [{**AWARDS["fields"][0], "constant": "x"}]}, "needs one of"),
        ({**TAGS, "type": "text", "fields": AWARDS["fields"]}, "only a list has 'fields'"),
        ({**TAGS, "source": "(file name)"}, "a list comes from a source"),
    ],
)
def test_a_list_that_cannot_be_is_refused_with_its_contract(
    place: Place, column: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ContractError, match=complaint):
        place.contract(ID, column)


def test_a_list_cannot_be_a_key(place: Place) -> None:
    document = {**_document([ID, TAGS]), "key": ["tags"]}
    (place.contracts / "toy_flows.yml").write_text(yaml.safe_dump(document))
    _load.cache_clear()
    with pytest.raises(ContractError, match="a list cannot be in key"):
        load_contract("toy_flows")


def test_a_field_is_found_by_its_path(place: Place) -> None:
    found: Column = load_contract("toy_flows").column("awards.suppliers.country_code")
    assert found.lookup == "countries"
    with pytest.raises(ContractError, match="no column awards"):
        load_contract("toy_flows").column("awards.nothing")
