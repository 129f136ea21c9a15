"""How people do the synthetic set's actions: key poses over time, as tables.

A variant is a list of keys. A key is (seconds to get there, what changes); all else stays as in the
key before. Every number may be a range (low, high) from which each clip draws its own. The acting
side is drawn per clip.

What changes: any trunk channel of `skedge.datasets.synthetic.body` (`side`, `twist`, `shift`,
`face`, `look` are towards the acting side), `step`/`other step` (out, up, front) of a foot in leg
lengths, and for `arm` (the acting one), `other`, or `arms` (both alike): a hand's place (outwards,
up, front) from its shoulder in arm lengths (the body's midline lies at about -0.33), with `+` moved
from the place that was named last (`arm+`), `swivel` (0 elbow down, 90 elbow out), `wag` and `bend`
of the wrist. `rest` lets everything named return to the person's own way of standing.
"""

from dataclasses import dataclass, field
from typing import Any

Range = float | tuple[float, float]
Key = tuple[Range, dict[str, Any]]
Place = tuple[Range, Range, Range]

ACTIONS = (
    "wave",
    "clap",
    "punch",
    "kick",
    "squat",
    "jump",
    "sit down",
    "stand up",
    "drink",
    "throw",
    "bow",
    "raise both arms",
    "idle",
    "other",
)
"""`idle` is standing or sitting with nothing but small movements; `other` is everything else that
people do (`everyday`). Neither is ever an event."""


@dataclass(frozen=True)
class Variant:
    """One way to do an action: `begin` (where the clip starts), then `before`, `beat` as often as
    `repeats`, `after`.

    `share` is how common it is. The rest pose ends a variant unless it `stays` in its last key. On
    a chair, and walking, it is done as often as `seated` and `walking` say (0 to 1); `tempo` makes
    all of it quicker. `way`: how the legs walk meanwhile (`gait.walk_way`).
    """

    share: float
    before: list[Key] = field(default_factory=list)
    beat: list[Key] = field(default_factory=list)
    repeats: tuple[int, int] = (1, 1)
    after: list[Key] = field(default_factory=list)
    begin: dict[str, Any] = field(default_factory=dict)
    back: Range = (0.35, 0.75)
    stays: bool = False
    seated: float = 0.0
    walking: float = 0.0
    tempo: float = 1.0
    way: str = ""


HANG: Place = ((0.08, 0.2), (-0.99, -0.95), (-0.05, 0.15))
AT_CHEST: Place = ((-0.3, -0.1), (-0.35, -0.1), (0.3, 0.5))
GUARD: Place = ((-0.22, 0.08), (-0.15, 0.25), (0.26, 0.5))
ON_KNEES: Place = ((-0.05, 0.12), (-0.72, -0.6), (0.4, 0.6))
ON_HIPS: Place = ((0.08, 0.18), (-0.72, -0.62), (0.02, 0.12))
FRONT: Place = ((-0.2, 0.05), (-0.15, 0.08), (0.9, 0.98))
MOUTH: Place = ((-0.34, -0.24), (0.02, 0.18), (0.24, 0.36))

