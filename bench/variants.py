"""What is measured: each variant is a function that runs once in a process of its own.

``python -m bench.variants NAME SPEC`` (SPEC is JSON) runs one and prints one line of JSON: seconds
and CPU seconds of the measured part, of its laps, and of the imports, which are not in it. What
has to be there before (copies of a warehouse, generated files) is made outside the clock.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import SecretStr

DATASET = "bench_flows"
DUMP, ANSWERS = "customs_fcs_flows", "customs_comtrade_flows"  # as they are shipped
RELEASES = "procurement_ocds_releases"
STATEMENTS = "loans_worldbank_statements"
CONTRACTS = Path(__file__).parent / "contracts"
_CSV_TYPES = {
    "reporter": "varchar", "period": "varchar", "flow": "varchar", "commodity": "varchar",
    "region": "varchar", "value": "decimal(18, 2)", "net_weight": "decimal(18, 3)",
    "quantity": "decimal(18, 2)",
}  # fmt: skip
_DUMP_TYPES = {
    "NAPR": "varchar", "PERIOD": "varchar", "STRANA": "varchar", "TNVED": "varchar",
    "EDIZM": "varchar", "STOIM": "decimal(18, 2)", "NETTO": "decimal(18, 6)",
    "KOL": "decimal(18, 6)", "REGION": "varchar", "REGION_S": "varchar",
}  # fmt: skip
_FLOW = "case flow when 'EXPORT' then 'X' when 'IMPORT' then 'M' end"


@dataclass
class Measured:
    """Seconds and CPU seconds of the measured part; laps are seconds of what lies inside it."""

    seconds: float = 0.0
    cpu: float = 0.0
    import_s: float = 0.0
    laps: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


Spec = dict[str, Any]
Variant = Callable[[Spec, Measured], None]


def ours_load(spec: Spec, out: Measured) -> None:
    """The whole way of a file, by ``dvina.pipeline.ingest``; the gate only if ``gate`` is set.

    ``home`` is used as it is, or is a copy of ``base``. Laps: landing, the part under the lock,
    the transaction.
    """
    begun = time.perf_counter()
    from dvina import pipeline
    from dvina.settings import Settings
    from warehouse import commit

    _import_reading()
    if spec.get("gate"):
        from expectations.gate import warm

        warm()
    else:
        pipeline.judge = _pass_unseen
    out.import_s = time.perf_counter() - begun
    home = _home(spec)
    for module, name, lap in (
        (pipeline.archive, "_copy", "fetch"),  # beside the reading
        (pipeline.segments, "write_segments", "segments"),
        (pipeline.Sealer, "seal", "seal"),
        (pipeline, "judge_landed", "gate"),
        (pipeline, "commit_pending", "commit"),
        (commit, "in_transaction", "transaction"),
    ):
        _clock(module, name, lap, out)
    with _measure(out):
        outcome = pipeline.ingest(Settings(home=home), spec.get("dataset", DATASET), spec["csv"])
    if outcome.state != "accepted":
        raise SystemExit(f"the load was {outcome.state}: {outcome.message}")
    out.facts = {"landed": outcome.rows_landed, "quarantined": outcome.rows_quarantined}


def limit_load(spec: Spec, out: Measured) -> None:
    """The same reader, cast and Parquet, then an insert into a DuckDB table: no bookkeeping."""
    begun = time.perf_counter()
    from warehouse.database import open_warehouse

    out.import_s = time.perf_counter() - begun + _import_reading()
    scratch = Path(spec["home"])
    scratch.mkdir(parents=True)
    columns, bound = _raw_columns(), _commit_memory()
    with _measure(out):
        with _lap(out, "segments"):
            parquet = _read_cast_write(Path(spec["csv"]), scratch)
        with _lap(out, "insert"), open_warehouse(scratch, bound) as connection:
            connection.execute(f"create table flows ({columns}, _row bigint)")
            connection.execute(f"insert into flows select * from {parquet}")


def limit_insert(spec: Spec, out: Measured) -> None:
    """A bare insert of a landed load into the raw table of a warehouse that is there already."""
    from warehouse.database import open_warehouse

    home = _home(spec)
    parquet = f"read_parquet({json.dumps(spec['segments']).replace(chr(34), chr(39))})"
    with open_warehouse(home, _commit_memory()) as connection, _measure(out):
        connection.begin()
        connection.execute(f"insert into raw.{DATASET} {_stored(connection)} from {parquet}")
        connection.commit()


def limit_replace(spec: Spec, out: Measured) -> None:
    """The same reading, then all rows deleted and all of the file inserted in one transaction."""
    _import_reading()
    from warehouse.database import open_warehouse

    home = _home(spec)
    scratch, bound = home / "replace", _commit_memory()
    scratch.mkdir()
    with _measure(out):
        with _lap(out, "segments"):
            parquet = _read_cast_write(Path(spec["csv"]), scratch)
        with open_warehouse(home, bound) as connection, _lap(out, "transaction"):
            connection.begin()
            connection.execute(f"delete from raw.{DATASET}")
            connection.execute(f"insert into raw.{DATASET} {_stored(connection)} from {parquet}")
            connection.commit()


def limit_read_csv(spec: Spec, out: Measured) -> None:
    """DuckDB's own reader with explicit types, straight into a table of a file."""
    begun = time.perf_counter()
    import duckdb

    out.import_s = time.perf_counter() - begun
    home = Path(spec["home"])
    home.mkdir(parents=True)
    types = json.dumps(_CSV_TYPES).replace('"', "'")
    with _measure(out), duckdb.connect(str(home / "limit.duckdb")) as connection:
        connection.execute(
            f"create table flows as select * replace ({_FLOW} as flow) from read_csv("
            f"'{spec['csv']}', header = true, delim = ',', quote = '\"', columns = {types})"
        )


