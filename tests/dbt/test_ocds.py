"""Releases of one process become one figure: merged by the standard, each award and supplier once.

Releases in here are SYNTHETIC but for the shipped sample, and for publishers' files where
DVINA_SAMPLES names their folder.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from dvina.pipeline import ingest
from dvina.settings import Settings
from ingest.casting import cast_batch, plain
from ingest.contract import load_contract
from ingest.sources import open_source
from tests.conftest import PROJECT, SAMPLES, SAMPLES_FOLDER, needs_samples

DATASET = "procurement_ocds_releases"
CONTRACT = load_contract(DATASET)
DOCS = SAMPLES_FOLDER / "procurement/ocds_fixtures/standard_docs_examples"
_BUILD = """
import os, sys
from pathlib import Path
from dvina import build
from ingest.contract import dataset_names, load_contract
from warehouse import builds
from warehouse.database import FILE, open_warehouse
from warehouse.tables import ensure_tables
home = Path(sys.argv[1])
with open_warehouse(home, "1GB") as connection:
    for dataset in dataset_names():
        ensure_tables(connection, load_contract(dataset))
    builds.end(connection, builds.begin(connection, "a test"), succeeded=True)
os.environ["DVINA_WAREHOUSE"] = str(home / FILE)
from dbt.cli.main import dbtRunner
answer = dbtRunner().invoke([
    "build", "--select", "stg_ocds__releases", "int_ocds_*", "--project-dir", str(build.DBT_PROJECT),
    "--profiles-dir", str(build.DBT_PROJECT), "--target-path", str(home / "target"), "--log-path", str(home / "logs"),
])
sys.exit(0 if answer.success else 1)
"""


def release(ocid: str, number: int, **fields: Any) -> dict[str, Any]:
    return {
        "ocid": ocid, "id": f"r{number}", "date": f"2020-01-{number:02}T00:00:00Z", "tag": ["award"],
        "initiationType": "tender", **fields,
    }  # fmt: skip


def award(amount: float | None, **fields: Any) -> dict[str, Any]:
    return {"id": "1", "status": "active", "value": {"amount": amount, "currency": "eur"}, **fields}


RUS = {"id": "p1", "name": "Завод", "identifier": {"scheme": "RU-INN", "id": "7700000000"},
       "address": {"countryName": "Россия"}, "roles": ["supplier"]}  # fmt: skip
RELEASES = [
    # an amendment corrects the award and repeats the supplier without its identifier
    release("amended", 1, parties=[RUS], awards=[award(100, suppliers=[{"id": "p1", "name": "Завод"}])]),
    release("amended", 3, tag=["awardUpdate"], awards=[award(90, suppliers=[{"name": "ЗАВОД "}])]),
    release("amended", 2, tag=["awardUpdate"], awards=[award(95)]),
    # a later release deletes a value on purpose; the one field that it does not tell stays
    release("deleted", 1, tender={"title": "Old", "status": "active"}, awards=[award(5)]),
    release("deleted", 2, tender={"title": None}, awards=[{"id": "1", "value": {"amount": None}}]),
    # a compiled release holds what was released before it
    release("compiled", 1, awards=[award(1)]),
    release("compiled", 2, tag=["compiled"], awards=[award(2), {**award(3), "id": "2"}]),
    release("compiled", 3, awards=[{**award(4), "id": "2"}]),
    release("single", 1, buyer={"id": "b"}, parties=[{"id": "b", "name": "Town", "address": {"country": "BY"}}],
            awards=[{**award(7), "status": "cancelled"}]),
    # the same release in another package
    release("single", 1, buyer={"id": "b"}, parties=[{"id": "b", "name": "Town", "address": {"country": "BY"}}],
            awards=[{**award(7), "status": "cancelled"}]),
]  # fmt: skip


class Built:
    """A warehouse in which the models of OCDS are built."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self._path, read_only=True) as reader:
            reader.execute("set schema = 'intermediate'")
            return reader.execute(query).fetchall()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("ocds")
    settings = Settings(home=folder / "home")
    lines = [json.dumps(one, ensure_ascii=False) for one in RELEASES[:-1]]
    lines.append(json.dumps({"publisher": {"name": "Another"}, "releases": RELEASES[-1:]}))
    (folder / "synthetic.jsonl").write_text("\n".join(lines), encoding="utf-8")
    files = [folder / "synthetic.jsonl", SAMPLES / DATASET / f"{DATASET}.jsonl"]
    if SAMPLES_FOLDER.is_dir():
        mexico = SAMPLES_FOLDER / "procurement/ocds_real_publishers/mexico"
        texts = [path.read_text(encoding="utf-8") for path in sorted(mexico.rglob("*.json"))]
        (folder / "mexico.json").write_text("\n".join(texts), encoding="utf-8")
        files.append(folder / "mexico.json")
    for path in files:
        outcome = ingest(settings, DATASET, str(path))
        assert outcome.state == "accepted", outcome.message
        assert outcome.rows_landed == outcome.rows_read > 0
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, str(settings.home)],
        env=os.environ | {"DO_NOT_TRACK": "1"}, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return Built(settings.home / "warehouse.duckdb")


