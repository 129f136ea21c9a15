"""Pretraining by momentum contrast: SkeletonCLR (Li et al. 2021), the base of AimCLR, CSCLR and
CrosSCLR."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self, cast

import torch
from torch import Tensor, nn

from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import ContrastSettings, PretrainSettings
from skedge.skeleton import InputError
from skedge.skeleton.layout import Layout
from skedge.skeleton.streams import Stream
from skedge.teacher.methods.contrast_losses import NOTHING, first_and, info_nce
from skedge.teacher.methods.contrast_views import Seen, Views
from skedge.teacher.methods.method import Method
from skedge.teacher.methods.moco import MoCo
from skedge.teacher.networks.dual import AnyEncoder, make_encoder

MOMENTUM_OF_A_SMALL_SET = 0.99

Extreme = Literal["ddm", "query", "none"]


@dataclass
class Embedded:
    """One stream's embeddings of a batch, unit vectors (N, D), and what its queue says of them.

    `negatives` are the query's cosines with the queue's keys (N, K), `own` those keys that belong
    to the clip itself (N, K); `extreme` the extreme query without and with attention drop; `queued`
    is what enters the queue behind the step.
    """

    moco: MoCo
    query: Tensor
    key: Tensor
    negatives: Tensor
    own: Tensor
    extreme: tuple[Tensor, ...]
    queued: Tensor


class SkeletonCLR(Method):
    """A query against its key and the queue: MoCo on skeletons, eq. 2 of CSCLR. The base of the
    other methods.

    Takes an encoder for every stream that is trained; a batch is joints (N, M, T, V, 3) and the
    clips' numbers (N,).
    """

    stages = 1

    def __init__(
        self, encoders: Mapping[Stream, AnyEncoder], layout: Layout, recipe: Recipe
    ) -> None:
        settings = recipe.pretrain
        super().__init__(settings.optim)
        self.contrast = settings.contrast
        self.extreme = self.use_of_extreme(settings)
        shares = self.contrast.stages[: self.stages]
        if not any(shares):
            raise InputError(
                f"pretrain.contrast.stages: expected lengths of 0 or more, the first {self.stages}"
                f" not all 0, got {list(self.contrast.stages)}"
            )
        self.streams = nn.ModuleDict(
            {name: MoCo(encoder, self.contrast) for name, encoder in encoders.items()}
        )
        self.views = Views(encoders, layout, recipe)
        for mask in self.views.masks.values():
            for encoder in encoders.values():
                mask.check(encoder)

    @classmethod
    def make(cls, layout: Layout, recipe: Recipe) -> Self:
        data = recipe.input
        plan = cls.plan(recipe.encoder, recipe.pretrain)
        streams = data.fusion if data.stream == "three" else (data.stream,)
        encoders = {stream: make_encoder(layout, plan, data.frames) for stream in streams}
        return cls(encoders, layout, recipe)

    @classmethod
    def fitted(cls, settings: PretrainSettings, *, clips: int, batch: int) -> PretrainSettings:
        return replace(settings, contrast=fitted(settings.contrast, clips, batch))

    @staticmethod
    def use_of_extreme(settings: PretrainSettings) -> Extreme:
        return "none"

    @property
    def encoders(self) -> dict[Stream, nn.Module]:
        """The trained encoders, by stream."""
        found = {name: moco.get_submodule("encoder") for name, moco in self.streams.items()}
        return cast(dict[Stream, nn.Module], found)

    def seen(self, joints: Tensor) -> dict[str, Seen]:
        return self.views.see(joints, "query")

    @property
    def stage(self) -> int:
        """0 in basic training, 1 with mining, 2 with transformed positives."""
        shares = self.contrast.stages[: self.stages]
        done = self.current_epoch / max(1, self.optim.epochs) * sum(shares)
        passed = [sum(shares[: i + 1]) <= done + 1e-9 for i in range(self.stages - 1)]
        return sum(passed)

    def embed(self, joints: Tensor, clips: Tensor) -> dict[str, Embedded]:
        """Every stream's embeddings of a batch; the key encoders take their step first."""
        queries = self.views.see(joints, "extreme" if self.extreme == "query" else "query")
        keys = self.views.see(joints, "key")
        extremes = self.views.see(joints, "extreme") if self.extreme == "ddm" else {}
        found = {}
        for name, moco in self.streams.items():
            assert isinstance(moco, MoCo)
            query = moco.query(*queries[name])
            dropped = moco.dropped_queries(self.contrast.keep, *extremes[name]) if extremes else ()
            moco.follow()
            key = moco.key(*keys[name])
            with torch.autocast(joints.device.type, enabled=False):
                negatives = moco.similarities(query)
                own = moco.own(clips) & self.contrast.small_set
            found[name] = Embedded(
                moco, query, key, negatives=negatives, own=own, extreme=dropped, queued=key
            )
        return found

    def logits(self, positive: Tensor, negatives: Tensor, own: Tensor) -> Tensor:
        """Cosines (N,) and (N, K) over the temperature, the positive first, (N, 1 + K); `own` keys
        count for nothing."""
        negatives = (negatives / self.contrast.temperature).masked_fill(own, NOTHING)
        return torch.cat([positive[:, None] / self.contrast.temperature, negatives], dim=1)

    def loss(self, found: dict[str, Embedded], stage: int) -> Tensor:
        """The loss of a batch's embeddings."""
        return torch.stack([self.intra(one, stage) for one in found.values()]).sum()

    def intra(self, one: Embedded, stage: int) -> Tensor:
        """A stream's own loss."""
        return info_nce(
            self.logits((one.query * one.key).sum(1), one.negatives, one.own),
            first_and(one.own, None),
        )

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        joints, clips = batch
        found = self.embed(joints, clips)
        with torch.autocast(joints.device.type, enabled=False):
            loss = self.loss(found, self.stage)
        for one in found.values():
            one.moco.enqueue(one.queued, clips)
        self.log("loss", loss)
        return loss


def fitted(settings: ContrastSettings, clips: int, batch: int) -> ContrastSettings:
    """The settings for a set of `clips` trained on in batches of `batch`, after the rule that
    `small_set` describes.

    Raises `InputError` if the queue has no room for a batch.
    """
    room = min(settings.queue, clips // 2) if settings.small_set else settings.queue
    if room < batch:
        limit = f", and at most half of the {clips} training clips" if settings.small_set else ""
        raise InputError(
            f"pretrain.optim.batch_size: expected at most {max(1, room)} clips a batch, got"
            f" {batch}; the queue holds {settings.queue} keys (pretrain.contrast.queue){limit}, and"
            " at least a batch"
        )
    if not settings.small_set:
        return settings
    small = room < settings.queue
    momentum = min(settings.momentum, MOMENTUM_OF_A_SMALL_SET) if small else settings.momentum
    return replace(settings, queue=room // batch * batch, momentum=momentum)
