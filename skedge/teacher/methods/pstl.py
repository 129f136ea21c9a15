"""Pretraining by views whose embeddings agree: SkeletonBT and PSTL (Zhou et al. 2023)."""

import torch
from torch import Tensor, nn

from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import MaskSettings, PretrainSettings
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout
from skedge.teacher.masks.joints import Mask
from skedge.teacher.methods.barlow import BarlowLoss
from skedge.teacher.methods.method import OneEncoder
from skedge.teacher.networks.dual import AnyEncoder


def projector(features: int, width: int) -> nn.Sequential:
    """Three linear layers without bias, batch norm and ReLU behind the first two; 77,094,912
    parameters for 256 and 6144."""
    layers: list[nn.Module] = []
    for inside in (features, width):
        layers += [nn.Linear(inside, width, bias=False), nn.BatchNorm1d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, width, bias=False))


class SkeletonBT(OneEncoder):
    """Two augmented views of a clip, embedded alike: PSTL eq. 1."""

    def __init__(self, encoder: AnyEncoder, layout: Layout, recipe: Recipe) -> None:
        super().__init__(encoder, layout, recipe)
        self.projector = projector(encoder.features, self.settings.projector)
        self.barlow = BarlowLoss(self.settings.redundancy)

    @classmethod
    def fitted(cls, settings: PretrainSettings, *, clips: int, batch: int) -> PretrainSettings:
        if batch < 2:
            raise InputError(
                f"pretrain.method {settings.method}: expected batches of at least 2 clips, over"
                f" which features are correlated, got 1 of {clips} clips; set"
                " pretrain.optim.batch_size, or add clips"
            )
        return settings

    def clip(self, joints: Tensor) -> Tensor:
        """An augmented view (N, C, T, V, M) of joints (N, M, T, V, 3)."""
        return self.view(joints, self.augment)

    def loss(self, joints: Tensor) -> Tensor:
        first, second = (self.projector(self.encoder(self.clip(joints))) for _ in range(2))
        return self.barlow(first, second)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        # DDP averages gradients; each process has only its own clips' share of the common loss's
        # gradient.
        return super().training_step(batch, batch_index) * self.trainer.world_size


class PSTL(SkeletonBT):
    """An anchor against a view without some joints and one without some frames: PSTL, figure 2 and
    eq. 7."""

    def __init__(self, encoder: AnyEncoder, layout: Layout, recipe: Recipe) -> None:
        super().__init__(encoder, layout, recipe)
        self.masked = [
            (encoder, Mask(mask, layout, recipe.input)) for encoder, mask in self.masks()
        ]
        for encoder, mask in self.masked:
            mask.check(encoder)

    def masks(self) -> list[tuple[AnyEncoder, MaskSettings]]:
        """Every encoder with its masks."""
        return [(self.encoder, self.settings.pstl)]

    def loss(self, joints: Tensor) -> Tensor:
        anchor, spatial, temporal = (self.clip(joints) for _ in range(3))
        losses = []
        for encoder, mask in self.masked:
            z = self.projector(encoder(anchor))
            losses.append(
                self.barlow(z, self.projector(encoder(spatial, joints=mask.joints(spatial))))
            )
            losses.append(
                self.barlow(z, self.projector(encoder(temporal, frames=mask.frames(temporal))))
            )
        return torch.stack(losses).sum()
