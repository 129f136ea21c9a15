"""The base of all encoders."""

import torch
from torch import Tensor, nn

from skedge.recipes.settings.encoder_plan import Pool
from skedge.skeleton.errors import InputError

# Added to a variance, as by a batch norm: where nothing moves, its root follows rounding errors.
EPSILON = 1e-5


class Encoder(nn.Module):
    """Clips (N, C, T, V, M) to features (N, D), in `features` channels.

    `joints` (N, K) and `frames` (N, L), ascending indices, keep these alone: the others leave the
    computation. Persons are folded into the batch and averaged at the end. `last` is the module
    whose output are the last features of every person over frames and joints, (N * M, D, T', V');
    `context` frames of a clip are lost where convolutions are not padded. `pool` is how these
    features become the clip's.
    """

    features: int
    context = 0
    pool: Pool = "mean"
    blocks: nn.ModuleList

    @property
    def last(self) -> nn.Module:
        return self.blocks[-1]

    def check_kept(self, frames: int, *, all_joints: bool = True) -> None:
        """Raise `InputError` unless so many frames of a clip are enough, and all of its joints
        there where the encoder needs them."""
        if frames <= self.context:
            raise InputError(
                f"frames: expected more than the {self.context} that {len(self.blocks)} blocks"
                f" without padding lose, got {frames}; ask for more frames, or mask fewer"
            )

    def feature_map(
        self, clip: Tensor, joints: Tensor | None = None, frames: Tensor | None = None
    ) -> Tensor:
        """Features before pooling, (N, D, T', V'), the mean over persons."""
        raise NotImplementedError

    def forward(
        self, clip: Tensor, joints: Tensor | None = None, frames: Tensor | None = None
    ) -> Tensor:
        return pooled(self.feature_map(clip, joints, frames), self.pool)


def pooled(features: Tensor, pool: Pool) -> Tensor:
    """Features of frames and joints (N, D, T', V') as a clip's, (N, D), or (N, 2 D) by
    `statistics`."""
    if pool == "max":
        return features.amax((2, 3))
    if pool == "deviation":
        variance = features.var((2, 3), correction=0)
        return (variance + EPSILON).sqrt()
    return over_frames(features.mean(3), pool)


def over_frames(features: Tensor, pool: Pool) -> Tensor:
    """Features of frames (..., D, T) as their mean (..., D), with `pool` statistics with their
    standard deviation behind it, (..., 2 D)."""
    mean = features.mean(-1)
    if pool != "statistics":
        return mean
    variance = (features - mean[..., None]).square().mean(-1)
    return torch.cat([mean, (variance + EPSILON).sqrt()], -1)


def check_multiple(frames: int, step: int, what: str) -> None:
    """Raise `InputError`, naming the nearest legal values, unless so many frames make whole groups
    of `step`."""
    if step < 1:
        raise InputError(f"{what}: expected at least one frame, got {step}")
    if frames % step or not frames:
        near = sorted({max(step, frames // step * step), (frames // step + 1) * step})
        raise InputError(
            f"the encoder: expected a multiple of {step} frames ({what}), got {frames};"
            f" {' or '.join(map(str, near))} would do"
        )


def people(clip: Tensor) -> Tensor:
    """Clips (N, C, T, V, M) with the persons folded into the batch, (N * M, T, V, C)."""
    return clip.permute(0, 4, 2, 3, 1).flatten(0, 1)


def keep(x: Tensor, indices: Tensor, dim: int) -> Tensor:
    """The entries of x (N, ...) along `dim` at per-sample indices (N, K)."""
    shape = [1] * x.dim()
    shape[0], shape[dim] = indices.shape
    size = list(x.shape)
    size[dim] = indices.shape[1]
    return x.gather(dim, indices.view(shape).expand(size))


def sinusoid(positions: int, channels: int) -> Tensor:
    """The sine-cosine embedding of positions 0, 1, ..., (channels, positions) (Vaswani et al. 2017,
    section 3.5)."""
    rates = 10000 ** (-torch.arange(0, channels, 2) / channels)
    angles = torch.arange(positions)[None] * rates[:, None]
    return torch.stack([angles.sin(), angles.cos()], 1).flatten(0, 1)[:channels]
