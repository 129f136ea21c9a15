"""Bodies in motion, frame by frame: key poses carried out, walking added, and nobody ever quite
still."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skedge.datasets.synthetic import body, everyday
from skedge.datasets.synthetic.actions import ACTIONS, VARIANTS
from skedge.datasets.synthetic.gait import RATE, confined, gait, style, walk_way
from skedge.datasets.synthetic.people import Person
from skedge.datasets.synthetic.puppet import CHANNEL, perform

SHORTEST, LONGEST = 24, 180
# Which channels start together: their lags against each other are drawn per clip.
_GROUPS = {"arm": 0.03, "trunk": 0.03, "head": 0.06, "legs": 0.0}


class Motion(NamedTuple):
    """Channels over time, (T, channels) in degrees and leg lengths; which frames are the action.

    The action was done `beats` times in the frames from `start` to before `end`.
    """

    channels: np.ndarray
    start: int
    end: int
    beats: int


def motion(action: int, who: Person, shape: body.Build, rng: np.random.Generator) -> Motion:
    """One whole performance of an action, with what comes right before and after it."""
    share = 1.0
    if ACTIONS[action] == "other":
        variant, share = everyday.draw(rng)
    else:
        variant = everyday.choose(VARIANTS[ACTIONS[action]], rng)
    seated = bool(rng.random() < variant.seated)
    walks = bool(variant.way) or (not seated and rng.random() < variant.walking)
    comes = not (seated or walks or variant.begin) and rng.random() < 0.15
    lead = rng.uniform(0.3, 1.0) if comes else 0.0
    done = perform(variant, who, shape, rng, seated=seated, legs_busy=walks, lead=lead)
    poses = done.poses
    if share < 1:
        poses = poses[0] + share * (poses - poses[0])
        poses[:, CHANNEL["air"]] = 0
    frames = max(round(done.seconds[-1] * RATE), SHORTEST)
    moments = np.arange(frames) / RATE
    moved = np.empty((frames, len(body.CHANNELS)))
    for group, spread in _GROUPS.items():
        lag = np.clip(rng.normal(0, spread), -0.08, 0.08)
        columns = [i for name, i in CHANNEL.items() if _group(name) == group]
        moved[:, columns] = _interpolate(done.seconds, poses[:, columns], moments - lag)
    moved = smooth(moved, rng.uniform(0.6, 1.6)) + sway(frames, who, rng)
    if walks or comes:
        way = walk_way(rng, frames / RATE, None if walks else "walk")
        if comes:
            way = [replace(way[0], seconds=lead, turn=0.3 * way[0].turn)]
        heading = float(rng.uniform(-180, 180)) if walks and rng.random() < 0.6 else 0.0
        moved += gait(
            way, frames, style(rng), shape, rng, done.free if walks else tuple(body.SIDES), heading
        )
        room = [CHANNEL[name] for name in body.ROOM]
        moved[:, room] = confined(moved[:, room])
    return Motion(moved, round(done.start * RATE), min(round(done.end * RATE), frames), done.beats)


def cut(made: Motion, rng: np.random.Generator) -> np.ndarray:
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
        last = round(made.end + rng.uniform(-spare, 6))
    elif kind < 0.5:
        last = round(made.end - rng.uniform(0, 0.35) * length)
    if last - first > LONGEST:
        first += round(rng.uniform(0, last - first - LONGEST))
    first = min(max(first, 0), frames - SHORTEST)
    last = min(max(last, first + SHORTEST), first + LONGEST, frames)
    return made.channels[first:last]


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
