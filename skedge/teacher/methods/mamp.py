"""Pretraining by the prediction of motion: MAMP (Mao et al. 2023)."""

import torch
from torch import Tensor

from skedge.recipes.recipe import Recipe
from skedge.skeleton.layout import Layout
from skedge.teacher.masks.tokens import motion_of
from skedge.teacher.methods.masked_prediction import MaskedPrediction
from skedge.teacher.networks.dual import AnyEncoder
from skedge.teacher.networks.transformer import Transformer, segments


class MAMP(MaskedPrediction):
    """The target is the motion of every token's joint and frames (Mao et al. 2023, section 3.3)."""

    def __init__(self, encoder: AnyEncoder, layout: Layout, recipe: Recipe) -> None:
        assert isinstance(encoder, Transformer), "the registry sees to it"
        s = recipe.pretrain.mamp
        out = encoder.embedding.in_features
        super().__init__(encoder, layout, recipe, mask=s.mask, depth=s.decoder_depth, out=out)
        self.normalized = s.normalized

    def target(self, x: Tensor) -> Tensor:
        return motion_target(x.float(), self.student().segment, self.normalized)


def motion_target(x: Tensor, segment: int, normalized: bool) -> Tensor:
    """The motion of bodies (R, T, V, C) by token, (R, T / segment * V, segment * C), if asked
    standardised within each."""
    target = segments(motion_of(x), segment).flatten(1, 2)
    if not normalized:
        return target
    # MAMP's program: unbiased variance, and the constant that keeps resting joints finite.
    variance, mean = torch.var_mean(target, -1, keepdim=True)
    return (target - mean) / (variance + 1e-6).sqrt()
