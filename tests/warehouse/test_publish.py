"""Publishing: whole versions, one link, unchanged ones are not published, rollback holds."""

import json
import os
import shutil
from pathlib import Path

import duckdb
import pytest

from warehouse import aside, contents, publish, snapshot, standing
from warehouse.contents import PARTED_ROWS
from warehouse.database import open_warehouse
from warehouse.errors import PublishFailed
from warehouse.sums import BLOCK_BYTES, first_difference, page_sums, sums_of_blocks

BIG = PARTED_ROWS + 1000


def _publish(home: Path, value: int, keep: int = 5) -> publish.Version | None:
    with open_warehouse(home) as connection:
        connection.execute("create schema if not exists marts")
        connection.execute(f"create or replace table marts.mart_toy as select {value} as n")
        connection.execute("comment on column marts.mart_toy.n is 'a number'")
        version = publish.write_aside(connection, home, {"horizon": 1})
    return publish.switch(home, version, keep) if version else None


def _change(home: Path, *statements: str, words: publish.Words | None = None) -> publish.Version:
    """Do something to the marts of a warehouse and publish."""
    with open_warehouse(home) as connection:
        connection.execute("create schema if not exists marts")
        for statement in statements:
            connection.execute(statement)
        version = publish.write_aside(connection, home, {"horizon": 1}, words)
    assert version is not None
    return publish.switch(home, version, 5)


