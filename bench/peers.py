"""What a user would pick instead, in environments of their own under ``bench/.envs``.

Run as a file by the environment's own Python, so it imports nothing of ours. It prints the same
line of JSON as ``bench/variants.py``.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENVS = Path(__file__).parent / ".envs"
PINS = {
    "pandas": ("pandas==3.1.1", "duckdb==1.5.6", "pyarrow==26.0.1"),
    "dlt": ("dlt[duckdb]==1.31.0", "duckdb==1.5.6", "pyarrow==26.0.1"),
    "msgspec": ("msgspec==0.22.0",),
    "quixstreams": ("quixstreams==3.28.1", "duckdb==1.5.6", "pyarrow==26.0.1"),
}
NAMES = {
    "pandas": "pandas chunks into DuckDB",
    "pandas_statements": "pandas chunks into DuckDB",
    "dlt": "dlt, Arrow tables, Parquet loader",
    "dlt_dump": "dlt, Arrow tables, Parquet loader",
    "dlt_answers": "dlt, dicts, Parquet loader",
    "dlt_ocds": "dlt, dicts, Parquet loader",
    "msgspec": "msgspec, typed, parsing alone",
}
_DECIMALS = {"value": (18, 2), "net_weight": (18, 3), "quantity": (18, 2)}
_TEXTS = ("reporter", "period", "flow", "commodity", "region")
_DUMP_TEXTS = ("NAPR", "PERIOD", "STRANA", "TNVED", "EDIZM", "REGION", "REGION_S")
_DUMP_DECIMALS = {"STOIM": (18, 2), "NETTO": (18, 6), "KOL": (18, 6)}
_CHUNK_ROWS = 250_000
_STATEMENT_TEXTS = (
    "Loan Number", "Region", "Country Code", "Country", "Borrower", "Guarantor Country Code",
    "Guarantor", "Loan Type", "Loan Status", "Currency of Commitment", "Project ID",
    "Project Name",
)  # fmt: skip


def environment(peer: str) -> Path | None:
    """The Python of the peer's environment, made if it is not there; None if it cannot be made."""
    return made(PEERS[peer][0])


