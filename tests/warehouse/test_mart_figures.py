"""What a build prints of its marts is what stands in them."""

import duckdb

from dvina.printing import _percent
from warehouse.mart_figures import MartFigures, Span, mart_figures


def test_shares_pairs_sectors_and_periods_are_counted_in_the_tables() -> None:
    with duckdb.connect() as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.mart_a as from (values "
            "('BLR', 'RUS', 'tools', '2020', 'A', 1.5::decimal(18, 2), 2020), "
            "('BLR', 'RUS', 'other', '2021', 'A', null, 2020), "
            "('RUS', 'BLR', 'tools', '2021', 'A', null, 2020), "
            "('RUS', 'BLR', 'tools', '2021-03', 'M', null, 2020), "
            "('RUS', 'BLR', 'tools', 'unknown', 'M', null, 2020)) "
            "as t(lender_code, borrower_code, sector_id, period, frequency, paid_usd, last_year)"
        )
        connection.execute("create table marts.mart_b (load_id varchar, row_count bigint)")
        connection.execute("create table marts.dim_c (country_code varchar, area integer)")
        figures = mart_figures(connection)
    spans = (Span("A", "2020", "2021", 2), Span("M", "2021-03", "2021-03", 1))
    assert figures == (
        MartFigures("mart_a", 5, {"paid_usd": 0.2}, 2, 2, spans),
        MartFigures("mart_b", 0, {"row_count": None}, None, None, ()),
    )


def test_only_what_is_whole_is_nothing_or_everything() -> None:
    assert [_percent(share) for share in (0, 0.0001, 0.5, 0.99999, 1)] == [
        "0%",
        "0.1%",
        "50.0%",
        "99.9%",
        "100%",
    ]
