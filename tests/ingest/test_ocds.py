"""Releases come out of whatever publishers wrap them in, each once, and none is lost."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.casting import CastBatch, cast_batch, plain
from ingest.contract import load_contract
from ingest.errors import HostileInput, SourceMissing, SourceRefused
from ingest.sources import ocds_documents, ocds_lines, ocds_releases, open_source
from ingest.sources.json_shape import Shape, Unshaped
from ingest.sources.ocds_documents import DocumentReader
from ingest.sources.ocds_rows import COMPILED, RELEASE, rows_of

CONTRACT = load_contract("procurement_ocds_releases")
Write = Callable[[str, str | bytes], Path]


def release(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A release of the standard's smallest shape."""
    return {
        "ocid": f"ocds-zzzzzz-{number}", "id": f"r{number}", "date": "2020-01-02T03:04:05Z",
        "tag": ["tender"], "initiationType": "tender", **fields,
    }  # fmt: skip


def package(*releases: Any, **fields: Any) -> dict[str, Any]:
    return {
        "uri": "https://p.example",
        "publisher": {"name": "P"},
        "releases": [*releases],
        **fields,
    }


def record_package(*records: Any) -> dict[str, Any]:
    return {"uri": "https://p.example", "publisher": {"name": "P"}, "records": [*records]}


LINK = {"url": "https://p.example/r1.json", "date": "2020-01-02T03:04:05Z", "tag": ["tender"]}


def casts(path: Path) -> list[CastBatch]:
    """All of a file, cast; its count must be that of its brackets."""
    source = open_source(CONTRACT, path)
    found = [cast_batch(CONTRACT, part()) for part in source.parts()]
    assert sum(c.landed.num_rows + c.refused.num_rows for c in found) == source.records_read()
    return found


def landed(path: Path) -> list[dict[str, Any]]:
    found = casts(path)
    assert not [row for cast in found for row in cast.refused.to_pylist()]
    return [row for cast in found for row in plain(cast.landed, CONTRACT.schema).to_pylist()]


def refused(path: Path) -> list[tuple[int, str, str | None, str | None]]:
    found = [row for cast in casts(path) for row in cast.refused.to_pylist()]
    return [(row["row"], row["rule"], row["column"], row["value"]) for row in found]


def ids(path: Path) -> list[str]:
    return [row["release_id"] for row in landed(path)]


TWO = (release(1), release(2))
WRAPPED: dict[str, str] = {
    "single": json.dumps(release(1)),
    "pretty": json.dumps(release(1), indent=2),
    "release package": json.dumps(package(*TWO)),
    "pretty package": json.dumps(package(*TWO), indent=4),
    "lines": "\n".join(map(json.dumps, TWO)) + "\n",
    "lines with blanks": "\r\n\r\n".join(map(json.dumps, TWO)),
    "lines of packages": "\n".join(json.dumps(package(one)) for one in TWO),
    "list of releases": json.dumps(TWO),
    "pretty list": json.dumps(TWO, indent=1),
    "list of packages": json.dumps([package(release(1)), package(), package(release(2))]),
    "list of records": json.dumps([{"ocid": "a", "releases": [one]} for one in TWO]),
    "values one after the other": json.dumps(release(1), indent=2) + json.dumps(release(2), indent=2),
    "record package": json.dumps(record_package({"ocid": "ocds-zzzzzz-1", "releases": TWO})),
    "lines of records": "\n".join(
        json.dumps({"ocid": one["ocid"], "releases": [one], "compiledRelease": one}) for one in TWO
    ),
    "record with all forms": json.dumps(
        {"versionedRelease": {"ocid": "a"}, "compiledRelease": release(9), "releases": TWO}
    ),
    "one line of lists": json.dumps([release(1)]) + "\n" + json.dumps([release(2)]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRAPPED)
def test_releases_are_found_in_whatever_they_are_wrapped_in(write: Write, name: str) -> None:
    found = ids(write("f.json", WRAPPED[name]))
    assert found == (["r1"] if name in ("single", "pretty") else ["r1", "r2"])


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"]
)
def test_names_are_read_in_any_encoding(write: Write, encoding: str) -> None:
    text = json.dumps(package(release(buyer={"name": "Município de São João"})), ensure_ascii=False)
    assert (
        landed(write("f.json", text.encode(encoding)))[0]["buyer_name"] == "Município de São João"
    )
    packed = gzip.compress(text.encode(encoding))
    assert landed(write("f.json.gz", packed))[0]["buyer_name"] == "Município de São João"


