"""Bodies in motion, frame by frame: key poses carried out, walking added, and nobody ever quite
still."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skedge.datasets.synthetic import body, everyday
from skedge.datasets.synthetic.actions import ACTIONS, Variant
from skedge.datasets.synthetic.gait import RATE, Stretch, gait, placed, style, walk_way
from skedge.datasets.synthetic.known import VARIANTS
from skedge.datasets.synthetic.people import Person
from skedge.datasets.synthetic.puppet import CHANNEL, perform
from skedge.datasets.synthetic.stance import Stance, stance

SHORTEST, LONGEST = 24, 180
# Which channels start together: their lags against each other are drawn per clip.
_GROUPS = {"arm": 0.03, "trunk": 0.03, "head": 0.06, "legs": 0.0}


class Motion(NamedTuple):
    """Channels over time, (T, channels) in degrees and leg lengths; which frames are the action.

    The action was done `beats` times in the frames from `start` to before `end`; `marks` are the
    frames at which its first repetition began and each one ended, none after a cut.
    """

    channels: np.ndarray
    start: int
    end: int
    beats: int
    marks: tuple[float, ...] = ()


def motion(action: int, who: Person, shape: body.Build, rng: np.random.Generator) -> Motion:
    """One performance of an action by itself, as in a clip; now and then the person walks in.

    Whoever walks may walk in any direction, with the middle of the way at the room's.
    """
    what = _what(action, rng)
    variant = what[0]
    at = stance(who, rng, "seated" if rng.random() < variant.seated else "standing")
    arrival: list[Stretch] = []
    if at.posture == "standing" and not variant.way and rng.random() < 0.15:
        lead = rng.uniform(0.3, 1.0)
        arrival = [
            replace(one, seconds=lead, turn=0.3 * one.turn) for one in walk_way(rng, 1, "walk")
        ]
    actor = _Actor(who, shape, at=at, rng=rng)
    made, walks = _act(actor, what, arrival=arrival, ways=lambda seconds: walk_way(rng, seconds))
    moved = made.channels + sway(len(made.channels), who, rng)
    facing = float(rng.uniform(-180, 180)) if walks and rng.random() < 0.6 else 0.0
    return made._replace(channels=placed(moved, facing))


def act(
    action: int,
    who: Person,
    shape: body.Build,
    at: Stance,
    rng: np.random.Generator,
    ways: Callable[[float], list[Stretch]],
    longest: float,
) -> Motion:
    """One performance of an action that follows on others, from a stance, which it may change.

    `ways` says how somebody walks for so many seconds, from standing to standing. No repetition
    begins later than `longest` seconds from the first.
    """
    what = _what(action, rng, at.posture == "seated")
    return _act(_Actor(who, shape, at=at, rng=rng), what, arrival=[], ways=ways, longest=longest)[0]


def possible(action: int, seated: bool) -> bool:
    """Whether an action can be begun on a chair, or without one."""
    return ACTIONS[action] == "other" or everyday.possible(VARIANTS[ACTIONS[action]], seated)


def _what(
    action: int, rng: np.random.Generator, seated: bool | None = None
) -> tuple[Variant, float]:
    if ACTIONS[action] == "other":
        return everyday.draw(rng, seated)
    return everyday.choose(VARIANTS[ACTIONS[action]], rng, seated), 1.0


class _Actor(NamedTuple):
    who: Person
    shape: body.Build
    at: Stance
    rng: np.random.Generator


def _act(
    actor: _Actor,
    what: tuple[Variant, float],
    arrival: list[Stretch],
    ways: Callable[[float], list[Stretch]],
    longest: float = 5.5,
) -> tuple[Motion, bool]:
    """A variant carried out, so much of its movement; whether the legs walked meanwhile.

    `arrival` is walked before.
    """
    who, shape, at, rng = actor
    variant, share = what
    walks = False
    if at.posture == "standing" and not arrival:
        walks = bool(variant.way) or rng.random() < variant.walking
    if walks:
        at.posture = "walking"
    lead = sum(one.seconds for one in arrival)
    done = perform(variant, who, shape, at=at, rng=rng, lead=lead, longest=longest)
    poses = done.poses
    if share < 1:
        poses = poses[0] + share * (poses - poses[0])
        poses[:, CHANNEL["air"]] = 0
    way = arrival
    if walks:
        way = ways(done.seconds[-1])
        at.posture = "standing"
    seconds = max(done.seconds[-1], sum(one.seconds for one in way))
    frames = max(round(seconds * RATE), SHORTEST)
    moments = np.arange(frames) / RATE
    moved = np.empty((frames, len(body.CHANNELS)))
    for group, spread in _GROUPS.items():
        lag = np.clip(rng.normal(0, spread), -0.08, 0.08)
        columns = [i for name, i in CHANNEL.items() if _group(name) == group]
        moved[:, columns] = _interpolate(done.seconds, poses[:, columns], moments - lag)
    moved = smooth(moved, rng.uniform(0.6, 1.6))
    if way:
        moved += gait(
            way,
            frames,
            style(rng),
            shape=shape,
            rng=rng,
            free=done.free if walks else tuple(body.SIDES),
        )
    ended = min(round(done.end * RATE), frames)
    marks = tuple(RATE * mark for mark in done.marks)
    made = Motion(moved, round(done.start * RATE), end=ended, beats=len(marks) - 1, marks=marks)
    return made, walks


def cut(made: Motion, rng: np.random.Generator) -> Motion:
    """A clip of a performance as people cut clips: whole, close about the action, or in the midst
    of it.

    What is repeated may be cut between repetitions; of what is done once, most stays.
    """
    frames, length = len(made.channels), max(made.end - made.start, 1)
    spare = 0.1 * length if made.beats < 3 else (1 - 1.5 / made.beats) * length
    first, last = 0, frames
    kind = rng.random()
    if kind < 0.35:
        first = round(made.start + rng.uniform(-6, 0.5 * spare))
        last = round(made.end + rng.uniform(-0.5 * spare, 6))
    elif kind < 0.5:
        last = round(made.end - rng.uniform(0, 0.35) * length)
    if last - first > LONGEST:
        first += round(rng.uniform(0, last - first - LONGEST))
    first = min(max(first, 0), frames - SHORTEST)
    last = min(max(last, first + SHORTEST), first + LONGEST, frames)
    start, end = max(made.start, first), min(made.end, last)
    beats = max(1, round(made.beats * (end - start) / length))
    return Motion(made.channels[first:last], start=start - first, end=end - first, beats=beats)


def _group(channel: str) -> str:
    if channel in ("nod", "look"):
        return "head"
    if channel in ("lean", "curl", "side", "twist", "face"):
        return "trunk"
    return "arm" if channel.split("_", 1)[-1] in body.ARM else "legs"


def _interpolate(at: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Monotone cubic curves (Fritsch and Carlson) through `values` (K, C): at rest wherever the
    direction changes."""
    step = np.diff(at)[:, None]
    slope = np.diff(values, axis=0) / step
    before, after = slope[:-1], slope[1:]
    wide, narrow = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    same = before * after > 0
    safe = np.where(same, wide / np.where(same, before, 1) + narrow / np.where(same, after, 1), 1)
    tangent = np.zeros_like(values)
    tangent[1:-1] = np.where(same, (wide + narrow) / safe, 0)
    wanted = np.clip(wanted, at[0], at[-1])
    piece = np.clip(np.searchsorted(at, wanted, side="right") - 1, 0, len(step) - 1)
    width = step[piece]
    s = (wanted - at[piece])[:, None] / width
    low, high = values[piece], values[piece + 1]
    return (
        low
        + (high - low) * s**2 * (3 - 2 * s)
        + width * tangent[piece] * s * (1 - s) ** 2
        - width * tangent[piece + 1] * s**2 * (1 - s)
    )


def smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian of `sigma` frames along the first axis; the edges are held."""
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.concatenate(
        [np.repeat(values[:1], reach, 0), values, np.repeat(values[-1:], reach, 0)]
    )
    return np.tensordot(
        np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=0), kernel, axes=(-1, 0)
    )


_SWAY = {
    "lean": 0.8,
    "side": 0.8,
    "twist": 1.5,
    "face": 1.0,
    "nod": 2.5,
    "look": 4.0,
    "shift": 0.006,
    "back": 0.004,
}
_SWAY |= {"forward": 1.5, "outward": 1.5, "turn": 3.0, "elbow": 2.5, "bend": 4.0, "wag": 4.0}


def sway(frames: int, who: Person, rng: np.random.Generator) -> np.ndarray:
    """Nobody stands still: slow waves in every channel, (frames, channels)."""
    size = np.array(
        [_SWAY.get(name.split("_", 1)[-1] if "_" in name else name, 0.0) for name in body.CHANNELS]
    )
    waves = rng.normal(0, 0.7, (2, len(size)))
    rates, phases = rng.uniform(0.1, 0.7, waves.shape), rng.uniform(0, 2 * np.pi, waves.shape)
    moments = np.arange(frames)[:, None, None] / RATE
    return who.restless * size * (waves * np.sin(2 * np.pi * rates * moments + phases)).sum(axis=1)
