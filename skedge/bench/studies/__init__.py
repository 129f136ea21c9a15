"""Measurements that are run by hand: `python -m skedge.bench.studies.NAME`."""
