"""The invented camera: how it sees a room, what it gets wrong, and what it loses."""

import numpy as np

from skedge.datasets.synthetic import body
from skedge.datasets.synthetic.motion import smooth
from skedge.skeleton.layout import load_layout

_LAYOUT = load_layout("ntu25")


def view(joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Joints (T, 25, 3) of the room as a camera 2 to 4 m away sees them: any yaw, mostly frontal; a
    small tilt."""
    kind = rng.random()
    yaw = (
        rng.normal(0, 15)
        if kind < 0.55
        else rng.uniform(-90, 90)
        if kind < 0.9
        else rng.uniform(-180, 180)
    )
    turned = joints @ body.rotation(np.array([0, yaw, 0])).T
    turned = turned + np.array([rng.normal(0, 0.25), -rng.uniform(0.7, 1.5), rng.uniform(2.2, 3.8)])
    tilt = np.clip(rng.normal(0, 5), -12, 12)
    return turned @ body.rotation(np.array([tilt, 0, np.clip(rng.normal(0, 1.5), -4, 4)])).T


def noise(frames: int, rng: np.random.Generator, size: float) -> np.ndarray:
    """A depth camera's error (frames, 25, 3) in metres: correlated in time, larger at hands and
    feet, jumps now and then."""
    joints = len(_LAYOUT)
    scale = (
        np.array([_JITTER[_LAYOUT.joints[j].split("_", 1)[-1]] for j in range(joints)])[:, None]
        * size
    )
    wander = _smooth_noise(rng, frames, joints, sigma=3.0)
    jitter = _smooth_noise(rng, frames, joints, sigma=0.7)
    error = scale * (rng.normal(0, 0.8, (joints, 3)) + 0.8 * wander + 0.35 * jitter)
    for _ in range(rng.poisson(0.6)):
        # A joint snaps elsewhere for some frames; what hangs on it goes along.
        joint = rng.choice([_LAYOUT.index(name) for name in _LOOSE])
        start, length = rng.integers(frames), rng.integers(2, 10)
        error[start : start + length, _beyond(joint)] += size * rng.normal(0, 0.06, 3)
    return error


def gaps(frames: int, rng: np.random.Generator, share: float) -> np.ndarray:
    """Which joints are absent, (frames, 25) bool: runs in which a joint and what hangs on it are
    lost; `share` of all."""
    lost = np.zeros((frames, len(_LAYOUT)), dtype=bool)
    # A run takes 14 cells on average. Few clips have many runs, most have none.
    for _ in range(rng.poisson(share * rng.exponential(1) * frames * len(_LAYOUT) / 14)):
        joint = rng.choice([_LAYOUT.index(name) for name in _LOOSE])
        start, length = rng.integers(frames), 1 + rng.geometric(0.2)
        lost[start : start + length, _beyond(joint)] = True
    return lost


def _smooth_noise(rng: np.random.Generator, frames: int, joints: int, sigma: float) -> np.ndarray:
    reach = int(np.ceil(3 * sigma))
    made = smooth(rng.normal(size=(frames + 2 * reach, joints, 3)), sigma)[reach : reach + frames]
    return made * np.sqrt(2 * sigma * np.sqrt(np.pi))


_JITTER = {
    "center": 0.008,
    "spine": 0.006,
    "neck": 0.008,
    "head": 0.01,
    "shoulder": 0.01,
    "elbow": 0.015,
    "wrist": 0.018,
}
_JITTER |= {
    "hand": 0.022,
    "hand_tip": 0.028,
    "thumb": 0.028,
    "hip": 0.01,
    "knee": 0.018,
    "ankle": 0.02,
    "foot": 0.025,
}
_LOOSE = tuple(
    f"{side}_{joint}"
    for side in body.SIDES
    for joint in ("elbow", "wrist", "hand", "knee", "ankle", "foot")
)


def _beyond(joint: int) -> list[int]:
    """The joint and all that hang on it; fingers hang on the hand."""
    parents = _LAYOUT.parents
    found = [joint]
    for _ in range(6):
        found += [
            j
            for j in range(len(_LAYOUT))
            if parents[j] in found and j not in found and j != _LAYOUT.center
        ]
    return found
