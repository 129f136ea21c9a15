"""How often hands came together: claps, counted on the distance between both arms.

The periodic motion that `skedge.edge_runtime.repetitions` looks for drowns in the way up and down
where somebody claps a few times, quickly. What makes a clap is known, so it is counted itself: each
time that elbows, wrists and hands are nearer to those of the other side than before and after, by a
share of what is usual in this stretch. The last time may be the one after which they stay together.
"""

import numpy as np

from skedge.skeleton.layout import Layout

ARM = ("elbow", "wrist", "hand")
# The least rise and fall that is no noise, in torso lengths, and as a share of the usual one.
LEAST, SHARE = 0.02, 0.3
# In usual periods: two claps further apart than `UNSEEN` have others between them that were not
# seen; further apart than `PAUSE` they have a pause between them.
UNSEEN, PAUSE = 1.6, 3.5
# Hands are together where their distance is below this share of the way up from the usual least one
# to the greatest, and stay together where it falls to this one.
TOGETHER, STAYED = 0.45, 0.1


def is_clap(label: str | None) -> bool:
    """Whether a label means clapping, as `clap`, `clap hands` or `Clapping`."""
    return "clap" in (label or "").lower()


def arms_apart(frames: np.ndarray, layout: Layout) -> np.ndarray | None:
    """The mean distance (T,) of the arms' joints (T, V, 3) from the other side's, in the unit of
    `frames`; None where a layout or the camera has none. What is absent lies between its
    neighbours."""
    columns = []
    for name in ARM:
        pair = [f"{side}_{name}" for side in ("left", "right")]
        if not set(pair) <= set(layout.joints):
            continue
        left, right = (frames[:, layout.joints.index(joint)] for joint in pair)
        apart = np.linalg.norm(left - right, axis=-1)
        known = np.flatnonzero(np.isfinite(apart))
        if len(known) > len(apart) / 2:
            columns.append(np.interp(np.arange(len(apart)), known, apart[known]))
    return np.mean(columns, axis=0) if columns else None


def claps(apart: np.ndarray, inside: np.ndarray) -> int:
    """How often a distance (T,), in torso lengths, is least in the frames that are `inside` (T,)
    bool; at least once."""
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
    if len(together) < 4:
        return max(1, len(together) + stay)
    gaps = np.diff(together) / np.median(np.diff(together))
    unseen = np.where((gaps > UNSEEN) & (gaps < PAUSE), np.round(gaps) - 1, 0)
    return len(together) + stay + int(unseen.sum())


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
