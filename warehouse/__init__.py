"""Keeps what was brought in: the one place that opens the DuckDB file.

The law of this room: it imports ``ingest.contract``, ``ingest.landing``, ``ingest.steps`` and
nothing else of ours. It commits landed and judged loads in one transaction each, keeps an
append-only ledger of decisions, shows ``accepted.*`` views at a pinned horizon, and publishes
whole versions. It does not know what a gate is: the caller carries the verdict to the ledger.
"""
