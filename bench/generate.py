"""Makes customs CSV of any size: UTF-8, comma, decimal point; same arguments, same bytes.

The layout is that of ``contracts/bench_flows.yml``. A slice (reporter, month, flow) has
``slice_rows`` rows that stand together, as in an extract sorted by month. Row ``i`` depends on
``i`` alone, so a file of any range of rows equals that part of a longer one.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

HEADER = ("reporter", "period", "flow", "commodity", "region", "value", "net_weight", "quantity")
SLICE_ROWS = 50_000
MONTHS = 72
_REPORTERS = ("BLR", "RUS", "KAZ", "ARM", "KGZ", "UZB", "CHN", "DEU", "TUR", "POL")
_REGIONS = (
    "Минская область", "Брестская область", "Витебская область", "Гомельская область",
    "Гродненская область", "Могилёвская область", "Минск", "Łódzkie", "Île-de-France",
    "Not stated", "Bayern", "Jiangsu, Suzhou",
)  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Which rows a file holds, and what is done to them.

    ``changed_spread`` and ``changed_slices`` change the value of a share of the rows, all over
    the file or in as many whole slices at its beginning; ``broken`` spoils a share of the rows,
    half of them by a code of nine digits and half by a value that is no number.
    """

    count: int
    first: int = 0
    slice_rows: int = SLICE_ROWS
    changed_spread: float = 0.0
    changed_slices: float = 0.0
    broken: float = 0.0

    @property
    def slices(self) -> int:
        """How many slices the rows make."""
        return -(-self.count // self.slice_rows)

    @property
    def name(self) -> str:
        """A file name that tells the rows apart from all others."""
        parts = [f"flows-{self.count}-{self.first}-{self.slice_rows}"]
        parts += [f"spread{self.changed_spread:g}"] if self.changed_spread else []
        parts += [f"slices{self.changed_slices:g}"] if self.changed_slices else []
        parts += [f"broken{self.broken:g}"] if self.broken else []
        return "-".join(parts) + ".csv"


def generate(rows: Rows, folder: Path) -> Path:
    """The CSV of the rows in ``folder``, made unless it is there already."""
    path = folder / rows.name
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    with duckdb.connect(":memory:") as connection:
        connection.execute("set memory_limit = '500MB'")
        connection.execute(f"copy ({_select(rows)}) to '{aside}' (format csv, header true)")
    aside.replace(path)
    return path


def _select(rows: Rows) -> str:
    """The rows as SQL; h1 to h4 are hashes of the row's number."""
    end = rows.first + rows.count
    hashes = ", ".join(f"hash(i * 7 + {n}) as h{n}" for n in range(1, 6))
    return (
        f"with g as (select i, i // {rows.slice_rows} as s, {hashes} "
        f"from range({rows.first}, {end}) as t(i)) "
        f"select {_pick(_REPORTERS, f's // {2 * MONTHS}')} as reporter, "
        "printf('%d-%02d', 2018 + ((s // 2) % 72) // 12, 1 + ((s // 2) % 72) % 12) as period, "
        "case when s % 2 = 0 then 'IMPORT' else 'EXPORT' end as flow, "
        f"{_code(rows)} as commodity, {_pick(_REGIONS, 'h5')} as region, {_value(rows)} as value, "
        "case when h4 % 50 = 0 then null "
        "else ((h4 // 64) % 1000000000 / 1000.0)::decimal(18, 3)::varchar end as net_weight, "
        "case when h4 % 4 = 1 then null "
        "else ((h5 // 64) % 10000000 / 100.0)::decimal(18, 2)::varchar end as quantity "
        "from g order by i"
    )


def _code(rows: Rows) -> str:
    """Ten digits; of the broken rows every second one has nine."""
    code = "printf('%02d%02d%06d', 1 + h1 % 97, (h2 // 32) % 100, (h2 % 40) * 25000)"
    return f"case when {_share('h3', rows.broken / 2)} then left({code}, 9) else {code} end"


def _value(rows: Rows) -> str:
    cents = "((h3 // 64) % 100000000)"
    if rows.changed_spread:
        cents += f" + ({_share('hash(i * 7 + 6)', rows.changed_spread)})::int"
    if rows.changed_slices:
        changed = max(1, round(rows.slices * rows.changed_slices))
        cents += f" + (s < {changed})::int"
    value = f"(({cents}) / 100.0)::decimal(18, 2)::varchar"
    return f"case when {_share('h2', rows.broken / 2)} then 'n/a' else {value} end"


def _share(hashed: str, share: float) -> str:
    return f"({hashed} // 1024) % 100000 < {round(share * 100_000)}"


def _pick(words: tuple[str, ...], number: str) -> str:
    quoted = ", ".join(f"'{word}'" for word in words)
    return f"[{quoted}][1 + (({number}) % {len(words)})::int]"
