"""PSTL and the method it builds on, SkeletonBT (Zhou et al. 2023)."""

import torch
from torch import Tensor, nn

from skeleton.layout import Layout
from teacher.augment import Augment
from teacher.barlow import BarlowLoss
from teacher.encoders import Encoder
from teacher.masking import central_spatial_mask, motion_attention_mask
from teacher.model import View
from teacher.settings import InputSettings, PretrainSettings
from teacher.training import Trained


def projector(features: int, width: int) -> nn.Sequential:
    """Three linear layers without bias, batch norm and ReLU behind the first two; 77,094,912 parameters for 256 and 6144."""
    return nn.Sequential(
        nn.Linear(features, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
        nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
        nn.Linear(width, width, bias=False),
    )  # fmt: skip


class SkeletonBT(Trained):
    """Two augmented views of a clip, embedded alike: PSTL eq. 1."""

    def __init__(self, encoder: Encoder, layout: Layout, data: InputSettings, settings: PretrainSettings) -> None:
        super().__init__(settings.optim)
        self.settings = settings
        self.view, self.augment = View(layout, data), Augment(settings.augment, layout)
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
        # DDP averages gradients; each process has only its own clips' share of the common loss's gradient.
        return loss * self.trainer.world_size


class PSTL(SkeletonBT):
    """An anchor against a view with central joints and one with moving frames masked: PSTL, figure 2 and eq. 7."""

    degrees: Tensor

    def __init__(self, encoder: Encoder, layout: Layout, data: InputSettings, settings: PretrainSettings) -> None:
        super().__init__(encoder, layout, data, settings)
        self.register_buffer("degrees", torch.from_numpy(layout.degrees), persistent=False)

    def loss(self, joints: Tensor) -> Tensor:
        s = self.settings
        spatial, temporal = self.clip(joints), self.clip(joints)
        kept_joints = central_spatial_mask(self.degrees, s.masked_joints, len(joints), s.mask_per == "sample")
        kept_frames = motion_attention_mask(temporal, s.masked_frames, s.random_frames)
        anchor = self.projector(self.encoder(self.clip(joints)))
        masked_joints = self.projector(self.encoder(spatial, joints=kept_joints))
        masked_frames = self.projector(self.encoder(temporal, frames=kept_frames))
        return self.barlow(anchor, masked_joints) + self.barlow(anchor, masked_frames)


METHODS = {"pstl": PSTL, "skeleton-bt": SkeletonBT}
