"""What may not be redistributed never leaves by an export."""

import json
from pathlib import Path

import duckdb
import pytest

from warehouse.errors import PublishFailed
from warehouse.export import TERMS, export
from warehouse.publish import MANIFEST, Version

FREE = {"dataset": "customs_free", "redistributable": True}
CLOSED = {"dataset": "customs_closed", "redistributable": False}
CODES = {"dataset": "reference_codes", "redistributable": False}


@pytest.fixture
def version(tmp_path: Path) -> Version:
    """A made-up version: rows that name one source, two, none, and a code list."""
    folder = tmp_path / "version"
    folder.mkdir()
    with duckdb.connect(folder / "dvina.duckdb") as database:
        database.execute("create schema marts")
        database.execute(
            "create table marts.mart_one as select * from (values ('customs_free', 1), "
            "('customs_closed', 2), (null, 3)) as t (source_dataset, n)"
        )
        database.execute(
            "create table marts.mart_two as select * from (values ('customs_free', 1), "
            "('customs_closed, customs_free', 2)) as t (source_datasets, n)"
        )
        database.execute("create table marts.mart_sum as select 1 as n")
        database.execute("create table marts.mart_free as select 1 as n")
        database.execute("create table marts.dim_codes as select '8703' as code")
    terms = {
        "mart_one": [FREE, CLOSED, CODES],
        "mart_two": [FREE, CLOSED],
        "mart_sum": [FREE, CLOSED],
        "mart_free": [FREE, CODES],
        "dim_codes": [CODES],
    }
    (folder / MANIFEST).write_text(json.dumps({"terms": terms}))
    return Version("v1", folder, dict.fromkeys([*(f"marts.{m}" for m in terms), "ops.loads"], ""))


def test_rows_and_marts_of_closed_datasets_are_left_out(version: Version, tmp_path: Path) -> None:
    target = tmp_path / "out"
    done = {
        mart.mart: (mart.rows, mart.rows_left_out, mart.because_of)
        for mart in export(version, target)
    }
    closed = ("customs_closed",)
    assert done == {
        "mart_one": (2, 1, closed),
        "mart_two": (1, 1, closed),
        "mart_sum": (0, 1, closed),
        "mart_free": (1, 0, ()),
        "dim_codes": (0, 1, ("reference_codes",)),
    }
    files = {path.name for path in target.iterdir()}
    assert files == {"mart_one.parquet", "mart_two.parquet", "mart_free.parquet", TERMS}
    passed_on = duckdb.sql(f"select n from '{target}/mart_one.parquet' order by 1").fetchall()
    assert passed_on == [(1,), (3,)]
    told = json.loads((target / TERMS).read_text())
    assert told["terms"]["mart_one"][1] == CLOSED
    assert sum(mart["rows_left_out"] for mart in told["marts"]) == 4


def test_an_export_never_overwrites(version: Version, tmp_path: Path) -> None:
    with pytest.raises(PublishFailed, match="exists already"):
        export(version, tmp_path)