def test_a_damaged_byte_refuses_its_release_alone(write: Write) -> None:
    text = "\n".join(
        json.dumps(release(n, buyer={"name": f"Минск {n} " + "Минск" * 9}), ensure_ascii=False)
        for n in range(3)
    ).encode()
    path = write("f.jsonl", text.replace("Минск 1".encode(), b"\xd0Minsk 1"))
    assert [(row, rule, column) for row, rule, column, _ in refused(path)] == [
        (2, "encoding", "buyer_name")
    ]


def test_a_record_means_its_releases_else_its_compiled_release_else_the_last_versions(
    write: Write,
) -> None:
    version = [{"releaseID": "r1", "releaseDate": "2020-01-01T00:00:00Z", "releaseTag": ["tender"], "value": "old"},
               {"releaseID": "r2", "releaseDate": "2020-02-01T00:00:00Z", "releaseTag": ["tender"], "value": "new"}]  # fmt: skip
    compiled = release(3, tag=["compiled"])
    records = [
        {"ocid": "a", "releases": [release(1), LINK], "compiledRelease": compiled},
        {"ocid": "b", "releases": [LINK], "compiledRelease": compiled},
        {
            "ocid": "c",
            "releases": [LINK],
            "versionedRelease": {"ocid": "c", "buyer": {"name": version}},
        },
        {"ocid": "d", "releases": [LINK, LINK]},
        {"ocid": "e", "releases": []},
    ]
    path = write("f.json", json.dumps(record_package(*records)))
    rows = [row for cast in casts(path) for row in plain(cast.landed, CONTRACT.schema).to_pylist()]
    assert [(r["release_id"], r["is_compiled"]) for r in rows] == [
        ("r1", False), ("r3", True), (None, True),
    ]  # fmt: skip
    assert (rows[2]["buyer_name"], rows[2]["published_at"].isoformat()) == (
        "new",
        "2020-02-01T00:00:00",
    )
    told = refused(path)
    assert [(row, rule) for row, rule, *_ in told] == [(n, "malformed") for n in (2, 5, 6, 7)]
    assert all("linked releases must be fetched" in str(value) for *_, value in told[:3])
    assert "holds no release" in str(told[3][3])
    assert {r["publisher_name"] for r in rows} == {"P"}


def test_a_compiled_release_in_lines_is_known_by_its_tag(write: Write) -> None:
    path = write("f.jsonl", json.dumps(release(tag=["compiled"])) + "\n" + json.dumps(release(2)))
    assert [row["is_compiled"] for row in landed(path)] == [True, False]


def test_a_broken_line_is_quarantined_and_the_others_land(write: Write) -> None:
    lines = [json.dumps(release(n)) for n in range(6)]
    lines[1] = lines[1][:30]
    lines[3] = '{"a":[' + lines[3]
    lines[4] = "[1, 2]"
    path = write("f.jsonl", "\n".join(lines))
    found = casts(path)
    assert [row["row"] for cast in found for row in cast.refused.to_pylist()] == [2, 4, 5]
    assert sum(cast.landed.num_rows for cast in found) == 3


