"""How somebody stands and sits when there is nothing to do, and where the hands rest meanwhile."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skedge.datasets.synthetic import body
from skedge.datasets.synthetic.actions import RESTING, SEATED, STANDING, Posture
from skedge.datasets.synthetic.people import Person


@dataclass
class Stance:
    """The channels of one person's ways of standing, walking and sitting; which it is now.

    `resting`: the place of each hand (outwards, up, front, in arm lengths) and its elbow's swivel.
    """

    bases: dict[Posture, dict[str, float]]
    hang: dict[str, list[float]]
    posture: Posture = "standing"
    resting: dict[str, list[float]] = field(default_factory=dict)

    @property
    def base(self) -> dict[str, float]:
        """The channels of the present posture."""
        return self.bases[self.posture]

    def rest_hands(self, rng: np.random.Generator, chance: float) -> None:
        """Let the hands hang, or with this chance rest where hands do."""
        self.resting = {side: [*self.hang[side], 10.0] for side in body.SIDES}
        if rng.random() > chance:
            return
        kinds = RESTING["seated" if self.posture == "seated" else "standing"]
        place, swivel, always_both = kinds[rng.integers(len(kinds))]
        sides = list(body.SIDES)
        if not always_both and rng.random() < 0.6:
            sides = [sides[rng.integers(2)]]
        for side in sides:
            at = (rng.uniform(*np.broadcast_to(part, 2)) for part in place)
            self.resting[side] = [*map(float, at), swivel]


def stance(who: Person, rng: np.random.Generator, posture: Posture = "standing") -> Stance:
    """A way of standing and sitting, drawn."""
    steps = {"step": "right", "other step": "left"}
    if rng.random() < 0.5:
        steps = {"step": "left", "other step": "right"}
    bases: dict[Posture, dict[str, float]] = {}
    drawn: dict[Posture, dict[str, Any]] = {"standing": STANDING, "walking": {}, "seated": SEATED}
    for name, values in drawn.items():
        base = {"lean": who.lean, "curl": who.curl}
        for channel, value in values.items():
            if channel in steps:
                for way, part in zip(body.FOOT, value, strict=True):
                    base[f"{steps[channel]}_{way}"] = float(rng.uniform(*np.broadcast_to(part, 2)))
            else:
                base[channel] = base.get(channel, 0.0) + float(rng.uniform(*value))
        bases[name] = base
    hang = {side: [float(part + rng.normal(0, 0.02)) for part in who.hang] for side in body.SIDES}
    made = Stance(bases, hang, posture)
    made.rest_hands(rng, 0.7 if posture == "seated" else 0.3)
    return made