def limit_read_dump(spec: Spec, out: Measured) -> None:
    """DuckDB's own reader with explicit types on a dump that was converted to UTF-8 before."""
    begun = time.perf_counter()
    import duckdb

    out.import_s = time.perf_counter() - begun
    home = Path(spec["home"])
    home.mkdir(parents=True)
    types = json.dumps(_DUMP_TYPES).replace('"', "'")
    with _measure(out), duckdb.connect(str(home / "limit.duckdb")) as connection:
        connection.execute(
            f"create table dump as select * from read_csv('{spec['csv']}', header = true, "
            f"delim = ';', quote = '\"', decimal_separator = ',', columns = {types})"
        )


def limit_read_ocds(spec: Spec, out: Measured) -> None:
    """DuckDB's own reader of JSON Lines, every field nested as it finds it, into one table."""
    begun = time.perf_counter()
    import duckdb

    out.import_s = time.perf_counter() - begun
    home = Path(spec["home"])
    home.mkdir(parents=True)
    with _measure(out), duckdb.connect(str(home / "limit.duckdb")) as connection:
        connection.execute(
            "create table releases as select * from "
            f"read_json('{spec['csv']}', format = 'newline_delimited')"
        )


def limit_read_statements(spec: Spec, out: Measured) -> None:
    """DuckDB's own reader with explicit types on statements of loans."""
    begun = time.perf_counter()
    import duckdb

    from bench.generate_loans import TYPES

    out.import_s = time.perf_counter() - begun
    home = Path(spec["home"])
    home.mkdir(parents=True)
    types = ", ".join(f"""'{n.replace("'", "''")}': '{kind}'""" for n, kind in TYPES.items())
    with _measure(out), duckdb.connect(str(home / "limit.duckdb")) as connection:
        connection.execute(
            f"create table statements as select * from read_csv('{spec['csv']}', header = true, "
            f"delim = ',', quote = '\"', dateformat = '%m/%d/%Y', columns = {{{types}}})"
        )
        total = connection.execute('select sum("Disbursed Amount") from statements').fetchall()
    out.facts = {"disbursed": str(total[0][0])}


def ours_answers(spec: Spec, out: Measured) -> None:
    """Years of UN Comtrade over HTTP by ``dvina.backfill``, each a load: fetch to commit."""
    begun = time.perf_counter()
    from dvina import backfill, pipeline
    from dvina.settings import Settings
    from ingest.fetching.areas import shipped_areas
    from ingest.fetching.comtrade import Comtrade
    from ingest.fetching.comtrade_api import Api
    from ingest.fetching.http import Manners, PoliteClient

    _import_reading()
    pipeline.judge = _pass_unseen
    out.import_s = time.perf_counter() - begun
    home, areas = _home(spec), shipped_areas()
    _clock(Comtrade, "fetch", "fetch", out)
    for module, name, lap in (
        (pipeline.segments, "write_segments", "segments"),
        (pipeline.Sealer, "seal", "seal"),
        (pipeline, "commit_pending", "commit"),
    ):
        _clock(module, name, lap, out)
    with _measure(out), PoliteClient(ANSWERS, Manners(pause=0.0)) as client:
        source = Comtrade(Api(client, SecretStr("a-key"), base=spec["url"]), areas)
        done = backfill.backfill(
            Settings(home=home), ANSWERS, spec["years"], ["BLR"], flows=("M",), comtrade=source
        )
    if any(outcome.state != "accepted" for outcome in done):
        raise SystemExit(f"a slice was not accepted: {done}")
    out.facts = {"landed": sum(outcome.rows for outcome in done)}


