"""ASMa's two encoders as one (Anand et al., section 3.4)."""

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from skedge.recipes.settings import EncoderSettings, InputSettings
from skedge.recipes.settings.encoder_plan import Pool
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout
from skedge.teacher.networks.base import Encoder
from skedge.teacher.networks.encoders import build_encoder

HEADS = 4


class Alignment(nn.Module):
    """Bi-directional cross attention: MHA(theta, phi, phi) + MHA(phi, theta, theta), ASMa eq. 10
    and 11.

    Takes the temporal features of both encoders (N, 2, T', D), gives the mean over time of the sum,
    (N, D). The paper names neither residual nor norm.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.theta = nn.MultiheadAttention(features, HEADS, batch_first=True)
        self.phi = nn.MultiheadAttention(features, HEADS, batch_first=True)

    def forward(self, features: Tensor) -> Tensor:
        theta, phi = features.unbind(1)
        aligned = (
            self.theta(theta, phi, phi, need_weights=False)[0]
            + self.phi(phi, theta, theta, need_weights=False)[0]
        )
        return aligned.mean(1)


class Mean(nn.Module):
    """The mean over both encoders and time of features (N, 2, T', D): ASMa without feature
    alignment."""

    def forward(self, features: Tensor) -> Tensor:
        return features.mean((1, 2))


class DualEncoder(nn.Module):
    """Two encoders of one plan, theta and phi, and what joins them; used like one encoder.

    With alignment and a head for 60 classes 2,184,516 parameters a stream.
    """

    pool: Pool = "mean"

    def __init__(self, layout: Layout, plan: EncoderSettings, frames: int) -> None:
        super().__init__()
        if plan.pool != "mean":
            raise InputError(
                f"encoder.pool: expected mean of two encoders, got {plan.pool}, which is for one"
            )
        single = replace(plan, fusion="one")
        self.theta, self.phi = (
            build_encoder(layout, single, frames),
            build_encoder(layout, single, frames),
        )
        self.features = self.theta.features
        self.context = self.theta.context
        self.fuse: nn.Module = Alignment(self.features) if plan.fusion == "alignment" else Mean()

    def check_kept(self, frames: int, *, all_joints: bool = True) -> None:
        """Raise `InputError` as one encoder of the plan does."""
        self.theta.check_kept(frames, all_joints=all_joints)

    def describe(
        self, clip: Tensor, joints: Tensor | None = None, frames: Tensor | None = None
    ) -> Tensor:
        """Features over time of both encoders, joints averaged, (N, 2, T', D)."""
        maps = [encoder.feature_map(clip, joints, frames) for encoder in (self.theta, self.phi)]
        return torch.stack([features.mean(3).transpose(1, 2) for features in maps], dim=1)

    def feature_map(
        self, clip: Tensor, joints: Tensor | None = None, frames: Tensor | None = None
    ) -> Tensor:
        """The mean of both encoders' features before pooling, (N, D, T', V)."""
        return (
            self.theta.feature_map(clip, joints, frames)
            + self.phi.feature_map(clip, joints, frames)
        ) / 2

    def forward(
        self, clip: Tensor, joints: Tensor | None = None, frames: Tensor | None = None
    ) -> Tensor:
        fused: Tensor = self.fuse(self.describe(clip, joints, frames))
        return fused

    def one(self, name: Literal["theta", "phi"]) -> Encoder:
        return self.theta if name == "theta" else self.phi


AnyEncoder = Encoder | DualEncoder


def make_encoder(
    layout: Layout, plan: EncoderSettings, frames: int = InputSettings.frames
) -> AnyEncoder:
    """The encoder, untrained, that a plan describes, for clips of so many frames; theta or phi
    alone is one encoder."""
    return (
        DualEncoder(layout, plan, frames)
        if plan.fusion in ("mean", "alignment")
        else build_encoder(layout, plan, frames)
    )


def describe(encoder: nn.Module, clip: Tensor) -> Tensor:
    """The input of a probe from a frozen encoder: features (N, D); of two encoders (N, 2, T',
    D)."""
    if isinstance(encoder, DualEncoder):
        return encoder.describe(clip)
    described: Tensor = encoder(clip)
    return described
