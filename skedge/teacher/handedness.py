"""Whether people do the same action with either hand or foot, as clips show it: then a mirror image
is one more clip of the action, else it may be another action, or one that nobody does."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from skedge.recipes.settings import AugmentSettings
from skedge.skeleton.layout import Layout
from skedge.teacher.clips import tell

# So much more of the movement must be on one side, as a share of that on both.
_ONE_SIDED = 0.3
# So many of the clips of one-sided actions must be done with the other side. In UTKinect's training
# part it is 1 of 29, in Florence's 9 of 44, in MSR-Action3D's 0 of 184, in UTD-MHAD's 0 of 202.
_OTHERS = 0.02
# An action belongs to one side where so many clips, and three at least, are done with it.
_ALWAYS, _FEWEST = 0.9, 3
# Upright is none, but SwipeUpRight is.
_SIDES = re.compile("(?i:left|clockwise)|Right|(?<!up)(?<!Up)right|(?<!UP)RIGHT")


def for_sides(
    settings: AugmentSettings,
    joints: Tensor,
    labels: Tensor,
    *,
    names: Sequence[str],
    layout: Layout,
) -> AugmentSettings:
    """The settings for clips (N, M, T, V, 3) of these `labels` (N,): where mirror images are asked
    for `mirror_when` either side is used, they are made, or left out, and that is told."""
    if settings.mirror_when == "always" or not settings.mirror:
        return settings
    made = either_side(joints.numpy(), labels.numpy(), names, layout=layout)
    tell(
        "people use either hand or foot: mirror images are trained on too; for none set mirror: 0"
        " in the recipe's augment"
        if made
        else "people use the same hand or foot, or actions differ by it: no mirror images are"
        " trained on; for some set mirror_when: always in the recipe's augment"
    )
    return replace(settings, mirror=settings.mirror if made else 0.0, mirror_when="always")


def either_side(
    joints: np.ndarray, labels: np.ndarray, names: Sequence[str], *, layout: Layout
) -> bool:
    """Whether clips (N, M, T, V, 3) show actions that are mostly done with one side of the body,
    now and then with the other, and no two actions that differ by the side. A layout without
    sides shows nothing of it."""
    if not layout.pairs or any(_SIDES.search(name) for name in names):
        return False
    sides = _sides(joints, layout)
    belong: set[bool] = set()
    one_sided = others = 0
    for label in np.unique(labels[labels >= 0]):
        own = sides[labels == label]
        right = int((own > _ONE_SIDED).sum())
        left = int((own < -_ONE_SIDED).sum())
        if 2 * (right + left) < len(own):
            continue
        one_sided, others = one_sided + right + left, others + min(right, left)
        if max(right, left) >= max(_FEWEST, _ALWAYS * (right + left)):
            belong.add(right > left)
    return len(belong) < 2 and others > 0 and others >= _OTHERS * one_sided


def _sides(joints: np.ndarray, layout: Layout) -> np.ndarray:
    """How much more the first person of each clip moves the right side than the left, (N,) from -1
    to 1: the variance of their joints against the body's mean."""
    bodies = joints[:, 0]
    moved = (bodies - bodies.mean(axis=2, keepdims=True)).var(axis=1).sum(axis=-1)
    left, right = (moved[:, list(side)].sum(axis=1) for side in zip(*layout.pairs, strict=True))
    return np.asarray((right - left) / np.maximum(right + left, 1e-12))
