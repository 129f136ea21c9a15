"""Pretraining a transformer by what it does not see: Skeleton2vec, and MAMP, the method that it
improves on."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.recipes.masked_settings import TokenMaskSettings
from skedge.recipes.recipe import Recipe
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout
from skedge.teacher.augment import Augment
from skedge.teacher.masks.tokens import TokenMask, motion_of, present, split
from skedge.teacher.networks.base import keep, people
from skedge.teacher.networks.classifier import View
from skedge.teacher.networks.transformer import Places, TokenBlock, Transformer, segments, start
from skedge.teacher.training import Trained

# Fewer steps than these are a small set's: the teacher then starts to follow faster.
MANY_STEPS = 10_000
EMA, SMALL_EMA = 0.9999, 0.99
EPSILON = 1e-5


class TokenDecoder(nn.Module):
    """From what is visible to `out` channels for every token: a learned token in the place of each
    masked one, then blocks.

    Linear in- and outputs and embeddings of its own, as in MAMP, whose architecture Skeleton2vec
    takes.
    """

    def __init__(self, encoder: Transformer, depth: int, out: int) -> None:
        super().__init__()
        if depth < 1:
            raise InputError(
                f"pretrain: expected a decoder of at least one block, got decoder_depth {depth}"
            )
        width, block = encoder.features, encoder.blocks[0]
        assert isinstance(block, TokenBlock)
        heads, hidden = block.attention.heads, block.hidden
        times, joints = len(encoder.places.time), encoder.places.space.shape[1]
        self.inward = nn.Linear(width, width)
        self.token = nn.Parameter(nn.init.trunc_normal_(torch.empty(width), std=0.02))
        self.places = Places(times, joints, width)
        self.blocks = nn.Sequential(*(TokenBlock(width, heads, hidden) for _ in range(depth)))
        self.norm, self.outward = nn.LayerNorm(width), nn.Linear(width, out)
        start(self)

    def forward(self, x: Tensor, visible: Tensor) -> Tensor:
        """Visible tokens (R, K, D) that stood at `visible` (R, K), to (R, T' * V, out)."""
        x = self.inward(x)
        times, joints = len(self.places.time), self.places.space.shape[1]
        full = self.token.to(x.dtype).expand(len(x), times * joints, -1)
        full = full.scatter(1, visible[..., None].expand_as(x), x)
        full = self.places(full.unflatten(1, (times, joints))).flatten(1, 2)
        predicted: Tensor = self.outward(self.norm(self.blocks(full)))
        return predicted


class MaskedPrediction(Trained):
    """What the methods share: visible tokens through the encoder, all through the decoder, the
    error where tokens were masked.

    Persons are folded into the batch; absent ones are no rows of it.
    """

    def __init__(
        self,
        encoder: nn.Module,
        layout: Layout,
        recipe: Recipe,
        *,
        mask: TokenMaskSettings,
        depth: int,
        out: int | None = None,
    ) -> None:
        data, settings = recipe.input, recipe.pretrain
        super().__init__(settings.optim)
        assert isinstance(encoder, Transformer), "skedge.teacher.pretrain sees to it"
        self.view, self.augment = View(layout, data), Augment(settings.augment, layout)
        self.encoder = encoder
        self.decoder = TokenDecoder(encoder, depth, out or encoder.features)
        self.mask = TokenMask(mask, data.frames // encoder.segment, len(layout))

    def student(self) -> Transformer:
        """The encoder that learns."""
        assert isinstance(self.encoder, Transformer)
        return self.encoder

    def bodies(self, joints: Tensor) -> Tensor:
        """Joints (N, M, T, V, 3) as the encoder sees them, one row a person who is there: (R, T, V,
        C)."""
        return people(self.view(joints, self.augment))[present(joints)]

    def predict(self, x: Tensor, visible: Tensor) -> Tensor:
        """What is predicted for all tokens (R, T' * V, out) of bodies (R, T, V, C) from those at
        `visible` (R, K)."""
        student = self.student()
        tokens = keep(student.embed(x).flatten(1, 2), visible, 1)
        return self.decoder(student.map.norm(student.encode(tokens)[-1]), visible)

    def target(self, x: Tensor) -> Tensor:
        """What is right for all tokens (R, T' * V, out) of bodies (R, T, V, C)."""
        raise NotImplementedError

    def loss(self, joints: Tensor) -> Tensor:
        x = self.bodies(joints)
        visible, masked = split(self.mask(x, self.student().segment))
        predicted = keep(self.predict(x, visible), masked, 1)
        return functional.mse_loss(predicted.float(), keep(self.target(x), masked, 1))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        loss = self.loss(batch[0])
        self.log("loss", loss)
        return loss


class Skeleton2vec(MaskedPrediction):
    """The target is what the teacher makes of the whole clip, averaged over its blocks; the teacher
    is what is kept.

    `encoder` is the teacher: an exponential moving average of `learner`, updated after every step
    (eq. 6).
    """

    def __init__(self, encoder: nn.Module, layout: Layout, recipe: Recipe) -> None:
        s = recipe.pretrain.skeleton2vec
        super().__init__(encoder, layout, recipe, mask=s.mask, depth=s.decoder_depth)
        if s.ema is not None and not 0 <= s.ema <= 1:
            raise InputError(f"pretrain.skeleton2vec.ema: expected 0 to 1, got {s.ema}")
        self.ema = s.ema
        self.learner = deepcopy(self.encoder)
        self.encoder.requires_grad_(False)

    def student(self) -> Transformer:
        assert isinstance(self.learner, Transformer)
        return self.learner

    @torch.no_grad()
    def target(self, x: Tensor) -> Tensor:
        assert isinstance(self.encoder, Transformer)
        return contextualized(self.encoder.encode(self.encoder.embed(x).flatten(1, 2)))

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        follow(
            self.encoder, self.student(), kept_share(self.ema, self.trainer.global_step - 1, steps)
        )


class MAMP(MaskedPrediction):
    """The target is the motion of every token's joint and frames (Mao et al. 2023, section 3.3)."""

    def __init__(self, encoder: nn.Module, layout: Layout, recipe: Recipe) -> None:
        assert isinstance(encoder, Transformer), "skedge.teacher.pretrain sees to it"
        s = recipe.pretrain.mamp
        out = encoder.embedding.in_features
        super().__init__(encoder, layout, recipe, mask=s.mask, depth=s.decoder_depth, out=out)
        self.normalized = s.normalized

    def target(self, x: Tensor) -> Tensor:
        return motion_target(x.float(), self.student().segment, self.normalized)


def contextualized(outputs: list[Tensor]) -> Tensor:
    """Skeleton2vec's targets (R, K, D) of every block's output (R, K, D): eq. 2 and 3.

    Each is instance-normalised (over its row's tokens, channel by channel), their mean
    layer-normalised; neither has weights. A block's output is taken behind its residual, as the
    early program does.
    """
    total = torch.stack(
        [functional.instance_norm(x.float().transpose(1, 2), eps=EPSILON) for x in outputs]
    ).mean(0)
    return functional.layer_norm(total.transpose(1, 2), total.shape[1:2], eps=EPSILON)


def motion_target(x: Tensor, segment: int, normalized: bool) -> Tensor:
    """The motion of bodies (R, T, V, C) by token, (R, T / segment * V, segment * C), if asked
    standardised within each."""
    target = segments(motion_of(x), segment).flatten(1, 2)
    if not normalized:
        return target
    # MAMP's program: unbiased variance, and the constant that keeps resting joints finite.
    variance, mean = torch.var_mean(target, -1, keepdim=True)
    return (target - mean) / (variance + 1e-6).sqrt()


def kept_share(first: float | None, step: int, steps: int) -> float:
    """tau at a step (0, 1, ...) of `steps`: from `first`, or the default for so many steps,
    linearly to 1."""
    if first is None:
        first = EMA if steps >= MANY_STEPS else SMALL_EMA
    return first + (1 - first) * step / steps


@torch.no_grad()
def follow(teacher: nn.Module, student: nn.Module, kept: float) -> None:
    """The teacher's weights become kept * theirs + (1 - kept) * the student's (Skeleton2vec eq.
    6)."""
    for own, other in zip(teacher.parameters(), student.parameters(), strict=True):
        own.lerp_(other.to(own.dtype), 1 - kept)
