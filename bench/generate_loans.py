"""Makes statements of loans in the World Bank's layout, SYNTHETIC: same arguments, same bytes.

33 columns, 9,000 loans a date, a date a month; quotes inside quoted names, empty cells, negatives.
"""

from pathlib import Path

import duckdb

TEXTS = (
    "Loan Number", "Region", "Country Code", "Country", "Borrower", "Guarantor Country Code",
    "Guarantor", "Loan Type", "Loan Status", "Currency of Commitment", "Project ID",
    "Project Name",
)  # fmt: skip
AMOUNTS = (
    "Original Principal Amount", "Cancelled Amount", "Undisbursed Amount", "Disbursed Amount",
    "Repaid to IBRD", "Due to IBRD", "Exchange Adjustment", "Borrower's Obligation",
    "Sold 3rd Party", "Repaid 3rd Party", "Due 3rd Party", "Loans Held",
)  # fmt: skip
DATES = (
    "First Repayment Date", "Last Repayment Date", "Agreement Signing Date",
    "Board Approval Date", "Effective Date (Most Recent)", "Closed Date (Most Recent)",
    "Last Disbursement Date",
)  # fmt: skip
TYPES = {  # in the order of the header
    "End of Period": "date",
    **dict.fromkeys(TEXTS[:9], "varchar"),
    "Interest Rate": "decimal(9, 4)",
    **dict.fromkeys(TEXTS[9:], "varchar"),
    **dict.fromkeys(AMOUNTS, "decimal(18, 2)"),  # DuckDB reads more than 18 digits 17 times slower
    **dict.fromkeys(DATES, "date"),
}
LOANS_A_DATE = 9_000
_COUNTRIES = (
    ("AF", "Afghanistan"), ("BR", "Brazil"), ("ZR", "Congo, Democratic Republic of"),
    ("EG", "Egypt, Arab Republic of"), ("TR", "Türkiye"), ("IN", "India"), ("KZ", "Kazakhstan"),
    ("YE", "Yemen, Republic of"), ("CI", "Côte d''Ivoire"), ("VN", "Viet Nam"),
)  # fmt: skip


def statements(rows: int, folder: Path) -> Path:
    """A file of so many loans, one date after the other."""
    path = folder / f"statements-{rows}.csv"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".part")
        with duckdb.connect() as connection:
            connection.execute(
                f"copy ({_sql(rows)}) to '{aside}' (format csv, header true, "
                'force_quote ("Country", "Borrower", "Project Name", "Guarantor"))'
            )
        aside.replace(path)
    return path


def _sql(rows: int) -> str:
    codes = ", ".join(f"'{code}'" for code, _ in _COUNTRIES)
    names = ", ".join(f"'{name}'" for _, name in _COUNTRIES)
    # of the principal: what was cancelled, is to come and was disbursed adds up to it
    shares = (1, 0.1, 0.1, 0.8, 0.5, 0.3, None, 0.3, 0, 0, 0, 0.3)
    amounts = ["-cast(h4 % 900 as int) / 100.0" if of is None else f"p * {of}" for of in shares]
    days = ("d", "d + 7000", "d - 200", "d - 300", "d - 100",
            "case when h3 % 3 = 0 then d + 1000 end",
            "case when h3 % 2 = 0 then d + 900 end")  # fmt: skip
    texts = (
        f"'IBRD' || lpad(cast(i % {LOANS_A_DATE} as varchar), 5, '0')",
        "['SOUTH ASIA', 'AFRICA EAST', 'EUROPE AND CENTRAL ASIA'][1 + cast(h1 % 3 as int)]",
        f"[{codes}][c]", f"[{names}][c]",
        f"'Ministry of Finance, ' || [{names}][c] || "
        "case when h2 % 9 = 0 then ' \"Treasury\"' else '' end",
        f"[{codes}][c]", f"[{names}][c]", "['NPL', 'FSL', 'SCP', 'BLNO'][1 + cast(h2 % 4 as int)]",
        "['Fully Repaid', 'Repaying', 'Disbursing'][1 + cast(h3 % 3 as int)]",
        "case when h4 % 5 = 0 then 'USD' end",
        f"'P' || lpad(cast(i % {LOANS_A_DATE} as varchar), 6, '0')",
        f"'PROJECT ' || upper([{names}][c]) || ', PHASE ' || h3 % 9",
    )  # fmt: skip
    rate = "cast((h4 % 900) / 100.0 as decimal(9, 2))"
    values = [f"strftime(date '2011-04-01' + cast(i // {LOANS_A_DATE} as int) * 30, '%m/%d/%Y')"]
    values += [*texts[:9], rate, *texts[9:]]
    values += [f"cast({amount} as decimal(20, 2))" for amount in amounts]
    values += [f"strftime({day}, '%m/%d/%Y')" for day in days]
    columns = ", ".join(f'{v} as "{n}"' for v, n in zip(values, TYPES, strict=True))
    return (
        "with numbers as (select i, hash(i * 5 + 1) as h1, hash(i * 5 + 2) as h2, "
        f"hash(i * 5 + 3) as h3, hash(i * 5 + 4) as h4 from range({rows}) as t (i)), "
        "loans as (select *, 1 + cast(h1 % 10 as int) as c, (h2 % 50000000000) / 100.0 as p, "
        "date '1960-01-01' + cast(h3 % 22000 as int) as d from numbers) "
        f"select {columns} from loans"
    )
