"""Opens the warehouse file, and nothing else does.

The file carries a schema version: an older one is brought up to date, a newer one is refused.
Hold the writer's lock while a connection is open; ``:memory:`` connections need none.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from warehouse.errors import SchemaTooNew, WarehouseError

# 2: what a slice's rows share stands in ledger.units; 3: positions in topics; 4: offenders; 5: the
# view of refused rows; 6: the published version that the marts stand at
SCHEMA_VERSION = 6
FILE = "warehouse.duckdb"
DEFAULT_MEMORY = "256MB"
_STORAGE_VERSION = "v1.4.0"  # knows one compression of text that needs one pass, not three
_BLOCK_BYTES = 131_072  # an append touches one block per column: half of DuckDB's default
STORAGE_ERRORS = (
    duckdb.IOException,
    duckdb.TransactionException,
    duckdb.FatalException,
    duckdb.OutOfMemoryException,
)

_SCHEMA = """
create schema if not exists raw;
create schema if not exists accepted;
create schema if not exists quarantine;
create schema if not exists ledger;
create table if not exists ledger.meta (schema_version integer not null);
create table if not exists ledger.loads (
    load_id varchar not null, dataset varchar not null, contract_identity varchar not null,
    origin varchar not null, source_sha256 varchar not null, source_bytes bigint not null,
    rows_read bigint not null, rows_landed bigint not null, rows_quarantined bigint not null,
    rows_duplicate bigint not null, replay_of varchar, drift varchar[] not null,
    quarantine_fingerprint varchar not null,
    landed_at timestamptz not null, committed_at timestamptz not null
);
create table if not exists ledger.units (
    unit_id bigint not null, load_id varchar not null, dataset varchar not null,
    slice varchar not null, scope varchar not null, row_count bigint not null,
    fingerprint varchar not null, contract_identity varchar not null, adds_to varchar,
    constants varchar
);
alter table ledger.units add column if not exists constants varchar;
create table if not exists ledger.events (
    event_no bigint not null, kind varchar not null, load_id varchar not null,
    reason varchar not null, decided_by varchar not null, decided_at timestamptz not null
);
create table if not exists ledger.decisions (
    decision_no bigint not null, dataset varchar not null, load_id varchar not null,
    unit_id bigint, decision varchar not null, reason varchar not null,
    decided_by varchar not null, decided_at timestamptz not null
);
create table if not exists ledger.checks (
    load_id varchar not null, rule varchar not null, severity varchar not null,
    outcome varchar not null, column_name varchar, observed varchar, expected varchar,
    message varchar not null, offenders varchar
);
alter table ledger.checks add column if not exists offenders varchar;
create table if not exists ledger.builds (
    build_id varchar not null, horizon bigint not null, state varchar not null,
    inputs varchar not null, noted_at timestamptz not null
);
create table if not exists ledger.pin (horizon bigint not null);
create table if not exists ledger.marts_as (version_id varchar not null);
create table if not exists quarantine.rows (
    dataset varchar not null, load_id varchar not null, origin varchar not null,
    row bigint not null, rule varchar not null, "column" varchar, "value" varchar,
    source map(varchar, varchar)
);
create table if not exists quarantine.replayed (
    load_id varchar not null, row bigint not null, replay_load_id varchar not null
);
create table if not exists ledger.epochs (
    dataset varchar not null, topic varchar not null, topic_id varchar not null,
    epoch integer not null, reason varchar not null, decided_by varchar not null,
    begun_at timestamptz not null
);
create table if not exists ledger.positions (
    dataset varchar not null, topic varchar not null, epoch integer not null,
    "partition" integer not null, start_offset bigint not null, next_offset bigint not null,
    load_id varchar not null, committed_at timestamptz not null
);
create or replace macro ledger.current_units(of_dataset, horizon) as table
    select unit_id
    from ledger.decisions
    where dataset = of_dataset and decision_no <= horizon and unit_id is not null
    group by unit_id
    having arg_max(decision, decision_no) = 'accepted';
create or replace macro ledger.horizon_at(moment) as (
    select coalesce(max(decision_no), 0) from ledger.decisions where decided_at <= moment
);
create or replace macro ledger.standing_units(of_dataset, horizon) as table
    select unit_id, state
    from (
        select unit_id, arg_max(decision, decision_no) as state
        from ledger.decisions
        where dataset = of_dataset and decision_no <= horizon and unit_id is not null
        group by unit_id
    )
    join ledger.units using (unit_id)
    where state in ('accepted', 'withdrawn')
    qualify state = 'accepted' or not bool_or(state = 'accepted') over (partition by slice);
