"""Invented people: their sizes, their ways, and the lengths that a camera measures of them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from skedge.datasets.synthetic import body
from skedge.datasets.synthetic.actions import HANG


@dataclass(frozen=True)
class Person:
    """One invented person: a height in metres, sizes as shares of it, and a way of moving.

    `hang` is where the hands rest (outwards, up, front, in arm lengths), `lean` and `curl` how the
    trunk does (degrees), `stance` how far each foot stands from the middle (m).
    """

    height: float
    leg: float
    thigh: float
    trunk: float
    neck: float
    shoulder: float
    arm: float
    forearm: float
    hip: float
    left_handed: bool
    tempo: float
    amplitude: float
    hang: tuple[float, float, float]
    lean: float
    curl: float
    stance: float
    toes_out: float
    restless: float


@dataclass(frozen=True)
class Camera:
    """Where one kind of sensor places the joints that have no fixed place on a body.

    Metres; `spine` as a share of the trunk from the hips; `fingers` scales the way from the hand to
    tip and thumb.
    """

    hip_drop: tuple[float, float]
    spine: tuple[float, float]
    shoulder_drop: tuple[float, float]
    hand: tuple[float, float]
    fingers: float


SENSORS = (
    Camera(
        hip_drop=(0.0, 0.03),
        spine=(0.4, 0.6),
        shoulder_drop=(0.0, 0.05),
        hand=(0.06, 0.09),
        fingers=1.0,
    ),
    Camera(
        hip_drop=(0.04, 0.1),
        spine=(0.12, 0.3),
        shoulder_drop=(0.03, 0.1),
        hand=(0.05, 0.1),
        fingers=0.0,
    ),
    Camera(
        hip_drop=(0.0, 0.01),
        spine=(0.45, 0.55),
        shoulder_drop=(0.0, 0.01),
        hand=(0.07, 0.1),
        fingers=0.3,
    ),
)


@lru_cache(maxsize=1024)
def person(seed: int, subject: int) -> Person:
    """The person with the number `subject` among those of `seed`."""
    rng = np.random.default_rng([seed, 1, subject])

    def near(mean: float, spread: float) -> float:
        return float(mean * (1 + np.clip(rng.normal(0, spread), -2 * spread, 2 * spread)))

    return Person(
        height=float(rng.uniform(1.5, 1.95)),
        leg=near(0.475, 0.03),
        thigh=near(0.53, 0.03),
        trunk=near(0.275, 0.06),
        neck=near(0.115, 0.06),
        shoulder=near(0.11, 0.08),
        arm=near(0.345, 0.035),
        forearm=near(0.46, 0.03),
        hip=near(0.05, 0.12),
        left_handed=bool(rng.random() < 0.15),
        tempo=near(1.0, 0.13),
        amplitude=near(1.0, 0.1),
        hang=tuple(rng.uniform(*np.broadcast_to(part, 2)) for part in HANG),
        lean=float(rng.normal(0, 2)),
        curl=float(rng.uniform(0, 12)),
        stance=float(rng.uniform(0.07, 0.17)),
        toes_out=float(rng.uniform(0, 20)),
        restless=float(rng.uniform(0.5, 1.5)),
    )


def build(who: Person, camera: Camera, rng: np.random.Generator) -> body.Build:
    """The lengths that `camera` sees of a person; a little different in every clip, as measured
    ones are."""
    leg, trunk, arm = (
        length * who.height * rng.uniform(0.97, 1.03) for length in (who.leg, who.trunk, who.arm)
    )
    hip_drop = rng.uniform(*camera.hip_drop)
    hand = rng.uniform(*camera.hand)
    return body.Build(
        thigh=who.thigh * leg,
        shank=(1 - who.thigh) * leg,
        ankle=rng.uniform(0.05, 0.1),
        foot=rng.uniform(0.07, 0.14),
        hip=who.hip * who.height * rng.uniform(0.85, 1.15),
        hip_drop=hip_drop,
        trunk=trunk - 0.5 * hip_drop,
        spine=(trunk - 0.5 * hip_drop) * rng.uniform(*camera.spine),
        shoulder=who.shoulder * who.height * rng.uniform(0.92, 1.08),
        shoulder_drop=rng.uniform(*camera.shoulder_drop),
        neck=0.38 * who.neck * who.height,
        head=0.62 * who.neck * who.height * rng.uniform(0.9, 1.1),
        upper_arm=(1 - who.forearm) * (arm - hand),
        forearm=who.forearm * (arm - hand),
        hand=hand,
        tip=0.08 * camera.fingers * rng.uniform(0.7, 1.2),
        thumb=0.05 * camera.fingers * rng.uniform(0.6, 1.2),
        stance=who.stance * rng.uniform(0.7, 1.3),
        toes_out=who.toes_out,
    )
