"""Airflow DAGs: tables of contents over the rooms.

The law of this room: a DAG file holds no SQL, no loop over data, no I/O and no heavy import at
parse time; a task calls one function and hands on a load's name, never rows.
"""
