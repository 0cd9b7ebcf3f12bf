"""What is published stands in PostgreSQL, too: whole at every moment, by parts, with its words."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as driver
import pytest

from tests.postgres import postgres_in, psql
from warehouse import publish
from warehouse.contents import PARTED_ROWS
from warehouse.database import open_warehouse
from warehouse.errors import PublishFailed
from warehouse.postgres import publish_to_postgres

BIG = PARTED_ROWS + 1000
WORDS = publish.Words(
    {
        "marts.mart_toy": "toys, it's said",
        "marts.mart_toy.n": "which version. Unit: number",
        "marts.view_toy.n": "handed on",
    }
)
_TOY = (
    "create or replace table marts.mart_toy as select {v}::bigint as n, i as item_id, "
    "'2020'::varchar as period, (i / 3)::decimal(18, 6) as share, date '2020-01-31' as day, "
    "i % 2 = 0 as is_even, null::varchar as nothing from range(1000) as t(i)",
    "create or replace table marts.mart_other as select {v}::bigint as n from range(500)",
    "create or replace view marts.view_toy as select n, item_id from marts.mart_toy where item_id < 10",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres_in(tmp_path_factory.mktemp("server")) as uri:
        yield uri


@pytest.fixture
def uri(server: str, request: pytest.FixtureRequest) -> str:
    """A database of its own."""
    name = f"test_{abs(hash(request.node.name))}"
    psql(server, f"create database {name}")
    address, _, options = server.partition("?")
    return f"{address.rsplit('/', 1)[0]}/{name}?{options}"


def _publish(home: Path, *statements: str, words: publish.Words = WORDS) -> publish.Version:
    with open_warehouse(home) as connection:
        connection.execute("create schema if not exists marts")
        for statement in statements:
            connection.execute(statement)
        version = publish.write_aside(connection, home, {}, words)
    assert version is not None
    return publish.switch(home, version, 5)


def _toy(home: Path, value: int) -> publish.Version:
    return _publish(home, *(statement.format(v=value) for statement in _TOY))


def test_psql_reads_tables_views_comments_and_the_read_only_role(home: Path, uri: str) -> None:
    assert publish_to_postgres(_toy(home, 7), uri)
    assert psql(uri, "select count(*), sum(n), sum(share) from marts.mart_toy") == (
        "1000|7000|166500.000000"
    )
    assert psql(uri, "select count(*), min(n) from marts.view_toy") == "10|7"
    assert psql(uri, "select obj_description('marts.mart_toy'::regclass)") == "toys, it's said"
    assert psql(uri, "select col_description('marts.view_toy'::regclass, 1)") == "handed on"
    assert psql(uri, "select count(*) from ops.decisions") == "0"
    indexed = psql(uri, "select indexdef from pg_indexes where schemaname = 'marts'")
    assert "(item_id)" in indexed
    assert "(period)" in indexed
    psql(uri, "select 1 from marts.mart_toy limit 1", "-c", "set role dvina_reader")
    with pytest.raises(AssertionError, match="permission denied"):
        psql(uri, "select 1", "-c", "set role dvina_reader", "-c", "delete from marts.mart_toy")


def test_a_version_that_is_there_changes_nothing(home: Path, uri: str) -> None:
    version = _toy(home, 1)
    assert publish_to_postgres(version, uri)
    before = psql(
        uri, "select pg_current_xact_id_if_assigned(), max(xmin::text) from marts.mart_toy"
    )
    assert not publish_to_postgres(version, uri)
    after = psql(
        uri, "select pg_current_xact_id_if_assigned(), max(xmin::text) from marts.mart_toy"
    )
    assert after == before


def test_only_the_parts_that_changed_are_written(home: Path, uri: str) -> None:
    big = f"create table marts.mart_big as select i as n, (2000 + i % 5)::varchar as period from range({BIG}) as t(i)"
    publish_to_postgres(_publish(home, big), uri)
    before = psql(
        uri, "select period, max(xmin::text::bigint) from marts.mart_big group by 1 order by 1"
    )
    publish_to_postgres(_publish(home, "update marts.mart_big set n = -1 where n = 3"), uri)
    after = psql(
        uri, "select period, max(xmin::text::bigint) from marts.mart_big group by 1 order by 1"
    )
    changed = set(after.splitlines()) - set(before.splitlines())
    assert {line.split("|")[0] for line in changed} == {"2003"}
    assert psql(uri, "select count(*), min(n) from marts.mart_big") == f"{BIG}|-1"
    publish_to_postgres(_publish(home, "delete from marts.mart_big where period < '2004'"), uri)
    assert psql(uri, "select count(*) from marts.mart_big") == str(BIG // 5)


def test_views_of_others_stay_and_new_columns_come(home: Path, uri: str) -> None:
    publish_to_postgres(_toy(home, 1), uri)
    psql(uri, "create view public.mine as select sum(n) as s from marts.mart_other")
    publish_to_postgres(_toy(home, 2), uri)
    assert psql(uri, "select s from public.mine") == "1000"
    version = _publish(home, "alter table marts.mart_toy add column more integer default 5")
    publish_to_postgres(version, uri)
    assert psql(uri, "select sum(more) from marts.mart_toy") == "5000"
    assert psql(uri, "select s from public.mine") == "1000"
    assert psql(uri, "select count(*) from marts.view_toy") == "10"
    publish_to_postgres(
        _publish(home, "drop view marts.view_toy", "drop table marts.mart_toy"), uri
    )
    assert psql(
        uri, "select table_name from information_schema.tables where table_schema = 'marts'"
    ) == ("mart_other")


def test_what_fails_leaves_the_former_version(home: Path, uri: str) -> None:
    publish_to_postgres(_toy(home, 1), uri)
    psql(uri, "alter table marts.mart_other add constraint never check (n < 2)")
    with pytest.raises(PublishFailed, match="keeps the version"):
        publish_to_postgres(_toy(home, 2), uri)
    assert psql(uri, "select min(n) from marts.mart_toy") == "1"
    with pytest.raises(PublishFailed):
        publish_to_postgres(_toy(home, 3), "postgresql://nobody@127.0.0.1:1/nowhere")


@pytest.mark.timeout(120)
def test_readers_under_load_never_find_a_table_missing_empty_or_mixed(home: Path, uri: str) -> None:
    publish_to_postgres(_toy(home, 0), uri)
    done, seen, wrong = threading.Event(), list[int](), list[str]()
    readers = [
        threading.Thread(target=_read_on, args=(uri, level, done, seen, wrong))
        for level in ("read committed", "repeatable read") * 2
    ]
    for reader in readers:
        reader.start()
    try:
        for value in range(1, 11):
            assert publish_to_postgres(_toy(home, value), uri)
            time.sleep(0.1)
    finally:
        done.set()
        for reader in readers:
            reader.join(30)
    assert wrong == []
    assert len(seen) >= 40
    assert len(set(seen)) >= 3, "no reader met a publish"


def _read_on(
    uri: str, level: str, done: threading.Event, seen: list[int], wrong: list[str]
) -> None:
    """Ask both tables again and again; in repeatable read they belong to one version."""
    with driver.connect(uri) as connection, connection.cursor() as cursor:
        while not done.is_set():
            try:
                cursor.execute(f"set transaction isolation level {level}")
                answers = [_ask(cursor, table) for table in ("mart_toy", "mart_other")]
                time.sleep(0.05)
                answers += [_ask(cursor, "mart_toy")]
                connection.rollback()
            except Exception as error:
                wrong.append(f"{level}: {type(error).__name__}: {error}")
                connection.rollback()
                continue
            counts = [count for count, *_ in answers]
            if counts != [1000, 500, 1000] or any(low != high for _, low, high in answers):
                wrong.append(f"{level}: {answers}")
            if level == "repeatable read" and len({low for _, low, _ in answers}) != 1:
                wrong.append(f"{level}: {answers}")
            seen += [low for _, low, _ in answers]


def _ask(cursor: Any, table: str) -> tuple[int, int, int]:
    cursor.execute(f"select count(*), min(n), max(n) from marts.{table}")
    row: tuple[int, int, int] = cursor.fetchone()
    return row