def ours_gate(spec: Spec, out: Measured) -> None:
    """``judge`` of the suite that follows from the contract, on a landed load.

    With ``history`` the slices are measured and compared too, as for any load.
    """
    begun = time.perf_counter()
    from expectations.gate import History, LoadFacts, judge, warm
    from ingest.contract import load_contract

    warm()
    out.import_s = time.perf_counter() - begun
    rows = spec["rows"]
    with _measure(out):
        report = judge(
            load_contract(DATASET),
            "bench",
            [Path(p) for p in spec["segments"]],
            LoadFacts(rows, rows, 0, 0),
            history=History() if spec.get("history") else None,
        )
    if report.outcome != "passed":
        raise SystemExit(report.summary())
    out.facts = {"checks": len(report.results)}


def gx_pandas(spec: Spec, out: Measured) -> None:
    """The same twelve checks of rows by Great Expectations on a pandas frame, read from Parquet.

    Decimals stay exact, as in ours; with ``floats`` they become binary floats, which is faster.
    """
    begun = time.perf_counter()
    import pandas

    from expectations.engine import great_expectations

    gx = great_expectations()
    out.import_s = time.perf_counter() - begun
    expect, period = gx.expectations, "^[0-9]{4}-(0[1-9]|1[0-2])$"
    names = ("reporter_code", "period", "flow_code", "commodity_code", "region", "value_usd")
    checks = [expect.ExpectColumnValuesToNotBeNull(column=name) for name in names]
    with _measure(out):
        frame = pandas.concat([pandas.read_parquet(path) for path in spec["segments"]])
        for name in ("value_usd", "net_weight_kg", "quantity") if spec.get("floats") else ():
            frame[name] = frame[name].astype("float64")
        checks += [
            expect.ExpectTableColumnsToMatchOrderedList(column_list=list(frame.columns)),
            expect.ExpectColumnValuesToMatchRegex(column="period", regex=period),
            expect.ExpectColumnValuesToMatchRegex(column="commodity_code", regex="^[0-9]{10}$"),
            expect.ExpectColumnValuesToBeInSet(column="flow_code", value_set=["X", "M"]),
            expect.ExpectColumnValuesToBeBetween(column="value_usd", min_value=0),
            expect.ExpectColumnValuesToBeBetween(column="net_weight_kg", min_value=0),
        ]
        context = gx.get_context(mode="ephemeral")
        asset = context.data_sources.add_pandas("bench").add_dataframe_asset("landed")
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
        suite = gx.ExpectationSuite(name="bench", expectations=checks)
        result = batch.validate(suite, result_format="SUMMARY")
    if not result.success:
        raise SystemExit("the peer's checks do not pass")
    out.facts = {"checks": len(checks)}


def limit_scan(spec: Spec, out: Measured) -> None:
    """One scan of all columns of a landed load by DuckDB."""
    begun = time.perf_counter()
    import duckdb

    from ingest.contract import load_contract

    out.import_s = time.perf_counter() - begun
    columns = [column.name for column in load_contract(DATASET).columns]
    counts = ", ".join(f"min({name}), max({name})" for name in columns)
    files = json.dumps(spec["segments"]).replace('"', "'")
    with _measure(out), duckdb.connect(":memory:") as connection:
        connection.execute(f"select {counts} from read_parquet({files})").fetchall()


def ours_xml(spec: Spec, out: Measured) -> None:
    """Contracts of EIS into typed record batches, counted apart: nothing is cast or written."""
    begun = time.perf_counter()
    from bench.eis_xml import CONTRACTS as dataset
    from ingest.contract import load_contract
    from ingest.sources import open_source, xml_records

    assert xml_records
    out.import_s = time.perf_counter() - begun + _import_reading()
    with _measure(out):
        source = open_source(load_contract(dataset), Path(spec["xml"]))
        read = sum(part().columns.num_rows for part in source.parts())
    if read != source.records_read():
        raise SystemExit(f"{read} rows of {source.records_read()} records")
    out.facts = {"rows": read}


