"""Curves through time, as the counting of repetitions needs them."""

import numpy as np


def filled(curves: np.ndarray) -> np.ndarray:
    """Curves (T, C) with what is absent (NaN) between its neighbours."""
    whole = curves.copy()
    places = np.arange(len(curves))
    for column in whole.T:
        gaps = ~np.isfinite(column)
        column[gaps] = np.interp(places[gaps], places[~gaps], column[~gaps])
    return whole


def moving_mean(curves: np.ndarray, length: int) -> np.ndarray:
    """The moving mean of `length` samples, an odd number, of (T, C); the edges are held."""
    half = length // 2
    padded = np.concatenate([curves[:1].repeat(half + 1, 0), curves, curves[-1:].repeat(half, 0)])
    sums = padded.cumsum(axis=0)
    return np.asarray((sums[length:] - sums[:-length]) / length)
