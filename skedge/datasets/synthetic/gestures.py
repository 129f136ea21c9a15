"""Gestures that are none of the known actions: figures drawn in the air, swipes, crossed arms,
catching, knocking, hammering, letting something fall."""

from typing import Any

from skedge.datasets.synthetic.actions import Place, Variant, busy, held, stroke

_RIGHT_UP: Place = ((0.05, 0.6), (0.1, 0.7), (0.5, 0.95))
_LEFT_UP: Place = ((-0.55, -0.05), (0.1, 0.65), (0.5, 0.95))
_RIGHT_DOWN: Place = ((0.05, 0.7), (-0.75, -0.05), (0.45, 0.95))
_LEFT_DOWN: Place = ((-0.65, -0.1), (-0.8, -0.05), (0.45, 0.9))
_TOP: Place = ((-0.2, 0.3), (0.15, 0.7), (0.55, 0.95))
_BOTTOM: Place = ((-0.25, 0.2), (-0.8, -0.2), (0.4, 0.8))
_OUTER: Place = ((0.2, 0.75), (-0.25, 0.4), (0.4, 0.8))
_INNER: Place = ((-0.75, -0.2), (-0.25, 0.35), (0.4, 0.75))


def _drawn(share: float, places: tuple[Place, ...], repeats: tuple[int, int] = (1, 1)) -> Variant:
    """A figure as large as an arm draws it, from corner to corner."""
    start: dict[str, Any] = {"arm": places[0], "swivel": (0, 60)}
    return Variant(
        share,
        before=[((0.3, 0.7), start), ((0.0, 0.3), {})],
        beat=[((0.13, 0.45), {"arm": place}) for place in (*places[1:], places[0])],
        repeats=repeats,
    )


def _traced(share: float, moves: tuple[Place, ...], repeats: tuple[int, int] = (1, 1)) -> Variant:
    """A smaller figure: moves from where the hand is held."""
    place: Place = ((-0.25, 0.15), (-0.15, 0.35), (0.55, 0.8))
    return Variant(
        share,
        before=[((0.3, 0.7), {"arm": place, "swivel": (0, 60)})],
        beat=[((0.15, 0.5), {"arm+": move}) for move in moves],
        repeats=repeats,
    )


_LARGE_FIGURES = [
    # Circles both ways, begun at the top, at the side or at the bottom.
    _drawn(0.2, (_TOP, _OUTER, _BOTTOM, _INNER), (1, 2)),
    _drawn(0.2, (_TOP, _INNER, _BOTTOM, _OUTER), (1, 2)),
    _drawn(0.12, (_BOTTOM, _INNER, _TOP, _OUTER), (1, 2)),
    _drawn(0.12, (_BOTTOM, _OUTER, _TOP, _INNER), (1, 2)),
    # A triangle both ways.
    _drawn(0.16, (_TOP, _LEFT_DOWN, _RIGHT_DOWN)),
    _drawn(0.1, (_TOP, _RIGHT_DOWN, _LEFT_DOWN)),
    # An x, and a tick, which end elsewhere than they began.
    *[
        stroke(
            share,
            [
                ((0.3, 0.7), {"arm": places[0], "swivel": (0, 60)}),
                ((0.0, 0.2), {}),
                *[((0.13, 0.4), {"arm": place}) for place in places[1:]],
                ((0.0, 0.3), {}),
            ],
        )
        for share, places in (
            (0.35, (_RIGHT_UP, _LEFT_DOWN, _LEFT_UP, _RIGHT_DOWN)),
            (0.1, (_LEFT_UP, _RIGHT_DOWN, _RIGHT_UP, _LEFT_DOWN)),
            (0.2, (_LEFT_UP, _BOTTOM, _RIGHT_UP)),
            (0.06, (_RIGHT_UP, _LEFT_DOWN)),
        )
    ],
]
_SMALL_FIGURES = [
    _traced(
        0.12,
        (
            ((-0.3, -0.1), (0.0, 0.05), 0.0),
            (0.0, (-0.4, -0.15), 0.0),
            ((0.1, 0.3), 0.0, 0.0),
            (0.0, (0.1, 0.3), 0.0),
        ),
        (1, 2),
    ),
    _traced(
        0.12,
        (
            ((0.1, 0.3), (0.0, 0.05), 0.0),
            (0.0, (-0.4, -0.15), 0.0),
            ((-0.3, -0.1), 0.0, 0.0),
            (0.0, (0.1, 0.3), 0.0),
        ),
        (1, 2),
    ),
    _traced(
        0.08,
        (
            ((-0.65, -0.25), (-0.8, -0.2), 0.0),
            ((-0.6, -0.2), (0.05, 0.2), 0.0),
            ((0.1, 0.4), (-0.8, -0.2), 0.0),
        ),
    ),
    _traced(0.08, ((0.0, (-0.4, -0.15), 0.0), ((0.2, 0.5), (0.1, 0.3), 0.0))),
    _traced(
        0.08,
        (
            ((0.1, 0.3), (-0.5, -0.2), 0.0),
            ((-0.4, -0.2), (-0.5, -0.2), 0.0),
            (0.0, (0.0, 0.15), 0.0),
        ),
    ),
    _traced(0.12, ((0.0, (0.2, 0.5), 0.0), (0.0, (-0.5, -0.2), 0.0))),
]
_SWIPES = [
    # Level, from far out to far in and the other way.
    *[
        stroke(
            0.2,
            [
                ((0.25, 0.7), {"arm": start, "swivel": (0, 60)}),
                ((0.0, 0.3), {}),
                ((0.15, 0.45), {"arm": end, "twist": (-12, 12)}),
                ((0.0, 0.4), {}),
            ],
        )
        for start, end in (
            (((0.1, 0.7), (-0.2, 0.25), (0.65, 0.92)), ((-0.85, -0.4), (-0.15, 0.4), (0.3, 0.7))),
            (((-0.85, -0.3), (-0.2, 0.3), (0.3, 0.75)), ((0.35, 0.9), (-0.15, 0.4), (0.3, 0.8))),
        )
    ],
    _traced(0.08, (((-0.75, -0.35), (-0.1, 0.1), (-0.1, 0.1)),)),
    _traced(0.08, (((0.35, 0.75), (-0.1, 0.1), (-0.1, 0.1)),)),
    stroke(
        0.12,
        [
            ((0.3, 0.7), {"arms": ((-0.1, 0.2), (-0.2, 0.1), (0.6, 0.8))}),
            ((0.3, 0.6), {"arms": ((-0.65, -0.4), (-0.25, 0.05), (0.35, 0.55))}),
            ((0.2, 0.6), {}),
        ],
    ),
]

