"""Bodies of human proportions for tests."""

from functools import cache

import numpy as np

from skedge.skeleton.layout import load_layout

NTU = load_layout("ntu25")
# NTU's joints with left and right exchanged.
NTU_FLIP = [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 20, 23, 24, 21, 22]  # fmt: skip
# A person of 1.7 m who faces the camera, right hand at larger x, in metres: knees and feet before
# the hips (smaller z), elbows behind.
_PERSON = {
    "hip_center": (0, 0.95, 0), "spine": (0, 1.2, 0.01), "neck": (0, 1.5, 0), "head": (0, 1.65, 0),
    "shoulder_center": (0, 1.42, 0),
    "left_shoulder": (-0.18, 1.4, 0), "right_shoulder": (0.18, 1.4, 0),
    "left_elbow": (-0.22, 1.15, 0.04), "right_elbow": (0.22, 1.15, 0.04),
    "left_wrist": (-0.24, 0.93, -0.06), "right_wrist": (0.24, 0.93, -0.06),
    "left_hand": (-0.24, 0.86, -0.09), "right_hand": (0.24, 0.86, -0.09),
    "left_hand_tip": (-0.24, 0.8, -0.1), "right_hand_tip": (0.24, 0.8, -0.1),
    "left_thumb": (-0.21, 0.85, -0.12), "right_thumb": (0.21, 0.85, -0.12),
    "left_hip": (-0.09, 0.92, 0), "right_hip": (0.09, 0.92, 0),
    "left_knee": (-0.1, 0.5, -0.05), "right_knee": (0.1, 0.5, -0.05),
    "left_ankle": (-0.1, 0.09, 0.02), "right_ankle": (0.1, 0.09, 0.02),
    "left_foot": (-0.11, 0.03, -0.13), "right_foot": (0.11, 0.03, -0.13),
}  # fmt: skip


def standing() -> np.ndarray:
    """Somebody of 1.7 m who stands before the camera, (25, 3) float32, NTU's joints."""
    return np.array([_PERSON[joint] for joint in NTU.joints], np.float32)


@cache
def people() -> tuple[np.ndarray, ...]:
    """Twelve clips (1, 20, 25, 3) of people of different height who turn, sway and wave, as NTU has them."""
    rng = np.random.default_rng(0)
    person = standing()
    made = []
    for _ in range(12):
        clip = np.repeat(person[None], 20, axis=0) * rng.uniform(0.7, 1.15)
        angle = rng.uniform(-1.2, 1.2)
        turn = np.array(
            [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
        )
        clip = clip + rng.normal(0, 0.01, clip.shape)
        clip[:, NTU.index("right_hand"), 1] += 0.03 * np.sin(np.arange(20))
        made.append((clip @ turn + (rng.uniform(-1, 1), -0.8, 2.5))[None])
    return tuple(made)