@pytest.mark.parametrize(
    ("change", "rule", "column", "value"),
    [
        ({"ocid": None}, "missing", "ocid", None),
        ({"date": "Last Tuesday"}, "not_timestamp", "published_at", "Last Tuesday"),
        ({"awards": "none"}, "not_list", "awards", '"none"'),
        ({"awards": [{"id": "1", "suppliers": ["x"]}]}, "not_list", "awards", None),
        ({"awards": [{"id": "1", "value": {"amount": "n/a"}}]}, "not_decimal", "awards.value_amount", "n/a"),
        ({"tender": {"value": {"amount": 1e30}}}, "not_decimal", "tender_value_amount", "1e+30"),
        ({"tender": {"numberOfTenderers": -1}}, "below_minimum", "tenderer_count", "-1"),
        ({"tender": "none"}, "malformed", None, None),
        ({"buyer": {"id": {"a": 1}}}, "malformed", None, None),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_quarantined_with_its_reason(
    write: Write, change: dict[str, Any], rule: str, column: str | None, value: str | None
) -> None:
    path = write("f.jsonl", "\n".join(json.dumps(r) for r in (release(1), release(2, **change))))
    told = refused(path)
    assert [(row, broken, where) for row, broken, where, _ in told] == [(2, rule, column)]
    if value is not None:
        assert told[0][3] == value


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        ({"tag": "tender"}, "tags", ["tender"]),
        ({"id": 7}, "release_id", "7"),
        ({"tender": [{"id": "t"}]}, "tender_id", "t"),
        ({"tender": {"value": {"amount": "12.50"}}}, "tender_value_amount", "12.5000"),
        ({"tender": {"value": {"amount": 1234.5600000000001}}}, "tender_value_amount", "1234.5600"),
        ({"tender": {"value": {"amount": 123456789012345678}}}, "tender_value_amount", "123456789012345678.0000"),
        ({"tender": {"numberOfTenderers": "3"}}, "tenderer_count", "3"),
    ],
)  # fmt: skip
def test_what_is_meant_beyond_doubt_is_taken(
    write: Write, change: dict[str, Any], column: str, value: Any
) -> None:
    got = landed(write("f.json", json.dumps(release(**change))))[0][column]
    assert (got if isinstance(got, list) else str(got)) == value


def test_an_award_that_is_no_list_is_one_award(write: Write) -> None:
    award = {"id": 5, "suppliers": {"id": 6, "name": "S"}}
    row = landed(write("f.json", json.dumps(release(awards=award))))[0]
    assert [(a["award_id"], [s["party_id"] for s in a["suppliers"]]) for a in row["awards"]] == [
        ("5", ["6"])
    ]


def test_nulls_on_purpose_are_told_by_column(write: Write) -> None:
    text = json.dumps(
        release(
            buyer={"name": None, "other": None}, title="null and void",
            awards=[{"id": "a/1", "title": None, "value": {"amount": None}}, {"id": None, "title": None}],
            contracts=None,
        )
    )  # fmt: skip
    expected = ["buyer_name", "awards/a~11/title", "awards/a~11/value_amount", "contracts"]
    assert landed(write("f.json", text))[0]["deleted_paths"] == expected
    odd = write("g.json", json.dumps([json.loads(text), release(2, tag="x")]))  # record by record
    assert [row["deleted_paths"] for row in landed(odd)] == [expected, None]


def test_contacts_never_leave_the_reader(write: Write) -> None:
    contact = {
        "name": "Jana Novakova",
        "email": "jana@example.org",
        "telephone": "+375 17 000-00-00",
    }
    parties = [{"id": "1", "name": "Buyer", "contactPoint": contact, "roles": ["buyer"]}]
    bad = [
        release(2, parties=parties, date="Last Tuesday"),
        release(3, parties=[parties]),
        release(4, parties=parties, awards="x"),
        release(5, parties=parties, tender="x"),
        {"ocid": None, "parties": parties},
    ]
    lines = [json.dumps(r) for r in (release(1, parties=parties), *bad)]
    path = write("f.jsonl", "\n".join([*lines, lines[0][:-3]]))
    found = casts(path)
    assert sum(cast.landed.num_rows for cast in found) == 1
    assert sum(cast.refused.num_rows for cast in found) == 6
    everything = str([c.landed.to_pylist() + c.refused.to_pylist() for c in found])
    assert "Buyer" in everything
    assert not [word for word in ("Jana", "example.org", "375") if word in everything]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"null", "no JSON object or list"),
        (b"<html>busy</html>", "an HTML page"),
        (b'{"releases": [', "was cut in transfer"),
        (b'{"releases": [{"ocid": "a"', "was cut in transfer"),
        (b'[{"ocid": "a"}]]', "closes what none has opened"),
        (b'[\n{"ocid": "a"},\n5,\n{"ocid": "b"}]', "something else than JSON objects"),
        (b'{\n"a":' + b"[" * 100 + b"]" * 100 + b"}", "nested deeper than 64"),
    ],
)  # fmt: skip
def test_what_is_no_release_at_all_is_refused(write: Write, content: bytes, message: str) -> None:
    with pytest.raises(SourceRefused, match=message):
        casts(write("f.json", content))


