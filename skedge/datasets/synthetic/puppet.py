"""Key poses of an action, carried out by one person: a table of channels at moments of its own.

What a key names changes, all else stays. What is drawn for a beat is nearly the same in the next
one, as people's repetitions are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skedge.datasets.synthetic import body
from skedge.datasets.synthetic.actions import RESTING, SEATED, STANDING, Key, Range, Variant
from skedge.datasets.synthetic.people import Person

CHANNEL = {name: i for i, name in enumerate(body.CHANNELS)}
TURNS = [CHANNEL[f"{side}_turn"] for side in body.SIDES]
_SIDED = ("side", "twist", "face", "look", "shift")
_SCALED = ("lean", "curl", "side", "twist", "down", "back", "air")
# What a chair or walking legs decide, whatever a key says.
_LEGS = ("down", "back", "shift", "air")


@dataclass(frozen=True)
class Performed:
    """Moments (K,) in seconds and the poses there (K, channels); what happened when.

    The action itself lasts from `start` to `end` (s) and was done `beats` times. `free`: the arms
    that no key of it moves.
    """

    seconds: np.ndarray
    poses: np.ndarray
    start: float
    end: float
    beats: int
    free: tuple[str, ...]


def perform(
    variant: Variant,
    who: Person,
    shape: body.Build,
    rng: np.random.Generator,
    *,
    seated: bool = False,
    legs_busy: bool = False,
    lead: float = 0.0,
    longest: float = 5.5,
) -> Performed:
    """One performance of a variant; `lead` seconds pass before it, repetitions end after `longest`.

    `legs_busy`: somebody else moves the legs (walking), and no key does.
    """
    usual, rare = ("left", "right") if who.left_handed else ("right", "left")
    acting = usual if rng.random() < 0.75 else rare
    puppet = _Puppet(who, shape, acting, rng, seated=seated, legs_busy=legs_busy)
    puppet.change(variant.begin)
    tempo = who.tempo * float(np.exp(np.clip(rng.normal(0.16, 0.26), -0.45, 0.75))) * variant.tempo
    start = lead + rng.uniform(0.05, 0.5)
    times = [0.0, start]
    poses = [puppet.pose()] * 2

    def go(keys: list[Key]) -> None:
        for seconds, pose in keys:
            wait = max(puppet.draw(("s", id(pose)), seconds) / tempo, 0.03)
            puppet.change(pose)
            times.append(times[-1] + wait)
            poses.append(puppet.pose())

    go(variant.before)
    beats, wanted = 0, _repeats(variant, rng)
    while beats < wanted and (beats == 0 or times[-1] - start < longest):
        go(variant.beat)
        beats += 1
    go(variant.after)
    if not variant.stays:
        puppet.choose_rest(0.3)
        go([(variant.back, {"rest": "all"})])
    end = times[-1]
    times.append(end + rng.uniform(0.05, 0.6))
    poses.append(poses[-1])
    table = puppet.channels(poses)
    free = tuple(side for side in body.SIDES if side not in puppet.moved)
    return Performed(np.array(times), table, start, end, beats, free)


def _repeats(variant: Variant, rng: np.random.Generator) -> int:
    low, high = variant.repeats
    return low + min(int(rng.geometric(min(1.0, 2.2 / (high - low + 2)))) - 1, high - low)


class _Puppet:
    """The state that keys change: hands by place, everything else by channel."""

    def __init__(
        self,
        who: Person,
        shape: body.Build,
        acting: str,
        rng: np.random.Generator,
        *,
        seated: bool,
        legs_busy: bool,
    ) -> None:
        self.who, self.shape, self.rng = who, shape, rng
        self.sides = {"arm": acting, "other": "left" if acting == "right" else "right"}
        self.sign = body.SIDES[acting]
        self.bound = seated or legs_busy
        self.memory: dict[Any, float] = {}
        self.moved: set[str] = set()
        self.hang = {side: [part + rng.normal(0, 0.02) for part in who.hang] for side in body.SIDES}
        self.hands: dict[str, list[float]] = {}
        self.named: dict[str, list[float]] = {}
        self.values: dict[str, float] = dict.fromkeys(body.CHANNELS, 0.0)
        self.seated = seated
        self.base = {"lean": who.lean, "curl": who.curl}
        stance = SEATED if seated else {} if legs_busy else STANDING
        for name, value in stance.items():
            if name in ("step", "other step"):
                for way, part in zip(body.FOOT, value, strict=True):
                    self.base[f"{self._side(name)}_{way}"] = self.draw(("base", name, way), part)
            else:
                self.base[name] = self.base.get(name, 0.0) + self.draw(("base", name), value)
        self.resting: dict[str, list[float]] = {}
        self.choose_rest(0.7 if seated else 0.3)
        self.rest("all")

    def draw(self, what: Any, value: Range) -> float:
        """A number from a range: near the last one drawn for the same purpose."""
        if not isinstance(value, tuple):
            return float(value)
        share = self.memory.get(what)
        share = self.rng.random() if share is None else share + 0.06 * self.rng.normal()
        share = self.memory[what] = min(max(share, 0.0), 1.0)
        return value[0] + share * (value[1] - value[0])

    def choose_rest(self, chance: float) -> None:
        """Where the hands rest from now on: mostly hanging, else in one of the usual places."""
        if self.resting and self.rng.random() > chance:
            return
        self.resting = {side: [*self.hang[side], 10.0] for side in body.SIDES}
        if self.rng.random() > chance:
            return
        kinds = RESTING["seated" if self.seated else "standing"]
        place, swivel, always_both = kinds[self.rng.integers(len(kinds))]
        sides = list(body.SIDES)
        if not always_both and self.rng.random() < 0.6:
            sides = [sides[self.rng.integers(2)]]
        for side in sides:
            self.resting[side] = [
                *(self.rng.uniform(*np.broadcast_to(part, 2)) for part in place),
                swivel,
            ]

    def rest(self, what: str) -> None:
        for side in body.SIDES:
            self.hands[side] = list(self.resting[side])
            self.named[side] = self.resting[side][:3]
            self.values |= {f"{side}_bend": 5.0, f"{side}_wag": 0.0}
        if what == "all":
            self.values |= dict.fromkeys(
                body.TRUNK + tuple(f"{s}_{f}" for s in body.SIDES for f in body.FOOT), 0.0
            )
            self.values |= self.base

    def change(self, pose: dict[str, Any]) -> None:
        if "rest" in pose:
            self.rest(pose["rest"])
        key = id(pose)
        for role in ("arm", "other"):
            self._change_arm(role, pose, key)
        for hand in self.hands.values():
            hand[:3] = [part + self.rng.normal(0, 0.008) for part in hand[:3]]
        for name in ("step", "other step", "foot"):
            if name in pose and (name == "foot" or not self.bound):
                for way, value in zip(body.FOOT, pose[name], strict=True):
                    self.values[f"{self._side(name)}_{way}"] = self.draw((key, name, way), value)
        for name in body.TRUNK:
            if name in pose and not (self.bound and name in _LEGS):
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
        # An arm's turn is known up to whole turns: take the nearest.
        table[:, TURNS] = np.unwrap(table[:, TURNS], period=360, axis=0)
        return table
