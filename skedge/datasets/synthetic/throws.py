"""How people throw."""

from typing import Any

from skedge.datasets.synthetic.actions import Key, Place, Variant

_FOLLOW: Place = ((-0.5, 0.0), (-0.85, -0.2), (0.3, 0.75))


def _overarm(**how: Any) -> Variant:
    """Over the shoulder: cocked behind, released in front of the head, followed through."""
    stride = {"other step": (0.0, 0.0, (0.0, 0.3)), "back": (-0.12, 0.02)}
    return Variant(
        0.5,
        before=[
            ((0.2, 0.5), {"arm": ((0.1, 0.5), (-0.4, 0.3), (0.0, 0.45)), "swivel": (10, 70)}),
            (
                (0.2, 0.5),
                {
                    "arm": ((0.0, 0.6), (0.25, 0.85), (-0.4, 0.15)),
                    "swivel": (40, 100),
                    "twist": (5, 45),
                    "lean": (-15, 2),
                    "other": ((-0.1, 0.3), (-0.8, 0.1), (0.2, 0.7)),
                },
            ),
            (
                (0.1, 0.24),
                {"arm": ((-0.2, 0.25), (0.5, 0.95), (0.25, 0.7)), "twist": (-15, 8)}
                | {"swivel": (30, 80), "lean": (0, 15)},
            ),
            (
                (0.1, 0.24),
                {"arm": ((-0.35, 0.1), (-0.25, 0.35), (0.75, 0.97)), "swivel": (20, 70)}
                | {"twist": (-40, -8), "lean": (2, 30)}
                | stride,
            ),
            ((0.15, 0.45), {"arm": _FOLLOW, "twist": (-40, 0), "lean": (2, 45), "swivel": (0, 50)}),
        ],
        back=(0.3, 0.8),
        **how,
    )


def _short(share: float, start: Place, past: Place, cocking: list[Key], **how: Any) -> Variant:
    """The hand beside the head, then out ahead; the trunk goes along a little or not at all."""
    return Variant(
        share,
        before=[
            *cocking,
            (
                (0.1, 0.3),
                {"arm": ((-0.12, 0.5), (0.1, 0.85), (0.4, 0.92)), "twist": (-40, 5)}
                | {"swivel": (10, 70), "lean": (-2, 14)},
            ),
            ((0.08, 0.3), {"arm": past, "lean": (-2, 22)}),
            ((0.0, 0.3), {}),
        ],
        begin={} if cocking else {"arm": start, "swivel": (0, 90)},
        back=(0.25, 0.8),
        **how,
    )


