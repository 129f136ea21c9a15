"""Pretraining of streams that name each other's neighbours: CrosSCLR (Li et al. 2021)."""

from collections.abc import Mapping
from itertools import permutations

import torch
from torch import Tensor

from skedge.recipes.recipe import Recipe
from skedge.skeleton.layout import Layout
from skedge.skeleton.streams import Stream
from skedge.teacher.methods.contrast_losses import first_and, info_nce, nearest
from skedge.teacher.methods.skeletonclr import Embedded, SkeletonCLR
from skedge.teacher.networks.dual import AnyEncoder


class CrosSCLR(SkeletonCLR):
    """SkeletonCLR in every stream, then streams that name the neighbours of each other's queries
    (Li et al. 2021, section 3.3).

    In stage 2 a stream's positives are its key and the keys that are nearest in another stream, by
    the mean of log-probabilities, the mean over the other streams. With context, the products of
    both streams' cosines are used beside the stream's own cosines, and the neighbours' count as
    positive too. This is its program, but for two things that look like slips there: here all key
    encoders follow in stage 2, and every stream has an MLP of its own.
    """

    stages = 2
    together = True

    def __init__(
        self, encoders: Mapping[Stream, AnyEncoder], layout: Layout, recipe: Recipe
    ) -> None:
        super().__init__(encoders, layout, recipe)
        self.context = recipe.pretrain.crossclr.context

    def loss(self, found: dict[str, Embedded], stage: int) -> Tensor:
        if not stage:
            return super().loss(found, stage)
        terms = [self.taught(one, other) for one, other in permutations(found.values(), 2)]
        return torch.stack(terms).sum() / (len(found) - 1)

    def taught(self, one: Embedded, teacher: Embedded) -> Tensor:
        """The loss of a stream whose neighbours another one names."""
        mined = nearest(teacher.negatives, self.contrast.neighbors, teacher.own)
        negatives = one.negatives
        own = one.own | teacher.own
        if self.context:
            negatives = torch.cat([negatives, negatives * teacher.negatives], dim=1)
            mined, own = torch.cat([mined, mined], dim=1), torch.cat([own, own], dim=1)
        return info_nce(
            self.logits((one.query * one.key).sum(1), negatives, own), first_and(own, mined), "mean"
        )