def made(name: str) -> Path | None:
    """The Python of an environment of that name, made if it is not there."""
    folder = ENVS / "-".join([name, *(pin.split("==")[1] for pin in PINS[name])])
    python = folder / "bin" / "python"
    uv = Path(sys.executable).with_name("uv")
    if not (folder / "complete").is_file():
        try:
            _call(str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
            _call(str(uv), "pip", "install", "--quiet", "--python", str(python), *PINS[name])
        except (OSError, subprocess.SubprocessError):
            return None
        (folder / "complete").touch()
    return python


def load_pandas(csv: str, home: Path) -> tuple[float, float, float]:
    """Chunks of text and exact decimals by a cast in DuckDB; money never becomes a float."""
    begun = time.perf_counter()
    import duckdb
    import pandas

    imported = time.perf_counter() - begun
    wall, cpu = time.perf_counter(), time.process_time()
    with duckdb.connect(str(home / "peer.duckdb")) as connection:
        texts = ", ".join(f"{name} varchar" for name in _TEXTS)
        numbers = ", ".join(f"{n} decimal({p}, {s})" for n, (p, s) in _DECIMALS.items())
        connection.execute(f"create table flows ({texts}, {numbers})")
        for chunk in pandas.read_csv(csv, dtype=str, chunksize=_CHUNK_ROWS):
            chunk["flow"] = chunk["flow"].map({"EXPORT": "X", "IMPORT": "M"})
            connection.register("chunk", chunk)
            connection.execute("insert into flows select * from chunk")
    return time.perf_counter() - wall, time.process_time() - cpu, imported


def load_statements_pandas(csv: str, home: Path) -> tuple[float, float, float]:
    """Chunks of text; exact decimals and dates by a cast in DuckDB."""
    begun = time.perf_counter()
    import duckdb
    import pandas

    imported = time.perf_counter() - begun
    wall, cpu = time.perf_counter(), time.process_time()
    with duckdb.connect(str(home / "peer.duckdb")) as connection:
        chunks = pandas.read_csv(csv, dtype=str, keep_default_na=False, chunksize=_CHUNK_ROWS)
        for number, chunk in enumerate(chunks):
            connection.register("chunk", chunk)
            select = f"select {', '.join(map(_statement_column, chunk.columns))} from chunk"
            into = "insert into statements" if number else "create table statements as"
            connection.execute(f"{into} {select}")
    return time.perf_counter() - wall, time.process_time() - cpu, imported


def _statement_column(name: str) -> str:
    given = f"nullif(\"{name}\", '')"
    if name == "End of Period" or "Date" in name:
        return f"cast(strptime({given}, '%m/%d/%Y') as date) as \"{name}\""
    if name in _STATEMENT_TEXTS:
        return f'{given} as "{name}"'
    return f'cast({given} as decimal(18, 4)) as "{name}"'


def load_dlt(csv: str, home: Path) -> tuple[float, float, float]:
    """Typed Arrow tables by pyarrow, handed to a dlt pipeline with its DuckDB destination."""
    begun = time.perf_counter()
    import dlt
    import pyarrow as pa
    import pyarrow.csv as pacsv

    imported = time.perf_counter() - begun
    types = {name: pa.decimal128(*size) for name, size in _DECIMALS.items()}
    types |= dict.fromkeys(_TEXTS, pa.string())

    def tables() -> Any:
        options = pacsv.ConvertOptions(column_types=types)
        read = pacsv.ReadOptions(block_size=8 * 1024**2, use_threads=False)
        for batch in pacsv.open_csv(csv, read_options=read, convert_options=options):
            yield pa.Table.from_batches([batch])

    wall, cpu = time.perf_counter(), time.process_time()
    resource = dlt.resource(tables, name="flows", write_disposition="append")
    _pipeline(dlt, home).run(resource(), loader_file_format="parquet")
    return time.perf_counter() - wall, time.process_time() - cpu, imported


def load_dump_dlt(csv: str, home: Path) -> tuple[float, float, float]:
    """A customs dump: typed Arrow tables by pyarrow from cp1251, handed to a dlt pipeline."""
    begun = time.perf_counter()
    import dlt
    import pyarrow as pa
    import pyarrow.csv as pacsv

    imported = time.perf_counter() - begun
    types = dict.fromkeys(_DUMP_TEXTS, pa.string())
    types |= {name: pa.decimal128(*size) for name, size in _DUMP_DECIMALS.items()}

    def tables() -> Any:
        with pacsv.open_csv(
            csv,
            read_options=pacsv.ReadOptions(
                block_size=8 * 1024**2, use_threads=False, encoding="cp1251"
            ),
            parse_options=pacsv.ParseOptions(delimiter=";"),
            convert_options=pacsv.ConvertOptions(column_types=types, decimal_point=","),
        ) as batches:
            for batch in batches:
                yield pa.Table.from_batches([batch])

    wall, cpu = time.perf_counter(), time.process_time()
    resource = dlt.resource(tables, name="dump", write_disposition="append")
    _pipeline(dlt, home).run(resource(), loader_file_format="parquet")
    return time.perf_counter() - wall, time.process_time() - cpu, imported


def load_answers_dlt(url: str, home: Path) -> tuple[float, float, float]:
    """UN Comtrade's answers by dlt's HTTP client, as dicts, with the Parquet loader."""
    begun = time.perf_counter()
    import dlt
    from dlt.sources.helpers import requests

    imported = time.perf_counter() - begun

    def records() -> Any:
        yield requests.get(url).json()["data"]

    wall, cpu = time.perf_counter(), time.process_time()
    resource = dlt.resource(records, name="answers", write_disposition="append")
    _pipeline(dlt, home).run(resource(), loader_file_format="parquet")
    return time.perf_counter() - wall, time.process_time() - cpu, imported


def load_ocds_dlt(path: str, home: Path) -> tuple[float, float, float]:
    """OCDS releases as dicts, with the Parquet loader; dlt makes a table of each list."""
    begun = time.perf_counter()
    import dlt

    imported = time.perf_counter() - begun

    def lines() -> Any:
        with open(path, encoding="utf-8") as file:
            while batch := [json.loads(line) for line, _ in zip(file, range(1000), strict=False)]:
                yield batch

    wall, cpu = time.perf_counter(), time.process_time()
    resource = dlt.resource(lines, name="releases", write_disposition="append")
    _pipeline(dlt, home).run(resource(), loader_file_format="parquet")
    return time.perf_counter() - wall, time.process_time() - cpu, imported


def parse_answers_msgspec(paths: str, home: Path) -> tuple[float, float, float]:
    """Parsing alone, by a typed parser, of answers that are in memory already; nothing is kept."""
    begun = time.perf_counter()
    import msgspec

    imported = time.perf_counter() - begun
    bodies = [Path(path).read_bytes() for path in paths.split(",")]
    first = json.loads(bodies[0][: bodies[0].index(b"},") + 1].split(b'"data":[')[1])
    kinds = {str: str | None, bool: bool | None, type(None): float | None}
    fields = [(name, kinds.get(type(value), float | None)) for name, value in first.items()]
    record = msgspec.defstruct("Record", fields)
    answer = msgspec.defstruct("Answer", [("count", int), ("data", list[record])])
    decoder = msgspec.json.Decoder(answer)
    wall, cpu = time.perf_counter(), time.process_time()
    count = sum(len(decoder.decode(body).data) for body in bodies)
    seconds, busy = time.perf_counter() - wall, time.process_time() - cpu
    if not count or home is None:
        raise SystemExit("nothing was parsed")
    return seconds, busy, imported


def _pipeline(dlt: Any, home: Path) -> Any:
    return dlt.pipeline(
        "bench",
        pipelines_dir=str(home / "pipelines"),
        destination=dlt.destinations.duckdb(str(home / "peer.duckdb")),
        dataset_name="bench",
    )


PEERS: dict[str, tuple[str, Callable[[str, Path], tuple[float, float, float]]]] = {
    "pandas": ("pandas", load_pandas),
    "pandas_statements": ("pandas", load_statements_pandas),
    "dlt": ("dlt", load_dlt),
    "dlt_dump": ("dlt", load_dump_dlt),
    "dlt_answers": ("dlt", load_answers_dlt),
    "dlt_ocds": ("dlt", load_ocds_dlt),
    "msgspec": ("msgspec", parse_answers_msgspec),
}


def main(peer: str, spec_text: str) -> None:
    """Run one peer and print what was measured as the last line."""
    spec = json.loads(spec_text)
    home = Path(spec["home"])
    home.mkdir(parents=True)
    seconds, cpu, imported = PEERS[peer][1](spec["input"], home)
    answer = {"seconds": seconds, "cpu": cpu, "import_s": imported, "laps": {}, "facts": {}}
    print(json.dumps(answer))


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=600)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
