"""The sector crosswalk against the official tables: every prefix exists, every vintage is covered.

Prints per scheme which share of codes, and of the value of samples, is mapped to a sector of ours.
Runs where DVINA_SAMPLES names the folder of samples.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.contract import load_contract
from tests.conftest import PROJECT, SAMPLES, SAMPLES_FOLDER, needs_samples
from tests.support import land

pytestmark = needs_samples
C = "reference/classifications"
FILES = {
    "okpd2_codes": f"{C}/okpd2_okpd_table.tsv",
    "okrb_codes": "reference/belarus_reference/okrb_catalog.tsv",
    "cpv_codes": "reference/cpv_reference/cpv_en.json",
    "isic_codes": f"{C}/concordance_insongkim/ISIC_Rev_4_english_structure.txt",
    "dac_codes": "loans/oecd_crs/crs_codes.json",
    "hs_codes": f"{C}/concordance_insongkim/classificationH6.json",
    "hs_concordances": f"{C}/HS_consolidated_comtrade_concordances.csv",
    "tnved_codes": f"{C}/tnved_go-tnved_tree.json",
}
YEARS = {"H0": 1992, "H1": 1996, "H2": 2002, "H3": 2007, "H4": 2012, "H5": 2017, "H6": 2022}
# One scheme, vintage, year and code per row; of the vintages of HS the subheadings.
CODES = """
create table codes as
with vintages as (select unnest(['H0', 'H1', 'H2', 'H3', 'H4', 'H5', 'H6']) as vintage,
                         unnest([1992, 1996, 2002, 2007, 2012, 2017, 2022]) as year),
pairs as (select lpad(code_after, 6, '0') as code, cast(left(pair_name, 4) as integer) as year
          from hs_concordances
          union select lpad(code_before, 6, '0'), cast(right(pair_name, 4) as integer)
          from hs_concordances where left(pair_name, 4) <> '1992')
select 'HS' as scheme, vintage, year, code from pairs join vintages using (year)
union all select 'OKPD2', '', 2022, code from okpd2_codes
union all select 'OKRB', '', 2022, code from okrb_codes
union all select 'CPV', '', 2022, left(code, 8) from cpv_codes
union all select 'ISIC4', '', 2022, code from isic_codes
union all select 'DAC', '', 2022, code from dac_codes
union all select 'TNVED', '', 2022, code from tnved_codes where length(code) = 10
"""
CROSSWALK = """
create table crosswalk as
select scheme, code_prefix, sector_id, cast(weight as decimal(9, 8)) as weight,
       cast(coalesce(left(valid_from, 4), '0001') as integer) as first_year,
       cast(coalesce(left(valid_to, 4), '9999') as integer) as last_year
from read_csv('{path}', all_varchar = true)
"""
# The longest prefix wins; the TN VED is read as HS.
MAPPED = """
create table mapped as
with matches as (
    select codes.*, crosswalk.code_prefix, crosswalk.sector_id, crosswalk.weight,
           max(length(crosswalk.code_prefix)) over
               (partition by codes.scheme, vintage, code) as longest
    from codes join crosswalk
        on crosswalk.scheme = if(codes.scheme = 'TNVED', 'HS', codes.scheme)
        and year between first_year and last_year and starts_with(code, code_prefix))
select * from matches where length(code_prefix) = longest
"""
OURS = "sector_id not in ('other', 'unallocated')"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The official tables as contracts read them, and what the crosswalk makes of their codes."""
    home = tmp_path_factory.mktemp("reference")
    with duckdb.connect() as connection:
        for name, file in FILES.items():
            landed = _landed(f"reference_{name}", SAMPLES_FOLDER / file, home)
            connection.register(name, landed)
        connection.execute(CODES)
        seed = PROJECT / "dbt_project" / "seeds" / "sector_crosswalk.csv"
        connection.execute(CROSSWALK.format(path=seed))
        connection.execute(MAPPED)
        yield connection


def _landed(dataset: str, path: Path, home: Path) -> pa.Table:
    landed = land(load_contract(dataset), path, home)
    return pa.concat_tables(pq.read_table(segment) for segment in landed.segments)


