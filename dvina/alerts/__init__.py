"""Alerts: who must hear of what, once, with what to do.

Findings are read from the side store, become incidents, and what is due is written to an outbox
before it is sent, so that a message that could not be delivered is seen and tried again. Nothing
here opens the warehouse.
"""
