"""Activities of the International Aid Transparency Initiative: XML with one rule of the standard.

A value that states no currency is in the activity's default currency
(https://iatistandard.org/en/iati-standard/203/activity-standard/iati-activities/iati-activity/).
Everything else is read as any XML. A value that has neither is left without, so that the contract
can refuse its activity.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Contract
from ingest.sources import Kind, Part, RawBatch
from ingest.sources.xml_records import XML, XmlRecords

TRANSACTIONS, CURRENCY, DEFAULT = "transaction", "value.@currency", "@default-currency"


class IatiActivities(XmlRecords):
    """One file of activities; see the module docstring. Raises what XmlRecords raises."""

    def parts(self) -> Iterator[Part]:
        """Parts of the XML, with currencies filled in."""
        for part in super().parts():
            yield partial(_with_currencies, part)


def _with_currencies(part: Part) -> RawBatch:
    raw = part()
    columns = raw.columns
    if not {TRANSACTIONS, DEFAULT} <= set(columns.schema.names):
        return raw
    filled = _filled(columns.column(TRANSACTIONS), _plain(columns.column(DEFAULT)))
    at = columns.schema.get_field_index(TRANSACTIONS)
    return replace(raw, columns=columns.set_column(at, TRANSACTIONS, filled))


def _filled(lists: pa.ListArray, defaults: pa.Array) -> pa.ListArray:
    """The lists with the currency of each item, or its activity's default."""
    items = lists.flatten()
    names = [field.name for field in items.type]
    if CURRENCY not in names:
        return lists
    own = _plain(pc.struct_field(items, [CURRENCY]))
    stated = pc.if_else(pc.equal(pc.utf8_trim_whitespace(own), ""), None, own)
    theirs = defaults.take(pc.list_parent_indices(lists))
    fields = [
        pc.coalesce(stated, theirs) if name == CURRENCY else pc.struct_field(items, [name])
        for name in names
    ]
    whole = pa.StructArray.from_arrays(fields, names)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), _ends(lists)])
    return pa.ListArray.from_arrays(offsets, whole)


def _ends(lists: pa.ListArray) -> pa.Array:
    """Where each list ends among the items; a missing list is an empty one."""
    return pc.cumulative_sum(pc.fill_null(pc.list_value_length(lists), 0)).cast(pa.int32())


def _plain(values: pa.Array) -> pa.Array:
    return values.cast(pa.string()) if pa.types.is_dictionary(values.type) else values


def _open(contract: Contract, path: Path, name: str) -> IatiActivities:
    return IatiActivities(contract, path, name)


IATI = Kind(XML.fits, _open)
