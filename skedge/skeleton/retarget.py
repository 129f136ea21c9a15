"""Skeletons of one layout placed on the joints of another.

A joint of the same name is copied. A joint without a counterpart is placed by the first rule below
whose joints can be had: always a weighted sum of other joints with weights that sum to 1, so that
it moves with the body wherever that stands.
"""

from functools import lru_cache

import numpy as np

from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout, check_joint_count


def _side(side: str) -> dict[str, list[dict[str, float]]]:
    return {
        # A hand lies a third of a forearm beyond the wrist; tips lie on the same line, the thumb at
        # the hand.
        f"{side}_hand": [{f"{side}_index": 1}, {f"{side}_wrist": 1.33, f"{side}_elbow": -0.33}],
        f"{side}_hand_tip": [{f"{side}_index": 1}, {f"{side}_hand": 2, f"{side}_wrist": -1}],
        f"{side}_index": [{f"{side}_hand": 1}],
        f"{side}_pinky": [{f"{side}_hand": 1}],
        f"{side}_thumb": [{f"{side}_hand": 1}],
        f"{side}_foot": [{f"{side}_foot_index": 1}, {f"{side}_ankle": 1}],
        f"{side}_foot_index": [{f"{side}_foot": 1}],
        f"{side}_small_toe": [{f"{side}_foot_index": 1}],
        f"{side}_heel": [{f"{side}_ankle": 1}],
        # Faces without features: all of them at the head.
        **{
            f"{side}_{feature}": [{"head": 1}]
            for feature in ("eye", "ear", "eye_inner", "eye_outer")
        },
        f"{side}_mouth": [{"head": 1}],
    }


RULES: dict[str, list[dict[str, float]]] = {
    **_side("left"),
    **_side("right"),
    "nose": [{"head": 1}],
    "head": [{"left_ear": 0.5, "right_ear": 0.5}, {"nose": 1}],
    "shoulder_center": [{"left_shoulder": 0.5, "right_shoulder": 0.5}],
    "neck": [{"shoulder_center": 0.67, "head": 0.33}],
    "hip_center": [{"left_hip": 0.5, "right_hip": 0.5}],
    "spine": [{"hip_center": 0.5, "shoulder_center": 0.5}],
}


@lru_cache(maxsize=32)
def _matrix(source: Layout, target: Layout) -> np.ndarray:
    def weights(joint: str, asked: tuple[str, ...] = ()) -> np.ndarray | None:
        if joint in source.joints:
            return np.eye(len(source))[source.index(joint)]
        if joint in asked:
            return None
        for rule in RULES.get(joint, []):
            parts = [(share, weights(name, (*asked, joint))) for name, share in rule.items()]
            if all(row is not None for _, row in parts):
                return np.sum([share * row for share, row in parts if row is not None], axis=0)
        return None

    rows = [weights(joint) for joint in target.joints]
    missing = [joint for joint, row in zip(target.joints, rows, strict=True) if row is None]
    if missing:
        raise InputError(
            f"cannot retarget {source.name} to {target.name}: no counterpart and no rule for"
            f" {', '.join(missing)}"
        )
    return np.stack([row for row in rows if row is not None])


def retarget(joints: np.ndarray, source: Layout, target: Layout) -> np.ndarray:
    """Joints (..., V of source, 3) as (..., V of target, 3) float32; NaN where a joint that is
    needed is NaN. Between layouts with the same joints they stay as they are, and float32 ones are
    not copied.

    Raises `InputError` for a wrong joint count and for a target with joints that no rule can place.
    """
    check_joint_count(
        joints.shape[-2], source, f"joints to retarget from {source.name} to {target.name}"
    )
    if source.joints == target.joints:
        return joints.astype(np.float32, copy=False)
    matrix = _matrix(source, target)
    absent = ~np.isfinite(joints).all(axis=-1)
    placed = np.matmul(matrix, np.where(absent[..., None], 0, joints))
    placed[(absent @ (matrix != 0).T.astype(np.float32)) > 0] = np.nan
    return placed.astype(np.float32)
