"""Brings records in: sources, contracts, landing.

The law of this room: it imports no other room. It reads bytes it does not trust, casts whole
record batches by a contract, and leaves immutable Parquet segments with a manifest behind. It
knows nothing of DuckDB, Great Expectations, dbt or Airflow.
"""
