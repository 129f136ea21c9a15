"""Steps: how an invented body walks, jogs, turns and steps aside, as channels to add to what its
arms do.

A way is a list of stretches, each with a speed, a turn and a direction. From them follow where the
body stands in the room, and a cycle of the legs whose planted feet stay where they are.
"""

from dataclasses import dataclass

import numpy as np

from skedge.datasets.synthetic.body import CHANNELS, SIDES, Build

RATE = 30.0
_CHANNEL = {name: i for i, name in enumerate(CHANNELS)}


@dataclass(frozen=True)
class Stretch:
    """A part of a way: `seconds` at `speed` (m/s), turning by `turn` degrees in all (to the right).

    `aside`: the direction of travel against where the body faces, in degrees to the right (180 is
    backwards). `marching`: steps per second on the spot.
    """

    seconds: float
    speed: float = 0.0
    turn: float = 0.0
    aside: float = 0.0
    marching: float = 0.0


@dataclass(frozen=True)
class Style:
    """How one person walks: a factor on the length of steps, how far a foot is lifted, how arms and
    trunk go along, and how lively steps on the spot (`march`) are."""

    stride: float
    lift: float
    swing: float
    elbow: float
    lean: float
    twist: float
    sway: float
    march: float


def style(rng: np.random.Generator) -> Style:
    """A way of walking, drawn."""
    return Style(
        stride=float(rng.uniform(0.85, 1.15)),
        lift=float(rng.uniform(0.05, 0.16)),
        swing=float(rng.choice([rng.uniform(0, 40), rng.uniform(35, 60)], p=[0.8, 0.2])),
        elbow=float(rng.choice([rng.uniform(0, 25), rng.uniform(20, 95)], p=[0.6, 0.4])),
        lean=float(rng.uniform(-2, 7)),
        twist=float(rng.uniform(1, 9)),
        sway=float(rng.uniform(0.01, 0.045)),
        march=float(rng.uniform(0.5, 2.4)),
    )


def gait(
    way: list[Stretch],
    frames: int,
    how: Style,
    shape: Build,
    rng: np.random.Generator,
    free: tuple[str, ...] = tuple(SIDES),
) -> np.ndarray:
    """Channels (frames, channels) to add to a standing body's: legs, pelvis, trunk, place in the
    room.

    It faces the camera at first. The arms named in `free` swing along. After the way's end the body
    stands.
    """
    speed, turning, aside, marching = _profile(way, frames)
    running = np.clip((speed - 1.9) / 1.2, 0, 1)
    running = np.maximum(running, np.clip((marching - 2.1) / 0.6, 0, 1))
    length = 0.62 * np.sqrt(np.maximum(speed, 1e-9)) * (shape.leg / 0.85) * how.stride
    cadence = (1 - running) * np.minimum(speed / length, 2.4) + running * 2.7 / how.stride**0.5
    cadence = np.maximum.reduce([cadence, marching, np.minimum(np.abs(turning) / 45, 2.2)])
    active = np.clip(cadence / 0.7, 0, 1) * (cadence > 0.02)
    phase = rng.uniform(0, 1) + np.cumsum(cadence) / 2 / RATE
    duty = 0.63 - 0.27 * running
    travel = np.minimum(speed * duty / np.maximum(cadence / 2, 0.15) / shape.leg, 1.15)
    apart = np.deg2rad(aside)
    marched = np.where(marching > 0, how.march, 1.0)
    lift = how.lift * (1 + 1.2 * running * (speed > 1)) * marched

    added = np.zeros((frames, len(CHANNELS)))
    face = np.cumsum(turning) / RATE
    _put(added, "face", face)
    ahead = np.deg2rad(face) + apart
    _put(added, "room_x", np.cumsum(speed * np.sin(ahead)) / RATE)
    _put(added, "room_z", -np.cumsum(speed * np.cos(ahead)) / RATE)
    for side, start in (("left", 0.0), ("right", 0.5)):
        at = (phase + start) % 1
        swinging = np.clip((at - duty) / (1 - duty), 0, 1)
        planted = np.minimum(at / duty, 1)
        forth = travel * (0.5 - planted + swinging**2 * (3 - 2 * swinging))
        _put(added, f"{side}_foot_front", forth * np.cos(apart) * active)
        _put(added, f"{side}_foot_out", SIDES[side] * forth * np.sin(apart) * active)
        # The heel leaves the floor before the foot does.
        heel = 0.2 * travel * np.clip((planted - 0.7) / 0.3, 0, 1) ** 2 * (1 - swinging) ** 2
        up = lift * np.sin(np.pi * swinging**0.75) + heel * np.abs(np.cos(apart))
        _put(added, f"{side}_foot_up", up * active)
    left = np.cos(2 * np.pi * phase)
    support = 1 - np.sqrt(np.maximum(1 - (travel / 2) ** 2, 0.3))
    walking = support * (0.65 + 0.35 * np.cos(4 * np.pi * phase)) + 0.01
    bouncing = 0.07 + 0.035 * np.cos(4 * np.pi * phase - 2 * np.pi * duty)
    _put(added, "down", active * ((1 - running) * walking + running * bouncing))
    _put(added, "shift", -active * how.sway * np.cos(2 * np.pi * (phase - duty / 2)))
    _put(added, "twist", -active * how.twist * left)
    forwards = active * np.cos(apart)
    _put(added, "lean", forwards * (how.lean * np.minimum(speed, 1.3) / 1.3 + 6 * running))
    pumped = np.clip(np.where(marching > 0, 0.6 * how.march, travel / 0.7), 0.15, 1.3)
    reach = how.swing * pumped * (1 - running) + (20 + 0.6 * how.swing) * running
    for side in free:
        forward = SIDES[side] * left
        _put(added, f"{side}_forward", active * reach * forward)
        bent = how.elbow * (1 - running) + running * (62 + 0.5 * how.elbow + 12 * forward)
        _put(added, f"{side}_elbow", active * bent)
    return added


