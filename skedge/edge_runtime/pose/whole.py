"""Whether enough of a body is in view to tell what it does."""

import math

import numpy as np

from skedge.edge_runtime.pose.landmarks import (
    ELBOWS,
    HIPS,
    KNEES,
    MAIN,
    NOSE,
    SHOULDERS,
    WRISTS,
    Body,
)

# The crown of the head lies this share as far above the nose as the nose above the middle of the
# shoulders.
CROWN = 0.6
CROWNED = np.array([NOSE, *SHOULDERS])
DOWN_TO_KNEES = np.array([*SHOULDERS, *HIPS, *KNEES])
DOWN_TO_ELBOWS = np.array([*SHOULDERS, *ELBOWS])
BELOW = np.array(KNEES)
ARMS = np.array([*SHOULDERS, *ELBOWS, *WRISTS])
# Radians of lean up to which a body stands or sits.
UPRIGHT = np.pi / 4
PRESENT = 0.5
# What the network's score and the mean visibility of the main joints must reach: a body that is
# half hidden, or guessed into a close-up, has less. Who is seen from the side hides one arm and leg
# behind the body; then those of the other side must reach more (in a close-up 0.78 at the most).
SURE = 0.5
VISIBLE, VISIBLE_SIDE = 0.65, 0.85
# Seconds over which it is averaged, and between which shares of whole pictures nothing changes: one
# bad picture says little.
STEADY = 0.4
ON, OFF = 0.75, 0.3
# For how many seconds one picture speaks: longer gaps are time in which nobody was seen.
SPEAKS = 0.25


def in_picture(body: Body, joints: np.ndarray, width: int, height: int) -> int:
    """How many of those joints lie inside of the picture and are not just guessed beyond the
    region's edge."""
    places = body.pixels.take(joints, axis=0).tolist()
    presence = body.presence.take(joints).tolist()
    # For a dozen joints Python is quicker than numpy.
    return sum(
        0 <= x < width and 0 <= y < height and there >= PRESENT
        for (x, y), there in zip(places, presence, strict=True)
    )


def is_whole(body: Body, width: int, height: int) -> bool:
    """Whether one picture surely shows a body from its crown to its knees, most of whose joints, or
    of one side's, are not hidden."""
    return (
        _has_crown(body, width, height)
        and in_picture(body, DOWN_TO_KNEES, width=width, height=height) == len(DOWN_TO_KNEES)
        and (_visible(body, MAIN) or _side_visible(body))
    )


def is_upper(body: Body, width: int, height: int) -> bool:
    """Whether one picture surely shows a body from its crown to its elbows, with its knees out of
    the picture, and most of its arms not hidden."""
    return (
        _has_crown(body, width, height)
        and in_picture(body, DOWN_TO_ELBOWS, width=width, height=height) == len(DOWN_TO_ELBOWS)
        and not in_picture(body, BELOW, width=width, height=height)
        and _visible(body, ARMS)
    )


def _has_crown(body: Body, width: int, height: int) -> bool:
    """Whether somebody is surely there, with the crown in the picture."""
    nose, left, right = body.pixels.take(CROWNED, axis=0).tolist()
    x, y = (
        at + CROWN * (at - (one + other) / 2)
        for at, one, other in zip(nose, left, right, strict=True)
    )
    return body.score >= SURE and 0 <= x < width and 0 <= y < height


def _visible(body: Body, joints: np.ndarray) -> bool:
    return float(body.visibility.take(joints).sum()) >= VISIBLE * len(joints)


def _side_visible(body: Body) -> bool:
    """Whether the main joints of one side are hardly hidden; `MAIN` names left and right in
    turn."""
    seen = body.visibility.take(MAIN)
    return float(max(seen[0::2].sum(), seen[1::2].sum())) >= VISIBLE_SIDE * len(MAIN) / 2


class Whole:
    """`is_whole` or `is_upper` over time: it takes half a second to be believed, and as long to be
    doubted.

    Who has not been seen upright yet is not believed: the network takes many a thing for somebody
    lying.
    """

    def __init__(self) -> None:
        self._share = 0.0
        self._seconds: float | None = None
        self._upright = False
        self.value = False

    def update(self, whole: bool, lean: float, seconds: float) -> bool:
        gap = 0.0 if self._seconds is None else seconds - self._seconds
        self._seconds = seconds
        self._share *= math.exp(-max(gap - SPEAKS, 0) / STEADY)
        self._share += (1 - math.exp(-min(gap, SPEAKS) / STEADY)) * (whole - self._share)
        self._upright = self._upright or (whole and abs(lean) < UPRIGHT)
        self.value = bool(self._upright and self._share >= (OFF if self.value else ON))
        return self.value
