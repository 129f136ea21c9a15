"""Sweeps: a chain of the pipeline's steps at every point of a grid and for every seed, and the
table of what came out."""
