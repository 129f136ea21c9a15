"""How often a movement was repeated, counted on the body's motion, whatever the action.

The rule. The joints, seen from the hip and measured in torso lengths, with the hip's own height
beside them, are a curve through many dimensions. What changes slowly is taken away from it (a
moving mean), for each of several lengths of "slowly"; how far the body then is along the first
principal direction is a signal. The signal that repeats itself best (the height of the
autocorrelation's peak, times the root of the amplitude) gives the period; its swings with that
period, seen from either side, are the repetitions. Where nothing repeats itself, as in one squat or
two, the ways away from rest are counted instead.
"""

from collections import deque
from typing import NamedTuple

import numpy as np

from skedge.skeleton.layout import Layout
from skedge.skeleton.prepare import seen

# Samples a second, and how many seconds are remembered at the most.
RATE, LONGEST = 30.0, 120.0
# Seconds before an action's estimated start and after its end that are looked at as well.
MARGIN = 0.7
SMOOTH = 3
# Seconds that a slow change takes at the least.
SLOW = (0.5, 0.8, 1.25, 2.0, 3.2)
# A period needs so much autocorrelation, amplitude in torso lengths, and repetitions.
ALIKE, AMPLITUDE, CYCLES = 0.45, 0.1, 2.5
# A swing passes the middle by this share of the amplitude; one that is so much larger than the
# others, or nearer or further than these shares of a period, is not one of them.
HYSTERESIS, HUGE, NEAR, FAR = 0.35, 2.2, 0.6, 1.6
# A way away from rest passes the middle by this share of the swing. Who moves by less than so many
# torso lengths stands still.
WAY, STILL = 0.2, 0.25
LIMBS = ("head", "shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle")


