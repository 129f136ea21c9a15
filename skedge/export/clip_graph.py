"""The deployable form of a classifier: the same numbers with less work."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from skedge.skeleton import InputError
from skedge.teacher.networks.base import Encoder, pooled
from skedge.teacher.networks.classifier import Classifier, Network
from skedge.teacher.networks.dual import DualEncoder
from skedge.teacher.networks.encoders import KERNEL, STGCN, Block
from skedge.teacher.networks.graphs import GraphConvolution
from skedge.teacher.networks.sttformer import STTFormer
from skedge.teacher.networks.transformer import Transformer


class Deployed(nn.Module):
    """One scene's joints (M, T, V, 3) in metres, filled, to probabilities (classes,) and embedding
    (D,).

    Normalisation, streams, their fusion and softmax are inside.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        members = (
            [network]
            if isinstance(network, Classifier)
            else [m for m in network.members if isinstance(m, Classifier)]
        )
        self.view = network.view
        self.weights = [1.0] if isinstance(network, Classifier) else network.weights
        self.members = nn.ModuleList(DeployedClassifier(member) for member in members)

    def forward(self, joints: Tensor) -> tuple[Tensor, Tensor]:
        placed = self.view.place(joints[None])
        answers = [member(placed) for member in self.members]
        logits = (
            answers[0][0]
            if len(answers) == 1
            else sum(w * a[0] for w, a in zip(self.weights, answers, strict=True))
        )
        embedding = answers[0][1] if len(answers) == 1 else torch.cat([a[1] for a in answers])
        return functional.softmax(logits, dim=-1), embedding


class DeployedClassifier(nn.Module):
    """Placed joints (1, M, T, V, 3) to logits (classes,) and embedding (D,)."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.view, self.head = classifier.view, classifier.head
        encoder = classifier.encoder
        encoders = (encoder.theta, encoder.phi) if isinstance(encoder, DualEncoder) else (encoder,)
        self.encoders = nn.ModuleList(deployed_encoder(one) for one in encoders)
        self.fuse = encoder.fuse if isinstance(encoder, DualEncoder) else None
        self.pool = encoder.pool

    def forward(self, placed: Tensor) -> tuple[Tensor, Tensor]:
        clip = self.view.clip(placed)[0].permute(3, 0, 1, 2)
        maps = [encoder(clip) for encoder in self.encoders]
        if self.fuse is None:
            embedding = pooled(maps[0].mean(0, keepdim=True), self.pool)[0]
        else:
            embedding = self.fuse(
                torch.stack([features.mean((0, 3)).T for features in maps])[None]
            )[0]
        return self.head(embedding), embedding


def deployed_encoder(encoder: Encoder) -> nn.Module:
    """The encoder from a clip (M, C, T, V) to features (M, D, T', V); raises `InputError` for one
    that cannot be exported."""
    if isinstance(encoder, STGCN):
        return DeployedEncoder(encoder)
    if isinstance(encoder, Transformer | STTFormer):
        return WholeEncoder(encoder)
    raise InputError(
        "expected an ST-GCN, transformer or STTFormer classifier to export, got"
        f" {type(encoder).__name__}; distil it into one"
    )


class WholeEncoder(nn.Module):
    """An encoder as it was trained, with the mean over persons already taken, (1, D, T', V)."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, clip: Tensor) -> Tensor:
        return self.encoder.feature_map(clip.permute(1, 2, 3, 0)[None])


class DeployedEncoder(nn.Module):
    """An ST-GCN: a clip (M, C, T, V) to features (M, D, T', V).

    Batch norms are folded into the convolutions, edge importance into the adjacency, and the graph
    product comes first: x times A_0, A_1, A_2 side by side, then one 1x1 convolution.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, encoder: STGCN) -> None:
        super().__init__()
        joints = encoder.input_norm.num_features // 3
        self.look, self.nodes = encoder.look, encoder.nodes
        self.all_blocks = encoder.all_blocks
        scale, shift = affine(encoder.input_norm)
        self.register_buffer("scale", scale.view(joints, -1).T[None, :, None].contiguous())
        self.register_buffer("shift", shift.view(joints, -1).T[None, :, None].contiguous())
        self.blocks = nn.ModuleList(
            DeployedBlock(block, (encoder.adjacency * importance).detach())
            for block, importance in zip(encoder.blocks, encoder.importance, strict=True)
            if isinstance(block, Block)
        )

    def forward(self, clip: Tensor) -> Tensor:
        x = self.look(clip.permute(1, 2, 3, 0)[None])[0].permute(3, 0, 1, 2)
        x = self.nodes(x * self.scale + self.shift)
        maps: list[Tensor] = []
        for block in self.blocks:
            assert isinstance(block, DeployedBlock), "as they were made above"
            x = block(x)
            maps = [*map(block.reach.beside, maps), x] if self.all_blocks else [x]
        return torch.cat(maps, 1)


class DeployedBlock(nn.Module):
    """A block in evaluation mode, (M, C, T, V) to (M, out, T', V), without its batch norms."""

    adjacency: Tensor
    kernel: Tensor
    bias: Tensor

    def __init__(self, block: Block, adjacency: Tensor) -> None:
        super().__init__()
        assert isinstance(block.graph, GraphConvolution)
        self.reach = block.reach
        scale, shift = affine(block.graph_norm)
        self.register_buffer("adjacency", adjacency)
        self.register_buffer("kernel", (block.graph.kernel() * scale[:, None, None, None]).detach())
        self.register_buffer(
            "bias",
            (
                block.graph.joint_bias(adjacency)[None] * scale[:, None, None]
                + shift[:, None, None]
            ).detach(),
        )
        self.time = _folded(block.time, block.time_norm)
        self.residual = block.residual
        if isinstance(block.residual, nn.Sequential):
            conv, norm = block.residual
            assert isinstance(conv, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            self.residual = _folded(conv, norm)

    def forward(self, x: Tensor) -> Tensor:
        spread = torch.cat([x @ part for part in self.adjacency.unbind()], dim=1)
        y = self.time(
            self.reach.lead(functional.relu(functional.conv2d(spread, self.kernel) + self.bias))
        )
        return functional.relu(
            y if self.residual is None else y + self.residual(self.reach.beside(x))
        )


def macs(deployed: nn.Module, *inputs: Tensor) -> int:
    """Multiply-accumulates of one inference on a deployed graph's inputs: convolutions and matrix
    products."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        deployed(*inputs)
    return int(counter.get_total_flops()) // 2


def affine(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """The factor and the offset of a batch norm in evaluation mode."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
    return scale, (norm.bias - norm.running_mean * scale).detach()


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    scale, shift = affine(norm)
    assert isinstance(conv.padding, tuple)
    assert conv.kernel_size in ((KERNEL, 1), (1, 1))
    frames, joints = conv.kernel_size
    over_frames, over_joints = conv.stride
    around_frames, around_joints = conv.padding
    folded = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        kernel_size=(frames, joints),
        stride=(over_frames, over_joints),
        padding=(around_frames, around_joints),
    )
    assert folded.bias is not None
    assert conv.bias is not None
    folded.weight.data = (conv.weight * scale[:, None, None, None]).detach()
    folded.bias.data = (conv.bias * scale + shift).detach()
    return folded
