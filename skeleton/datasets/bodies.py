"""Which bodies of an NTU RGB+D recording are the persons of a clip: the two conventions in use.

`first_two` is what AimCLR and PSTL read; `denoise` is what CTR-GCN, MAMP and PYSKL do, after the set's authors.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from skeleton.datasets.ntu_text import Recording

SHORTEST = 12
WIDE, WIDE_SHARE = 0.8, 0.69754


def first_two(recording: Recording) -> np.ndarray:
    """The first two bodies of each frame in the order of the file, as joints (1 or 2, T, 25, 3), NaN where there is none.

    Nobody is followed from frame to frame, and frames without a body stay.
    """
    new = np.concatenate(([True], recording.frame[1:] != recording.frame[:-1]))
    place = np.arange(len(new)) - np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))
    kept = place < 2
    joints = _empty(2, recording.frames, recording)
    joints[place[kept], recording.frame[kept]] = recording.joints[kept]
    return _present(joints)


def denoise(recording: Recording) -> np.ndarray:
    """The persons that move, as joints (1 or 2, T', 25, 3), NaN where one is absent; frames with no body are dropped.

    Where there are several bodies, those seen in less than 12 frames go, and those wider than high in most frames, but
    never the last. The others are sorted by motion, the variance over frames and joints: the first is person 1; each next
    continues person 1 where it does not overlap with them in time, else person 2 likewise, else it goes. A body's frames
    keep their own places where it was lost for a while.
    """
    new = np.concatenate(([True], recording.frame[1:] != recording.frame[:-1]))
    frame = np.cumsum(new) - 1
    bodies = []
    for number in range(int(recording.body.max()) + 1):
        own = np.flatnonzero(recording.body == number)
        # Of a body twice in one frame the first counts.
        own = own[np.concatenate(([True], frame[own[1:]] != frame[own[:-1]]))]
        bodies.append(_Body(frame[own], recording.joints[own]))
    if len(bodies) > 1:
        bodies = _moving(bodies)
    joints = _empty(2, int(frame[-1]) + 1, recording)
    spans: list[tuple[int, int] | None] = [None, None]
    for body in bodies:
        start, end = int(body.frames[0]), int(body.frames[-1])
        for person, span in enumerate(spans):
            if span is None or min(span[1], end) <= max(span[0], start):
                joints[person, body.frames] = body.joints
                spans[person] = (start, end) if span is None else (min(span[0], start), max(span[1], end))
                break
    return _present(joints)


SELECTIONS: dict[str, Callable[[Recording], np.ndarray]] = {"denoise": denoise, "first-two": first_two}


class _Body(NamedTuple):
    frames: np.ndarray
    joints: np.ndarray


def _moving(bodies: list[_Body]) -> list[_Body]:
    bodies = [body for body in bodies if len(body.frames) >= SHORTEST] or [max(bodies, key=lambda body: len(body.frames))]
    if len(bodies) == 1:
        return bodies
    kept: list[tuple[float, _Body]] = []
    for i, body in enumerate(bodies):
        x, y = (np.ascontiguousarray(body.joints[..., axis].T) for axis in (0, 1))
        upright = np.ptp(x, axis=0) <= WIDE * np.ptp(y, axis=0)
        last = not kept and i == len(bodies) - 1
        if 1 - upright.mean() >= WIDE_SHARE and not last:
            continue
        motion = _motion(body.joints)
        if not upright.all() and not last:
            motion = min(motion, _motion(body.joints[upright]))
        kept.append((motion, body))
    kept.sort(key=lambda pair: -pair[0])
    return [body for _, body in kept]


def _motion(joints: np.ndarray) -> float:
    points = joints.reshape(-1, 3).astype(np.float64)
    points -= np.ones(len(points)) @ points / len(points)
    return float(np.vdot(points, points)) / len(points)


def _empty(persons: int, frames: int, recording: Recording) -> np.ndarray:
    return np.full((persons, frames, *recording.joints.shape[1:]), np.nan, np.float32)


def _present(joints: np.ndarray) -> np.ndarray:
    """Without a second person of nothing; joints at the camera's own place were not seen."""
    x, y, z = (joints[..., axis] == 0 for axis in range(3))
    joints[x & y & z] = np.nan
    return joints if (joints[1] == joints[1]).any() else joints[:1]
