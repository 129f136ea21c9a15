"""Whole recordings: people who now and then do an action, and mostly something else."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skedge.datasets.synthetic import body
from skedge.datasets.synthetic.actions import ACTIONS
from skedge.datasets.synthetic.gait import RATE, Stretch, placed, walk_way
from skedge.datasets.synthetic.motion import act, possible, smooth, sway
from skedge.datasets.synthetic.people import Person
from skedge.datasets.synthetic.puppet import CHANNEL
from skedge.datasets.synthetic.stance import stance

SECONDS = 60.0
_IDLE, _OTHER = ACTIONS.index("idle"), ACTIONS.index("other")
_TURNS = [CHANNEL[f"{side}_turn"] for side in body.SIDES]
_PLACE = [CHANNEL[name] for name in body.ROOM]


class Interval(NamedTuple):
    """What is done in a recording's frames from `start` to before `end`, and how often; `marks` as
    in `Motion`, none of what is no action."""

    action: int
    start: int
    end: int
    beats: int
    marks: tuple[float, ...] = ()


def recorded(
    who: Person,
    shape: body.Build,
    rng: np.random.Generator,
    seconds: float = SECONDS,
    actions: float = 0.35,
) -> tuple[np.ndarray, list[Interval]]:
    """The channels (T, channels) of somebody in a room, and intervals that cover all frames.

    Most are everyday movement (`other`) and standing about (`idle`). `actions`: how often what is
    done next is an action. Nobody leaves the room: who is far off walks back.
    """
    at = stance(who, rng, "seated" if rng.random() < 0.3 else "standing")
    pieces: list[np.ndarray] = []
    intervals: list[Interval] = []
    made = 0
    last = np.zeros(len(body.CHANNELS))

    def ways(wanted: float) -> list[Stretch]:
        return _way_about(last, wanted, rng)

    while made < seconds * RATE:
        action = _next(at.posture == "seated", rng, actions)
        longest = float(rng.choice([3.0, 6.0, 20.0], p=[0.5, 0.3, 0.2]))
        done = act(action, who, shape, at=at, rng=rng, ways=ways, longest=longest)
        moved = placed(done.channels, last[CHANNEL["face"]], last[_PLACE])
        if pieces:
            # An arm's turn is known up to whole turns, and must not go round in between.
            moved[:, _TURNS] += 360 * np.round((last[_TURNS] - moved[0, _TURNS]) / 360)
            pause = int(rng.integers(4, 25) if rng.random() < 0.85 else rng.integers(25, 120))
            bridge = last + _ramp(pause, rng)[:, None] * (moved[0] - last)
            pieces.append(bridge)
            made += pause
        if action != _OTHER:
            intervals.append(
                Interval(
                    action,
                    start=made + done.start,
                    end=made + done.end,
                    beats=done.beats,
                    marks=tuple(made + mark for mark in done.marks),
                )
            )
        pieces.append(moved)
        made += len(moved)
        last = moved[-1]
    moved = smooth(np.concatenate(pieces), 1.0)
    return moved + sway(len(moved), who, rng), _whole(intervals, made)


def _whole(performed: list[Interval], frames: int) -> list[Interval]:
    """Intervals without gaps: between what was performed people do something else."""
    every: list[Interval] = []
    end = 0
    for one in [*performed, Interval(_OTHER, start=frames, end=frames, beats=0)]:
        if one.start > end:
            every.append(Interval(_OTHER, start=end, end=one.start, beats=1))
        if one.end > one.start:
            every.append(one)
        end = one.end
    return every


def _next(seated: bool, rng: np.random.Generator, actions: float) -> int:
    if rng.random() >= actions:
        return _IDLE if rng.random() < 0.2 else _OTHER
    known = [i for i in range(_IDLE) if possible(i, seated)]
    if seated and rng.random() < 0.4:
        return ACTIONS.index("stand up")
    return known[rng.integers(len(known))]


def _way_about(last: np.ndarray, seconds: float, rng: np.random.Generator) -> list[Stretch]:
    """A way of about `seconds` from where the body stands and faces (channels): anywhere, but back
    towards the middle from far off; mostly ending with a turn to the camera."""
    x, z = last[_PLACE]
    facing = last[CHANNEL["face"]]
    away = float(np.hypot(x, z))
    if away > 1.2:
        homeward = np.degrees(np.arctan2(-x, z)) + rng.normal(0, 15)
        turn = _least(homeward - facing)
        speed = float(rng.uniform(0.6, 1.5))
        way = [Stretch(0.3 + abs(turn) / 150, 0.1, turn), Stretch(away / speed, speed)]
    else:
        way = walk_way(rng, min(seconds, rng.uniform(1.5, 4.0)))
        # A jog of seconds ends outside.
        length = sum(one.seconds * one.speed for one in way)
        way = (
            [replace(one, seconds=one.seconds * min(1, 4 / length)) for one in way]
            if length
            else way
        )
    if rng.random() < 0.7:
        facing += sum(one.turn for one in way)
        turn = _least(float(rng.normal(0, 25)) - facing)
        way.append(Stretch(0.3 + abs(turn) / 150, 0.05, turn))
    return [Stretch(0.2), *way, Stretch(0.4)]


def _least(turn: float) -> float:
    """A turn in degrees, the short way round."""
    return float((turn + 180) % 360 - 180)


def _ramp(frames: int, rng: np.random.Generator) -> np.ndarray:
    """From 0 to 1 and at rest at both ends, (frames,): a change somewhere in a pause."""
    wanted = min(frames, float(rng.uniform(10, 25)))
    start = rng.uniform(0, frames - wanted)
    share = np.clip((np.arange(frames) + 1 - start) / wanted, 0, 1)
    return share**2 * (3 - 2 * share)