_OPENED: Place = ((-0.1, 0.6), (-0.8, 0.3), (0.2, 0.7))
_CROSSINGS = [
    *[
        stroke(
            0.3,
            [
                (seconds, {"arms": _OPENED, "swivel": (5, 60)}),
                ((0.15, 0.5), {"arms": ((-0.85, -0.32), (-0.5, 0.4), (0.15, 0.65))}),
                (hold, {}),
            ],
        )
        for seconds, hold in (((0.25, 0.7), (0.0, 0.6)), ((0.2, 0.5), (0.4, 1.5)))
    ],
    # One forearm lies over the other.
    stroke(
        0.7,
        [
            ((0.25, 0.7), {"arms": ((-0.2, 0.25), (-0.7, 0.05), (0.3, 0.8)), "swivel": (0, 50)}),
            (
                (0.15, 0.5),
                {"arm": ((-0.7, -0.38), (-0.4, 0.15), (0.38, 0.6))}
                | {"other": ((-0.7, -0.38), (-0.4, 0.15), (0.18, 0.45))},
            ),
            ((0.1, 1.0), {"arms+": ((-0.06, 0.06), (-0.06, 0.06), (-0.04, 0.04))}),
            ((0.0, 0.5), {}),
            ((0.1, 0.4), {"arms": ((-0.15, 0.25), (-0.7, -0.2), (0.3, 0.7))}),
        ],
        back=(0.2, 0.6),
        seated=0.15,
    ),
    # Hands held together: folded, around a cup or a telephone, before the mouth.
    held(
        0.4,
        {"arms": ((-0.36, -0.27), (-0.4, 0.35), (0.2, 0.55)), "swivel": (0, 60)},
        (0.4, 2.0),
        seated=0.3,
    ),
]
_CATCHES = [
    stroke(
        0.35,
        [
            ((0.2, 0.6), {"arm": ((-0.1, 0.35), (0.1, 0.75), (0.35, 0.8)), "swivel": (10, 70)}),
            ((0.1, 0.4), {"arm": ((-0.3, 0.3), (0.3, 0.8), (0.5, 0.92)), "bend": (-30, 40)}),
            ((0.0, 0.4), {}),
            ((0.1, 0.4), {"arm": ((-0.2, 0.3), (-0.1, 0.5), (0.3, 0.85))}),
            ((0.0, 0.3), {}),
        ],
    ),
    # Up to it with a nearly straight arm, without a bend before; held there, and again.
    Variant(
        0.35,
        beat=[
            (
                (0.2, 0.6),
                {"arm": ((0.1, 0.95), (0.1, 0.75), (0.3, 0.8)), "swivel": (10, 70)}
                | {"twist": (-35, 10), "bend": (-30, 40)},
            ),
            ((0.0, 0.5), {}),
            ((0.12, 0.4), {"arm": ((0.0, 0.5), (-0.3, 0.4), (0.3, 0.8)), "twist": (-12, 10)}),
            ((0.0, 0.3), {}),
        ],
        repeats=(1, 3),
        back=(0.2, 0.7),
    ),
    # With both hands.
    stroke(
        0.2,
        [
            ((0.2, 0.6), {"arms": ((-0.25, 0.1), (-0.2, 0.6), (0.45, 0.85)), "swivel": (0, 60)}),
            ((0.1, 0.3), {"arms": ((-0.33, -0.2), (-0.3, 0.3), (0.25, 0.5))}),
            ((0.0, 0.4), {}),
        ],
    ),
]
_KNOCKS = [
    busy(
        0.25,
        {"arm": ((-0.25, 0.2), (-0.1, 0.5), (0.4, 0.7)), "swivel": (0, 50)},
        size=(0.02, 0.05, 0.13),
        seconds=(0.09, 0.25),
        repeats=(1, 6),
    ),
    # With the forearm, the fist high before the shoulder.
    busy(
        0.35,
        {"arm": ((-0.1, 0.25), (0.15, 0.55), (0.5, 0.82)), "swivel": (0, 60)},
        size=(0.03, 0.12, 0.17),
        seconds=(0.1, 0.28),
        repeats=(1, 5),
        back=(0.2, 0.6),
    ),
    # Pressing a button.
    stroke(
        0.15,
        [
            ((0.3, 0.8), {"arm": ((-0.2, 0.2), (-0.3, 0.3), (0.6, 0.9)), "swivel": (0, 60)}),
            ((0.1, 0.8), {}),
        ],
    ),
]

