"""How people punch."""

from typing import Any

from skedge.datasets.synthetic.actions import GUARD, Key, Place, Range, Variant

_BLOW: Place = ((-0.38, -0.02), (-0.1, 0.5), (0.85, 0.99))
_OUTWARDS = {"swivel": (15, 65), "twist": (-35, -6)}
_ON_GUARD: list[Key] = [
    (
        (0.25, 0.6),
        {
            "arms": GUARD,
            "swivel": (5, 45),
            "step": ((-0.02, 0.08), 0.0, (-0.4, 0.0)),
            "lean": (0, 18),
            "down": (0.0, 0.08),
        },
    )
]
_LUNGE = {
    "other step": (0.0, 0.0, (0.3, 0.65)),
    "step": (0.0, 0.0, (-0.3, 0.0)),
    "back": (-0.25, -0.05),
    "down": (0.04, 0.2),
    "lean": (8, 45),
}


def _blow(
    share: float, start: Place, hit: Place, swivel: Range, more: dict[str, Any], **how: Any
) -> Variant:
    """One blow at a time, drawn back first, from wherever the hands are."""
    return Variant(
        share,
        beat=[
            ((0.12, 0.45), {"arm": start, "swivel": (5, 60), "twist": (0, 25)}),
            ((0.1, 0.28), {"arm": hit, "swivel": swivel, "twist": (-35, -5)} | more),
            ((0.0, 0.3), {}),
            ((0.14, 0.4), {"arm": start, "twist": (-5, 12)}),
        ],
        back=(0.25, 0.8),
        **how,
    )


_FLAILING = {"other": ((0.0, 0.6), (-0.8, 0.0), (-0.3, 0.5))}


def _brawl(share: float, drawn: Place, hit: Place, past: Place, **how: Any) -> Variant:
    """The whole body thrown into a blow with a step, and left bent over it for a moment."""
    return Variant(
        share,
        before=[((0.2, 0.6), {"step": (0.0, 0.0, (-0.4, -0.05)), "lean": (0, 15), "arms": GUARD})],
        beat=[
            (
                (0.15, 0.45),
                {"arm": drawn, "swivel": (20, 90), "twist": (10, 60), "side": (-5, 15)} | _FLAILING,
            ),
            (
                (0.12, 0.3),
                {"arm": hit, "swivel": (20, 90), "twist": (-55, -15), "side": (-15, 10)}
                | {"other step": (0.0, 0.0, (0.15, 0.65)), "back": (-0.3, -0.05)}
                | {"lean": (10, 55), "down": (0.02, 0.25)},
            ),
            ((0.1, 0.3), {"arm": past, "twist": (-65, -15), "lean": (15, 60)} | _FLAILING),
            ((0.0, 0.4), {}),
        ],
        repeats=(1, 3),
        back=(0.3, 0.9),
        **how,
    )


