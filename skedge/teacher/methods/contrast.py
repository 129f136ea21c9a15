"""Pretraining by momentum contrast: SkeletonCLR and CrosSCLR (Li et al. 2021), AimCLR (Guo et al.
2022), CSCLR (Li et al.)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import ContrastSettings, PretrainSettings
from skedge.skeleton import InputError
from skedge.skeleton.layout import Layout
from skedge.skeleton.streams import Stream
from skedge.teacher.augment import Augment
from skedge.teacher.masks.joints import Mask
from skedge.teacher.methods.moco import NOTHING, MoCo, ddm, info_nce, nearest, transform
from skedge.teacher.networks.classifier import View
from skedge.teacher.networks.dual import AnyEncoder
from skedge.teacher.training import Trained

MOMENTUM_OF_A_SMALL_SET = 0.99

Role = Literal["query", "key", "extreme"]
Extreme = Literal["ddm", "query", "none"]
Seen = tuple[Tensor, Tensor | None, Tensor | None]


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


class SkeletonCLR(Trained):
    """A query against its key and the queue: MoCo on skeletons, eq. 2 of CSCLR. The base of the
    other methods.

    Takes an encoder for every stream that is trained; a batch is joints (N, M, T, V, 3) and the
    clips' numbers (N,).
    """

    stages = 1

    def __init__(
        self, encoders: Mapping[Stream, AnyEncoder], layout: Layout, recipe: Recipe
    ) -> None:
        data, settings = recipe.input, recipe.pretrain
        super().__init__(settings.optim)
        self.contrast = settings.contrast
        _check(self.contrast)
        self.extreme = self.use_of_extreme(settings)
        shares = self.contrast.stages[: self.stages]
        if min(shares) < 0 or sum(shares) <= 0:
            raise InputError(
                f"pretrain.contrast.stages: expected lengths of 0 or more, the first {self.stages}"
                f" not all 0, got {list(self.contrast.stages)}"
            )
        self.streams = nn.ModuleDict(
            {name: MoCo(encoder, self.contrast) for name, encoder in encoders.items()}
        )
        self.views = {name: View(layout, replace(data, stream=name)) for name in encoders}
        self.augments: dict[Role, Augment] = {}
        self.masks: dict[Role, Mask] = {}
        roles: tuple[Role, ...] = ("query", "key", "extreme")
        for role in roles:
            if self.contrast.views == "masks":
                self.masks[role] = Mask(getattr(self.contrast.masks, role), layout, data)
            else:
                change = self.contrast.extreme if role == "extreme" else self.contrast.normal
                self.augments[role] = Augment(change, layout)

    @staticmethod
    def use_of_extreme(settings: PretrainSettings) -> Extreme:
        return "none"

    @property
    def encoders(self) -> dict[Stream, nn.Module]:
        """The trained encoders, by stream."""
        return {name: moco.get_submodule("encoder") for name, moco in self.streams.items()}  # type: ignore[misc]

    @property
    def stage(self) -> int:
        """0 in basic training, 1 with mining, 2 with transformed positives."""
        shares = self.contrast.stages[: self.stages]
        done = self.current_epoch / max(1, self.optim.epochs) * sum(shares)
        passed = [sum(shares[: i + 1]) <= done + 1e-9 for i in range(self.stages - 1)]
        return sum(passed)

    def see(self, joints: Tensor, role: Role) -> dict[str, Seen]:
        """A view of the clips in every stream, with the joints and frames that stay. The streams
        share what is random in it."""
        placed = next(iter(self.views.values())).place(joints, self.augments.get(role))
        clips = {name: view.clip(placed) for name, view in self.views.items()}
        mask = self.masks.get(role)
        if mask is None:
            return {name: (clip, None, None) for name, clip in clips.items()}
        return {name: (clip, mask.joints(clip), mask.frames(clip)) for name, clip in clips.items()}

    def embed(self, joints: Tensor, clips: Tensor) -> dict[str, Embedded]:
        """Every stream's embeddings of a batch; the key encoders take their step first."""
        queries = self.see(joints, "extreme" if self.extreme == "query" else "query")
        keys = self.see(joints, "key")
        extremes = self.see(joints, "extreme") if self.extreme == "ddm" else {}
        found = {}
        for name, moco in self.streams.items():
            assert isinstance(moco, MoCo)
            query = moco.query(*queries[name])
            dropped = moco.dropped_queries(self.contrast.keep, *extremes[name]) if extremes else ()
            moco.follow()
            key = moco.key(*keys[name])
            with torch.autocast(joints.device.type, enabled=False):
                negatives, own = moco.similarities(query), moco.own(clips) & self.contrast.small_set
            found[name] = Embedded(moco, query, key, negatives, own, dropped, key)
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


