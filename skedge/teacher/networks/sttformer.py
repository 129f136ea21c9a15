"""STTFormer (Qiu et al. 2022), the encoder of SkeletonMAE."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.recipes.settings import EncoderSettings
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout
from skedge.teacher.networks.base import Encoder, check_multiple, keep, people, sinusoid

HEADS = 3
SLOPE = 0.1
# Added in quadrature to a clip's deviation, in metres, so that the noise of joints at rest does not
# become a movement: a depth camera's is a centimetre or two.
NOISE = 0.02
# Output channels of the blocks by the last one's (SkeletonMAE, tables 6 and 7; table 8 is half of
# the first).
PLANS = {256: (64, 64, 128, 128, 256, 256, 256, 256), 512: (64, 128, 128, 256, 256, 512, 512, 512)}


class TupleBlock(nn.Module):
    """Attention between the joints of a tuple of frames, then a convolution over tuples; both with
    residuals.

    Takes and gives (R, C, T', E): T' tuples of E elements, a joint in a frame each. The attention
    has neither softmax nor values: a head's map is tanh(q k / (qkv T')) alpha + att0, the sum over
    all tuples in it, and it multiplies the input.
    """

    positions: Tensor

    def __init__(self, channels: int, out: int, qkv: int, elements: int) -> None:
        super().__init__()
        self.qkv = qkv
        self.register_buffer("positions", sinusoid(elements, channels), persistent=False)
        self.queries_keys = nn.Conv2d(channels, 2 * HEADS * qkv, 1)
        self.alpha = nn.Parameter(torch.ones(HEADS, 1, 1))
        self.attention = nn.Parameter(torch.full((HEADS, elements, elements), 1 / elements))
        self.spread = nn.Sequential(
            nn.Conv2d(HEADS * channels, out, (1, 5), padding=(0, 2)), nn.BatchNorm2d(out)
        )
        self.feed = nn.Sequential(nn.Conv2d(out, out, 1), nn.BatchNorm2d(out))
        self.time = nn.Sequential(nn.Conv2d(out, out, (3, 1), padding=(1, 0)), nn.BatchNorm2d(out))
        self.residual: nn.Module = nn.Identity()
        self.time_residual: nn.Module = nn.Identity()
        if channels != out:
            self.residual = nn.Sequential(nn.Conv2d(channels, out, 1), nn.BatchNorm2d(out))
            self.time_residual = nn.Sequential(nn.Conv2d(out, out, 1), nn.BatchNorm2d(out))

    def forward(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        """The output (R, out, T', E) for all elements, or for those that `at` (R, T', E') names."""
        residual = self.residual(x)
        y = functional.leaky_relu(self.spread(self.mix(x, at)) + residual, SLOPE)
        y = functional.leaky_relu(self.feed(y) + residual, SLOPE)
        return functional.leaky_relu(self.time(y) + self.time_residual(y), SLOPE)

    def mix(self, x: Tensor, at: Tensor | None) -> Tensor:
        """The input times every head's map, heads side by side, (R, heads * C, T', E)."""
        places = self.positions[:, None] if at is None else self.positions[:, at].transpose(0, 1)
        q, k = (
            self.queries_keys(x + places).unflatten(1, (2, HEADS, self.qkv)).flatten(3, 4).unbind(1)
        )
        q, k = (part.reshape(*part.shape[:2], -1, x.shape[3]) for part in (q, k))
        found = torch.tanh(q.transpose(-1, -2) @ k / (self.qkv * x.shape[2])) * self.alpha
        if at is None:
            y = x.flatten(1, 2)[:, None] @ (found + self.attention)
            return y.flatten(1, 2).unflatten(1, (-1, x.shape[2]))
        # The elements of every tuple are others: each has its own part of att0, the map of q and k
        # is the slots'.
        own = self.attention[:, at[..., :, None], at[..., None, :]].permute(1, 2, 0, 3, 4)
        y = x.permute(0, 2, 1, 3)[:, :, None] @ (found[:, None] + own)
        return y.permute(0, 2, 3, 1, 4).flatten(1, 2)


class TupleMap(nn.Module):
    """Tuples (R, D, T / l, l * V) as frames (R, D, T, V)."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(3, (self.frames, -1)).flatten(2, 3)


class ChannelNorm(nn.LayerNorm):
    """A layer norm over the channels of every joint in every frame, (R, D, T, V)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class STTFormer(Encoder):
    """STTFormer: 6,233,588 parameters with tuples of 6 frames of NTU-25 and a head for 60 classes.

    Of clips without some frames, those that stay are cut into tuples anew; joints that stay keep
    their own positions and their own rows and columns of att0.

    With `instance_norm` every body is standardised first, over the whole clip (`spread`). Where a
    joint usually is says nothing of the action, and varies from joint to joint several times as far
    as anything moves; and products of the input with itself, block after block, make a tail of the
    clips that move most. Without it a probe finds nothing in what SkeletonMAE learned. Joints and
    frames that are then left out have their part in that deviation: how far all move, one number a
    body, is known of hidden ones too (the figures in docs/results are of this). With
    `layer_norm` the features of every joint in every frame are equally large; without it they may
    span no more than one or two directions after pretraining on few clips
    (docs/results/accuracy.md, "Against an untrained encoder").

    Raises `InputError` for a number of frames that makes no whole tuples, and for a width that
    cannot be scaled.
    """

    def __init__(
        self, layout: Layout, settings: EncoderSettings, frames: int, channels: int = 3
    ) -> None:
        super().__init__()
        plan = encoder_plan(settings.sttformer.width)
        self.frames = settings.sttformer.frames
        check_multiple(frames, self.frames, "encoder.sttformer.frames")
        self.joints = len(layout)
        self.instance_norm = settings.sttformer.instance_norm
        self.features = plan[-1][1]
        self.input = nn.Sequential(
            nn.Conv2d(channels, plan[0][0], 1), nn.BatchNorm2d(plan[0][0]), nn.LeakyReLU(SLOPE)
        )
        self.blocks = nn.ModuleList(TupleBlock(*block, self.frames * self.joints) for block in plan)
        self.map = TupleMap(self.frames)
        self.norm = ChannelNorm(self.features) if settings.sttformer.layer_norm else nn.Identity()

    @property
    def last(self) -> nn.Module:
        return self.norm

    def check_kept(self, frames: int, *, all_joints: bool = True) -> None:
        check_multiple(frames, self.frames, "encoder.sttformer.frames")

    def standardise(self, x: Tensor) -> Tensor:
        """Whole bodies (R, C, T, V) as `encode` takes them, or parts of them."""
        if not self.instance_norm:
            return x
        mean, deviation = spread(x)
        return (x - mean) / deviation

    def encode(self, x: Tensor, joints: Tensor | None = None) -> Tensor:
        """Features (R, D, T, V) of standardised bodies (R, C, T, V), of which `joints` (R, T, V)
        says which joints they are."""
        self.check_kept(x.shape[2])
        at = None if joints is None else elements(joints, self.frames, self.joints)
        x = self.input(tuples(x, self.frames))
        for block in self.blocks:
            x = block(x, at)
        features: Tensor = self.norm(self.map(x))
        return features

    def feature_map(
        self, clip: Tensor, joints: Tensor | None = None, frames: Tensor | None = None
    ) -> Tensor:
        persons = clip.shape[-1]
        x = self.standardise(people(clip).permute(0, 3, 1, 2))
        if frames is not None:
            x = keep(x, frames.repeat_interleave(persons, 0), 2)
        if joints is not None:
            joints = joints.repeat_interleave(persons, 0)
            x = keep(x, joints, 3)
            joints = joints[:, None].expand(-1, x.shape[2], -1)
        return self.encode(x, joints).unflatten(0, (-1, persons)).mean(1)


def spread(x: Tensor) -> tuple[Tensor, Tensor]:
    """The mean over the frames of each coordinate of each joint, (R, C, 1, V), in bodies (R, C, T,
    V), and the deviation of all of them about their means, (R, 1, 1, 1), `NOISE` in it."""
    mean = x.mean(2, keepdim=True)
    square = (x - mean).square().mean((1, 2, 3), keepdim=True)
    return mean, (square + NOISE**2).sqrt()


def tuples(x: Tensor, frames: int) -> Tensor:
    """Frames (R, C, T, V) as tuples (R, C, T / frames, frames * V): element frame_in_tuple * V +
    joint."""
    return x.unflatten(2, (-1, frames)).flatten(3)


def elements(joints: Tensor, frames: int, size: int) -> Tensor:
    """The elements that the joints (R, T, V') of a body of `size` joints are, (R, T / frames,
    frames * V')."""
    inside = torch.arange(joints.shape[1], device=joints.device) % frames
    return tuples((joints + size * inside[:, None])[:, None], frames)[:, 0]


def encoder_plan(width: int) -> list[tuple[int, int, int]]:
    """Channels in, out and of a head's queries of every block (SkeletonMAE, tables 6 to 8; other
    widths scale table 6)."""
    if width < 16 or width % 16:
        raise InputError(
            "encoder.sttformer.width: expected a multiple of 16 (128, 256 and 512 in the paper),"
            f" got {width}"
        )
    outs = PLANS.get(width) or tuple(out * width // 256 for out in PLANS[256])
    return [(inside, out, out // 4) for inside, out in zip((outs[0], *outs), outs, strict=False)]
