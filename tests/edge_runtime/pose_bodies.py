"""Bodies as the pose estimator's networks would describe them."""

import numpy as np

from skedge.edge_runtime.pose.landmarks import LAYOUT, Body
from skedge.edge_runtime.pose.region import Region


def body(
    height: float = 300.0,
    x: float = 320.0,
    top: float = 60.0,
    visible: float = 0.95,
    score: float = 0.9,
) -> Body:
    """Somebody who stands in the picture, nose 60 pixels from its upper edge by default."""
    shares = {
        "nose": 0.0,
        "shoulder": 0.2,
        "elbow": 0.38,
        "wrist": 0.52,
        "hip": 0.52,
        "knee": 0.76,
        "ankle": 0.98,
    }
    pixels = np.zeros((33, 2), np.float32)
    for number, joint in enumerate(LAYOUT.joints):
        side, _, part = joint.partition("_")
        share = shares.get(
            part,
            1.0
            if "foot" in part or part == "heel"
            else 0.53
            if part in ("pinky", "index", "thumb")
            else 0,
        )
        pixels[number] = (
            x + {"left": 30, "right": -30}.get(side, 0) * (share > 0),
            top + share * height,
        )
    region = Region(x, top + 0.52 * height, 1.3 * height, 0.0)
    return Body(
        score, pixels, np.zeros((33, 3), np.float32), np.full(33, visible), np.ones(33), region
    )