def test_an_empty_package_holds_no_rows(write: Write) -> None:
    assert casts(write("f.json", json.dumps(package()))) == []


def test_a_missing_file_is_told() -> None:
    with pytest.raises(SourceMissing):
        casts(Path("/nonexistent/f.json"))


def test_deep_nesting_in_a_line_harms_nothing(write: Write) -> None:
    deep = '{"ocid":"a","x":' + "[" * 200_000 + "]" * 200_000 + "}"
    found = casts(
        write(
            "f.jsonl", f"{json.dumps(release())}\n{deep}\n{json.dumps(release(tag='text'))}\nnull"
        )
    )
    assert sum(cast.landed.num_rows + cast.refused.num_rows for cast in found) == 4


def small(monkeypatch: pytest.MonkeyPatch, held: int = 400, block: int = 256) -> None:
    monkeypatch.setattr(ocds_documents, "HELD_BYTES", held)
    monkeypatch.setattr(ocds_documents, "HEAD_BYTES", 64)
    for module in (ocds_documents, ocds_lines):
        monkeypatch.setattr(module, "MAX_DOCUMENT_BYTES", 3000)
    monkeypatch.setattr(ocds_releases, "BLOCK_BYTES", block)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_package_beyond_memory_is_read_element_by_element(
    write: Write, monkeypatch: pytest.MonkeyPatch, behind: bool, indent: int | None
) -> None:
    small(monkeypatch)
    releases = [release(n, note="] } [ {" * 5) for n in range(50)]
    head, tail = {"uri": "u", "packages": ["u"] * 3}, {"publisher": {"name": "P", "uri": "pu"}}
    ends = (head, tail) if behind else (tail, head)
    whole = {**ends[0], "releases": releases, **ends[1]}
    path = write("f.json", json.dumps([whole, package(release(77)), whole], indent=indent))
    rows = landed(path)
    assert [r["ocid"] for r in rows] == [r["ocid"] for r in [*releases, release(77), *releases]]
    assert {r["publisher_name"] for r in rows} == {"P"}
    assert {r["publisher_uri"] for r in rows} == {"pu", None}
    assert len(casts(path)) > 10


