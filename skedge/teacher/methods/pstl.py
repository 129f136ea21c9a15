"""Pretraining by views whose embeddings agree: SkeletonBT and PSTL (Zhou et al. 2023), ASMa (Anand
et al.)."""

import torch
from torch import Tensor, nn

from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import MaskSettings
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout
from skedge.teacher.augment import Augment
from skedge.teacher.masks.joints import Mask
from skedge.teacher.methods.barlow import BarlowLoss
from skedge.teacher.networks.classifier import View
from skedge.teacher.networks.dual import AnyEncoder, DualEncoder
from skedge.teacher.training import Trained


def projector(features: int, width: int) -> nn.Sequential:
    """Three linear layers without bias, batch norm and ReLU behind the first two; 77,094,912
    parameters for 256 and 6144."""
    return nn.Sequential(
        nn.Linear(features, width, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, width, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, width, bias=False),
    )


class SkeletonBT(Trained):
    """Two augmented views of a clip, embedded alike: PSTL eq. 1."""

    def __init__(self, encoder: AnyEncoder, layout: Layout, recipe: Recipe) -> None:
        settings = recipe.pretrain
        super().__init__(settings.optim)
        self.settings = settings
        self.view = View(layout, recipe.input)
        self.augment = Augment(settings.augment, layout)
        self.encoder, self.projector = encoder, projector(encoder.features, settings.projector)
        self.barlow = BarlowLoss(settings.redundancy)

    def clip(self, joints: Tensor) -> Tensor:
        return self.view(joints, self.augment)

    def loss(self, joints: Tensor) -> Tensor:
        first, second = (self.projector(self.encoder(self.clip(joints))) for _ in range(2))
        return self.barlow(first, second)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        loss = self.loss(batch[0])
        self.log("loss", loss)
        # DDP averages gradients; each process has only its own clips' share of the common loss's
        # gradient.
        return loss * self.trainer.world_size


class PSTL(SkeletonBT):
    """An anchor against a view without some joints and one without some frames: PSTL, figure 2 and
    eq. 7."""

    def __init__(self, encoder: AnyEncoder, layout: Layout, recipe: Recipe) -> None:
        super().__init__(encoder, layout, recipe)
        self.masked = [
            (encoder, Mask(mask, layout, recipe.input)) for encoder, mask in self.masks()
        ]

    def masks(self) -> list[tuple[nn.Module, MaskSettings]]:
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


class ASMa(PSTL):
    """Two encoders on the same views, each with masks of its own, and one projector: ASMa eq. 6 to
    9."""

    def masks(self) -> list[tuple[nn.Module, MaskSettings]]:
        asma = self.settings.asma
        if not asma.encoders:
            raise InputError("pretrain.asma.encoders: expected theta, phi or both, got none")
        if isinstance(self.encoder, DualEncoder):
            return [(self.encoder.theta, asma.theta), (self.encoder.phi, asma.phi)]
        return [(self.encoder, getattr(asma, asma.encoders[0]))]


METHODS: dict[str, type[SkeletonBT]] = {"skeleton-bt": SkeletonBT, "pstl": PSTL, "asma": ASMa}
