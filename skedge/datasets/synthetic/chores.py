"""What people do with their hands all day, standing, walking or on a chair."""

from skedge.datasets.synthetic.actions import (
    AT_CHEST,
    AT_EAR,
    AT_FACE,
    BEFORE_BELLY,
    DESK,
    FOLDED,
    FRONT,
    LOOK_DOWN,
    ON_HEAD,
    POCKET,
    SIDEWAYS,
    UP,
    Variant,
    busy,
    held,
    stroke,
)

HAND_KINDS: dict[str, tuple[float, list[Variant]]] = {
    "reach": (
        2.0,
        [
            held(
                0.3,
                {"arm": UP, "swivel": (10, 80), "nod": (-25, 0), "lean": (-4, 12)},
                (0.2, 1.2),
                seated=0.2,
            ),
            held(
                0.3,
                {"arm": FRONT, "swivel": (0, 60), "lean": (2, 25), "twist": (-20, 5)},
                (0.2, 1.0),
                seated=0.3,
            ),
            held(
                0.2,
                {"arm": SIDEWAYS, "side": (0, 15), "twist": (0, 20), "look": (10, 50)},
                (0.2, 1.0),
                seated=0.2,
            ),
            held(
                0.2,
                {"arms": ((-0.25, 0.1), (-0.4, 0.05), (0.7, 0.95)), "lean": (2, 25)},
                (0.2, 1.0),
                seated=0.3,
            ),
        ],
    ),
    "point": (
        2.2,
        [
            held(
                0.5,
                {"arm": FRONT, "swivel": (0, 50), "twist": (-12, 5)},
                (0.3, 1.5),
                seated=0.25,
                walking=0.1,
            ),
            held(
                0.25, {"arm": SIDEWAYS, "look": (10, 60), "twist": (0, 20)}, (0.3, 1.5), seated=0.25
            ),
            held(
                0.25,
                {"arm": ((0.0, 0.4), (0.3, 0.75), (0.5, 0.85)), "nod": (-15, 0)},
                (0.3, 1.5),
                seated=0.25,
            ),
        ],
    ),
    "push and pull": (
        4.0,
        [
            stroke(
                0.7,
                [
                    (
                        (0.25, 0.7),
                        {"arms": ((-0.25, 0.15), (-0.4, 0.3), (0.12, 0.5)), "swivel": (0, 70)},
                    ),
                    ((0.0, 0.3), {}),
                    (
                        (0.14, 0.9),
                        {
                            "arms": ((-0.3, 0.15), (-0.25, 0.4), (0.75, 1.0)),
                            "lean": (2, 35),
                            "step": (0.0, 0.0, (0.0, 0.35)),
                        },
                    ),
                    ((0.1, 0.9), {}),
                ],
            ),
            stroke(
                0.3,
                [
                    (
                        (0.35, 0.8),
                        {"arm": ((-0.2, 0.1), (-0.4, 0.05), (0.7, 0.95)), "lean": (0, 15)},
                    ),
                    (
                        (0.35, 1.0),
                        {
                            "arm": ((0.0, 0.3), (-0.6, 0.12), (-0.1, 0.35)),
                            "lean": (-10, 3),
                            "twist": (0, 20),
                        },
                    ),
                ],
            ),
            stroke(
                0.15,
                [
                    (
                        (0.35, 0.8),
                        {"arms": ((-0.2, 0.1), (-0.4, 0.05), (0.7, 0.95)), "lean": (0, 20)},
                    ),
                    (
                        (0.4, 1.0),
                        {
                            "arms": ((0.0, 0.15), (-0.6, -0.3), (0.05, 0.35)),
                            "lean": (-15, 3),
                            "down": (0.0, 0.12),
                        },
                    ),
                ],
            ),
            # One hand, open, slowly: not a blow.
            stroke(
                0.4,
                [
                    (
                        (0.3, 0.7),
                        {"arm": ((-0.1, 0.3), (-0.4, 0.15), (0.06, 0.45)), "swivel": (0, 60)},
                    ),
                    (
                        (0.4, 1.1),
                        {"arm": ((-0.15, 0.3), (-0.15, 0.2), (0.85, 0.98)), "lean": (-2, 20)}
                        | {"bend": (-60, 0)},
                    ),
                    ((0.1, 0.9), {}),
                ],
            ),
        ],
    ),
    "type": (
        1.5,
        [
            busy(
                0.7,
                {"arms": DESK, "nod": (0, 25)},
                size=(0.04, 0.03, 0.03),
                seconds=(0.08, 0.25),
                repeats=(4, 14),
                role="arms",
                seated=0.75,
            ),
            busy(
                0.3,
                {"arm": AT_CHEST, "nod": (10, 40)},
                size=(0.02, 0.03, 0.02),
                seconds=(0.08, 0.25),
                repeats=(4, 14),
                seated=0.4,
            ),
        ],
    ),
    "telephone": (
        2.0,
        [
            held(
                0.5,
                {"arm": AT_EAR, "swivel": (5, 80), "side": (-4, 6), "nod": (-5, 12)},
                (0.6, 2.5),
                seated=0.3,
                walking=0.2,
            ),
            stroke(
                0.3,
                [
                    ((0.3, 0.7), {"arm": POCKET, "swivel": (40, 90), "side": (0, 5)}),
                    ((0.3, 0.7), {"arm": AT_CHEST, "nod": (10, 30)}),
                    ((0.3, 0.8), {"arm": AT_EAR, "swivel": (5, 70), "nod": (-5, 8)}),
                    ((0.4, 1.5), {}),
                ],
                seated=0.25,
            ),
            held(
                0.2,
                {"arms": ((-0.3, -0.15), (-0.4, -0.1), (0.3, 0.5))} | LOOK_DOWN,
                (0.6, 2.5),
                seated=0.3,
            ),
        ],
    ),
    "scratch": (
        2.0,
        [
            busy(
                0.35,
                {"arm": ON_HEAD, "swivel": (20, 95)},
                size=(0.05, 0.05, 0.04),
                seconds=(0.1, 0.25),
                repeats=(1, 6),
                seated=0.3,
                walking=0.1,
            ),
            busy(
                0.25,
                {"arm": ((-0.55, -0.3), (-0.6, -0.15), (0.2, 0.4))},
                size=(0.03, 0.08, 0.02),
                seconds=(0.12, 0.3),
                repeats=(1, 6),
                seated=0.3,
            ),
            busy(
                0.25,
                {"arm": AT_FACE, "swivel": (5, 60)},
                size=(0.03, 0.04, 0.01),
                seconds=(0.12, 0.35),
                repeats=(1, 4),
                seated=0.3,
            ),
            busy(
                0.15,
                {"arm": ((-0.1, 0.1), (-0.95, -0.7), (0.1, 0.5)), "lean": (5, 30)},
                size=(0.02, 0.08, 0.02),
                seconds=(0.12, 0.3),
                repeats=(1, 5),
            ),
        ],
    ),
    "hold oneself": (
        1.5,
        [
            held(0.3, {"arms": FOLDED, "swivel": (5, 40)}, (0.5, 2.0), seated=0.3),
            held(
                0.3,
                {"arms": ((0.06, 0.2), (-0.74, -0.6), (0.0, 0.14)), "swivel": (55, 100)},
                (0.5, 2.0),
            ),
            held(0.2, {"arms": POCKET, "swivel": (40, 90)}, (0.5, 2.0)),
            held(
                0.2, {"arms": ((-0.32, -0.2), (-0.8, -0.55), (0.2, 0.45))}, (0.5, 2.0), seated=0.3
            ),
        ],
    ),
    "groom and eat": (
        3.0,
        [
            busy(
                0.2,
                {"arm": AT_FACE, "swivel": (15, 80), "nod": (-5, 15)},
                size=(0.08, 0.03, 0.02),
                seconds=(0.08, 0.22),
                repeats=(3, 12),
            ),
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
                    (
                        (0.3, 0.8),
                        {
                            "arm": ((-0.36, -0.26), (0.0, 0.15), (0.24, 0.36)),
                            "nod": (0, 20),
                            "swivel": (0, 50),
                        },
                    ),
                    ((0.1, 0.4), {}),
                    ((0.3, 0.8), {"arm": DESK}),
                ],
                repeats=(1, 3),
                seated=0.6,
            ),
            busy(
                0.15,
                {"arms": AT_FACE, "nod": (0, 25)},
                size=(0.05, 0.08, 0.02),
                seconds=(0.12, 0.4),
                repeats=(1, 6),
                role="arms",
            ),
            held(0.1, {"arm": AT_FACE, "lean": (5, 25), "nod": (10, 30)}, (0.2, 0.8), seated=0.3),
        ],
    ),
    "watch": (
        1.5,
        [
            held(
                1.0,
                {
                    "arm": ((-0.42, -0.05), (-0.45, 0.15), (0.28, 0.55)),
                    "swivel": (15, 85),
                    "nod": (8, 35),
                },
                (0.3, 1.5),
                seated=0.2,
                walking=0.1,
            ),
        ],
    ),
    "talk with the hands": (
        2.5,
        [
            Variant(
                0.6,
                before=[((0.3, 0.7), {"arm": BEFORE_BELLY, "swivel": (5, 50)})],
                beat=[
                    (
                        (0.2, 0.6),
                        {"arm+": ((0.0, 0.35), (-0.1, 0.25), (-0.1, 0.2)), "look": (-15, 15)},
                    ),
                    (
                        (0.2, 0.8),
                        {"arm+": ((-0.15, 0.1), (-0.15, 0.1), (-0.1, 0.1)), "nod": (-5, 12)},
                    ),
                ],
                repeats=(1, 4),
                seated=0.4,
                walking=0.1,
            ),
            Variant(
                0.4,
                before=[((0.3, 0.7), {"arms": BEFORE_BELLY, "swivel": (5, 50)})],
                beat=[
                    (
                        (0.2, 0.6),
                        {"arms+": ((0.1, 0.4), (-0.05, 0.2), (-0.05, 0.15)), "look": (-15, 15)},
                    ),
                    (
                        (0.2, 0.8),
                        {"arms+": ((0.0, 0.15), (-0.15, 0.1), (-0.1, 0.1)), "nod": (-5, 12)},
                    ),
                ],
                repeats=(1, 4),
                seated=0.4,
            ),
        ],
    ),
    "rub and wipe": (
        1.0,
        [
            busy(
                0.4,
                {"arms": ((-0.34, -0.28), (-0.5, -0.1), (0.35, 0.55))},
                size=(0.0, 0.04, 0.05),
                seconds=(0.1, 0.3),
                repeats=(2, 8),
                role="arms",
                seated=0.3,
            ),
            busy(
                0.4,
                {"arm": DESK, "lean": (5, 30)},
                size=(0.25, 0.0, 0.1),
                seconds=(0.25, 0.6),
                repeats=(1, 5),
                seated=0.3,
            ),
        ],
    ),
    # A jacket: one arm and then the other into or out of a sleeve, behind the back or ahead; over
    # the shoulders; pulled straight and closed before the belly.
    "jacket": (
        1.8,
        [
            stroke(
                share,
                [
                    *first,
                    (
                        (0.4, 1.1),
                        {"arm": sleeve, "other": ((-0.5, 0.0), (-0.4, 0.15), (0.1, 0.5))}
                        | {"twist": (-10, 35), "side": (-8, 10), "nod": (-5, 30)},
                    ),
                    (
                        (0.4, 1.1),
                        {"other": sleeve, "arm": ((-0.5, 0.0), (-0.4, 0.15), (0.1, 0.5))}
                        | {"twist": (-35, 10), "side": (-10, 8)},
                    ),
                    ((0.2, 0.8), {"arms": ((-0.3, 0.0), (-0.6, 0.0), (0.2, 0.45))}),
                ],
                back=(0.3, 1.0),
                walking=0.1,
            )
            for share, first, sleeve in (
                (
                    0.4,
                    [((0.3, 0.8), {"arms": ((-0.3, 0.0), (-0.2, 0.1), (0.15, 0.4))})],
                    ((0.1, 0.7), (-0.8, -0.1), (-0.5, 0.0)),
                ),
                (0.3, [], ((0.2, 0.8), (-0.6, 0.3), (-0.1, 0.7))),
                (
                    0.3,
                    [((0.4, 0.9), {"arm": ((-0.3, 0.5), (-0.1, 0.5), (-0.2, 0.4))})],
                    ((0.0, 0.6), (-0.5, 0.35), (-0.3, 0.4)),
                ),
            )
        ],
    ),
}
