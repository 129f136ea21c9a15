"""Looking for people beside those who are followed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from skedge.edge_runtime.pose.detector import Detector
from skedge.edge_runtime.pose.identity import Track
from skedge.edge_runtime.pose.landmarks import MAIN, Body
from skedge.edge_runtime.pose.region import Region

# Two bodies of whose main joints half lie closer than this share of their size are one body found
# twice.
SAME = 0.08
# What is painted over of a body goes beyond its landmarks by this share of its size.
EDGE = 0.03
# A picture this much wider than high, or higher than wide, is also searched in the squares at its
# two ends: small people.
LONG = 1.2
# Around where somebody is missed, a square this much larger than the body's is searched.
AROUND = 1.5
# Something has changed where in a picture of this many pixels across so many are brighter or
# darker by this much of 255: noise is less, and a person who comes in is more.
THUMBNAIL, CELLS, BRIGHTER = 40, 4, 24
# Changes within this share of a followed body's size around its landmarks are that body's own:
# limbs, shadow, and the wall that it has left.
OWN = 0.1
Window = tuple[int, int, int, int]


class Search:
    """Runs the detector on one window of the picture after the other, so that a look costs the same
    whatever the size."""

    def __init__(
        self, detector: Detector, took: Callable[[str, float], object] = lambda step, seconds: None
    ) -> None:
        self._detector = detector
        self._took = took
        self._looks = 0
        self._seen: np.ndarray | None = None
        self._bodies: tuple[Body, ...] = ()

    def look(
        self,
        image: np.ndarray,
        bodies: Sequence[Body],
        missed: Sequence[Track],
        seconds: float,
        anew: bool = False,
    ) -> list[Region]:
        """Where in `image` (H, W, 3) the next window shows people beside `bodies`, the surest
        first.

        Windows take turns: one around the place where each of `missed` is expected, the whole
        picture, and in one that is wider than high the square where all is that has changed since
        the last look, or one at either end. `anew` begins with the first of them.
        """
        changed = np.flatnonzero(self._changes(image, bodies).any(axis=0)) * _step(image)
        places = [*_around(image, missed, seconds), *_parts(image, changed)]
        self._seen, self._bodies = _thumbnail(image), tuple(bodies)
        picture = _without(image, bodies)
        if anew:
            self._looks = 0
        left, top, right, bottom = places[self._looks % len(places)]
        self._looks += 1
        start = time.perf_counter()
        regions = self._detector.detect(picture[top:bottom, left:right])
        self._took("detector", time.perf_counter() - start)
        return [replace(one, x=one.x + left, y=one.y + top) for one in regions]

    def has_changed(self, image: np.ndarray, bodies: Sequence[Body]) -> bool:
        """Whether anything in the picture has changed since the last look, apart from the followed
        `bodies`."""
        return int(self._changes(image, bodies).sum()) >= CELLS

    def _changes(self, image: np.ndarray, bodies: Sequence[Body]) -> np.ndarray:
        """Which cells of the thumbnail are brighter or darker than at the last look, bool; all of
        them before the first."""
        seen = self._seen
        now = _thumbnail(image)
        if seen is None or seen.shape != now.shape:
            return np.ones(now.shape, bool)
        changed = np.abs(now - seen) > BRIGHTER
        for body in (*self._bodies, *bodies):
            edge = OWN * body.region.size
            low, high = body.pixels.min(axis=0) - edge, body.pixels.max(axis=0) + edge
            left, top = np.maximum(np.floor(low / _step(image)), 0).astype(int)
            right, bottom = np.maximum(np.ceil(high / _step(image)), 0).astype(int)
            changed[top:bottom, left:right] = False
        return np.asarray(changed)


def _step(image: np.ndarray) -> int:
    """Pixels from one cell of the thumbnail to the next."""
    return max(1, max(image.shape[:2]) // THUMBNAIL)


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """The brightness of every so many pixels, about `THUMBNAIL` across."""
    step = _step(image)
    return image[::step, ::step, 1].astype(np.int16)


def same(body: Body, other: Body) -> bool:
    """Whether two bodies are one, found twice."""
    apart = np.linalg.norm(body.pixels[MAIN] - other.pixels[MAIN], axis=1)
    return bool((apart < SAME * min(body.region.size, other.region.size)).mean() >= 0.5)


def covered(body: Body, other: Body) -> bool:
    """Whether a third of the main joints of a body lie on another's: too little of it is in view,
    or it is that other one."""
    hull = _hull(other)
    edge = EDGE * other.region.size
    on = [
        cv2.pointPolygonTest(hull, (float(x), float(y)), True) >= -edge
        for x, y in body.pixels[MAIN]
    ]
    return sum(on) >= len(on) / 3


def _parts(image: np.ndarray, changed: np.ndarray) -> list[Window]:
    """The whole picture, and where it is long a square around the columns that have `changed`
    (pixels), or the squares at its ends where those are none or too far apart."""
    height, width = image.shape[:2]
    side = min(width, height)
    whole = (0, 0, width, height)
    if max(width, height) <= LONG * side:
        return [whole]
    if width > height and len(changed) and np.ptp(changed) < side:
        left = int(np.clip((changed.min() + changed.max() - side) // 2, 0, width - side))
        return [whole, (left, 0, left + side, height)]
    return [whole, (0, 0, side, side), (width - side, height - side, width, height)]


def _around(image: np.ndarray, missed: Sequence[Track], seconds: float) -> list[Window]:
    height, width = image.shape[:2]
    windows = []
    for track in missed:
        x, y = track.expected(seconds)
        reach = AROUND * track.size / 2
        left, top, right, bottom = np.clip(
            [x - reach, y - reach, x + reach, y + reach], 0, [width, height] * 2
        ).astype(int)
        if min(right - left, bottom - top) > reach / 2:
            windows.append((int(left), int(top), int(right), int(bottom)))
    return windows


def _without(image: np.ndarray, bodies: Sequence[Body]) -> np.ndarray:
    """The picture with those bodies painted over: the detector goes for the clearest, and misses
    others beside it."""
    if not bodies:
        return image
    picture = image.copy()
    color = cv2.mean(picture)
    for body in bodies:
        hull = _hull(body)
        cv2.fillConvexPoly(picture, hull, color)
        cv2.polylines(
            picture, [hull], True, color, thickness=max(1, round(2 * EDGE * body.region.size))
        )
    return picture


def _hull(body: Body) -> np.ndarray:
    # OpenCV draws with 16 bits before the point.
    return np.asarray(cv2.convexHull(body.pixels.round().clip(-16000, 16000).astype(np.int32)))
