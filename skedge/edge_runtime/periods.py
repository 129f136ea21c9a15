"""How often a movement repeats itself, by its period, whatever the action.

The arms, the legs and the trunk, measured in torso lengths, are each a curve through many
dimensions. What changes slowly is taken away from it (a moving mean), for each of several lengths
of "slowly". Of what is left, the direction that is most like itself after so many samples is looked
for: the largest eigenvalue of the lagged covariance, whitened within the first principal directions
(periodic component analysis; Saul & Allen, NIPS 2000). A part and its period are worth the
more, the more alike, the more often and the larger the movement. The swings of that period to the
side away from rest are counted. Where rest is at neither side it is the fewer of both, since who
begins and ends on one side is there once more. At both ends, swings at which the body is elsewhere
than at the others, or that lie too far from the next one, are the way there and back. Of the counts
of the best parts and periods the one is given that they are worth most together.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from skedge.edge_runtime.curves import MARGIN, RATE, anchor, filled, moving_mean
from skedge.skeleton.layout import Layout

# Fewer samples are too short for a movement and its repetition.
FEWEST = 8
# Coordinates that are seen in fewer of the frames are left out: they would be made up.
SEEN = 0.7
# Seconds that a slow change takes at the least.
SLOW = (0.4, 0.6, 0.9, 1.4, 2.0, 3.2)
# The longest period that is looked for, in times that a slow change takes: of a longer one the
# moving mean has taken most away.
LONGEST = 1.6
# How many principal directions are whitened.
DIRECTIONS = 4
# What is added to their variances, as a share of the largest.
FLOOR = 0.02
# The least period, in samples.
SHORTEST = 4
# What a period needs: likeness (1: all), a number of repetitions, an amplitude in torso lengths.
ALIKE = 0.5
CYCLES = 2.5
# Twice a period is as good as the period: the first that is this good is taken.
AS_GOOD = 0.9
AMPLITUDE = 0.06
# Parts and periods of this share of the best one's worth have a say.
HEARD = 0.7
# The percentile of its distance from the middle that is a signal's amplitude: its largest values
# may be a joint that was found elsewhere for a moment.
AMPLITUDE_AT = 75
# A swing passes the middle by this share of the amplitude.
HYSTERESIS = 0.35
# A swing at the ends is none of the others if it is further from them than this share of a period,
FAR = 1.4
# or so many times as far from where the body usually is at a swing.
ELSEWHERE = 3.0
# Rest is at one end of a swing where its middle is so many amplitudes from it.
REST = 0.7
# How much the hip's height counts beside a joint's place in the trunk.
HEIGHT = 3.0
# The parts of the body, what they are measured from, and their joints.
PARTS = {
    "arms": ("chest", ("elbow", "wrist", "hand", "hand_tip", "thumb", "index", "pinky")),
    "legs": ("hip", ("knee", "ankle", "foot")),
    "trunk": ("hip", ("head", "neck", "nose", "shoulder")),
}


def times(parts: Sequence[np.ndarray], inside: np.ndarray) -> int | None:
    """How often the motion of a body's parts (T, C) at `RATE` is repeated in the frames that are
    `inside` (T,) bool; None where nothing repeats itself."""
    if inside.sum() < FEWEST:
        return None
    found = [
        one for part in parts for slow in SLOW if (one := _period(part, inside, slow)) is not None
    ]
    if not found:
        return None
    heard = HEARD * max(one.worth for one in found)
    worth: dict[int, float] = defaultdict(float)
    for one in found:
        if one.worth >= heard:
            worth[_swung(one, inside)] += one.worth
    return max(worth, key=lambda count: worth[count])


class _Period(NamedTuple):
    """A `signal` (T,) of the motion of a `part` (T, C) that repeats itself after `length` samples.

    `worth` is how well, how often and how far, `amplitude` how far in torso lengths, `away` how
    many amplitudes its middle is from rest.
    """

    worth: float
    length: int
    amplitude: float
    away: float
    signal: np.ndarray
    part: np.ndarray


def _period(part: np.ndarray, inside: np.ndarray, slow: float) -> _Period | None:
    quick = part - moving_mean(part, round(slow * RATE) | 1)
    own = quick[inside] - quick[inside].mean(axis=0)
    longest = min(int(LONGEST * slow * RATE), int(len(own) / CYCLES))
    if longest <= SHORTEST:
        return None
    variances, directions = np.linalg.eigh(own.T @ own / len(own))
    variances = variances[-DIRECTIONS:]
    directions = directions[:, -DIRECTIONS:]
    whiten = directions / np.sqrt(variances + FLOOR * variances[-1] + 1e-12)
    white = own @ whiten
    lags = np.arange(SHORTEST - 1, longest + 1)
    waves = np.fft.rfft(white, len(own) + longest, axis=0)
    products = np.fft.irfft(waves.conj()[:, :, None] * waves[:, None], len(own) + longest, axis=0)
    lagged = products[lags] / (len(own) - lags)[:, None, None]
    values, vectors = np.linalg.eigh((lagged + lagged.transpose(0, 2, 1)) / 2)
    alike = values[:, -1]
    peaks = [
        k for k in range(1, len(alike) - 1) if alike[k] >= max(alike[k - 1], alike[k + 1], ALIKE)
    ]
    if not peaks:
        return None
    peak = next(k for k in peaks if alike[k] > AS_GOOD * max(alike[p] for p in peaks))
    direction = whiten @ vectors[peak, :, -1]
    direction /= np.linalg.norm(direction)
    signal = quick @ direction
    middle = signal[inside].mean()
    amplitude = float(np.percentile(np.abs(signal[inside] - middle), AMPLITUDE_AT))
    if amplitude < AMPLITUDE:
        return None
    length = int(lags[peak])
    worth = float(alike[peak] * np.sqrt(len(own) / length * amplitude))
    # At rest is who has not begun, or has ended.
    edge = max(1, min(len(part) // 8, int(MARGIN * RATE)))
    rest = (part[:edge].mean(axis=0) + part[-edge:].mean(axis=0)) / 2
    away = float((part[inside].mean(axis=0) - rest) @ direction) / amplitude
    return _Period(worth, length, amplitude=amplitude, away=away, signal=signal, part=part)


def _swung(found: _Period, inside: np.ndarray) -> int:
    """How often the movement of a period is repeated; at least once."""
    up, down = (_swings(found, side, inside) for side in (1, -1))
    # Who rests at one end of the swing goes to the other one each time.
    if abs(found.away) >= REST:
        return max(1, up if found.away > 0 else down)
    return max(1, min(up, down))


def _swings(found: _Period, side: int, inside: np.ndarray) -> int:
    """How many swings to one `side` (1 or -1) there are, a period apart."""
    signal = side * found.signal
    margin = HYSTERESIS * found.amplitude
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
    own = [number for number, place in enumerate(tops) if inside[place]]
    if not own:
        return 0
    poses = found.part[tops]
    away = np.linalg.norm(poses - np.median(poses[own], axis=0), axis=1)
    strange = away > max(ELSEWHERE * np.median(away[own]), AMPLITUDE)

    def odd(number: int, neighbour: int) -> bool:
        apart = abs(tops[number] - tops[neighbour]) / found.length
        return bool(strange[number]) or apart > FAR

    def end(number: int, out: int, other: int) -> int:
        """The outermost swing on one side. Odd ones are left out. Where there is none, those that
        follow beyond the bounds belong to it as well: an event's are not exact."""
        inner = number
        while abs(inner - other) > 1 and odd(inner, inner - out):
            inner -= out
        if inner != number:
            return inner
        while 0 <= number + out < len(tops) and not odd(number + out, number):
            number += out
        return number

    first = end(own[0], -1, own[-1])
    return end(own[-1], 1, first) - first + 1


def body_parts(frames: np.ndarray, layout: Layout, size: float, legs: bool) -> list[np.ndarray]:
    """The joints (T, V, 3) of the parts of the body, (T, C) each, in torso lengths of that `size`;
    with the trunk goes the hip's own height. Parts of which too little is seen are left out.

    Without `legs` for actions of the arms: in their noise something always repeats itself.
    """
    anchors = {name: anchor(frames, layout, name) for name in ("hip", "chest")}
    found = []
    for name, (centre, own) in PARTS.items():
        if name == "legs" and not legs:
            continue
        joints = [place for place, joint in enumerate(layout.joints) if _plain(joint) in own]
        part = (frames[:, joints] - anchors[centre][:, None]).reshape(len(frames), -1)
        if name == "trunk":
            part = np.concatenate([part, HEIGHT * anchors["hip"][:, 1:2]], axis=1)
        part = part[:, np.isfinite(part).mean(axis=0) > SEEN] / size
        if part.shape[1]:
            found.append(filled(part))
    return found


def _plain(joint: str) -> str:
    """A joint's name without its side."""
    return joint.removeprefix("left_").removeprefix("right_")
