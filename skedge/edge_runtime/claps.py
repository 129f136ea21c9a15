"""How often hands came together: claps, counted on the distance between both arms.

The periodic motion that `skedge.edge_runtime.repetitions` looks for drowns in the way up and down
where somebody claps a few times, quickly. What makes a clap is known, so it is counted itself: each
time that elbows, wrists and hands are nearer to those of the other side than before and after, by a
share of what is usual in this stretch. The last time may be the one after which they stay together.

How far the arms are apart is measured along the line between the shoulders, on which a hand that is
found beyond the other one is at a negative distance, not at a small one. Elbows move little and are
found well, hands move far and are found badly, above all where they meet. Which of them show the
claps best differs: the claps are counted on elbows, on elbows and wrists, and on all, and the count
is given whose claps follow each other most evenly.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from skedge.edge_runtime.curves import filled, moving_mean
from skedge.skeleton.layout import Layout

ARM = ("elbow", "wrist", "hand")
# Joints that are seen in fewer of the frames are left out: most of their curve would be made up.
SEEN = 0.5
# Fewer claps follow each other too seldom to be called even.
FEWEST = 4
# Frames over which the line across the body is averaged.
STEADY = 31
# The least rise and fall that is no noise, in torso lengths, and as a share of the usual one.
LEAST, SHARE = 0.02, 0.3
# In usual periods: two claps further apart than `UNSEEN` have others between them that were not
# seen; further apart than `PAUSE` they have a pause between them.
UNSEEN, PAUSE = 1.6, 3.5
# Hands are together where their distance is below this share of the way up from the usual least one
# to the greatest, and stay together where it falls to this one.
TOGETHER, STAYED = 0.45, 0.1


class Claps(NamedTuple):
    """How often hands came together, and how unevenly: the deviation of the times between two
    claps, as a share of their mean, infinite where there are fewer than four claps."""

    times: int
    unevenness: float


def is_clap(label: str | None) -> bool:
    """Whether a label means clapping, as `clap`, `clap hands` or `Clapping`."""
    return "clap" in (label or "").lower()


def arms_apart(frames: np.ndarray, layout: Layout) -> list[np.ndarray]:
    """How far the left arm's joints (T, V, 3) are from the right one's across the body, in the unit
    of `frames`, (T,) each: elbows; elbows and wrists; with the hands. Fewer where a layout or the
    camera has no more; plain distances where there are no shoulders. What is absent is filled in
    from its neighbours."""
    pairs = [tuple(f"{side}_{name}" for side in ("left", "right")) for name in ARM]
    joints = [
        tuple(map(layout.joints.index, pair)) for pair in pairs if {*pair} <= {*layout.joints}
    ]
    apart = _apart(frames, joints)
    # A layout without shoulders names one joint for both.
    lines = _apart(frames, [layout.shoulders] if len({*layout.shoulders}) > 1 else [])
    if lines:
        across = moving_mean(lines[0], STEADY)
        across /= np.linalg.norm(across, axis=-1, keepdims=True) + 1e-9
        along = [(one * across).sum(axis=-1) for one in apart]
    else:
        along = [np.linalg.norm(one, axis=-1) for one in apart]
    return [np.mean(along[:number], axis=0) for number in range(1, len(along) + 1)]


def _apart(frames: np.ndarray, pairs: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """From the right joint to the left one (T, 3), of those pairs that are mostly seen."""
    found = [frames[:, left] - frames[:, right] for left, right in pairs]
    return [filled(one) for one in found if np.isfinite(one).all(axis=-1).mean() > SEEN]


def claps(curves: Sequence[np.ndarray], inside: np.ndarray) -> Claps:
    """How often distances (T,), in torso lengths, are least in the frames that are `inside` (T,)
    bool, by the curve in which that happens most evenly, the last one where that cannot be said of
    any; at least once."""
    found = (_claps(one, inside) for one in reversed(curves))
    return min(found, key=lambda one: one.unevenness)


def _claps(apart: np.ndarray, inside: np.ndarray) -> Claps:
    own = apart[inside]
    rises = np.abs(np.diff(own[[place for place, _ in _turns(own, LEAST)]]))
    limit = max(LEAST, SHARE * float(np.median(rises))) if len(rises) else LEAST
    turns = _turns(apart, limit)
    # Where the first turn is a least one, hands were together from the beginning.
    least = [place for place, low in turns[1:] if low and inside[place]]
    usual, most = float(np.median(apart[least])) if least else 0.0, float(own.max())
    together = [at for at in least if apart[at] <= usual + TOGETHER * (most - usual)]
    last, low = turns[-1] if turns else (0, True)
    ends = not low and inside[last] and len(together) > 0
    stay = int(ends and apart[last:].min() <= usual + STAYED * (apart[last] - usual))
    if len(together) < FEWEST:
        return Claps(max(1, len(together) + stay), np.inf)
    times = np.diff(together)
    gaps = times / np.median(times)
    unseen = np.where((gaps > UNSEEN) & (gaps < PAUSE), np.round(gaps) - 1, 0)
    return Claps(len(together) + stay + int(unseen.sum()), float(times.std() / times.mean()))


def _turns(curve: np.ndarray, limit: float) -> list[tuple[int, bool]]:
    """The places at which a curve (T,) turns, least and greatest values in turn, further than
    `limit` from each other; whether it is a least one."""
    found: list[tuple[int, bool]] = []
    low = high = 0
    falling = rising = True
    for place, value in enumerate(curve.tolist()):
        if rising and value >= curve[high]:
            high = place
        if falling and value <= curve[low]:
            low = place
        if rising and curve[high] - value > limit:
            found.append((high, False))
            rising, falling, low = False, True, place
        elif falling and value - curve[low] > limit:
            found.append((low, True))
            rising, falling, high = True, False, place
    return found
