"""How often a movement was repeated, counted on the body's motion, whatever the action.

A network counts (`skedge.edge_runtime.density`), with the body seen from four sides. What is done
three times or more is counted a fifth time, by its period (`skedge.edge_runtime.periods`), claps by
how near the hands come to each other (`skedge.edge_runtime.claps`), and the middle one of the five
counts is given. Where those claps follow each other evenly, or the hands show fewer than four, they
are counted by the hands alone. Where network and hands are far apart, one of them has counted what
trembles where the hands meet: the smaller count is given.

An event's bounds are estimates, so where its movement begins, ends and pauses is found first
(`skedge.edge_runtime.stretch`).
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from skedge.edge_runtime.claps import Claps, arms_apart, claps, is_clap
from skedge.edge_runtime.curves import MARGIN, RATE, even_moments, torso
from skedge.edge_runtime.density import HIP_HEIGHT, LEGS, body_curves, counts, densities, shipped
from skedge.edge_runtime.periods import body_parts, times
from skedge.edge_runtime.stretch import stretches
from skedge.skeleton.layout import Layout
from skedge.skeleton.prepare import seen

# How many seconds are remembered at the most.
LONGEST = 120.0
# Who moves no joint by this many torso lengths does nothing that could be counted, unless what is
# found best moves by more than the smaller numbers: the hips rise and fall (small jumps), or the
# elbows come nearer to each other and go apart (small claps).
STILL, HIPS_STILL, ELBOWS_STILL = 0.25, 0.09, 0.22
# Seconds before an event's estimated start in which its movement may be under way already: answers
# are unsure of some for so long. Of what is not repeated it is no more than `MARGIN`: somebody does
# something else before.
EARLY = 2.0
# Seconds that are counted for good where an action goes on for twice as long: a count of minutes
# would take longer than a frame may wait, and nobody remembers them.
PIECE = 20.0
# Fewer repetitions than this the network counts alone.
FEW = 3
# Network and hands are near where their counts differ by no more than this number, or this share of
# the larger one.
NEAR, SHARE = 2, 0.3
# Hands that come together less evenly than this have not been seen each time.
UNEVEN = 0.15


class Counter:
    """Remembers one person's joints and counts repetitions in any stretch of the recent past.

    Actions of these labels are done with the `arms`. Their repetitions are counted without the
    legs, in whose noise something always repeats itself.
    """

    def __init__(self, layout: Layout, arms: Collection[str] = ()) -> None:
        self._layout = layout
        self._arms = arms
        length = int(RATE * LONGEST)
        self._frames: deque[np.ndarray] = deque(maxlen=length)
        self._moments: deque[float] = deque(maxlen=length)
        # Until when each label's events have been counted.
        self._counted: dict[str | None, float] = {}
        # Of an action that goes on for long: its start, until when it is counted, how often.
        self._done: dict[str | None, tuple[float, float, float]] = {}

    def push(self, joints: np.ndarray, moment: float) -> None:
        """Remember the joints (V, 3), metres, of the frame at `moment`, in seconds; more frames
        than are needed are left out."""
        if self._moments and moment < self._moments[-1] + 0.9 / RATE:
            return
        if seen(joints).any():
            self._frames.append(np.asarray(joints, np.float32))
            self._moments.append(moment)

    def advance(self, start: float, end: float, label: str | None = None) -> None:
        """Count for good what lies far behind `end` of an action that began at `start` and goes on.
        To be called more often than every `PIECE` seconds."""
        if not self._moments:
            return
        until, total = self._so_far(start, label)
        until, end = max(until, self._moments[0]), min(end, self._moments[-1])
        while end - until >= 2 * PIECE:
            total += self._amount(until, until + PIECE, label) or 0.0
            until += PIECE
            self._done[label] = (start, until, total)

    def count(self, start: float, end: float, label: str | None = None) -> int | None:
        """Repetitions of an action between two moments, at least one; None where nothing was seen
        or nothing moves. `label` says which action it is."""
        self.advance(start, end, label)
        until, total = self._so_far(start, label)
        return _whole(total, self._amount(until, end, label))

    def count_event(
        self, start: float, end: float, latest: float, label: str | None = None
    ) -> int | None:
        """As `count`, of an event whose bounds are estimates: also of the movement that was under
        way before its start, but not counted, and that goes on after its end, until `latest` at
        most, without its pauses. Events of one label come in the order of time."""
        until, total = self._so_far(start, label)
        if until > start:
            self._counted[label] = until
        return _whole(total, self._amount_of_event(until, end, latest, label=label))

    def _so_far(self, start: float, label: str | None) -> tuple[float, float]:
        """Until when an action that began at `start` is counted for good, and how often."""
        begun, until, total = self._done.get(label, (start, start, 0.0))
        return (until, total) if begun == start else (start, 0.0)

    def _amount(self, start: float, end: float, label: str | None) -> float | None:
        shown = self._look(start, end, label)
        return None if shown is None or shown.still else self._times(shown, label)

    def _amount_of_event(
        self, start: float, end: float, latest: float, label: str | None
    ) -> float | None:
        shown = self._look(start - MARGIN, latest, label)
        if shown is None or shown.still or not shown.between(start, end).any():
            return None
        density = shown.density()
        parts = stretches(density[shown.inside], shown.even[shown.inside], start=start, end=end)
        earlier = max(start - EARLY, self._counted.get(label, -np.inf))
        repeated = density[shown.between(start, end)].sum() >= FEW
        if repeated and parts[0][0] < start - MARGIN + 1 / RATE and earlier < start - MARGIN:
            shown = self._look(earlier, latest, label) or shown
            density = shown.density()
            parts = stretches(density[shown.inside], shown.even[shown.inside], start=start, end=end)
        total = 0.0
        for part in parts:
            found = self._look(*part, label)
            # Alone, noise beside a pause would be looked at as if it were the movement.
            few = density[shown.between(*part)].sum() < FEW
            if found is not None and not (found.still and few):
                total += self._times(found, label)
        self._counted[label] = parts[-1][1]
        return total

    def _look(self, start: float, end: float, label: str | None) -> "_Seen | None":
        """What was seen between two moments, and a little before and after; None where that was
        nothing."""
        moments = np.array(self._moments)
        chosen = np.flatnonzero((moments >= start - MARGIN) & (moments <= end + MARGIN))
        if len(chosen) < 8 or moments[chosen[-1]] - moments[chosen[0]] < MARGIN:
            return None
        moments = moments[chosen]
        frames = np.stack([self._frames[i] for i in chosen])
        even = even_moments(moments)
        inside = (even >= start) & (even <= end)
        motion = body_curves(frames, moments, self._layout)
        if motion is None or not inside.any():
            return None
        apart = self._apart(frames, moments, even)
        still = _still(motion[inside], [one[inside] for one in apart])
        if label in self._arms:
            motion[:, LEGS] = 0
        return _Seen(
            frames, moments, even=even, inside=inside, motion=motion, apart=apart, still=still
        )

    def _times(self, shown: "_Seen", label: str | None) -> float:
        """How often an action is repeated in what was shown, perhaps not at all."""
        views = counts(shown.motion, shipped())
        count = float(np.mean(views))
        if round(count) < FEW:
            return count
        if is_clap(label) and shown.apart:
            return _with_hands(views, claps(shown.apart, shown.inside))
        repeated = self._by_period(shown, legs=label not in self._arms)
        if repeated is None or repeated < FEW:
            return count
        return float(np.median([*views, repeated]))

    def _apart(self, frames: np.ndarray, moments: np.ndarray, even: np.ndarray) -> list[np.ndarray]:
        """How far the arms are apart at the even moments, in torso lengths, (T,) each."""
        size = torso(frames, self._layout)
        return [np.interp(even, moments, one / size) for one in arms_apart(frames, self._layout)]

    def _by_period(self, shown: "_Seen", *, legs: bool) -> int | None:
        size = torso(shown.frames, self._layout)
        parts = [
            np.stack([np.interp(shown.even, shown.moments, column) for column in part.T], axis=1)
            for part in body_parts(shown.frames, self._layout, size, legs=legs)
        ]
        return times(parts, shown.inside) if parts else None


@dataclass(frozen=True, eq=False)
class _Seen:
    """A stretch of what was seen of somebody: `frames` (N, V, 3) at `moments` (N,), and `motion`
    (T, CURVES) and how far the arms are `apart`, (T,) each, at `even` moments (T,), which are
    `inside` (T,) the stretch or a little beyond; whether the body is `still` in it."""

    frames: np.ndarray
    moments: np.ndarray
    even: np.ndarray
    inside: np.ndarray
    motion: np.ndarray
    apart: list[np.ndarray]
    still: bool

    def density(self) -> np.ndarray:
        """How many repetitions a frame are under way, (T,): the mean of four views."""
        return np.asarray(np.mean(densities(self.motion, shipped()), axis=0))

    def between(self, start: float, end: float) -> np.ndarray:
        """Which of the even moments lie between two, (T,) bool."""
        return np.asarray((self.even >= start) & (self.even <= end))


def _whole(before: float, rest: float | None) -> int | None:
    """What was counted for good and the rest as a number from one; None where there is nothing."""
    return max(1, round(before + (rest or 0.0))) if before or rest is not None else None


def _with_hands(views: list[float], clapped: Claps) -> int:
    """The count of claps, by the network's `views` and by the hands."""
    count = round(float(np.mean(views)))
    hands, unevenness = clapped
    if abs(hands - count) > max(NEAR, SHARE * max(hands, count)):
        return min(hands, count)
    if UNEVEN <= unevenness < np.inf:
        return round(float(np.median([*views, hands])))
    return hands


def _still(motion: np.ndarray, apart: list[np.ndarray]) -> bool:
    moved = _moved(motion)
    clapped = bool(apart) and _moved(apart[0]) > ELBOWS_STILL
    return bool(moved.max() < STILL and moved[HIP_HEIGHT] < HIPS_STILL and not clapped)


def _moved(curves: np.ndarray) -> np.ndarray:
    """By how much curves (T, ...) change, without their extremes."""
    low, high = np.percentile(curves, (5, 95), axis=0)
    return np.asarray(high - low)
