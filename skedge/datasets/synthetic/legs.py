"""How people do the actions of the whole body: kick, squat, jump, sit down, stand up, bow, idle."""

from dataclasses import replace
from typing import Any

import numpy as np

from skedge.datasets.synthetic.actions import (
    AT_CHEST,
    FRONT,
    GUARD,
    HANG,
    ON_HIPS,
    ON_KNEES,
    Key,
    Place,
    Range,
    Variant,
)

_FLOOR: Place = (0.0, 0.0, (-0.15, 0.1))
_FLUNG: Place = ((0.3, 0.8), (-0.6, 0.1), (-0.3, 0.5))


def _kicking(
    share: float,
    chamber: Place | None,
    hit: Place,
    trunk: dict[str, Any],
    arms: Place | None = None,
    **how: Any,
) -> Variant:
    """The weight on the other leg, the foot out and back: with the knee up first, or all the way
    on the circle of a straight leg."""
    on_one = {"shift": (-0.14, -0.08), "down": (0.0, 0.07)}
    first: dict[str, Any] = {"shift": (-0.1, -0.04), "step": (0.0, 0.0, (-0.35, 0.0))}
    if arms is not None:
        first |= {"arms": arms, "swivel": (5, 50)}
    if chamber is not None:
        up: dict[str, Any] = {"step": chamber, "lean": (-8, 8)} | on_one
        away: dict[str, Any] = {"step": chamber, "lean": (-10, 5), "side": 0.0}
    else:
        out, front = np.broadcast_to(hit[0], 2), np.broadcast_to(hit[2], 2)
        low = ((0.45 * out[0], 0.45 * out[1]), (0.03, 0.15), (0.45 * front[0], 0.6 * front[1]))
        up = {"step": low} | on_one
        away = {"step": low}
    return Variant(
        share,
        before=[((0.2, 0.5), first)],
        beat=[
            ((0.12, 0.32), up),
            ((0.1, 0.28), {"step": hit} | on_one | trunk),
            ((0.0, 0.15), {}),
            ((0.1, 0.28), away),
            (
                (0.16, 0.4),
                {"step": _FLOOR, "side": 0.0, "lean": (-3, 8), "shift": (-0.06, 0.0), "face": 0.0},
            ),
        ],
        **how,
    )


_STEP_UP: dict[str, Any] = {"other step": (0.0, 0.0, (0.1, 0.4)), "back": (-0.3, -0.05)}
# Beyond what a leg reaches: it is straight.
_AHEAD = ((-0.1, 0.08), (0.35, 1.1), (0.85, 1.15))
_ASIDE = ((0.75, 1.1), (0.35, 1.05), (-0.1, 0.3))
_KNEE_UP: Place = ((-0.06, 0.06), (0.35, 0.65), (0.1, 0.35))
_KICKS = [
    # A ball; to the front with the knee up first; with a straight leg, leaning back.
    _kicking(
        0.12,
        ((0, 0.04), (0.08, 0.25), (-0.45, -0.2)),
        ((-0.1, 0.05), (0.1, 0.45), (0.55, 0.95)),
        trunk={"lean": (-15, 5), "side": (-4, 4)},
    ),
    _kicking(
        0.12,
        _KNEE_UP,
        _AHEAD,
        trunk={"lean": (-35, 2), "side": (-6, 4)},
        arms=GUARD,
        repeats=(1, 4),
    ),
    _kicking(
        0.1,
        None,
        ((-0.1, 0.08), (0.1, 0.5), (0.85, 1.1)),
        trunk={"lean": (-15, 5), "side": (-5, 5)},
        repeats=(1, 4),
    ),
    _kicking(0.2, None, _AHEAD, trunk={"lean": (-45, -4), "side": (-6, 6)}, repeats=(1, 4)),
    _kicking(
        0.1, None, _AHEAD, trunk={"lean": (-55, -15), "side": (-10, 6)} | _STEP_UP, arms=_FLUNG
    ),
    _kicking(0.07, _KNEE_UP, _AHEAD, trunk={"lean": (-50, -15), "side": (-10, 6)} | _STEP_UP),
    # As in a brawl: aslant or to the side with the trunk far over and the arms flung; a low one.
    _kicking(
        0.12,
        ((0.0, 0.4), (0.25, 0.6), (0.0, 0.3)),
        ((0.3, 1.05), (0.2, 1.0), (0.1, 0.85)),
        trunk={"lean": (-35, 10), "side": (-60, -10)} | _STEP_UP,
        arms=_FLUNG,
    ),
    _kicking(
        0.08,
        None,
        ((-0.15, 0.45), (0.1, 0.45), (0.5, 1.0)),
        trunk={"lean": (-25, 20), "side": (-20, 5), "face": (-40, 0)} | _STEP_UP,
        arms=_FLUNG,
    ),
    # To the side; in a round, turning; without a guard.
    _kicking(
        0.06,
        _KNEE_UP,
        _ASIDE,
        trunk={"lean": (-10, 8), "side": (-45, -8)},
        arms=GUARD,
        repeats=(1, 4),
    ),
    _kicking(0.14, None, _ASIDE, trunk={"lean": (-10, 8), "side": (-45, -4)}, repeats=(1, 4)),
    _kicking(
        0.09,
        ((0.15, 0.45), (0.3, 0.65), (0.0, 0.25)),
        ((-0.3, 0.25), (0.4, 1.1), (0.75, 1.1)),
        trunk={"lean": (-35, -5), "side": (-30, -5), "face": (-60, -15)},
        arms=GUARD,
        repeats=(1, 3),
    ),
]


