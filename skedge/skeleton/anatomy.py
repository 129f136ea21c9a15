"""What a human body looks like in any layout: the lengths of its limbs as shares of its height, and
which way it faces."""

from functools import lru_cache

import numpy as np

from skedge.skeleton.layout import Layout

# Lengths as shares of a person's height, from the tables of Winter, Biomechanics and Motor Control
# of Human Movement (2009), Fig. 4.1, where depth sensors and pose networks place these joints.
_SEGMENTS: tuple[tuple[str, str, float], ...] = (
    *(
        (f"{side}_{child}", f"{side}_{parent}", share)
        for side in ("left", "right")
        for child, parent, share in (
            ("elbow", "shoulder", 0.155),
            ("wrist", "elbow", 0.14),
            ("knee", "hip", 0.255),
            ("ankle", "knee", 0.225),
            ("hip", "shoulder", 0.25),
        )
    ),
    ("left_hip", "right_hip", 0.11),
    ("left_shoulder", "right_shoulder", 0.2),
)
# How far up the trunk these lie: 0 at the middle of the hips, 1 at the middle of the shoulders.
_COLUMN = {
    **{"hip_center": 0.05, "spine": 0.4, "shoulder_center": 1.1, "neck": 1.2},
    **{"head": 1.55, "nose": 1.45},
}
# Hands and feet, from wrist and ankle, as shares of the height.
_ENDS = (("hand", "wrist", 0.05), ("foot", "ankle", 0.08), ("foot_index", "ankle", 0.09))
_EVIDENCE = 0.02  # of the height: an offset that counts half


