"""Other people's coordinates in the project's: units, axes, absent joints, persons first."""

from collections.abc import Sequence

import numpy as np

from skedge.skeleton.fault import Fault
from skedge.skeleton.layout import Layout

UNITS = {"m": 1.0, "mm": 0.001, "cm": 0.01, "in": 0.0254, "ft": 0.3048}
_MOST_PERSONS = 10
# What programs write three times for a joint nobody saw; 1e20 and 999999 are what numpy fills its
# masked arrays with, 32768 and 3.4e38 the ends of what their numbers can say.
_LARGEST = float(np.finfo(np.float32).max)
_NOT_SEEN = np.array(
    [
        *(-1, 1e20, float(np.float32(1e20)), _LARGEST, -_LARGEST, 32767, -32767, -32768, 65535),
        *(-(10.0**digits) for digits in (3, 4, 5, 6)),
        *(sign * (10.0**digits - 1) for sign in (1, -1) for digits in (3, 4, 5, 6)),
    ]
)


def absent_zeros(joints: np.ndarray, layout: Layout) -> np.ndarray:
    """Joints (..., V, 3) with NaN where a joint is exactly zero, which nobody measures, or thrice a
    number that programs write for what was not seen (-1, 999, 1e20 of a masked array, ...).

    One joint of the trunk that is zero in every frame with other joints is the origin of the
    coordinates, not an absent joint.
    """
    alike = (joints[..., 0] == joints[..., 1]) & (joints[..., 1] == joints[..., 2])
    if not alike.any():
        return joints
    zero = alike & (joints[..., 0] == 0)
    written = alike & np.isin(joints[..., 0], _NOT_SEEN.astype(joints.dtype))
    # A frame of NaN, as beside somebody alone, has no origin either.
    body = (np.isfinite(joints).all(axis=-1) & ~zero & ~written).any(axis=-1)
    trunk = {layout.center, *(joint for anchor in layout.anchors.values() for joint in anchor)}
    origins = [joint for joint in sorted(trunk) if body.any() and zero[..., joint][body].all()]
    if len(origins) == 1:
        zero[..., origins[0]] = ~body
    found = np.array(joints, dtype=np.result_type(joints, np.float32))
    found[zero | written] = np.nan
    return found


def off_picture(places: np.ndarray) -> np.ndarray:
    """Which places in a picture (..., 2) are twice a negative number that programs write for what
    was not seen, such as -1; (...,) bool. 999 may be a place."""
    alike = (places[..., 0] == places[..., 1]) & (places[..., 0] < 0)
    return alike & np.isin(places[..., 0], _NOT_SEEN.astype(places.dtype))


def mend(joints: np.ndarray, *, unit: str = "m", up: str, flip_x: bool = False) -> np.ndarray:
    """Joints (..., 3) of other coordinates in the project's: metres, y up, as a Kinect gives x.

    `unit` is one of `UNITS`; `up`, one of `UPWARDS`, is the axis that points up: the body is turned
    so that this is y, but for -y, where y alone is negated; `flip_x` negates x afterwards.
    """
    first, second, signs = _TURNS[up]
    found = np.array(joints, dtype=np.result_type(joints, np.float32))
    if first != second:
        found[..., [first, second]] = found[..., [second, first]]
    factors = np.array(signs) * UNITS[unit]
    factors[0] *= -1 if flip_x else 1
    return found * factors.astype(found.dtype)


# The two axes that change places, and the signs afterwards.
_TURNS: dict[str, tuple[int, int, tuple[int, int, int]]] = {
    "y": (0, 0, (1, 1, 1)),
    "-y": (0, 0, (1, -1, 1)),
    "z": (1, 2, (1, 1, -1)),
    "-z": (1, 2, (1, -1, 1)),
    "x": (0, 1, (-1, 1, 1)),
    "-x": (0, 1, (1, -1, 1)),
}
UPWARDS = tuple(_TURNS)


def person_axis(shape: Sequence[int]) -> Fault | None:
    """What is wrong with an array (M, T, V, 3) of that shape whose persons are many and frames
    few."""
    persons, frames = shape[0], shape[1]
    if persons <= _MOST_PERSONS or frames > 4:
        return None
    return Fault(
        "axes",
        f"{persons} persons in {frames} frames: persons and frames are exchanged",
        "give them as (persons, frames, joints, 3)",
        sure=True,
    )


def persons_first(joints: np.ndarray, frames_first: bool = False) -> tuple[np.ndarray, bool]:
    """Joints (M, T, V, 3) of an array (M, T, V, 3) or (T, M, V, 3), and whether it was the other
    order than the caller's own, which `frames_first` names.

    The longer axis is the frames where the other one is no longer than ten; of short clips the axis
    along which bodies hardly move.
    """
    few, many = joints.shape[:2]
    if max(few, many) > _MOST_PERSONS >= min(few, many):
        turn = few > many
    else:
        first = _step(joints)
        second = _step(joints.swapaxes(0, 1))
        turn = frames_first if not min(first, second) * 3 < max(first, second) else first < second
    return (joints.swapaxes(0, 1) if turn else joints), turn != frames_first


def _step(joints: np.ndarray) -> float:
    """How far joints are from those one further along the first axis, at the median; infinity where
    there is none, as in empty places, or all are copies of each other."""
    seen = np.where((joints == 0).all(axis=-1, keepdims=True), np.nan, joints)
    steps = np.abs(np.diff(seen, axis=0))
    steps = steps[np.isfinite(steps)]
    return float(np.median(steps)) if steps.any() else np.inf
