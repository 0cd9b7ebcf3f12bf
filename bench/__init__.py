"""Benchmarks: how our load compares with the least that the same work can cost.

The law of this room: it may import every other room and none imports it. Every measurement runs
in a fresh process, takes turns with the limit it is held against, and is reported with its
spread. ``python -m bench --quick`` takes minutes; see docs/benchmarks.md.
"""
