"""What can be asked of UN Comtrade's API v1, as values: addresses, parts, names and scopes.

Every query asks for the totals over second partner, transport and customs procedure: without that
the publisher answers with several rows per partner, which add up to a silent multiple.
https://uncomtrade.org/docs/un-comtrade-api/ and https://comtradedeveloper.un.org describe it.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from ingest.fetching.areas import Areas
from ingest.fetching.errors import QueryWrong
from ingest.landing import EXACTLY

TOTALS = {"partner2Code": "0", "motCode": "0", "customsCode": "C00"}
LEVELS = ("TOTAL", "AG2", "AG4", "AG6")
FLOWS = ("M", "X", "RM", "RX", "FM", "DX", "MIP", "XIP", "MOP", "XOP")  # all that it publishes
MAX_URL = 2000  # longer addresses fail at the publisher
DIMENSIONS = ("periods", "reporters", "flows", "partners", "commodities")  # in order of splitting
_SHAPES = {
    "periods": r"(19|20)\d\d((0[1-9]|1[0-2]))?",
    "reporters": r"\d{1,3}",
    "flows": "|".join(FLOWS),
    "partners": r"\d{1,3}",
    "commodities": r"TOTAL|AG[246]|\d[0-9A-Z]{1,5}",
}
_NAME_CHARS = 120


@dataclass(frozen=True)
class Query:
    """Rows that are asked for; codes are the publisher's, None stands for all.

    ``periods`` are years or months (``2020``, ``202001``), which decides the frequency.
    ``commodities`` are levels (TOTAL, AG2, AG4, AG6) or codes; a code stands for itself alone,
    not for those below it. Raises QueryWrong.
    """

    reporters: tuple[str, ...]
    periods: tuple[str, ...]
    partners: tuple[str, ...] | None = None
    flows: tuple[str, ...] | None = None
    commodities: tuple[str, ...] | None = None
    classification: str = "HS"
    type_code: str = "C"

    def __post_init__(self) -> None:
        for name in DIMENSIONS:
            values = getattr(self, name)
            for value in () if values is None else values:
                if not re.fullmatch(_SHAPES[name], value):
                    raise QueryWrong(f"UN Comtrade: {value!r} cannot stand in {name}.")
            if values is not None and (not values or len(set(values)) < len(values)):
                raise QueryWrong(f"UN Comtrade: {name} are empty or repeated.")
        if len({len(period) for period in self.periods}) > 1:
            raise QueryWrong("UN Comtrade: years and months cannot be asked for together.")
        if len({code in LEVELS for code in self.commodities or ()}) > 1:
            raise QueryWrong(
                "UN Comtrade: levels and codes cannot be asked for together; ask for "
                f"{', '.join(self.commodities or ())} apart."
            )
        if not re.fullmatch(r"[A-Z][A-Z0-9]", self.classification):
            raise QueryWrong(f"UN Comtrade: no classification {self.classification!r}.")

    @property
    def frequency(self) -> str:
        """A for years, M for months."""
        return "A" if len(self.periods[0]) == 4 else "M"

    @property
    def path(self) -> str:
        """Type, frequency and classification as they stand in every address."""
        return f"{self.type_code}/{self.frequency}/{self.classification}"

    def url(self, base: str, *, limit: int, count_only: bool = False) -> str:
        """The address that asks for it; ``base`` ends before the type."""
        asked = {
            "reporterCode": self.reporters,
            "period": self.periods,
            "partnerCode": self.partners,
            "flowCode": self.flows,
            "cmdCode": self.commodities,
        }
        parameters = {name: ",".join(values) for name, values in asked.items() if values}
        parameters |= TOTALS | {"maxRecords": str(limit), "format": "JSON", "includeDesc": "false"}
        if count_only:
            parameters["countOnly"] = "true"
        return f"{base}/{self.path}?{urlencode(parameters, safe=',')}"

    def scope(self, areas: Areas) -> dict[str, list[str]]:
        """How much of its slices the query covers, by our columns: whole values, or all of them.

        It presumes that reporter, period, frequency, classification, flow and level are what the
        contract cuts slices by: of a level that a query does not ask for it says nothing.
        """
        codes = [] if _is_by_level(self) else sorted(self.commodities or ())
        partners = sorted({areas.code(number) for number in self.partners or ()})
        # An empty prefix fits every value: such a query tells what is gone, too.
        return {
            "commodity_code": [f"{EXACTLY}{code}" for code in codes] or [""],
            "partner_code": [f"{EXACTLY}{code}" for code in partners] or [""],
        }

    def within(self, areas: Areas) -> dict[str, list[str]]:
        """What else every row must hold, by our columns: whole values, or missing where optional.

        With the scope it says that a row was asked for.
        """
        layout = "{}" if self.frequency == "A" else "{:.4}-{:.2}"
        asked = {
            "reporter_code": [areas.code(number) for number in self.reporters],
            "period": [layout.format(period, period[4:]) for period in self.periods],
            "flow_code": list(self.flows or ()),
            "second_partner_code": [TOTALS["partner2Code"]],
            "transport_code": [TOTALS["motCode"]],
            "customs_code": [TOTALS["customsCode"]],
        }
        return {name: [f"{EXACTLY}{v}" for v in values] for name, values in asked.items() if values}

    def file_name(self, areas: Areas) -> str:
        """The same for the same query: ``comtrade_C_A_HS_RUS_2020_M_all_87.json``."""
        reporters = [areas.codes.get(number, number) for number in self.reporters]
        partners = [areas.codes.get(number, number) for number in self.partners or ()]
        parts = [reporters, list(self.periods), self.flows, partners, self.commodities]
        words = ["-".join(part or ["all"]) for part in parts]
        name = "_".join(["comtrade", self.path.replace("/", "_"), *words])
        if len(name) > _NAME_CHARS:
            name = f"{name[:_NAME_CHARS]}_{hashlib.sha256(repr(self).encode()).hexdigest()[:12]}"
        return f"{name}.json"


@dataclass(frozen=True)
class Lists:
    """Codes to split by where a query asks for all of them; a list may lack codes."""

    partners: tuple[str, ...] = ()
    commodities: tuple[str, ...] = ()  # of all levels


def apart(commodities: Iterable[str]) -> list[tuple[str, ...]]:
    """Levels and codes in groups that may stand in one query each."""
    known = tuple(dict.fromkeys(commodities))
    levels = tuple(code for code in known if code in LEVELS)
    codes = tuple(code for code in known if code not in LEVELS)
    return [group for group in (levels, codes) if group]


def halves(query: Query, lists: Lists) -> tuple[Query, Query] | None:
    """Two queries that ask for what one asks for; None when it cannot be split any more."""
    for name in DIMENSIONS:
        values = _values(query, name, lists)
        if len(values) > 1:
            return _halved(query, name, values)
    return None


def shorter(query: Query) -> tuple[Query, Query] | None:
    """Two queries with shorter addresses; None when every list has one value."""
    lists: Mapping[str, tuple[str, ...]] = {n: getattr(query, n) or () for n in DIMENSIONS}
    name = max(lists, key=lambda n: len(",".join(lists[n])) if len(lists[n]) > 1 else 0)
    return _halved(query, name, lists[name]) if len(lists[name]) > 1 else None


def _values(query: Query, name: str, lists: Lists) -> tuple[str, ...]:
    values: tuple[str, ...] | None = getattr(query, name)
    if name == "commodities":
        if values is None:
            return LEVELS
        if len(values) == 1 and values[0] in LEVELS:
            return tuple(c for c in lists.commodities if _is_of_level(c, values[0]))
        return values
    if values is None:
        return FLOWS if name == "flows" else lists.partners
    return values


def _halved(query: Query, name: str, values: tuple[str, ...]) -> tuple[Query, Query]:
    middle = len(values) // 2
    first, second = {name: values[:middle]}, {name: values[middle:]}
    return replace(query, **first), replace(query, **second)  # type: ignore[arg-type]


def _is_by_level(query: Query) -> bool:
    return not query.commodities or query.commodities[0] in LEVELS


def _is_of_level(code: str, level: str) -> bool:
    return level == f"AG{len(code)}" and code != "TOTAL"
