"""Makes months of customs flows in UN Comtrade's columns, SYNTHETIC: same arguments, same bytes.

Fifty thousand rows a month: five reporters, both flows, ten partners each, five hundred of 4,850
codes of six digits. The reporters trade with each other too, so that both sides of a flow stand.
"""

from pathlib import Path

import duckdb

MONTH_ROWS = 50_000
FIRST_YEAR = 1992
_COUNTRIES = (112, 643, 276, 398, 156, 792, 616, 860, 417, 51, 804, 380, 410, 392, 251)
_REPORTERS, _PARTNERS = 5, 10


def months(first: int, count: int, folder: Path) -> Path:
    """A file of so many months, the first of which is that many after January of the first year."""
    path = folder / f"months-{first}-{count}.csv"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".part")
        with duckdb.connect() as connection:
            connection.execute("set memory_limit = '500MB'")
            connection.execute(
                f"copy ({_sql(first * MONTH_ROWS, (first + count) * MONTH_ROWS)}) "
                f"to '{aside}' (format csv, header true)"
            )
        aside.replace(path)
    return path


def _sql(begin: int, end: int) -> str:
    flow, partner = f"i // {_REPORTERS} % 2", f"i // {2 * _REPORTERS} % {_PARTNERS}"
    block = 2 * _REPORTERS * _PARTNERS
    code = f"(i % {MONTH_ROWS} // {block} * 9 + month % 9) % 4850"
    countries = f"[{', '.join(map(str, _COUNTRIES))}]"
    values = {
        "period": f"{FIRST_YEAR} * 100 + month // 12 * 100 + 1 + month % 12",
        "reporterCode": f"{countries}[1 + i % {_REPORTERS}]",
        "flowCode": f"['X', 'M'][1 + {flow}]",
        "partnerCode": f"{countries}[1 + (i % {_REPORTERS} + 1 + {partner}) % {len(_COUNTRIES)}]",
        "classificationCode": "'H4'",
        "cmdCode": f"printf('%02d%02d%d0', 1 + {code} % 97, 1 + {code} // 97 % 10, {code} // 970)",
        "netWgt": "case when h % 20 = 0 then null else h // 64 % 1000000 / 100.0 end",
        "primaryValue": "h // 4096 % 1000000000 / 100.0",
    }
    named = ", ".join(f'{value} as "{name}"' for name, value in values.items())
    return (
        f"with g as (select i, i // {MONTH_ROWS} as month, hash(i * 7 + 1) as h "
        f"from range({begin}, {end}) as t (i)) select {named} from g order by i"
    )