_HAMMERS = [
    # A fist raised beside the head and brought down before the body, with a straight arm or a bent
    # one; the elbow is never folded at the ear.
    Variant(
        share,
        beat=[
            (
                (0.2, 0.6),
                {"arm": ((0.0, 0.6), (0.0, 0.8), (0.15, 0.65)), "swivel": (0, 70)}
                | {"twist": (-5, 20), "bend": (-20, 30)},
            ),
            ((0.0, 0.3), {}),
            ((0.1, 0.35), {"arm": ((-0.25, 0.3), down, (0.45, 0.85)), "twist": (-30, 5)} | bent),
            ((0.0, hold), {}),
        ],
        repeats=repeats,
        back=(0.2, 0.8),
    )
    for share, down, hold, repeats, bent in (
        (0.5, (-0.8, -0.4), 0.6, (1, 3), {"lean": (0, 20)}),
        (0.4, (-0.5, 0.1), 0.2, (1, 5), {}),
    )
]
_DROPS = [
    # Something held away from the body and let go: low ahead, aside, with a bend over it.
    stroke(
        share,
        [
            ((0.25, 0.8), {"arm": ((-0.3, 0.2), (-0.65, -0.2), (0.3, 0.6)), "swivel": (0, 50)}),
            ((0.25, 0.8), {"arm": place, "bend": (-20, 50), "nod": (0, 35)} | trunk),
            ((0.0, 0.5), {"bend": (-40, 20)}),
        ],
        back=(0.25, 0.8),
        walking=0.2,
    )
    for share, place, trunk in (
        (0.5, ((-0.2, 0.3), (-0.75, -0.15), (0.55, 0.9)), {"lean": (0, 25)}),
        (0.25, ((0.3, 0.9), (-0.75, -0.2), (0.0, 0.5)), {"side": (0, 15), "look": (0, 50)}),
        (0.25, ((-0.2, 0.2), (-0.8, -0.5), (0.4, 0.8)), {"lean": (15, 50), "down": (0.0, 0.12)}),
    )
]

GESTURE_KINDS: dict[str, tuple[float, list[Variant]]] = {
    "draw in the air": (5.5, _LARGE_FIGURES + _SMALL_FIGURES),
    "swipe": (1.5, _SWIPES),
    "cross the arms": (3.2, _CROSSINGS),
    "catch": (2.0, _CATCHES),
    "knock": (1.3, _KNOCKS),
    "hammer": (2.0, _HAMMERS),
    "let fall": (1.0, _DROPS),
}
