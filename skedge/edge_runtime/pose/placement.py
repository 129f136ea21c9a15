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
    middle = np.array([width / 2, height / 2])
    return np.asarray((middle - pixels) / (FOCAL * max(width, height)))


def distance(
    joints: np.ndarray, pixels: np.ndarray, weights: np.ndarray, width: int, height: int
) -> float:
    """How far `joints` (V, 3) must be moved away to appear at `pixels` (V, 2) of a picture of that
    size, in metres.

    x to the camera's left, y up, z away, the camera at the origin. The least-squares solution of
    the projection's equations, which are linear in the translation, each joint with its weight
    (V,).
    """
    # A joint (x, y, z) on the ray (r, s): x + tx = r (z + tz) and y + ty = s (z + tz). For any tz
    # the best tx and ty are means, so that only tz is left, of rays without their mean.
    seen = rays(pixels, width, height)
    wanted = seen * joints[:, 2:] - joints[:, :2]
    total = max(float(weights.sum()), 1e-9)
    spread = seen - weights @ seen / total
    weighed = weights[:, None] * spread
    spreads = float(np.vdot(weighed, spread))
    # All joints on one ray say nothing of the distance.
    return -float(np.vdot(weighed, wanted)) / spreads if spreads > 1e-12 * total else 0.0


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
        """The joints (33, 3) at their `distance`, which is smoothed, and the hips on the ray of
        their pixel."""
        away = distance(joints, pixels, weights=weights, width=width, height=height)
        away = min(max(away, NEAREST), FARTHEST)
        away = float(self._distance.update(np.array(away), seconds))
        # These are six numbers each, for which Python is quicker than numpy.
        (across, down), (across_too, down_too) = (pixels[hip].tolist() for hip in HIPS)
        (x, y, z), (x_too, y_too, z_too) = (joints[hip].tolist() for hip in HIPS)
        ray = away / (FOCAL * max(width, height))
        return joints + np.array([
            ((width - across - across_too) * ray - x - x_too) / 2,
            ((height - down - down_too) * ray - y - y_too) / 2,
            away - (z + z_too) / 2,
        ])  # fmt: skip
