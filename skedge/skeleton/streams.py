"""Joint, bone and motion streams.

Written with operations that NumPy arrays and torch tensors share, so that training, the exported
graph and the edge compute the same numbers with the same lines; `xp` is the module of the arrays,
`numpy` or `torch`.
"""

from types import ModuleType
from typing import Any, Literal

import numpy as np

from skedge.skeleton.layout import Layout

Stream = Literal["joint", "bone", "motion"]


def bone(joints: Any, layout: Layout) -> Any:
    """x[v] - x[parent of v] for joints of shape (..., V, C); 0 at the centre."""
    return joints - joints[..., layout.parents.tolist(), :]


def motion(joints: Any, look_back: bool = False, xp: ModuleType = np) -> Any:
    """x[t+1] - x[t] for joints of shape (..., T, V, C), last frame 0.

    With `look_back`, x[t] - x[t-1] and first frame 0: the only form that a live stream can compute.
    """
    difference = joints[..., 1:, :, :] - joints[..., :-1, :, :]
    still = joints[..., :1, :, :] * 0
    return xp.concatenate([still, difference] if look_back else [difference, still], -3)


def stream(
    joints: Any, layout: Layout, name: Stream, xp: ModuleType = np, look_back: bool = False
) -> Any:
    """The stream called `name` of joints (..., T, V, C), same shape; `look_back` is that of
    `motion`."""
    if name == "motion":
        return motion(joints, look_back, xp)
    return bone(joints, layout) if name == "bone" else joints
