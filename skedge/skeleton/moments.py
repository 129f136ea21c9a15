"""What the frames of clips say about time: whether they are there several times, or in another
order than they were taken."""

from collections.abc import Sequence

import numpy as np

# In five real sets a frame that equals the one before is one of a thousand at most.
_NEW = 0.6
# Steps from frame to frame against those between frames at random, of the joint that moves most, at
# the median of a set's clips; 1 where frames are mixed. People who stand still say nothing.
_MIXED, _CLIPS = 0.75, 5
_MOVES = 0.1  # of the body's extent
_FEWEST = 8
# Bodies that take turns in the frames: how many at most, and how much farther it is to the next
# frame than to the next one of the same body.
_BODIES, _FARTHER = 6, 4.0
# The least number of equal frames at an end that is padding.
_STILL = 8
PADDED = ("ending in copies of one frame", "beginning again before their end")


def within(person: np.ndarray) -> np.ndarray:
    """The frames (T, V, 3) without those at the end that repeat the last one."""
    same = (person == person[-1]) | ~np.isfinite(person)
    changed = np.flatnonzero(~same.all(axis=(1, 2)))
    return person[: changed[-1] + 2] if len(changed) else person


def new_frames(person: np.ndarray) -> float:
    """The share of the frames (T, V, 3) that differ from the one before, up to the last that does;
    NaN where nobody moves or there are too few."""
    person = within(person)
    both = np.isfinite(person[1:]) & np.isfinite(person[:-1])
    there = both.any(axis=(1, 2))
    changed = ((person[1:] != person[:-1]) & both).any(axis=(1, 2))[there]
    return float(changed.mean()) if len(changed) >= _FEWEST and changed.any() else float("nan")


def repeated(shares: Sequence[float], rate: float | None) -> str:
    """A sentence about frames that are there several times, from `new_frames` of each clip; empty
    where hardly any are."""
    known = np.array([share for share in shares if np.isfinite(share)])
    if len(known) == 0 or not np.median(known) < _NEW:
        return ""
    times = max(2, round(1 / float(np.median(known))))
    said = f"most frames are there {'twice' if times == 2 else f'{times} times'}"
    if rate is None:
        return f"{said}: the rate to name by --rate is that of all frames, copies too"
    return (
        f"{said}, {rate / times:g} new ones a second: if actions take {times} times as long as they"
        f" did, --rate {rate * times:g}"
    )


def jump(person: np.ndarray) -> float:
    """Steps from frame to frame of (T, V, 3) as a share of those between frames at random, of the
    joint that moves most; NaN for too few frames or without much movement."""
    person = person[np.isfinite(person).all(axis=-1).any(axis=1)]
    if len(person) < _FEWEST:
        return float("nan")
    order = np.random.default_rng(0).permutation(len(person))
    spans = np.linalg.norm(np.fmax.reduce(person, 1) - np.fmin.reduce(person, 1), axis=-1)
    near, far = (
        np.linalg.norm(np.diff(frames, axis=0), axis=-1) for frames in (person, person[order])
    )
    known = np.isfinite(near).sum(axis=0) * 2 > len(near)
    known &= np.isfinite(far).sum(axis=0) * 2 > len(far)
    if not known.any():
        return float("nan")
    near, far = np.nanmean(near[:, known], axis=0), np.nanmean(far[:, known], axis=0)
    most = int(far.argmax())
    return float(near[most] / far[most]) if far[most] > _MOVES * np.median(spans) else float("nan")


def mixed(jumps: Sequence[float]) -> str:
    """A sentence about frames in another order than they were taken, from `jump` of each clip."""
    known = [one for one in jumps if np.isfinite(one)]
    if len(known) < _CLIPS or not np.median(known) > _MIXED:
        return ""
    return (
        "bodies move as much from frame to frame as between any two frames: are the frames in the"
        " order of time (frame 2 before frame 10)?"
    )


def bodies(person: np.ndarray) -> float:
    """How many bodies take turns in the frames (T, V, 3) of what should be one: from 2 to 6, or 1;
    NaN for too few frames."""
    person = person[np.isfinite(person).all(axis=-1).any(axis=1)]
    if len(person) < _FEWEST:
        return float("nan")
    extent = np.nanmedian(np.linalg.norm(np.ptp(np.nan_to_num(person), axis=1), axis=-1))

    def step(frames: int) -> float:
        moved = np.linalg.norm(person[frames:] - person[:-frames], axis=-1)
        known = np.isfinite(moved)
        return float(np.median(moved[known])) if known.any() else float("nan")

    near = step(1)
    several = range(2, min(_BODIES, len(person) // 3) + 1)
    if near > _MOVES * extent:
        return float(next((many for many in several if step(many) * _FARTHER < near), 1))
    return 1.0


def taking_turns(counts: Sequence[float]) -> str:
    """A sentence about frames of several bodies by turns, from `bodies` of each clip; empty where
    most clips are of one."""
    known = [one for one in counts if np.isfinite(one)]
    if len(known) < _CLIPS or not (many := int(np.median(known))) > 1:
        return ""
    return f"{many} bodies take turns from frame to frame: people below each other, not beside"


def padding(clip: np.ndarray) -> str:
    """How a clip (M, T, V, 3) was made longer, as words for a sentence: its last frame again and
    again, or all of it; empty where it was not."""
    seen = np.flatnonzero(np.isfinite(clip).all(axis=-1).any(axis=(0, 2)))
    if not len(seen):
        return ""
    frames = clip.transpose(1, 0, 2, 3)[: seen[-1] + 1]
    same = (frames[:-1] == frames[1:]) | ~np.isfinite(frames[1:])
    changed = np.flatnonzero(~same.all(axis=(1, 2, 3)))
    if len(changed) and len(frames) - 2 - changed[-1] >= max(_STILL, len(frames) // 4):
        return PADDED[0]
    starts = np.flatnonzero((frames[1:] == frames[0]).all(axis=(1, 2, 3))) + 1
    if (
        len(starts)
        and starts[0] >= _STILL
        and np.array_equal(frames[starts[0] :], frames[: -starts[0]], equal_nan=True)
    ):
        return PADDED[1]
    return ""
