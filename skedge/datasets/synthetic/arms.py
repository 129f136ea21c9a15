"""How people do the actions of the arms: wave, clap, punch, drink, throw, raise both arms."""

from dataclasses import dataclass
from typing import Any

from skedge.datasets.synthetic.actions import Key, Place, Range, Variant
from skedge.datasets.synthetic.blows import PUNCHES
from skedge.datasets.synthetic.throws import THROWS


@dataclass(frozen=True)
class _Swing:
    """How far a waving hand goes either way, how quickly, how the wrist wags (degrees), how
    often."""

    inwards: Place
    outwards: Place
    seconds: Range = (0.12, 0.34)
    wag: float = 20
    repeats: tuple[int, int] = (1, 9)


def _waving(
    share: float,
    place: Place,
    swivel: Range,
    swing: _Swing,
    *,
    role: str = "arm",
) -> Variant:
    """A hand brought to a place and swung about it."""
    wag = swing.wag
    turn: dict[str, Any] = {"twist": (-12, 10)} if role == "arm" else {}
    return Variant(
        share,
        before=[((0.3, 0.8), {role: place, "swivel": swivel, "wag": 0.0, "side": (-4, 6)} | turn)],
        beat=[
            (swing.seconds, {f"{role}+": swing.inwards, "wag": (-wag, 0), "side": (-8, 4)} | turn),
            (swing.seconds, {f"{role}+": swing.outwards, "wag": (0, wag), "side": (-4, 6)}),
        ],
        repeats=swing.repeats,
        seated=0.25,
        walking=0.06,
    )


