"""Key poses of an action, carried out by one person: a table of channels at moments of its own.

What a key names changes, all else stays. What is drawn for a beat is nearly the same in the next
one, as people's repetitions are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skedge.datasets.synthetic import body
from skedge.datasets.synthetic.actions import Key, Range, Variant
from skedge.datasets.synthetic.people import Person
from skedge.datasets.synthetic.stance import Stance

CHANNEL = {name: i for i, name in enumerate(body.CHANNELS)}
TURNS = [CHANNEL[f"{side}_turn"] for side in body.SIDES]
_ANGLES = [CHANNEL[f"{side}_{part}"] for side in body.SIDES for part in body.ARM[:4]]
# Degrees a second from one key to the next; 1.5 times that in between.
_FASTEST = 1100.0
_SIDED = ("side", "twist", "face", "look", "shift")
_SCALED = ("lean", "curl", "side", "twist", "down", "back", "air")
# What a chair or walking legs decide, whatever a key says.
_LEGS = ("down", "back", "shift", "air")
_STANCE = body.TRUNK + tuple(f"{side}_{foot}" for side in body.SIDES for foot in body.FOOT)


@dataclass(frozen=True)
class Performed:
    """Moments (K,) in seconds and the poses there (K, channels); what happened when.

    The action itself lasts from `start` to `end` (s). `marks`: when the first repetition began and
    when each of them ended (s). `free`: the arms that no key of it moves.
    """

    seconds: np.ndarray
    poses: np.ndarray
    start: float
    end: float
    marks: tuple[float, ...]
    free: tuple[str, ...]


def perform(
    variant: Variant,
    who: Person,
    shape: body.Build,
    at: Stance,
    rng: np.random.Generator,
    *,
    lead: float = 0.0,
    longest: float = 5.5,
) -> Performed:
    """One performance of a variant by somebody in a stance, which it may change.

    `lead` seconds pass before it; no repetition begins later than `longest` seconds from its start.
    Where the stance is walking, the variant's keys leave the legs alone.
    """
    usual, rare = ("left", "right") if who.left_handed else ("right", "left")
    puppet = _Puppet(who, shape, at, acting=usual if rng.random() < 0.75 else rare, rng=rng)
    puppet.change(variant.begin)
    tempo = who.tempo * float(np.exp(np.clip(rng.normal(0.16, 0.26), -0.45, 0.75))) * variant.tempo
    start = lead + rng.uniform(0.05, 0.5)
    times = [0.0, start]
    poses = [puppet.pose()] * 2
    last = 1

    def go(keys: list[Key]) -> None:
        nonlocal last
        for seconds, pose in keys:
            wait = max(puppet.draw(("s", id(pose)), seconds) / tempo, 0.03)
            puppet.change(pose)
            times.append(times[-1] + wait)
            poses.append(puppet.pose())
            if pose or not variant.stays:
                last = len(times) - 1

    go(variant.before)
    wanted = _repeats(variant, rng)
    marks = [len(times) - 1]
    while len(marks) <= wanted and (len(marks) == 1 or times[-1] - start < longest):
        go(variant.beat)
        marks.append(len(times) - 1)
    go(variant.after)
    if variant.closes:
        marks.append(len(times) - 1)
    if not variant.beat and len(marks) > 1:
        # What is done once, without a part that is repeated, is one from its start to its end.
        marks = [1, last]
    if variant.stays:
        at.resting = {side: list(hand) for side, hand in puppet.hands.items()}
    else:
        if rng.random() < 0.3:
            at.rest_hands(rng, 0.3)
        go([(variant.back, {"rest": "all"})])
    times.append(times[-1] + rng.uniform(0.05, 0.6))
    poses.append(poses[-1])
    table = puppet.channels(poses)
    free = tuple(side for side in body.SIDES if side not in puppet.moved)
    seconds = _unhurried(np.array(times), table)
    start, end = float(seconds[1]), float(seconds[last])
    return Performed(
        seconds, table, start=start, end=end, marks=tuple(seconds[marks].tolist()), free=free
    )


def _unhurried(seconds: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Moments (K,), later where an arm would turn about a joint faster than anybody's does."""
    turned = np.abs(np.diff(table[:, _ANGLES], axis=0)).max(axis=1)
    gaps = np.maximum(np.diff(seconds), turned / _FASTEST)
    return seconds[0] + np.concatenate([[0.0], np.cumsum(gaps)])


def _repeats(variant: Variant, rng: np.random.Generator) -> int:
    low, high = variant.repeats
    return low + min(int(rng.geometric(min(1.0, 2.2 / (high - low + 2)))) - 1, high - low)


