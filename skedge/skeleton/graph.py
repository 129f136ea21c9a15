"""The skeleton graph as adjacency matrices."""

from typing import Literal

import numpy as np

from skedge.skeleton.layout import Layout

Distances = Literal["one-hop", "true"]


def partition(layout: Layout, distances: Distances = "one-hop") -> np.ndarray:
    """The column-normalised adjacency split by distance to the centre ("spatial" partition of
    ST-GCN, section 3.3).

    Returns (3, V, V) float32: root, closer to the centre, farther. Features of shape (..., V) take
    one step on the graph as `x @ A[k]`. With `distances="one-hop"` every joint that is not a
    neighbour of the centre counts as equally far, which is what the programs behind the published
    PSTL, AimCLR and ST-GCN numbers do; `"true"` uses the hops along the bones.
    """
    joints = len(layout)
    linked = np.eye(joints, dtype=bool) | (neighbours(layout) > 0)
    normalised = linked / linked.sum(axis=0)

    hops = _hops_to(layout) if distances == "true" else np.where(linked[layout.center], 1, 2)
    hops[layout.center] = 0
    source = hops[:, None]
    target = hops[None, :]
    apart = ~np.eye(joints, dtype=bool)
    # The programs list "source is at least as far as target" with the closer group, equally far
    # neighbours included.
    return np.stack(
        [
            np.where(~apart, normalised, 0),
            np.where(apart & (source >= target), normalised, 0),
            np.where(apart & (source < target), normalised, 0),
        ]
    ).astype(np.float32)


def neighbours(layout: Layout) -> np.ndarray:
    """(V, V) float32: 1 where two joints share a bone, else 0; no joint is its own neighbour."""
    linked = np.zeros((len(layout), len(layout)), np.float32)
    for child, parent in layout.bones:
        linked[child, parent] = linked[parent, child] = 1
    return linked


def _hops_to(layout: Layout) -> np.ndarray:
    parents = layout.parents
    at = np.arange(len(layout))
    hops = np.zeros(len(layout), dtype=int)
    while (at != layout.center).any():
        hops += at != layout.center
        at = parents[at]
    return hops