# A straight blow at the chest's or head's height, and back to the guard.
_BLOW = {"swivel": (15, 65), "twist": (-28, -6)}
_PUNCH_OUT: Place = ((-0.38, -0.05), (-0.12, 0.25), (0.85, 0.99))
# The glass is held before the body first.
_GLASS: list[Key] = [
    ((0.3, 0.6), {"arm": ((-0.15, 0.1), (-0.65, -0.35), (0.35, 0.6)), "swivel": (0, 30)})
]
# A second sip.
_AGAIN: list[Key] = [
    ((0.3, 0.5), {"arm": ((-0.2, 0.0), (-0.4, -0.1), (0.3, 0.5)), "nod": 0.0, "bend": 0.0}),
    ((0.3, 0.5), {"arm": MOUTH, "nod": (-25, -5), "swivel": (10, 70)}),
    ((0.2, 0.4), {}),
]
SEATED: dict[str, Any] = {
    "down": (0.3, 0.54),
    "back": (0.4, 0.55),
    "lean": (-12, 8),
    "curl": (0, 18),
    "step": ((-0.08, 0.12), 0.0, (-0.15, 0.25)),
    "other step": ((-0.08, 0.12), 0.0, (-0.15, 0.25)),
}
STANDING: dict[str, Any] = {
    "side": (-2, 2),
    "twist": (-5, 5),
    "shift": (-0.04, 0.04),
    "down": (0.0, 0.015),
    "step": ((-0.03, 0.1), 0.0, (-0.03, 0.12)),
    "other step": ((-0.03, 0.1), 0.0, (-0.08, 0.03)),
}
# Where hands rest: the place, the elbow's swivel, whether always both.
RESTING: dict[str, list[tuple[Place, float, bool]]] = {
    "standing": [
        (ON_HIPS, 80, False),
        (((0.03, 0.12), (-0.82, -0.72), (0.0, 0.12)), 60, False),
        (((-0.4, -0.2), (-0.42, -0.28), (0.28, 0.4)), 20, True),
        (((-0.34, -0.25), (-0.85, -0.7), (0.2, 0.4)), 15, True),
        (((-0.2, -0.1), (-0.8, -0.65), (-0.2, -0.1)), 50, True),
        (((-0.3, 0.0), (-0.5, -0.25), (0.3, 0.5)), 20, False),
    ],
    "seated": [
        (ON_KNEES, 15, False),
        (((-0.3, -0.1), (-0.75, -0.6), (0.25, 0.45)), 25, True),
        (((-0.3, 0.0), (-0.55, -0.4), (0.4, 0.65)), 30, False),
        (((0.02, 0.2), (-0.7, -0.5), (0.1, 0.35)), 40, False),
        (((-0.4, -0.2), (-0.42, -0.28), (0.28, 0.4)), 20, True),
    ],
}
_SEATED = {name: value for name, value in SEATED.items() if "step" not in name}


def _sitting_down(share: float, arms_on_the_way: Place, arms_seated: Place) -> Variant:
    return Variant(
        share,
        before=[
            (
                (0.35, 0.7),
                {
                    "lean": (18, 55),
                    "down": (0.08, 0.26),
                    "back": (0.1, 0.3),
                    "nod": (-20, 10),
                    "arms": arms_on_the_way,
                },
            ),
            ((0.25, 0.55), _SEATED | {"lean": (8, 35), "arms": arms_on_the_way}),
            ((0.25, 0.7), {"lean": (-10, 8), "nod": (-5, 10), "arms": arms_seated}),
            ((0.2, 1.1), {}),
        ],
        stays=True,
    )


def _standing_up(share: float, arms_seated: Place, arms_on_the_way: Place) -> Variant:
    return Variant(
        share,
        begin=SEATED | {"arms": arms_seated},
        before=[
            ((0.0, 0.6), {}),
            ((0.3, 0.65), {"lean": (22, 55), "nod": (-15, 10), "arms": arms_on_the_way}),
            ((0.2, 0.45), {"lean": (15, 42), "down": (0.12, 0.3), "back": (0.08, 0.28)}),
        ],
        back=(0.35, 0.7),
    )


def _squatting(share: float, arms: Place, *, first: bool, swivel: Range = (0, 70)) -> Variant:
    """`first`: the arms are raised before going down, and lowered after coming up."""
    raised: dict[str, Any] = {"arms": arms, "swivel": swivel}
    down = {"down": (0.28, 0.58), "back": (0.08, 0.3), "lean": (12, 48), "curl": (0, 12)}
    up = {"down": (0.0, 0.05), "back": 0.0, "lean": (0, 6), "curl": 0.0}
    return Variant(
        share,
        before=[((0.3, 0.6), raised), ((0.0, 0.25), {})] if first else [],
        beat=[((0.5, 0.95), down | raised), ((0.05, 0.4), {}), ((0.45, 0.85), up)],
        repeats=(1, 2),
        after=[((0.05, 0.25), {})] if first else [],
        back=(0.3, 0.6),
    )