_COCKED: Place = ((0.0, 0.6), (0.15, 0.65), (-0.15, 0.45))
_DROPPED: Place = ((-0.2, 0.45), (-0.8, 0.25), (0.5, 0.92))
_UP_TO_IT: list[Key] = [
    ((0.2, 0.6), {"arm": _COCKED, "swivel": (0, 90), "twist": (-3, 15), "lean": (-8, 4)}),
    ((0.0, 0.4), {"arm+": ((-0.05, 0.1), (0.0, 0.15), (-0.15, 0.0))}),
]
THROWS = [
    _overarm(seated=0.06),
    # With a short way and from a stand; from an arm that is up already, and down at once.
    _short(0.5, start=_COCKED, past=_DROPPED, cocking=_UP_TO_IT, seated=0.12, walking=0.05),
    _short(
        0.25, start=((0.0, 0.45), (-0.1, 0.5), (0.05, 0.55)), past=_DROPPED, cocking=[], seated=0.1
    ),
    # The fist folded at the ear, then the arm straight out, high or aslant, and left there: nothing
    # follows through, the trunk turns a little or far.
    Variant(
        0.6,
        before=[
            ((0.15, 0.5), {"arm": ((0.1, 0.5), (-0.6, 0.0), (0.1, 0.55)), "swivel": (0, 70)}),
            (
                (0.12, 0.45),
                {"arm": ((0.05, 0.45), (0.08, 0.5), (0.0, 0.35)), "swivel": (10, 95)}
                | {"twist": (-5, 30), "lean": (-10, 5)},
            ),
            ((0.0, 0.4), {"arm+": ((-0.1, 0.02), (0.0, 0.15), (-0.12, 0.02))}),
            (
                (0.1, 0.32),
                {"arm": ((0.0, 0.95), (0.05, 0.8), (0.4, 1.0)), "twist": (-70, 5)}
                | {"swivel": (10, 80), "lean": (-4, 15)},
            ),
            ((0.05, 0.6), {"arm+": ((-0.08, 0.08), (-0.15, 0.05), (-0.05, 0.1))}),
            ((0.1, 0.4), {"arm": ((0.0, 0.6), (-0.5, 0.4), (0.2, 0.8)), "twist": (-20, 5)}),
        ],
        back=(0.2, 0.8),
        seated=0.08,
        walking=0.05,
    ),
    # Released overhead, the hand stays up or falls back over the shoulder.
    _short(
        0.15,
        start=_COCKED,
        past=((-0.2, 0.4), (0.35, 0.75), (0.05, 0.65)),
        cocking=_UP_TO_IT,
        seated=0.1,
    ),
    # Tossed from the chest: the ball is taken from the other hand, back a little, and pushed off.
    Variant(
        0.3,
        before=[
            (
                (0.2, 0.6),
                {"arms": ((-0.35, 0.1), (-0.55, 0.3), (0.35, 0.65)), "swivel": (0, 50)},
            ),
            (
                (0.12, 0.4),
                {"arm": ((0.0, 0.45), (-0.35, 0.4), (0.05, 0.5)), "swivel": (5, 80)}
                | {"other": ((-0.2, 0.4), (-0.99, -0.3), (-0.1, 0.5)), "twist": (-3, 25)},
            ),
            (
                (0.1, 0.3),
                {"arm": ((-0.1, 0.45), (-0.4, 0.6), (0.6, 0.97)), "twist": (-35, 5)}
                | {"lean": (-3, 18), "swivel": (5, 70)},
            ),
            ((0.05, 0.4), {"arm+": ((-0.15, 0.1), (-0.35, 0.05), (-0.1, 0.05))}),
        ],
        back=(0.2, 0.8),
        seated=0.15,
    ),
    # Flung to the ground before the feet, or over the hip.
    Variant(
        0.12,
        before=[
            (
                (0.15, 0.5),
                {"arm": ((0.0, 0.55), (-0.2, 0.6), (0.0, 0.5)), "swivel": (10, 90)}
                | {"twist": (0, 25)},
            ),
            (
                (0.1, 0.3),
                {"arm": ((-0.2, 0.5), (-0.75, -0.3), (0.5, 0.85)), "twist": (-35, 0)}
                | {"lean": (0, 30), "swivel": (0, 60)},
            ),
            ((0.0, 0.3), {"arm+": ((-0.2, 0.1), (-0.1, 0.0), (-0.3, 0.0))}),
        ],
        back=(0.25, 0.8),
    ),
    # Cocked already, as where a recording is cut; the arm stays out.
    Variant(
        0.3,
        begin={
            "arm": ((-0.1, 0.6), (-0.1, 0.6), (-0.3, 0.4)),
            "swivel": (40, 100),
            "other": ((-0.3, 0.2), (-0.9, -0.4), (0.0, 0.4)),
            "lean": (-10, 5),
            "twist": (0, 30),
        },
        before=[
            ((0.0, 0.5), {"lean": (-10, 10)}),
            ((0.1, 0.3), {"arm": ((-0.2, 0.25), (0.1, 0.8), (0.35, 0.75)), "twist": (-15, 8)}),
            (
                (0.1, 0.3),
                {"arm": ((-0.35, 0.1), (-0.35, 0.3), (0.7, 0.95)), "lean": (0, 30)}
                | {"twist": (-35, -5), "swivel": (10, 60), "other step": (0.0, 0.0, (0.0, 0.4))}
                | {"back": (-0.2, 0.0)},
            ),
            ((0.1, 0.4), {"arm": ((-0.4, 0.1), (-0.85, 0.2), (0.4, 0.9)), "lean": (0, 40)}),
            ((0.0, 0.5), {}),
        ],
        back=(0.3, 1.0),
    ),
    # Thrown at once from before the shoulder, as a dart or a ball of paper.
    Variant(
        0.24,
        before=[
            ((0.25, 0.6), {"arm": ((-0.1, 0.3), (0.05, 0.5), (0.05, 0.35)), "swivel": (20, 70)}),
            ((0.0, 0.4), {}),
            ((0.1, 0.24), {"arm": ((-0.25, 0.1), (-0.1, 0.45), (0.75, 0.97)), "lean": (0, 15)}),
            ((0.1, 0.4), {}),
        ],
        seated=0.3,
    ),
    # Underarm.
    Variant(
        0.15,
        before=[
            (
                (0.2, 0.6),
                {
                    "arm": ((0.05, 0.3), (-0.95, -0.5), (-0.6, 0.0)),
                    "swivel": (0, 40),
                    "twist": (5, 30),
                    "lean": (0, 30),
                    "other step": (0.0, 0.0, (0.0, 0.25)),
                },
            ),
            ((0.18, 0.4), {"arm": ((-0.1, 0.1), (-0.7, -0.4), (0.55, 0.85)), "twist": (-15, 0)}),
            ((0.14, 0.35), {"arm": ((-0.2, 0.1), (-0.05, 0.6), (0.65, 0.95)), "lean": (0, 12)}),
        ],
    ),
    # From the side, across the body; backhand, as a disc.
    Variant(
        0.12,
        before=[
            (
                (0.3, 0.6),
                {
                    "arm": ((0.5, 0.9), (-0.4, 0.2), (-0.5, 0.0)),
                    "swivel": (20, 80),
                    "twist": (10, 50),
                },
            ),
            ((0.16, 0.35), {"arm": ((-0.1, 0.25), (-0.25, 0.2), (0.8, 0.98)), "twist": (-25, 0)}),
            ((0.14, 0.35), {"arm": ((-0.6, -0.3), (-0.3, 0.2), (0.45, 0.75)), "twist": (-45, -10)}),
        ],
    ),
    Variant(
        0.06,
        before=[
            (
                (0.3, 0.6),
                {
                    "arm": ((-0.75, -0.45), (-0.4, 0.0), (0.2, 0.45)),
                    "twist": (-50, -15),
                    "swivel": (20, 70),
                },
            ),
            ((0.14, 0.32), {"arm": ((0.0, 0.4), (-0.25, 0.1), (0.75, 0.95)), "twist": (-5, 15)}),
            ((0.12, 0.35), {"arm": ((0.5, 0.9), (-0.3, 0.2), (0.2, 0.6)), "twist": (5, 30)}),
        ],
    ),
]
