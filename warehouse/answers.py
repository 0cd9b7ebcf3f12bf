"""What an operator asks of a load that is decided already: to withdraw it, or to accept it again.

Both run inside the caller's transaction and only append decisions.
"""

import duckdb

from ingest.contract import Contract
from warehouse.database import literal
from warehouse.errors import UnknownLoad
from warehouse.ledger import (
    REPLACING_KINDS,
    Cause,
    Decided,
    dataset_of,
    decide,
    last_decision,
)


def withdraw(connection: duckdb.DuckDBPyConnection, load_id: str, why: Cause) -> Decided:
    """Take a load's accepted slices, and what was replayed into it, out of sight.

    Raises UnknownLoad when no slice of it is in force.
    """
    dataset = dataset_of(connection, load_id)
    _units_in_state(connection, dataset, load_id, ("accepted",))
    count = decide(connection, dataset, ("chosen", "'withdrawn'", why))
    if not count:
        raise UnknownLoad(
            f"Load {load_id} has no accepted slice to withdraw. See 'dvina loads {dataset}'."
        )
    return Decided(load_id, dataset, "withdrawn", why.reason, count)


def accept_again(
    connection: duckdb.DuckDBPyConnection, contract: Contract, load_id: str, why: Cause
) -> Decided:
    """Put withdrawn or superseded slices of a load in force again, superseding the present ones.

    Raises UnknownLoad when no slice of it is out of force.
    """
    dataset = contract.dataset
    _units_in_state(connection, dataset, load_id, ("withdrawn", "superseded"))
    replacing = str(contract.revision.kind in REPLACING_KINDS).lower()
    connection.execute(
        "create or replace temp table former as select u.unit_id, u.load_id "
        f"from ledger.units as u join ledger.current_units({literal(dataset)}, "
        f"{last_decision(connection)}) using (unit_id) "
        "where u.slice in (select slice from ledger.units join chosen using (unit_id)) "
        f"and {replacing}"
    )
    replaced = Cause(f"by load {load_id}", why.by, why.at)
    decide(connection, dataset, ("former", "'superseded'", replaced))
    count = decide(connection, dataset, ("chosen", "'accepted'", why))
    if not count:
        raise UnknownLoad(f"All slices of load {load_id} are in force already.")
    return Decided(load_id, dataset, "accepted", why.reason, count)


def _units_in_state(
    connection: duckdb.DuckDBPyConnection, dataset: str, load_id: str, states: tuple[str, ...]
) -> None:
    listed = ", ".join(literal(state) for state in states)
    connection.execute(
        "create or replace temp table chosen as select d.unit_id, d.load_id "
        "from ledger.decisions as d join ledger.units as u using (unit_id) "
        "where d.dataset = ? and (u.load_id = ? or u.adds_to = ?) "
        "and u.scope not like '% except %' "
        "group by d.unit_id, d.load_id "
        f"having arg_max(d.decision, d.decision_no) in ({listed})",
        [dataset, load_id, load_id],
    )
    if states == ("accepted",):
        connection.execute(
            "insert into chosen select u.unit_id, u.load_id from ledger.units as u "
            f"join ledger.current_units({literal(dataset)}, {last_decision(connection)}) "
            "using (unit_id) where u.load_id = ? and u.scope like '% except %'",
            [load_id],
        )
