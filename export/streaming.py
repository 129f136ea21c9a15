"""The deployable form of one step of a streaming student: plain matrix products on two-dimensional tensors."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.deploy import affine
from skeleton.layout import Layout
from skeleton.metadata import Streaming
from student.streaming import StreamingClassifier
from teacher.encoders import KERNEL, Block
from teacher.graphs import GraphConvolution

# Added to the shoulders' line: nothing to a line of any length, and the direction of a body without one (joints never seen).
NO_TURN = 1e-12


class StreamingStep(nn.Module):
    """One frame of a scene, joints (M, V, 3) in metres, filled, and the states to probabilities, embedding and new states.

    A joint is a row and its channels are the columns, (M * V, C): the weights are then the right-hand, constant factor of
    every product, which runtimes keep packed, and biases and ReLU run inside it. Batch norms are folded into the products,
    edge importance into the adjacency. A block is x -> A x, with the three partitions of a joint one after the other ->
    product, ReLU -> the last frames beside it, and the residual's -> product, ReLU. Normalisation and stream are products as
    well.

    States are (rows, frames * channels), oldest frame first, see `skeleton.metadata.Streaming`.
    """

    place: Tensor
    line: Tensor
    turn: Tensor
    no_turn: Tensor
    upright: Tensor
    scale: Tensor
    over_joints: Tensor
    over_frames: Tensor
    head: Tensor
    head_bias: Tensor

    def __init__(self, model: StreamingClassifier) -> None:
        super().__init__()
        view, encoder = model.classifier.view, model.encoder
        persons, layout = view.data.persons, view.layout
        self.persons, self.rows, self.window = persons, persons * len(layout), model.window
        self.delay, self.motion = model.delay, view.data.stream == "motion"
        bones = view.data.stream == "bone"
        self.constant("place", _each(persons, _bone(layout) if bones else _centring(layout)))
        self.constant("line", _each(persons, _shoulder_line(layout)))
        # A line's x and z to the nine entries of persons' turns by cosine and sine, see `skeleton.normalize`.
        self.constant("turn", torch.tensor([[1, 0, 0, 0, 0, 0, 0, 0, 1], [0] * 9, [0, 0, -1, 0, 0, 0, 1, 0, 0]]).float())
        self.constant("no_turn", NO_TURN * self.turn[0])
        self.constant("upright", torch.tensor([0.0, 0, 0, 0, 1, 0, 0, 0, 0]))
        scale, shift = (value.view(len(layout), -1) for value in affine(encoder.input_norm))
        self.constant("scale", scale.repeat(persons, 1))
        # What is added to the input of the first block goes through its graph and its weights, and becomes a constant.
        shifts = [shift, *[None] * (len(model.blocks) - 1)]
        plan = zip(model.blocks, encoder.edges(), shifts, strict=True)
        self.steps = [StreamingBlock(block, adjacency.detach(), persons, first) for block, adjacency, first in plan]
        self.blocks = nn.ModuleList(self.steps)
        self.constant("over_joints", torch.full((1, self.rows), 1 / self.rows))
        self.constant("over_frames", torch.full((1, self.window), 1 / self.window))
        self.constant("head", model.classifier.head.weight.T)
        self.constant("head_bias", model.classifier.head.bias)

    def constant(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value.detach().clone().contiguous())

    def states(self) -> dict[str, Tensor]:
        """The states by name, all zeros, in the order in which `forward` takes them."""
        shapes = {"state_previous": (self.rows, 3)} if self.motion else {}
        for number, block in enumerate(self.steps, 1):
            shapes[f"state_ring{number}"] = (self.rows, (KERNEL - 1) * block.out_channels)
            if block.delay:
                shapes[f"state_delay{number}"] = (self.rows, block.delay * block.channels)
        shapes["state_pool"] = (1, (self.window - 1) * len(self.head))
        return {name: torch.zeros(shape) for name, shape in shapes.items()}

    def describe(self) -> Streaming:
        """What the file's metadata says about running it."""
        frames = {"previous": 1, "ring": KERNEL - 1, "pool": self.window - 1}
        frames |= {"delay": max(block.delay for block in self.steps)}
        states = {name: frames[name.removeprefix("state_").rstrip("0123456789")] for name in self.states()}
        # Motion is right from the second run on, and every block is one run behind what it is fed with.
        return Streaming(states, self.delay, len(self.steps) + 1 + self.motion)

    def forward(self, joints: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        waiting, after = list(states), []
        x = self._placed(joints.reshape(self.rows, 3))
        if self.motion:
            after.append(x)
            x = x - waiting.pop(0)
        x = x * self.scale
        for block in self.steps:
            x, *kept = block(x, *(waiting.pop(0) for _ in range(block.inputs)))
            after += kept
        (pool,) = waiting
        pool = torch.cat([pool, self.over_joints @ x], 1)
        features = x.shape[1]
        embedding = self.over_frames @ pool.reshape(self.window, features)
        logits = torch.addmm(self.head_bias, embedding, self.head)
        return functional.softmax(logits, -1).flatten(), embedding.flatten(), *after, pool[:, features:]

    def _placed(self, joints: Tensor) -> Tensor:
        """`skeleton.normalize`'s per-frame form, and bones if asked, of (M * V, 3)."""
        turn = torch.addmm(self.no_turn, self.line @ joints, self.turn)
        length = torch.linalg.vector_norm(turn[:, :3], dim=1, keepdim=True)
        turn = (turn / length + self.upright).reshape(self.persons, 3, 3)
        return ((self.place @ joints).reshape(self.persons, -1, 3) @ turn).reshape(self.rows, 3)


class StreamingBlock(nn.Module):
    """A block's step: x (M * V, C), its ring, and its delay if it has one, to y (M * V, out) and both anew."""

    graph: Tensor
    kernel: Tensor
    bias: Tensor
    time: Tensor
    time_bias: Tensor

    def __init__(self, block: Block, adjacency: Tensor, persons: int, shift: Tensor | None) -> None:
        super().__init__()
        assert isinstance(block.graph, GraphConvolution)
        partitions, joints, _ = adjacency.shape
        self.out_channels, self.channels = block.time.out_channels, block.graph.conv.in_channels
        self.residual = block.residual is not None
        self.delay = block.reach.after if self.residual else 0
        self.inputs = 2 if self.delay else 1
        self.persons, self.rows = persons, persons * joints

        scale, offset = affine(block.graph_norm)
        kernel = block.graph.kernel().flatten(1).T * scale
        bias = block.graph.joint_bias(adjacency)[:, 0].T * scale + offset
        # Row 3 w + k: what reaches joint w by partition k.
        graph = adjacency.permute(2, 0, 1).reshape(partitions * joints, joints)
        if shift is not None:
            bias = bias + (graph @ shift).reshape(joints, -1) @ kernel
        bias = bias.repeat(persons, 1)

        scale, offset = affine(block.time_norm)
        time = block.time.weight[..., 0].permute(2, 1, 0).flatten(0, 1) * scale
        assert block.time.bias is not None
        time_bias = block.time.bias * scale + offset
        if isinstance(block.residual, nn.Sequential):
            conv, norm = block.residual
            assert isinstance(conv, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            assert conv.bias is not None
            scale, offset = affine(norm)
            time = torch.cat([time, conv.weight.flatten(1).T * scale])
            time_bias = time_bias + conv.bias * scale + offset
        elif self.residual:
            time = torch.cat([time, torch.eye(self.channels)])
        for name, value in (("graph", graph), ("kernel", kernel), ("bias", bias), ("time", time), ("time_bias", time_bias)):
            self.register_buffer(name, value.detach().clone().contiguous())

    def forward(self, x: Tensor, ring: Tensor, delayed: Tensor | None = None) -> tuple[Tensor, ...]:
        each = x if self.persons == 1 else x.reshape(self.persons, -1, self.channels)
        spread = (self.graph @ each).reshape(self.rows, -1)
        seen = functional.relu(torch.addmm(self.bias, spread, self.kernel))
        parts = [ring, seen]
        after = []
        if delayed is not None:
            parts.append(delayed[:, : self.channels])
            after = [torch.cat([delayed[:, self.channels :], x], 1)]
        elif self.residual:
            parts.append(x)
        inside = torch.cat(parts, 1)
        y = functional.relu(torch.addmm(self.time_bias, inside, self.time))
        return y, inside[:, self.out_channels : KERNEL * self.out_channels], *after


def _each(persons: int, matrix: Tensor) -> Tensor:
    """One matrix for every person of (M * V, C), each for its own rows."""
    return torch.block_diag(*[matrix] * persons)


def _mean(layout: Layout, anchor: str) -> Tensor:
    return torch.eye(len(layout))[list(layout.anchors[anchor])].mean(0, keepdim=True)


def _centring(layout: Layout) -> Tensor:
    return torch.eye(len(layout)) - _mean(layout, "chest")


def _bone(layout: Layout) -> Tensor:
    """Child minus parent: the same wherever the body's centre is, so it needs no centring before."""
    eye = torch.eye(len(layout))
    return eye - eye[layout.parents.tolist()]


def _shoulder_line(layout: Layout) -> Tensor:
    eye, (left, right) = torch.eye(len(layout)), layout.shoulders
    return (eye[right] - eye[left])[None]
