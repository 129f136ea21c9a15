"""How many repetitions of a movement are under way, frame by frame, whatever the action.

A small network over time looks at the joints of a stretch of a recording, measured in torso
lengths, and gives for every frame how many repetitions a frame were under way; their sum is the
count. So density is summed to a count for crowds (Lempitsky and Zisserman, NIPS 2010, section 2).
It was trained on invented people (`skedge.student.counting`), for whom it is known when each
repetition began and ended, so that it learned not to count the way up and the way back.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from skedge.edge_runtime.curves import anchor, even_moments, torso
from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.layout import Layout

# Joints further than this from where they usually are, in torso lengths, are taken to be there.
FAR = 6.0
# Coordinates that are seen in fewer of the frames are zeros: they would be made up.
SEEN = 0.3
# Beyond this the gate of a layer is open or shut, and `exp` may overflow.
SHUT = 30
# Joints of both sides, and what they are measured from.
PLACES = {"shoulder": "hip", "elbow": "chest", "wrist": "chest", "knee": "hip", "ankle": "hip"}
JOINTS = tuple((f"{side}_{name}", PLACES[name]) for name in PLACES for side in ("left", "right"))
# Coordinates of those, of the head and of the hip.
CURVES = 3 * (len(JOINTS) + 2)
# The curve of the hip's height.
HIP_HEIGHT = CURVES - 2
# Curves of the legs.
LEGS = [
    3 * i + k
    for i, (name, _) in enumerate(JOINTS)
    for k in range(3)
    if name.endswith(("knee", "ankle"))
]
# Which curve takes whose place where left and right are exchanged.
_MIRRORED = [3 * (i ^ 1) + k for i in range(len(JOINTS)) for k in range(3)]
_MIRRORED += range(3 * len(JOINTS), CURVES)
WEIGHTS = Path(__file__).with_name("models") / "counter.npz"


def body_curves(frames: np.ndarray, moments: np.ndarray, layout: Layout) -> np.ndarray | None:
    """What the network looks at, (T, CURVES), at the even moments, in torso lengths.

    It is where the joints (N, V, 3), seen at `moments` (N,) in seconds, are from hip or chest, and
    where the hip is, about the median. Joints that are hardly seen, or that the layout does not
    have, are zeros. None where the torso is never seen.
    """
    hip, chest = (anchor(frames, layout, name) for name in ("hip", "chest"))
    size = torso(frames, layout)
    if not size > 0:
        return None
    about = {"hip": hip, "chest": chest}
    absent = np.full_like(hip, np.nan)

    def joint(name: str) -> np.ndarray:
        return frames[:, layout.joints.index(name)] if name in layout.joints else absent

    head = joint("head" if "head" in layout.joints else "nose")
    found = [joint(name) - about[centre] for name, centre in JOINTS] + [head - hip, hip]
    even = even_moments(moments)
    motion = np.zeros((len(even), CURVES), np.float32)
    for number, column in enumerate(np.concatenate(found, axis=1).T / size):
        there = np.isfinite(column)
        if there.mean() > SEEN:
            motion[:, number] = np.interp(even, moments[there], column[there])
    return np.clip(motion - np.median(motion, axis=0), -FAR, FAR)


def mirrored(motion: np.ndarray) -> np.ndarray:
    """Curves (T, CURVES) of a body whose sides have changed places."""
    found = motion[:, _MIRRORED]
    found[:, 0::3] *= -1
    return np.asarray(found)


def turned(motion: np.ndarray, angle: float) -> np.ndarray:
    """Curves (T, CURVES) of a body that is turned about the vertical, by radians."""
    found = motion.copy()
    across, ahead = motion[:, 0::3], motion[:, 2::3]
    found[:, 0::3] = np.cos(angle) * across + np.sin(angle) * ahead
    found[:, 2::3] = np.cos(angle) * ahead - np.sin(angle) * across
    return found


def counts(motion: np.ndarray, weights: Mapping[str, np.ndarray]) -> list[float]:
    """How often something is done in curves (T, CURVES), counted four times, by `densities`."""
    return [float(one.sum()) for one in densities(motion, weights)]


def densities(motion: np.ndarray, weights: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Four times the `density` (T,) of curves (T, CURVES): with the body as it is, turned by a
    third of a circle either way, and mirrored. Each errs otherwise."""
    third = 2 * np.pi / 3
    views = (motion, turned(motion, third), turned(motion, -third), mirrored(motion))
    return [density(view, weights) for view in views]


def density(motion: np.ndarray, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """How many repetitions a frame are under way, (T,), in curves (T, CURVES), by the network of
    `skedge.student.counting`."""
    x = _across(motion, weights["in"], weights["in_bias"])
    for number in range(len(weights["dilations"])):
        time, across, bias = (weights[f"{name}{number}"] for name in ("time", "across", "bias"))
        moved = _taps(x, len(time), int(weights["dilations"][number]))
        y = sum(one * tap for one, tap in zip(moved, time, strict=True)) @ across + bias
        value, gate = np.split(y, 2, axis=1)
        x = x + value / (1 + np.exp(-np.clip(gate, -SHUT, SHUT)))
    return np.logaddexp(0, x @ weights["out"] + weights["out_bias"])


def _across(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A convolution over time of (T, C) by a kernel (K, C, D), padded by zeros, to (T, D)."""
    taps = _taps(x, len(kernel), 1)
    return np.asarray(sum(one @ tap for one, tap in zip(taps, kernel, strict=True)) + bias)


def _taps(x: np.ndarray, size: int, dilation: int) -> list[np.ndarray]:
    """(T, C) as the taps of a kernel of that size see it, zeros beyond the ends."""
    reach = size // 2 * dilation
    padded = np.pad(x, ((reach, reach), (0, 0)))
    return [padded[k * dilation : k * dilation + len(x)] for k in range(size)]


@cache
def shipped() -> dict[str, np.ndarray]:
    """The weights of the network that comes with skedge. Raises `InputError` where its file is
    missing or damaged."""
    try:
        with np.load(WEIGHTS, allow_pickle=False) as file:
            return {name: file[name].astype(np.float32) for name in file.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise InputError(
            f"{WEIGHTS}: expected the network that counts, got: {reason(error)};"
            " install skedge again"
        ) from None
