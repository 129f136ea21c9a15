"""Movements whose repetitions are known, for the counter (`skedge.student.counting`) to learn."""

from typing import NamedTuple

import numpy as np

from skedge.edge_runtime.curves import RATE
from skedge.edge_runtime.density import CURVES, mirrored

# Seconds that a way there and back takes, the most of them, and the seconds of all together.
THERE_AND_BACK, MOST, LASTS = (0.22, 4.0), 20, 18.0
# How far the poses are apart: torso lengths at the least, and times as far as two that were seen.
APART, FAR = 0.1, (0.3, 1.3)
# How often the way back is another one, both sides take turns, and there is another pose before
# the first time and after the last.
LOOPS, TURNS, ELSEWHERE = 0.3, 0.15, 0.6
# No two times are equally quick or far: the standard deviation, as a share.
UNEVEN = 0.12


class Stretch(NamedTuple):
    """A movement: `motion` (T, CURVES) at `RATE`, with some of what comes before and after, the
    frames at which the first repetition began and each one ended, and those of the whole."""

    motion: np.ndarray
    marks: np.ndarray
    start: int
    end: int


def to_and_fro(one: Stretch, another: Stretch, rng: np.random.Generator, margin: int) -> Stretch:
    """Somebody who goes from a pose of `one` by as much as two poses of `another` are apart, and
    back, again and again, with `margin` frames about it."""
    rest = _poses(one, 3, rng)
    away = _way(another, rng)
    beside = _way(another, rng) if rng.random() < LOOPS else np.zeros_like(away)
    turns = 2 if rng.random() < TURNS else 1
    ways = [(away, beside)] + [(mirrored(away[None])[0], mirrored(beside[None])[0])] * (turns - 1)
    seconds = float(np.exp(rng.uniform(*np.log(THERE_AND_BACK))))
    most = min(MOST, max(1, int(LASTS / seconds / turns)))
    count = round(float(np.exp(rng.uniform(0, np.log(most + 0.49)))))
    rising, held, resting = rng.uniform(0.3, 0.7), rng.uniform(0, 0.3), rng.uniform(0, 0.3)
    parts, marks = [np.zeros((margin, CURVES))], [margin]
    for _ in range(count):
        for out, side in ways:
            pace, reach = np.exp(rng.normal(0, UNEVEN, 2))
            frames = max(4, round(RATE * seconds * pace))
            place = np.arange(frames) / frames / (1 - resting)
            there = place / (rising * (1 - held))
            back = (1 - place) / ((1 - rising) * (1 - held))
            share = _eased(np.minimum(there, back))
            loop = np.sin(2 * np.pi * np.clip(place, 0, 1)) * share
            parts.append(reach * (share[:, None] * out + loop[:, None] * side))
        marks.append(marks[-1] + sum(map(len, parts[-turns:])))
    parts.append(np.zeros((margin, CURVES)))
    motion = np.concatenate(parts) + rest[0]
    # The margins as seen from the action: at the pose it begins from, then from or to another.
    for pose, edge in zip(rest[1:], (motion[:margin][::-1], motion[-margin:]), strict=True):
        if rng.random() < ELSEWHERE:
            frames = min(margin, round(RATE * rng.uniform(0.3, 1.0)))
            edge += _eased(np.arange(margin) / (frames - 1))[:, None] * (pose - rest[0])
    return Stretch(motion.astype(np.float32), np.array(marks), start=marks[0], end=marks[-1])


def _eased(share: np.ndarray) -> np.ndarray:
    """From 0 to 1 along half a cosine, held outside."""
    return np.asarray((1 - np.cos(np.pi * np.clip(share, 0, 1))) / 2)


def _poses(one: Stretch, count: int, rng: np.random.Generator) -> np.ndarray:
    return one.motion[rng.integers(len(one.motion), size=count)].astype(np.float32)


def _way(one: Stretch, rng: np.random.Generator) -> np.ndarray:
    """From one pose to another, (CURVES,)."""
    way = np.zeros(CURVES, np.float32)
    for _ in range(8):
        here, there = _poses(one, 2, rng)
        way = there - here
        if np.abs(way).max() >= APART:
            break
    return way * np.float32(rng.uniform(*FAR))


def noise(frames: int, rng: np.random.Generator) -> np.ndarray:
    """What a camera errs by, (frames, CURVES) in torso lengths: from frame to frame, or slower."""
    length = int(rng.integers(1, 12))
    drawn = rng.normal(size=(frames + length - 1, CURVES)).astype(np.float32)
    sums = np.concatenate([np.zeros((1, CURVES), np.float32), drawn.cumsum(axis=0)])
    return np.asarray((sums[length:] - sums[:-length]) * (rng.uniform(0, 0.05) / length**0.5))
