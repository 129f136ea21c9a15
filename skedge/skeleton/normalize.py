"""The normalisations in use, for raw joints in metres of shape (..., M, T, V, 3).

As in `skedge.skeleton.streams`, one implementation serves NumPy and torch: `xp` is the arrays'
module. An absent person is all zeros before and after.
"""

from types import ModuleType
from typing import Any, Literal

import numpy as np

from skedge.skeleton.layout import Layout

Normalization = Literal[
    "per-frame",
    "per-frame-program",
    "root-relative",
    "root-motion",
    "first-frame",
    "first-frame-aligned",
]

# What a frame is placed by is known when it comes: these can be streamed.
STREAMABLE: tuple[Normalization, ...] = ("per-frame", "root-relative", "root-motion")
# Frames, with the present one, over whose mean `root-motion` sees the root move.
ROOT_FRAMES = 16
# What AimCLR's program adds to the length of a shoulder line, in metres.
PROGRAM_EPSILON = 1e-4


def normalize(
    joints: Any,
    layout: Layout,
    name: Normalization,
    xp: ModuleType = np,
    before: Any = None,
) -> Any:
    """Joints (..., M, T, V, 3) made independent of where (and, where aligned, which way) the body
    stands.

    - `per-frame`: every person and frame: the chest to the origin, then a yaw that lays the
      shoulders along x (AimCLR and PSTL's pre-processing).
    - `per-frame-program`: the same to the digits of AimCLR's program, whose arrays PSTL takes: a
      line of shoulders is taken for a tenth of a millimetre longer, which leaves it about a degree
      off x, and all frames of a clip are turned in one sense, that of the shoulders' mean, so that
      frames on the other side of x go the wrong way. For comparison with published figures.
    - `root-relative`: every person and frame: the hip, the skeleton's root, to the origin; which
      way the body faces stays.
    - `root-motion`: the middle between the hips to the origin, and to both hips is added how it
      moves: its way from its mean over the last `ROOT_FRAMES` frames. `before` is where it was in
      the `ROOT_FRAMES` - 1 frames before the first (..., M, frames, 1, 3), see `root`; without it
      the body stood still as in the first frame.
    - `first-frame`: the spine of person 1's first frame to the origin (CTR-GCN), of the first in
      which that person is there.
    - `first-frame-aligned`: the same, then that frame's spine along z and its shoulders along x
      (PYSKL).

    Leading frames without any person must be gone before (`skedge.skeleton.prepare` drops them).
    """
    present = abs(joints).sum((-2, -1))[..., None, None] > 0
    if name in ("per-frame", "per-frame-program"):
        centred = joints - _anchor(joints, layout, "chest")
        yaw = _yaw if name == "per-frame" else _program_yaw
        placed = centred @ yaw(_shoulder_line(centred, layout), xp)
    elif name == "root-relative":
        placed = joints - _anchor(joints, layout, "hip")
    elif name == "root-motion":
        placed = _with_root_motion(joints, layout, xp, before=before)
    else:
        first = _first_body(joints, xp)
        placed = joints - _anchor(first, layout, "spine")
        if name == "first-frame-aligned":
            # All persons and frames at once: the TFLite converter fails on matrices that stand for
            # several dimensions.
            scene = placed.reshape((*joints.shape[:-4], -1, 3))
            placed = (scene @ _upright(first[..., 0, 0, :, :], layout, xp)).reshape(joints.shape)
    return xp.where(present, placed, joints)


def root(joints: Any, layout: Layout) -> Any:
    """Where the body's root is, as (..., 1, 3) of joints (..., V, 3): between the hips."""
    hips = hip_joints(layout)
    return sum(joints[..., j : j + 1, :] for j in hips) / len(hips)


def hip_joints(layout: Layout) -> tuple[int, ...]:
    """The two hips, whose middle all sensors find alike; without them what the layout calls hip.

    A joint between them is placed before, behind or above them by one tracker and another.
    """
    both = tuple(j for j, name in enumerate(layout.joints) if name in ("left_hip", "right_hip"))
    return both if len(both) == 2 else layout.anchors["hip"]


def _with_root_motion(joints: Any, layout: Layout, xp: ModuleType, before: Any) -> Any:
    hips = root(joints, layout)
    frames = joints.shape[-3]
    if before is None:
        before = xp.concatenate([hips[..., :1, :, :]] * (ROOT_FRAMES - 1), -3)
    path = xp.concatenate([before, hips], -3)
    mean = sum(path[..., i : i + frames, :, :] for i in range(ROOT_FRAMES)) / ROOT_FRAMES
    both = hip_joints(layout)
    moved = [hips - mean if joint in both else hips * 0 for joint in range(len(layout))]
    return joints - hips + xp.concatenate(moved, -2)


