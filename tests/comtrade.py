"""Small made-up answers and downloads in UN Comtrade's layouts. SYNTHETIC: no real figures."""

import csv
import io
import json
from typing import Any


def record(
    reporter: int = 112,
    partner: int = 643,
    code: str = "870323",
    value: float = 1000,
    period: str = "2020",
    flow: str = "X",
    **others: Any,
) -> dict[str, Any]:
    """One record with all 47 keys."""
    level = len(code) if code[0].isdigit() else 0
    known = {
        "typeCode": "C", "freqCode": "A" if len(period) == 4 else "M",
        "refPeriodId": int(f"{period}01") if len(period) == 6 else int(f"{period}0101"),
        "refYear": int(period[:4]), "refMonth": int(period[4:] or 52), "period": period,
        "reporterCode": reporter, "reporterISO": "", "reporterDesc": "", "flowCode": flow,
        "flowDesc": "", "partnerCode": partner, "partnerISO": "X1 ",
        "partnerDesc": 'Côte d\'Ivoire, "north" {[', "partner2Code": 0, "partner2ISO": "W00",
        "partner2Desc": "World", "classificationCode": "H5", "classificationSearchCode": "HS",
        "isOriginalClassification": True, "cmdCode": code, "cmdDesc": "Cars; \\ new }", "aggrLevel": level,
        "isLeaf": level == 6, "customsCode": "C00", "customsDesc": "TOTAL CPC", "mosCode": "0",
        "motCode": 0, "motDesc": "TOTAL MOT", "qtyUnitCode": -1, "qtyUnitAbbr": "N/A", "qty": None,
        "isQtyEstimated": False, "altQtyUnitCode": -1, "altQtyUnitAbbr": "N/A", "altQty": 0.0,
        "isAltQtyEstimated": False, "netWgt": 12.5, "isNetWgtEstimated": False, "grossWgt": 0.0,
        "isGrossWgtEstimated": False, "cifvalue": None, "fobvalue": value, "primaryValue": value,
        "legacyEstimationFlag": 0, "isReported": True, "isAggregate": False,
    }  # fmt: skip
    return {**known, **others}


NAMES = tuple(record())


def answer(*records: dict[str, Any], **envelope: Any) -> str:
    """An answer of the API."""
    whole = {"elapsedTime": "0.1 secs", "count": len(records), "data": list(records), "error": ""}
    return json.dumps({**whole, **envelope}, ensure_ascii=False)


def download(*records: dict[str, Any], encoding: str = "cp1252") -> bytes:
    """A download of the site: 47 names, and a comma at the end of every row."""
    text = io.StringIO()
    text.write(",".join(NAMES) + "\r\n")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=",\r\n")
    for entry in records:
        writer.writerow([_cell(entry[name]) for name in NAMES])
    return text.getvalue().encode(encoding)


def _cell(value: object) -> object:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value