create or replace view accepted.refused_rows as
    with standing as (
        select unit_id
        from ledger.decisions
        where decision_no <= (select horizon from ledger.pin) and unit_id is not null
        group by unit_id
        having arg_max(decision, decision_no) = 'accepted'
    ),
    behind as (
        select distinct u.dataset, u.slice, l.load_id, coalesce(l.replay_of, l.load_id) as read_as
        from standing
        join ledger.units as u using (unit_id)
        join ledger.loads as l on u.load_id = l.load_id
    ),
    mended as (
        select l.replay_of as load_id, sum(l.rows_landed)::bigint as row_count
        from ledger.loads as l
        where l.replay_of is not null and l.load_id in (select load_id from behind)
        group by l.replay_of
    )
    select distinct
        b.dataset, b.slice, b.read_as as load_id,
        l.rows_quarantined - coalesce(m.row_count, 0) as row_count
    from behind as b
    join ledger.loads as l on b.read_as = l.load_id
    left join mended as m on b.read_as = m.load_id
    where l.rows_quarantined > coalesce(m.row_count, 0);
"""


@contextmanager
def open_warehouse(home: Path, memory: str = DEFAULT_MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the warehouse of ``home``, its schema up to date.

    Raises WarehouseError when the file cannot be opened, SchemaTooNew when it is from a newer
    Dvina. The caller holds the writer's lock.
    """
    path = home / FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _create(path)
        connection = duckdb.connect(path)
    except (duckdb.Error, OSError) as error:
        raise WarehouseError(f"{path} cannot be opened: {error}") from error
    try:
        _configure(connection, home, memory)
        _bring_up_to_date(connection, path)
        yield connection
    except STORAGE_ERRORS as error:
        raise WarehouseError(
            f"{path.name} cannot be written: {error}. What was landed is kept. Make space or mend "
            "the permission, then run again."
        ) from error
    finally:
        with suppress(duckdb.Error):
            connection.close()


@contextmanager
def open_memory(scratch: Path, memory: str = DEFAULT_MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to an empty database in memory that spills into ``scratch``."""
    connection = duckdb.connect(":memory:")
    try:
        _configure(connection, scratch, memory)
        yield connection
    finally:
        connection.close()


@contextmanager
def open_copy(path: Path, memory: str = DEFAULT_MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that only reads a warehouse of its own, which nobody writes any more."""
    connection = duckdb.connect(path, read_only=True)
    try:
        _configure(connection, path.parent, memory)
        yield connection
    finally:
        connection.close()


def quote(identifier: str) -> str:
    """An identifier quoted for SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def _create(path: Path) -> None:
    """An empty warehouse; its block size and storage version stay, whoever opens it."""
    options = f"block_size {_BLOCK_BYTES}, storage_version {literal(_STORAGE_VERSION)}"
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach {literal(str(path))} as made ({options})")


def _configure(connection: duckdb.DuckDBPyConnection, home: Path, memory: str) -> None:
    spill = str(home / ".spill")
    connection.execute(f"set memory_limit = {literal(memory)}")
    connection.execute(f"set temp_directory = {literal(spill)}")
    connection.execute("set enable_progress_bar = false")
    connection.execute("set preserve_insertion_order = false")  # it costs memory; nothing needs it
    connection.execute("set write_buffer_row_group_count = 1")  # more are not written faster
    connection.execute("set enable_external_file_cache = false")  # what was landed is read once
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set autoinstall_known_extensions = false")


def literal(text: str) -> str:
    """A text literal for the few statements of DuckDB that take no bound values."""
    return "'" + text.replace("'", "''") + "'"


def _bring_up_to_date(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    with suppress(duckdb.CatalogException):  # a file that was just made
        found = connection.execute("select max(schema_version) from ledger.meta").fetchone()
        version = found[0] if found and found[0] else 0
        if version > SCHEMA_VERSION:
            raise SchemaTooNew(
                f"{path.name} has schema version {version}, this Dvina knows {SCHEMA_VERSION}. "
                "Use the newer Dvina, or restore a backup."
            )
        if version == SCHEMA_VERSION:
            return
    connection.begin()
    connection.execute(_SCHEMA)
    connection.execute("delete from ledger.meta")
    connection.execute("insert into ledger.meta values (?)", [SCHEMA_VERSION])
    connection.execute("insert into ledger.pin select 0 where not exists (from ledger.pin)")
    connection.commit()
