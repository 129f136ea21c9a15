"""A look at the bodies of a store."""

from collections.abc import Callable

import numpy as np

from skedge.skeleton.body_check import BodyReport, check_bodies
from skedge.skeleton.layout import Layout

# Clips that tell what the bodies of a store look like.
_LOOKED_AT = 400
# Frames of a clip that are looked at: those in the middle of a recording of more than six minutes,
# as all at once took 14 times as much memory as a recording of ten hours itself.
MOST_FRAMES = 10_000


def look(
    clip: Callable[[int], np.ndarray], clips: int, layout: Layout, rate: float | None
) -> BodyReport:
    """What the bodies of a store look like, from some of its `clips`; `clip` gives one of them."""
    some = np.unique(np.linspace(0, clips - 1, _LOOKED_AT).astype(np.int64))
    return check_bodies((stretch(clip(int(number))) for number in some), layout, rate)


def stretch(clip: np.ndarray) -> np.ndarray:
    """What is looked at of a clip (M, T, V, 3): all, or of more than `MOST_FRAMES` frames those in
    its middle."""
    before = max(0, clip.shape[1] - MOST_FRAMES) // 2
    return clip[:, before : before + MOST_FRAMES]