def _squatting(
    share: float,
    arms: Place | None,
    *,
    swivel: Range = (0, 70),
    held: bool = True,
    lean: Range = (8, 48),
    wide: bool = False,
    tempo: float = 1.0,
) -> Variant:
    """`held`: the arms stay in their place all the time, else they go there with every squat.

    Arms that are stretched out before the body stay level when the trunk leans.
    """
    raised: dict[str, Any] = {} if arms is None else {"arms": arms, "swivel": swivel}
    feet: dict[str, Any] = {}
    if wide:
        feet = {"step": ((0.06, 0.34), 0.0, 0.0), "other step": ((0.06, 0.34), 0.0, 0.0)}
    down: dict[str, Any] = {
        "down": (0.25, 0.62),
        "back": (0.05, 0.32),
        "lean": lean,
        "curl": (0, 12),
        "nod": (-20, 10),
    }
    up: dict[str, Any] = {
        "down": (0.0, 0.04),
        "back": 0.0,
        "lean": (0, 6),
        "curl": 0.0,
        "nod": (-5, 5),
    }
    if arms is not None and np.min(arms[2]) > 0.5:
        down["arms+"] = (0.0, (0.0, 0.5), (-0.1, 0.0))
        up |= {"arms+": 3 * (0.0,)} if held else {}
    before: list[Key] = []
    if held or wide:
        before = [((0.3, 0.9), (raised if held else {}) | feet), ((0.0, 1.2), {})]
    return Variant(
        share,
        before=before,
        beat=[
            ((0.4, 1.5), down | ({} if held else raised)),
            ((0.0, 0.7), {}),
            ((0.4, 1.3), up | ({} if held or arms is None else {"rest": "arms"})),
            ((0.0, 0.6), {}),
        ],
        repeats=(1, 10),
        after=[((0.0, 0.6), {})],
        back=(0.3, 0.8),
        tempo=tempo,
    )