_IN: Place = ((-0.5, -0.1), (-0.1, 0.05), (-0.08, 0.08))
_OUT: Place = ((0.05, 0.35), (-0.05, 0.1), (-0.08, 0.08))
_WAVES = [
    # The forearm swings: beside the head, before it, modestly with the elbow at the waist.
    _waving(0.2, ((0.05, 0.5), (0.1, 0.75), (0.2, 0.55)), (5, 60), swing=_Swing(_IN, _OUT)),
    _waving(0.2, ((-0.12, 0.35), (0.15, 0.75), (0.4, 0.75)), (-15, 40), swing=_Swing(_IN, _OUT)),
    _waving(
        0.07,
        ((-0.05, 0.35), (-0.1, 0.35), (0.25, 0.5)),
        (-15, 25),
        swing=_Swing(
            ((-0.25, -0.05), (-0.1, 0.05), (-0.08, 0.08)),
            ((0.0, 0.15), (-0.05, 0.1), (-0.08, 0.08)),
        ),
    ),
    # The forearm sweeps sideways in front, at the shoulder's height.
    _waving(
        0.07,
        ((-0.15, 0.3), (-0.15, 0.25), (0.5, 0.8)),
        (0, 60),
        swing=_Swing(
            ((-0.6, -0.25), (-0.05, 0.05), (-0.1, 0.05)),
            ((0.15, 0.6), (-0.05, 0.05), (-0.15, 0.0)),
            seconds=(0.18, 0.5),
            repeats=(2, 7),
        ),
    ),
    # High: the whole arm swings overhead; the whole arm from the side to overhead.
    _waving(
        0.12,
        ((0.15, 0.5), (0.6, 0.95), (0.05, 0.4)),
        (30, 80),
        swing=_Swing(
            ((-0.45, -0.2), (0.0, 0.1), (-0.05, 0.05)),
            ((0.0, 0.25), (-0.1, 0.0), (-0.05, 0.05)),
            seconds=(0.16, 0.5),
        ),
    ),
    Variant(
        0.05,
        before=[((0.3, 0.7), {"arm": ((0.1, 0.4), (0.75, 0.95), (0.0, 0.3)), "swivel": (40, 90)})],
        beat=[
            ((0.25, 0.6), {"arm": ((0.55, 0.95), (-0.8, 0.4), (0.0, 0.3))}),
            ((0.25, 0.6), {"arm": ((-0.3, 0.35), (0.55, 0.95), (0.0, 0.4))}),
        ],
        repeats=(2, 6),
        seated=0.1,
    ),
    # Brought up through the side, and swung once or twice.
    Variant(
        0.2,
        before=[
            ((0.2, 0.5), {"arm": ((0.35, 0.9), (-0.6, 0.2), (0.05, 0.35)), "swivel": (0, 70)}),
            ((0.15, 0.4), {"arm": ((0.2, 0.7), (0.3, 0.8), (0.1, 0.45))}),
        ],
        beat=[
            ((0.13, 0.4), {"arm": ((-0.3, 0.2), (0.4, 0.85), (0.2, 0.5)), "wag": (-20, 0)}),
            ((0.13, 0.4), {"arm": ((0.25, 0.8), (0.3, 0.8), (0.1, 0.45)), "wag": (0, 20)}),
        ],
        repeats=(1, 4),
        seated=0.2,
        walking=0.06,
    ),
    # The whole straight arm high in front, far to either side, with the trunk going along.
    Variant(
        0.28,
        before=[
            (
                (0.3, 0.9),
                {"arm": ((-0.3, 0.5), (0.4, 0.85), (0.45, 0.9)), "swivel": (0, 80)}
                | {"twist": (-20, 15)},
            )
        ],
        beat=[
            ((0.2, 0.6), {"arm": ((0.45, 1.0), (0.25, 0.85), (0.1, 0.6)), "twist": (-30, 10)}),
            ((0.2, 0.6), {"arm": ((-0.4, 0.2), (0.45, 0.9), (0.45, 0.9)), "twist": (-10, 15)}),
        ],
        repeats=(1, 5),
        back=(0.25, 0.8),
        seated=0.1,
        walking=0.05,
    ),
    # The straight arm slowly up through the side to overhead, and across once or twice.
    Variant(
        0.22,
        before=[
            ((0.25, 0.9), {"arm": ((0.7, 0.99), (-0.45, 0.2), (0.02, 0.3)), "swivel": (10, 90)}),
            ((0.2, 0.7), {"arm": ((0.1, 0.6), (0.55, 0.93), (0.1, 0.35)), "side": (-4, 8)}),
        ],
        beat=[
            ((0.15, 0.5), {"arm": ((-0.4, 0.1), (0.4, 0.9), (0.2, 0.45)), "wag": (-20, 0)}),
            ((0.15, 0.5), {"arm": ((0.1, 0.6), (0.5, 0.93), (0.1, 0.4)), "wag": (0, 20)}),
        ],
        repeats=(1, 2),
        back=(0.25, 0.9),
        seated=0.15,
        walking=0.05,
    ),
    # The bent elbow lifted to the side, the hand swung in before the shoulder, and no more.
    Variant(
        0.2,
        before=[
            ((0.12, 0.4), {"arm": ((0.45, 0.85), (-0.5, 0.15), (0.05, 0.35)), "swivel": (20, 90)}),
            ((0.12, 0.4), {"arm": ((0.05, 0.4), (0.2, 0.6), (0.2, 0.45)), "swivel": (0, 60)}),
        ],
        beat=[
            ((0.12, 0.35), {"arm+": ((-0.2, 0.0), (-0.06, 0.04), (-0.02, 0.08)), "wag": (-25, 0)}),
            ((0.12, 0.35), {"arm+": ((0.0, 0.2), (-0.04, 0.06), (-0.08, 0.02)), "wag": (0, 25)}),
        ],
        repeats=(1, 3),
        back=(0.25, 0.7),
        seated=0.25,
        walking=0.06,
    ),
    # Only the hand swings.
    _waving(
        0.12,
        ((0.0, 0.4), (0.05, 0.6), (0.3, 0.6)),
        (-10, 40),
        swing=_Swing(
            ((-0.15, -0.05), 0.0, 0.0),
            ((0.0, 0.1), 0.0, 0.0),
            seconds=(0.11, 0.25),
            wag=45,
            repeats=(2, 9),
        ),
    ),
    # Both hands: swept from before the face far outwards; beside the head; both whole arms from the
    # sides to overhead; through the sides to above the head, where the forearms swing.
    Variant(
        0.28,
        before=[
            ((0.3, 0.8), {"arms": ((-0.5, 0.3), (0.1, 0.65), (0.3, 0.75)), "swivel": (10, 70)})
        ],
        beat=[
            ((0.16, 0.55), {"arms": ((0.5, 0.95), (-0.4, 0.65), (0.05, 0.5))}),
            ((0.16, 0.55), {"arms": ((-0.65, -0.05), (0.1, 0.75), (0.3, 0.8))}),
        ],
        repeats=(1, 6),
        seated=0.15,
    ),
    _waving(
        0.16,
        ((0.1, 0.5), (0.3, 0.85), (0.05, 0.5)),
        (10, 70),
        swing=_Swing(((-0.4, -0.1), (-0.03, 0.08), 0.0), ((0.0, 0.25), (-0.08, 0.03), 0.0)),
        role="arms",
    ),
    Variant(
        0.2,
        before=[((0.3, 0.8), {"arms": ((0.5, 0.9), (-0.3, 0.4), (0.0, 0.3)), "swivel": (40, 90)})],
        beat=[
            ((0.25, 0.7), {"arms": ((-0.3, 0.1), (0.7, 0.92), (0.0, 0.35))}),
            ((0.25, 0.7), {"arms": ((0.35, 0.95), (-0.85, 0.4), (0.0, 0.3))}),
        ],
        repeats=(1, 7),
        seated=0.1,
    ),
    Variant(
        0.2,
        before=[
            ((0.25, 0.6), {"arms": ((0.75, 0.98), (-0.35, 0.25), (0.1, 0.35)), "swivel": (20, 80)}),
            ((0.15, 0.45), {"arms": ((0.25, 0.75), (0.45, 0.85), (0.1, 0.45))}),
        ],
        beat=[
            ((0.15, 0.45), {"arms": ((-0.45, 0.15), (0.5, 0.92), (0.15, 0.7))}),
            ((0.15, 0.45), {"arms": ((0.25, 0.9), (0.3, 0.85), (0.1, 0.55))}),
        ],
        repeats=(1, 4),
        after=[((0.2, 0.5), {"arms": ((0.7, 0.98), (-0.4, 0.3), (0.1, 0.4))})],
        seated=0.1,
    ),
]


