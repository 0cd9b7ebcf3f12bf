"""Expectations: judges a landed load before anyone sees it, and marts before they are published.

The law of this room: it knows the contract and nothing else of ours, opens only what was handed
to it, read only, and never decides; the caller carries the report to the ledger. A verdict has
three values, because data that break a rule and a rule that could not be judged are not the
same: ``passed``, ``failed``, ``errored``. What could not be judged never passes. Great
Expectations is imported when it is first used, not before (``gate.warm``).
"""
