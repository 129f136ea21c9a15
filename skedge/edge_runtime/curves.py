"""Curves through time, as the counting of repetitions needs them."""

import numpy as np

from skedge.skeleton.layout import Layout

# Samples a second.
RATE = 30.0
# Seconds before an action's estimated start and after its end that are looked at as well.
MARGIN = 0.7


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


def even_moments(moments: np.ndarray) -> np.ndarray:
    """Moments at even steps, whatever the camera's were."""
    return np.arange(moments[0], moments[-1], 1 / RATE)


def torso(frames: np.ndarray, layout: Layout) -> float:
    """The usual distance from hip to chest in joints (T, V, 3); 0 where it is never seen."""
    size = np.linalg.norm(anchor(frames, layout, "chest") - anchor(frames, layout, "hip"), axis=-1)
    return float(np.nanmedian(size)) if np.isfinite(size).any() else 0.0


def anchor(frames: np.ndarray, layout: Layout, name: str) -> np.ndarray:
    """Where the `hip` or the `chest` is, (T, 3), in joints (T, V, 3)."""
    return np.asarray(frames[:, list(layout.anchors[name])].mean(axis=1))
