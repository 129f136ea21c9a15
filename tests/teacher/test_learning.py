"""A method leaves an encoder that knows more than the one it began with.

Not held of SkeletonMAE: on the paths by which MAMP and Skeleton2vec are held, with an error of 15
cm, it changed nearest neighbours by 18, 15, 9, 1 and -14 points over five seeds, after 128 steps of
17 s, and no more surely after 192. Nor was it surer on smooth curves of 8 or 48 kinds, with widths
of 16 to 64 and rates of 0.005 to 0.02: 64 to 128 steps gave -25 to 26 points (seed 0). With errors
that an untrained encoder cannot see through, its loss stays near the variance of the clips so long.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from skedge.recipes.methods import METHODS
from skedge.teacher.methods.method import Method, OneEncoder
from skedge.teacher.methods.pstl import SkeletonBT
from skedge.teacher.methods.skeletonclr import SkeletonCLR
from tests.teacher.learnable import PATHS, learn

# Points that a method must gain, of 288 clips. Over five seeds it was 3.8 to 34, of MAMP 36 to 58
# and of Skeleton2vec 19 to 33. Noise in place of a loss loses 2.8 to 18 points, with these two it
# is between a loss of 4 and a gain of 8.
GAINED = {"mamp": 15.0, "skeleton2vec": 10.0}
LEAST = 3.0


@pytest.mark.parametrize("method", [one for one in METHODS if one != "skeletonmae"])
def test_a_pretrained_encoder_is_above_the_untrained_one(method: str, tmp_path: Path) -> None:
    known = learn(method, tmp_path)
    assert known.trained > known.untrained + GAINED.get(method, LEAST)


@pytest.mark.parametrize("method", ["skeleton-bt", "skeletonclr", *PATHS])
def test_noise_in_place_of_the_loss_teaches_nothing(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noise(self: Method, batch: Any, batch_index: int) -> Tensor:
        learned = [one for one in self.parameters() if one.requires_grad]
        return torch.stack([(one * torch.randn_like(one)).sum() for one in learned]).sum()

    for kind in (OneEncoder, SkeletonBT, SkeletonCLR):
        monkeypatch.setattr(kind, "training_step", noise)
    known = learn(method, tmp_path)
    assert known.trained < known.untrained + GAINED.get(method, 0.0)