Tables = duckdb.DuckDBPyConnection


def test_the_vintages_have_as_many_codes_as_the_classification(tables: Tables) -> None:
    counted = tables.execute(
        "select vintage, count(*) from codes where scheme = 'HS' group by all order by all"
    ).fetchall()
    assert [vintage for vintage, _ in counted] == list(YEARS)
    assert all(5_000 < count < 5_700 for _, count in counted)
    (listed,) = tables.execute(
        "select count(*) from hs_codes h where length(h.code) = 6 and h.code not like '9999%' "
        "and h.code in (select code from codes where vintage = 'H6')"
    ).fetchone() or (0,)
    assert listed > 5_600


def test_every_prefix_exists_in_its_classification_and_in_every_vintage_it_is_valid_in(
    tables: Tables,
) -> None:
    (prefixes,) = tables.execute("select count(*) from crosswalk").fetchone() or (0,)
    assert prefixes > 150
    missing = tables.execute(
        """
        select crosswalk.scheme, code_prefix, vintage
        from crosswalk
        join (select distinct scheme, vintage, year from codes) as vintages
            on crosswalk.scheme = vintages.scheme and year between first_year and last_year
        where not (crosswalk.scheme = 'HS' and sector_id = 'unallocated')
        and not exists (
            select 1 from codes where codes.scheme = crosswalk.scheme
            and codes.vintage = vintages.vintage and starts_with(code, code_prefix))
        """
    ).fetchall()
    assert missing == []
    schemes = {row[0] for row in tables.execute("select distinct scheme from codes").fetchall()}
    used = {row[0] for row in tables.execute("select distinct scheme from crosswalk").fetchall()}
    assert used <= schemes
    # what Comtrade writes for goods that it cannot tell stands in its own list only
    assert tables.execute("select count(*) from hs_codes where code = '9999'").fetchone() == (1,)


def test_weights_add_up_to_one_and_no_code_has_two_sectors_without_them(tables: Tables) -> None:
    (mapped,) = tables.execute("select count(*) from mapped").fetchone() or (0,)
    assert mapped > 5_000
    wrong = tables.execute(
        "select scheme, vintage, code, sum(weight), count(*) from mapped group by all "
        "having sum(weight) <> 1 or count(distinct sector_id) <> count(*)"
    ).fetchall()
    assert wrong == []


def test_a_heading_that_belongs_to_us_is_covered_in_every_vintage(tables: Tables) -> None:
    """A heading all of whose codes are mapped in HS 2022 leaves none out in an older vintage."""
    headings = """
        select left(codes.code, 4) as heading from codes
        left join mapped using (scheme, vintage, code)
        where scheme = 'HS' and vintage = 'H6' group by all having count(*) = count(sector_id)
    """
    (count,) = tables.execute(f"select count(*) from ({headings})").fetchone() or (0,)
    assert count > 40
    left_out = tables.execute(
        f"""
        select vintage, code from codes left join mapped using (scheme, vintage, code)
        where scheme = 'HS' and sector_id is null and left(code, 4) in ({headings})
        """
    ).fetchall()
    assert left_out == []


def test_tractors_and_electric_buses_change_their_codes_with_the_vintage(tables: Tables) -> None:
    found = tables.execute(
        "select code, string_agg(vintage, ' ' order by vintage), any_value(sector_id) from mapped "
        "where scheme = 'HS' and code in ('870190', '870195', '870240', '870120', '870129', "
        "'848620', '852352', '903082') group by all order by all"
    ).fetchall()
    assert found == [
        ("848620", "H3 H4 H5 H6", "microelectronics"),
        ("852352", "H3 H4 H5 H6", "microelectronics"),
        ("870120", "H0 H1 H2 H3 H4 H5", "automotive_vehicles"),
        ("870129", "H6", "automotive_vehicles"),
        ("870190", "H0 H1 H2 H3 H4", "agri_machinery"),
        ("870195", "H5 H6", "agri_machinery"),
        ("870240", "H5 H6", "electric_buses"),
        ("903082", "H1 H2 H3 H4 H5 H6", "microelectronics"),
    ]


