"""Real files of publishers as slices that a load brings one at a time.

Where a dataset has a shipped contract whose layout the file has, that contract is used; the
others get a plain one here, described by their columns. ``only_shipped`` gives what the
repository itself holds, for the short form.
"""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from ingest.lookups import entries
from tests.conftest import SAMPLES, SAMPLES_FOLDER

Row = dict[str, str]


@dataclass(frozen=True)
class Publisher:
    """Slices in their order: the first ``history`` of them come before what is judged."""

    name: str
    dataset: str
    slices: tuple[tuple[str, list[Row]], ...]
    history: int
    value: str  # source of the figure that faults touch
    code: str  # source of a code with a closed list or a lookup
    period: str  # source of the period; empty where slices have none
    document: dict[str, Any] | None = None  # of a plain contract


def only_shipped() -> list[Publisher]:
    """What the repository holds."""
    query = f"from read_csv('{SAMPLES}/customs_eurostat_flows/customs_eurostat_flows.csv', all_varchar = true)"
    # Up to 2021: from March 2022 the sanctions halved the trade, which is a finding, not a fault.
    months = _slices(query + " where period < '2022'", "period")
    return [
        Publisher("Eurostat", "customs_eurostat_flows", months, 14, "value_eur", "flow", "period")
    ]


def everything() -> list[Publisher]:
    """What the folder of samples holds."""
    data = SAMPLES_FOLDER
    ids = data / "loans/worldbank_ids_counterpart"
    with duckdb.connect() as connection:
        import pyarrow.feather as feather

        for path in sorted(ids.glob("*.feather")):
            table = feather.read_table(path)
            connection.register("t", table)
            connection.execute(
                "create table if not exists ids as select country, counterpart_area, series_code, "
                "year(year)::varchar as year, value::decimal(20, 2)::varchar as value from t limit 0"
            )
            connection.execute(
                "insert into ids select country, counterpart_area, series_code, year(year)::varchar, "
                "value::decimal(20, 2)::varchar from t where value is not null and value >= 0"
            )
        known = ", ".join(f"'{label}'" for label in _known_countries())
        rows = connection.execute(
            f"select * from ids where lower(counterpart_area) in ({known}) "
            f"and lower(country) in ({known}) order by country, series_code, year"
        ).to_arrow_table()
    loans = _slices(rows, "country", keep=lambda _, part: 300 < len(part) < 1500)[::-1]
    comtrade = data / "customs/comtrade/csv_v1_tradedata_tha_hs8542_2014on.csv"
    years = _slices(
        f"from read_csv('{comtrade}', all_varchar = true, encoding = 'latin-1', ignore_errors = true)",
        "refYear",
    )
    return [
        *only_shipped(),
        Publisher("World Bank, IDS", "loans_ids_flows", loans, 12, "value", "series_code", ""),
        Publisher("UN Comtrade", "customs_comtrade_flows", years, 6, "primaryValue", "flowCode", "period"),
        _plain("ECB", "ecb_rates", _ecb(data), "month", ("currency", "day"), ("rate",)),
        _plain("Federal Reserve", "fed_rates", _fed(data), "year", ("country",), ("rate",)),
        _plain("IBRD", "ibrd_loans", _ibrd(data), "year", ("loan",), ("original", "disbursed", "repaid")),
        _plain("TurkStat, by MGIMO", "turkey_flows", _turkey(data), "month", ("flow", "code"), ("value", "weight")),
        _plain("OECD, CRS", "crs_commitments", _crs(data), "month", ("number",), ("commitment",)),
        _plain("IMF, IMTS", "imts_totals", _imf(data), "year", ("partner", "indicator"), ("value",)),
    ]  # fmt: skip


def _plain(
    name: str, dataset: str, found: tuple[tuple[str, list[Row]], ...], period: str, key: tuple[str, ...],
    decimals: tuple[str, ...],
) -> Publisher:  # fmt: skip
    columns: list[dict[str, Any]] = []
    sample = found[0][1][0]
    for source in sample:
        column = {"name": f"the_{source}", "source": source, "description": "As published."}
        if source == period:
            column["type"] = "period"
        elif source in decimals:
            column |= {"type": "decimal", "precision": 28, "scale": 6, "rounds": True,
                       "minimum": 0, "required": source == decimals[0]}  # fmt: skip
        else:
            column |= {"type": "text", "required": source in key}
        columns.append(column)
    code = key[0]
    listed = sorted({row[code] for _, part in found for row in part})
    if len(listed) < 300:
        next(c for c in columns if c["source"] == code)["allowed"] = listed
    document = {
        "dataset": dataset, "version": 1, "title": name, "description": "A plain contract of a test.",
        "grain": "as published", "owner": "tests",
        "publisher": {"name": name, "url": "about:blank", "licence": "none", "terms_url": "about:blank",
                      "redistributable": False},
        "revision": {"kind": "slice", "by": [f"the_{period}"]},
        "key": [f"the_{period}", *(f"the_{k}" for k in key)], "repeats": "forbidden",
        "expected_every_days": 60, "limits": {"min_rows": 1, "max_quarantined_share": 0.02},
        "columns": columns,
    }  # fmt: skip
    history = max(8, len(found) - 9)
    return Publisher(
        name,
        dataset,
        found[-(history + 9) :],
        min(history, 14),
        decimals[0],
        code,
        period,
        document,
    )


