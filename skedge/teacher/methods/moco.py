"""Momentum contrast: a query encoder, its slow copy, a queue of keys, and what is computed from
their similarities."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Literal

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from skedge.recipes.settings import ContrastSettings
from skedge.teacher.networks.dual import AnyEncoder

# A logit that counts for nothing: its exponential is 0 in float32, and 0 times it is 0, unlike with
# infinity.
NOTHING = -1e4
ENERGY = 1e-4


class MoCo(nn.Module):
    """Encoder and MLP for queries, the same for keys, and the keys of earlier steps (He et al.
    2020; SkeletonCLR).

    Embeddings (N, D) are unit vectors in float32. The queue starts with random unit vectors that
    belong to no clip.
    """

    keys: Tensor
    owners: Tensor
    pointer: Tensor

    def __init__(self, encoder: AnyEncoder, settings: ContrastSettings) -> None:
        super().__init__()
        width = encoder.features
        self.momentum = settings.momentum
        self.encoder = encoder
        self.mlp = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, settings.features)
        )
        self.key_encoder = deepcopy(encoder).requires_grad_(False)
        self.key_mlp = deepcopy(self.mlp).requires_grad_(False)
        self.register_buffer(
            "keys", functional.normalize(torch.randn(settings.queue, settings.features), dim=1)
        )
        self.register_buffer("owners", torch.full((settings.queue,), -1))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.long))

    def query(
        self, clip: Tensor, joints: Tensor | None = None, frames: Tensor | None = None
    ) -> Tensor:
        return _unit(self.mlp(self.encoder(clip, joints, frames)))

    def dropped_queries(
        self, keep: float, clip: Tensor, joints: Tensor | None = None, frames: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The query of a clip, and the query of the same features with what draws most attention
        left out."""
        features = self.encoder.feature_map(clip, joints, frames)
        whole, dropped = (
            self.mlp(x.mean((2, 3))) for x in (features, attention_drop(features, keep))
        )
        return _unit(whole), _unit(dropped)

    @torch.no_grad()
    def follow(self) -> None:
        """Key weights = momentum * key weights + (1 - momentum) * query weights; CSCLR eq. 1. Goes
        before the step's keys."""
        for own, other in self._pairs():
            own.lerp_(other, 1 - self.momentum)

    def _pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        for own, other in ((self.key_encoder, self.encoder), (self.key_mlp, self.mlp)):
            yield from zip(own.parameters(), other.parameters(), strict=True)

    @torch.no_grad()
    def key(
        self, clip: Tensor, joints: Tensor | None = None, frames: Tensor | None = None
    ) -> Tensor:
        return _unit(self.key_mlp(self.key_encoder(clip, joints, frames)))

    @torch.no_grad()
    def enqueue(self, keys: Tensor, clips: Tensor) -> None:
        """Let the keys (N, D) of the clips numbered (N,) take the place of the oldest; all
        processes' keys, on every one."""
        keys, clips = gathered(keys), gathered(clips)
        at = (self.pointer + torch.arange(len(keys), device=keys.device)) % len(self.keys)
        self.keys[at], self.owners[at] = keys, clips
        self.pointer.copy_((self.pointer + len(keys)) % len(self.keys))

    def similarities(self, query: Tensor) -> Tensor:
        """Cosines with all keys of the queue, (N, K); the queue's later changes do not reach
        them."""
        return query @ self.keys.clone().T

    def own(self, clips: Tensor) -> Tensor:
        """Which keys of the queue belong to the clips numbered (N,) themselves, bool (N, K)."""
        return self.owners == clips[:, None]


def gathered(x: Tensor) -> Tensor:
    """The rows of all processes, in the order of their ranks; each must bring equally many."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return x
    parts = [torch.empty_like(x) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, x.contiguous())
    return torch.cat(parts)


def info_nce(logits: Tensor, positives: Tensor, over: Literal["sum", "mean"] = "sum") -> Tensor:
    """The mean over rows of logits (N, L) of how unlikely their positives, bool (N, L), are.

    sum: minus the logarithm of the sum of the positives' probabilities (CSCLR eq. 2 and 11). mean:
    minus the mean of their log-probabilities (the programs of AimCLR and CrosSCLR). The same for a
    single positive.
    """
    if over == "sum":
        return (logits.logsumexp(1) - logits.masked_fill(~positives, NOTHING).logsumexp(1)).mean()
    return -(logits.log_softmax(1) * positives).sum(1).div(positives.sum(1)).mean()


def ddm(logits: Tensor, target: Tensor) -> Tensor:
    """AimCLR's distributional divergence: the cross entropy of logits (N, L) to the distribution of
    the target's (N, L).

    No gradient goes through the target.
    """
    return -(target.detach().softmax(1) * logits.log_softmax(1)).sum(1).mean()


def nearest(similarities: Tensor, neighbors: int, own: Tensor) -> Tensor:
    """The keys most similar to each query, bool (N, K), for cosines (N, K); never those in `own`,
    bool (N, K)."""
    at = (
        similarities.detach()
        .masked_fill(own, NOTHING)
        .topk(min(neighbors, similarities.shape[1]), dim=1)
        .indices
    )
    return torch.zeros_like(own).scatter(1, at, True) & ~own


def transform(query: Tensor, key: Tensor, amount: Tensor) -> tuple[Tensor, Tensor]:
    """CSCLR's positive feature transformation, eq. 8: query and key (N, D) drawn apart by amounts
    (N, 1) of at least 1.

    A pair whose similarity would become negative stays as it is. The new vectors are not unit
    vectors.
    """
    far_query, far_key = amount * query + (1 - amount) * key, amount * key + (1 - amount) * query
    refused = (far_query * far_key).sum(1, keepdim=True) < 0
    return torch.where(refused, query, far_query), torch.where(refused, key, far_key)


def attention_drop(features: Tensor, keep: float) -> Tensor:
    """Features (N, D, T, V) without those that draw most attention, the rest enlarged by as much;
    AimCLR, section 3.3.

    Attention is the sigmoid of the inverse energy of SimAM (Yang et al. 2021, eq. 5). As in
    AimCLR's program, joints go whose mean attention is at least `keep`, then single values whose
    own is, and each time the batch is divided by the share that stays. (There on every person's
    map, here on the persons' mean.)
    """
    apart = (features - features.mean((2, 3), keepdim=True)).square()
    variance = apart.sum((2, 3), keepdim=True) / max(1, features[0, 0].numel() - 1)
    attention = (apart / (4 * (variance + ENERGY)) + 0.5).sigmoid().detach()
    for stays in (attention.mean((1, 2), keepdim=True) < keep, attention < keep):
        features = features * stays / stays.float().mean().clamp(min=ENERGY)
    return features


def _unit(embedding: Tensor) -> Tensor:
    return functional.normalize(embedding.float(), dim=1)
