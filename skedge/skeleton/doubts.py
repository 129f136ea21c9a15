"""What looks odd about many bodies together, though each of them could be right: bones that change
their lengths, shoulders against hips, people who all turn their backs, numbers that were made of
coordinates."""

from collections.abc import Sequence

import numpy as np

from skedge.skeleton.layout import Layout

# How much the length of a bone changes within a clip (95th against 5th percentile of its frames),
# as a share of the body's extent, in the tenth of the clips that change most: 0.13 at most for the
# bones of five real sets and of films, 0.2 to 0.9 between hands, feet and head.
_LOOSE = 0.25
_FEWEST_CLIPS = 5
# A sixth of the films at hand are seen from behind, and up to nine tenths of the clips of a set of
# motion capture, which no camera took.
_BACKS, _BACKS_CLIPS = 0.95, 10
# Shoulders and hips that mostly look narrower than this share of the trunk's length are those of
# somebody who is seen from the side in a picture, where left and right are one.
_SHOULDERS, _HIPS = 0.25, 0.12


def loose_bone(clips: Sequence[np.ndarray], layout: Layout) -> str:
    """A sentence about the bone that changes its length most in clips (T, V, 3), empty where all
    are as long as they were."""
    child, parent = np.array(layout.bones, np.int64).reshape(-1, 2).T
    changes = []
    for clip in clips:
        spans = np.linalg.norm(np.fmax.reduce(clip, 1) - np.fmin.reduce(clip, 1), axis=-1)
        size = np.median(spans[np.isfinite(spans)]) if np.isfinite(spans).any() else 0.0
        lengths = np.linalg.norm(clip[:, child] - clip[:, parent], axis=-1)
        if size > 0 and len(clip) > 2 and np.isfinite(lengths).all():
            changes.append(np.ptp(np.percentile(lengths, (5, 95), axis=0), axis=0) / size)
    if len(changes) < _FEWEST_CLIPS or not len(child):
        return ""
    change = np.percentile(changes, 90, axis=0)
    most = int(change.argmax())
    if not change[most] > _LOOSE:
        return ""
    names = f"{layout.joints[child[most]]} and {layout.joints[parent[most]]}"
    return (
        f"the bone between {names} changes its length by {change[most]:.0%} of a body, which no"
        " bone does: are these joints, and this bone, in the layout as they are in the files?"
    )


def backs(clips: Sequence[np.ndarray], layout: Layout) -> str:
    """A sentence where people in flat clips (T, V, 3) turn their backs nearly always, empty where
    they do not."""
    left, right = layout.shoulders
    across = [clip[:, right, 0] - clip[:, left, 0] for clip in clips]
    seen = [one[np.isfinite(one)] for one in across]
    known = [float(np.mean(np.sign(one))) for one in seen if len(one)]
    behind = sum(share < 0 for share in known)
    if len(known) < _BACKS_CLIPS or left == right or behind < _BACKS * len(known):
        return ""
    return f"people turn their backs in {behind} of {len(known)} clips: is x mirrored?"


def crossed(clips: Sequence[np.ndarray], layout: Layout) -> bool:
    """Whether left is on one side by the shoulders and on the other by the hips, in clips (T, V,
    3): the cosine between them is 0.9 and more in nearly all clips of real sets. People seen from
    the side in two dimensions do not count."""
    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    if not all(name in layout.joints for name in names):
        return False
    cosines = []
    for clip in clips:
        one, two, three, four = (clip[:, layout.index(name)] for name in names)
        shoulders, hips = two - one, four - three
        wide, narrow = (np.linalg.norm(across, axis=-1) for across in (shoulders, hips))
        trunk = np.linalg.norm((one + two - three - four) / 2, axis=-1)
        apart = (wide > _SHOULDERS * trunk) & (narrow > _HIPS * trunk)
        cosine = (shoulders * hips).sum(axis=-1)[apart] / (wide * narrow)[apart]
        cosines += [np.median(cosine)] if 2 * len(cosine) > np.isfinite(trunk).sum() else []
    return len(cosines) > 0 and float(np.median(cosines)) < -0.3


def made_of(clips: Sequence[np.ndarray]) -> str:
    """What was made of the coordinates of clips (T, V, 3) that lost a body's proportions, as words
    for a sentence; empty where nothing shows."""
    frames = np.concatenate(clips)
    low, high = np.nanmin(frames, axis=1), np.nanmax(frames, axis=1)
    stretched = (np.abs(low) < 1e-6) & (np.abs(high - 1) < 1e-6)
    if (np.nanmean(stretched, axis=0) > 0.9).sum() >= 2:
        return "every frame reaches from 0 to 1 along each axis"
    deviations = np.array([np.nanstd(clip, axis=(0, 1)) for clip in clips])
    means = np.array([np.nanmean(clip, axis=(0, 1)) for clip in clips])
    standard = (np.abs(deviations - 1) < 0.1) & (np.abs(means) < 0.1)
    if (standard.mean(axis=0) > 0.9).sum() >= 2 and len(clips) > 2:
        return "every clip has mean 0 and deviation 1 along each axis"
    known = frames[np.isfinite(frames)]
    if (known == np.round(known)).all() and 0 < np.ptp(known) < 20:
        return "all coordinates are whole numbers"
    return ""


def thin_axis(frames: np.ndarray) -> int | None:
    """Which of x and y (0, 1) is the same for all joints of nearly every frame (N, V, 3); None
    where neither is."""
    spread = np.nanmax(frames, axis=1) - np.nanmin(frames, axis=1)
    thin = np.mean(spread <= 0.01 * np.maximum(spread.max(axis=1, keepdims=True), 1e-12), axis=0)
    return next((axis for axis in (0, 1) if thin[axis] > 0.9 and thin[2] < 0.5), None)