class Counter:
    """Remembers one person's joints and counts repetitions in any stretch of the recent past."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._joints = [
            number
            for number, name in enumerate(layout.joints)
            if name.split("_", 1)[-1] in LIMBS or name in LIMBS
        ]
        length = int(RATE * LONGEST)
        self._frames: deque[np.ndarray] = deque(maxlen=length)
        self._moments: deque[float] = deque(maxlen=length)

    def push(self, joints: np.ndarray, moment: float) -> None:
        """Remember the joints (V, 3), metres, of the frame at `moment`, in seconds; more frames
        than are needed are left out."""
        if self._moments and moment < self._moments[-1] + 0.9 / RATE:
            return
        if seen(joints).any():
            self._frames.append(np.asarray(joints, np.float32))
            self._moments.append(moment)

    def forget(self, before: float) -> None:
        """Drop what was seen before that moment."""
        while self._moments and self._moments[0] < before:
            self._moments.popleft()
            self._frames.popleft()

    def count(self, start: float, end: float) -> int | None:
        """Repetitions between two moments; None where nothing was seen or nothing moves."""
        moments = np.array(self._moments)
        chosen = np.flatnonzero((moments >= start - MARGIN) & (moments <= end + MARGIN))
        if len(chosen) < 8 or moments[chosen[-1]] - moments[chosen[0]] < MARGIN:
            return None
        # At even steps, whatever the camera's were.
        times = np.arange(moments[chosen[0]], moments[chosen[-1]], 1 / RATE)
        curve = _curve(np.stack([self._frames[i] for i in chosen]), self._layout, self._joints)
        if curve is None:
            return None
        even = [np.interp(times, moments[chosen], column) for column in curve.T]
        return repetitions(_mean(np.stack(even, axis=1), SMOOTH), (times >= start) & (times <= end))


def repetitions(curve: np.ndarray, inside: np.ndarray) -> int | None:
    """How often the motion (T, C) at `RATE` is repeated in the frames that are `inside` (T,) bool;
    None where nothing moves."""
    if inside.sum() < 8:
        return None
    centred = curve - curve[inside].mean(axis=0)
    along = centred @ _direction(centred[inside])
    if np.ptp(np.percentile(along[inside], (5, 95))) < STILL:
        return None
    found = [one for slow in SLOW if (one := _period(curve, inside, slow)) is not None]
    if not found:
        return _ways(along)
    best = max(found, key=lambda one: one.alike * np.sqrt(one.amplitude))
    margin = HYSTERESIS * float(np.percentile(np.abs(best.signal[inside]), 80))
    up, down = (_swings(side * best.signal, margin, best.length, inside) for side in (1, -1))
    # Swings go away from rest, which is seen at the edges; where it is in the middle, either side.
    edge = max(1, min(len(curve) // 8, int(MARGIN * RATE)))
    rest = (curve[:edge].mean(axis=0) + curve[-edge:].mean(axis=0)) / 2
    away = float((curve[inside].mean(axis=0) - rest) @ best.direction)
    if abs(away) < 0.5 * best.amplitude:
        return max(1, min(up, down))
    return max(1, up if away > 0 else down)


class _Period(NamedTuple):
    """A signal (T,), the motion along `direction` (C,), that repeats itself after `length` samples;
    `alike` is how well, 0 to 1."""

    alike: float
    length: int
    amplitude: float
    signal: np.ndarray
    direction: np.ndarray


def _period(curve: np.ndarray, inside: np.ndarray, slow: float) -> _Period | None:
    quick = curve - _mean(curve, round(slow * RATE) | 1)
    direction = _direction(quick[inside])
    signal = quick @ direction
    own = signal[inside] - signal[inside].mean()
    amplitude = float(np.percentile(np.abs(own), 75))
    longest = min(int(1.6 * slow * RATE), int(len(own) / CYCLES))
    if amplitude < AMPLITUDE or longest < 5:
        return None
    energy = float((own * own).mean())
    alike = np.array([(own[: len(own) - k] * own[k:]).mean() for k in range(longest + 1)]) / energy
    peaks = [k for k in range(3, longest) if alike[k] >= max(alike[k - 1], alike[k + 1], ALIKE)]
    if not peaks:
        return None
    # The first of equally good ones: twice the period is as good as the period.
    length = next(k for k in peaks if alike[k] > 0.9 * max(alike[p] for p in peaks))
    return _Period(float(alike[length]), length, amplitude, signal, direction)


def _swings(signal: np.ndarray, margin: float, period: int, inside: np.ndarray) -> int:
    """How many swings to one side there are, a period apart."""
    tops: list[int] = []
    out = False
    for place, value in enumerate(signal.tolist()):
        if not out and value > margin:
            out = True
            tops.append(place)
        elif out and value > signal[tops[-1]]:
            tops[-1] = place
        elif out and value < -margin:
            out = False
    tops = [place for place in tops if inside[place]]
    usual = float(np.median(signal[tops])) if tops else 0.0

    def odd(top: int, neighbour: int) -> bool:
        apart = abs(top - neighbour) / period
        return signal[top] > HUGE * usual or not NEAR <= apart <= FAR

    while len(tops) > 2 and odd(tops[0], tops[1]):
        tops.pop(0)
    while len(tops) > 2 and odd(tops[-1], tops[-2]):
        tops.pop()
    return len(tops)


def _ways(signal: np.ndarray) -> int:
    """How often a signal (T,) goes away from where it rests at its edges."""
    ordered = np.sort(signal)
    tenth = max(1, len(ordered) // 10)
    low, high = float(ordered[:tenth].mean()), float(ordered[-tenth:].mean())
    middle, margin = (low + high) / 2, WAY * (high - low)
    edge = max(1, min(len(signal) // 8, 10))
    rests_high = np.mean([signal[:edge].mean(), signal[-edge:].mean()]) > middle
    away = (signal - middle) * (-1 if rests_high else 1)
    count, out = 0, False
    for value in away.tolist():
        if not out and value > margin:
            out = True
            count += 1
        elif out and value < -margin:
            out = False
    return count


def _direction(curve: np.ndarray) -> np.ndarray:
    """The first principal direction (C,) of motion (T, C)."""
    return np.asarray(np.linalg.eigh(curve.T @ curve)[1][:, -1])


def _curve(frames: np.ndarray, layout: Layout, joints: list[int]) -> np.ndarray | None:
    """Joints (T, V, 3) as the motion that is counted on, (T, C); None where too little is seen."""
    hip, chest = (_anchor(frames, layout, name) for name in ("hip", "chest"))
    size = np.linalg.norm(chest - hip, axis=-1)
    if not np.isfinite(size).any():
        return None
    curve = (frames[:, joints] - hip[:, None]).reshape(len(frames), -1)
    curve = np.concatenate([curve, hip[:, 1:2] * np.sqrt(len(joints))], axis=1)
    curve = curve[:, np.isfinite(curve).mean(axis=0) > 0.7] / np.nanmedian(size)
    if curve.shape[1] == 0:
        return None
    places = np.arange(len(curve))
    for column in curve.T:
        gaps = ~np.isfinite(column)
        column[gaps] = np.interp(places[gaps], places[~gaps], column[~gaps])
    return curve


def _anchor(frames: np.ndarray, layout: Layout, name: str) -> np.ndarray:
    return np.asarray(frames[:, list(layout.anchors[name])].mean(axis=1))


def _mean(curve: np.ndarray, length: int) -> np.ndarray:
    """The moving mean of `length` samples, an odd number, of (T, C); the edges are held."""
    half = length // 2
    padded = np.concatenate([curve[:1].repeat(half + 1, 0), curve, curve[-1:].repeat(half, 0)])
    sums = padded.cumsum(axis=0)
    return np.asarray((sums[length:] - sums[:-length]) / length)