def _first_body(joints: Any, xp: ModuleType) -> Any:
    """Person 1 in the frame in which it enters, (..., 1, 1, V, 3); zeros if in none.

    The mean over all, where a clip that is read round and round lets it enter more than once.
    """
    one = joints[..., :1, :, :, :]
    if joints.shape[-4] == 1:  # then nobody else can have begun the clip
        return one[..., :1, :, :]
    there = abs(one).sum((-2, -1)) > 0
    before = xp.concatenate([there[..., :1] & False, there[..., :-1]], -1)
    enters = (there & ~before)[..., None, None]
    body = xp.where(enters, one, one * 0).sum(-3)
    times = xp.where(enters, one * 0 + 1, one * 0).sum(-3)
    return (body / xp.where(times > 0, times, times * 0 + 1))[..., None, :, :]


def _anchor(joints: Any, layout: Layout, name: str) -> Any:
    """The anchor as (..., 1, 3) of joints (..., V, 3)."""
    return sum(joints[..., j : j + 1, :] for j in layout.anchors[name]) / len(layout.anchors[name])


def _shoulder_line(joints: Any, layout: Layout) -> Any:
    """From the left to the right shoulder, (..., 3)."""
    left, right = layout.shoulders
    return joints[..., right, :] - joints[..., left, :]


def _yaw(line: Any, xp: ModuleType) -> Any:
    """Matrices (..., 3, 3) for `points @ R` about y that bring `line` into the half-plane of
    positive x."""
    x, z = line[..., 0], line[..., 2]
    length = (x * x + z * z) ** 0.5
    flat = length > 1e-6
    safe = xp.where(flat, length, length * 0 + 1)
    cosine = xp.where(flat, x / safe, length * 0 + 1)
    sine = xp.where(flat, z / safe, length * 0)
    return _about_y(cosine, sine, xp)


def _program_yaw(line: Any, xp: ModuleType) -> Any:
    """`_yaw` as AimCLR's program has it, of lines (..., T, 3) of whole clips."""
    x, z = line[..., 0], line[..., 2]
    length = (x * x + z * z) ** 0.5 + PROGRAM_EPSILON
    sine = ((length - x) * (length + x)) ** 0.5 / length
    sense = xp.where(z.sum(-1)[..., None] >= 0, length * 0 + 1, length * 0 - 1)
    return _about_y(x / length, sense * sine, xp)


def _about_y(cosine: Any, sine: Any, xp: ModuleType) -> Any:
    """Matrices (..., 3, 3) for `points @ R` about y."""
    zero, one = cosine * 0, cosine * 0 + 1
    return _matrix([[cosine, zero, -sine], [zero, one, zero], [sine, zero, cosine]], xp)


def _upright(first: Any, layout: Layout, xp: ModuleType) -> Any:
    """Matrices (..., 3, 3) for `points @ R` of bodies (..., V, 3): spine along z, then shoulders
    along x, as PYSKL does."""
    up = (_anchor(first, layout, "spine") - _anchor(first, layout, "hip"))[..., 0, :]
    to_z = _turn(up, (0.0, 0.0, 1.0), xp)
    line = (_shoulder_line(first, layout)[..., None, :] @ to_z)[..., 0, :]
    return to_z @ _turn(line, (1.0, 0.0, 0.0), xp)


def _turn(source: Any, target: tuple[float, float, float], xp: ModuleType) -> Any:
    """Matrices (..., 3, 3) for `points @ R`: the shortest rotation from `source` to the unit vector
    `target` (Rodrigues).

    The identity where `source` has no length or points straight away from the target.
    """
    length = (source * source).sum(-1) ** 0.5
    known = length > 1e-6
    x, y, z = (source[..., i] / xp.where(known, length, length * 0 + 1) for i in range(3))
    tx, ty, tz = target
    cosine = x * tx + y * ty + z * tz
    known = known & (cosine > -0.9999)
    vx, vy, vz = (
        xp.where(known, v, v * 0) for v in (y * tz - z * ty, z * tx - x * tz, x * ty - y * tx)
    )
    share = 1 / (1 + xp.where(known, cosine, cosine * 0 + 1))
    cosine = xp.where(known, cosine, cosine * 0 + 1)
    rows = [
        [cosine + share * vx * vx, share * vx * vy + vz, share * vx * vz - vy],
        [share * vx * vy - vz, cosine + share * vy * vy, share * vy * vz + vx],
        [share * vx * vz + vy, share * vy * vz - vx, cosine + share * vz * vz],
    ]
    return _matrix(rows, xp)


def _matrix(rows: list[list[Any]], xp: ModuleType) -> Any:
    return xp.stack([xp.stack(row, -1) for row in rows], -2)
