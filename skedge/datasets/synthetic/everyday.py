"""What people do when they do none of the actions: the class `other`.

A kind is a name and how common it is; `draw` picks one. Aimless movement, and beginnings of known
actions that are never finished, are made anew each time.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from skedge.datasets.synthetic.actions import Key, Variant
from skedge.datasets.synthetic.chores import HAND_KINDS
from skedge.datasets.synthetic.daily import BODY_KINDS
from skedge.datasets.synthetic.gestures import GESTURE_KINDS
from skedge.datasets.synthetic.known import VARIANTS
from skedge.datasets.synthetic.sport import SPORT_KINDS

KINDS: dict[str, tuple[float, list[Variant]]] = (
    HAND_KINDS | GESTURE_KINDS | BODY_KINDS | SPORT_KINDS
)


def aimless(rng: np.random.Generator) -> Variant:
    """Limbs moved anywhere at any time, no two alike; never both hands far up at once."""
    lively = rng.uniform(0.3, 1.0)
    legs = rng.random() < 0.4
    keys: list[Key] = []
    for _ in range(int(rng.integers(2, 9))):
        pose: dict[str, Any] = {}
        top = 0.9
        for role in ("arm", "other"):
            if rng.random() < 0.6:
                out, up, front = (
                    rng.uniform(-0.4, 0.8),
                    rng.uniform(-0.95, top),
                    rng.uniform(-0.2, 0.9),
                )
                top = 0.9 if up < 0.2 else 0.1
                size = np.sqrt(out**2 + up**2 + front**2)
                wanted = rng.uniform(0.45, 0.98) / size
                pose[role] = (out * wanted, up * wanted, front * wanted)
        if pose:
            pose["swivel"] = float(rng.uniform(0, 80))
        for name, size in (("lean", 20), ("side", 12), ("twist", 25), ("look", 40), ("nod", 20)):
            if rng.random() < 0.4:
                pose[name] = float(lively * rng.uniform(-size, size))
        if legs and rng.random() < 0.5:
            pose["shift"] = float(rng.uniform(-0.1, 0.1))
            pose["down"] = float(rng.uniform(0, 0.12))
            side = "step" if rng.random() < 0.5 else "other step"
            pose[side] = (
                rng.uniform(0, 0.2),
                rng.uniform(0, 0.1) * (rng.random() < 0.5),
                rng.uniform(-0.2, 0.3),
            )
        keys.append(((0.15, 0.9 / lively), pose))
    if legs:
        keys.append(((0.3, 0.6), {"rest": "all"}))
    return Variant(1.0, before=keys, seated=0.0 if legs else 0.3, walking=0.0 if legs else 0.1)


_UNFINISHED = (
    "wave",
    "clap",
    "punch",
    "drink",
    "throw",
    "raise both arms",
    "kick",
    "squat",
    "bow",
    "sit down",
)


def unfinished(rng: np.random.Generator, seated: bool | None = None) -> tuple[Variant, float]:
    """A known action that is begun and left, and the share of its movement that is made."""
    actions = [one for one in _UNFINISHED if not seated or possible(VARIANTS[one], True)]
    action = actions[rng.integers(len(actions))]
    variant = choose(VARIANTS[action], rng, seated)
    if action in ("wave", "clap") and rng.random() < 0.5:
        # Hands up and down again: nothing done there.
        return replace(variant, beat=[], repeats=(0, 0), after=[], closes=False), 1.0
    small = action in ("wave", "clap", "squat", "kick")
    keys = [key for key in variant.before if "posture" not in key[1]]
    unfinished = replace(variant, before=keys, repeats=(1, 2), stays=False)
    return unfinished, float(rng.uniform(0.08, 0.3 if small else 0.4))


def draw(rng: np.random.Generator, seated: bool | None) -> tuple[Variant, float]:
    """Something that people do, and the share of its movement that is made (mostly 1).

    `seated`: only what can be done on a chair, or only what can be done without one.
    """
    kind = rng.random()
    if kind < 0.1 and not seated:
        return aimless(rng), 1.0
    if kind < 0.2:
        return unfinished(rng, seated)
    kinds = [one for one in KINDS.values() if seated is None or possible(one[1], seated)]
    shares = np.array([share for share, _ in kinds])
    return choose(kinds[rng.choice(len(kinds), p=shares / shares.sum())][1], rng, seated), 1.0


def possible(variants: list[Variant], seated: bool) -> bool:
    """Whether any of them can be done seated, or standing."""
    return any(variant.seated > 0 if seated else variant.seated < 1 for variant in variants)


def choose(variants: list[Variant], rng: np.random.Generator, seated: bool | None) -> Variant:
    """One of them, as often as their shares say; only such as can be done seated, or standing."""
    shares = np.array([variant.share for variant in variants])
    if seated is not None:
        fit = [variant.seated if seated else 1 - variant.seated for variant in variants]
        shares = shares * np.array(fit)
    return variants[rng.choice(len(variants), p=shares / shares.sum())]