def test_a_package_of_records_beyond_memory_is_read_record_by_record(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    records = [
        {
            "ocid": f"o{n}",
            "compiledRelease": release(n),
            "releases": [LINK] if n % 2 else [release(n)],
        }
        for n in range(30)
    ]
    rows = landed(write("f.json", json.dumps(record_package(*records))))
    assert [(r["release_id"], r["is_compiled"]) for r in rows] == [
        (f"r{n}", bool(n % 2)) for n in range(30)
    ]


def test_documents_and_what_stands_around_them_are_bounded(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    long = {"note": "x" * 5000}
    for content in (
        json.dumps(release(**long), indent=1), json.dumps(package(release(**long)), indent=1),
        json.dumps({**package(*[release(n) for n in range(9)]), **long}, indent=1),
        f"{json.dumps(release())}\n{json.dumps(release(**long))}\n",
    ):  # fmt: skip
        with pytest.raises(HostileInput, match=r"longer than|bytes after"):
            casts(write("f.json", content))


_TEXTS = st.text(alphabet='ab"\\{}[],: \n\té', max_size=6)
_LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | _TEXTS
_NOTES = st.dictionaries(_TEXTS, _LEAVES | st.lists(_LEAVES, max_size=2), max_size=3)
_RELEASES = st.builds(lambda n, note: release(n, note=note), st.integers(0, 99), _NOTES)
_RECORDS = st.builds(
    lambda releases, compiled, link: {
        "ocid": "o", "releases": [LINK] if link else releases, "compiledRelease": compiled,
    },
    st.lists(_RELEASES, min_size=1, max_size=3), _RELEASES, st.booleans(),
)  # fmt: skip
_DOCUMENTS = st.lists(
    _RELEASES
    | _RECORDS
    | st.builds(lambda releases: package(*releases), st.lists(_RELEASES, max_size=4))
    | st.builds(lambda records: record_package(*records), st.lists(_RECORDS, max_size=3)),
    min_size=1,
    max_size=4,
)


def by_parser(document: dict[str, Any]) -> Iterator[tuple[int, Any]]:
    """What the rows of a document are, by a parser of JSON."""
    if "records" in document:
        for one in document["records"]:
            yield from by_parser(one)
    elif "releases" in document:
        if document["releases"] == [LINK]:
            yield COMPILED, document["compiledRelease"]
        else:
            yield from ((RELEASE, one) for one in document["releases"])
    else:
        yield RELEASE, document


@given(
    _DOCUMENTS,
    st.integers(1, 60),
    st.sampled_from(["lines", "list", "pretty", "values"]),
    st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_are_those_of_a_json_parser_wherever_chunks_end(
    monkeypatch: pytest.MonkeyPatch,
    documents: list[dict[str, Any]],
    size: int,
    form: str,
    hold: bool,
) -> None:
    if hold and all("releases" not in d or "uri" in d for d in documents):
        small(monkeypatch, held=120)  # records by themselves are held whole
    text = {
        "lines": "\n".join(json.dumps(d, ensure_ascii=False) for d in documents),
        "list": json.dumps(documents),
        "pretty": json.dumps(documents, indent=2, ensure_ascii=False),
        "values": " ".join(json.dumps(d, indent=1) for d in documents),
    }[form].encode()
    reader = DocumentReader("dataset: file")
    found = []

    def documents_of() -> Iterator[ocds_lines.Documents]:
        for at in range(0, len(text), size):
            yield from reader.feed(text[at : at + size])
        yield from reader.finish()

    for some in documents_of():
        rows = rows_of(some)
        spans = zip(rows.kinds, rows.starts, rows.ends, strict=True)
        found += [(kind, json.loads(rows.text[start:end])) for kind, start, end in spans]
    monkeypatch.undo()
    assert found == [row for document in documents for row in by_parser(document)]


_AMOUNTS = (
    st.none() | st.integers(-(10**15), 10**15) | st.decimals(-99999, 99999, places=3).map(str)
)
_FULL = st.builds(
    lambda n, amount, tags, items, moment: release(
        n, tag=tags, date=moment,
        tender={"value": {"amount": amount, "currency": "EUR"}, "items": items, "numberOfTenderers": n},
        awards=[{"id": n, "date": moment, "suppliers": [{"id": str(n), "name": " a "}], "items": items}],
    ),
    st.integers(0, 99), _AMOUNTS, st.lists(_TEXTS, max_size=2),
    st.none() | st.lists(st.fixed_dictionaries({"id": _TEXTS, "quantity": _AMOUNTS}), max_size=3),
    st.sampled_from(["2020-01-01", "2020-01-01T00:00:00+03:00", "soon", None]),
)  # fmt: skip


@given(st.lists(_FULL, min_size=1, max_size=5))
@settings(max_examples=40)
def test_a_block_gives_the_same_rows_at_once_and_record_by_record(
    tmp_path_factory: pytest.TempPathFactory, releases: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("ocds") / "f.jsonl"
    path.write_text("\n".join(map(json.dumps, releases)), encoding="utf-8")
    at_once = casts(path)

    def never(*_: object) -> dict[str, pa.Array]:
        raise Unshaped("a test says so")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shape, "parse", never)
        one_by_one = casts(path)
    for some, others in zip(at_once, one_by_one, strict=True):
        assert plain(some.landed, CONTRACT.schema) == plain(others.landed, CONTRACT.schema)
        assert some.refused.to_pylist() == others.refused.to_pylist()
