"""The transformer encoder of MAMP (Mao et al. 2023) and Skeleton2vec (section 3.2)."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import flop_registry, register_flop_formula

from skedge.recipes.settings import EncoderSettings
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout
from skedge.teacher.networks.base import Encoder, check_multiple, keep, people


class Attention(nn.Module):
    """Multi-head self-attention of tokens (R, K, D)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inward = nn.Linear(width, 3 * width)
        self.outward = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.outward(attend(*self._heads(x)).transpose(1, 2).flatten(2))

    def weights(self, x: Tensor) -> Tensor:
        """The attention of every token to every other, (R, heads, K, K); for pictures alone,
        `forward` never makes it."""
        q, k, _ = self._heads(x)
        return (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)

    def _heads(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.inward(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind()


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """What queries make of keys and values, all (R, heads, K, D / heads).

    Training on a CPU takes them in 32 bits: in bfloat16 torch's backward pass takes two to six
    times as long there (docs/results/studies.md, "Throughput of pretraining").
    """
    if q.device.type != "cpu" or not q.requires_grad or q.dtype == torch.float32:
        return functional.scaled_dot_product_attention(q, k, v)
    with torch.autocast("cpu", enabled=False):
        found = functional.scaled_dot_product_attention(q.float(), k.float(), v.float())
    return found.to(q.dtype)


class TokenBlock(nn.Module):
    """A pre-norm transformer block; in training each of its halves is left out for a row with the
    chance `drop_path`."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.feed_norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, hidden * width), nn.GELU(), nn.Linear(hidden * width, width)
        )
        self.hidden = hidden
        self.drop_path = 0.0

    def forward(self, x: Tensor) -> Tensor:
        x = x + self._survive(self.attention(self.attention_norm(x)))
        return x + self._survive(self.feed(self.feed_norm(x)))

    def _survive(self, x: Tensor) -> Tensor:
        if not self.training or not self.drop_path:
            return x
        stays = torch.rand(len(x), 1, 1, device=x.device) >= self.drop_path
        return x * stays / (1 - self.drop_path)


class Places(nn.Module):
    """Learned embeddings of time and joint, added to tokens (R, T', V, D) (Skeleton2vec eq. 2)."""

    def __init__(self, times: int, joints: int, width: int) -> None:
        super().__init__()
        self.time = nn.Parameter(nn.init.trunc_normal_(torch.empty(times, 1, width), std=0.02))
        self.space = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, joints, width), std=0.02))

    def forward(
        self, x: Tensor, times: Tensor | None = None, joints: Tensor | None = None
    ) -> Tensor:
        """The tokens with the places of all times and joints, or of those at `times` (R, T') and
        `joints` (R, V)."""
        time = self.time if times is None else self.time[times]
        space = self.space if joints is None else self.space[0, joints][:, None]
        return x + time + space


