"""Datasets: readers of the public formats, the packed store that they write, and the synthetic
set."""
