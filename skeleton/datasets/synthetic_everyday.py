"""What people do when they do none of the actions: the class `other`, as key poses.

Places, keys and variants are those of `synthetic_actions`. A kind is a name and how common it is;
`draw` picks one. Aimless movement, and beginnings of known actions that are never finished, are made
anew each time.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from skeleton.datasets.synthetic_actions import (
    AT_CHEST,
    FRONT,
    HANG,
    MOUTH,
    ON_KNEES,
    SEATED,
    VARIANTS,
    Key,
    Place,
    Range,
    Variant,
)

BEFORE_BELLY: Place = ((-0.3, -0.05), (-0.6, -0.4), (0.35, 0.6))
AT_EAR: Place = ((-0.25, -0.08), (0.18, 0.36), (0.04, 0.18))
ON_HEAD: Place = ((-0.3, -0.02), (0.34, 0.56), (-0.08, 0.16))
AT_FACE: Place = ((-0.36, -0.22), (0.08, 0.34), (0.2, 0.34))
DESK: Place = ((-0.28, -0.06), (-0.6, -0.4), (0.42, 0.66))
FOLDED: Place = ((-0.42, -0.2), (-0.44, -0.26), (0.26, 0.4))
POCKET: Place = ((0.03, 0.12), (-0.84, -0.7), (-0.08, 0.14))
UP: Place = ((-0.05, 0.3), (0.55, 0.95), (0.05, 0.6))
FLOOR: Place = ((-0.25, 0.1), (-0.55, -0.2), (0.7, 0.95))
TABLE: Place = ((-0.2, 0.1), (-0.6, -0.3), (0.6, 0.92))
SIDEWAYS: Place = ((0.88, 0.99), (-0.15, 0.12), (-0.05, 0.2))


def _held(share: float, arms: dict[str, Any], seconds: Range = (0.5, 1.6), **how: Any) -> Variant:
    """Hands brought somewhere and held there, with a look around."""
    keys: list[Key] = [((0.35, 0.9), arms), (seconds, {"look": (-20, 20)})]
    return Variant(share, before=keys, **how)


def _busy(
    share: float,
    arms: dict[str, Any],
    size: tuple[float, float, float],
    seconds: Range,
    repeats: tuple[int, int],
    role: str = "arm",
    **how: Any,
) -> Variant:
    """Hands brought somewhere that go to and fro there, by `size` either way."""
    moves = [
        (seconds, {f"{role}+": tuple((low * part, high * part) for part in size)}) for low, high in ((0.3, 1.0), (-1.0, -0.3))
    ]
    return Variant(share, before=[((0.35, 0.8), arms)], beat=moves, repeats=repeats, **how)


def _stooping(share: float, down: Range, lean: Range, place: Place, role: str, hold: Range, after: dict[str, Any]) -> Variant:
    """Down to something with the hands, and up again."""
    reached = {"down": down, "back": (0.02, 0.2), "lean": lean, "curl": (5, 35), "nod": (-10, 25), role: place}
    reached |= {"swivel": (0, 40), "step": ((0.0, 0.08), 0.0, (0.0, 0.25))}
    return Variant(
        share,
        before=[((0.5, 1.1), reached), (hold, {}), ((0.5, 1.1), {"rest": "all"} | after)],
        back=(0.3, 0.8),
    )


def _stroke(share: float, *places: tuple[Range, dict[str, Any]], **how: Any) -> Variant:
    """A movement through places at its own pace."""
    return Variant(share, before=list(places), **how)


_LOOK_DOWN = {"nod": (10, 35)}
_LIFTED: Place = ((-0.25, 0.0), (-0.55, -0.25), (0.3, 0.55))

KINDS: dict[str, tuple[float, list[Variant]]] = {
    "walk": (
        6.0,
        [
            Variant(0.55, before=[((0.5, 2.5), {"look": (-15, 15)}), ((0.5, 2.5), {"nod": (-5, 15)})], way="any"),
            _held(0.1, {"arms": ((-0.25, -0.05), (-0.55, -0.25), (0.35, 0.6)), "lean": (-8, 4)}, (1.0, 3.0), way="any"),
            _held(0.06, {"arm": AT_EAR, "swivel": (10, 70)}, (1.0, 3.0), way="any"),
            _held(0.08, {"arm": AT_CHEST, "swivel": (0, 40)} | _LOOK_DOWN, (1.0, 3.0), way="any"),
            _held(0.08, {"arm": POCKET, "swivel": (40, 90)}, (1.0, 3.0), way="any"),
            _busy(0.07, {"arm": BEFORE_BELLY}, (0.2, 0.15, 0.1), (0.2, 0.6), (1, 4), way="any"),
            _held(0.06, {"arm": ((0.1, 0.3), (-0.95, -0.8), (-0.1, 0.2)), "side": (-8, 8)}, (1.0, 3.0), way="any"),
        ],
    ),
    "reach": (
        2.0,
        [
            _held(0.3, {"arm": UP, "swivel": (10, 80), "nod": (-25, 0), "lean": (-4, 12)}, (0.2, 1.2), seated=0.2),
            _held(0.3, {"arm": FRONT, "swivel": (0, 60), "lean": (2, 25), "twist": (-20, 5)}, (0.2, 1.0), seated=0.3),
            _held(0.2, {"arm": SIDEWAYS, "side": (0, 15), "twist": (0, 20), "look": (10, 50)}, (0.2, 1.0), seated=0.2),
            _held(0.2, {"arms": ((-0.25, 0.1), (-0.4, 0.05), (0.7, 0.95)), "lean": (2, 25)}, (0.2, 1.0), seated=0.3),
        ],
    ),
    "pick up": (
        2.5,
        [
            _stooping(0.4, (0.05, 0.3), (45, 85), FLOOR, "arm", (0.1, 0.5), {"arm": _LIFTED}),
            _stooping(0.25, (0.2, 0.5), (30, 65), FLOOR, "arms", (0.1, 0.5), {"arms": _LIFTED}),
            _stooping(0.2, (0.0, 0.05), (8, 35), TABLE, "arm", (0.1, 0.4), {"arm": _LIFTED}),
            _stooping(0.15, (0.0, 0.05), (8, 35), TABLE, "arms", (0.1, 0.4), {}),
            _stooping(0.15, (0.3, 0.55), (35, 70), FLOOR, "arms", (0.8, 2.0), {}),
        ],
    ),
    "carry": (
        1.2,
        [
            _held(0.6, {"arms": ((-0.2, 0.0), (-0.6, -0.25), (0.35, 0.55)), "lean": (-10, 3)}, (0.8, 2.5), walking=0.6),
            _held(0.4, {"arm": HANG, "side": (3, 10)}, (0.8, 2.5), walking=0.7),
        ],
    ),
    "point": (
        1.8,
        [
            _held(0.5, {"arm": FRONT, "swivel": (0, 50), "twist": (-12, 5)}, (0.3, 1.5), seated=0.25, walking=0.1),
            _held(0.25, {"arm": SIDEWAYS, "look": (10, 60), "twist": (0, 20)}, (0.3, 1.5), seated=0.25),
            _held(0.25, {"arm": ((0.0, 0.4), (0.3, 0.75), (0.5, 0.85)), "nod": (-15, 0)}, (0.3, 1.5), seated=0.25),
        ],
    ),
    "shake hands": (
        1.8,
        [
            _busy(
                1.0,
                {"arm": ((-0.3, 0.0), (-0.55, -0.15), (0.55, 0.85)), "lean": (0, 15), "step": (0.0, 0.0, (0.0, 0.25))},
                (0.02, 0.12, 0.02),
                (0.1, 0.3),
                (1, 5),
                walking=0.15,
            )
        ],
    ),
    "hug": (
        1.5,
        [
            _stroke(
                1.0,
                (
                    (0.4, 0.9),
                    {"arms": ((0.0, 0.4), (-0.15, 0.2), (0.55, 0.85)), "lean": (0, 20), "step": (0.0, 0.0, (0.0, 0.3))},
                ),
                ((0.3, 0.7), {"arms": ((-0.5, -0.2), (-0.3, 0.15), (0.35, 0.6)), "swivel": (20, 80), "lean": (5, 25)}),
                ((0.4, 1.5), {"side": (-6, 6)}),
            )
        ],
    ),
    "push and pull": (
        2.0,
        [
            _stroke(
                0.4,
                ((0.3, 0.7), {"arms": ((-0.1, 0.1), (-0.35, 0.0), (0.25, 0.45)), "swivel": (10, 70)}),
                (
                    (0.3, 0.9),
                    {"arms": ((-0.25, 0.1), (-0.25, 0.1), (0.75, 0.97)), "lean": (2, 35), "step": (0.0, 0.0, (0.0, 0.35))},
                ),
                ((0.1, 0.9), {}),
            ),
            _stroke(
                0.3,
                ((0.35, 0.8), {"arm": ((-0.2, 0.1), (-0.4, 0.05), (0.7, 0.95)), "lean": (0, 15)}),
                ((0.35, 1.0), {"arm": ((0.0, 0.2), (-0.6, -0.2), (0.0, 0.35)), "lean": (-10, 3), "twist": (0, 20)}),
            ),
            _stroke(
                0.15,
                ((0.35, 0.8), {"arms": ((-0.2, 0.1), (-0.4, 0.05), (0.7, 0.95)), "lean": (0, 20)}),
                ((0.4, 1.0), {"arms": ((0.0, 0.15), (-0.6, -0.3), (0.05, 0.35)), "lean": (-15, 3), "down": (0.0, 0.12)}),
            ),
            # One hand, open, slowly: not a blow.
            _stroke(
                0.15,
                ((0.3, 0.7), {"arm": ((-0.1, 0.1), (-0.3, 0.05), (0.2, 0.4)), "swivel": (10, 60)}),
                ((0.5, 1.0), {"arm": FRONT, "lean": (0, 15), "bend": (-60, -30)}),
                ((0.1, 0.6), {}),
            ),
        ],
    ),
    "type": (
        1.5,
        [
            _busy(0.7, {"arms": DESK, "nod": (0, 25)}, (0.04, 0.03, 0.03), (0.08, 0.25), (4, 14), "arms", seated=0.75),
            _busy(0.3, {"arm": AT_CHEST, "nod": (10, 40)}, (0.02, 0.03, 0.02), (0.08, 0.25), (4, 14), seated=0.4),
        ],
    ),
    "telephone": (
        2.0,
        [
            _held(
                0.5, {"arm": AT_EAR, "swivel": (5, 80), "side": (-4, 6), "nod": (-5, 12)}, (0.6, 2.5), seated=0.3, walking=0.2
            ),
            _stroke(
                0.3,
                ((0.3, 0.7), {"arm": POCKET, "swivel": (40, 90), "side": (0, 5)}),
                ((0.3, 0.7), {"arm": AT_CHEST, "nod": (10, 30)}),
                ((0.3, 0.8), {"arm": AT_EAR, "swivel": (5, 70), "nod": (-5, 8)}),
                ((0.4, 1.5), {}),
                seated=0.25,
            ),
            _held(0.2, {"arms": ((-0.3, -0.15), (-0.4, -0.1), (0.3, 0.5))} | _LOOK_DOWN, (0.6, 2.5), seated=0.3),
        ],
    ),
    "scratch": (
        2.0,
        [
            _busy(0.35, {"arm": ON_HEAD, "swivel": (20, 95)}, (0.05, 0.05, 0.04), (0.1, 0.25), (1, 6), seated=0.3, walking=0.1),
            _busy(
                0.25, {"arm": ((-0.55, -0.3), (-0.6, -0.15), (0.2, 0.4))}, (0.03, 0.08, 0.02), (0.12, 0.3), (1, 6), seated=0.3
            ),
            _busy(0.25, {"arm": AT_FACE, "swivel": (5, 60)}, (0.03, 0.04, 0.01), (0.12, 0.35), (1, 4), seated=0.3),
            _busy(
                0.15,
                {"arm": ((-0.1, 0.1), (-0.95, -0.7), (0.1, 0.5)), "lean": (5, 30)},
                (0.02, 0.08, 0.02),
                (0.12, 0.3),
                (1, 5),
            ),
        ],
    ),
    "hold oneself": (
        1.5,
        [
            _held(0.3, {"arms": FOLDED, "swivel": (5, 40)}, (0.5, 2.0), seated=0.3),
            _held(0.3, {"arms": ((0.06, 0.2), (-0.74, -0.6), (0.0, 0.14)), "swivel": (55, 100)}, (0.5, 2.0)),
            _held(0.2, {"arms": POCKET, "swivel": (40, 90)}, (0.5, 2.0)),
            _held(0.2, {"arms": ((-0.32, -0.2), (-0.8, -0.55), (0.2, 0.45))}, (0.5, 2.0), seated=0.3),
        ],
    ),
    "lean": (
        1.2,
        [
            _held(0.4, {"arms": ((-0.1, 0.15), (-0.8, -0.55), (0.35, 0.65)), "lean": (15, 45)}, (0.6, 2.0)),
            _held(0.3, {"side": (6, 18), "shift": (0.03, 0.1), "arm": ((0.3, 0.7), (-0.5, 0.1), (0.0, 0.4))}, (0.6, 2.0)),
            _stroke(0.3, ((0.4, 1.0), {"lean": (8, 30), "nod": (5, 30)}), ((0.4, 1.5), {"look": (-25, 25)}), seated=0.4),
        ],
    ),
    "fidget seated": (
        2.5,
        [
            _stroke(
                0.4,
                ((0.3, 1.0), {"lean": (-15, 25), "side": (-10, 10), "look": (-30, 30)}),
                ((0.3, 1.0), {"arm": ((-0.25, 0.2), (-0.8, -0.3), (0.1, 0.6)), "twist": (-15, 15)}),
                ((0.3, 1.0), {"lean": (-15, 15), "arms": ON_KNEES, "look": (-20, 20)}),
                seated=1.0,
            ),
            # The legs crossed, or stretched out.
            _stroke(
                0.35,
                ((0.3, 0.8), {"foot": ((-0.3, 0.0), (0.1, 0.35), (0.15, 0.5)), "lean": (-15, 5)}),
                ((0.5, 2.0), {"look": (-20, 20)}),
                ((0.3, 0.8), {"foot": (0.0, 0.0, (-0.1, 0.3))}),
                seated=1.0,
                stays=True,
            ),
            _busy(0.25, {"lean": (0, 35), "arms": ON_KNEES}, (0.05, 0.05, 0.05), (0.1, 0.4), (1, 6), "arms", seated=1.0),
        ],
    ),
    "look": (
        1.0,
        [
            _stroke(0.5, ((0.3, 0.8), {"look": (25, 75), "twist": (5, 35)}), ((0.3, 1.2), {}), seated=0.3, walking=0.2),
            _stroke(0.25, *[((0.15, 0.35), {"nod": low}) for low in ((5, 20), (-8, 0), (5, 20), (-8, 0))], seated=0.3),
            _stroke(0.25, *[((0.15, 0.35), {"look": low}) for low in ((8, 30), (-30, -8), (8, 30), (-30, -8))], seated=0.3),
        ],
    ),
    "dance": (
        1.5,
        [
            Variant(
                0.6,
                before=[((0.3, 0.6), {"arms": ((-0.1, 0.3), (-0.6, 0.1), (0.2, 0.6)), "swivel": (10, 70)})],
                beat=[
                    (
                        (0.2, 0.5),
                        {"shift": (0.02, 0.1), "down": (0.02, 0.1), "side": (2, 12), "twist": (-20, 20)}
                        | {"arms+": ((-0.15, 0.15), (-0.2, 0.2), (-0.15, 0.15)), "step": (0.0, (0.0, 0.08), (-0.1, 0.2))},
                    ),
                    (
                        (0.2, 0.5),
                        {"shift": (-0.1, -0.02), "down": (0.0, 0.04), "side": (-12, -2), "twist": (-20, 20)}
                        | {"arms+": ((-0.15, 0.15), (-0.2, 0.2), (-0.15, 0.15)), "step": (0.0, 0.0, 0.0)},
                    ),
                ],
                repeats=(2, 8),
            ),
            Variant(
                0.4,
                before=[((0.2, 0.5), {"down": (0.02, 0.08)})],
                beat=[
                    (
                        (0.2, 0.5),
                        {
                            "step": ((0.05, 0.25), 0.0, (-0.1, 0.1)),
                            "shift": (0.02, 0.12),
                            "arm": BEFORE_BELLY,
                            "face": (-25, 25),
                        },
                    ),
                    ((0.2, 0.5), {"step": (0.0, 0.0, 0.0), "shift": 0.0, "other": ((0.0, 0.5), (-0.5, 0.3), (0.2, 0.6))}),
                    ((0.2, 0.5), {"other step": ((0.05, 0.25), 0.0, (-0.1, 0.1)), "shift": (-0.12, -0.02), "arm": HANG}),
                    ((0.2, 0.5), {"other step": (0.0, 0.0, 0.0), "shift": 0.0, "face": (-25, 25)}),
                ],
                repeats=(1, 4),
            ),
        ],
    ),
    "stretch": (
        1.5,
        [
            _held(
                0.25,
                {
                    "arm": ((-0.3, 0.1), (0.6, 0.9), (-0.1, 0.2)),
                    "side": (-30, -10),
                    "other": ((0.06, 0.2), (-0.74, -0.6), (0.0, 0.14)),
                },
            ),
            _held(0.2, {"arm": ((-0.8, -0.5), (-0.1, 0.1), (0.4, 0.6)), "other": ((-0.4, -0.2), (-0.2, 0.1), (0.3, 0.45))}),
            _held(0.2, {"arms": ((0.5, 0.85), (-0.3, 0.1), (-0.5, -0.2)), "lean": (-15, 0), "nod": (-20, 0)}, seated=0.4),
            _stroke(
                0.2,
                ((0.5, 1.0), {"twist": (20, 50), "arms": AT_CHEST}),
                ((0.5, 1.0), {"twist": (-50, -20)}),
                ((0.5, 1.0), {"twist": 0.0}),
            ),
            _stroke(0.15, ((0.5, 1.0), {"side": (10, 30)}), ((0.5, 1.0), {"side": (-30, -10)}), ((0.5, 1.0), {"side": 0.0})),
        ],
    ),
    "exercise": (
        3.0,
        [
            # Arms in circles, large or small; raised to the front or the sides; curled.
            Variant(
                0.15,
                before=[((0.3, 0.8), {"arms": ((0.3, 0.6), (-0.8, -0.5), (0.1, 0.3))})],
                beat=[
                    ((0.18, 0.5), {"arms": ((0.0, 0.3), (-0.2, 0.2), (0.8, 0.95))}),
                    ((0.18, 0.5), {"arms": ((0.1, 0.4), (0.8, 0.95), (0.0, 0.2))}),
                    ((0.18, 0.5), {"arms": ((0.7, 0.9), (0.0, 0.3), (-0.45, -0.2))}),
                    ((0.18, 0.5), {"arms": ((0.3, 0.5), (-0.9, -0.7), (-0.3, 0.0))}),
                ],
                repeats=(1, 6),
            ),
            Variant(
                0.1,
                before=[((0.3, 0.8), {"arms": SIDEWAYS})],
                beat=[
                    ((0.12, 0.35), {"arms+": (0.0, (0.05, 0.3), 0.0)}),
                    ((0.12, 0.35), {"arms+": (0.0, 0.0, (0.05, 0.3))}),
                    ((0.12, 0.35), {"arms+": (0.0, (-0.3, -0.05), 0.0)}),
                    ((0.12, 0.35), {"arms+": (0.0, 0.0, (-0.3, -0.05))}),
                ],
                repeats=(1, 8),
            ),
            *[
                Variant(
                    0.1,
                    beat=[((0.5, 1.2), {role: top, "swivel": swivel}), ((0.0, 0.5), {}), ((0.5, 1.2), {role: HANG})],
                    repeats=(1, 6),
                )
                for role, top, swivel in (
                    ("arms", ((-0.1, 0.15), (-0.25, 0.12), (0.88, 0.99)), (0, 60)),
                    ("arms", SIDEWAYS, (30, 90)),
                    ("arm", ((-0.1, 0.15), (-0.25, 0.12), (0.88, 0.99)), (0, 60)),
                    ("arms", ((0.0, 0.12), (-0.35, -0.15), (0.2, 0.35)), (0, 15)),
                    ("arm", ((0.0, 0.12), (-0.35, -0.15), (0.2, 0.35)), (0, 15)),
                )
            ],
            # A lunge; feet out and arms up in jumps; a knee up.
            Variant(
                0.2,
                beat=[
                    (
                        (0.4, 1.0),
                        {"step": (0.0, 0.0, (0.5, 0.8)), "down": (0.15, 0.42), "back": (-0.35, -0.2), "lean": (-2, 15)},
                    ),
                    ((0.1, 0.6), {}),
                    ((0.4, 1.0), {"step": 3 * (0.0,), "down": 0.0, "back": 0.0, "lean": 0.0}),
                ],
                repeats=(1, 4),
            ),
            Variant(
                0.3,
                beat=[
                    (
                        (0.18, 0.3),
                        {
                            "air": (0.02, 0.12),
                            "down": (-0.01, 0.02),
                            "arms": ((0.75, 0.9), (0.0, 0.45), (0.0, 0.2)),
                            "swivel": (50, 90),
                        },
                    ),
                    (
                        (0.14, 0.28),
                        {"air": 0.0, "step": ((0.12, 0.3), 0.0, 0.0), "other step": ((0.12, 0.3), 0.0, 0.0)}
                        | {"down": (0.03, 0.12), "arms": ((0.0, 0.45), (0.75, 0.95), (0.0, 0.2)), "swivel": (70, 90)},
                    ),
                    ((0.18, 0.3), {"air": (0.02, 0.12), "down": 0.0, "arms": ((0.75, 0.9), (-0.2, 0.3), (0.0, 0.2))}),
                    ((0.14, 0.28), {"air": 0.0, "down": (0.02, 0.1), "rest": "all"}),
                ],
                repeats=(1, 8),
            ),
            Variant(
                0.1,
                beat=[
                    ((0.3, 0.7), {"step": ((-0.05, 0.05), (0.25, 0.5), (0.1, 0.35)), "shift": (-0.12, -0.07)}),
                    ((0.05, 0.3), {}),
                    ((0.3, 0.7), {"step": 3 * (0.0,), "shift": (-0.05, 0.0)}),
                ],
                repeats=(1, 4),
            ),
        ],
    ),
    "groom and eat": (
        3.0,
        [
            _busy(0.2, {"arm": AT_FACE, "swivel": (15, 80), "nod": (-5, 15)}, (0.08, 0.03, 0.02), (0.08, 0.22), (3, 12)),
            Variant(
                0.2,
                before=[((0.4, 0.9), {"arm": ON_HEAD, "swivel": (40, 100)})],
                beat=[
                    ((0.2, 0.5), {"arm": ((-0.2, 0.0), (0.1, 0.4), (-0.2, 0.1))}),
                    ((0.2, 0.5), {"arm": ON_HEAD}),
                ],
                repeats=(1, 6),
            ),
            Variant(
                0.35,
                before=[((0.3, 0.8), {"arm": DESK, "nod": (0, 20)})],
                beat=[
                    ((0.3, 0.8), {"arm": ((-0.36, -0.26), (0.0, 0.15), (0.24, 0.36)), "nod": (0, 20), "swivel": (0, 50)}),
                    ((0.1, 0.4), {}),
                    ((0.3, 0.8), {"arm": DESK}),
                ],
                repeats=(1, 3),
                seated=0.6,
            ),
            _busy(0.15, {"arms": AT_FACE, "nod": (0, 25)}, (0.05, 0.08, 0.02), (0.12, 0.4), (1, 6), "arms"),
            _held(0.1, {"arm": AT_FACE, "lean": (5, 25), "nod": (10, 30)}, (0.2, 0.8), seated=0.3),
        ],
    ),
    "watch": (
        1.5,
        [
            _held(
                1.0,
                {"arm": ((-0.4, -0.15), (-0.4, -0.05), (0.28, 0.5)), "swivel": (15, 85), "nod": (8, 35)},
                (0.3, 1.5),
                seated=0.2,
                walking=0.1,
            ),
        ],
    ),
    "tie laces": (
        1.5,
        [
            Variant(
                share,
                before=[
                    (
                        (0.6, 1.3),
                        {
                            "down": down,
                            "back": back,
                            "lean": lean,
                            "curl": (10, 40),
                            "arms": FLOOR,
                            "nod": (0, 30),
                            "step": step,
                        },
                    )
                ],
                beat=[
                    ((0.12, 0.35), {"arms+": ((0.0, 0.1), (-0.03, 0.06), (-0.08, 0.0))}),
                    ((0.12, 0.35), {"arms+": ((-0.08, 0.0), (-0.03, 0.03), (-0.03, 0.03))}),
                ],
                repeats=(1, 6),
                back=(0.5, 1.1),
            )
            for share, down, back, lean, step in (
                (0.45, (0.0, 0.15), (0.05, 0.2), (60, 95), (0.0, 0.0, (0.0, 0.2))),
                (0.35, (0.4, 0.52), (-0.1, 0.1), (35, 65), (0.0, 0.0, (0.3, 0.45))),
                (0.2, (0.05, 0.2), (0.0, 0.1), (40, 70), (0.0, (0.2, 0.4), (0.2, 0.4))),
            )
        ],
    ),
    "sport": (
        2.5,
        [
            # Golf, a racket's forehand and serve, a bat, bowling, a ball shot and caught.
            _stroke(
                0.13,
                ((0.4, 0.9), {"arms": ((-0.33, -0.22), (-0.85, -0.7), (0.35, 0.55)), "lean": (15, 35), "nod": (5, 20)}),
                (
                    (0.5, 1.0),
                    {
                        "arm": ((0.1, 0.4), (0.1, 0.45), (-0.1, 0.3)),
                        "other": ((-0.7, -0.4), (0.0, 0.3), (0.3, 0.5)),
                        "twist": (25, 60),
                    },
                ),
                ((0.2, 0.4), {"arms": ((-0.33, -0.22), (-0.85, -0.7), (0.35, 0.55)), "twist": (-10, 10)}),
                (
                    (0.2, 0.4),
                    {
                        "arm": ((-0.7, -0.4), (0.0, 0.4), (0.2, 0.5)),
                        "other": ((0.0, 0.4), (0.1, 0.5), (0.0, 0.3)),
                        "twist": (-60, -25),
                    },
                ),
            ),
            _stroke(
                0.13,
                ((0.3, 0.7), {"arm": ((0.5, 0.9), (-0.5, -0.1), (-0.4, 0.0)), "twist": (20, 50), "swivel": (10, 60)}),
                ((0.2, 0.4), {"arm": ((0.2, 0.5), (-0.4, 0.0), (0.7, 0.9)), "twist": (-15, 10)}),
                ((0.15, 0.35), {"arm": ((-0.7, -0.4), (-0.1, 0.3), (0.3, 0.6)), "twist": (-50, -20)}),
            ),
            _stroke(
                0.13,
                (
                    (0.3, 0.7),
                    {"arms": ((-0.35, -0.1), (-0.1, 0.3), (0.1, 0.4)), "twist": (20, 50), "step": (0.0, 0.0, (-0.2, 0.0))},
                ),
                ((0.18, 0.35), {"arms": ((-0.35, -0.2), (-0.3, 0.0), (0.7, 0.9)), "twist": (-10, 10)}),
                (
                    (0.15, 0.3),
                    {
                        "arm": ((-0.7, -0.4), (-0.1, 0.3), (0.3, 0.6)),
                        "other": ((0.1, 0.4), (-0.1, 0.3), (0.2, 0.5)),
                        "twist": (-60, -25),
                    },
                ),
            ),
            _stroke(
                0.12,
                ((0.3, 0.6), {"arm": ((-0.1, 0.1), (-0.4, 0.0), (0.3, 0.5)), "other": ((0.0, 0.2), (0.6, 0.9), (0.2, 0.5))}),
                (
                    (0.3, 0.5),
                    {"arm": ((0.1, 0.4), (0.1, 0.5), (-0.3, 0.0)), "swivel": (50, 90), "lean": (-12, 0), "twist": (10, 35)},
                ),
                ((0.15, 0.3), {"arm": ((-0.1, 0.2), (0.75, 0.95), (0.1, 0.4)), "other": HANG, "lean": (0, 10)}),
                ((0.15, 0.3), {"arm": ((-0.4, 0.0), (-0.8, -0.4), (0.3, 0.6)), "lean": (10, 30), "twist": (-30, 0)}),
            ),
            _stroke(
                0.12,
                ((0.3, 0.6), {"arm": ((-0.1, 0.1), (-0.6, -0.3), (0.4, 0.6)), "step": (0.0, 0.0, (-0.2, 0.0))}),
                (
                    (0.3, 0.6),
                    {
                        "arm": ((0.0, 0.2), (-0.8, -0.5), (-0.7, -0.4)),
                        "lean": (15, 40),
                        "other step": (0.0, 0.0, (0.2, 0.4)),
                        "down": (0.05, 0.2),
                    },
                ),
                ((0.25, 0.45), {"arm": ((-0.1, 0.1), (-0.8, -0.5), (0.6, 0.8)), "lean": (25, 50), "down": (0.1, 0.3)}),
                ((0.2, 0.5), {"arm": ((-0.2, 0.1), (0.0, 0.5), (0.7, 0.9))}),
            ),
            _stroke(
                0.12,
                ((0.3, 0.7), {"arms": ((-0.3, -0.15), (-0.4, 0.0), (0.3, 0.45)), "down": (0.05, 0.2), "lean": (5, 20)}),
                (
                    (0.25, 0.5),
                    {"arms": ((-0.3, -0.1), (0.3, 0.6), (0.2, 0.4)), "down": (0.0, 0.05), "lean": (-5, 3), "swivel": (20, 60)},
                ),
                ((0.15, 0.35), {"arms": ((-0.25, 0.0), (0.5, 0.75), (0.55, 0.8))}),
            ),
            _stroke(
                0.12,
                ((0.15, 0.4), {"arm": ((-0.2, 0.2), (-0.1, 0.5), (0.6, 0.9)), "swivel": (10, 60)}),
                ((0.15, 0.4), {"arm": ((-0.2, 0.1), (-0.4, 0.0), (0.25, 0.45))}),
            ),
            # A hammer; a paddle or broom.
            _busy(0.06, {"arm": ((-0.1, 0.1), (0.0, 0.35), (0.3, 0.5))}, (0.02, 0.35, 0.15), (0.15, 0.4), (1, 5)),
            _busy(
                0.07,
                {"arms": ((-0.3, 0.0), (-0.7, -0.4), (0.35, 0.6)), "lean": (5, 25)},
                (0.25, 0.1, 0.15),
                (0.3, 0.8),
                (1, 5),
                "arms",
            ),
        ],
    ),
    "draw in the air": (
        2.5,
        [
            *[
                Variant(
                    0.12,
                    before=[((0.3, 0.7), {"arm": place, "swivel": (0, 60)})],
                    beat=[((0.15, 0.5), {"arm+": corner}) for corner in corners],
                    repeats=repeats,
                )
                for corners, repeats in (
                    # Circles both ways, x, tick, triangle, swipes, a line up or down.
                    (
                        (
                            ((-0.3, -0.1), (0.0, 0.05), 0.0),
                            (0.0, (-0.4, -0.15), 0.0),
                            ((0.1, 0.3), 0.0, 0.0),
                            (0.0, (0.1, 0.3), 0.0),
                        ),
                        (1, 2),
                    ),
                    (
                        (
                            ((0.1, 0.3), (0.0, 0.05), 0.0),
                            (0.0, (-0.4, -0.15), 0.0),
                            ((-0.3, -0.1), 0.0, 0.0),
                            (0.0, (0.1, 0.3), 0.0),
                        ),
                        (1, 2),
                    ),
                    (
                        (((-0.5, -0.25), (-0.5, -0.2), 0.0), ((-0.4, -0.2), (0.1, 0.2), 0.0), ((0.1, 0.3), (-0.5, -0.2), 0.0)),
                        (1, 1),
                    ),
                    (((0.0, (-0.4, -0.15), 0.0), ((0.2, 0.5), (0.1, 0.3), 0.0)), (1, 1)),
                    ((((0.1, 0.3), (-0.5, -0.2), 0.0), ((-0.4, -0.2), (-0.5, -0.2), 0.0), (0.0, (0.0, 0.15), 0.0)), (1, 1)),
                    ((((-0.75, -0.35), (-0.1, 0.1), (-0.1, 0.1)),), (1, 1)),
                    ((((0.35, 0.75), (-0.1, 0.1), (-0.1, 0.1)),), (1, 1)),
                    (((0.0, (0.2, 0.5), 0.0), (0.0, (-0.5, -0.2), 0.0)), (1, 1)),
                )
                for place in (((-0.25, 0.15), (-0.15, 0.35), (0.55, 0.8)),)
            ],
            _stroke(
                0.12,
                ((0.3, 0.7), {"arms": ((-0.1, 0.2), (-0.2, 0.1), (0.6, 0.8))}),
                ((0.3, 0.6), {"arms": ((-0.65, -0.4), (-0.25, 0.05), (0.35, 0.55))}),
                ((0.2, 0.6), {}),
            ),
            # Knocking; pressing; a key turned.
            _busy(0.12, {"arm": ((-0.2, 0.1), (-0.1, 0.3), (0.5, 0.7))}, (0.0, 0.03, 0.1), (0.1, 0.25), (1, 4)),
            _stroke(0.1, ((0.3, 0.8), {"arm": ((-0.2, 0.2), (-0.3, 0.3), (0.6, 0.9)), "swivel": (0, 60)}), ((0.1, 0.8), {})),
        ],
    ),
    "talk with the hands": (
        2.5,
        [
            Variant(
                0.6,
                before=[((0.3, 0.7), {"arm": BEFORE_BELLY, "swivel": (5, 50)})],
                beat=[
                    ((0.2, 0.6), {"arm+": ((0.0, 0.35), (-0.1, 0.25), (-0.1, 0.2)), "look": (-15, 15)}),
                    ((0.2, 0.8), {"arm+": ((-0.15, 0.1), (-0.15, 0.1), (-0.1, 0.1)), "nod": (-5, 12)}),
                ],
                repeats=(1, 4),
                seated=0.4,
                walking=0.1,
            ),
            Variant(
                0.4,
                before=[((0.3, 0.7), {"arms": BEFORE_BELLY, "swivel": (5, 50)})],
                beat=[
                    ((0.2, 0.6), {"arms+": ((0.1, 0.4), (-0.05, 0.2), (-0.05, 0.15)), "look": (-15, 15)}),
                    ((0.2, 0.8), {"arms+": ((0.0, 0.15), (-0.15, 0.1), (-0.1, 0.1)), "nod": (-5, 12)}),
                ],
                repeats=(1, 4),
                seated=0.4,
            ),
        ],
    ),
    "rub and wipe": (
        1.0,
        [
            _busy(
                0.4,
                {"arms": ((-0.34, -0.28), (-0.5, -0.1), (0.35, 0.55))},
                (0.0, 0.04, 0.05),
                (0.1, 0.3),
                (2, 8),
                "arms",
                seated=0.3,
            ),
            _busy(0.4, {"arm": DESK, "lean": (5, 30)}, (0.25, 0.0, 0.1), (0.25, 0.6), (1, 5), seated=0.3),
            # A jacket put on or off: hands to the shoulders and back.
            _stroke(
                0.2,
                ((0.4, 0.8), {"arms": ((-0.3, -0.1), (-0.15, 0.05), (0.2, 0.35))}),
                ((0.4, 0.9), {"arm": ((0.2, 0.6), (-0.5, -0.1), (-0.4, -0.1)), "twist": (0, 25)}),
                ((0.4, 0.9), {"other": ((0.2, 0.6), (-0.5, -0.1), (-0.4, -0.1)), "twist": (-25, 0)}),
            ),
        ],
    ),
    "step": (
        1.0,
        [
            _stroke(
                0.5,
                ((0.15, 0.35), {"step": ((0.0, 0.2), (0.02, 0.1), (-0.1, 0.25)), "shift": (-0.06, -0.02)}),
                ((0.15, 0.35), {"step": ((0.05, 0.3), 0.0, (-0.2, 0.35)), "shift": (0.0, 0.1), "lean": (0, 10)}),
                ((0.2, 1.0), {}),
            ),
            # The knees give a little; the weight goes from foot to foot.
            _stroke(0.25, ((0.3, 0.7), {"down": (0.03, 0.12), "lean": (0, 15)}), ((0.0, 0.6), {}), ((0.3, 0.7), {"down": 0.0})),
            _stroke(
                0.25,
                ((0.4, 0.9), {"shift": (0.05, 0.12), "side": (-8, 8)}),
                ((0.4, 0.9), {"shift": (-0.12, -0.05), "side": (-8, 8)}),
            ),
        ],
    ),
}


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
                out, up, front = rng.uniform(-0.4, 0.8), rng.uniform(-0.95, top), rng.uniform(-0.2, 0.9)
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
            pose[side] = (rng.uniform(0, 0.2), rng.uniform(0, 0.1) * (rng.random() < 0.5), rng.uniform(-0.2, 0.3))
        keys.append(((0.15, 0.9 / lively), pose))
    if legs:
        keys.append(((0.3, 0.6), {"rest": "all"}))
    return Variant(1.0, before=keys, seated=0.0 if legs else 0.3, walking=0.0 if legs else 0.1)


_UNFINISHED = ("wave", "clap", "punch", "drink", "throw", "raise both arms", "kick", "squat", "bow", "sit down")


def unfinished(rng: np.random.Generator) -> tuple[Variant, float]:
    """A known action that is begun and left, and the share of its movement that is made."""
    action = _UNFINISHED[rng.integers(len(_UNFINISHED))]
    variant = choose(VARIANTS[action], rng)
    if action in ("wave", "clap") and rng.random() < 0.5:
        # Hands up and down again: nothing done there.
        return replace(variant, beat=[], repeats=(0, 0), after=[]), 1.0
    share = float(rng.uniform(0.08, 0.3 if action in ("wave", "clap", "squat", "kick") else 0.4))
    return replace(variant, repeats=(1, 2), stays=False), share


def draw(rng: np.random.Generator) -> tuple[Variant, float]:
    """Something that people do, and the share of its movement that is made (mostly 1)."""
    kind = rng.random()
    if kind < 0.1:
        return aimless(rng), 1.0
    if kind < 0.2:
        return unfinished(rng)
    names = list(KINDS)
    shares = np.array([KINDS[name][0] for name in names])
    return choose(KINDS[names[rng.choice(len(names), p=shares / shares.sum())]][1], rng), 1.0


def choose(variants: list[Variant], rng: np.random.Generator) -> Variant:
    """One of them, as often as their shares say."""
    shares = np.array([variant.share for variant in variants])
    return variants[rng.choice(len(variants), p=shares / shares.sum())]
