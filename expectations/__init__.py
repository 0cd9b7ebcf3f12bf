"""Judges landed loads and built marts with Great Expectations, before anyone can see them.

The law of this room: it imports ``ingest.contract`` and nothing else of ours. It opens no
warehouse file: a load is judged through a view over its Parquet segments. An answer has three
outcomes, passed, failed and errored, and an error is never taken for a pass.
"""
