"""Which bodies of an NTU RGB+D recording are the persons of a clip: the two conventions in use.

`first_two` is what AimCLR and PSTL read; `denoise` is what CTR-GCN, MAMP and PYSKL do, after the
set's authors.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from skedge.datasets.parsing.ntu_text import JOINTS, Recording

SHORTEST = 12
WIDE, WIDE_SHARE = 0.8, 0.69754
# Of a row of joints, as a product of matrices: three times as fast as a sum over an axis.
_SUM = np.tile(np.eye(3), (JOINTS, 1))


def first_two(recording: Recording) -> np.ndarray:
    """The first two bodies of each frame in the order of the file, as joints (1 or 2, T, 25, 3),
    NaN where there is none.

    Nobody is followed from frame to frame, and frames without a body stay.
    """
    new = np.concatenate(([True], recording.frame[1:] != recording.frame[:-1]))
    place = np.arange(len(new)) - np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))
    kept = place < 2
    joints = _empty(recording.frames, recording)
    joints[place[kept], recording.frame[kept]] = recording.joints[kept]
    return _present(joints)


def denoise(recording: Recording) -> np.ndarray:
    """The persons that move, as joints (1 or 2, T', 25, 3), NaN where one is absent; frames with no
    body are dropped.

    Where there are several bodies, those seen in less than 12 frames go, and those wider than high
    in most frames, but never the last. The others are sorted by motion, the variance over frames
    and joints: the first is person 1; each next continues person 1 where it does not overlap with
    them in time, else person 2 likewise, else it goes. A body's frames keep their own places where
    it was lost for a while.
    """
    new = np.concatenate(([True], recording.frame[1:] != recording.frame[:-1]))
    frame = np.cumsum(new) - 1
    rows = np.argsort(recording.body, kind="stable")
    body = recording.body[rows]
    when = frame[rows]
    again = (body[1:] == body[:-1]) & (when[1:] == when[:-1])
    if again.any():
        # Of a body twice in one frame the first counts.
        once = np.concatenate(([True], ~again))
        rows, body, when = rows[once], body[once], when[once]
    edges = [0, *(np.flatnonzero(body[1:] != body[:-1]) + 1).tolist(), len(body)]
    bodies = list(pairwise(edges))
    seen = recording.joints[rows]
    if len(bodies) > 1:
        bodies = _moving(bodies, seen)
    joints = _empty(int(frame[-1]) + 1, recording)
    spans: list[tuple[int, int] | None] = [None, None]
    for start, end in bodies:
        first = int(when[start])
        last = int(when[end - 1])
        for person, span in enumerate(spans):
            if span is None or min(span[1], last) <= max(span[0], first):
                joints[person, when[start:end]] = seen[start:end]
                spans[person] = (
                    (first, last) if span is None else (min(span[0], first), max(span[1], last))
                )
                break
    return _present(joints)


SELECTIONS: dict[str, Callable[[Recording], np.ndarray]] = {
    "denoise": denoise,
    "first-two": first_two,
}


def _moving(bodies: list[tuple[int, int]], seen: np.ndarray) -> list[tuple[int, int]]:
    """Which of the bodies stay, the one that moves most first; each is (start, end) of its rows in
    `seen` (B, 25, 3)."""
    long = [(start, end) for start, end in bodies if end - start >= SHORTEST]
    if len(long) < 2:
        return long or [max(bodies, key=lambda body: body[1] - body[0])]
    across = np.ascontiguousarray(seen[..., :2].transpose(2, 1, 0))
    wide, high = across.max(axis=1) - across.min(axis=1)
    upright = wide <= WIDE * high
    points = seen.reshape(len(seen), -1).astype(np.float64)
    sums = points @ _SUM
    squares = np.einsum("ij,ij->i", points, points)
    kept: list[tuple[float, tuple[int, int]]] = []
    for start, end in long:
        valid = upright[start:end]
        last = not kept and (start, end) == long[-1]
        if 1 - np.count_nonzero(valid) / (end - start) >= WIDE_SHARE and not last:
            continue
        motion = _motion(sums[start:end], squares[start:end])
        if not last and not valid.all():
            motion = min(motion, _motion(sums[start:end][valid], squares[start:end][valid]))
        kept.append((motion, (start, end)))
    kept.sort(key=lambda pair: -pair[0])
    return [body for _, body in kept]


def _motion(sums: np.ndarray, squares: np.ndarray) -> float:
    """The variance over frames and joints, from their sums (T, 3) and the sums of their squares
    (T,)."""
    count = JOINTS * len(sums)
    mean = sums.sum(axis=0) / count
    return float(squares.sum() / count - mean @ mean)


def _empty(frames: int, recording: Recording) -> np.ndarray:
    """Two persons of whom nothing was seen."""
    return np.full((2, frames, *recording.joints.shape[1:]), np.nan, np.float32)


def _present(joints: np.ndarray) -> np.ndarray:
    """The bodies without an empty second person; joints at the camera's own place are absent."""
    zero = joints == 0
    if zero.any():
        joints[zero.all(axis=-1)] = np.nan
    return joints if (joints[1] == joints[1]).any() else joints[:1]
