"""Where a body stands: the network gives joints about the hips, but jumping and sitting down move
the hips."""

import numpy as np

from skedge.edge_runtime.pose.landmarks import HIPS
from skedge.edge_runtime.pose.smoothing import OneEuro

# The focal length as a share of the picture's longer side: 60 degrees across, as webcams and the
# Pi's cameras have. A wrong one makes distances from the camera wrong by its factor, and nothing
# else.
FOCAL = 0.87
# How fast the distance is followed (Hz, and Hz more for every m/s): it comes from the apparent
# size, which is noisy.
CUTOFF, SLOPE = 0.2, 0.3
NEAREST, FARTHEST = 0.3, 30.0


def rays(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """What a pinhole camera's pixels (..., 2) look at: metres to the camera's left and up, (...,
    2), for a metre away."""
    return ((width / 2, height / 2) - pixels) / (FOCAL * max(width, height))


def locate(
    joints: np.ndarray, pixels: np.ndarray, weights: np.ndarray, width: int, height: int
) -> np.ndarray:
    """The translation (3,) by which `joints` (V, 3) come to appear at `pixels` (V, 2) of a picture
    of that size.

    Metres; x to the camera's left, y up, z away, the camera at the origin. The least-squares
    solution of the projection's equations, which are linear in the translation, each joint with its
    weight (V,).
    """
    # A joint (x, y, z) on the ray (r, s): x + tx = r (z + tz) and y + ty = s (z + tz). For any tz
    # the best tx and ty are means, so that only tz is left, of numbers without their mean.
    seen = rays(pixels, width, height)
    wanted = seen * joints[:, 2:] - joints[:, :2]
    shares = weights / max(float(weights.sum()), 1e-9)
    seen_mean, wanted_mean = shares @ seen, shares @ wanted
    spread = seen - seen_mean
    weighed = shares[:, None] * spread
    spreads = float((weighed * spread).sum())
    # All joints on one ray say nothing of the distance.
    away = -float((weighed * wanted).sum()) / spreads if spreads > 1e-12 else 0.0
    across, up = wanted_mean + seen_mean * away
    return np.array([across, up, away])


class Placement:
    """Puts one person's joints where the person stands, steadily."""

    def __init__(self) -> None:
        self._distance = OneEuro(CUTOFF, SLOPE)

    def update(
        self,
        joints: np.ndarray,
        pixels: np.ndarray,
        weights: np.ndarray,
        width: int,
        height: int,
        seconds: float,
    ) -> np.ndarray:
        """The joints (33, 3) as `locate` places them, with a smoothed distance and the hips on the
        ray of their pixel."""
        away = float(locate(joints, pixels, weights=weights, width=width, height=height)[2])
        away = min(max(away, NEAREST), FARTHEST)
        distance = float(self._distance.update(np.array(away), seconds))
        left, right = HIPS
        (across, up), (across_too, up_too) = pixels[HIPS].tolist()
        away = distance / (FOCAL * max(width, height))
        hips = np.array([
            (width - across - across_too) / 2 * away,
            (height - up - up_too) / 2 * away,
            distance,
        ])  # fmt: skip
        return joints + (hips - (joints[left] + joints[right]) / 2)
