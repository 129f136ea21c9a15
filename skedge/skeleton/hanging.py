"""People who are seen from the hips up, behind a desk or too near to the camera: which joints are
their legs, and where what nobody sees is taken to hang."""

from functools import lru_cache

import numpy as np

from skedge.skeleton.layout import Layout
from skedge.skeleton.prepare import seen

LEGS = ("knee", "ankle", "heel", "foot", "foot_index")
# Metres of somebody 1.7 m tall (`skedge.skeleton.anatomy`): hips below shoulders, and apart.
TRUNK, HIPS = 0.46, 0.19
# By how many metres a limb hangs below the one before it.
BELOW = (
    ("elbow", "shoulder", 0.27),
    ("wrist", "elbow", 0.24),
    ("knee", "hip", 0.43),
    ("ankle", "knee", 0.4),
)
DOWN = np.array([0, -1, 0], np.float32)


@lru_cache(maxsize=32)
def leg_joints(layout: Layout) -> tuple[int, ...]:
    """The numbers of the joints from the knees down; none where a layout names them otherwise."""
    names = {f"{side}_{part}" for side in ("left", "right") for part in LEGS}
    return tuple(i for i, name in enumerate(layout.joints) if name in names)


def hanging(joints: np.ndarray, layout: Layout) -> np.ndarray:
    """Joints (..., V, 3) in metres, y up, with hips, legs and arms that are absent (NaN) where they
    hang while somebody stands at rest; the same array where none is absent.

    Hips hang below the shoulders and legs below the hips, straight; an arm hangs from its last
    joint that is seen. Without both shoulders nothing is placed.
    """
    if seen(joints).all():
        return joints
    found = np.array(joints, np.float32)
    left, right = (found[..., joint, :] for joint in layout.shoulders)
    across = (left - right) * (1, 0, 1)
    across = across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-6)
    middle = (left + right) / 2 + TRUNK * DOWN

    def place(name: str, where: np.ndarray) -> None:
        joint = layout.index(name)
        absent = ~seen(found[..., joint, :])
        found[..., joint, :] = np.where(absent[..., None], where, found[..., joint, :])

    for side, way in (("left", 0.5), ("right", -0.5)):
        if f"{side}_hip" in layout.joints:
            place(f"{side}_hip", middle + way * HIPS * across)
        for child, parent, below in BELOW:
            names = (f"{side}_{child}", f"{side}_{parent}")
            if all(name in layout.joints for name in names):
                place(names[0], found[..., layout.index(names[1]), :] + below * DOWN)
    return found