def limit_xml(spec: Spec, out: Measured) -> None:
    """A bare lxml loop that takes the text of the same elements and keeps nothing."""
    from lxml import etree

    from bench.eis_xml import loop

    assert etree
    with _measure(out):
        out.facts = {"texts": loop(Path(spec["xml"]))}


VARIANTS: dict[str, Variant] = {
    function.__name__: function
    for function in (
        ours_load, limit_load, limit_insert, limit_replace, limit_read_csv, limit_read_dump,
        limit_read_ocds, ours_answers, ours_gate, gx_pandas, limit_scan, ours_xml, limit_xml,
        limit_read_statements,
    )
}  # fmt: skip


def main(name: str, spec_text: str) -> None:
    """Run one variant and print what was measured as the last line."""
    spec = json.loads(spec_text)
    if spec.get("dataset", DATASET) == DATASET:
        os.environ["DVINA_CONTRACTS"] = str(CONTRACTS)
    out = Measured()
    VARIANTS[name](spec, out)
    print(json.dumps(asdict(out)))


def _home(spec: Spec) -> Path:
    """The home of the run: a copy of ``base`` (Parquet linked, it never changes), or empty."""
    home = Path(spec["home"])
    if base := spec.get("base"):
        shutil.copytree(base, home, copy_function=_link_or_copy)
        os.sync()
    else:
        home.mkdir(parents=True)
    return home


def _link_or_copy(source: str, target: str) -> None:
    if source.endswith(".parquet") or "/archive/" in source:
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def _import_reading() -> float:
    begun = time.perf_counter()
    import ingest.sources.delimited
    from ingest.segments import pa

    pa.array([0])  # imports pandas, where it is installed
    assert ingest
    return time.perf_counter() - begun


def _read_cast_write(csv: Path, folder: Path) -> str:
    """Read, cast and write as a load does, without counting against; SQL of the segments."""
    from ingest.casting import QUARANTINE_SCHEMA, cast_batch
    from ingest.contract import load_contract
    from ingest.segment_writer import SegmentWriter, pa
    from ingest.sources import open_source

    contract = load_contract(DATASET)
    nothing = pa.RecordBatch.from_pylist([], QUARANTINE_SCHEMA)
    with SegmentWriter(contract, folder) as segments:
        for part in open_source(contract, csv).parts():
            segments.add(cast_batch(contract, part()).landed, nothing)
    return f"read_parquet('{folder}/segment-*.parquet')"


def _stored(connection: Any) -> str:
    """The columns that a raw table keeps in each row, and a unit."""
    from warehouse.database import quote
    from warehouse.tables import stored_columns

    names = "".join(f"{quote(name)}, " for name in stored_columns(connection, DATASET))
    return f"select {names}_row, 0"


def _raw_columns() -> str:
    from ingest.contract import load_contract
    from warehouse.tables import sql_types

    return ", ".join(f"{name} {kind}" for name, kind in sql_types(load_contract(DATASET)).items())


def _commit_memory() -> str:
    from ingest.contract import load_contract
    from warehouse.commit import memory_for

    return memory_for(load_contract(DATASET))


def _pass_unseen(contract: Any, load_id: str, segments: Any, facts: Any, **_: Any) -> Any:
    """Stands in for the gate: the counts are judged, the rows are not."""
    from expectations.facts import judge_facts
    from expectations.report import Report
    from ingest.landing import now

    return Report(DATASET, load_id, contract.identity, judge_facts(contract, facts), now())


def _clock(module: ModuleType | type, name: str, lap: str, out: Measured) -> None:
    """Let a function of a module note down how long it takes."""
    function = getattr(module, name)

    def clocked(*arguments: Any, **named: Any) -> Any:
        with _lap(out, lap):
            return function(*arguments, **named)

    setattr(module, name, clocked)


@contextmanager
def _lap(out: Measured, name: str) -> Iterator[None]:
    begun = time.perf_counter()
    try:
        yield
    finally:
        out.laps[name] = out.laps.get(name, 0.0) + time.perf_counter() - begun


@contextmanager
def _measure(out: Measured) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    out.seconds, out.cpu = time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
