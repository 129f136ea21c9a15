"""Pretraining by the prediction of a slow copy's features: Skeleton2vec."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.recipes.recipe import Recipe
from skedge.skeleton.layout import Layout
from skedge.teacher.methods.masked_prediction import MaskedPrediction
from skedge.teacher.networks.dual import AnyEncoder
from skedge.teacher.networks.transformer import Transformer

# Fewer steps than these are a small set's: the teacher then starts to follow faster.
MANY_STEPS = 10_000
EMA, SMALL_EMA = 0.9999, 0.99
EPSILON = 1e-5


class Skeleton2vec(MaskedPrediction):
    """The target is what the teacher makes of the whole clip, averaged over its blocks; the teacher
    is what is kept.

    `encoder` is the teacher: an exponential moving average of `learner`, updated after every step
    (eq. 6).
    """

    def __init__(self, encoder: AnyEncoder, layout: Layout, recipe: Recipe) -> None:
        s = recipe.pretrain.skeleton2vec
        super().__init__(encoder, layout, recipe, mask=s.mask, depth=s.decoder_depth)
        self.ema = s.ema
        self.learner = deepcopy(self.encoder)
        self.encoder.requires_grad_(False)

    @property
    def companions(self) -> dict[str, nn.Module]:
        """The learner, which figure 4 of Skeleton2vec compares with the teacher."""
        return {"learner": self.learner}

    def student(self) -> Transformer:
        assert isinstance(self.learner, Transformer)
        return self.learner

    @torch.no_grad()
    def target(self, x: Tensor) -> Tensor:
        assert isinstance(self.encoder, Transformer)
        return contextualized(self.encoder.encode(self.encoder.embed(x).flatten(1, 2)))

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        follow(
            self.encoder, self.student(), kept_share(self.ema, self.trainer.global_step - 1, steps)
        )


def contextualized(outputs: list[Tensor]) -> Tensor:
    """Skeleton2vec's targets (R, K, D) of every block's output (R, K, D): eq. 2 and 3.

    Each is instance-normalised (over its row's tokens, channel by channel), their mean
    layer-normalised; neither has weights. A block's output is taken behind its residual, as the
    early program does.
    """
    total = torch.stack(
        [functional.instance_norm(x.float().transpose(1, 2), eps=EPSILON) for x in outputs]
    ).mean(0)
    return functional.layer_norm(total.transpose(1, 2), total.shape[1:2], eps=EPSILON)


def kept_share(first: float | None, step: int, steps: int) -> float:
    """tau at a step (0, 1, ...) of `steps`: from `first`, or the default for so many steps,
    linearly to 1."""
    if first is None:
        first = EMA if steps >= MANY_STEPS else SMALL_EMA
    return first + (1 - first) * step / steps


@torch.no_grad()
def follow(teacher: nn.Module, student: nn.Module, kept: float) -> None:
    """The teacher's weights become kept * theirs + (1 - kept) * the student's (Skeleton2vec eq.
    6)."""
    for own, other in zip(teacher.parameters(), student.parameters(), strict=True):
        own.lerp_(other.to(own.dtype), 1 - kept)
