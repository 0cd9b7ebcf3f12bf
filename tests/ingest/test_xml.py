"""XML: records by local names, paths of columns, many documents in one archive, hostile input."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.contract import Contract, SourceFormat
from ingest.contract_column import Column
from ingest.errors import HostileInput, SourceRefused
from ingest.sources import open_source, xml_documents, xml_records
from ingest.sources.xml_paths import record_table
from ingest.sources.xml_scan import RecordCounter, RecordName
from ingest.sources.xml_shred import Gathered
from tests.support import toy

Write = Callable[[str, str | bytes], Path]
COLUMNS = [
    {"name": "id", "source": ["id", "guid"], "type": "text", "description": "d"},
    {"name": "kind", "source": "name()", "type": "text", "description": "d"},
    {"name": "version", "source": ["@schemeVersion", "/@schemaLocation"], "type": "text",
     "required": False, "description": "d"},
    {"name": "made", "source": "/header.made", "type": "text", "required": False, "description": "d"},
    {"name": "inn", "source": ["customer.inn", "placer.main.inn"], "type": "text",
     "required": False, "description": "d"},
]  # fmt: skip
FORMAT = {"kinds": ["xml"], "records": ["contract@schemeVersion", "contractData", "notice*"]}
ONE = '<contract schemeVersion="1"><id>{}</id></contract>'


def contract(tmp_path: Path, **changes: Any) -> Contract:
    changes = {"format": FORMAT, "columns": COLUMNS, "key": ["id"], **changes}
    return toy(tmp_path, revision={"kind": "event"}, **changes)


def read(of: Contract, path: Path) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """All rows and the drift of a file, after the records were found to be as many as the rows."""
    source = open_source(of, path)
    batches = [part() for part in source.parts()]
    rows = [row for batch in batches for row in pa.Table.from_batches([batch.columns]).to_pylist()]
    numbers = [number for batch in batches for number in batch.rows.to_pylist()]
    assert numbers == list(range(1, len(rows) + 1))
    assert source.records_read() == len(rows)
    return rows, source.drift


def test_records_are_found_whatever_their_prefixes_and_namespaces(
    tmp_path: Path, write: Write
) -> None:
    text = """<?xml version="1.0"?><!-- contract --><ns2:export xmlns:ns2="urn:a" xmlns:x="urn:t"
      xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:a v9">
      <ns2:header><made>2020</made></ns2:header>
      <ns2:contract schemeVersion="1.0"><x:id>1</x:id><customer xmlns=""><inn>01</inn></customer></ns2:contract>
      <contractData xmlns="urn:b"><guid>2</guid><n:placer xmlns:n="urn:c"><n:main><n:inn>02</n:inn></n:main></n:placer></contractData>
      <noticeZK><id>3<!-- in the midst -->3</id><customer><inn><![CDATA[0<3]]></inn></customer></noticeZK>
    </ns2:export>"""
    rows, drift = read(contract(tmp_path), write("a.xml", text))
    assert [(r["id"], r["name()"], r["@schemeVersion"], r["customer.inn"]) for r in rows] == [
        ("1", "contract", "1.0", "01"),
        ("2", "contractData", "urn:a v9", "02"),
        ("33", "noticeZK", "urn:a v9", "0<3"),
    ]
    assert {r["/header.made"] for r in rows} == {"2020"}
    assert drift == ("1 elements beside the records (export/header)",)


def test_a_record_may_be_the_document_itself(tmp_path: Path, write: Write) -> None:
    text = '<ns7:noticeEF2020 xmlns:ns7="urn:7" schemeVersion="16.2"><ns7:id>5</ns7:id></ns7:noticeEF2020>'
    rows, _ = read(contract(tmp_path), write("a.xml", text))
    assert [(r["id"], r["name()"], r["@schemeVersion"]) for r in rows] == [
        ("5", "noticeEF2020", "16.2")
    ]


def test_an_element_without_the_attribute_that_records_have_is_no_record(
    tmp_path: Path, write: Write
) -> None:
    text = "<contract><header/><body><item><contractData><id>1</id></contractData></item></body></contract>"
    rows, drift = read(contract(tmp_path), write("a.xml", text))
    assert [row["id"] for row in rows] == ["1"]
    assert drift == ()


def listed(source: str, *fields: Column, aliases: tuple[str, ...] = ()) -> Column:
    return Column(source, "list", "d", source=source, aliases=aliases, fields=fields)


def leaf(source: str, *aliases: str) -> Column:
    return Column(name=source, type="text", description="d", source=source, aliases=aliases)


def gather(columns: list[Column], *records: str) -> list[dict[str, Any]]:
    from lxml import etree

    gathered = Gathered(record_table(columns))
    for record in records:
        gathered.add(etree.fromstring(record))
    return pa.RecordBatch.from_pydict(gathered.take()).to_pylist()


def test_lists_in_lists_keep_their_order_and_their_parents() -> None:
    bids = listed("bid", leaf("@n"), leaf("."), leaf("price"))
    lots = listed("lots.lot", leaf("no"), bids, listed("tag"), aliases=("lot",))
    rows = gather(
        [leaf("id"), lots],
        "<r><id>1</id><lots><lot><no>1</no><bid n='a'>x<price>5</price></bid><bid n='b'/><tag>t</tag><tag>u</tag></lot>"
        "<lot><bid><price>7</price></bid></lot></lots></r>",
        "<r><id>2</id></r>",
        "<r><lot><no>9</no></lot></r>",
    )
    assert rows == [
        {"id": "1", "lots.lot": [
            {"no": "1", "bid": [{"@n": "a", ".": "x", "price": "5"}, {"@n": "b", ".": None, "price": None}], "tag": ["t", "u"]},
            {"no": None, "bid": [{"@n": None, ".": None, "price": "7"}], "tag": []},
        ]},
        {"id": "2", "lots.lot": []},
        {"id": None, "lots.lot": [{"no": "9", "bid": [], "tag": []}]},
    ]  # fmt: skip


def test_a_list_that_no_record_has_is_an_empty_list_of_its_type() -> None:
    outer = listed("outer", leaf("b"), listed("inner", leaf("a")))
    assert gather([leaf("id"), outer], "<r><id>1</id></r>") == [{"id": "1", "outer": []}]


def test_what_repeats_where_one_is_wanted_is_told(tmp_path: Path, write: Write) -> None:
    text = "<e>" + "<contractData><id/><id>1</id><id>2</id></contractData>" * 3 + "</e>"
    rows, drift = read(contract(tmp_path), write("a.xml", text))
    assert [row["id"] for row in rows] == ["1", "1", "1"]
    assert drift == ("id comes again 3 times; the first counts",)


def test_unknown_elements_of_a_record_are_told(tmp_path: Path, write: Write) -> None:
    text = "<contractData><id>1</id><news/><contactInfo>x</contactInfo></contractData>"
    _, drift = read(contract(tmp_path, ignored=["contactInfo"]), write("a.xml", text))
    assert drift == ("unknown column news",)
    with pytest.raises(SourceRefused, match="unknown element news"):
        read(
            contract(tmp_path, ignored=["contactInfo"], unknown_columns="stop"), tmp_path / "a.xml"
        )


def test_all_documents_of_an_archive_are_read_or_told(tmp_path: Path) -> None:
    path = tmp_path / "daily.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../etc/one.xml", f"<export>{ONE.format(1)}{ONE.format(2)}</export>")
        archive.writestr("empty.xml", "")
        archive.writestr("one.xml.sig", "MII")
        archive.writestr("plan.xml", "<purchasePlan><header/></purchasePlan>")
        archive.writestr("mixed.xml", f"<export>{ONE.format(3)}<procedure/><procedure/></export>")
        archive.writestr("utf16.xml", '<?xml version="1.0" encoding="UTF-16"?><export>'.encode("utf-16") +
                         (ONE.format("Ж") + "</export>").encode("utf-16-le"))  # fmt: skip
        archive.writestr("cp1251.xml", ('<?xml version="1.0" encoding="windows-1251"?>' +
                         ONE.format("Ж")).encode("cp1251"))  # fmt: skip
    rows, drift = read(contract(tmp_path), path)
    assert [row["id"] for row in rows] == ["1", "2", "3", "Ж", "Ж"]
    assert sorted(drift) == [
        "1 documents hold no record (purchasePlan/header)",
        "1 members of the archive are empty (0 bytes)",
        "1 members of the archive are no XML (.sig)",
        "2 elements beside the records (export/procedure)",
    ]
    assert not (tmp_path.parent / "etc").exists()


def test_a_broken_document_of_an_archive_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "daily.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good.xml", ONE.format(1))
        archive.writestr("cut.xml", f"<export>\n{ONE.format(2)}\n<contr")
    with pytest.raises(
        SourceRefused, match=r"daily\.zip: 'cut\.xml', line 3, column .*not well-formed"
    ):
        read(contract(tmp_path), path)


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {n} "{f"&{p};" * 10}">' for p, n in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><export>&i;</export>"
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"is empty \(0 bytes\)"),
        ("id,name\n1,2\n", "is not XML"),
        ("<purchasePlan><header/></purchasePlan>", r"no record .*purchasePlan/header"),
        ("<e><contractData><id>1</id></e>", "line 1, column .*not well-formed"),
        (f"<e>{ONE.format(1)}", "line 1, column .*not well-formed"),
        (BOMB, "declares a document type"),
        ('<!DOCTYPE e SYSTEM "http://127.0.0.1:9/x.dtd"><e/>', "declares a document type"),
        ('<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/passwd">]><contractData><id>&x;</id></contractData>',
         "declares a document type"),
        ('<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE e+AD4APA-e/+AD4-', "encoding 'utf-7'"),
        ("<e>&nbsp;</e>", "line 1, column .*not well-formed"),
        ("<a>" * 300 + "</a>" * 300, "not well-formed XML: .*depth"),
        (f'<e a="{"x" * 10_100_000}"/>', "a tag is longer than"),
        (b"<e>\xff</e>", "not well-formed"),
        ("<e><p:contractData/></e>", "line 1, column .*prefix p on contractData is not defined"),
    ],
)  # fmt: skip
def test_what_is_no_xml_of_ours_is_refused_with_its_place(
    tmp_path: Path, write: Write, text: str | bytes, says: str
) -> None:
    with pytest.raises(SourceRefused, match=says):
        read(contract(tmp_path), write("a.xml", text))


def test_a_record_that_never_ends_is_refused_within_a_bound(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml_documents, "MAX_RECORD_BYTES", 1024**2)
    text = "<e><contractData>" + "<x>1</x>" * 300_000 + "</contractData></e>"
    with pytest.raises(HostileInput, match="an element of e/contractData is larger than"):
        read(contract(tmp_path), write("a.xml", text))


def test_an_archive_that_swells_is_refused_though_each_document_is_small(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(40):
            archive.writestr(f"{number}.xml", "<e>" + " " * 2_000_000 + "</e>")
    with pytest.raises(HostileInput, match="zip bomb"):
        read(contract(tmp_path, limits={"max_ratio": 2}), path)


def test_an_archive_inside_an_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "outer.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.zip", b"PK\x03\x04 and so on")
    with pytest.raises(HostileInput, match=r"'inner\.zip' is an archive inside an archive"):
        read(contract(tmp_path), path)


def test_memory_does_not_grow_with_documents_of_another_kind(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml_documents, "MAX_RECORD_BYTES", 2 * 1024**2)
    text = "<plan><rows>" + "<row><id>1</id></row>" * 300_000 + "</rows></plan>"
    with pytest.raises(SourceRefused, match=r"no record .*plan/rows"):
        read(contract(tmp_path), write("a.xml", text))


@given(st.data())
@settings(max_examples=60)
def test_the_count_in_the_bytes_is_the_readers_whatever_the_pieces(data: st.DataObject) -> None:
    pieces = st.sampled_from(
        [
            '<contract schemeVersion="1"><id>1</id></contract>',
            "<p:contract xmlns:p='u' p:schemeVersion = '>/'  ><contract schemeVersion='1'/></p:contract >",
            "<contractData/>", "<contractDatas><contractData\n/></contractDatas>",
            "<contractData><!-- </contractData> --><contractData></contractData></contractData>",
            "<noticeZK><![CDATA[</noticeZK><noticeZK>]]></noticeZK>",
            "<noticeZK><?pi </noticeZK> ?><noticeZKs/></noticeZK>",
            "<!-- <contractData/> -->", "<contract/>", "<x a='contractData'>contractData</x>",
            "<x><![CDATA[<contractData/>]]></x>", "<?pi <contractData/>?>", "text &lt;contractData/>",
        ]
    )  # fmt: skip
    text = f"<e>{''.join(data.draw(st.lists(pieces, max_size=8)))}</e>".encode()
    step = data.draw(st.integers(1, 40))
    names = [RecordName.of(name) for name in FORMAT["records"]]
    counter = RecordCounter(names, "a.xml")
    found = 0
    document = xml_documents.XmlDocument(
        xml_documents.RecordMatcher(names), lambda _: None,
        xml_documents.XmlHead.of(text, "a.xml"), "a.xml",
    )  # fmt: skip
    for at in range(0, len(text), step):
        counter.feed(text[at : at + step])
        found += len(list(document.feed(text[at : at + step])))
    found += len(list(document.finish()))
    assert counter.records == found


def test_batches_end_with_their_bytes_and_numbers_go_on(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml_records, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(xml_records, "BATCH_BYTES", 5000)
    text = "<e>" + "".join(f"<x/>{ONE.format(n)} and text" for n in range(1000)) + "</e>"
    of = contract(tmp_path)
    assert of.format == SourceFormat(kinds=("xml",), records=tuple(FORMAT["records"]))
    source = open_source(of, write("a.xml", text))
    batches = [part() for part in source.parts()]
    assert len(batches) > 10
    assert [v for b in batches for v in b.columns["id"].to_pylist()] == [
        str(n) for n in range(1000)
    ]
    assert batches[-1].rows[-1].as_py() == source.records_read() == 1000