def _jumping(share: float, wind_up: dict[str, Any], swing: dict[str, Any]) -> Variant:
    return Variant(
        share,
        beat=[
            ((0.28, 0.5), {"down": (0.1, 0.32), "back": (0.02, 0.12), "lean": (10, 40)} | wind_up),
            ((0.18, 0.3), {"down": (-0.02, 0.0), "back": 0.0, "lean": (-2, 8), "air": 0.0} | swing),
            ((0.2, 0.28), {"air": (0.1, 0.42), "down": (0.0, 0.12)}),
            ((0.2, 0.28), {"air": 0.0, "down": (0.02, 0.08)}),
            ((0.12, 0.22), {"down": (0.08, 0.28), "back": (0.02, 0.1), "lean": (5, 28)}),
            ((0.2, 0.4), {"down": 0.0, "back": 0.0, "lean": (0, 5), "rest": "arms"}),
        ],
        repeats=(1, 2),
    )


VARIANTS: dict[str, list[Variant]] = {
    "wave": [
        # The forearm swings: beside the head, before the head, and modestly with the elbow at the
        # waist.
        *[
            Variant(
                share,
                before=[
                    (
                        (0.3, 0.65),
                        {
                            "arm": place,
                            "swivel": swivel,
                            "wag": 0.0,
                            "side": (-4, 6),
                            "lean": (-4, 5),
                        },
                    )
                ],
                beat=[
                    (
                        (0.15, 0.32),
                        {
                            "arm+": (inwards, (-0.1, 0.05), (-0.08, 0.08)),
                            "wag": (-20, 0),
                            "side": (-8, 4),
                        },
                    ),
                    (
                        (0.15, 0.32),
                        {
                            "arm+": (outwards, (-0.05, 0.1), (-0.08, 0.08)),
                            "wag": (0, 20),
                            "side": (-4, 6),
                        },
                    ),
                ],
                repeats=(1, 4),
            )
            for share, place, swivel, inwards, outwards in (
                (
                    0.2,
                    ((0.05, 0.5), (-0.05, 0.6), (0.25, 0.55)),
                    (5, 60),
                    (-0.5, -0.1),
                    (0.05, 0.35),
                ),
                (
                    0.28,
                    ((-0.12, 0.35), (0.05, 0.65), (0.42, 0.75)),
                    (-15, 30),
                    (-0.5, -0.1),
                    (0.05, 0.35),
                ),
                (
                    0.17,
                    ((-0.05, 0.35), (-0.15, 0.3), (0.25, 0.5)),
                    (-15, 25),
                    (-0.25, -0.05),
                    (0.0, 0.15),
                ),
            )
        ],
        # High: the whole arm swings overhead.
        Variant(
            0.15,
            before=[
                ((0.4, 0.8), {"arm": ((0.2, 0.5), (0.6, 0.85), (0.05, 0.35)), "swivel": (30, 80)})
            ],
            beat=[
                ((0.18, 0.38), {"arm+": ((-0.45, -0.2), (0.0, 0.1), (-0.05, 0.05))}),
                ((0.18, 0.38), {"arm+": ((0.0, 0.25), (-0.1, 0.0), (-0.05, 0.05))}),
            ],
            repeats=(1, 4),
        ),
        # Only the hand swings.
        Variant(
            0.15,
            before=[
                (
                    (0.35, 0.7),
                    {
                        "arm": ((0.0, 0.4), (0.05, 0.55), (0.3, 0.6)),
                        "swivel": (-10, 40),
                        "wag": 0.0,
                    },
                )
            ],
            beat=[
                ((0.13, 0.25), {"wag": (-50, -25), "arm+": ((-0.15, -0.05), 0.0, 0.0)}),
                ((0.13, 0.25), {"wag": (20, 45), "arm+": ((0.0, 0.1), 0.0, 0.0)}),
            ],
            repeats=(2, 5),
        ),
        # Both hands, as to somebody far away.
        Variant(
            0.1,
            before=[
                ((0.4, 0.8), {"arms": ((0.2, 0.5), (0.4, 0.8), (0.05, 0.4)), "swivel": (20, 70)})
            ],
            beat=[
                ((0.18, 0.35), {"arms+": ((-0.4, -0.15), (0.0, 0.08), 0.0)}),
                ((0.18, 0.35), {"arms+": ((0.0, 0.25), (-0.08, 0.0), 0.0)}),
            ],
            repeats=(1, 4),
        ),
    ],
    "clap": [
        # At the belly, at the chest, modestly with the hands close together, overhead.
        Variant(
            share,
            before=[
                (
                    (0.3, 0.6),
                    {
                        "arms": ((-0.34, -0.28), up, front),
                        "arms+": (opened, 0.0, 0.0),
                        "swivel": swivel,
                    },
                )
            ],
            beat=[
                ((0.12, 0.28), {"arms+": (0.0, (-0.04, 0.04), (-0.04, 0.04))}),
                ((0.12, 0.28), {"arms+": (opened, (-0.1, 0.04), (-0.08, 0.08))}),
            ],
            repeats=(1, 4),
            after=[((0.12, 0.28), {"arms+": (0.0, (-0.04, 0.04), (-0.04, 0.04))})],
        )
        for share, up, front, opened, swivel in (
            (0.25, (-0.45, -0.15), (0.35, 0.6), (0.08, 0.5), (10, 55)),
            (0.35, (-0.2, 0.2), (0.3, 0.6), (0.08, 0.5), (5, 55)),
            (0.28, (-0.3, 0.15), (0.28, 0.5), (0.04, 0.18), (-5, 35)),
            (0.12, (0.3, 0.6), (0.3, 0.5), (0.08, 0.45), (10, 55)),
        )
    ],
    "punch": [
        # Boxing: guard, then left and right in turn.
        Variant(
            0.45,
            before=[
                (
                    (0.3, 0.6),
                    {
                        "arms": GUARD,
                        "swivel": (5, 45),
                        "step": ((-0.02, 0.05), 0.0, (-0.2, 0.0)),
                        "lean": (0, 10),
                    },
                )
            ],
            beat=[
                ((0.14, 0.28), {"arm": _PUNCH_OUT, "other": GUARD} | _BLOW),
                (
                    (0.16, 0.32),
                    {"arm": GUARD, "other": _PUNCH_OUT, "swivel": (15, 65), "twist": (6, 28)},
                ),
            ],
            repeats=(1, 2),
            after=[((0.15, 0.3), {"arms": GUARD, "twist": 0.0})],
        ),
        # One hand, once or several times, from the guard.
        Variant(
            0.3,
            before=[
                (
                    (0.3, 0.6),
                    {
                        "arms": GUARD,
                        "swivel": (5, 45),
                        "other step": ((-0.02, 0.05), 0.0, (0.0, 0.22)),
                    },
                )
            ],
            beat=[
                ((0.14, 0.28), {"arm": _PUNCH_OUT} | _BLOW),
                ((0.16, 0.35), {"arm": GUARD, "twist": (0, 12)}),
            ],
            repeats=(1, 3),
        ),
        # From the hip, the other arm anywhere.
        Variant(
            0.25,
            before=[
                (
                    (0.3, 0.6),
                    {
                        "arm": ((0.05, 0.2), (-0.55, -0.2), (-0.1, 0.2)),
                        "swivel": (0, 40),
                        "twist": (0, 20),
                    },
                ),
                (
                    (0.14, 0.28),
                    {"arm": _PUNCH_OUT, "lean": (0, 15), "other step": (0.0, 0.0, (0.0, 0.25))}
                    | _BLOW,
                ),
                ((0.05, 0.25), {}),
                ((0.15, 0.35), {"arm": ((0.0, 0.2), (-0.5, -0.1), (0.05, 0.35)), "twist": (0, 10)}),
            ],
        ),
    ],
    "kick": [
        Variant(
            share,
            before=[
                (
                    (0.2, 0.4),
                    {"shift": (-0.12, -0.06), "arms": arms, "step": (0.0, 0.0, (-0.25, 0.0))},
                )
            ],
            beat=[
                ((0.2, 0.35), {"step": chamber, "shift": (-0.13, -0.09), "lean": (-8, 8)}),
                ((0.12, 0.22), {"step": kick, "lean": (-25, 2), "down": (0.0, 0.06), "side": side}),
                ((0.14, 0.26), {"step": chamber, "lean": (-10, 5)}),
                (
                    (0.2, 0.4),
                    {"step": (0.0, 0.0, (-0.15, 0.1)), "side": 0.0, "shift": (-0.08, -0.02)},
                ),
            ],
            repeats=(1, 2),
        )
        for share, chamber, kick, side, arms in (
            # A ball kicked, a front kick, a kick to the side.
            (
                0.4,
                ((0, 0.04), (0.08, 0.25), (-0.45, -0.2)),
                ((-0.1, 0.05), (0.12, 0.4), (0.4, 0.65)),
                (-4, 4),
                HANG,
            ),
            (
                0.4,
                ((-0.06, 0.04), (0.35, 0.6), (0.1, 0.3)),
                ((-0.08, 0.05), (0.45, 0.95), (0.55, 0.8)),
                (-6, 4),
                GUARD,
            ),
            (
                0.2,
                ((0.0, 0.1), (0.3, 0.5), (0.05, 0.2)),
                ((0.5, 0.75), (0.35, 0.8), (0.0, 0.3)),
                (-25, -8),
                GUARD,
            ),
        )
    ],
    "squat": [
        _squatting(0.4, FRONT, first=True),
        _squatting(0.2, ((-0.1, 0.1), (-0.35, 0.05), (0.6, 0.9)), first=False),
        _squatting(0.15, HANG, first=False, swivel=(0, 20)),
        _squatting(0.15, AT_CHEST, first=True),
        _squatting(0.1, ((-0.2, 0.0), (0.25, 0.4), (-0.1, 0.05)), first=True, swivel=(60, 90)),
    ],
    "jump": [
        _jumping(
            0.45,
            {"arms": ((0.08, 0.2), (-0.9, -0.75), (-0.5, -0.15)), "swivel": (0, 30)},
            {"arms": ((0.0, 0.25), (-0.4, 0.3), (0.5, 0.8)), "swivel": (10, 50)},
        ),
        _jumping(0.3, {}, {}),
    ],
    "sit down": [
        _sitting_down(0.3, HANG, ON_KNEES),
        _sitting_down(0.3, ((0.0, 0.15), (-0.85, -0.5), (0.2, 0.7)), ON_KNEES),
        _sitting_down(0.2, ((0.1, 0.3), (-0.95, -0.75), (-0.3, 0.1)), HANG),
        _sitting_down(0.2, HANG, ((0.02, 0.2), (-0.9, -0.75), (0.05, 0.35))),
    ],
    "stand up": [
        _standing_up(0.3, ON_KNEES, ON_KNEES),
        _standing_up(0.3, ON_KNEES, ((0.0, 0.15), (-0.85, -0.5), (0.1, 0.7))),
        _standing_up(0.2, HANG, ((0.1, 0.3), (-0.95, -0.75), (-0.25, 0.1))),
        _standing_up(0.2, ((0.02, 0.2), (-0.9, -0.75), (0.05, 0.35)), HANG),
    ],
    "drink": [
        Variant(
            share,
            before=[
                *reach,
                ((0.4, 0.8), {"arm": MOUTH, "swivel": (10, 55), "nod": (-5, 5)}),
                (
                    (0.15, 0.4),
                    {
                        "nod": (-30, -5),
                        "arm+": (0.0, (0.02, 0.1), (-0.05, 0.02)),
                        "swivel": (15, 65),
                        "bend": (10, 40),
                    },
                ),
                ((0.3, 1.0), {}),
            ],
            after=after,
            back=(0.4, 0.8),
        )
        for share, reach, after in ((0.5, [], []), (0.3, _GLASS, []), (0.2, [], _AGAIN))
    ],
    "throw": [
        # Over the shoulder: cocked behind, released in front of the head, followed through.
        Variant(
            0.65,
            before=[
                (
                    (0.2, 0.45),
                    {"arm": ((0.15, 0.45), (-0.5, 0.1), (0.0, 0.45)), "swivel": (10, 60)},
                ),
                (
                    (0.2, 0.45),
                    {
                        "arm": ((0.1, 0.6), (0.2, 0.6), (-0.3, 0.1)),
                        "swivel": (40, 95),
                        "twist": (8, 40),
                        "lean": (-12, 0),
                    },
                ),
                (
                    (0.2, 0.36),
                    {
                        "arm": ((-0.15, 0.2), (0.4, 0.8), (0.35, 0.75)),
                        "swivel": (30, 80),
                        "twist": (-15, 5),
                        "lean": (0, 12),
                    },
                ),
                (
                    (0.2, 0.36),
                    {
                        "arm": ((-0.35, 0.05), (-0.25, 0.3), (0.8, 0.97)),
                        "swivel": (20, 70),
                        "twist": (-35, -8),
                        "lean": (2, 22),
                    },
                ),
                (
                    (0.22, 0.45),
                    {
                        "arm": ((-0.4, 0.0), (-0.85, -0.5), (0.35, 0.7)),
                        "swivel": (0, 50),
                        "twist": (-25, 0),
                    },
                ),
            ],
        ),
        Variant(
            0.2,
            before=[
                (
                    (0.3, 0.6),
                    {
                        "arm": ((0.08, 0.25), (-0.9, -0.6), (-0.7, -0.35)),
                        "swivel": (0, 40),
                        "twist": (5, 25),
                        "lean": (0, 25),
                    },
                ),
                (
                    (0.22, 0.4),
                    {
                        "arm": ((-0.1, 0.1), (-0.7, -0.4), (0.6, 0.85)),
                        "swivel": (0, 30),
                        "twist": (-15, 0),
                    },
                ),
                ((0.18, 0.35), {"arm": ((-0.15, 0.1), (-0.05, 0.45), (0.7, 0.95)), "lean": (0, 8)}),
            ],
        ),
        Variant(
            0.15,
            before=[
                (
                    (0.3, 0.6),
                    {
                        "arm": ((0.6, 0.9), (-0.35, 0.1), (-0.4, 0.0)),
                        "swivel": (20, 70),
                        "twist": (15, 45),
                    },
                ),
                (
                    (0.25, 0.42),
                    {"arm": ((-0.1, 0.2), (-0.2, 0.15), (0.85, 0.98)), "twist": (-25, 0)},
                ),
                (
                    (0.2, 0.38),
                    {"arm": ((-0.55, -0.3), (-0.25, 0.1), (0.5, 0.75)), "twist": (-40, -15)},
                ),
            ],
        ),
    ],
    "bow": [
        Variant(
            share,
            before=[
                (
                    (0.5, 1.0),
                    {
                        "lean": (22, 62),
                        "curl": (5, 25),
                        "nod": (5, 30),
                        "back": (0.02, 0.14),
                        "arms": arms,
                    },
                ),
                ((0.15, 0.9), {}),
            ],
            back=(0.5, 1.0),
        )
        # The hands hang, slide to the knees, stay at the sides, meet before the body, meet before
        # the chest.
        for share, arms in (
            (0.3, ((0.02, 0.15), (-0.95, -0.8), (0.1, 0.5))),
            (0.2, ((0.0, 0.1), (-0.9, -0.75), (0.3, 0.55))),
            (0.2, ((0.08, 0.18), (-0.99, -0.93), (-0.25, 0.05))),
            (0.15, ((-0.34, -0.25), (-0.8, -0.6), (0.3, 0.5))),
            (0.15, ((-0.34, -0.3), (-0.3, -0.1), (0.35, 0.5))),
        )
    ],
    "raise both arms": [
        Variant(
            share,
            before=[
                *way,
                ((0.3, 0.6), {"arms": top, "swivel": swivel, "nod": (-15, 2), "lean": (-6, 2)}),
                ((0.2, 1.0), {}),
                *[
                    (seconds, {"arms": pose["arms"], "swivel": swivel})
                    for seconds, pose in reversed(way)
                ],
            ],
            back=(0.3, 0.6),
        )
        for share, way, top, swivel in (
            # Through the front, through the sides, into a V, level to the sides.
            (
                0.35,
                [((0.3, 0.5), {"arms": ((0.0, 0.2), (-0.1, 0.2), (0.85, 0.95))})],
                ((0.0, 0.25), (0.88, 0.98), (0.0, 0.25)),
                (30, 80),
            ),
            (
                0.3,
                [((0.3, 0.5), {"arms": ((0.85, 0.95), (-0.15, 0.2), (0.0, 0.25))})],
                ((0.05, 0.3), (0.88, 0.98), (0.0, 0.2)),
                (60, 90),
            ),
            (0.2, [], ((0.35, 0.65), (0.65, 0.85), (0.0, 0.3)), (30, 80)),
            (0.15, [], ((0.88, 0.98), (-0.1, 0.2), (0.0, 0.2)), (40, 80)),
        )
    ],
    "idle": [
        Variant(0.2, before=[((0.8, 2.0), {"look": (-30, 30)}), ((0.5, 1.2), {"look": (-15, 15)})]),
        Variant(
            0.15,
            before=[
                ((0.5, 1.2), {"shift": (0.03, 0.1), "side": (-4, 4), "down": (0.0, 0.02)}),
                ((0.3, 1.0), {}),
                ((0.5, 1.2), {"shift": (-0.08, 0.0), "look": (-20, 20)}),
            ],
        ),
        # Hands on the hips, arms folded, hands joined before or behind the body.
        *[
            Variant(
                0.07,
                before=[
                    ((0.5, 1.0), {"arms": place, "swivel": swivel}),
                    ((0.4, 1.3), {"look": (-20, 20), "shift": (-0.06, 0.06)}),
                ],
            )
            for place, swivel in (
                (ON_HIPS, (60, 100)),
                (((-0.4, -0.2), (-0.42, -0.28), (0.28, 0.4)), (10, 40)),
                (((-0.34, -0.25), (-0.85, -0.7), (0.2, 0.4)), (0, 30)),
                (((-0.2, -0.1), (-0.8, -0.65), (-0.2, -0.1)), (30, 80)),
            )
        ],
        # Looking at a hand or a telephone; scratching or touching hair, face, the other arm.
        Variant(
            0.1,
            before=[
                (
                    (0.5, 0.9),
                    {
                        "arm": ((-0.3, 0.05), (-0.45, -0.25), (0.35, 0.5)),
                        "nod": (10, 35),
                        "swivel": (0, 30),
                    },
                ),
                ((0.6, 1.4), {}),
            ],
        ),
        Variant(
            0.12,
            before=[
                (
                    (0.4, 0.9),
                    {"arm": ((-0.34, -0.1), (-0.5, -0.15), (0.2, 0.35)), "swivel": (10, 50)},
                ),
                ((0.12, 0.25), {"arm+": ((-0.05, 0.05), (-0.06, 0.06), 0.0)}),
                ((0.12, 0.25), {"arm+": ((-0.05, 0.05), (-0.06, 0.06), 0.0)}),
            ],
        ),
        # A small step and back.
        Variant(
            0.1,
            before=[
                (
                    (0.15, 0.3),
                    {"step": ((0.0, 0.1), (0.03, 0.08), (-0.05, 0.1)), "shift": (-0.08, -0.03)},
                ),
                ((0.15, 0.3), {"step": ((0.0, 0.2), 0.0, (-0.1, 0.2)), "shift": (0.0, 0.06)}),
                ((0.4, 1.0), {"look": (-20, 20)}),
            ],
        ),
        # Sitting still.
        Variant(
            0.1,
            begin=SEATED | {"arms": ON_KNEES},
            before=[
                ((0.6, 1.5), {"look": (-30, 30), "lean": (-10, 15)}),
                ((0.4, 1.0), {"look": (-15, 15)}),
            ],
            stays=True,
        ),
    ],
}