def _put(table: np.ndarray, name: str, values: np.ndarray) -> None:
    table[:, _CHANNEL[name]] = values


def _profile(
    way: list[Stretch], frames: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Speed, turn per second, direction and steps on the spot of every frame, changing
    gradually."""
    wanted = np.zeros((frames, 4))
    at = 0
    for one in way:
        end = min(at + max(round(one.seconds * RATE), 1), frames)
        wanted[at:end] = one.speed, one.turn / one.seconds, one.aside, one.marching
        at = end
    if 0 < at < frames:
        wanted[at:, 2] = wanted[at - 1, 2]
    reach = 9
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / 4.5) ** 2)
    padded = np.pad(wanted, ((reach, reach), (0, 0)), mode="edge")
    sums = np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=0) @ (
        kernel / kernel.sum()
    )
    return sums[:, 0], sums[:, 1], sums[:, 2], sums[:, 3]


def placed(channels: np.ndarray, facing: float, at: np.ndarray | None = None) -> np.ndarray:
    """Channels of a motion (T, channels) that begins facing so many degrees to the right.

    It begins at the place `at` (2,); without one the middle of its way is the room's.
    """
    face, x, z = (_CHANNEL[name] for name in ("face", "room_x", "room_z"))
    moved = channels.copy()
    moved[:, face] += facing
    turn = np.deg2rad(facing)
    east, south = channels[:, x], channels[:, z]
    way = np.stack(
        [east * np.cos(turn) - south * np.sin(turn), east * np.sin(turn) + south * np.cos(turn)], -1
    )
    start = -(way.min(axis=0) + way.max(axis=0)) / 2 if at is None else at - way[0]
    moved[:, [x, z]] = way + start
    return moved


def walk_way(rng: np.random.Generator, seconds: float, kind: str | None = None) -> list[Stretch]:
    """A way of about `seconds`: walking (straight, curved, to and fro), jogging, turning,
    stepping."""
    kind = kind or str(
        rng.choice(list(_SHARES), p=np.array(list(_SHARES.values())) / sum(_SHARES.values()))
    )
    speed = float(rng.uniform(0.5, 1.6))
    if kind == "walk":
        return [Stretch(seconds, speed, float(rng.normal(0, 12)))]
    if kind == "start":
        pause = rng.uniform(0.1, 0.5) * seconds
        return [Stretch(pause), Stretch(seconds - pause, speed, float(rng.normal(0, 30)))]
    if kind == "stop":
        return [Stretch(rng.uniform(0.4, 0.8) * seconds, speed, float(rng.normal(0, 30)))]
    if kind == "curve":
        return [
            Stretch(
                seconds, 0.8 * speed, float(rng.choice([-1, 1]) * rng.uniform(40, 75) * seconds)
            )
        ]
    if kind == "there and back":
        turn = rng.uniform(0.6, 1.4)
        there = (seconds - turn) * rng.uniform(0.35, 0.65)
        return [
            Stretch(there, speed),
            Stretch(turn, 0.3 * speed, float(rng.choice([-1, 1]) * rng.uniform(140, 200))),
            Stretch(max(seconds - turn - there, 0.1), speed),
        ]
    if kind == "turn":
        turn = rng.uniform(0.5, 1.5)
        pause = max(rng.uniform(0, 0.5) * (seconds - turn), 0.1)
        return [
            Stretch(pause),
            Stretch(turn, 0.05, float(rng.choice([-1, 1]) * rng.uniform(40, 200))),
        ]
    if kind == "aside":
        return [
            Stretch(rng.uniform(0.1, 0.6)),
            Stretch(
                rng.uniform(0.4, 0.5 * seconds + 0.4),
                0.6 * speed,
                aside=float(rng.choice([-90, 90, 180, 40, -40])),
            ),
        ]
    if kind == "march":
        return [Stretch(seconds, marching=float(rng.uniform(1.3, 2.0)))]
    if kind == "jog on the spot":
        return [Stretch(seconds, marching=float(rng.uniform(2.4, 3.1)))]
    return [Stretch(seconds, float(rng.uniform(2.1, 3.4)), float(rng.normal(0, 25)))]


_SHARES = {"walk": 0.3, "start": 0.1, "stop": 0.1, "curve": 0.1, "there and back": 0.1, "turn": 0.1}
_SHARES |= {"aside": 0.08, "march": 0.14, "jog": 0.08, "jog on the spot": 0.14}