@lru_cache(maxsize=64)
def segments(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of joints (S, 2) at a fixed distance in a human body, and that distance as a share of
    the height (S,).

    Only joints with a name that is known count, so a layout of other names has none.
    """
    pairs = [
        (layout.index(one), layout.index(two), share)
        for one, two, share in _SEGMENTS
        if one in layout.joints and two in layout.joints
    ]
    places = np.array([pair[:2] for pair in pairs], np.int64).reshape(-1, 2)
    return places, np.array([pair[2] for pair in pairs])


def height_of(frames: np.ndarray, layout: Layout, flat: bool = False) -> float:
    """Height of the person in frames (N, V, 3) that its limbs speak for, whatever its pose; NaN
    where too few are seen.

    In `flat` pictures a limb is as long as it is at its longest.
    """
    pairs, shares = segments(layout)
    if len(pairs) == 0:
        return float("nan")
    distances = np.linalg.norm(frames[:, pairs[:, 0]] - frames[:, pairs[:, 1]], axis=-1)
    return _median(_percentile(distances, 90 if flat else 50) / shares)


def limb_change(frames: np.ndarray, layout: Layout) -> float:
    """How many times longer the limbs are in some of the frames (N, V, 3) of one person than in
    others, 1 at least; NaN where too few are seen.

    The 95th and the 5th percentile of the frames are compared, each by its median limb.
    """
    pairs, shares = segments(layout)
    distances = np.linalg.norm(frames[:, pairs[:, 0]] - frames[:, pairs[:, 1]], axis=-1)
    distances = distances[np.isfinite(distances).any(axis=-1)]
    if not distances.size:
        return float("nan")
    sizes = np.nanmedian(distances / shares, axis=-1)
    low, high = np.percentile(sizes, (5, 95))
    return float(high / low) if low > 0 else float("nan")


def misfit(frames: np.ndarray, layout: Layout, flat: bool = False) -> float:
    """How unlike a human body frames (N, V, 3) are in this order of joints: about 0.1 for people,
    above 0.25 for a wrong order, NaN where too few joints are seen."""
    height = height_of(frames, layout, flat)
    if not height > 0:
        return float("nan") if np.isnan(height) else 1.0
    pairs, shares = segments(layout)
    costs = list(_cost(frames, pairs, shares, height=height, flat=flat))
    ends = [
        (layout.index(f"{side}_{end}"), layout.index(f"{side}_{root}"), share)
        for side in ("left", "right")
        for end, root, share in _ENDS
        if f"{side}_{end}" in layout.joints and f"{side}_{root}" in layout.joints
    ]
    if ends:
        places = np.array([one[:2] for one in ends])
        costs += list(
            _cost(frames, places, np.array([one[2] for one in ends]), height=height, flat=flat)
        )
    hips, shoulders = _middle(frames, layout, "hip"), _middle(frames, layout, "shoulder")
    trunk = shoulders - hips
    length = np.maximum((trunk**2).sum(-1), 1e-12)
    for joint, place in _COLUMN.items():
        if joint in layout.joints:
            up = ((_joint(frames, layout, joint) - hips) * trunk).sum(-1) / length
            off = _median(np.abs(up - place))
            costs.append(min(max(off - 0.2, 0.0), 1.5))
    return float(np.nanmean(costs))


def _cost(
    frames: np.ndarray, pairs: np.ndarray, shares: np.ndarray, height: float, flat: bool
) -> np.ndarray:
    distances = np.linalg.norm(frames[:, pairs[:, 0]] - frames[:, pairs[:, 1]], axis=-1)
    off = np.abs(_percentile(distances, 90 if flat else 50) / height - shares) / (shares + 0.05)
    return np.asarray(np.minimum(off, 1.5))


def _percentile(values: np.ndarray, percent: float) -> np.ndarray:
    """The percentile of every column that has values; NaN for the others.

    As `np.nanpercentile`, which goes through the columns one by one: it took half the time of a
    whole clip's answer.
    """
    result = np.full(values.shape[1], np.nan)
    known = np.isfinite(values).any(axis=0)
    ordered = np.sort(values[:, known], axis=0)  # NaN come last
    place = percent / 100 * ((~np.isnan(ordered)).sum(axis=0) - 1)
    under = np.floor(place).astype(np.int64)
    columns = np.arange(ordered.shape[1])
    low, high = ordered[under, columns], ordered[np.ceil(place).astype(np.int64), columns]
    result[known] = low + (high - low) * (place - under)
    return result


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def upward(frames: np.ndarray, layout: Layout) -> np.ndarray:
    """Unit vector (N, 3) from the feet or the hips to the shoulders; NaN where neither is seen."""
    shoulders, hips = _middle(frames, layout, "shoulder"), _middle(frames, layout, "hip")
    ankles = _middle(frames, layout, "ankle")
    low = np.where(np.isfinite(ankles), ankles, hips)
    return _unit(shoulders - low)


def backward(frames: np.ndarray, layout: Layout, height: float) -> np.ndarray:
    """How far feet, face, knees, elbows and hands say that a body is mirrored: (N,) from -1
    (certainly not) to 1, NaN where none of them is seen.

    In right-handed coordinates (left to right) x (hips to shoulders) points to a person's back.
    Feet and face point the other way, hands are mostly before the body, elbows behind the line from
    shoulder to wrist, knees before the line from hip to ankle.
    """
    hips, shoulders = (_across(frames, layout, joint) for joint in ("hip", "shoulder"))
    up = _middle(frames, layout, "shoulder") - _middle(frames, layout, "hip")
    back, chest_back = _unit(np.cross(hips, up)), _unit(np.cross(shoulders, up))
    votes: list[tuple[float, np.ndarray]] = []

    def vote(weight: float, offset: np.ndarray, direction: np.ndarray) -> None:
        votes.append((weight, np.tanh((offset * direction).sum(-1) / (_EVIDENCE * height))))

    for side in ("left", "right"):
        at = {joint: _joint(frames, layout, f"{side}_{joint}") for joint in _OF_A_SIDE}
        toe = _either(at["foot_index"], at["foot"])
        heel = _either(at["heel"], at["ankle"])
        vote(1.0, toe - heel, back)
        vote(0.3, _bend(at["hip"], at["knee"], at["ankle"]), back)
        vote(0.4, -_bend(at["shoulder"], at["elbow"], at["wrist"]), chest_back)
        vote(0.3, at["wrist"] - at["shoulder"], chest_back)
    ears = (_joint(frames, layout, "left_ear") + _joint(frames, layout, "right_ear")) / 2
    vote(1.5, _joint(frames, layout, "nose") - ears, chest_back)
    weights = np.array([weight for weight, _ in votes])[:, None]
    values = np.stack([value for _, value in votes])
    seen = np.isfinite(values)
    total = (weights * seen).sum(axis=0)
    score = np.where(seen, values * weights, 0).sum(axis=0) / np.where(total > 0, total, np.nan)
    return np.asarray(score)


_OF_A_SIDE = (
    *("hip", "knee", "ankle", "heel", "foot", "foot_index", "shoulder", "elbow", "wrist"),
)


def _joint(frames: np.ndarray, layout: Layout, joint: str) -> np.ndarray:
    if joint not in layout.joints:
        return np.full((len(frames), 3), np.nan)
    return np.asarray(frames[:, layout.index(joint)])


def _across(frames: np.ndarray, layout: Layout, joint: str) -> np.ndarray:
    """From the left to the right one."""
    return _joint(frames, layout, f"right_{joint}") - _joint(frames, layout, f"left_{joint}")


def _middle(frames: np.ndarray, layout: Layout, joint: str) -> np.ndarray:
    return (_joint(frames, layout, f"left_{joint}") + _joint(frames, layout, f"right_{joint}")) / 2


def _bend(root: np.ndarray, joint: np.ndarray, end: np.ndarray) -> np.ndarray:
    """From the line between root and end to the joint between them."""
    line = end - root
    along = ((joint - root) * line).sum(-1) / np.maximum((line**2).sum(-1), 1e-12)
    return np.asarray(joint - root - along[..., None] * line)


def _either(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(first), first, second)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))