PUNCHES = [
    # Boxing: guard, then left and right in turn, a few times or many.
    Variant(
        0.26,
        before=_ON_GUARD,
        beat=[
            ((0.11, 0.3), {"arm": _BLOW, "other": GUARD} | _OUTWARDS),
            ((0.12, 0.32), {"arm": GUARD, "other": _BLOW, "swivel": (15, 65), "twist": (6, 35)}),
        ],
        repeats=(1, 7),
        after=[((0.15, 0.3), {"arms": GUARD, "twist": 0.0})],
        walking=0.06,
    ),
    # One hand from the guard.
    Variant(
        0.16,
        before=_ON_GUARD,
        beat=[
            ((0.1, 0.28), {"arm": _BLOW} | _OUTWARDS),
            ((0.14, 0.35), {"arm": GUARD, "twist": (0, 12)}),
            ((0.0, 0.5), {}),
        ],
        repeats=(1, 6),
    ),
    # From the hip or the shoulder without a guard: standing, with a step, with a deep lunge.
    _blow(
        0.14,
        ((0.05, 0.2), (-0.55, -0.1), (-0.15, 0.25)),
        _BLOW,
        swivel=(15, 65),
        more={"lean": (0, 12)},
        repeats=(1, 3),
    ),
    _blow(
        0.1,
        ((0.0, 0.3), (-0.4, 0.1), (-0.1, 0.3)),
        _BLOW,
        swivel=(15, 65),
        more={"other step": (0.0, 0.0, (0.1, 0.3)), "back": (-0.12, 0.0), "lean": (0, 22)},
    ),
    _blow(0.18, ((0.0, 0.35), (-0.4, 0.15), (-0.2, 0.3)), _BLOW, swivel=(15, 75), more=_LUNGE),
    # As in a brawl: swung wide, straight, from below.
    _brawl(
        0.14,
        drawn=((0.4, 0.95), (-0.3, 0.4), (-0.5, 0.3)),
        hit=((-0.5, 0.05), (-0.1, 0.4), (0.6, 0.95)),
        past=((-0.7, -0.3), (-0.6, 0.1), (0.3, 0.7)),
        walking=0.1,
    ),
    _brawl(
        0.14,
        drawn=((0.05, 0.4), (-0.4, 0.25), (-0.4, 0.2)),
        hit=_BLOW,
        past=((-0.5, 0.0), (-0.5, 0.2), (0.5, 0.9)),
        walking=0.1,
    ),
    _brawl(
        0.05,
        drawn=((0.05, 0.4), (-0.95, -0.4), (-0.4, 0.2)),
        hit=((-0.4, 0.0), (0.0, 0.5), (0.4, 0.85)),
        past=((-0.5, 0.0), (0.2, 0.7), (0.2, 0.6)),
    ),
    # From the hanging arm, nearly straight, out and around across the other one's face, on the way
    # there or with a step.
    Variant(
        0.26,
        before=[
            (
                (0.15, 0.5),
                {"arm": ((0.25, 0.9), (-0.7, 0.15), (0.2, 0.75)), "swivel": (10, 90)}
                | {"other": ((0.0, 0.5), (-0.95, -0.3), (0.0, 0.6)), "twist": (0, 40)},
            ),
            (
                (0.12, 0.35),
                {"arm": ((0.0, 0.7), (-0.15, 0.3), (0.55, 0.95)), "twist": (-40, 5)}
                | {"lean": (5, 40), "other step": (0.0, 0.0, (0.1, 0.5)), "back": (-0.2, 0.0)},
            ),
            (
                (0.12, 0.35),
                {"arm": ((-0.7, -0.1), (-0.75, 0.05), (0.4, 0.85)), "twist": (-65, -10)}
                | {"lean": (8, 50)},
            ),
            ((0.0, 0.5), {}),
        ],
        back=(0.25, 0.8),
        walking=0.25,
    ),
    # Straight ahead from the chest, and held there; the fist is never above the shoulder.
    Variant(
        0.14,
        before=[
            ((0.2, 0.6), {"arm": ((-0.1, 0.25), (-0.4, 0.0), (0.0, 0.35)), "swivel": (5, 60)}),
            ((0.0, 0.3), {}),
            (
                (0.1, 0.35),
                {"arm": ((-0.35, 0.05), (-0.15, 0.15), (0.85, 0.99)), "twist": (-30, 0)}
                | {"lean": (0, 12), "swivel": (15, 75)},
            ),
            ((0.05, 0.8), {}),
            ((0.15, 0.4), {"arm": ((-0.1, 0.2), (-0.5, -0.1), (0.1, 0.4)), "twist": 0.0}),
        ],
        back=(0.25, 0.8),
    ),
    # From wherever the hand hangs: up before the shoulder, out, held, and down; a small one.
    Variant(
        0.3,
        before=[
            ((0.2, 0.5), {"arm": ((0.0, 0.25), (-0.6, 0.2), (0.1, 0.5)), "swivel": (0, 60)}),
            ((0.0, 0.2), {}),
            (
                (0.1, 0.32),
                {"arm": ((-0.35, 0.3), (-0.15, 0.42), (0.8, 0.99)), "twist": (-55, 3)}
                | {"swivel": (5, 70), "lean": (-3, 12)},
            ),
            ((0.0, 0.5), {}),
            ((0.1, 0.35), {"arm": ((0.0, 0.2), (-0.7, 0.1), (0.2, 0.7)), "twist": 0.0}),
        ],
        back=(0.2, 0.6),
    ),
    # From the fist folded at the shoulder straight out and aslant, the shoulder far ahead of the
    # other one; once or twice, and held.
    Variant(
        0.34,
        before=[
            ((0.15, 0.4), {"arm": ((-0.05, 0.3), (-0.7, -0.1), (0.1, 0.5)), "swivel": (0, 60)})
        ],
        beat=[
            (
                (0.1, 0.35),
                {"arm": ((-0.15, 0.3), (-0.35, 0.15), (0.12, 0.5)), "swivel": (0, 70)}
                | {"twist": (-5, 30)},
            ),
            (
                (0.1, 0.3),
                {"arm": ((0.1, 0.95), (-0.02, 0.45), (0.5, 1.0)), "twist": (-75, -5)}
                | {"swivel": (5, 70), "lean": (-4, 15)},
            ),
            ((0.0, 0.5), {}),
            ((0.12, 0.4), {"arm": ((-0.1, 0.3), (-0.6, 0.05), (0.2, 0.6)), "twist": (-15, 10)}),
        ],
        repeats=(1, 2),
        back=(0.2, 0.6),
        walking=0.04,
    ),
    # One hand and then the other, each from where it hangs.
    Variant(
        0.16,
        before=[
            ((0.15, 0.45), {"arm": ((-0.05, 0.3), (-0.4, 0.15), (0.1, 0.5)), "swivel": (0, 60)}),
            (
                (0.1, 0.32),
                {"arm": ((-0.3, 0.6), (-0.1, 0.42), (0.6, 0.98)), "twist": (-50, 0)}
                | {"swivel": (5, 70), "other": ((-0.35, 0.1), (-0.7, -0.1), (0.2, 0.6))},
            ),
            ((0.0, 0.25), {}),
            (
                (0.12, 0.35),
                {"arm": ((-0.2, 0.2), (-0.45, 0.05), (0.2, 0.6)), "twist": (0, 50)}
                | {"other": ((-0.35, 0.5), (-0.2, 0.42), (0.6, 0.98))},
            ),
            ((0.0, 0.3), {}),
            ((0.12, 0.4), {"arms": ((-0.2, 0.15), (-0.75, -0.2), (0.2, 0.6)), "twist": 0.0}),
        ],
        back=(0.2, 0.6),
    ),
    # A fist thrown to the side, with the trunk turned little or not at all.
    Variant(
        0.12,
        before=[
            ((0.2, 0.5), {"arm": ((-0.1, 0.3), (-0.5, 0.3), (0.15, 0.5)), "swivel": (0, 60)}),
            ((0.0, 0.2), {}),
            (
                (0.1, 0.32),
                {"arm": ((0.6, 0.95), (-0.1, 0.45), (0.1, 0.6)), "twist": (0, 35)}
                | {"look": (0, 70), "side": (-4, 12), "swivel": (10, 70)},
            ),
            ((0.0, 0.4), {}),
            ((0.12, 0.35), {"arm": ((-0.05, 0.3), (-0.6, 0.2), (0.2, 0.6)), "twist": 0.0}),
        ],
        back=(0.2, 0.6),
    ),
    # Both hands before the body in turn without much of a guard, as at a bag.
    Variant(
        0.14,
        beat=[
            (
                (0.12, 0.3),
                {"arm": _BLOW, "other": ((-0.1, 0.2), (-0.4, 0.0), (0.2, 0.5))} | _OUTWARDS,
            ),
            (
                (0.12, 0.3),
                {"other": _BLOW, "arm": ((-0.1, 0.2), (-0.4, 0.0), (0.2, 0.5)), "twist": (6, 35)},
            ),
        ],
        repeats=(1, 8),
        seated=0.05,
    ),
    # A hook, an uppercut, a blow to the side.
    _blow(
        0.07,
        ((0.3, 0.65), (-0.2, 0.2), (0.1, 0.5)),
        ((-0.6, -0.3), (-0.05, 0.3), (0.4, 0.65)),
        swivel=(60, 100),
        more={"twist": (-50, -15), "lean": (0, 15)},
        repeats=(1, 3),
    ),
    _blow(
        0.04,
        ((0.0, 0.2), (-0.7, -0.4), (0.0, 0.4)),
        ((-0.35, -0.1), (0.1, 0.45), (0.4, 0.65)),
        swivel=(0, 40),
        more={"lean": (-8, 6)},
        repeats=(1, 3),
    ),
    _blow(
        0.04,
        ((-0.2, 0.1), (-0.3, 0.1), (0.2, 0.45)),
        ((0.85, 0.98), (-0.15, 0.3), (-0.1, 0.3)),
        swivel=(30, 80),
        more={"look": (20, 70), "twist": (0, 30), "side": (0, 10)},
        repeats=(1, 4),
    ),
]
