"""A trained student a frame at a time: the same weights, with what they need of the past as an
explicit state."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.skeleton import InputError
from skedge.skeleton.normalize import ROOT_FRAMES, STREAMABLE, root
from skedge.teacher.networks.base import over_frames
from skedge.teacher.networks.classifier import Classifier, Fused, Network
from skedge.teacher.networks.encoders import KERNEL, STGCN, Block

State = dict[str, Tensor]


class StreamingClassifier(nn.Module):
    """A classifier of clips that takes frames, and remembers what its temporal kernels and its
    pooling need of the past.

    Every frame brings an answer: that of the classifier to the window which ends there, `window`
    frames of features pooled. It is `delay` frames late: half a kernel a block where kernels are
    centred, nothing where they are causal. What kernels see beyond a window is the true past here
    and, with `padding`, zeros in the classifier: without padding both are equal.

    The state, all of it float32, oldest frame first; N scenes of M persons, folded into the first
    dimension:

    - `root` (N, M, 15, 1, 3): where the roots were, where normalisation sees them move;
    - `previous` (NM, 1, V, 3): the joints of the last frame, where the stream is motion;
    - `ring1`, `ring2`, ... (NM, C, 8, V): what the temporal kernel of the block has seen;
    - `delay2`, ... (NM, C, 4, V): what the residual beside a centred kernel waits with;
    - `pool` (N, C, window - 1): the features of the last frames.

    Raises `InputError` for a network that cannot be one: trained on stretched clips, normalised by
    anything but its own frame, with temporal strides, or another than ST-GCN.
    """

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        data = classifier.view.data
        encoder = classifier.encoder
        if data.time != "rate":
            raise InputError(
                "a streaming model sees a fixed rate: expected a network trained with time 'rate',"
                f" got {data.time!r}; train one with input.time: rate"
            )
        if data.normalization not in STREAMABLE:
            raise InputError(
                "a streamed frame can only be normalised by what came before it: expected a network"
                f" trained with normalization {' or '.join(map(repr, STREAMABLE))}, got"
                f" {data.normalization!r}; train one with that input.normalization"
            )
        if not isinstance(encoder, STGCN):
            raise InputError(f"expected an ST-GCN to stream, got {type(encoder).__name__}")
        if not isinstance(classifier.head, nn.Linear):
            raise InputError(
                "expected a network with a linear head to stream, got an mlp; train one with"
                " encoder.head: linear"
            )
        self.blocks = [block for block in encoder.blocks if isinstance(block, Block)]
        strides = [block.time.stride[0] for block in self.blocks]
        if set(strides) != {1}:
            raise InputError(
                f"a streaming model has no temporal strides: expected strides of 1, got {strides};"
                " train such a plan"
            )
        if encoder.all_blocks and any(block.reach.after for block in self.blocks):
            raise InputError(
                "a streaming model needs the features of all blocks for the same frame: expected"
                " causal kernels with encoder.all_blocks, got centred ones; train one with causal:"
                " true"
            )
        self.classifier = classifier
        self.encoder = encoder
        self.window = data.frames - encoder.context
        self.delay = sum(block.reach.after for block in self.blocks)
        self.eval()

    def blank(self, scenes: int) -> State:
        """A state of zeros: what a clip padded by zeros starts from, if its kernels are causal."""
        data, layout = self.classifier.view.data, self.classifier.view.layout
        rows = scenes * data.persons
        joints = self.encoder.adjacency.shape[-1]
        state = {}
        if data.normalization == "root-motion":
            state["root"] = torch.zeros(scenes, data.persons, ROOT_FRAMES - 1, 1, 3)
        if data.stream == "motion":
            state["previous"] = torch.zeros(scenes, data.persons, 1, len(layout), 3)
        for number, block in enumerate(self.blocks, 1):
            state[f"ring{number}"] = torch.zeros(rows, block.time.in_channels, KERNEL - 1, joints)
            if block.residual is not None and block.reach.after:
                channels = self.blocks[number - 2].time.out_channels
                state[f"delay{number}"] = torch.zeros(rows, channels, block.reach.after, joints)
        state["pool"] = torch.zeros(scenes, self.encoder.channels, self.window - 1)
        return state

    def still(self, joints: Tensor) -> State:
        """The state of persons who have always stood as in their first frame, joints (N, M, V, 3)
        in metres."""
        blank = self.blank(len(joints))
        frames = (KERNEL - 1) * len(self.blocks) + self.window
        frames += ROOT_FRAMES if "root" in blank else 0
        return self(joints[:, :, None].expand(-1, -1, frames, -1, -1), blank)[2]

    def forward_step(self, joints: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """One frame (N, M, V, 3) in metres to logits (N, classes), embedding (N, D) and the state
        behind it."""
        logits, embedding, state = self(joints[:, :, None], state)
        return logits[:, 0], embedding[:, 0], state

    def forward(self, joints: Tensor, state: State | None = None) -> tuple[Tensor, Tensor, State]:
        """A clip (N, M, T, V, 3) in metres to every frame's logits (N, T, classes) and embedding
        (N, T, D), and the state.

        Without a state the persons stood still before as in their first frame.
        """
        state = self.still(joints[:, :, 0]) if state is None else state
        after: State = {}
        x = self._clip(joints, state, after)
        maps: list[Tensor] = []
        for number in range(1, len(self.blocks) + 1):
            x = self._block(number, x, state=state, after=after)
            maps = [*maps, x] if self.encoder.all_blocks else [x]
        features = torch.cat(maps, 1).unflatten(0, (len(joints), -1)).mean((1, 4))
        pool = torch.cat([state["pool"], features], 2)
        after["pool"] = pool[:, :, features.shape[2] :]
        windows = pool.unfold(2, self.window, 1).transpose(1, 2)
        embedding = over_frames(windows, self.encoder.pool)
        return self.classifier.head(embedding), embedding, after

    def _clip(self, joints: Tensor, state: State, after: State) -> Tensor:
        """The encoder's normalised input (NM, 3, T, V)."""
        view = self.classifier.view
        if "root" in state:
            path = torch.cat([state["root"], root(joints, view.layout)], 2)
            after["root"] = path[:, :, 1 - ROOT_FRAMES :]
        placed = view.place(joints, before=state.get("root"))
        if "previous" in state:
            after["previous"] = placed[:, :, -1:]
            placed = torch.cat([state["previous"], placed], 2)
        clip = self.encoder.look(view.clip(placed)[:, :, -joints.shape[2] :])
        samples, channels, frames, size, persons = clip.shape
        rows = clip.permute(0, 4, 3, 1, 2).reshape(samples * persons, size * channels, frames)
        normed = self.encoder.input_norm(rows).view(-1, size, channels, frames)
        return self.encoder.nodes(normed.permute(0, 2, 3, 1))

    def _block(self, number: int, x: Tensor, state: State, after: State) -> Tensor:
        block = self.blocks[number - 1]
        frames = x.shape[2]
        seen = functional.relu(block.graph_norm(block.graph(x, self.encoder.edges()[number - 1])))
        seen = torch.cat([state[f"ring{number}"], seen], 2)
        after[f"ring{number}"] = seen[:, :, frames:]
        y = block.time_norm(functional.conv2d(seen, block.time.weight, block.time.bias))
        if block.residual is None:
            return functional.relu(y)
        if f"delay{number}" in state:
            waiting = torch.cat([state[f"delay{number}"], x], 2)
            after[f"delay{number}"] = waiting[:, :, frames:]
            x = waiting[:, :, :frames]
        return functional.relu(y + block.residual(x))


