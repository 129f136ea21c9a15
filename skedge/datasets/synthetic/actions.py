"""The words in which the synthetic set's movements are written down: key poses over time.

A variant is a list of keys. A key is (seconds to get there, what changes); all else stays as in the
key before. Every number may be a range (low, high) from which each clip draws its own. The acting
side is drawn per clip.

What changes: any trunk channel of `skedge.datasets.synthetic.body` (`side`, `twist`, `shift`,
`face`, `look` are towards the acting side), `step`/`other step` (out, up, front) of a foot in leg
lengths, and for `arm` (the acting one), `other`, or `arms` (both alike): a hand's place (outwards,
up, front) from its shoulder in arm lengths (the body's midline lies at about -0.33), with `+` moved
from the place that was named last (`arm+`), `swivel` (0 elbow down, 90 elbow out), `wag` and `bend`
of the wrist. `rest` lets everything named return to the person's own stance; `posture` changes that
("standing", "seated"). `foot` is a step that is made on a chair as well.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Range = float | tuple[float, float]
Key = tuple[Range, dict[str, Any]]
Place = tuple[Range, Range, Range]
Posture = Literal["standing", "walking", "seated"]

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
    all of it quicker. `way`: how the legs walk meanwhile (`gait.walk_way`). `closes`: what
    comes `after` is one more repetition, as hands that come together for a last time.
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
    closes: bool = False


HANG: Place = ((0.08, 0.2), (-0.99, -0.95), (-0.05, 0.15))
AT_CHEST: Place = ((-0.3, -0.1), (-0.35, -0.1), (0.3, 0.5))
GUARD: Place = ((-0.22, 0.1), (-0.12, 0.36), (0.24, 0.5))
ON_KNEES: Place = ((-0.05, 0.12), (-0.72, -0.6), (0.4, 0.6))
ON_HIPS: Place = ((0.08, 0.18), (-0.72, -0.62), (0.02, 0.12))
FRONT: Place = ((-0.2, 0.05), (-0.15, 0.08), (0.9, 0.98))

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
LOOK_DOWN = {"nod": (10, 35)}
LIFTED: Place = ((-0.25, 0.0), (-0.55, -0.25), (0.3, 0.55))

SEATED: dict[str, Any] = {
    "down": (0.3, 0.54),
    "back": (0.4, 0.55),
    "lean": (-12, 8),
    "curl": (0, 18),
    "step": ((-0.06, 0.12), 0.0, (-0.12, 0.15)),
    "other step": ((-0.06, 0.12), 0.0, (-0.12, 0.15)),
}
STANDING: dict[str, Any] = {
    "side": (-2, 2),
    "twist": (-5, 5),
    "shift": (-0.04, 0.04),
    "down": (0.0, 0.015),
    "step": ((-0.05, 0.06), 0.0, (-0.03, 0.12)),
    "other step": ((-0.05, 0.06), 0.0, (-0.08, 0.03)),
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


def held(share: float, arms: dict[str, Any], seconds: Range = (0.5, 1.6), **how: Any) -> Variant:
    """Hands brought somewhere and held there, with a look around."""
    keys: list[Key] = [((0.35, 0.9), arms), (seconds, {"look": (-20, 20)})]
    return Variant(share, before=keys, **how)


def busy(
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
        (seconds, {f"{role}+": tuple((low * part, high * part) for part in size)})
        for low, high in ((0.3, 1.0), (-1.0, -0.3))
    ]
    return Variant(share, before=[((0.35, 0.8), arms)], beat=moves, repeats=repeats, **how)


def stooping(
    share: float,
    down: Range,
    lean: Range,
    place: Place,
    role: str,
    hold: Range,
    after: dict[str, Any],
) -> Variant:
    """Down to something with the hands, and up again."""
    reached = {
        "down": down,
        "back": (0.02, 0.2),
        "lean": lean,
        "curl": (5, 35),
        "nod": (-10, 25),
        role: place,
    }
    reached |= {"swivel": (0, 40), "step": ((0.0, 0.08), 0.0, (0.0, 0.25))}
    return Variant(
        share,
        before=[((0.5, 1.1), reached), (hold, {}), ((0.5, 1.1), {"rest": "all"} | after)],
        back=(0.3, 0.8),
    )


def stroke(share: float, keys: list[Key], **how: Any) -> Variant:
    """A movement through keys at its own pace, once."""
    return Variant(share, before=keys, **how)
