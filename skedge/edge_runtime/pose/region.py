"""Squares in a picture: where a body is thought to be, turned so that it stands upright, cut out
for a network."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

# The networks were trained on squares a quarter larger than the circle that the two key points of a
# body describe.
MARGIN = 1.25


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
        return (points - 0.5) * self.size @ self.axes().T + (self.x, self.y)

    def cut(self, image: np.ndarray, side: int, border: int) -> np.ndarray:
        """The square of `image` (H, W, 3) as (side, side, 3) uint8; `border` is OpenCV's mode for
        what lies outside."""
        scale, half = self.size / side, self.size / 2
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        matrix = np.array([
            [cosine * scale, -sine * scale, self.x - half * (cosine - sine)],
            [sine * scale, cosine * scale, self.y - half * (sine + cosine)],
        ])  # fmt: skip
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpAffine(image, matrix, (side, side), flags=flags, borderMode=border)
        )


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
