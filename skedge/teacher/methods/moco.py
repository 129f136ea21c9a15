"""Momentum contrast: a query encoder, its slow copy, and a queue of keys."""

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from skedge.recipes.settings import ContrastSettings
from skedge.teacher.methods.attention_drop import attention_drop
from skedge.teacher.networks.base import pooled
from skedge.teacher.networks.dual import AnyEncoder


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
            self.mlp(pooled(x, self.encoder.pool))
            for x in (features, attention_drop(features, keep))
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
        """Replace the oldest keys by keys (N, D) of the clips numbered (N,); all processes' keys,
        on every one."""
        keys, clips = gathered(keys), gathered(clips)
        at = (self.pointer + torch.arange(len(keys), device=keys.device)) % len(self.keys)
        self.keys[at] = keys
        self.owners[at] = clips
        self.pointer.copy_((self.pointer + len(keys)) % len(self.keys))

    def similarities(self, query: Tensor) -> Tensor:
        """Cosines with all keys of the queue, (N, K); the queue's later changes do not reach
        them."""
        return query @ self.keys.clone().T

    def own(self, clips: Tensor) -> Tensor:
        """The keys of the queue that belong to the clips numbered (N,) themselves, bool (N, K)."""
        return self.owners == clips[:, None]


def gathered(x: Tensor) -> Tensor:
    """The rows of all processes, in the order of their ranks; each must bring equally many."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return x
    parts = [torch.empty_like(x) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, x.contiguous())
    return torch.cat(parts)


def _unit(embedding: Tensor) -> Tensor:
    return functional.normalize(embedding.float(), dim=1)
