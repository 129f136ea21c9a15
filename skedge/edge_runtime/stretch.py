"""Where a movement that is counted begins, ends and pauses.

An event's bounds are estimates of where its action is, and answers come too late or fade too early
for a part of some. How many repetitions are under way in each frame
(`skedge.edge_runtime.density`) shows it better: that number rises with the first one and falls with
the last.
"""

import numpy as np

from skedge.edge_runtime.curves import RATE, moving_mean

# Frames over which the density is averaged.
SMOOTH = 9
# The movement goes on where the density is at least the first share of what is usual within the
# bounds, and pauses where it is below the second share for `PAUSE` seconds. Usual is the median of
# what is more than the second share of the largest.
GOES_ON, PAUSES, PAUSE = 0.5, 0.2, 0.6
# Repetitions a frame below which nothing is under way: one in ten seconds.
NOTHING = 0.1 / RATE
# Seconds that a first repetition may begin before its density rises, and a last one end after.
SETTLE = 0.4


def stretches(
    density: np.ndarray, moments: np.ndarray, start: float, end: float
) -> list[tuple[float, float]]:
    """From when to when a movement goes on, pause by pause, that lies between estimated bounds.

    `density` (T,) is how many repetitions are under way at the even `moments` (T,), in seconds,
    which reach as far beyond the bounds as the movement may. There is at least one stretch.
    """
    smooth = moving_mean(density[:, None], SMOOTH)[:, 0]
    inside = (moments >= start) & (moments <= end)
    if not inside.any() or smooth[inside].max() < NOTHING:
        return [(start, end)]
    usual = float(np.median(smooth[inside & (smooth >= PAUSES * smooth[inside].max())]))
    begun, ended = _goes_on(smooth >= GOES_ON * usual, inside)
    first, last = float(moments[0]), float(moments[-1])
    if moments[begun] < start:
        start = max(first, float(moments[begun]) - SETTLE)
    if moments[ended] > end:
        end = min(last, float(moments[ended]) + SETTLE)
    pauses = _pauses(smooth < PAUSES * usual, moments, start=start, end=end)
    return list(zip([start, *pauses], [*pauses, end], strict=True))


def _goes_on(goes_on: np.ndarray, inside: np.ndarray) -> tuple[int, int]:
    """The first and the last frame up to which it goes on without a break beyond the bounds."""
    [within] = np.nonzero(inside)
    begun, ended = int(within[0]), int(within[-1])
    while begun > 0 and goes_on[begun - 1]:
        begun -= 1
    while ended < len(goes_on) - 1 and goes_on[ended + 1]:
        ended += 1
    return begun, ended


def _pauses(quiet: np.ndarray, moments: np.ndarray, start: float, end: float) -> list[float]:
    """The middles of the pauses between two bounds."""
    between = quiet & (moments >= start) & (moments <= end)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], between, [False]])))
    pairs = edges.reshape(-1, 2)
    return [
        float(moments[low] + moments[high - 1]) / 2
        for low, high in pairs
        if high - low >= PAUSE * RATE
        and moments[low] > start + 1 / RATE
        and moments[high - 1] < end - 1 / RATE
    ]
