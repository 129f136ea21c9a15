"""The One-Euro filter: steady where the body rests, quick where it moves (Casiez, Roussel and
Vogel, CHI 2012)."""

import math

import numpy as np


class OneEuro:
    """Smooths arrays of one shape that come at any rate.

    `cutoff` (Hz) is how fast it follows at rest, `slope` how much faster for every unit a second of
    movement (one number, or one for each element of the last axis), `rate` (Hz) how fast the
    movement itself is followed (the paper's f_cmin, beta, and f_c of the derivative).
    """

    def __init__(self, cutoff: float, slope: float | np.ndarray, rate: float = 1.0) -> None:
        self._cutoff = cutoff
        self._slope = slope
        self._rate = rate
        self._value: np.ndarray | None = None
        self._speed: np.ndarray = np.zeros(())
        self._seconds = 0.0

    def update(self, value: np.ndarray, seconds: float) -> np.ndarray:
        """The smoothed array at the time stamp `seconds`, which ascends; an element that is not
        finite starts anew."""
        if self._value is None:
            self._value, self._speed = value.astype(np.float64), np.zeros(value.shape)
        gap = seconds - self._seconds
        self._seconds = seconds
        if gap > 0:
            change = value - self._value
            speed = change / gap
            # The usual case first: all numbers there, and nothing to be told apart.
            if not math.isfinite(np.vdot(speed, speed)):
                known = np.isfinite(speed)
                speed = np.where(known, speed, 0)
                change = np.where(np.isfinite(self._value), change, 0)
                self._value = np.where(np.isfinite(self._value), self._value, value)
            self._speed = self._speed + _share(self._rate, gap) * (speed - self._speed)
            share = _share(self._cutoff + self._slope * abs(self._speed), gap)
            self._value = self._value + share * change
        return self._value


def _share(cutoff: float | np.ndarray, gap: float) -> float | np.ndarray:
    """The weight of a new sample `gap` seconds after the last one: 1 / (1 + tau / gap) with tau = 1
    / (2 pi cutoff)."""
    turn = 2 * np.pi * gap * cutoff
    return turn / (turn + 1)
