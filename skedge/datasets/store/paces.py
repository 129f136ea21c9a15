"""Whether clips of one action were taken at several rates."""

from collections import defaultdict
from collections.abc import Callable

import numpy as np

# In a class the paces of clips, put in their order, lie a factor of 1.03 to 1.14 apart at most in
# five real sets (the median of the classes; the fifth at either end left out), and 1.4 to 2.6 where
# every other clip has four times as many frames.
_APART = 1.25
_CLIPS, _MOST = 16, 1000
_FEWEST = 5


def mixed_rates(clip: Callable[[int], np.ndarray], labels: np.ndarray) -> list[str]:
    """A sentence where the clips of most classes (`labels`, one per clip) are either short and fast
    or long and slow, empty list where they are not; `clip` gives one of them, (M, T, V, 3)."""
    chosen = np.unique(np.linspace(0, len(labels) - 1, _MOST).astype(np.int64))
    paces: dict[int, list[float]] = defaultdict(list)
    for number in chosen:
        pace = _pace(clip(int(number))[0])
        if np.isfinite(pace):
            paces[int(labels[number])].append(pace)
    apart = []
    for of_class in paces.values():
        steps = np.diff(np.sort(of_class))
        if len(of_class) >= _CLIPS:
            edge = len(of_class) // 5
            apart.append(float(np.exp(steps[edge:-edge].max())))
    if not apart or not np.median(apart) > _APART:
        return []
    return [
        "in most classes clips are either short and fast or long and slow, with none between: were"
        " they taken at several rates? Write each one's into a column rate of the list"
    ]


def _pace(person: np.ndarray) -> float:
    """The logarithm of how long and slow (T, V, 3) is: it grows by that of a factor of the rate;
    NaN where nobody moves."""
    person = person[np.isfinite(person).all(axis=-1).any(axis=1)].astype(np.float64)
    if len(person) < _FEWEST:
        return float("nan")
    steps = np.linalg.norm(np.diff(person, axis=0), axis=-1)
    known = np.isfinite(steps)
    fastest = (np.where(known, steps, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)).max()
    return float(np.log(len(person) / fastest) / 2) if fastest > 0 else float("nan")