class AimCLR(SkeletonCLR):
    """SkeletonCLR, and extreme views whose similarities shall be distributed as the normal query's;
    AimCLR eq. 9.

    Stage 2 counts as positive the keys nearest to each of the three queries, by the mean of
    log-probabilities, as its program.
    """

    stages = 2

    @staticmethod
    def use_of_extreme(settings: PretrainSettings) -> Extreme:
        return "ddm"

    def intra(self, one: Embedded, stage: int) -> Tensor:
        logits = self.logits((one.query * one.key).sum(1), one.negatives, one.own)
        mined = None
        if stage:
            mined = nearest(one.negatives, self.contrast.neighbors, one.own)
            for query in one.extreme:
                mined = mined | nearest(
                    one.moco.similarities(query), self.contrast.neighbors, one.own
                )
        return info_nce(logits, first_and(one.own, mined), "mean") + self.divergence(one, logits)

    def divergence(self, one: Embedded, logits: Tensor) -> Tensor:
        """The mean of the extreme queries' divergences from the normal query's logits."""
        others = [
            self.logits((q * one.key).sum(1), one.moco.similarities(q), one.own)
            for q in one.extreme
        ]
        return torch.stack([ddm(other, logits) for other in others]).mean()


class CSCLR(AimCLR):
    """Every stream against itself and against the others, with mined neighbours and transformed
    positives; CSCLR eq. 2 to 11.

    Three streams give three terms of their own and six of ordered pairs, unweighted;
    `csclr.extreme` may add AimCLR's divergences to the former.
    """

    stages = 3

    def __init__(
        self, encoders: Mapping[Stream, AnyEncoder], layout: Layout, recipe: Recipe
    ) -> None:
        super().__init__(encoders, layout, recipe)
        self.csclr = recipe.pretrain.csclr
        if self.csclr.transform.alpha <= 0 or self.csclr.transform.mu < 0:
            raise InputError(
                "pretrain.csclr.transform: expected an alpha above 0 and a mu of 0 or more, "
                f"got {self.csclr.transform.alpha:g} and {self.csclr.transform.mu:g}"
            )

    @staticmethod
    def use_of_extreme(settings: PretrainSettings) -> Extreme:
        return settings.csclr.extreme

    def loss(self, found: dict[str, Embedded], stage: int) -> Tensor:
        pairs = permutations([found[name] for name in self.csclr.inter if name in found], 2)
        terms = [self.inter(one, other, stage) for one, other in pairs]
        return torch.stack([super().loss(found, stage), *terms]).sum()

    def intra(self, one: Embedded, stage: int) -> Tensor:
        mined = nearest(one.negatives, self.contrast.neighbors, one.own) if stage else None
        loss = info_nce(self.pair(one, one, stage == 2), first_and(one.own, mined))
        return loss + self.divergence(one, self.pair(one, one)) if one.extreme else loss

    def inter(self, one: Embedded, other: Embedded, stage: int) -> Tensor:
        """The query of one stream against the key and the queue of another, eq. 3 and 4."""
        return info_nce(
            self.pair(one, other, stage == 2 and self.csclr.transform.inter),
            first_and(other.own, None),
        )

    def pair(self, one: Embedded, other: Embedded, transformed: bool = False) -> Tensor:
        """Logits of one stream's query with another's (or its own) key and queue, the positive pair
        perhaps transformed."""
        settings, query, key = self.csclr.transform, one.query, other.key
        against = query
        if transformed:
            query, key = transform(query, key, self.amount(query))
            key = key if settings.key_gradient else key.detach()
            against = query if settings.negatives == "transformed" else against
            if settings.queued and other is one:
                one.queued = functional.normalize(key.detach(), dim=1)
        return self.logits((query * key).sum(1), other.moco.similarities(against), other.own)

    def amount(self, like: Tensor) -> Tensor:
        """Amounts of transformation (N, 1), eq. 10."""
        s = self.csclr.transform
        alpha = torch.full((len(like) if s.per == "pair" else 1, 1), s.alpha, device=like.device)
        return (1 + s.mu * torch.distributions.Beta(alpha, alpha).sample()).expand(len(like), 1)