_ON_SHOULDERS: Place = ((0.08, 0.6), (-0.05, 0.3), (-0.1, 0.15))
_CLASPED: Place = ((-0.33, -0.2), (-0.3, 0.05), (0.3, 0.5))
_SQUATS = [
    _squatting(0.16, FRONT),
    _squatting(0.1, FRONT, held=False),
    # Once or twice, briskly, the arms raised first or with it.
    replace(_squatting(0.12, FRONT, tempo=1.3), repeats=(1, 2)),
    replace(_squatting(0.08, FRONT, held=False, tempo=1.2), repeats=(1, 2)),
    _squatting(0.08, ((-0.1, 0.1), (-0.35, 0.05), (0.6, 0.9)), held=False, wide=True),
    _squatting(0.06, None),
    _squatting(0.04, HANG, swivel=(0, 20), wide=True),
    # Hands clasped, a weight before the chest; a bar on the shoulders; hands behind the head; arms
    # crossed, overhead, on the hips.
    _squatting(0.12, _CLASPED, wide=True),
    _squatting(0.04, ((0.85, 0.98), (-0.2, 0.15), (0.0, 0.2)), swivel=(30, 90), wide=True),
    _squatting(0.06, AT_CHEST, wide=True),
    _squatting(0.2, _ON_SHOULDERS, swivel=(-30, 45), lean=(15, 60), wide=True, tempo=0.9),
    _squatting(0.05, ((-0.2, 0.0), (0.25, 0.4), (-0.1, 0.05)), swivel=(60, 90)),
    _squatting(0.05, ((-0.55, -0.35), (-0.1, 0.05), (0.2, 0.35)), swivel=(40, 80)),
    _squatting(0.03, ((0.0, 0.45), (0.75, 0.95), (-0.05, 0.2)), swivel=(40, 90), wide=True),
    _squatting(0.03, ON_HIPS, swivel=(60, 100)),
]


def _jumping(share: float, wind_up: dict[str, Any], swing: dict[str, Any], **how: Any) -> Variant:
    """Knees bent, up with a swing of the arms, landed with bent knees."""
    return Variant(
        share,
        beat=[
            ((0.25, 0.6), {"down": (0.08, 0.36), "back": (0.0, 0.12), "lean": (8, 42)} | wind_up),
            ((0.16, 0.3), {"down": (-0.02, 0.0), "back": 0.0, "lean": (-2, 8), "air": 0.0} | swing),
            ((0.18, 0.28), {"air": (0.08, 0.42), "down": (0.0, 0.12)}),
            ((0.18, 0.28), {"air": 0.0, "down": (0.02, 0.08)}),
            ((0.1, 0.24), {"down": (0.06, 0.3), "back": (0.0, 0.1), "lean": (4, 30)}),
            ((0.2, 0.5), {"down": 0.0, "back": 0.0, "lean": (0, 5), "rest": "arms"}),
            ((0.0, 0.4), {}),
        ],
        repeats=(1, 5),
        **how,
    )


def _hopping(share: float, arms: dict[str, Any], height: Range, bend: Range, **how: Any) -> Variant:
    """Small jumps one after the other; with a rope the hands turn beside the hips."""
    up: dict[str, Any] = {"air": height, "down": 0.0}
    landed: dict[str, Any] = {"air": 0.0, "down": bend}
    if arms:
        up["arms+"] = (0.05, (0.0, 0.06), (0.0, 0.08))
        landed["arms+"] = (-0.02, (-0.06, 0.0), (-0.08, 0.0))
    return Variant(
        share,
        before=[((0.3, 0.9), arms | {"lean": (-2, 10)}), ((0.0, 1.0), {})],
        beat=[((0.12, 0.2), up), ((0.12, 0.2), landed), ((0.07, 0.22), {"down": (0.0, 0.02)})],
        repeats=(3, 24),
        after=[((0.15, 0.3), {"down": 0.0})],
        **how,
    )


