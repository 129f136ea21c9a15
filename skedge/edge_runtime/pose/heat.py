"""Where in its region each landmark is likely to lie, and landmarks drawn there."""

import numpy as np

# Cells across the map, and what the network says of each cell.
HEAT, FEATURES = 64, 48
KERNEL = 7
REACH = KERNEL // 2
AROUND = np.arange(-REACH, REACH + 1)
# How many cells lie between a point's cell and those of its square, (49,).
SQUARE = (AROUND[:, None] * HEAT + AROUND).ravel()
SURE = 0.5


class Heat:
    """Maps of where in its region each point is likely to lie: sums of the network's features,
    weighted by `weights` (n, C), plus `bias` (n, 1), as logits."""

    def __init__(self, weights: np.ndarray, bias: np.ndarray) -> None:
        self._weights = weights[:, :, None]
        self._bias = bias

    def refine(self, points: np.ndarray, features: np.ndarray) -> np.ndarray:
        """The n points (n, 2), 0 to 1 over the region, drawn to the middle of the heat around
        them, each in its own map; `features` are (64, 64, C).

        Within the square of `KERNEL` cells around a point the cells' places are averaged, weighted
        by their probabilities; where none of those reaches `SURE`, and for a point outside of the
        map, the point stays.
        """
        scaled = points * HEAT
        inside = np.asarray(((scaled >= 0) & (scaled < HEAT)).all(axis=1))
        cells = np.where(inside[:, None], scaled, 0).astype(np.intp)
        around = (cells[:, 1] * HEAT + cells[:, 0])[:, None] + SQUARE
        # Only these cells: a few hundred thousand multiplications in place of eight million.
        read = features.reshape(-1, features.shape[2]).take(around, axis=0, mode="clip")
        logits = (read @ self._weights)[:, :, 0] + self._bias
        weights = 1 / (1 + np.exp(np.minimum(-logits, 80))).reshape(-1, KERNEL, KERNEL)
        if cells.min() < REACH or cells.max() >= HEAT - REACH:
            # The part of a square that lies beyond the map weighs nothing.
            square = cells[:, :, None] + AROUND
            within = np.logical_and(square >= 0, square < HEAT)
            weights *= within[:, 1, :, None] & within[:, 0, None, :]
        sure = inside & (weights.reshape(len(points), -1).max(axis=1) >= SURE)
        total = np.maximum(weights.sum(axis=(1, 2)), 1e-9)
        moved = np.stack([weights.sum(axis=1) @ AROUND, weights.sum(axis=2) @ AROUND], axis=1)
        return np.where(sure[:, None], (cells + moved / total[:, None]) / HEAT, points)
