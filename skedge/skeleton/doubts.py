"""What looks odd about many bodies together, though each of them could be right: bones that change
their lengths, frames that are there twice, people who all turn their backs."""

from collections.abc import Sequence

import numpy as np

from skedge.skeleton.layout import Layout

# How much the length of a bone changes within a clip (95th against 5th percentile of its frames),
# as a share of the body's extent, in the tenth of the clips that change most: 0.13 at most for the
# bones of five real sets and of films, 0.2 to 0.9 between hands, feet and head.
_LOOSE = 0.25
_FEWEST_CLIPS = 5
# In five real sets a frame that equals the one before is one of a thousand at most.
_NEW = 0.6
# A sixth of the films at hand are seen from behind, and up to nine tenths of the clips of a set of
# motion capture, which no camera took.
_BACKS, _BACKS_CLIPS = 0.95, 10


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


def new_frames(person: np.ndarray) -> float:
    """The share of the frames (T, V, 3) that differ from the one before; NaN where nobody moves or
    there are too few."""
    steps = person[1:] != person[:-1]
    both = np.isfinite(person[1:]) & np.isfinite(person[:-1])
    there = both.any(axis=(1, 2))
    changed = (steps & both).any(axis=(1, 2))[there]
    return float(changed.mean()) if len(changed) >= 8 and changed.any() else float("nan")


def repeated(shares: Sequence[float], rate: float | None) -> str:
    """A sentence about frames that are there several times, from `new_frames` of each clip; empty
    where hardly any are."""
    known = np.array([share for share in shares if np.isfinite(share)])
    if len(known) == 0 or not np.median(known) < _NEW:
        return ""
    times = max(2, round(1 / float(np.median(known))))
    said = f"most frames are there {times} times"
    if rate is None:
        return f"{said}: the rate to name by --rate is that of all frames, copies too"
    return (
        f"{said}, {rate / times:g} new ones a second: if actions take {times} times as long as they"
        f" did, --rate {rate * times:g}"
    )


def backs(clips: Sequence[np.ndarray], layout: Layout) -> str:
    """A sentence where people in flat clips (T, V, 3) turn their backs nearly always, empty where
    they do not."""
    left, right = layout.shoulders
    across = [clip[:, right, 0] - clip[:, left, 0] for clip in clips]
    known = [float(np.mean(np.sign(one[np.isfinite(one)]))) for one in across if len(one)]
    behind = sum(share < 0 for share in known)
    if len(known) < _BACKS_CLIPS or left == right or behind < _BACKS * len(known):
        return ""
    return f"people turn their backs in {behind} of {len(known)} clips: is x mirrored?"