_ROPE: dict[str, Any] = {"arms": ((0.15, 0.7), (-0.75, -0.15), (0.05, 0.5)), "swivel": (0, 40)}
_UPWARDS: Place = ((-0.05, 0.35), (0.5, 0.95), (0.05, 0.5))
_JUMPS = [
    _jumping(
        0.17,
        {"arms": ((0.08, 0.2), (-0.9, -0.75), (-0.5, -0.15)), "swivel": (0, 30)},
        {"arms": ((0.0, 0.25), (-0.4, 0.4), (0.5, 0.8)), "swivel": (10, 50)},
    ),
    _jumping(
        0.1,
        {"arms": ((0.08, 0.2), (-0.9, -0.7), (-0.5, 0.1))},
        {"arms": _UPWARDS, "swivel": (10, 70)},
    ),
    _jumping(0.14, {}, {}),
    # A rope, slack or high; hopping with the arms hanging, on the hips or flung up.
    _hopping(0.32, _ROPE, height=(0.03, 0.13), bend=(0.01, 0.07)),
    _hopping(0.08, _ROPE, height=(0.1, 0.25), bend=(0.04, 0.14), tempo=0.75),
    _hopping(0.08, {}, height=(0.03, 0.16), bend=(0.02, 0.1)),
    # A small jump or two on the spot.
    replace(_hopping(0.1, {}, height=(0.05, 0.18), bend=(0.05, 0.16), tempo=0.85), repeats=(1, 3)),
    _hopping(0.08, {"arms": _FLUNG, "swivel": (10, 70)}, height=(0.04, 0.16), bend=(0.02, 0.1)),
    # The feet apart and together; the knees up.
    Variant(
        0.04,
        beat=[
            ((0.14, 0.24), {"air": (0.03, 0.12), "down": 0.0}),
            (
                (0.14, 0.24),
                {
                    "air": 0.0,
                    "step": ((0.1, 0.3), 0.0, 0.0),
                    "other step": ((0.1, 0.3), 0.0, 0.0),
                    "down": (0.02, 0.1),
                },
            ),
            ((0.14, 0.24), {"air": (0.03, 0.12), "down": 0.0}),
            (
                (0.14, 0.24),
                {"air": 0.0, "step": 3 * (0.0,), "other step": 3 * (0.0,), "down": (0.02, 0.1)},
            ),
        ],
        repeats=(1, 8),
    ),
    Variant(
        0.04,
        beat=[
            ((0.25, 0.45), {"down": (0.1, 0.3), "lean": (5, 30)}),
            ((0.16, 0.28), {"down": 0.0, "lean": (-2, 8)}),
            (
                (0.16, 0.26),
                {
                    "air": (0.15, 0.35),
                    "step": (0.0, (0.15, 0.4), (0.05, 0.25)),
                    "other step": (0.0, (0.15, 0.4), (0.05, 0.25)),
                },
            ),
            (
                (0.18, 0.28),
                {"air": 0.0, "step": 3 * (0.0,), "other step": 3 * (0.0,), "down": (0.05, 0.15)},
            ),
            ((0.15, 0.35), {"down": 0.0}),
        ],
        repeats=(1, 4),
    ),
]


def _sitting_down(
    share: float, on_the_way: Place | None, seated: Place | None, lean: Range = (18, 55)
) -> Variant:
    going: dict[str, Any] = {} if on_the_way is None else {"arms": on_the_way}
    there: dict[str, Any] = {} if seated is None else {"arms": seated}
    low = {"lean": lean, "down": (0.08, 0.26), "back": (0.1, 0.3), "nod": (-20, 15)}
    return Variant(
        share,
        before=[
            ((0.3, 0.9), low | going),
            ((0.2, 0.7), {"posture": "seated", "lean": (4, 35)} | going),
            ((0.2, 0.8), {"posture": "seated", "nod": (-5, 10)} | there),
            ((0.2, 1.1), {}),
        ],
        stays=True,
    )


def _standing_up(
    share: float, seated: Place | None, on_the_way: Place | None, lean: Range = (22, 58)
) -> Variant:
    there: dict[str, Any] = {} if seated is None else {"arms": seated}
    going: dict[str, Any] = {} if on_the_way is None else {"arms": on_the_way}
    rising = {"posture": "standing", "lean": (8, 42), "down": (0.1, 0.32), "back": (0.05, 0.28)}
    return Variant(
        share,
        begin=there,
        seated=1.0,
        before=[
            ((0.0, 0.6), {}),
            ((0.25, 0.8), {"lean": lean, "nod": (-15, 10)} | going),
            ((0.18, 0.5), rising | going),
        ],
        back=(0.3, 0.8),
    )