class StreamingFusion(nn.Module):
    """Streaming classifiers of a stream each, used as one as in `Fused`; a state's name begins with
    its stream's.

    Raises `InputError` for members that cannot stream, or that answer about different frames.
    """

    def __init__(self, fused: Fused) -> None:
        super().__init__()
        members = [member for member in fused.members if isinstance(member, Classifier)]
        self.members = {member.view.data.stream: StreamingClassifier(member) for member in members}
        self.weights = fused.weights
        first = next(iter(self.members.values()))
        self.window, self.delay = first.window, first.delay
        for member in self.members.values():
            if (member.window, member.delay) != (self.window, self.delay):
                raise InputError(
                    "streams that are fused frame by frame must answer about the same frames:"
                    f" expected one window and delay, got {self.window} and {self.delay} beside"
                    f" {member.window} and {member.delay}; train them with one plan"
                )

    def still(self, joints: Tensor) -> State:
        """As in `StreamingClassifier`."""
        return self._named(
            {stream: member.still(joints) for stream, member in self.members.items()}
        )

    def forward_step(self, joints: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """As in `StreamingClassifier`: one frame (N, M, V, 3) and the state."""
        logits = []
        embeddings = []
        after = {}
        for (stream, member), weight in zip(self.members.items(), self.weights, strict=True):
            own = {
                name.removeprefix(f"{stream}_"): value
                for name, value in state.items()
                if name.startswith(f"{stream}_")
            }
            answer, embedding, after[stream] = member.forward_step(joints, own)
            logits.append(weight * answer)
            embeddings.append(embedding)
        return torch.stack(logits).sum(0), torch.cat(embeddings, 1), self._named(after)

    def _named(self, states: dict[Any, State]) -> State:
        return {
            f"{stream}_{name}": value
            for stream, state in states.items()
            for name, value in state.items()
        }


StreamingNetwork = StreamingClassifier | StreamingFusion


def streaming(network: Network) -> StreamingNetwork:
    """The network frame by frame; raises `InputError` for one that cannot be."""
    return StreamingFusion(network) if isinstance(network, Fused) else StreamingClassifier(network)
