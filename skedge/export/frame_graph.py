"""The deployable form of one step of a streaming student: plain matrix products on two-dimensional
tensors."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.export.clip_graph import affine
from skedge.skeleton.layout import Layout
from skedge.skeleton.metadata import Streaming
from skedge.skeleton.normalize import ROOT_FRAMES, hip_joints
from skedge.student.streaming import StreamingClassifier, StreamingNetwork
from skedge.teacher.networks.base import EPSILON
from skedge.teacher.networks.encoders import KERNEL, Block
from skedge.teacher.networks.graphs import GraphConvolution

# Added to the shoulders' line: nothing to a line of any length, and the direction of a body without
# one (joints never seen).
NO_TURN = 1e-12


class StreamingStep(nn.Module):
    """One frame of a scene, joints (M, V, 3) in metres, filled, and the states to probabilities,
    embedding and new states.

    A joint is a row and its channels are the columns, (M * V, C): the weights are then the
    right-hand, constant factor of every product, which runtimes keep packed, and biases and ReLU
    run inside it. Batch norms are folded into the products, edge importance into the adjacency, the
    streams' weights into the heads. Persons are turned once for all streams, where any stream's
    normalisation turns them.

    States are (rows, frames * channels), oldest frame first, see
    `skedge.skeleton.metadata.Streaming`.
    """

    line: Tensor
    turn: Tensor
    no_turn: Tensor
    upright: Tensor

    def __init__(self, model: StreamingNetwork) -> None:
        super().__init__()
        members, weights = (
            ({"": model}, [1.0])
            if isinstance(model, StreamingClassifier)
            else (model.members, model.weights)
        )
        view = next(iter(members.values())).classifier.view
        self.persons = view.data.persons
        self.rows = view.data.persons * len(view.layout)
        self.delay = model.delay
        # A line's x and z to the nine entries of persons' turns by cosine and sine, see
        # `skedge.skeleton.normalize`.
        turn = torch.tensor(
            [[1, 0, 0, 0, 0, 0, 0, 0, 1], [0] * 9, [0, 0, -1, 0, 0, 0, 1, 0, 0]]
        ).float()
        _keep(
            self,
            line=_each(self.persons, _shoulder_line(view.layout)),
            turn=turn,
            no_turn=NO_TURN * turn[0],
            upright=torch.tensor([0.0, 0, 0, 0, 1, 0, 0, 0, 0]),
        )
        plan = zip(members.values(), weights, strict=True)
        self.streams = [StreamingStream(member, weight) for member, weight in plan]
        self.prefixes = [f"state_{stream}_" if stream else "state_" for stream in members]
        self.members = nn.ModuleList(self.streams)

    def states(self) -> dict[str, Tensor]:
        """The states by name, all zeros, in the order in which `forward` takes them."""
        named = zip(self.prefixes, self.streams, strict=True)
        return {
            f"{prefix}{name}": torch.zeros(one)
            for prefix, stream in named
            for name, one in stream.shapes().items()
        }

    def describe(self) -> Streaming:
        """The part of the file's metadata about running it frame by frame."""
        named = zip(self.prefixes, self.streams, strict=True)
        states = {
            f"{prefix}{name}": frames
            for prefix, stream in named
            for name, frames in stream.remembered().items()
        }
        return Streaming(states, self.delay, max(stream.settle for stream in self.streams))

    def forward(self, joints: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        rows = joints.reshape(self.rows, 3)
        start = 0
        turned = self._turns(rows) if any(stream.turns for stream in self.streams) else rows
        logits, embeddings, after = [], [], []
        for stream in self.streams:
            end = start + len(stream.shapes())
            answer, embedding, *kept = stream(rows, turned, *states[start:end])
            logits.append(answer)
            embeddings.append(embedding)
            after += kept
            start = end
        answer = logits[0] if len(logits) == 1 else torch.stack(logits).sum(0)
        embedding = embeddings[0] if len(embeddings) == 1 else torch.cat(embeddings, 1)
        return functional.softmax(answer, -1).flatten(), embedding.flatten(), *after

    def _turns(self, joints: Tensor) -> Tensor:
        """The rotations that turn every person to the front (M, 3, 3), by
        `skedge.skeleton.normalize`'s per-frame form."""
        turn = torch.addmm(self.no_turn, self.line @ joints, self.turn)
        length = torch.linalg.vector_norm(turn[:, :3], dim=1, keepdim=True)
        return (turn / length + self.upright).reshape(self.persons, 3, 3)


class StreamingStream(nn.Module):
    """A stream's step: joints (M * V, 3), turns (M, 3, 3) and its states to weighted logits,
    embedding and new states.

    Turns are looked at where `turns` says that the stream was trained with them.

    A block is x -> A x, with the three partitions of a joint one after the other -> product, ReLU
    -> the last frames beside it -> product, residual, ReLU. Normalisation and stream are products
    as well.
    """

    place: Tensor
    root: Tensor
    hips: Tensor
    over_root: Tensor
    scale: Tensor
    over_nodes: Tensor
    over_frames: Tensor
    head: Tensor
    head_bias: Tensor

    def __init__(self, model: StreamingClassifier, weight: float) -> None:
        super().__init__()
        view = model.classifier.view
        encoder = model.encoder
        head = model.classifier.head
        assert isinstance(head, nn.Linear), "a streaming model has no other"
        persons = view.data.persons
        layout = view.layout
        looked_at = encoder.looked_at or list(range(len(layout)))
        nodes = encoder.adjacency.shape[-1]
        self.persons = persons
        self.rows = persons * len(looked_at)
        self.window = model.window
        self.one_node = nodes < len(looked_at)
        self.all_blocks = encoder.all_blocks
        self.channels = encoder.channels
        self.deviates = encoder.pool == "statistics"
        self.nodes = persons * nodes
        self.motion, self.turns = (
            view.data.stream == "motion",
            view.data.normalization == "per-frame",
        )
        self.moves = view.data.normalization == "root-motion"
        scale, shift = (value.view(len(looked_at), -1) for value in affine(encoder.input_norm))
        # What is added to the input of the first block goes through its graph and its weights, and
        # becomes a constant.
        shifts = [shift.reshape(nodes, -1), *[None] * (len(model.blocks) - 1)]
        plan = zip(model.blocks, encoder.edges(), shifts, strict=True)
        self.steps = [
            StreamingBlock(block, adjacency.detach(), persons, shift=first)
            for block, adjacency, first in plan
        ]
        self.blocks = nn.ModuleList(self.steps)
        # Motion and the root's mean are right from the second run on, and every block is one run
        # behind what it is fed with.
        self.settle = len(self.steps) + 1 + self.motion + self.moves
        hips = (_root(layout) > 0).float().T
        if view.data.stream == "bone":
            place = _bone(layout)
            hips = _bone(layout) @ hips
        elif self.moves:
            place = torch.eye(len(layout)) - _root(layout)
        else:
            place = _about(layout, "chest" if self.turns else "hip")
        over_frames = torch.full((1, self.window), 1 / self.window)
        outwards = weight * head.weight.T
        _keep(
            self,
            place=_each(persons, place[looked_at]),
            root=_each(persons, _root(layout)),
            hips=_each(persons, hips[looked_at]),
            over_root=torch.full((1, ROOT_FRAMES), 1 / ROOT_FRAMES),
            scale=scale.repeat(persons, 1),
            over_nodes=torch.full((1, self.nodes), 1 / self.nodes),
            over_frames=over_frames,
            head=outwards,
            head_bias=weight * head.bias,
        )

    def shapes(self) -> dict[str, tuple[int, int]]:
        """The states' shapes, in the order in which `forward` takes them."""
        shapes = {"root": (self.persons, (ROOT_FRAMES - 1) * 3)} if self.moves else {}
        shapes |= {"previous": (self.rows, 3)} if self.motion else {}
        for number, block in enumerate(self.steps, 1):
            shapes[f"ring{number}"] = (self.nodes, (KERNEL - 1) * block.out_channels)
            if block.delay:
                shapes[f"delay{number}"] = (self.nodes, block.delay * block.channels)
        return shapes | {"pool": (1, (self.window - 1) * self.channels)}

    def remembered(self) -> dict[str, int]:
        """The number of frames in each state."""
        frames = {
            "root": ROOT_FRAMES - 1,
            "previous": 1,
            "ring": KERNEL - 1,
            "pool": self.window - 1,
            "delay": max(b.delay for b in self.steps),
        }
        return {name: frames[name.rstrip("0123456789")] for name in self.shapes()}

    def forward(self, joints: Tensor, turns: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        waiting = list(states)
        after = []
        x = self.place @ joints
        if self.turns:
            x = (x.reshape(self.persons, -1, 3) @ turns).reshape(self.rows, 3)
        if self.moves:
            here = self.root @ joints
            path = torch.cat([waiting.pop(0), here], 1)
            after.append(path[:, 3:])
            mean = (self.over_root @ path.reshape(self.persons, ROOT_FRAMES, 3)).reshape(-1, 3)
            x = x + self.hips @ (here - mean)
        if self.motion:
            after.append(x)
            x = x - waiting.pop(0)
        x = x * self.scale
        if self.one_node:
            x = x.reshape(self.nodes, -1)
        found: list[Tensor] = []
        for block in self.steps:
            x, *kept = block(x, *(waiting.pop(0) for _ in range(block.inputs)))
            after += kept
            found = [*found, x] if self.all_blocks else [x]
        (pool,) = waiting
        pool = torch.cat([pool, *(self.over_nodes @ x for x in found)], 1)
        features = pool.reshape(self.window, self.channels)
        embedding = self.over_frames @ features
        if self.deviates:
            apart = features - embedding
            variance = self.over_frames @ (apart * apart)
            embedding = torch.cat([embedding, (variance + EPSILON).sqrt()], 1)
        return (
            torch.addmm(self.head_bias, embedding, self.head),
            embedding,
            *after,
            pool[:, self.channels :],
        )


class StreamingBlock(nn.Module):
    """A block's step: x (M * V, C), its ring, and its delay if it has one, to y (M * V, out) and
    both anew."""

    graph: Tensor
    kernel: Tensor
    bias: Tensor
    time: Tensor
    time_bias: Tensor
    across: Tensor

    def __init__(self, block: Block, adjacency: Tensor, persons: int, shift: Tensor | None) -> None:
        super().__init__()
        assert isinstance(block.graph, GraphConvolution)
        partitions, joints, _ = adjacency.shape
        self.out_channels = block.time.out_channels
        self.channels = block.graph.conv.in_channels
        self.residual = block.residual is not None
        self.delay = block.reach.after if self.residual else 0
        self.inputs = 2 if self.delay else 1
        self.persons = persons
        self.rows = persons * joints

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
        # The residual's weights are no rows of `time`: where an int8 column has one scale they are
        # the largest and coarsen all others.
        across = torch.empty(0)
        if isinstance(block.residual, nn.Sequential):
            conv, norm = block.residual
            assert isinstance(conv, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            assert conv.bias is not None
            scale, offset = affine(norm)
            across = conv.weight.flatten(1).T * scale
            time_bias = time_bias + conv.bias * scale + offset
        _keep(
            self,
            graph=graph,
            kernel=kernel,
            bias=bias,
            time=time,
            time_bias=time_bias,
            across=across,
        )

    def forward(self, x: Tensor, ring: Tensor, delayed: Tensor | None = None) -> tuple[Tensor, ...]:
        each = x if self.persons == 1 else x.reshape(self.persons, -1, self.channels)
        spread = (self.graph @ each).reshape(self.rows, -1)
        seen = functional.relu(torch.addmm(self.bias, spread, self.kernel))
        inside = torch.cat([ring, seen], 1)
        y = torch.addmm(self.time_bias, inside, self.time)
        after = []
        if delayed is not None:
            after = [torch.cat([delayed[:, self.channels :], x], 1)]
            x = delayed[:, : self.channels]
        if self.residual:
            y = y + (x @ self.across if len(self.across) else x)
        return functional.relu(y), inside[:, self.out_channels :], *after


def _keep(module: nn.Module, **constants: Tensor) -> None:
    for name, value in constants.items():
        module.register_buffer(name, value.detach().clone().contiguous())


def _each(persons: int, matrix: Tensor) -> Tensor:
    """One matrix for every person of (M * V, C), each for its own rows."""
    return torch.block_diag(*[matrix] * persons)


def _mean(layout: Layout, anchor: str) -> Tensor:
    return torch.eye(len(layout))[list(layout.anchors[anchor])].mean(0, keepdim=True)


def _about(layout: Layout, anchor: str) -> Tensor:
    """Joints as seen from an anchor."""
    return torch.eye(len(layout)) - _mean(layout, anchor)


def _root(layout: Layout) -> Tensor:
    """The root (1, V) as `skedge.skeleton.normalize.root` finds it."""
    return torch.eye(len(layout))[list(hip_joints(layout))].mean(0, keepdim=True)


def _bone(layout: Layout) -> Tensor:
    """Child minus parent: the same wherever the body's centre is, so it needs no centring
    before."""
    eye = torch.eye(len(layout))
    return eye - eye[layout.parents.tolist()]


def _shoulder_line(layout: Layout) -> Tensor:
    eye = torch.eye(len(layout))
    left, right = layout.shoulders
    return (eye[right] - eye[left])[None]