_REACHED: Place = ((0.0, 0.15), (-0.85, -0.4), (0.1, 0.75))
_ON_SEAT: Place = ((0.1, 0.3), (-0.95, -0.7), (-0.3, 0.1))
_ON_LAP: Place = ((0.02, 0.2), (-0.9, -0.6), (0.05, 0.4))
_SITS = [
    _sitting_down(0.25, HANG, ON_KNEES),
    _sitting_down(0.25, _REACHED, ON_KNEES),
    _sitting_down(0.15, _ON_SEAT, _ON_LAP),
    _sitting_down(0.15, None, None),
    _sitting_down(0.1, ON_KNEES, ON_KNEES),
    _sitting_down(0.1, None, _ON_LAP, lean=(4, 25)),
]
_STANDS = [
    _standing_up(0.2, ON_KNEES, ON_KNEES),
    _standing_up(0.25, ON_KNEES, _REACHED),
    _standing_up(0.15, _ON_LAP, _ON_SEAT),
    _standing_up(0.15, _ON_LAP, HANG),
    _standing_up(0.15, None, None),
    _standing_up(0.1, None, None, lean=(8, 28)),
]

_BOWS = [
    Variant(
        share,
        before=[
            (
                (0.35, 1.2),
                {
                    "lean": lean,
                    "curl": (2, 28),
                    "nod": (-8, 30),
                    "back": (0.02, 0.2),
                    "down": (0, 0.06),
                }
                | ({} if arms is None else {"arms": arms}),
            ),
            ((0.0, 1.0), {}),
        ],
        back=(0.35, 1.1),
    )
    # The hands hang, slide to the knees, stay at the sides, meet before the body, before the chest,
    # or stay wherever they are; a deep one; a small one.
    for share, arms, lean in (
        (0.2, ((0.02, 0.15), (-0.95, -0.75), (0.1, 0.6)), (25, 75)),
        (0.15, ((0.0, 0.1), (-0.9, -0.75), (0.3, 0.55)), (25, 75)),
        (0.15, ((0.08, 0.18), (-0.99, -0.93), (-0.25, 0.05)), (25, 75)),
        (0.1, ((-0.34, -0.25), (-0.8, -0.6), (0.3, 0.5)), (25, 75)),
        (0.08, ((-0.34, -0.3), (-0.3, -0.1), (0.35, 0.5)), (18, 55)),
        (0.08, _ON_SHOULDERS, (35, 85)),
        (0.12, None, (20, 60)),
        (0.16, ((0.0, 0.15), (-0.85, -0.15), (0.4, 0.98)), (50, 100)),
        (0.08, None, (14, 26)),
    )
]

_STILL = [
    Variant(
        0.2,
        before=[((0.8, 2.0), {"look": (-30, 30)}), ((0.5, 1.2), {"look": (-15, 15)})],
        seated=0.3,
    ),
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
            seated=seated,
        )
        for place, swivel, seated in (
            (ON_HIPS, (60, 100), 0.0),
            (((-0.4, -0.2), (-0.42, -0.28), (0.28, 0.4)), (10, 40), 0.3),
            (((-0.34, -0.25), (-0.85, -0.7), (0.2, 0.4)), (0, 30), 0.0),
            (((-0.2, -0.1), (-0.8, -0.65), (-0.2, -0.1)), (30, 80), 0.0),
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
        seated=0.3,
    ),
    Variant(
        0.12,
        before=[
            ((0.4, 0.9), {"arm": ((-0.34, -0.1), (-0.5, -0.15), (0.2, 0.35)), "swivel": (10, 50)}),
            ((0.12, 0.25), {"arm+": ((-0.05, 0.05), (-0.06, 0.06), 0.0)}),
            ((0.12, 0.25), {"arm+": ((-0.05, 0.05), (-0.06, 0.06), 0.0)}),
        ],
        seated=0.2,
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
        begin={"arms": ON_KNEES},
        before=[
            ((0.6, 1.5), {"look": (-30, 30), "lean": (-10, 15)}),
            ((0.4, 1.0), {"look": (-15, 15)}),
        ],
        stays=True,
        seated=1.0,
    ),
]

BODY_ACTIONS: dict[str, list[Variant]] = {
    "kick": _KICKS,
    "squat": _SQUATS,
    "jump": _JUMPS,
    "sit down": _SITS,
    "stand up": _STANDS,
    "bow": _BOWS,
    "idle": _STILL,
}