def _clapping(
    share: float,
    up: Range,
    front: Range,
    opened: Range,
    swivel: Range,
    seconds: Range,
    repeats: tuple[int, int] = (1, 14),
) -> Variant:
    """Both hands brought before the body, and together again and again."""
    together: dict[str, Any] = {"arms+": (0.0, (-0.04, 0.04), (-0.04, 0.04))}
    apart: dict[str, Any] = {"arms+": (opened, (-0.1, 0.04), (-0.08, 0.08))}
    start = {"arms": ((-0.35, -0.28), up, front), "arms+": (opened, 0.0, 0.0), "swivel": swivel}
    return Variant(
        share,
        before=[((0.3, 0.6), start)],
        beat=[(seconds, together), (seconds, apart)],
        repeats=repeats,
        after=[(seconds, together)],
        closes=True,
        seated=0.3,
        walking=0.05,
    )


_CLAPS = [
    # At the belly, at the chest, in the face's height, small and quick, overhead, at arm's length.
    _clapping(
        0.2,
        up=(-0.45, -0.15),
        front=(0.45, 0.75),
        opened=(0.16, 0.8),
        swivel=(10, 55),
        seconds=(0.12, 0.28),
    ),
    _clapping(
        0.32,
        up=(-0.2, 0.25),
        front=(0.4, 0.7),
        opened=(0.16, 0.85),
        swivel=(5, 55),
        seconds=(0.12, 0.28),
    ),
    _clapping(
        0.12,
        up=(0.1, 0.4),
        front=(0.35, 0.65),
        opened=(0.12, 0.5),
        swivel=(5, 45),
        seconds=(0.11, 0.26),
    ),
    _clapping(
        0.22,
        up=(-0.6, 0.15),
        front=(0.3, 0.55),
        opened=(0.04, 0.16),
        swivel=(-5, 35),
        seconds=(0.1, 0.2),
        repeats=(2, 20),
    ),
    _clapping(
        0.08,
        up=(0.55, 0.85),
        front=(0.1, 0.4),
        opened=(0.1, 0.5),
        swivel=(10, 70),
        seconds=(0.12, 0.35),
    ),
    _clapping(
        0.05,
        up=(-0.25, 0.2),
        front=(0.75, 0.9),
        opened=(0.15, 0.7),
        swivel=(10, 60),
        seconds=(0.15, 0.4),
    ),
    # Low before the belly; once or twice with bent arms.
    _clapping(
        0.12,
        up=(-0.62, -0.35),
        front=(0.3, 0.65),
        opened=(0.08, 0.5),
        swivel=(0, 45),
        seconds=(0.1, 0.3),
    ),
    _clapping(
        0.14,
        up=(-0.45, 0.15),
        front=(0.4, 0.75),
        opened=(0.15, 0.75),
        swivel=(5, 55),
        seconds=(0.1, 0.35),
        repeats=(1, 3),
    ),
    # Slowly, the arms far out at the sides before each clap.
    Variant(
        0.16,
        before=[
            ((0.3, 0.7), {"arms": ((0.45, 0.95), (-0.7, 0.05), (-0.2, 0.4)), "swivel": (0, 60)})
        ],
        beat=[
            ((0.2, 0.55), {"arms": ((-0.35, -0.28), (-0.5, 0.1), (0.4, 0.75))}),
            ((0.2, 0.55), {"arms": ((0.45, 0.95), (-0.7, 0.05), (-0.2, 0.4))}),
        ],
        repeats=(1, 5),
        seated=0.2,
    ),
    # Once or twice with nearly straight arms that were opened before.
    Variant(
        0.14,
        before=[
            ((0.2, 0.6), {"arms": ((0.35, 0.9), (-0.75, -0.1), (0.1, 0.75)), "swivel": (0, 60)})
        ],
        beat=[
            ((0.15, 0.45), {"arms": ((-0.35, -0.27), (-0.4, 0.25), (0.72, 0.93))}),
            ((0.0, 0.25), {}),
            ((0.15, 0.45), {"arms": ((0.1, 0.8), (-0.6, 0.0), (0.3, 0.8))}),
        ],
        repeats=(1, 3),
        seated=0.15,
    ),
    # From level arms to overhead.
    Variant(
        0.02,
        before=[
            ((0.3, 0.9), {"arms": ((0.85, 0.98), (-0.15, 0.2), (0.0, 0.25)), "swivel": (30, 90)})
        ],
        beat=[
            ((0.25, 0.6), {"arms": ((-0.35, -0.29), (0.6, 0.88), (0.0, 0.3))}),
            ((0.25, 0.7), {"arms": ((0.85, 0.98), (-0.15, 0.2), (0.0, 0.25))}),
        ],
        repeats=(1, 8),
    ),
    # One palm beats the other, which is held out.
    Variant(
        0.07,
        before=[
            ((0.3, 0.6), {"arms": ((-0.34, -0.26), (-0.35, 0.0), (0.35, 0.55)), "swivel": (5, 40)})
        ],
        beat=[
            ((0.1, 0.25), {"arm+": ((0.0, 0.15), (0.08, 0.25), (-0.1, 0.0))}),
            ((0.1, 0.25), {"arm+": (0.0, (-0.02, 0.02), 0.0)}),
        ],
        repeats=(2, 14),
        seated=0.3,
    ),
]

