"""Squares in a picture: where a body is thought to be, turned so that it stands upright, cut out
for a network."""

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
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        return np.array([[cosine, -sine], [sine, cosine]])

    def to_picture(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2), from (0, 0) to (1, 1) over the square, as pixels of the picture."""
        return (points - 0.5) * self.size @ self.axes().T + (self.x, self.y)

    def cut(self, image: np.ndarray, side: int, border: int) -> np.ndarray:
        """The square of `image` (H, W, 3) as (side, side, 3) uint8; `border` is OpenCV's mode for
        what lies outside."""
        scale = self.size / side
        turn = self.axes() * scale
        corner = self.to_picture(np.zeros(2))
        matrix = np.concatenate([turn, corner[:, None]], axis=1)
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
    across, down = (float(part) for part in np.asarray(top, np.float64) - hips)
    radius = float(np.hypot(across, down))
    if not np.isfinite(radius) or radius < 1:
        return None
    angle = np.arctan2(across, -down)
    return Region(float(hips[0]), float(hips[1]), 2 * radius * MARGIN, float(angle))
