"""Pretraining by momentum contrast with extreme views: AimCLR (Guo et al. 2022)."""

import torch
from torch import Tensor

from skedge.recipes.settings import PretrainSettings
from skedge.teacher.methods.contrast_losses import ddm, first_and, info_nce, nearest
from skedge.teacher.methods.skeletonclr import Embedded, Extreme, SkeletonCLR


class AimCLR(SkeletonCLR):
    """SkeletonCLR, and extreme views whose similarities shall be distributed as the normal query's;
    AimCLR eq. 9.

    Stage 2 counts as positive the keys nearest to each of the three queries, by the mean of
    log-probabilities, as its program.
    """

    stages = 2

    @staticmethod
    def use_of_extreme(settings: PretrainSettings) -> Extreme:
        return "ddm"

    def intra(self, one: Embedded, stage: int) -> Tensor:
        logits = self.logits((one.query * one.key).sum(1), one.negatives, one.own)
        mined = None
        if stage:
            mined = nearest(one.negatives, self.contrast.neighbors, one.own)
            for query in one.extreme:
                mined = mined | nearest(
                    one.moco.similarities(query), self.contrast.neighbors, one.own
                )
        return info_nce(logits, first_and(one.own, mined), "mean") + self.divergence(one, logits)

    def divergence(self, one: Embedded, logits: Tensor) -> Tensor:
        """The mean of the extreme queries' divergences from the normal query's logits."""
        others = [
            self.logits((q * one.key).sum(1), one.moco.similarities(q), one.own)
            for q in one.extreme
        ]
        return torch.stack([ddm(other, logits) for other in others]).mean()