_SIP: Place = ((-0.36, -0.16), (0.0, 0.5), (0.16, 0.38))
_SIP_HIGH: Place = ((-0.34, 0.0), (0.2, 0.58), (0.12, 0.38))
# The glass is held before the body first.
_GLASS: list[Key] = [
    ((0.3, 0.8), {"arm": ((-0.2, 0.15), (-0.65, -0.25), (0.3, 0.65)), "swivel": (0, 30)}),
    ((0.0, 0.6), {}),
]
# A second sip.
_AGAIN: list[Key] = [
    ((0.3, 0.6), {"arm": ((-0.2, 0.0), (-0.4, -0.1), (0.3, 0.5)), "nod": 0.0, "bend": 0.0}),
    ((0.1, 0.8), {}),
    ((0.3, 0.6), {"arm": _SIP, "nod": (-30, -5), "swivel": (10, 80)}),
    ((0.2, 0.8), {}),
]


def _drinking(share: float, first: list[Key], after: list[Key], role: str = "arm") -> Variant:
    tilted = {f"{role}+": (0.0, (0.0, 0.15), (-0.06, 0.03)), "swivel": (15, 85), "bend": (10, 45)}
    return Variant(
        share,
        before=[
            *first,
            ((0.35, 1.0), {role: _SIP, "swivel": (5, 60), "nod": (-6, 6)}),
            ((0.12, 0.5), {"nod": (-38, -4), "lean": (-8, 2)} | tilted),
            ((0.2, 1.6), {}),
        ],
        after=after,
        back=(0.35, 0.9),
        seated=0.4,
        walking=0.05,
    )


