"""The encoders behind one interface, with the computation on chosen joints and frames that masking
needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.recipes.settings import EncoderSettings, InputSettings
from skedge.skeleton.errors import InputError
from skedge.skeleton.graph import neighbours, partition
from skedge.skeleton.layout import Layout
from skedge.teacher.networks.base import Encoder, keep
from skedge.teacher.networks.dropout import Dropout
from skedge.teacher.networks.graphs import EdgeConvolution, GraphConvolution, GraphIsomorphism
from skedge.teacher.networks.sttformer import STTFormer
from skedge.teacher.networks.transformer import Transformer

KERNEL = 9


@dataclass(frozen=True)
class Reach:
    """The frames that a temporal kernel sees before and after its own, and whether zeros stand in
    for those beyond a clip."""

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
        return (
            functional.pad(x, (0, 0, self.before, self.after))
            if self.padding and not self.symmetric
            else x
        )

    def beside(self, x: Tensor) -> Tensor:
        """The frames of x (N, C, T, V) for which the kernel gives something."""
        return x if self.padding else x[:, :, self.before : x.shape[2] - self.after]


class Block(nn.Module):
    """Graph layer, temporal convolution (9, 1), residual; as in PSTL's encoder."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        *,
        stride: int,
        graph: nn.Module,
        dropout: float,
        residual: bool,
        reach: Reach,
    ) -> None:
        super().__init__()
        self.graph = graph
        self.reach = reach
        self.graph_norm = nn.BatchNorm2d(out_channels)
        self.time = nn.Conv2d(
            out_channels,
            out_channels,
            kernel_size=(KERNEL, 1),
            stride=(stride, 1),
            padding=(reach.symmetric, 0),
        )
        self.time_norm = nn.BatchNorm2d(out_channels)
        self.dropout = Dropout(dropout)
        self.residual: nn.Module | None = None
        if residual:
            self.residual = nn.Identity()
            if channels != out_channels or stride != 1:
                self.residual = nn.Sequential(
                    nn.Conv2d(channels, out_channels, kernel_size=1, stride=(stride, 1)),
                    nn.BatchNorm2d(out_channels),
                )

    def forward(self, x: Tensor, edges: Tensor | None) -> Tensor:
        y = functional.relu(self.graph_norm(self.graph(x, edges)))
        y = self.dropout(self.time_norm(self._over_time(self.reach.lead(y))))
        return functional.relu(
            y if self.residual is None else y + self.residual(self.reach.beside(x))
        )

    def _over_time(self, y: Tensor) -> Tensor:
        if y.shape[3] > 1 or self.time.stride != (1, 1):
            over: Tensor = self.time(y)
            return over
        # One node: with time along the rows the convolution takes half as long on a CPU.
        rows = y.transpose(2, 3)
        weight = self.time.weight.transpose(2, 3)
        padding = self.time.padding[::-1]
        return functional.conv2d(rows, weight, self.time.bias, padding=padding).transpose(2, 3)


