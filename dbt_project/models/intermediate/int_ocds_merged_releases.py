"""Merges the releases of processes that have several, by the rules of the standard.

The work is done by ocdsmerge, the standard's own library, on rows as they are: a column stands for
the path that it came from, and in lists the first field is the item's ``id``. Rows are read and
written in batches; of one process all releases are held.
https://standard.open-contracting.org/latest/en/schema/merging/
"""

import warnings
from itertools import groupby
from operator import itemgetter

import pyarrow as pa
from ocdsmerge import Merger

BATCH_ROWS = 500
# Told of a release, not merged: what is left is merged.
OF_THE_RELEASE = (
    "_load_id", "_unit_id", "_row", "ocid", "release_id", "published_at", "tags", "is_compiled",
    "deleted_paths", "merge_position", "release_count",
)  # fmt: skip
# Lists that the standard replaces as a whole ("wholeListMerge" in its release schema).
WHOLE = "wholeListMerge"
RULES = {
    ("parties", "additional_identifiers"): WHOLE,
    ("tender_items", "additional_classifications"): WHOLE,
    ("awards", "items", "additional_classifications"): WHOLE,
    ("contracts", "items", "additional_classifications"): WHOLE,
}


def model(dbt, session):
    """One row for each process with several releases."""
    dbt.config(materialized="table")
    releases = dbt.ref("int_ocds_releases_by_process")
    several = releases.filter("release_count > 1").order("ocid, merge_position")
    reader = several.to_arrow_reader(BATCH_ROWS)
    return pa.RecordBatchReader.from_batches(reader.schema, _merged(reader))


def _merged(reader):
    """Batches of merged processes, in the schema of their releases."""
    rows = (row for batch in reader for row in batch.to_pylist())
    done = []
    for _, releases in groupby(rows, key=itemgetter("ocid")):
        done.append(merge(list(releases), reader.schema))
        if len(done) == BATCH_ROWS:
            yield pa.RecordBatch.from_pylist(done, reader.schema)
            done = []
    yield pa.RecordBatch.from_pylist(done, reader.schema)


def merge(releases, schema):
    """The row of a process from the rows of its releases, which stand in their order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two items with one identifier the later counts
        merged = Merger(merge_rules=RULES).create_compiled_release(
            [_release(row, number, schema) for number, row in enumerate(releases)]
        )
    last = releases[-1]
    dates = [row["published_at"] for row in releases if row["published_at"]]
    date = max(dates, default=None)
    row = {
        **last,
        "release_id": f"{last['ocid']}-{date.isoformat()}Z" if date else last["ocid"],
        "published_at": date,
        "tags": ["compiled"],
        "is_compiled": True,
        "deleted_paths": None,
    }
    for field in schema:
        if field.name not in OF_THE_RELEASE:
            row[field.name] = _row_value(merged.get(field.name), field.type)
    return row


def _release(row, number, schema):
    """A release as ocdsmerge wants it: no key for what is not told, None for what is deleted."""
    release = {"ocid": row["ocid"], "id": str(number), "date": f"{number:09d}"}
    for field in schema:
        value = row[field.name]
        if value is not None and field.name not in OF_THE_RELEASE:
            release[field.name] = _release_value(value, field.type)
    for path in row["deleted_paths"] or ():
        _delete(release, path.split("/"))
    return release


def _release_value(value, kind):
    if not pa.types.is_list(kind) or not pa.types.is_struct(kind.value_type):
        return value
    fields = list(kind.value_type)
    return [
        {
            name: _release_value(item[field.name], field.type)
            for name, field in zip(_keys(fields), fields, strict=True)
            if item[field.name] is not None
        }
        for item in value
    ]


def _row_value(value, kind):
    if value is None or not pa.types.is_list(kind) or not pa.types.is_struct(kind.value_type):
        return value
    fields = list(kind.value_type)
    return [
        {
            field.name: _row_value(item.get(name), field.type)
            for name, field in zip(_keys(fields), fields, strict=True)
        }
        for item in value
    ]


def _keys(fields):
    return ["id", *(field.name for field in fields[1:])]


def _delete(release, parts):
    """Set to None what the path leads to: a column, or in a list an item and its field."""
    name, *rest = parts
    if not rest:
        release[name] = None
        return
    identifier = rest[0].replace("~1", "/").replace("~0", "~")
    items = release.get(name) or []
    release[name] = items
    item = next((item for item in items if item.get("id") == identifier), None)
    if item is None:
        item = {"id": identifier}
        items.append(item)
    _delete(item, rest[1:])