_DRINKS = [
    _drinking(0.4, [], []),
    _drinking(0.3, _GLASS, []),
    _drinking(0.18, [], _AGAIN),
    _drinking(0.12, [], [], role="arms"),
    # A glass held out ahead and taken slowly in an arc to a hand's breadth before the face.
    Variant(
        0.4,
        before=[
            ((0.15, 0.6), {"arm": ((-0.15, 0.4), (-0.75, -0.3), (0.35, 0.65)), "swivel": (0, 40)}),
            ((0.1, 0.6), {"arm": ((-0.15, 0.42), (-0.35, 0.25), (0.4, 0.68)), "swivel": (0, 60)}),
            (
                (0.2, 0.7),
                {"arm": ((-0.3, 0.02), (0.25, 0.56), (0.12, 0.38)), "swivel": (5, 85)}
                | {"nod": (-18, 6), "twist": (-8, 12)},
            ),
            ((0.1, 0.9), {"arm+": ((-0.1, 0.0), (0.0, 0.06), (-0.08, 0.0)), "bend": (0, 40)}),
            ((0.0, 1.0), {}),
        ],
        back=(0.3, 1.0),
        seated=0.3,
        walking=0.05,
    ),
    # At once, with hardly any tilt of the head; the elbow before the body.
    Variant(
        0.55,
        before=[
            ((0.2, 0.5), {"arm": ((-0.1, 0.3), (-0.55, 0.0), (0.3, 0.6)), "swivel": (0, 50)}),
            ((0.15, 0.5), {"arm": _SIP_HIGH, "nod": (-10, 4), "bend": (0, 40)}),
            ((0.1, 0.35), {"arm+": (0.0, (0.0, 0.08), (-0.04, 0.02)), "nod": (-22, 2)}),
            ((0.1, 1.0), {}),
        ],
        back=(0.3, 0.8),
        seated=0.35,
        walking=0.05,
    ),
]


def _raising(share: float, way: list[Key], top: Place, swivel: Range, **how: Any) -> Variant:
    raised = {"arms": top, "swivel": swivel, "nod": (-20, 5), "lean": (-8, 3)}
    return Variant(
        share,
        before=[
            *way,
            ((0.2, 0.7), raised),
            ((0.0, 1.5), {}),
            *[
                (seconds, {"arms": pose["arms"], "swivel": swivel})
                for seconds, pose in reversed(way)
            ],
        ],
        back=(0.25, 0.8),
        seated=0.15,
        walking=0.03,
        **how,
    )


_RAISES = [
    # Through the front, through the sides, into a V, with bent elbows, at once.
    _raising(
        0.3,
        way=[((0.2, 0.6), {"arms": ((0.0, 0.2), (-0.1, 0.2), (0.85, 0.95))})],
        top=((-0.05, 0.25), (0.8, 0.98), (0.0, 0.35)),
        swivel=(20, 80),
    ),
    _raising(
        0.25,
        way=[((0.2, 0.6), {"arms": ((0.85, 0.95), (-0.15, 0.2), (0.0, 0.25))})],
        top=((0.0, 0.3), (0.85, 0.98), (-0.05, 0.2)),
        swivel=(60, 90),
    ),
    _raising(0.2, way=[], top=((0.3, 0.65), (0.62, 0.9), (0.0, 0.3)), swivel=(30, 80)),
    _raising(0.1, way=[], top=((0.1, 0.35), (0.5, 0.75), (0.0, 0.3)), swivel=(20, 70)),
    # As on "hands up": the hands beside the head with bent elbows.
    _raising(
        0.2,
        way=[((0.2, 0.5), {"arms": ((0.1, 0.45), (-0.5, 0.1), (0.3, 0.75))})],
        top=((0.08, 0.4), (0.45, 0.72), (0.12, 0.5)),
        swivel=(0, 60),
    ),
    _raising(0.15, way=[], top=((-0.1, 0.2), (0.8, 0.97), (0.0, 0.35)), swivel=(10, 80), tempo=1.3),
]

ARM_ACTIONS: dict[str, list[Variant]] = {
    "wave": _WAVES,
    "clap": _CLAPS,
    "punch": PUNCHES,
    "drink": _DRINKS,
    "throw": THROWS,
    "raise both arms": _RAISES,
}