class GraphEncoder(Encoder):
    """Clips (N, C, T, V, M) to features (N, D): what the graph backbones share, which is all but
    the blocks' graph layers.

    Input batch norm over joints and coordinates, blocks after the plan of the settings, pooling
    over frames and joints; persons are folded into the batch and averaged at the end. `graph` makes
    a block's layer from its channels in and out; `inputs` are the first one's, where not `channels`
    (`nodes`).
    """

    def __init__(
        self,
        layout: Layout,
        settings: EncoderSettings,
        graph: Callable[[int, int], nn.Module],
        *,
        channels: int = 3,
        inputs: int = 0,
    ) -> None:
        super().__init__()
        if not len(settings.widths) == len(settings.strides) > 0:
            raise InputError(
                "the encoder's plan: expected as many strides as widths, at least one, got widths"
                f" {list(settings.widths)} and strides {list(settings.strides)}; name both"
            )
        if not settings.padding and set(settings.strides) != {1}:
            raise InputError(
                "the encoder's plan: expected strides of 1 without padding, got"
                f" {list(settings.strides)}; set padding: true"
            )
        if settings.all_blocks and set(settings.strides) != {1}:
            raise InputError(
                "encoder.all_blocks: expected strides of 1, with which the blocks' frames are the"
                f" same, got {list(settings.strides)}; leave it out or name such strides"
            )
        self.looked_at = [layout.index(name) for name in settings.joints]
        self.input_norm = nn.BatchNorm1d(len(settings.joints or layout) * channels)
        sizes = [inputs or channels, *settings.widths]
        reach = Reach.of(settings)
        self.blocks = nn.ModuleList(
            Block(
                sizes[i],
                sizes[i + 1],
                stride=stride,
                graph=graph(sizes[i], sizes[i + 1]),
                dropout=settings.dropout if i else 0.0,
                residual=i > 0,
                reach=reach,
            )
            for i, stride in enumerate(settings.strides)
        )
        self.context = 0 if settings.padding else (KERNEL - 1) * len(settings.widths)
        self.all_blocks = settings.all_blocks
        self.pool = settings.pool
        self.channels = sum(settings.widths) if settings.all_blocks else settings.widths[-1]
        self.features = self.channels * (2 if settings.pool == "statistics" else 1)

    def edges(self) -> Sequence[Tensor | None]:
        """The second input of each block's graph layer: (..., V, V), or None where it finds its own
        edges."""
        return [None] * len(self.blocks)

    def nodes(self, x: Tensor) -> Tensor:
        """What joints (N, C, T, V) are to the blocks: nodes of a graph with C channels each."""
        return x

    def look(self, clip: Tensor) -> Tensor:
        """Of a clip (N, C, T, V, M) the joints that the encoder looks at."""
        return clip[:, :, :, self.looked_at] if self.looked_at else clip

    def check_kept(self, frames: int, *, all_joints: bool = True) -> None:
        super().check_kept(frames)
        if all_joints:
            return
        if self.looked_at or type(self).nodes is not GraphEncoder.nodes:
            raise InputError(
                "the encoder: a graph of all joints is needed where some are masked, expected"
                " st-gcn, gin or dgcnn without encoder.joints; or mask frames alone"
            )

    def feature_map(
        self, clip: Tensor, joints: Tensor | None = None, frames: Tensor | None = None
    ) -> Tensor:
        """Features before pooling, (N, D, T', V'), the mean over persons.

        `joints` (N, K) and `frames` (N, L) keep these alone, ascending indices: the others leave
        the computation behind the input normalisation, joints with their rows and columns of the
        edges.
        """
        left = clip.shape[2] if frames is None else frames.shape[1]
        self.check_kept(left, all_joints=joints is None)
        clip = self.look(clip)
        samples, channels, _, size, persons = clip.shape
        x = clip.permute(0, 4, 3, 1, 2).flatten(2, 3).flatten(0, 1)
        x = self.input_norm(x).view(samples * persons, size, channels, -1).permute(0, 2, 3, 1)
        if frames is not None:
            x = keep(x, frames.repeat_interleave(persons, 0), 2)
        if joints is not None:
            joints = joints.repeat_interleave(persons, 0)
            x = keep(x, joints, 3)
        x = self.nodes(x)
        maps: list[Tensor] = []
        for block, edges in zip(self.blocks, self.edges(), strict=True):
            if joints is not None and edges is not None:
                edges = edges[..., joints[:, :, None], joints[:, None, :]].movedim(-3, 0)
            assert isinstance(block, Block), "as they were made above"
            x = block(x, edges)
            maps = [*map(block.reach.beside, maps), x] if self.all_blocks else [x]
        return torch.cat(maps, 1).unflatten(0, (samples, persons)).mean(1)


def _seen(layout: Layout, settings: EncoderSettings) -> Layout:
    return layout.subset(settings.joints) if settings.joints else layout


