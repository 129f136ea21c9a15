"""Squares in a picture: where a body is thought to be, turned so that it stands upright, cut out
for a network."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

# The networks were trained on squares a quarter larger than the circle that the two key points of a
# body describe.
MARGIN = 1.25
# A square that is more times larger than the picture is not filled up around it.
LARGEST = 2
# Pixels around a square that its edge is mixed from.
BESIDE = 3


@dataclass(frozen=True)
class Region:
    """A square with centre (`x`, `y`) and side `size` in pixels, turned by `angle` (radians,
    clockwise as one looks at it)."""

    x: float
    y: float
    size: float
    angle: float

    def axes(self) -> np.ndarray:
        """The picture's directions of the square's own x and y, as the columns of a rotation (2,
        2)."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        return np.array([[cosine, -sine], [sine, cosine]])

    def to_picture(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2), from (0, 0) to (1, 1) over the square, as pixels of the picture."""
        turned = (points - 0.5) * self.size
        if self.angle:
            turned = turned @ self.axes().T
        return np.asarray(turned + np.array([self.x, self.y]))

    def cut(self, image: np.ndarray, side: int, border: int) -> np.ndarray:
        """The square of `image` (H, W, 3) uint8 blue green red as (side, side, 3) red green blue;
        `border` is OpenCV's mode for what lies outside."""
        scale, half = self.size / side, self.size / 2
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        reach = half * (abs(cosine) + abs(sine)) + BESIDE
        left, top = max(int(self.x - reach), 0), max(int(self.y - reach), 0)
        part = image[top : max(int(self.y + reach), 0), left : max(int(self.x + reach), 0)]
        if not part.size:
            part, left, top = image, 0, 0
        matrix = np.array([
            [cosine * scale, -sine * scale, self.x - left - half * (cosine - sine)],
            [sine * scale, cosine * scale, self.y - top - half * (sine + cosine)],
        ])  # fmt: skip
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        # On x86 OpenCV turns four channels in less than half the time that it takes for three.
        part = cv2.cvtColor(part, cv2.COLOR_BGR2BGRA)
        turned = cv2.warpAffine(part, matrix, (side, side), flags=flags, borderMode=border)
        return np.asarray(cv2.cvtColor(turned, cv2.COLOR_BGRA2RGB))


def cut_level(image: np.ndarray, region: Region, side: int) -> tuple[np.ndarray, Region] | None:
    """A square of `image` (H, W, 3) near a region, but not turned, as `Region.cut` gives it, and
    the region that it shows; what lies outside of the picture is as its edge.

    Cut out at whole pixels and shrunk it costs a fraction of what `Region.cut` does. None where the
    square lies outside, or is much larger than the picture.
    """
    height, width = image.shape[:2]
    size = max(1, round(region.size))
    left, top = round(region.x - size / 2), round(region.y - size / 2)
    square = image[max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)]
    if not square.size or size > LARGEST * max(height, width):
        return None
    if square.shape[:2] != (size, size):
        above, before = max(-top, 0), max(-left, 0)
        below, behind = size - above - square.shape[0], size - before - square.shape[1]
        square = cv2.copyMakeBorder(square, above, below, before, behind, cv2.BORDER_REPLICATE)
    # Resizing takes a pixel for its middle, a region for its upper left corner.
    middle = size / 2 + (size / side - 1) / 2
    shown = Region(left + middle, top + middle, float(size), angle=0.0)
    small = cv2.resize(square, (side, side), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB, small)), shown


def around_body(hips: np.ndarray, top: np.ndarray) -> Region | None:
    """The region of a body whose hips' centre and a point of its enclosing circle are given in
    pixels, (2,) each.

    The direction from the hips to that point is the body's up. None where the two are not two
    points of a picture.
    """
    across, down = float(top[0]) - float(hips[0]), float(top[1]) - float(hips[1])
    radius = math.hypot(across, down)
    if not math.isfinite(radius) or radius < 1:
        return None
    angle = math.atan2(across, -down)
    return Region(float(hips[0]), float(hips[1]), 2 * radius * MARGIN, angle=angle)
