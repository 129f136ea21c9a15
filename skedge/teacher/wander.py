"""Random numbers that change smoothly with time."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def wander(n: int, frames: int, shape: Sequence[int], pace: float) -> Tensor:
    """Numbers (N, M, T, *rest) for a `shape` (M, *rest), about unit in size, which change within
    `pace` frames."""
    knots = torch.randn(n, int(np.prod(shape)), int(frames / pace) + 2)
    smooth = functional.interpolate(knots, size=frames, mode="linear", align_corners=True)
    return 1.2 * smooth.view(n, *shape, frames).movedim(-1, 2)
