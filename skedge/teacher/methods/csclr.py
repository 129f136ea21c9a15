"""Pretraining by contrast of streams with each other: CSCLR (Li et al.)."""

from collections.abc import Mapping
from itertools import permutations

import torch
from torch import Tensor
from torch.nn import functional

from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import PretrainSettings
from skedge.skeleton.layout import Layout
from skedge.skeleton.streams import Stream
from skedge.teacher.methods.aimclr import AimCLR
from skedge.teacher.methods.contrast_losses import first_and, info_nce, nearest
from skedge.teacher.methods.skeletonclr import Embedded, Extreme
from skedge.teacher.networks.dual import AnyEncoder


class CSCLR(AimCLR):
    """Every stream against itself and against the others, with mined neighbours and transformed
    positives; CSCLR eq. 2 to 11.

    Three streams give three terms of their own and six of ordered pairs, unweighted;
    `csclr.extreme` may add AimCLR's divergences to the former.
    """

    stages = 3
    together = True

    def __init__(
        self, encoders: Mapping[Stream, AnyEncoder], layout: Layout, recipe: Recipe
    ) -> None:
        super().__init__(encoders, layout, recipe)
        self.csclr = recipe.pretrain.csclr

        # Of the batch at hand, mean similarities of transformed pairs before and behind it.
        self.positives: list[tuple[Tensor, Tensor]] = []

    @staticmethod
    def use_of_extreme(settings: PretrainSettings) -> Extreme:
        return settings.csclr.extreme

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        self.positives.clear()
        loss = super().training_step(batch, batch_index)
        if self.positives:  # what CSCLR's figure 4 shows
            before, behind = (
                torch.stack(each).mean() for each in zip(*self.positives, strict=True)
            )
            self.log_dict({"positive_similarity": before, "transformed_similarity": behind})
        return loss

    def loss(self, found: dict[str, Embedded], stage: int) -> Tensor:
        pairs = permutations([found[name] for name in self.csclr.inter if name in found], 2)
        terms = [self.inter(one, other, stage) for one, other in pairs]
        return torch.stack([super().loss(found, stage), *terms]).sum()

    def intra(self, one: Embedded, stage: int) -> Tensor:
        mined = nearest(one.negatives, self.contrast.neighbors, one.own) if stage else None
        loss = info_nce(self.pair(one, one, stage == 2), first_and(one.own, mined))
        return loss + self.divergence(one, self.pair(one, one)) if one.extreme else loss

    def inter(self, one: Embedded, other: Embedded, stage: int) -> Tensor:
        """The query of one stream against the key and the queue of another, eq. 3 and 4."""
        return info_nce(
            self.pair(one, other, stage == 2 and self.csclr.transform.inter),
            first_and(other.own, None),
        )

    def pair(self, one: Embedded, other: Embedded, transformed: bool = False) -> Tensor:
        """Logits of one stream's query with another's (or its own) key and queue, the positive pair
        perhaps transformed."""
        settings = self.csclr.transform
        query = one.query
        key = other.key
        against = query
        if transformed:
            before = (query * key).detach().sum(1).mean()
            query, key = transform(query, key, self.amount(query))
            self.positives.append((before, (query * key).detach().sum(1).mean()))
            key = key if settings.key_gradient else key.detach()
            against = query if settings.negatives == "transformed" else against
            if settings.queued and other is one:
                one.queued = functional.normalize(key.detach(), dim=1)
        return self.logits((query * key).sum(1), other.moco.similarities(against), other.own)

    def amount(self, like: Tensor) -> Tensor:
        """Amounts of transformation (N, 1), eq. 10."""
        s = self.csclr.transform
        alpha = torch.full((len(like) if s.per == "pair" else 1, 1), s.alpha, device=like.device)
        return (1 + s.mu * torch.distributions.Beta(alpha, alpha).sample()).expand(len(like), 1)


def transform(query: Tensor, key: Tensor, amount: Tensor) -> tuple[Tensor, Tensor]:
    """CSCLR's positive feature transformation, eq. 8: query and key (N, D) drawn apart by amounts
    (N, 1) of at least 1.

    A pair whose similarity would become negative stays as it is. The new vectors are not unit
    vectors.
    """
    far_query = amount * query + (1 - amount) * key
    far_key = amount * key + (1 - amount) * query
    refused = (far_query * far_key).sum(1, keepdim=True) < 0
    return torch.where(refused, query, far_query), torch.where(refused, key, far_key)