def _ask(home: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(home / "published" / "current.duckdb", read_only=True) as reader:
        return reader.execute(query).fetchall()


def _read(home: Path) -> list[tuple[object, ...]]:
    return _ask(home, "select n from dvina.marts.mart_toy")


def _parquet(version: publish.Version, mart: str) -> dict[str, int]:
    """Name -> inode of the Parquet files of a mart."""
    files = (version.folder / "parquet" / mart).glob("*.parquet")
    return {path.name: path.stat().st_ino for path in files}


def test_a_version_is_read_through_the_link_under_one_catalogue_name(home: Path) -> None:
    _publish(home, 1)
    assert _read(home) == [(1,)]
    _publish(home, 2)
    assert _read(home) == [(2,)]
    parquet = home / "published" / "current" / "parquet" / "mart_toy" / "mart_toy.parquet"
    assert duckdb.sql(f"from '{parquet}'").fetchall() == [(2,)]


def test_comments_travel_with_the_marts(home: Path) -> None:
    _publish(home, 1)
    told = "select comment from duckdb_columns() where table_name = 'mart_toy'"
    assert _ask(home, told) == [("a number",)]


def test_what_is_said_about_the_data_is_published_with_them_and_again_when_it_changes(
    home: Path,
) -> None:
    _publish(home, 1)
    words = publish.Words({"marts.mart_toy": "toys"}, {"dictionary/index.html": "<p>toys"})
    _change(home, words=words)
    assert _ask(home, "select comment from duckdb_tables() where table_name = 'mart_toy'") == [
        ("toys",)
    ]
    assert (home / "published/current/dictionary/index.html").read_text() == "<p>toys"
    with open_warehouse(home) as connection:
        assert publish.write_aside(connection, home, {}, words) is None
    assert _read(home) == [(1,)]


def test_what_did_not_change_is_not_published(home: Path) -> None:
    first = _publish(home, 1)
    assert first is not None
    assert _publish(home, 1) is None
    present = publish.current(home)
    assert present is not None
    assert present.version_id == first.version_id


def test_a_reader_with_the_old_version_open_keeps_it_and_one_that_opens_the_link_again_does_not(
    home: Path,
) -> None:
    _publish(home, 1)
    with duckdb.connect(home / "published" / "current.duckdb", read_only=True) as reader:
        _publish(home, 2)
        assert reader.execute("select n from marts.mart_toy").fetchall() == [(1,)]
        assert _read(home) == [(2,)]  # in the same process
        assert reader.execute("select n from marts.mart_toy").fetchall() == [(1,)]


def test_a_rollback_holds_until_something_changes(home: Path) -> None:
    _publish(home, 1)
    _publish(home, 2)
    publish.roll_back(home)
    assert _read(home) == [(1,)]
    assert _publish(home, 2) is None
    assert _read(home) == [(1,)]
    _publish(home, 3)
    assert _read(home) == [(3,)]


def test_only_so_many_versions_are_kept(home: Path) -> None:
    for value in range(5):
        _publish(home, value, keep=2)
    assert len(list((home / "published" / "versions").glob("[!.]*"))) == 2
    publish.roll_back(home)
    with pytest.raises(PublishFailed, match="no older version"):
        publish.roll_back(home)


def test_leftovers_of_a_killed_publish_are_removed(home: Path) -> None:
    _publish(home, 1)
    versions = home / "published" / "versions"
    (versions / ".x.part").mkdir()
    (versions / "99990101T000000-never").mkdir()
    publish.clean(home)
    assert [folder.name for folder in versions.iterdir()] == [publish.current(home).version_id]  # type: ignore[union-attr]


def test_nothing_built_is_nothing_published(home: Path) -> None:
    with open_warehouse(home) as connection, pytest.raises(PublishFailed, match="no marts"):
        publish.write_aside(connection, home, {})


def test_parquet_of_marts_that_did_not_change_is_linked_and_of_large_ones_by_the_year(
    home: Path,
) -> None:
    first = _change(
        home,
        "create table marts.mart_small as select 1 as n",
        f"create table marts.mart_big as select i as n, (2000 + i % 5)::varchar as period from range({BIG}) as t(i)",
    )
    second = _change(home, "update marts.mart_big set n = -1 where n = 3")
    assert _parquet(second, "mart_small") == _parquet(first, "mart_small")
    before, after = _parquet(first, "mart_big"), _parquet(second, "mart_big")
    assert len(before) == 5
    assert {name for name in after if after[name] != before[name]} == {"mart_big-2003.parquet"}
    files = second.folder / "parquet" / "mart_big" / "*.parquet"
    assert duckdb.sql(f"select count(*), min(n) from '{files}'").fetchall() == [(BIG, -1)]
    assert _ask(home, "select count(*), min(n) from marts.mart_big") == [(BIG, -1)]


def test_a_version_made_from_the_one_before_equals_one_made_anew(
    home: Path, tmp_path: Path
) -> None:
    big = f"create table marts.mart_big as select i as n, (2000 + i % 5)::varchar as period from range({BIG}) as t(i)"
    steps = (
        (big, "create table marts.mart_small as select 1 as n"),
        ("delete from marts.mart_big where period = '2004'", "drop table marts.mart_small"),
        ("insert into marts.mart_big select n, '1999' from marts.mart_big where period = '2001'",),
        ("alter table marts.mart_big rename n to m",),
        ("delete from marts.mart_big where period < '2003'",),  # small again: one part
        ("create view marts.view_big as select period, m from marts.mart_big",),
    )
    for step in steps:
        version = _change(home, *step)
        anew = tmp_path / version.version_id
        (anew / "published").mkdir(parents=True)
        with open_warehouse(home) as connection:
            written = publish.write_aside(connection, anew, {})
        assert written is not None
        assert written.manifest["contents"] == version.manifest["contents"]
        for name in version.tables:
            with duckdb.connect(version.database, read_only=True) as reader:
                reader.execute(f"attach '{written.database}' as anew (read_only)")
                for one, other in ((name, f"anew.{name}"), (f"anew.{name}", name)):
                    assert reader.execute(f"from {one} except all from {other}").fetchall() == []
        assert set(_all_parquet(version)) == set(_all_parquet(written))
    assert _ask(home, "select count(*) from dvina.marts.view_big") == [(BIG // 5,)]


def _all_parquet(version: publish.Version) -> list[str]:
    return [str(p.relative_to(version.folder)) for p in version.folder.rglob("*.parquet")]


def test_a_file_that_was_copied_too_often_is_written_anew(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(home, 1)
    monkeypatch.setattr(snapshot, "_MOST_GROWTH", 0.0)
    copied: list[Path] = []
    monkeypatch.setattr(aside.shutil, "copyfile", lambda *args: copied.append(args[0]))
    _publish(home, 2)
    assert copied == []
    assert _read(home) == [(2,)]


def test_the_manifest_says_what_the_version_is_made_of(home: Path) -> None:
    version = _publish(home, 1)
    assert version is not None
    entry = json.loads((version.folder / publish.MANIFEST).read_text())
    assert entry["version_id"] == version.version_id
    assert entry["horizon"] == 1
    assert entry["sources"] == {}
    assert entry["as_of"] is None
    names = {str(p.relative_to(version.folder)) for p in version.folder.rglob("*") if p.is_file()}
    assert set(entry["sha256"]) == names - {publish.MANIFEST, publish.DATABASE}
    assert len(entry["sha256_of_blocks"][publish.DATABASE]) == 1


@pytest.mark.parametrize(
    "changes",
    [
        (),
        ("update t set n = n + 1 where n between 300000 and 300050",),
        ("delete from t where n < 150000", "insert into t from range(40000) as r(n), (select 'new')"),
        ("create table u as select hash(range)::varchar as text from range(200000)",),
        ("drop table other", "create table v as from range(7)"),
    ],
)  # fmt: skip
def test_sums_of_a_changed_copy_are_those_of_the_file(
    tmp_path: Path, changes: tuple[str, ...]
) -> None:
    former, path = tmp_path / "former.duckdb", tmp_path / "copy.duckdb"
    with duckdb.connect(former) as connection:
        connection.execute("create table other as select hash(range) as n from range(300000)")
        connection.execute(
            "create table t as select range as n, hash(range)::varchar as text from range(500000)"
        )
    shutil.copy(former, path)
    with duckdb.connect(path) as connection:
        for change in changes:
            connection.execute(change)
    known = sums_of_blocks(former, None, ())
    assert len(known) > 5
    sums = sums_of_blocks(path, page_sums(former), known)
    assert sums == sums_of_blocks(path, None, ())
    assert (sums == known) == (not changes)
    assert first_difference(path, sums, BLOCK_BYTES) is None
    # What was written to is found by its pages: of the others the sums are taken over.
    kept = sums_of_blocks(path, page_sums(former), ["known"] * len(known))
    assert "known" in kept
    with path.open("r+b") as file:
        file.seek(3 * BLOCK_BYTES + 5)
        file.write(b"?")
    assert first_difference(path, sums, BLOCK_BYTES) == 3 * BLOCK_BYTES


def test_a_file_of_other_pages_is_summed_whole(tmp_path: Path) -> None:
    former, path = tmp_path / "former", tmp_path / "path"
    former.write_bytes(bytes(3 * BLOCK_BYTES))
    path.write_bytes(bytes(3 * BLOCK_BYTES - 1) + b"1")
    known = sums_of_blocks(former, None, ())
    assert sums_of_blocks(path, page_sums(former), known) == [
        *known[:2],
        sums_of_blocks(path, None, ())[2],
    ]


def _held(home: Path, written: standing.Written, *statements: str) -> publish.Version | None:
    """Publish after statements, measuring only what is said to be written to."""
    with open_warehouse(home) as connection:
        held = standing.without(standing.take(connection, home), written)
        for statement in statements:
            connection.execute(statement)
        version = publish.write_aside(connection, home, {"horizon": 1}, held=held)
        if version is None:
            return None
        found = contents.tables(connection, {})
    assert version.tables == {table.full_name: table.content for table in found}
    return publish.switch(home, version, 5)


_BIG = f"""
create table marts.mart_big as
select i as n, concat(2000 + i % 5, ['', '-Q1', '-03'][1 + i % 3]) as period
from range({BIG}) as t(i)
"""


@pytest.mark.parametrize("by_period", [False, True])
def test_only_what_was_written_to_is_measured_and_all_of_it_is_published(
    home: Path, monkeypatch: pytest.MonkeyPatch, by_period: bool
) -> None:
    if by_period:
        monkeypatch.setattr(contents, "BY_PERIOD_ROWS", PARTED_ROWS)
    _change(home, _BIG, "create table marts.mart_small as select 1 as n")
    assert _held(home, {"mart_big": (2003,)}) is None
    for written, statement in (
        ({"mart_big": (2003,)}, "update marts.mart_big set n = -1 where n = 3"),
        ({"mart_big": (2001, 1999)}, "update marts.mart_big set period = '1999-01' where n = 6"),
        ({"mart_big": (2004,)}, "delete from marts.mart_big where period >= '2004'"),
        ({"mart_big": (2002, 2000)}, "update marts.mart_big set n = -2 where period = '2002-Q1'"),
        ({"mart_small": None}, "insert into marts.mart_small values (2)"),
        ({"mart_small": (2001,)}, "insert into marts.mart_small values (3)"),
        ({"mart_new": None}, "create table marts.mart_new as select 1 as n"),
        ({}, "drop table marts.mart_new"),
    ):  # fmt: skip
        assert _held(home, written, statement) is not None
    assert _ask(home, "select count(*) from dvina.marts.mart_big where period = '1999-01'") == [
        (1,)
    ]


def test_a_mart_that_has_other_rows_than_is_known_is_measured_whole(home: Path) -> None:
    _change(home, _BIG)
    version = _held(home, {"mart_big": (2003,)}, "delete from marts.mart_big where n = 1")
    assert version is not None
    assert _ask(home, "select count(*) from marts.mart_big where n = 1") == [(0,)]


def test_nothing_is_known_once_a_writer_died_or_another_version_is_current(home: Path) -> None:
    for died in (True, False):
        _change(home, f"create or replace table marts.mart_toy as select {died} as n, 1 as one")
        _change(home, "update marts.mart_toy set one = 2")
        if died:
            with open_warehouse(home) as connection:
                assert standing.take(connection, home)
        else:
            publish.roll_back(home)
        with open_warehouse(home) as connection:
            assert standing.take(connection, home) == {}


def test_published_files_cannot_be_written_by_mistake(home: Path) -> None:
    version = _publish(home, 1)
    assert version is not None
    files = [path for path in version.folder.rglob("*") if path.is_file()]
    assert files
    assert {oct(os.stat(path).st_mode & 0o777) for path in files} == {"0o444"}


def test_a_part_that_was_written_otherwise_is_told_and_not_published(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(home, 1)
    write = snapshot.write_database

    def miswrite(*args: object) -> int:
        size = write(*args)  # type: ignore[arg-type]
        with duckdb.connect(str(args[1])) as connection:
            connection.execute("update marts.mart_toy set n = 7")
        return size

    monkeypatch.setattr(publish, "write_database", miswrite)
    with pytest.raises(PublishFailed, match=r"marts.mart_toy reads otherwise"):
        _publish(home, 2)
    assert _read(home) == [(1,)]
    assert list((home / "published" / "versions").glob(".*")) == []


def test_a_view_is_the_same_in_a_file_opened_again_and_another_by_one_space(home: Path) -> None:
    def view(says: str) -> str:
        return (
            f"create or replace view marts.said as select '{says}' as says, "
            "cast(n as decimal(18, 1)) as n from warehouse.marts.mart_toy"
        )

    _change(
        home, "create or replace table marts.mart_toy as select 1 as n", view("warehouse.marts. x")
    )
    with open_warehouse(home) as connection:
        assert publish.write_aside(connection, home, {"horizon": 1}) is None
    _change(home, view("warehouse.marts.  x"))
    assert _ask(home, "from dvina.marts.said") == [("warehouse.marts.  x", 1)]