class CrosSCLR(SkeletonCLR):
    """SkeletonCLR in every stream, then streams that name the neighbours of each other's queries
    (Li et al. 2021, section 3.3).

    In stage 2 a stream's positives are its key and the keys that are nearest in another stream, by
    the mean of log-probabilities, the mean over the other streams. With context, the products of
    both streams' cosines stand beside the stream's own cosines, and the neighbours' count as
    positive too. This is its program, but for two things that look like slips there: here all key
    encoders follow in stage 2, and every stream has an MLP of its own.
    """

    stages = 2

    def __init__(
        self, encoders: Mapping[Stream, AnyEncoder], layout: Layout, recipe: Recipe
    ) -> None:
        super().__init__(encoders, layout, recipe)
        self.context = recipe.pretrain.crossclr.context

    def loss(self, found: dict[str, Embedded], stage: int) -> Tensor:
        if not stage:
            return super().loss(found, stage)
        terms = [self.taught(one, other) for one, other in permutations(found.values(), 2)]
        return torch.stack(terms).sum() / (len(found) - 1)

    def taught(self, one: Embedded, teacher: Embedded) -> Tensor:
        """The loss of a stream whose neighbours another one names."""
        mined = nearest(teacher.negatives, self.contrast.neighbors, teacher.own)
        negatives, own = one.negatives, one.own | teacher.own
        if self.context:
            negatives = torch.cat([negatives, negatives * teacher.negatives], dim=1)
            mined, own = torch.cat([mined, mined], dim=1), torch.cat([own, own], dim=1)
        return info_nce(
            self.logits((one.query * one.key).sum(1), negatives, own), first_and(own, mined), "mean"
        )


def _check(settings: ContrastSettings) -> None:
    """Raise `InputError` for a number that nothing could be contrasted with."""
    for name, fine, legal in (
        ("features", settings.features > 0, "one or more"),
        ("temperature", settings.temperature > 0, "more than 0"),
        ("momentum", 0 <= settings.momentum <= 1, "0 to 1"),
        ("queue", settings.queue > 0, "one or more"),
        ("neighbors", settings.neighbors > 0, "one or more"),
    ):
        if not fine:
            raise InputError(
                f"pretrain.contrast.{name}: expected {legal}, got {getattr(settings, name):g}"
            )


def first_and(like: Tensor, mined: Tensor | None) -> Tensor:
    """Positives bool (N, 1 + K): the first column, and `mined` (N, K) of the others; none of them
    for None."""
    others = torch.zeros_like(like) if mined is None else mined
    return torch.cat([torch.ones_like(like[:, :1]), others], dim=1)


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


METHODS: dict[str, type[SkeletonCLR]] = {
    "skeletonclr": SkeletonCLR,
    "aimclr": AimCLR,
    "csclr": CSCLR,
    "crossclr": CrosSCLR,
}
TOGETHER = ("csclr", "crossclr")
