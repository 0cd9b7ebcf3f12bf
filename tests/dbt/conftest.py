"""One installation for all tests of the models: files are ingested and marts built the real way.

Every row in here is SYNTHETIC: written for these tests in the publishers' layouts, no real figure.
One real download is added where DVINA_SAMPLES names a folder of publishers' files.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dvina.pipeline import ingest
from dvina.settings import Settings
from tests.comtrade import answer, download, record
from tests.conftest import SAMPLES_FOLDER, synthetic

# Datasets of documents whose made-up files lie under tests/synthetic.
DOCUMENTS = (
    *(f"procurement_eis_{what}" for what in ("notices", "protocols", "contracts", "executions")),
    "procurement_ted_notices",
    "procurement_wb_contracts",
)
CHN, RUS, BLR, KAZ, DEU, CAN, WORLD, AREAS_NES = 156, 643, 112, 398, 276, 124, 0, 899
# Five countries and three sectors with known indicators: exporter, importer, value of each sector.
ORACLE_YEAR, ORACLE_CODES = "2015", ("870323", "843351", "845811")
ORACLE = """
BLR>RUS 60 20 40, BLR>KAZ 6 4 5, BLR>CHN 2 10 3, BLR>DEU 4 6 2,
RUS>BLR 30 45 10, RUS>KAZ 20 25 15, RUS>CHN 10 120 20, RUS>DEU 5 60 3,
KAZ>BLR 1 3 2, KAZ>RUS 8 15 10, KAZ>CHN 2 50 4, KAZ>DEU 1 20 1,
CHN>BLR 25 8 2, CHN>RUS 150 60 15, CHN>KAZ 70 20 6, CHN>DEU 300 80 10,
DEU>BLR 12 9 1, DEU>RUS 40 30 5, DEU>KAZ 15 8 1, DEU>CHN 200 90 8
"""


class Marts:
    """The published file and, behind it, the warehouse, as a reader asks them."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the published marts."""
        return self._ask(self.home / "published" / "current.duckdb", query)

    def ask_warehouse(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the models that the marts are built from."""
        return self._ask(self.home / "warehouse.duckdb", query)

    def compiled(self, model: str) -> str:
        """The SQL that dbt built a model with."""
        (path,) = (self.home / "dbt/target/compiled").rglob(f"{model}.sql")
        return path.read_text(encoding="utf-8")

    def _ask(self, database: Path, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(database, read_only=True) as reader:
            return reader.execute(query).fetchall()


@pytest.fixture(scope="session")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Marts:
    """Marts of the synthetic files below; built once."""
    folder = tmp_path_factory.mktemp("marts")
    files = (
        *FILES,
        *((d, p.name, p.read_bytes()) for d in DOCUMENTS for p in synthetic(d)),
    )
    if SAMPLES_FOLDER.is_dir():
        real = (("customs_comtrade_flows", "china_from_russia.csv", _china_from_russia()),)
        return built(folder, (*files, *real), "BLR-RUS,DEU-RUS")
    return built(folder, files, "BLR-RUS,DEU-RUS")


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Marts:
    """Marts of the five countries of ORACLE and nothing else; built once."""
    files = (("customs_comtrade_flows", "oracle.json", _oracle()),)
    return built(tmp_path_factory.mktemp("oracle"), files, "BLR-RUS")


def built(
    folder: Path,
    files: tuple[tuple[str, str, str | bytes], ...],
    pairs: str,
    *,
    may_refuse: bool = False,
) -> Marts:
    """Ingest files of datasets and build the marts of some pairs."""
    settings = Settings(home=folder / "home", inbox=folder / "inbox")
    for dataset, name, content in files:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        outcome = ingest(settings, dataset, str(path))
        assert may_refuse or outcome.state == "accepted", outcome.message
        assert may_refuse or outcome.rows_landed + outcome.rows_duplicate == outcome.rows_read > 0
    # In a process of its own: other tests fork, and dbt leaves threads behind.
    answered = subprocess.run(
        [sys.executable, "-m", "dvina", "build"],
        env={**os.environ, "DVINA_HOME": str(settings.home), "DVINA_PAIRS": pairs},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert answered.stdout.startswith("published"), answered.stdout + answered.stderr
    log = (settings.home / "dbt" / "logs" / "dbt.log").read_text(encoding="utf-8")
    assert " WARN=0 " in log.rpartition("Done. PASS=")[2]
    return Marts(settings.home)


def imports(**fields: Any) -> dict[str, Any]:
    """A record of imports valued CIF."""
    value = fields.pop("value")
    return record(flow="M", value=value, cifvalue=value, fobvalue=None, **fields)


def _comtrade() -> str:
    mixed = {"reporter": CHN, "period": "2019"}
    levels = [
        record(**mixed, partner=RUS, code="TOTAL", value=1000),
        record(**mixed, partner=RUS, code="85", value=1000),
        record(**mixed, partner=RUS, code="8542", value=1000),
        record(**mixed, partner=RUS, code="854231", value=600),
        record(**mixed, partner=RUS, code="854239", value=400),
        record(**mixed, partner=WORLD, code="TOTAL", value=99999),
        record(**mixed, partner=AREAS_NES, code="8542", value=8),
        # incomplete below: 300 of 1000 is known as 8542, 200 of it as 854231
        record(**mixed, partner=BLR, code="TOTAL", value=1000),
        record(**mixed, partner=BLR, code="8542", value=300),
        record(**mixed, partner=BLR, code="854231", value=200),
        # one heading and nothing else
        record(**mixed, partner=KAZ, code="8542", value=50),
        # goods that come back
        imports(reporter=CHN, partner=CHN, code="854231", value=5, period="2019"),
    ]
    broken_down = [
        record(reporter=BLR, code="870323", value=60, period="2019"),
        record(reporter=BLR, code="870323", value=20, period="2019", partner2Code=276),
        record(reporter=BLR, code="870323", value=40, period="2019", partner2Code=616),
        record(reporter=BLR, code="870421", value=10, period="2019", motCode=3100),
        record(reporter=BLR, code="870421", value=5, period="2019", motCode=3200),
        record(reporter=BLR, code="870191", value=100, period="2019"),
    ]
    vintages = [
        record(reporter=KAZ, code="870190", value=30, period="2019", classificationCode="H4"),
        record(reporter=KAZ, code="870191", value=30, period="2019", classificationCode="H5"),
        # HS 2012 used in 2018: the code is read by its vintage
        record(reporter=KAZ, partner=BLR, code="870190", value=7, period="2018",
               classificationCode="H4"),
    ]  # fmt: skip
    year_and_months = [
        record(reporter=DEU, partner=BLR, code="870323", value=120, period="2019"),
        *(
            record(reporter=DEU, partner=BLR, code="870323", value=10, period=f"2019{month:02}")
            for month in range(1, 13)
        ),
    ]
    others = [
        # the United Nations' copy of what the Russian customs publishes itself
        imports(reporter=RUS, partner=BLR, code="870323", value=999, period="2019"),
        # Germany goes on after Russia stopped
        imports(reporter=DEU, partner=RUS, code="870323", value=110, period="2022"),
        imports(reporter=DEU, partner=RUS, code="870323", value=220, period="2023"),
        # an importer that values free on board
        record(reporter=CAN, partner=BLR, flow="M", code="870191", value=100, period="2019"),
        record(reporter=BLR, partner=CAN, code="870191", value=100, period="2019"),
    ]
    return answer(*levels, *broken_down, *vintages, *year_and_months, *others)


def _oracle() -> str:
    codes = {"BLR": BLR, "RUS": RUS, "KAZ": KAZ, "CHN": CHN, "DEU": DEU}
    records = []
    for flow in ORACLE.replace("\n", " ").split(","):
        pair, *values = flow.split()
        exporter, importer = pair.split(">")
        for code, value in zip(ORACLE_CODES, values, strict=True):
            records.append(
                record(reporter=codes[exporter], partner=codes[importer], code=code,
                       value=int(value), period=ORACLE_YEAR, classificationCode="H4")
            )  # fmt: skip
    return answer(*records)


def _fcs() -> str:
    """Russia's own record: imports from Belarus in 2019, exports to Germany in January 2022."""
    head = "DIRECTION,PERIOD,COUNTRY,HS,UM,VALUE,NETWEIGHT,QUANTITY,REGION,REGION_S"
    west, east = "46000 - MOSCOW REGION,01-CENTRAL", "71100 - UGRA - YUGRA,04-URALS"
    rows = [
        # 12 months of 5.50 in two regions: 66, as 60 exported times 1.10
        *(f"IMP,{m:02}/2019,BY,8703231940,,3.00,1,0,{west}" for m in range(1, 13)),
        *(f"IMP,{m:02}/2019,BY,8703231940,,2.50,1,0,{east}" for m in range(1, 13)),
        f"IMP,03/2019,BY,8704213100,,16.50,4,0,{west}",
        f"IMP,04/2019,BY,8701911000,,121.00,9,0,{west}",
        f"IMP,05/2019,BY,XXXXXXXXXX,,40.00,0.000001,0,{west}",
        f"EXP,01/2022,DE,8703231940,,9.00,1,0,{west}",
    ]
    return "\n".join([head, *rows]) + "\n"


def _comext() -> str:
    """Germany's exports to Russia in 2020: procedures, a suppressed code, TOTAL beside the codes."""
    head = (
        "REPORTER,PARTNER,TRADE_TYPE,PRODUCT_NC,PRODUCT_SITC,PRODUCT_CPA21,PRODUCT_CPA22,"
        "PRODUCT_BEC,PRODUCT_BEC5,PRODUCT_SECTION,FLOW,STAT_PROCEDURE,SUPPL_UNIT,PERIOD,VALUE_EUR,"
        "VALUE_NAC,QUANTITY_KG,QUANTITY_SUPPL_UNIT"
    )
    rows = []
    for month in range(1, 13):
        period = f"2020{month:02}"
        for code, procedure, value in (
            ("87032319", 1, 700), ("87032319", 2, 100), ("87XXXXXX", 1, 30), ("39XXXXXX", 1, 20),
            ("TOTAL", 1, 850),
        ):  # fmt: skip
            rows.append(
                f"DE,RU,E,{code},78120,2910,2910,510,111,17,2,{procedure},NO_SU,{period},"
                f"{value},{value},5,0"
            )
    return "\n".join([head, *rows]) + "\n"


def _eurostat() -> str:
    """The same record by way of the data browser, for one product."""
    rows = [f"Germany,Russian Federation,87032319,EXPORT,2020-{m:02},800" for m in range(1, 13)]
    return "reporter,partner,product,flow,period,value_eur\n" + "\n".join(rows) + "\n"


def _imf() -> str:
    """Totals of Russia: beside Kazakhstan's products, and alone, with quarters and both valuations."""
    return (
        "reporter,partner,flow,valuation,period,value_usd_millions\n"
        "Russian Federation,Kazakhstan,Imports of goods,CIF,2019,0.0005\n"
        "Russian Federation,Kazakhstan,Imports of goods,CIF,2021,0.0011\n"
        "Russian Federation,Kazakhstan,Imports of goods,FOB,2021,0.0010\n"
        "Russian Federation,Kazakhstan,Exports of goods,FOB,2020,0.0030\n"
        + "".join(
            f"Russian Federation,Kazakhstan,Imports of goods,CIF,2021-Q{quarter},0.000275\n"
            for quarter in range(1, 5)
        )
    )


def _baci(code: str) -> str:
    """Reconciled: Kazakhstan to Belarus, whose own reports are not at hand, and Belarus to Russia."""
    return (
        "t,i,j,k,v,q\n"
        f"2019,398,112,{code},4.000,1.5\n"
        f"2019,112,643,{code},7.000,NA\n"
        # beside a total that the IMF has of the same flow
        f"2020,643,398,{code},2.000,NA\n"
    )


def _china_from_russia() -> bytes:
    """China's imports from Russia in 2019, all levels: real figures, put into the layout of v1."""
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_path(
        str(SAMPLES_FOLDER / "customs" / "comtrade" / "xlsx_api_china_to_rf_M.xlsx")
    )
    names, *rows = book.get_sheet_by_index(0).to_python()
    code, value = names.index("Код товара"), names.index("Номинальная стоимость, $")
    return download(
        *(
            imports(reporter=CHN, partner=RUS, code=row[code], value=row[value], period="2019")
            for row in rows
        )
    )


FILES = (
    ("customs_baci_flows", "BACI_HS12_Y2019_V202301.csv", _baci("870190")),
    ("customs_baci_flows", "BACI_HS17_Y2019_V202301.csv", _baci("870191")),
    ("customs_comtrade_flows", "comtrade.json", _comtrade()),
    ("customs_fcs_flows", "DATTSVT.csv", _fcs()),
    ("customs_comext_flows", "full_v2_2020.dat", _comext()),
    ("customs_eurostat_flows", "eurostat.csv", _eurostat()),
    ("customs_imf_totals", "imf.csv", _imf()),
)