class _Puppet:
    """The state that keys change: hands by place, everything else by channel."""

    def __init__(
        self, who: Person, shape: body.Build, at: Stance, acting: str, rng: np.random.Generator
    ) -> None:
        self.who, self.shape, self.at, self.rng = who, shape, at, rng
        self.sides = {"arm": acting, "other": "left" if acting == "right" else "right"}
        self.sign = body.SIDES[acting]
        self.memory: dict[Any, float] = {}
        self.moved: set[str] = set()
        self.hands: dict[str, list[float]] = {}
        self.named: dict[str, list[float]] = {}
        self.values: dict[str, float] = dict.fromkeys(body.CHANNELS, 0.0)
        self.rest("all")

    def draw(self, what: Any, value: Range) -> float:
        """A number from a range: near the last one drawn for the same purpose."""
        if not isinstance(value, tuple):
            return float(value)
        share = self.memory.get(what)
        share = self.rng.random() if share is None else share + 0.06 * self.rng.normal()
        share = self.memory[what] = min(max(share, 0.0), 1.0)
        return value[0] + share * (value[1] - value[0])

    def rest(self, what: str) -> None:
        for side in body.SIDES:
            self.hands[side] = list(self.at.resting[side])
            self.named[side] = self.at.resting[side][:3]
            self.values |= {f"{side}_bend": 5.0, f"{side}_wag": 0.0}
        if what == "all":
            self.take_stance()

    def take_stance(self) -> None:
        self.values |= dict.fromkeys(_STANCE, 0.0)
        self.values |= self.at.base

    def change(self, pose: dict[str, Any]) -> None:
        if "posture" in pose:
            self.at.posture = pose["posture"]
            self.at.rest_hands(self.rng, 0.3)
            self.take_stance()
        if "rest" in pose:
            self.rest(pose["rest"])
        bound = self.at.posture != "standing"
        key = id(pose)
        for role in ("arm", "other"):
            self._change_arm(role, pose, key)
        for hand in self.hands.values():
            hand[:3] = [part + self.rng.normal(0, 0.008) for part in hand[:3]]
        for name in ("step", "other step", "foot"):
            if name in pose and (name == "foot" or not bound):
                for way, value in zip(body.FOOT, pose[name], strict=True):
                    self.values[f"{self._side(name)}_{way}"] = self.draw((key, name, way), value)
        for name in body.TRUNK:
            if name in pose and not (bound and name in _LEGS):
                value = self.draw((key, name), pose[name])
                value *= self.sign if name in _SIDED else 1
                self.values[name] = value * (self.who.amplitude if name in _SCALED else 1)

    def _side(self, step: str) -> str:
        return self.sides["other" if step == "other step" else "arm"]

    def _change_arm(self, role: str, pose: dict[str, Any], key: int) -> None:
        side = self.sides[role]
        alike = "arms" in pose or "arms+" in pose
        place = pose.get("arms", pose.get(role))
        move = pose.get("arms+", pose.get(f"{role}+"))
        if place is None and move is None:
            return
        self.moved.add(side)
        # Both arms draw alike, and differ by a little.
        memory = (key, "both" if alike else role)
        if place is not None:
            self.named[side] = [self.draw((*memory, i), part) for i, part in enumerate(place)]
            self.hands[side][:3] = self.named[side]
        if move is not None:
            moved = [self.draw((*memory, "+", i), part) for i, part in enumerate(move)]
            self.hands[side][:3] = [
                at + part for at, part in zip(self.named[side], moved, strict=True)
            ]
        if "swivel" in pose:
            self.hands[side][3] = self.draw((*memory, "swivel"), pose["swivel"])
        for part in ("bend", "wag"):
            if part in pose and (role == "arm" or alike):
                self.values[f"{side}_{part}"] = self.draw((*memory, part), pose[part])

    def pose(self) -> list[float]:
        """The state as one row: channels, then both hands' places and swivels."""
        return [*self.values.values(), *self.hands["left"], *self.hands["right"]]

    def channels(self, poses: list[list[float]]) -> np.ndarray:
        """Rows of `pose` as channels (K, channels): the arms' angles from the hands' places."""
        rows = np.array(poses)
        table = rows[:, : len(body.CHANNELS)]
        hands = rows[:, len(body.CHANNELS) :].reshape(-1, 2, 4)
        angles = body.arm_angles(hands[..., :3], hands[..., 3], self.shape)
        for i, side in enumerate(body.SIDES):
            table[:, [CHANNEL[f"{side}_{part}"] for part in body.ARM[:4]]] = angles[:, i]
        # Places are seen from the trunk, but an arm that hangs does so towards the floor.
        lean = np.maximum(table[:, CHANNEL["lean"]] + 0.5 * table[:, CHANNEL["curl"]], 0)
        hangs = np.clip((-0.75 - hands[..., 1]) / 0.15, 0, 1)
        hangs = hangs * np.clip((0.15 + hands[..., 2]) / 0.1, 0, 1)
        for i, side in enumerate(body.SIDES):
            table[:, CHANNEL[f"{side}_forward"]] += 0.85 * hangs[:, i] * lean
        # An arm's turn is known up to whole turns: take the nearest.
        table[:, TURNS] = np.unwrap(table[:, TURNS], period=360, axis=0)
        return table
