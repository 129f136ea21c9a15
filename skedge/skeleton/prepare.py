"""From raw frames with absent joints to the array that a model takes; the same in training and on
the device."""

from typing import Any

import numpy as np

from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout, check_joint_count
from skedge.skeleton.resample import resize
from skedge.skeleton.text import counted


def seen(joints: np.ndarray) -> np.ndarray:
    """Which joints (..., V, 3) were measured, (..., V) bool: not NaN, not infinite."""
    return np.isfinite(joints).all(axis=-1)


def unmasked(joints: Any) -> Any:
    """Joints with NaN where an array of numpy masks them, which takes no mask along; anything else
    as it is."""
    if not isinstance(joints, np.ma.MaskedArray):
        return joints
    return np.where(np.ma.getmaskarray(joints), np.float32(np.nan), np.ma.getdata(joints))


def fill(joints: np.ndarray, layout: Layout, last: np.ndarray | None = None) -> np.ndarray:
    """Fill absent joints of (M, T, V, 3); float32 without NaN.

    An absent joint takes its last seen value; one not seen yet takes the body's centre (the mean of
    the joints known by then, where the centre is unknown too); a person not seen yet is zeros. No
    frame depends on a later one, so frames may come in pieces: `last` (M, V, 3), NaN where unknown,
    is what was seen before, see `last_seen`.
    """
    if seen(joints).all():
        return joints.astype(np.float32)
    latest = _hold(joints, last)
    known = seen(latest)
    zeroed = np.where(known[..., None], latest, 0)
    mean = zeroed.sum(axis=-2) / np.maximum(known.sum(axis=-1), 1)[..., None]
    center = np.where(known[..., layout.center, None], zeroed[..., layout.center, :], mean)
    return np.where(known[..., None], zeroed, center[..., None, :]).astype(np.float32)


def last_seen(joints: np.ndarray, last: np.ndarray | None = None) -> np.ndarray:
    """The state for `fill` after frames (M, T, V, 3): every joint's last seen value, (M, V, 3), NaN
    where never seen."""
    return _hold(joints, last)[:, -1]


def _hold(joints: np.ndarray, last: np.ndarray | None) -> np.ndarray:
    before = np.full_like(joints[:, :1], np.nan) if last is None else last[:, None]
    frames = np.concatenate([before, joints], axis=1)
    newest = np.where(seen(frames), np.arange(frames.shape[1])[:, None], 0)
    newest = np.maximum.accumulate(newest, axis=1)
    held = np.take_along_axis(frames, newest[..., None], axis=1)[:, 1:]
    return np.where(seen(held)[..., None], held, np.nan)


def prepare(
    joints: np.ndarray,
    layout: Layout,
    persons: int,
    frames: int | None = None,
    source: str = "the clip",
) -> np.ndarray:
    """A raw clip (M, T, V, 3), NaN where absent, as a model takes it: (persons, frames, V, 3)
    float32 without NaN.

    Frames at both ends in which nobody is seen are dropped, absent joints filled, then the clip is
    stretched to `frames` (left as long as it is for None). Missing persons become zeros; of more
    than `persons` the first ones stay.

    Raises `InputError` for a wrong joint count and for a clip in which nothing was seen at all.
    """
    if joints.ndim != 4 or joints.shape[-1] != 3:
        raise InputError(
            f"{source}: expected joints of shape (persons, frames, joints, 3), got {joints.shape}"
        )
    check_joint_count(joints.shape[2], layout, source)
    clip = np.asarray(joints[:persons], dtype=np.float32)
    occupied = np.flatnonzero(seen(clip).any(axis=(0, 2)))
    if len(occupied) == 0:
        raise InputError(
            f"{source}: expected coordinates in metres, got no finite joint in"
            f" {counted(joints.shape[1], 'frame')} (NaN everywhere)"
        )
    clip = fill(clip[:, occupied[0] : occupied[-1] + 1], layout)
    if frames is not None:
        clip = resize(clip, frames)
    return np.concatenate([clip, np.zeros((persons - len(clip), *clip.shape[1:]), np.float32)])
