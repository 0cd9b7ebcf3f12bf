"""Joins the rooms: settings, the way of a load, builds, and the command line.

This is the one package that imports all three rooms; the DAGs call it. It holds no rules of its
own about data.
"""
