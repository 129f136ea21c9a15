"""The ST-GCN encoder, with the computation on chosen joints and frames that masking needs."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from skeleton.errors import InputError
from skeleton.graph import Distances, partition
from skeleton.layout import Layout
from teacher.settings import EncoderSettings

KERNEL = 9


@dataclass(frozen=True)
class Reach:
    """The frames that a temporal kernel sees before and after its own, and whether zeros stand in for those beyond a clip."""

    before: int
    after: int
    padding: bool

    @classmethod
    def of(cls, settings: EncoderSettings) -> "Reach":
        before = KERNEL - 1 if settings.causal else KERNEL // 2
        return cls(before, KERNEL - 1 - before, settings.padding)

    @property
    def symmetric(self) -> int:
        """The padding that a convolution does itself."""
        return self.before if self.padding and self.before == self.after else 0

    def lead(self, x: Tensor) -> Tensor:
        """x (N, C, T, V) with the zeros that the convolution does not put there itself."""
        return functional.pad(x, (0, 0, self.before, self.after)) if self.padding and not self.symmetric else x

    def beside(self, x: Tensor) -> Tensor:
        """The frames of x (N, C, T, V) for which the kernel gives something."""
        return x if self.padding else x[:, :, self.before : x.shape[2] - self.after]


class GraphConvolution(nn.Module):
    """sum over k of A_k W_k x: the spatial graph convolution of ST-GCN (Yan et al. 2018, eq. 10).

    The product with the graph comes before the one with the weights, as one matrix product each: half the time of the
    usual order on a CPU, and the form that is exported.
    """

    def __init__(self, channels: int, out_channels: int, partitions: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels * partitions, 1)
        self.partitions = partitions

    def kernel(self) -> Tensor:
        """The weights as a 1x1 convolution (out, partitions * in, 1, 1) over the partitions' channels."""
        out, channels = self.conv.out_channels // self.partitions, self.conv.in_channels
        weight = self.conv.weight.view(self.partitions, out, channels)
        return weight.permute(1, 0, 2).reshape(out, self.partitions * channels, 1, 1)

    def joint_bias(self, adjacency: Tensor) -> Tensor:
        """What the bias becomes behind the graph: (..., out, 1, V), a value for every joint."""
        assert self.conv.bias is not None
        return torch.einsum("kc,...kvw->...cw", self.conv.bias.view(self.partitions, -1), adjacency).unsqueeze(-2)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        """x (N, C, T, V), adjacency (K, V, V) or one a sample (N, K, V, V); returns (N, out, T, V)."""
        samples, channels, frames, joints = x.shape
        side_by_side = adjacency.transpose(-3, -2).flatten(-2)
        spread = x.flatten(1, 2) @ side_by_side if adjacency.dim() == 4 else x @ side_by_side
        spread = spread.view(samples, channels, frames, self.partitions, joints)
        spread = spread.permute(0, 3, 1, 2, 4).reshape(samples, self.partitions * channels, frames, joints)
        y = functional.conv2d(spread, self.kernel())
        return y + self.joint_bias(adjacency).to(y.dtype)


class Block(nn.Module):
    """Graph convolution, temporal convolution (9, 1), residual; methods of PSTL's encoder."""

    def __init__(
        self, channels: int, out_channels: int, stride: int, partitions: int, dropout: float, residual: bool, reach: Reach
    ) -> None:
        super().__init__()
        self.reach = reach
        self.graph = GraphConvolution(channels, out_channels, partitions)
        self.graph_norm = nn.BatchNorm2d(out_channels)
        self.time = nn.Conv2d(out_channels, out_channels, (KERNEL, 1), (stride, 1), (reach.symmetric, 0))
        self.time_norm = nn.BatchNorm2d(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.residual: nn.Module | None = None
        if residual:
            self.residual = nn.Identity()
            if channels != out_channels or stride != 1:
                self.residual = nn.Sequential(nn.Conv2d(channels, out_channels, 1, (stride, 1)), nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        y = functional.relu(self.graph_norm(self.graph(x, adjacency)))
        y = self.dropout(self.time_norm(self.time(self.reach.lead(y))))
        return functional.relu(y if self.residual is None else y + self.residual(self.reach.beside(x)))


class STGCN(nn.Module):
    """ST-GCN encoder: clips (N, C, T, V, M) to features (N, D).

    With the default plan this is PSTL's encoder, 821,380 parameters on NTU-25. A learned edge importance multiplies the
    adjacency of every block; persons are folded into the batch and averaged at the end.
    """

    adjacency: Tensor

    def __init__(self, layout: Layout, settings: EncoderSettings, channels: int = 3) -> None:
        super().__init__()
        if not len(settings.widths) == len(settings.strides) > 0:
            raise InputError(
                f"the encoder's plan: expected as many strides as widths, at least one, got widths {list(settings.widths)} and "
                f"strides {list(settings.strides)}; name both"
            )
        if not settings.padding and set(settings.strides) != {1}:
            raise InputError(
                f"the encoder's plan: expected strides of 1 without padding, got {list(settings.strides)}; set padding: true"
            )
        distances: Distances = settings.distances
        self.register_buffer("adjacency", torch.from_numpy(partition(layout, distances)), persistent=False)
        partitions, joints, _ = self.adjacency.shape
        self.input_norm = nn.BatchNorm1d(joints * channels)
        sizes = [channels, *settings.widths]
        self.blocks = nn.ModuleList(
            Block(sizes[i], sizes[i + 1], stride, partitions, settings.dropout if i else 0.0, i > 0, Reach.of(settings))
            for i, stride in enumerate(settings.strides)
        )
        self.context = 0 if settings.padding else (KERNEL - 1) * len(settings.widths)
        self.importance = nn.ParameterList(torch.ones_like(self.adjacency) for _ in self.blocks)
        self.features = settings.widths[-1]

    def feature_map(self, clip: Tensor, joints: Tensor | None = None, frames: Tensor | None = None) -> Tensor:
        """Features before pooling, (N, D, T', V), the mean over persons.

        `joints` (N, K) and `frames` (N, L) keep these alone, ascending indices: the others leave the computation behind
        the input normalisation, with their rows and columns of the weighted adjacency.
        """
        samples, channels, _, size, persons = clip.shape
        x = clip.permute(0, 4, 3, 1, 2).flatten(2, 3).flatten(0, 1)
        x = self.input_norm(x).view(samples * persons, size, channels, -1).permute(0, 2, 3, 1)
        if frames is not None:
            x = _keep(x, frames.repeat_interleave(persons, 0), 2)
        if joints is not None:
            joints = joints.repeat_interleave(persons, 0)
            x = _keep(x, joints, 3)
        for block, importance in zip(self.blocks, self.importance, strict=True):
            weighted = self.adjacency * importance
            if joints is not None:
                weighted = weighted[:, joints[:, :, None], joints[:, None, :]].transpose(0, 1)
            x = block(x, weighted)
        return x.unflatten(0, (samples, persons)).mean(1)

    def forward(self, clip: Tensor, joints: Tensor | None = None, frames: Tensor | None = None) -> Tensor:
        return self.feature_map(clip, joints, frames).mean((2, 3))


def _keep(x: Tensor, indices: Tensor, dim: int) -> Tensor:
    """Gather (N, C, T, V) along `dim` at per-sample indices (N, K)."""
    shape = [len(x), 1, 1, 1]
    shape[dim] = indices.shape[1]
    size = list(x.shape)
    size[dim] = indices.shape[1]
    return x.gather(dim, indices.view(shape).expand(size))