def test_a_code_that_only_changed_its_number_keeps_its_sector(tables: Tables) -> None:
    pairs = """
        select code_after, code_before, after.sector_id as now, before.sector_id as former
        from hs_concordances as pairs
        left join mapped as after on after.scheme = 'HS' and after.code = lpad(code_after, 6, '0')
            and after.year = cast(left(pair_name, 4) as integer)
        left join mapped as before on before.scheme = 'HS' and before.code = lpad(code_before, 6, '0')
            and before.year = cast(right(pair_name, 4) as integer)
        where relationship_name = '1:1' and cast(right(pair_name, 4) as integer) >= 1992
    """
    (count,) = tables.execute(
        f"select count(*) from ({pairs}) where now is not null"
    ).fetchone() or (0,)
    assert count > 1_000
    changed = tables.execute(
        f"select * from ({pairs}) where now is distinct from former"
    ).fetchall()
    assert changed == []


def test_ten_digits_of_the_tn_ved_go_where_their_first_six_go(tables: Tables) -> None:
    strays = tables.execute(
        "select count(*) filter (where hs.code is null), count(*) from codes "
        "left join (select code from codes where vintage = 'H6') as hs on left(codes.code, 6) = hs.code "
        "where scheme = 'TNVED'"
    ).fetchone()
    assert strays is not None
    missing, every = strays
    assert every == 12_715
    assert missing < every * 0.01


def test_shares_of_codes_and_values_are_printed(tables: Tables, tmp_path: Path) -> None:
    shares = tables.execute(
        f"""
        select codes.scheme, codes.vintage, count(distinct codes.code),
            count(distinct codes.code) filter (where {OURS}),
            count(distinct codes.code) filter (where sector_id = 'other'),
            count(distinct codes.code) filter (where sector_id = 'unallocated')
        from codes left join mapped using (scheme, vintage, code)
        group by all order by all
        """
    ).fetchall()
    assert len(shares) == 13
    for scheme, vintage, codes, ours, other, unallocated in shares:
        print(f"{scheme:6}{vintage:3} {codes:6} codes: {ours / codes:6.2%} in our sectors "
              f"({ours}), {other} other and {unallocated} unallocated by name")  # fmt: skip
        assert 0 < ours + unallocated < codes
    trade = _landed(
        "customs_comtrade_flows",
        SAMPLES_FOLDER / "customs/comtrade/csv_2012_h3_china_india.csv",
        tmp_path,
    )
    lots = _landed(
        "procurement_eis_lots", SAMPLES / "procurement_eis_lots/procurement_eis_lots.csv", tmp_path
    )
    tables.register("flows", trade)
    tables.register("lots", lots)
    of_trade = _share(tables, "HS", 2010, "select commodity_code as code, value_usd as value from flows "
                      "where commodity_level = 6")  # fmt: skip
    of_lots = _share(
        tables, "OKPD2", 2019, "select okpd2_code as code, ceiling_price_rub as value from lots"
    )
    print(f"China and India 2010, HS 2007: {of_trade:.2%} of the value in our sectors")
    print(f"Lots of EIS found by words about cars: {of_lots:.2%} of the ceiling prices")
    assert 0 < of_trade < 1
    assert 0 < of_lots < 1


def _share(tables: Tables, scheme: str, year: int, rows: str) -> Decimal:
    """Share of the value whose longest prefix leads to a sector of ours."""
    row = tables.execute(
        f"""
        with rows as ({rows}), matches as (
            select rows.code, sector_id, row_number() over
                (partition by rows.code order by length(code_prefix) desc) as place
            from (select distinct code from rows) as rows join crosswalk
                on scheme = '{scheme}' and {year} between first_year and last_year
                and starts_with(rows.code, code_prefix))
        select sum(value) filter (where {OURS}), sum(value)
        from rows left join matches on rows.code = matches.code and place = 1
        """
    ).fetchone()
    assert row is not None
    assert row[1] > 0
    return Decimal(row[0]) / Decimal(row[1])