class STGCN(GraphEncoder):
    """ST-GCN: with the default plan PSTL's encoder, 821,380 parameters on NTU-25.

    A learned edge importance multiplies the adjacency of every block.
    """

    adjacency: Tensor

    def __init__(self, layout: Layout, settings: EncoderSettings, channels: int = 3) -> None:
        adjacency = torch.from_numpy(partition(_seen(layout, settings), settings.distances))
        graph = partial(GraphConvolution, partitions=len(adjacency))
        super().__init__(layout, settings, graph, channels=channels)
        self.register_buffer("adjacency", adjacency, persistent=False)
        self.importance = nn.ParameterList(torch.ones_like(adjacency) for _ in self.blocks)

    def edges(self) -> Sequence[Tensor]:
        return [self.adjacency * importance for importance in self.importance]


class TCN(STGCN):
    """Residual temporal convolutions over the whole body (Kim and Reiter 2017, section 3).

    An ST-GCN of one node, whose channels are the coordinates of all joints: a tenth of the work, as
    no joint has features of its own.
    """

    def __init__(self, layout: Layout, settings: EncoderSettings, channels: int = 3) -> None:
        GraphEncoder.__init__(
            self,
            layout,
            settings,
            graph=partial(GraphConvolution, partitions=1),
            channels=channels,
            inputs=channels * len(settings.joints or layout),
        )
        self.register_buffer("adjacency", torch.ones(1, 1, 1), persistent=False)
        self.importance = nn.ParameterList(torch.ones(1, 1, 1) for _ in self.blocks)

    def nodes(self, x: Tensor) -> Tensor:
        """One node, (N, V * C, T, 1)."""
        return x.permute(0, 3, 1, 2).flatten(1, 2)[..., None]


class GIN(GraphEncoder):
    """ASMa's second backbone: sums over the neighbours along the bones; 828,112 parameters with the
    default plan on NTU-25.

    The paper names it only; the plan is ST-GCN's.
    """

    neighbours: Tensor

    def __init__(self, layout: Layout, settings: EncoderSettings, channels: int = 3) -> None:
        super().__init__(layout, settings, GraphIsomorphism, channels=channels)
        linked = torch.from_numpy(neighbours(_seen(layout, settings)))
        self.register_buffer("neighbours", linked, persistent=False)

    def edges(self) -> Sequence[Tensor]:
        return [self.neighbours] * len(self.blocks)


class DGCNN(GraphEncoder):
    """ASMa's third backbone: edges found in feature space; 776,182 parameters with the default plan
    on NTU-25.

    The paper names it only; the plan is ST-GCN's. The bones are not used.
    """

    def __init__(self, layout: Layout, settings: EncoderSettings, channels: int = 3) -> None:
        super().__init__(layout, settings, EdgeConvolution, channels=channels)


GRAPHS: dict[str, Callable[[Layout, EncoderSettings], Encoder]] = {
    "st-gcn": STGCN,
    "tcn": TCN,
    "gin": GIN,
    "dgcnn": DGCNN,
}
BACKBONES: dict[str, Callable[..., Encoder]] = {
    **GRAPHS,
    "transformer": Transformer,
    "sttformer": STTFormer,
}


def build_encoder(
    layout: Layout, settings: EncoderSettings, frames: int = InputSettings.frames
) -> Encoder:
    """The encoder that `settings.backbone` names, for clips of so many frames.

    Raises `InputError` for an unknown name, where the backbone cannot take that number of frames,
    and for a pool that it does not have.
    """
    if settings.backbone not in BACKBONES:
        raise InputError(
            f"the encoder's backbone: expected one of {', '.join(BACKBONES)}, got"
            f" {settings.backbone!r}"
        )
    graph = settings.backbone in GRAPHS
    if settings.all_blocks and not graph:
        raise InputError(
            f"encoder.all_blocks: expected {', '.join(GRAPHS)}, got {settings.backbone}; leave it"
            " out"
        )
    pools = ("mean", "statistics") if graph else ("mean", "max", "deviation")
    if settings.pool not in pools:
        raise InputError(
            f"encoder.pool: expected {' or '.join(pools)} with {settings.backbone}, got"
            f" {settings.pool}"
        )
    if graph:
        graph_encoder = GRAPHS[settings.backbone](layout, settings)
        graph_encoder.check_kept(frames)
        return graph_encoder
    encoder = BACKBONES[settings.backbone](layout, settings, frames)
    encoder.pool = settings.pool
    return encoder