def test_a_release_and_its_amendments_count_once(built: Built) -> None:
    made_up = ", ".join(f"'{ocid}'" for ocid in {one["ocid"] for one in RELEASES})
    query = (
        "select ocid, award_id, award_value_amount::varchar, award_value_currency, is_counted "
        f"from int_ocds_awards_by_process where ocid in ({made_up}) order by all"
    )
    assert built.ask(query) == [
        ("amended", "1", "90.0000", "EUR", True),
        ("compiled", "1", "2.0000", "EUR", True),
        ("compiled", "2", "4.0000", "EUR", True),
        ("deleted", "1", None, "EUR", True),
        ("single", "1", "7.0000", "EUR", False),
    ]  # fmt: skip


def test_what_a_later_release_sets_to_null_is_deleted(built: Built) -> None:
    query = "select tender_title, tender_status, release_count from int_ocds_tenders_by_process where ocid = 'deleted'"
    assert built.ask(query) == [(None, "active", 2)]


def test_a_supplier_told_twice_is_one_with_what_its_party_tells(built: Built) -> None:
    query = (
        "select supplier_name, scheme, identifier, country_text from int_ocds_suppliers_by_award "
        "where ocid = 'amended'"
    )
    assert built.ask(query) == [("Завод", "RU-INN", "7700000000", "Россия")]


def test_the_buyer_is_told_by_its_party(built: Built) -> None:
    query = "select buyer_name, buyer_country_text from int_ocds_tenders_by_process where ocid = 'single'"
    assert built.ask(query) == [("Town", "BY")]


def test_a_process_published_twice_is_one_award_of_its_value(built: Built) -> None:
    awards = "select count(*), sum(award_value_amount)::varchar from int_ocds_awards_by_process where ocid = 'ocds-03ad3f-274231'"
    assert built.ask(awards) == [(1, "180941450.0000")]
    suppliers = "select count(*), max(country_text) from int_ocds_suppliers_by_award where ocid = 'ocds-03ad3f-274231'"
    assert built.ask(suppliers) == [(1, "Paraguay")]


@needs_samples
def test_mexican_awards_name_one_country_in_several_spellings(built: Built) -> None:
    made_up = ", ".join(f"'{ocid}'" for ocid in {one["ocid"] for one in RELEASES})
    mexican = f"from int_ocds_suppliers_by_award where ocid not in ({made_up}) and ocid not like 'ocds-03ad3f%'"
    ((rows, known),) = built.ask(f"select count(*), count(country_text) {mexican}")
    assert rows >= 28
    assert known == rows
    spelled = {name for (name,) in built.ask(f"select distinct country_text {mexican}") if name}
    assert len(spelled) > 1
    assert {name.upper().replace("É", "E") for name in spelled} <= {"MEXICO", "MX"}


def _merge() -> Any:
    path = PROJECT / "dbt_project/models/intermediate/int_ocds_merged_releases.py"
    spec = importlib.util.spec_from_file_location("int_ocds_merged_releases", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.merge


def _rows(document: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    path = folder / "f.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    casts = [cast_batch(CONTRACT, part()) for part in open_source(CONTRACT, path).parts()]
    assert not [row for cast in casts for row in cast.refused.to_pylist()]
    return [row for cast in casts for row in plain(cast.landed, CONTRACT.schema).to_pylist()]


@needs_samples
@pytest.mark.parametrize(
    "name",
    [
        *(f"change_history/records/{n}.json" for n in (
            "award", "contract", "contractAmendment", "implementation", "tender", "tenderUpdate")),
        *(f"merging/deletions/{n}_record.json" for n in ("array", "field", "object")),
    ],
)  # fmt: skip
def test_merging_gives_the_compiled_releases_of_the_standard(name: str, tmp_path: Path) -> None:
    document = json.loads((DOCS / name).read_text(encoding="utf-8"))
    (record,) = document["records"]
    releases = sorted(_rows(document, tmp_path), key=lambda row: row["published_at"])
    assert len(releases) == len(record["releases"]) > 0
    (compiled,) = _rows({"records": [{"compiledRelease": record["compiledRelease"]}]}, tmp_path)
    schema = pa.schema(list(CONTRACT.schema))
    merged = _merge()(releases, schema)
    told = {"release_id", "published_at", "tags", "publisher_name", "publisher_uri", "deleted_paths",
            "is_compiled", "_row"}  # fmt: skip
    assert {k: v for k, v in merged.items() if k not in told} == {
        k: v for k, v in compiled.items() if k not in told
    }
