"""The dictionary, the sample queries and the bundle of dashboards follow what is published."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml

from bi.superset.bundle import write_bundle
from dvina.dictionary import entries, unit_of
from ingest.contract import dataset_names, load_contract
from tests.conftest import PROJECT, SAMPLES
from tests.dbt.conftest import built
from warehouse.publish import current

QUERIES = sorted((PROJECT / "bi" / "queries").glob("*.sql"))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published directory of the shipped samples."""
    files = tuple(
        (path.parent.name, path.name, path.read_bytes())
        for path in sorted(SAMPLES.glob("*/*.csv"))
        if path.parent.name in dataset_names()
    )
    folder = tmp_path_factory.mktemp("samples")
    return built(folder, files, "BLR-RUS,BLR-DEU", may_refuse=True).home / "published"


@pytest.fixture(scope="module")
def reader(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(published / "current.duckdb"), read_only=True) as connection:
        yield connection


def test_every_published_column_has_a_meaning_and_a_unit(reader: duckdb.DuckDBPyConnection) -> None:
    columns = reader.execute(
        "select table_name || '.' || column_name, comment from duckdb_columns() "
        "where schema_name in ('marts', 'ops')"
    ).fetchall()
    assert len(columns) > 200
    silent = [
        n for n, told in columns if not told or told.startswith(". Unit") or ". Unit: " not in told
    ]
    assert silent == []
    tables = reader.execute(
        "select table_name, comment from duckdb_tables() union all "
        "select view_name, comment from duckdb_views() where not internal"
    ).fetchall()
    assert [name for name, told in tables if not told or "Grain: " not in told] == []


def test_every_table_and_dataset_has_its_page_which_loads_nothing(published: Path) -> None:
    pages = {p.stem: p.read_text() for p in (published / "current/dictionary").glob("*.html")}
    assert set(dataset_names()) <= set(pages)
    version = current(published.parent)
    assert version is not None
    assert set(version.tables) <= set(pages)
    for name, page in pages.items():
        assert "http" not in page.split("<body>")[0], name
        assert "<script" not in page
        assert name in pages["index"] or name == "index"
    trade = pages["marts.mart_sector_trade"]
    assert "US dollar" in trade
    assert load_contract("customs_eurostat_flows").warnings[0][:30] in trade


def test_a_column_of_a_contract_keeps_its_own_words() -> None:
    contract = load_contract("customs_comtrade_flows")
    (entry,) = entries({}, [contract], {})[-1:]
    assert entry.kind == "dataset"
    assert [field.name for field in entry.fields] == [column.name for column in contract.columns]
    assert all(field.meaning and field.unit for field in entry.fields)
    assert entry.defects == contract.warnings
    assert unit_of("net_weight_kg", "decimal") == "kilogram"
    assert unit_of("value_usd", "decimal", "USD") == "USD"


@pytest.mark.parametrize("path", QUERIES, ids=[path.stem for path in QUERIES])
def test_a_sample_query_answers(path: Path, reader: duckdb.DuckDBPyConnection) -> None:
    text = path.read_text()
    assert text.startswith("-- ")
    assert reader.execute(text).fetchall()


def test_the_bundle_holds_every_chart_with_the_columns_of_the_dictionary(
    published: Path, tmp_path: Path, reader: duckdb.DuckDBPyConnection
) -> None:
    with zipfile.ZipFile(write_bundle(published, tmp_path / "dvina.zip")) as archive:
        files = {name: yaml.safe_load(archive.read(name)) for name in archive.namelist()}
    charts = [entry for name, entry in files.items() if "/charts/" in name]
    datasets = {entry["table_name"]: entry for name, entry in files.items() if "/datasets/" in name}
    dashboards = [entry for name, entry in files.items() if "/dashboards/" in name]
    assert len(dashboards) == 5
    assert len(charts) >= 20
    placed = [
        node["meta"]["uuid"]
        for dashboard in dashboards
        for node in dashboard["position"].values()
        if isinstance(node, dict) and node.get("type") == "CHART"
    ]
    assert sorted(placed) == sorted(chart["uuid"] for chart in charts)
    for name, dataset in datasets.items():
        known = dict(
            reader.execute(
                "select column_name, comment from duckdb_columns() where table_name = ?", [name]
            ).fetchall()
        )
        assert {c["column_name"]: c["description"] for c in dataset["columns"]} == known
        for metric in dataset["metrics"]:
            reader.execute(f"select {metric['expression']} from marts.{name}").fetchall()


def test_one_setting_points_the_bundle_elsewhere(published: Path, tmp_path: Path) -> None:
    uri = "postgresql+psycopg2://reader@127.0.0.1/dvina"
    with zipfile.ZipFile(write_bundle(published, tmp_path / "dvina.zip", uri)) as archive:
        database = yaml.safe_load(archive.read("dvina/databases/Dvina.yaml"))
    assert database["sqlalchemy_uri"] == uri
    assert database["extra"] == {}