class TokenMap(nn.Module):
    """The last norm, and tokens (R, T' * V, D) as a map (R, D, T', V)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, joints: int) -> Tensor:
        return self.norm(x).unflatten(1, (-1, joints)).permute(0, 3, 1, 2)


class Transformer(Encoder):
    """Tokens of one joint over a few frames, a linear embedding, and pre-norm blocks over all
    tokens of a person.

    6,335,232 parameters for 90 frames of NTU-25 with the default plan. Of clips without some
    frames, those that stay are cut into segments anew, each placed in time where its middle frame
    was.

    Raises `InputError` for a number of frames that makes no whole segments, and for heads that do
    not divide the width.
    """

    def __init__(
        self, layout: Layout, settings: EncoderSettings, frames: int, channels: int = 3
    ) -> None:
        super().__init__()
        plan = settings.transformer
        check_multiple(frames, plan.segment, "encoder.transformer.segment")
        if plan.depth < 1 or plan.heads < 1 or plan.width % plan.heads:
            raise InputError(
                "encoder.transformer: expected at least one block, and heads that divide the width"
                f" of {plan.width}, got {plan.depth} blocks and {plan.heads} heads"
            )
        self.segment = plan.segment
        self.frames = frames
        self.features = plan.width
        self.embedding = nn.Linear(plan.segment * channels, plan.width)
        self.places = Places(frames // plan.segment, len(layout), plan.width)
        self.blocks = nn.ModuleList(
            TokenBlock(plan.width, plan.heads, plan.hidden) for _ in range(plan.depth)
        )
        self.map = TokenMap(plan.width)
        start(self)

    @property
    def last(self) -> nn.Module:
        return self.map

    def check_kept(self, frames: int, *, all_joints: bool = True) -> None:
        check_multiple(frames, self.segment, "encoder.transformer.segment, of the frames that stay")

    def embed(
        self, x: Tensor, joints: Tensor | None = None, frames: Tensor | None = None
    ) -> Tensor:
        """Tokens (R, T', V, D) of bodies (R, T, V, C), each with its place."""
        times = None
        if frames is not None:
            self.check_kept(frames.shape[1])
            x = keep(x, frames, 1)
            times = frames[:, self.segment // 2 :: self.segment] // self.segment
        elif x.shape[1] != self.frames:
            raise InputError(
                f"the encoder: expected clips of {self.frames} frames, got {x.shape[1]}"
            )
        if joints is not None:
            x = keep(x, joints, 2)
        return self.places(self.embedding(segments(x, self.segment)), times, joints)

    def encode(self, tokens: Tensor) -> list[Tensor]:
        """The outputs of all blocks for tokens (R, K, D), the last one last, before the last
        norm."""
        outputs = []
        for block in self.blocks:
            tokens = block(tokens)
            outputs.append(tokens)
        return outputs

    def feature_map(
        self, clip: Tensor, joints: Tensor | None = None, frames: Tensor | None = None
    ) -> Tensor:
        persons = clip.shape[-1]
        joints, frames = (
            None if at is None else at.repeat_interleave(persons, 0) for at in (joints, frames)
        )
        tokens = self.embed(people(clip), joints, frames)
        x: Tensor = self.map(self.encode(tokens.flatten(1, 2))[-1], tokens.shape[2])
        return x.unflatten(0, (-1, persons)).mean(1)


def segments(x: Tensor, frames: int) -> Tensor:
    """Bodies (R, T, V, C) cut into segments: (R, T / frames, V, frames * C), Skeleton2vec's I'."""
    return x.unflatten(1, (-1, frames)).transpose(2, 3).flatten(3)


def start(module: nn.Module) -> None:
    """First weights of linear layers: Xavier's uniform ones and no bias, as in MAMP's program."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)


def set_drop_path(encoder: nn.Module, rate: float) -> None:
    """Set the chances that blocks are left out: the first never, the last with the chance `rate`,
    evenly between (MAMP).

    Raises `InputError` where there are no such blocks.
    """
    if not 0 <= rate < 1:
        raise InputError(f"finetune.drop_path: expected a chance from 0 to below 1, got {rate}")
    found = [block for block in encoder.modules() if isinstance(block, TokenBlock)]
    if rate and not found:
        raise InputError(
            "finetune.drop_path: expected 0, only encoder.backbone transformer has blocks that can"
            " be left out"
        )
    for place, block in enumerate(found):
        block.drop_path = rate * place / max(1, len(found) - 1)


# torch counts attention's products on GPUs alone.
_ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
if _ATTENTION not in flop_registry:

    @register_flop_formula(_ATTENTION)
    def _forward_flops(
        q: tuple[int, ...], k: tuple[int, ...], v: tuple[int, ...], *_: object, **__: object
    ) -> int:
        rows, heads, queries, width = q
        return 2 * rows * heads * queries * k[2] * (width + v[3])

    @register_flop_formula(torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward)
    def _backward_flops(
        _: object,
        q: tuple[int, ...],
        k: tuple[int, ...],
        v: tuple[int, ...],
        *__: object,
        **___: object,
    ) -> int:
        rows, heads, queries, width = q
        return 2 * rows * heads * queries * k[2] * (3 * width + 2 * v[3])
