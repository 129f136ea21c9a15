"""A look at the bodies of a store."""

from collections.abc import Callable

import numpy as np

from skedge.skeleton.body_check import BodyReport, check_bodies
from skedge.skeleton.layout import Layout

# Clips that tell what the bodies of a store look like.
_LOOKED_AT = 400


def look(
    clip: Callable[[int], np.ndarray], clips: int, layout: Layout, rate: float | None
) -> BodyReport:
    """What the bodies of a store look like, from some of its `clips`; `clip` gives one of them."""
    some = np.unique(np.linspace(0, clips - 1, _LOOKED_AT).astype(np.int64))
    return check_bodies((clip(int(number)) for number in some), layout, rate)
