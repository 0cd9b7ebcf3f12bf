"""Makes customs inputs in publishers' layouts, SYNTHETIC: same arguments, same bytes.

A dump of the Russian customs service (cp1251, ``;``, decimal comma, and the same as UTF-8), and
answers of UN Comtrade's API with all 47 keys, one file a year.
"""

import shutil
import subprocess
from pathlib import Path

import duckdb

DUMP_HEADER = (
    "NAPR", "PERIOD", "STRANA", "TNVED", "EDIZM", "STOIM", "NETTO", "KOL", "REGION", "REGION_S",
)  # fmt: skip
FIRST_YEAR = 2012
_COUNTRIES = ("CN", "DE", "TR", "BY", "KZ", "US", "IT", "KR", "JP", "FR", "NL", "PL", "IN", "UZ")
_UNITS = ("шт", "кг", "м2", "м3", "л", "пар", "1000 шт", "", "", "")
_REGIONS = (
    "45000 - Город Москва", "40000 - Город Санкт-Петербург", "46000 - Московская область",
    "27000 - Калининградская область", "92000 - Республика Татарстан",
    "71100 - Ханты-Мансийский автономный округ - Югра", "05000 - Приморский край",
)  # fmt: skip
_DISTRICTS = ("01 - Центральный федеральный округ", "02 - Северо-Западный федеральный округ")
_PARTNERS = (0, 643, 156, 276, 792, 398, 842, 699, 490, 860, 417, 51, 804, 616)
_TEXTS = {
    "typeCode": "'C'", "freqCode": "'A'", "refMonth": "52", "reporterISO": "'BLR'",
    "reporterDesc": "'Belarus'", "flowDesc": "'Import'", "partnerISO": "'P' || partner",
    "partnerDesc": "'Partner of the world, \"number\" ' || partner", "partner2Code": "0",
    "partner2ISO": "'W00'", "partner2Desc": "'World'", "classificationCode": "'H4'",
    "classificationSearchCode": "'HS'", "isOriginalClassification": "true",
    "cmdDesc": "'Machinery and parts thereof; not elsewhere specified {' || h1 % 5000 || '}'",
    "aggrLevel": "6", "isLeaf": "true", "customsCode": "'C00'", "customsDesc": "'TOTAL CPC'",
    "mosCode": "'0'", "motCode": "0", "motDesc": "'TOTAL MOT'", "qtyUnitCode": "8",
    "qtyUnitAbbr": "'kg'", "isQtyEstimated": "false", "altQtyUnitCode": "-1",
    "altQtyUnitAbbr": "'N/A'", "altQty": "0.0", "isAltQtyEstimated": "false",
    "isNetWgtEstimated": "false", "grossWgt": "0.0", "isGrossWgtEstimated": "false",
    "fobvalue": "null", "legacyEstimationFlag": "0", "isReported": "true", "isAggregate": "false",
}  # fmt: skip


def dump(rows: int, folder: Path) -> tuple[Path, Path]:
    """The dump in cp1251, and as UTF-8; six years of months that stand together."""
    raw, utf8 = (folder / f"dump-{rows}.{encoding}.csv" for encoding in ("cp1251", "utf8"))
    if not raw.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _copy(_dump_sql(rows), utf8, "format csv, header true, delim ';'")
        aside = raw.with_suffix(".part")
        with aside.open("wb") as target:
            subprocess.run(
                ["iconv", "-f", "UTF-8", "-t", "CP1251", str(utf8)], stdout=target, check=True
            )
        aside.replace(raw)
    return raw, utf8


def answers(years: int, rows: int, folder: Path) -> list[Path]:
    """One answer a year, each of ``rows`` records."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_answer(FIRST_YEAR + year, rows, folder) for year in range(years)]


def _answer(year: int, rows: int, folder: Path) -> Path:
    path = folder / f"answer-{year}-{rows}.json"
    if not path.is_file():
        records, aside = path.with_suffix(".records"), path.with_suffix(".part")
        _copy(_answer_sql(year, rows), records, "format json, array true")
        with aside.open("wb") as target, records.open("rb") as source:
            target.write(f'{{"elapsedTime":"2.1 secs","count":{rows},"data":'.encode())
            shutil.copyfileobj(source, target)
            target.write(b',"error":""}')
        records.unlink()
        aside.replace(path)
    return path


def _copy(query: str, path: Path, how: str) -> None:
    with duckdb.connect(":memory:") as connection:
        connection.execute("set memory_limit = '500MB'")
        connection.execute(f"copy ({query}) to '{path}' ({how})")


def _dump_sql(rows: int) -> str:
    hashes = ", ".join(f"hash(i * 7 + {n}) as h{n}" for n in range(1, 6))
    values = (
        "case when h1 % 10 < 6 then 'ИМ' else 'ЭК' end",
        f"printf('%02d/%d', 1 + (i * 72 // {rows}) % 12, 2016 + (i * 72 // {rows}) // 12)",
        _pick(_COUNTRIES, "h2"),
        "printf('%02d%02d%06d', 1 + h1 % 97, (h2 // 32) % 100, (h3 % 40) * 25000)",
        _pick(_UNITS, "h3"),
        _comma("(h3 // 64) % 100000000", 2),
        _comma("(h4 // 16) % 1000000000", 3),
        f"case when h4 % 4 = 0 then '0' else {_comma('(h5 // 16) % 10000000', 2)} end",
        _pick(_REGIONS, "h5"),
        _pick(_DISTRICTS, "h5"),
    )
    named = ", ".join(f"{v} as {n}" for n, v in zip(DUMP_HEADER, values, strict=True))
    source = f"select i, {hashes} from range({rows}) as t(i)"
    return f"with g as ({source}) select {named} from g order by i"


def _answer_sql(year: int, rows: int) -> str:
    """Every partner of every code once, so that keys are unique."""
    values = {
        **_TEXTS,
        "refPeriodId": f"{year}0101",
        "refYear": str(year),
        "period": f"'{year}'",
        "reporterCode": "112",
        "flowCode": "'M'",
        "partnerCode": "partner",
        "cmdCode": f"printf('%06d', 10000 + (i // {len(_PARTNERS)}) * 7)",
        "qty": "case when h2 % 20 = 0 then null else (h2 // 64) % 1000000 / 10.0 end",
        "netWgt": "case when h3 % 20 = 0 then null else (h3 // 64) % 1000000 / 100.0 end",
        "cifvalue": "(h4 // 64) % 1000000000 / 100.0",
        "primaryValue": "(h4 // 64) % 1000000000 / 100.0",
    }
    named = ", ".join(f'{value} as "{name}"' for name, value in values.items())
    hashes = ", ".join(f"hash(i * 7 + {n}) as h{n}" for n in range(1, 5))
    partners = ", ".join(map(str, _PARTNERS))
    return (
        f"with g as (select i, [{partners}][1 + i % {len(_PARTNERS)}] as partner, {hashes} "
        f"from range({rows}) as t(i)) select {named} from g order by i"
    )


def _comma(cents: str, scale: int) -> str:
    number = f"(({cents}) / {10**scale}.0)::decimal(18, {scale})::varchar"
    return f"replace({number}, '.', ',')"


def _pick(words: tuple[str, ...], number: str) -> str:
    quoted = ", ".join(f"'{word}'" for word in words)
    return f"[{quoted}][1 + (({number}) % {len(words)})::int]"
