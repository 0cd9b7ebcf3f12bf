"""The pipeline of messages that a user would write with quixstreams, doing what ours does.

Run as a file by an environment of its own, so it imports nothing of ours. Every message is
checked against the same rules as by the contract, what breaks one goes to a table of its own, and
rows and positions are one transaction of DuckDB.
"""

import json
import re
import sys
import time
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

_KINDS = {
    "declaration_id": "varchar", "item_number": "integer", "version": "integer",
    "status": "varchar", "registered_at": "timestamp", "reporter": "varchar",
    "partner": "varchar", "flow": "varchar", "procedure": "varchar", "office": "varchar",
    "commodity": "varchar", "value_usd": "decimal(18, 2)", "net_weight_kg": "decimal(18, 3)",
    "is_synthetic": "boolean",
}  # fmt: skip
_PATTERNS = {
    "declaration_id": re.compile("[0-9A-Z][0-9A-Z/-]{5,39}"),
    "procedure": re.compile("[0-9]{2}"),
    "office": re.compile("[0-9]{5,8}"),
    "commodity": re.compile("[0-9]{10}"),
}
_ALLOWED = {
    "status": {"registered", "amended", "cancelled"},
    "reporter": {"BLR", "RUS", "KAZ", "ARM", "KGZ", "CHN", "DEU"},
    "partner": {"BLR", "RUS", "KAZ", "ARM", "KGZ", "CHN", "DEU"},
    "flow": {"X", "M", "export", "import"},
}
_OPTIONAL = {"procedure", "office", "net_weight_kg"}
_LAYOUT = "%Y-%m-%dT%H:%M:%SZ"


def checked(value: dict[str, Any]) -> dict[str, Any]:
    """The row of a message with its types, or what was wrong under ``rule``."""
    row = {name: value.get(name) for name in _KINDS}
    for name, held in row.items():
        if held is None and name not in _OPTIONAL:
            return {"rule": f"{name} missing"}
    for name, pattern in _PATTERNS.items():
        if row[name] is not None and not pattern.fullmatch(row[name]):
            return {"rule": f"{name} pattern"}
    for name, words in _ALLOWED.items():
        if row[name] not in words:
            return {"rule": f"{name} not in list"}
    try:
        row["registered_at"] = datetime.strptime(row["registered_at"], _LAYOUT)  # noqa: DTZ007
        row["value_usd"] = Decimal(str(row["value_usd"]))
        row["net_weight_kg"] = Decimal(row["net_weight_kg"])
    except (ValueError, InvalidOperation) as error:
        return {"rule": str(error)}
    if not 1 <= row["item_number"] <= 999 or row["version"] < 1 or row["value_usd"] < 0:
        return {"rule": "out of range"}
    return row


def main(spec_text: str) -> None:
    """Read all messages of the topic and print what was measured as the last line."""
    begun = time.perf_counter()
    import duckdb
    import pyarrow as pa
    from quixstreams import Application
    from quixstreams.sinks import BatchingSink

    imported = time.perf_counter() - begun
    spec = json.loads(spec_text)
    home = Path(spec["home"])
    home.mkdir(parents=True)
    connection = duckdb.connect(str(home / "peer.duckdb"))
    connection.execute(f"create table rows ({', '.join(map(' '.join, _KINDS.items()))})")
    connection.execute("create table refused (part integer, message bigint, rule varchar)")
    connection.execute("create table positions (part integer, following bigint)")

    class Table(BatchingSink):  # type: ignore[misc]
        def write(self, batch: Any) -> None:
            items = list(batch)
            good = [item.value for item in items if "rule" not in item.value]
            bad = [(batch.partition, i.offset, i.value["rule"]) for i in items if "rule" in i.value]
            connection.begin()
            if good:
                sound = pa.Table.from_pylist(good)  # duckdb finds it by its name
                connection.execute(f"insert into rows select {', '.join(_KINDS)} from sound")
                del sound
            if bad:
                connection.executemany("insert into refused values (?, ?, ?)", bad)
            following = [batch.partition, items[-1].offset + 1]
            connection.execute("insert into positions values (?, ?)", following)
            connection.commit()

    first: list[tuple[float, float]] = []

    def row_of(value: dict[str, Any]) -> dict[str, Any]:
        if not first:
            first.append((time.perf_counter(), time.process_time()))
        return checked(value)

    application = Application(
        broker_address=spec["brokers"], consumer_group=f"quix-{time.time_ns()}",
        auto_offset_reset="earliest", auto_create_topics=False, commit_interval=1.0,
        state_dir=str(home / "state"), loglevel=None,
    )  # fmt: skip
    rows = application.dataframe(application.topic(spec["topic"], value_deserializer="json"))
    rows.apply(row_of).sink(Table())
    application.run(count=spec["count"], timeout=120)
    seconds, cpu = time.perf_counter() - first[0][0], time.process_time() - first[0][1]
    counted = connection.execute("select (select count(*) from rows), count(*) from refused")
    assert counted.fetchone() == (spec["count"], 0)
    answer = {"seconds": seconds, "cpu": cpu, "import_s": imported, "laps": {}, "facts": {}}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[2])
