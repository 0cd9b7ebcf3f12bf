"""Publishing: whole versions, one link, unchanged ones are not published, rollback holds."""

from pathlib import Path

import duckdb
import pytest

from warehouse import publish
from warehouse.database import open_warehouse
from warehouse.errors import PublishFailed


def _publish(home: Path, value: int, keep: int = 5) -> publish.Version | None:
    with open_warehouse(home) as connection:
        connection.execute("create schema if not exists marts")
        connection.execute(f"create or replace table marts.mart_toy as select {value} as n")
        connection.execute("comment on column marts.mart_toy.n is 'a number'")
        version = publish.write_aside(connection, home, {"horizon": 1})
    return publish.switch(home, version, keep) if version else None


def _read(home: Path) -> list[tuple[int]]:
    with duckdb.connect(home / "published" / "current.duckdb", read_only=True) as reader:
        return reader.execute("select n from dvina.marts.mart_toy").fetchall()


def test_a_version_is_read_through_the_link_under_one_catalogue_name(home: Path) -> None:
    _publish(home, 1)
    assert _read(home) == [(1,)]
    _publish(home, 2)
    assert _read(home) == [(2,)]
    parquet = home / "published" / "current" / "parquet" / "mart_toy" / "mart_toy.parquet"
    assert duckdb.sql(f"from '{parquet}'").fetchall() == [(2,)]


def test_comments_travel_with_the_marts(home: Path) -> None:
    _publish(home, 1)
    with duckdb.connect(home / "published" / "current.duckdb", read_only=True) as reader:
        found = reader.execute(
            "select comment from duckdb_columns() where table_name = 'mart_toy'"
        ).fetchall()
    assert found == [("a number",)]


def test_what_did_not_change_is_not_published(home: Path) -> None:
    first = _publish(home, 1)
    assert first is not None
    assert _publish(home, 1) is None
    present = publish.current(home)
    assert present is not None
    assert present.version_id == first.version_id


def test_a_reader_with_the_old_version_open_keeps_it(home: Path) -> None:
    _publish(home, 1)
    with duckdb.connect(home / "published" / "current.duckdb", read_only=True) as reader:
        _publish(home, 2)
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