def _slices(
    query: Any, by: str, keep: Callable[[str, list[Row]], bool] = lambda *_: True
) -> tuple[tuple[str, list[Row]], ...]:
    with duckdb.connect() as connection:
        if not isinstance(query, str):
            connection.register("given", query)
            query = "from given"
        answer = connection.execute(query)
        names = [column[0] for column in answer.description or ()]
        found: dict[str, list[Row]] = {}
        for values in answer.fetchall():
            row = {n: "" if v is None else str(v) for n, v in zip(names, values, strict=True)}
            found.setdefault(row[by], []).append(row)
    return tuple((name, part) for name, part in sorted(found.items()) if keep(name, part))


def _ecb(data: Path) -> Any:
    with zipfile.ZipFile(data / "customs/fx/ecb_eurofxref-hist.zip") as archive:
        text = archive.read("eurofxref-hist.csv").decode()
    header, *lines = [line.rstrip(",").split(",") for line in text.splitlines()]
    rows: dict[str, list[Row]] = {}
    for values in lines:
        if not "2023-01" <= values[0] < "2025-12":
            continue
        for currency, rate in zip(header[1:], values[1:], strict=False):
            if rate not in ("N/A", ""):
                row = {"month": values[0][:7], "day": values[0], "currency": currency, "rate": rate}
                rows.setdefault(values[0][:7], []).append(row)
    return tuple(sorted(rows.items()))


def _fed(data: Path) -> Any:
    file = data / "customs/fx/fed_exchange_rates_annual.csv"
    return _slices(
        f"select year(Date)::varchar as year, Country as country, \"Exchange rate\"::varchar as rate "
        f"from read_csv('{file}') where \"Exchange rate\" is not null and year(Date) > 1999 "
        "qualify row_number() over (partition by year(Date), Country) = 1", "year",
    )  # fmt: skip


def _ibrd(data: Path) -> Any:
    file = data / "loans/ibrd_statement_of_loans/IBRD_loans_snapshot_2023-05-31.csv"
    return _slices(
        'select right(left("Board Approval Date", 10), 4) as year, "Loan Number" as loan, '
        '"Country Code" as country, "Loan Type" as kind, "Original Principal Amount" as original, '
        '"Disbursed Amount" as disbursed, "Repaid to IBRD" as repaid '
        f"from read_csv('{file}', all_varchar = true) where year between '1990' and '2022'", "year",
    )  # fmt: skip


def _turkey(data: Path) -> Any:
    file = data / "customs/fts_russia/mgimo_turkey_2025_processed.parquet"
    return _slices(
        "select left(PERIOD::varchar, 7) as month, NAPR as flow, TNVED as code, "
        "sum(STOIM)::varchar as value, sum(NETTO)::varchar as weight, any_value(EDIZM) as unit "
        f"from '{file}' where TNVED2 in ('84', '85') group by 1, 2, 3", "month",
    )  # fmt: skip


def _crs(data: Path) -> Any:
    import pyarrow.feather as feather

    table = feather.read_table(data / "loans/oecd_crs/crs_2021_raw.feather")
    with duckdb.connect() as connection:
        connection.register("crs", table)
        rows = connection.execute(
            "select left(commitment_date::varchar, 7) as month, "
            "row_number() over (order by donor_code, agency_code, recipient_code)::varchar as number, "
            "recipient_code::varchar as recipient, usd_commitment::varchar as commitment from crs "
            "where usd_commitment > 0 and month between '2021-02' and '2021-11'"
        ).to_arrow_table()
    return _slices(rows, "month")


def _imf(data: Path) -> Any:
    file = data / "customs/eurostat/imf_imts_rus_wide.csv"
    return _slices(
        "select year, partner, indicator, value from (unpivot (select \"COUNTERPART_COUNTRY.ID\" as partner, "
        f"\"INDICATOR.ID\" as indicator, columns('^20..$') from read_csv('{file}', all_varchar = true)) "
        "on columns('^20..$') into name year value value) where coalesce(value, '') <> ''", "year",
    )  # fmt: skip


def _known_countries() -> list[str]:
    """Names that the lookup of the contract knows: others are quarantined, rightly."""
    return [label.lower() for label, _, _ in entries("loan_parties_ids") if "'" not in label]


def write_contracts(folder: Path, publishers: list[Publisher]) -> None:
    """The contracts of the publishers, shipped ones as they are but without a date of arrival."""
    from ingest.contract import CONTRACTS_DIR

    folder.mkdir(parents=True, exist_ok=True)
    for publisher in publishers:
        path = folder / f"{publisher.dataset}.yml"
        if publisher.document is None:
            path.write_text((CONTRACTS_DIR / path.name).read_text("utf-8"), "utf-8")
        else:
            path.write_text(yaml.safe_dump(publisher.document, sort_keys=False), "utf-8")
