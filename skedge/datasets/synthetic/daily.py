"""What people do with the whole body all day: walking, stooping, leaning, meeting others."""

from skedge.datasets.synthetic.actions import (
    AT_CHEST,
    AT_EAR,
    BEFORE_BELLY,
    FLOOR,
    HANG,
    LIFTED,
    LOOK_DOWN,
    ON_KNEES,
    POCKET,
    TABLE,
    Variant,
    busy,
    held,
    stooping,
    stroke,
)

BODY_KINDS: dict[str, tuple[float, list[Variant]]] = {
    "walk": (
        8.0,
        [
            Variant(
                0.55,
                before=[((0.5, 2.5), {"look": (-15, 15)}), ((0.5, 2.5), {"nod": (-5, 15)})],
                way="any",
            ),
            held(
                0.1,
                {"arms": ((-0.25, -0.05), (-0.55, -0.25), (0.35, 0.6)), "lean": (-8, 4)},
                (1.0, 3.0),
                way="any",
            ),
            held(0.06, {"arm": AT_EAR, "swivel": (10, 70)}, (1.0, 3.0), way="any"),
            held(0.08, {"arm": AT_CHEST, "swivel": (0, 40)} | LOOK_DOWN, (1.0, 3.0), way="any"),
            held(0.08, {"arm": POCKET, "swivel": (40, 90)}, (1.0, 3.0), way="any"),
            busy(
                0.07,
                {"arm": BEFORE_BELLY},
                size=(0.2, 0.15, 0.1),
                seconds=(0.2, 0.6),
                repeats=(1, 4),
                way="any",
            ),
            held(
                0.06,
                {"arm": ((0.1, 0.3), (-0.95, -0.8), (-0.1, 0.2)), "side": (-8, 8)},
                (1.0, 3.0),
                way="any",
            ),
        ],
    ),
    "pick up": (
        3.5,
        [
            stooping(
                0.25,
                down=(0.05, 0.3),
                lean=(45, 85),
                place=FLOOR,
                role="arm",
                hold=(0.1, 0.5),
                after={"arm": LIFTED},
            ),
            stooping(
                0.15,
                down=(0.2, 0.5),
                lean=(30, 65),
                place=FLOOR,
                role="arms",
                hold=(0.1, 0.5),
                after={"arms": LIFTED},
            ),
            stooping(
                0.25,
                down=(0.0, 0.12),
                lean=(50, 95),
                place=FLOOR,
                role="arm",
                hold=(0.0, 0.3),
                after={"arm": LIFTED},
            ),
            # Crouched low.
            stooping(
                0.25,
                down=(0.4, 0.66),
                lean=(35, 68),
                place=FLOOR,
                role="arm",
                hold=(0.05, 0.6),
                after={"arm": LIFTED},
            ),
            stooping(
                0.12,
                down=(0.4, 0.66),
                lean=(35, 68),
                place=FLOOR,
                role="arms",
                hold=(0.1, 2.0),
                after={},
            ),
            stooping(
                0.2,
                down=(0.0, 0.05),
                lean=(8, 35),
                place=TABLE,
                role="arm",
                hold=(0.1, 0.4),
                after={"arm": LIFTED},
            ),
            stooping(
                0.15,
                down=(0.0, 0.05),
                lean=(8, 35),
                place=TABLE,
                role="arms",
                hold=(0.1, 0.4),
                after={},
            ),
        ],
    ),
    # Struck, dodging or stumbling: bent over in an instant, with steps.
    "stagger": (
        1.5,
        [
            stroke(
                1.0,
                [
                    (
                        (0.12, 0.35),
                        {
                            "lean": (-25, 65),
                            "curl": (0, 30),
                            "side": (-30, 30),
                            "twist": (-45, 45),
                            "nod": (-25, 35),
                            "arms": ((-0.3, 0.6), (-0.7, 0.3), (-0.2, 0.6)),
                            "down": (0.0, 0.3),
                        },
                    ),
                    (
                        (0.12, 0.4),
                        {
                            "step": ((0.0, 0.2), 0.0, (-0.5, 0.3)),
                            "arm": ((-0.35, 0.3), (-0.5, 0.3), (0.1, 0.5)),
                            "back": (-0.1, 0.3),
                            "side": (-20, 20),
                        },
                    ),
                    ((0.0, 1.0), {"twist": (-20, 20), "lean": (0, 50)}),
                ],
                back=(0.3, 1.0),
            )
        ],
    ),
    "carry": (
        1.2,
        [
            held(
                0.6,
                {"arms": ((-0.2, 0.0), (-0.6, -0.25), (0.35, 0.55)), "lean": (-10, 3)},
                (0.8, 2.5),
                walking=0.6,
            ),
            held(0.4, {"arm": HANG, "side": (3, 10)}, (0.8, 2.5), walking=0.7),
        ],
    ),
    "shake hands": (
        1.8,
        [
            busy(
                1.0,
                {
                    "arm": ((-0.3, 0.0), (-0.55, -0.15), (0.55, 0.85)),
                    "lean": (0, 15),
                    "step": (0.0, 0.0, (0.0, 0.25)),
                },
                size=(0.02, 0.12, 0.02),
                seconds=(0.1, 0.3),
                repeats=(1, 5),
                walking=0.15,
            ),
            # The hand held out on the way to somebody.
            stroke(
                0.6,
                [
                    (
                        (0.3, 1.2),
                        {"arm": ((-0.3, 0.05), (-0.65, 0.0), (0.45, 0.9)), "lean": (0, 20)},
                    ),
                    ((0.1, 0.3), {"arm+": (0.0, (0.02, 0.12), (-0.15, 0.05))}),
                    ((0.1, 0.3), {"arm+": (0.0, (-0.12, -0.02), (-0.15, 0.05)), "twist": (-20, 5)}),
                    ((0.3, 1.8), {"nod": (-5, 20)}),
                ],
                walking=0.6,
            ),
        ],
    ),
    "hug": (
        3.0,
        [
            # One arm over the other's shoulder, one around the waist; a pat on the back.
            stroke(
                0.8,
                [
                    (
                        (0.3, 0.9),
                        {
                            "arm": ((-0.2, 0.5), (-0.1, 0.45), (0.45, 0.9)),
                            "other": ((-0.2, 0.5), (-0.6, 0.2), (0.4, 0.85)),
                            "lean": (0, 22),
                            "swivel": (10, 80),
                            "step": (0.0, 0.0, (0.0, 0.35)),
                        },
                    ),
                    (
                        (0.25, 0.7),
                        {
                            "arm": ((-0.55, -0.05), (-0.05, 0.4), (0.3, 0.65)),
                            "other": ((-0.55, -0.05), (-0.55, 0.1), (0.25, 0.6)),
                            "lean": (0, 35),
                            "side": (-12, 12),
                            "twist": (-20, 20),
                            "nod": (-10, 25),
                        },
                    ),
                    (
                        (0.15, 0.8),
                        {"arm+": ((-0.1, 0.1), (-0.1, 0.1), (-0.1, 0.1)), "side": (-10, 10)},
                    ),
                    (
                        (0.15, 0.8),
                        {"arm+": ((-0.1, 0.1), (-0.1, 0.1), (-0.1, 0.1)), "twist": (-20, 20)},
                    ),
                    ((0.0, 1.0), {"lean": (0, 25)}),
                ],
                walking=0.35,
            ),
            stroke(
                0.7,
                [
                    (
                        (0.4, 0.9),
                        {
                            "arms": ((0.0, 0.4), (-0.15, 0.2), (0.55, 0.85)),
                            "lean": (0, 20),
                            "step": (0.0, 0.0, (0.0, 0.3)),
                        },
                    ),
                    (
                        (0.3, 0.7),
                        {
                            "arms": ((-0.5, -0.2), (-0.3, 0.15), (0.35, 0.6)),
                            "swivel": (20, 80),
                            "lean": (5, 25),
                        },
                    ),
                    ((0.4, 1.5), {"side": (-6, 6)}),
                ],
                walking=0.25,
            ),
        ],
    ),
    # Two at close quarters, holding, pulling and shoving; no blow is struck.
    "grapple": (
        1.5,
        [
            Variant(
                1.0,
                before=[
                    (
                        (0.2, 0.6),
                        {
                            "arms": ((-0.4, 0.4), (-0.4, 0.35), (0.4, 0.85)),
                            "swivel": (10, 80),
                            "lean": (5, 40),
                            "step": (0.0, 0.0, (-0.1, 0.4)),
                            "down": (0.0, 0.15),
                        },
                    )
                ],
                beat=[
                    (
                        (0.25, 0.8),
                        {
                            "arm": ((-0.6, 0.4), (-0.5, 0.45), (0.25, 0.7)),
                            "lean": (0, 50),
                            "side": (-20, 20),
                            "twist": (-35, 35),
                            "step": ((0.0, 0.25), 0.0, (-0.35, 0.45)),
                        },
                    ),
                    (
                        (0.25, 0.8),
                        {
                            "other": ((-0.6, 0.4), (-0.5, 0.45), (0.25, 0.7)),
                            "lean": (-8, 45),
                            "side": (-20, 20),
                            "face": (-35, 35),
                            "other step": ((0.0, 0.25), 0.0, (-0.35, 0.45)),
                            "down": (0.0, 0.25),
                        },
                    ),
                ],
                repeats=(1, 6),
                walking=0.25,
            )
        ],
    ),
    "lean": (
        1.2,
        [
            held(
                0.4,
                {"arms": ((-0.1, 0.15), (-0.8, -0.55), (0.35, 0.65)), "lean": (15, 45)},
                (0.6, 2.0),
            ),
            held(
                0.3,
                {
                    "side": (6, 18),
                    "shift": (0.03, 0.1),
                    "arm": ((0.3, 0.7), (-0.5, 0.1), (0.0, 0.4)),
                },
                (0.6, 2.0),
            ),
            stroke(
                0.3,
                [
                    ((0.4, 1.0), {"lean": (8, 30), "nod": (5, 30)}),
                    ((0.4, 1.5), {"look": (-25, 25)}),
                ],
                seated=0.4,
            ),
        ],
    ),
    "fidget seated": (
        2.5,
        [
            stroke(
                0.4,
                [
                    ((0.3, 1.0), {"lean": (-15, 25), "side": (-10, 10), "look": (-30, 30)}),
                    (
                        (0.3, 1.0),
                        {"arm": ((-0.25, 0.2), (-0.8, -0.3), (0.1, 0.6)), "twist": (-15, 15)},
                    ),
                    ((0.3, 1.0), {"lean": (-15, 15), "arms": ON_KNEES, "look": (-20, 20)}),
                ],
                seated=1.0,
            ),
            # The legs crossed, or stretched out.
            stroke(
                0.35,
                [
                    (
                        (0.3, 0.8),
                        {"foot": ((-0.3, 0.0), (0.1, 0.35), (0.15, 0.5)), "lean": (-15, 5)},
                    ),
                    ((0.5, 2.0), {"look": (-20, 20)}),
                    ((0.3, 0.8), {"foot": (0.0, 0.0, (-0.1, 0.3))}),
                ],
                seated=1.0,
                stays=True,
            ),
            busy(
                0.25,
                {"lean": (0, 35), "arms": ON_KNEES},
                size=(0.05, 0.05, 0.05),
                seconds=(0.1, 0.4),
                repeats=(1, 6),
                role="arms",
                seated=1.0,
            ),
        ],
    ),
    "look": (
        1.0,
        [
            stroke(
                0.5,
                [
                    ((0.3, 0.8), {"look": (25, 75), "twist": (5, 35)}),
                    ((0.3, 1.2), {}),
                ],
                seated=0.3,
                walking=0.2,
            ),
            stroke(
                0.25,
                [
                    *[((0.15, 0.35), {"nod": low}) for low in ((5, 20), (-8, 0), (5, 20), (-8, 0))],
                ],
                seated=0.3,
            ),
            stroke(
                0.25,
                [
                    *[
                        ((0.15, 0.35), {"look": low})
                        for low in ((8, 30), (-30, -8), (8, 30), (-30, -8))
                    ],
                ],
                seated=0.3,
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
    "step": (
        1.0,
        [
            stroke(
                0.5,
                [
                    (
                        (0.15, 0.35),
                        {"step": ((0.0, 0.2), (0.02, 0.1), (-0.1, 0.25)), "shift": (-0.06, -0.02)},
                    ),
                    (
                        (0.15, 0.35),
                        {
                            "step": ((0.05, 0.3), 0.0, (-0.2, 0.35)),
                            "shift": (0.0, 0.1),
                            "lean": (0, 10),
                        },
                    ),
                    ((0.2, 1.0), {}),
                ],
            ),
            # The knees give a little; the weight goes from foot to foot.
            stroke(
                0.25,
                [
                    ((0.3, 0.7), {"down": (0.03, 0.12), "lean": (0, 15)}),
                    ((0.0, 0.6), {}),
                    ((0.3, 0.7), {"down": 0.0}),
                ],
            ),
            stroke(
                0.25,
                [
                    ((0.4, 0.9), {"shift": (0.05, 0.12), "side": (-8, 8)}),
                    ((0.4, 0.9), {"shift": (-0.12, -0.05), "side": (-8, 8)}),
                ],
            ),
        ],
    ),
}
