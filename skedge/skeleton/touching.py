"""People who touch: where there are two, a pose estimator then finds one body, with limbs of both.

In films of people who hug, one of the two is lost from one picture to the next, a step away from
the other, whose body then turns into that of both, and back into one of either.
"""

import math
from collections.abc import Mapping

import numpy as np

from skedge.skeleton.layout import Layout

# Two people can touch whose trunks are less than this many trunk lengths apart, from middle to
# middle.
REACH = 1.6
# Trunks whose lengths (natural logarithm) differ by more are not equally far from the camera: one
# passes behind the other.
ALIKE = 0.3
# Seconds for which somebody who was lost is believed to be there still.
HIDDEN = 3.0

Trunk = tuple[float, float, float]


def trunks(pixels: np.ndarray, layout: Layout) -> list[Trunk]:
    """The middle (x, y) and the length of each body's trunk by the places of its joints (N, V, 2)
    in the picture, NaN where it is not seen."""
    hip, chest = (pixels[:, list(layout.anchors[name])].mean(axis=1) for name in ("hip", "chest"))
    with np.errstate(invalid="ignore"):  # a damaged file may have joints at infinity
        middle, length = (hip + chest) / 2, np.linalg.norm(chest - hip, axis=1)
    return list(zip(*middle.T.tolist(), length.tolist(), strict=True))


class Touching:
    """Finds, picture by picture, the bodies that may be those of two people: those beside whom
    somebody was lost, until that one is seen again, for `HIDDEN` seconds at the most."""

    def __init__(self) -> None:
        self._last: Mapping[int, Trunk] = {}
        # Beside whom, and when, everybody was lost.
        self._lost: dict[int, tuple[set[int], float]] = {}

    def update(self, people: Mapping[int, Trunk], seconds: float) -> set[int]:
        """Whose bodies of the picture at `seconds` may be those of two; `people` are the trunks of
        all in it, by their number."""
        # Also of those who are lost in the same picture.
        there = {**self._last, **people}
        for one in self._last.keys() - people.keys():
            beside = {
                other
                for other, trunk in there.items()
                if other != one and _in_reach(there[one], trunk)
            }
            self._lost[one] = beside, seconds
        self._last = people
        self._lost = {
            one: (beside, since)
            for one, (beside, since) in self._lost.items()
            if one not in people and seconds - since <= HIDDEN
        }
        return {one for beside, _ in self._lost.values() for one in beside if one in people}


def _in_reach(one: Trunk, other: Trunk) -> bool:
    (x, y, length), (other_x, other_y, other_length) = one, other
    if not min(length, other_length) > 0:
        return False
    apart = math.hypot(x - other_x, y - other_y) / max(length, other_length)
    return apart < REACH and abs(math.log(length) - math.log(other_length)) < ALIKE
