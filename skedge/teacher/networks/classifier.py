"""A classifier from raw joints to logits: the one form of everything trained here, teacher or
student."""

from collections.abc import Sequence
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from skedge.recipes.settings import EncoderSettings, InputSettings
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout
from skedge.skeleton.normalize import normalize
from skedge.skeleton.streams import stream
from skedge.teacher.augment import Augment
from skedge.teacher.networks.base import Encoder, over_frames
from skedge.teacher.networks.dual import make_encoder

Frozen = TypeVar("Frozen", bound=nn.Module)


class View(nn.Module):
    """Prepared joints (N, M, T, V, 3) in metres to the clip (N, C, T, V, M) that an encoder takes.

    Joints are normalised, augmented if asked, and only then made into bones or motion.
    """

    def __init__(self, layout: Layout, data: InputSettings) -> None:
        super().__init__()
        self.layout = layout
        self.data = data
        if data.normalization == "root-motion" and data.persons > 1:
            raise InputError(
                "input.normalization: root-motion follows one person, expected input.persons 1,"
                f" got {data.persons}"
            )

    def place(
        self, joints: Tensor, augment: Augment | None = None, before: Tensor | None = None
    ) -> Tensor:
        """Joints normalised and augmented, (N, M, T, V, 3); `before` as `normalize` takes it."""
        name = self.data.normalization
        joints = normalize(joints, self.layout, name, xp=torch, before=before)
        return joints if augment is None else augment(joints)

    def clip(self, placed: Tensor) -> Tensor:
        """The stream of placed joints, (N, C, T, V, M)."""
        assert self.data.stream != "three", "three streams are three views"
        live = self.data.time == "rate"
        return stream(placed, self.layout, self.data.stream, xp=torch, look_back=live).permute(
            0, 4, 2, 3, 1
        )

    def forward(self, joints: Tensor, augment: Augment | None = None) -> Tensor:
        return self.clip(self.place(joints, augment))


class Classifier(nn.Module):
    """View, encoder and head; joints (N, M, T, V, 3) to logits (N, classes) and features (N, D).

    Raises `InputError` for fewer frames than an encoder without padding needs.
    """

    def __init__(
        self, layout: Layout, data: InputSettings, encoder: EncoderSettings, classes: int
    ) -> None:
        super().__init__()
        self.view = View(layout, data)
        self.encoder = make_encoder(layout, encoder, data.frames)
        self.head = make_head(self.encoder.features, classes, encoder.head)

    @property
    def features(self) -> int:
        return self.encoder.features

    def classify(
        self, placed: Tensor, joints: Tensor | None = None, frames: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits and features of placed joints (normalised, perhaps augmented).

        Of `joints` (N, K) and `frames` (N, L) alone, where given: ascending indices.
        """
        features = self.encoder(self.view.clip(placed), joints, frames)
        return self.head(features), features

    def answers(self, placed: Tensor) -> Tensor:
        """Logits (N, answers, classes) of every window of `data.frames` frames in placed joints:
        those a live model gives, the first where the first window ends."""
        encoder = self.encoder
        assert isinstance(encoder, Encoder), "a pair of encoders has no answer to every frame"
        features = encoder.feature_map(self.view.clip(placed)).mean(3)
        windows = features.unfold(2, self.view.data.frames - encoder.context, 1)
        found: Tensor = self.head(over_frames(windows.transpose(1, 2), encoder.pool))
        return found

    def forward(self, joints: Tensor, augment: Augment | None = None) -> tuple[Tensor, Tensor]:
        return self.classify(self.view.place(joints, augment))


def make_head(features: int, classes: int, kind: Literal["linear", "mlp"]) -> nn.Module:
    """From features (N, D) to logits: one linear layer, or two with a GELU between them and 4 D
    channels."""
    if kind == "linear":
        return nn.Linear(features, classes)
    return nn.Sequential(
        nn.Linear(features, 4 * features), nn.GELU(), nn.Linear(4 * features, classes)
    )


def last_layer(head: nn.Module) -> nn.Linear:
    """The layer of a head that has a row for every class."""
    last = head[-1] if isinstance(head, nn.Sequential) else head
    assert isinstance(last, nn.Linear)
    return last


class Fused(nn.Module):
    """Networks used as one: logits are added with their weights, features stand side by side.

    3s-PSTL and 3s-ASMa are this with 0.6 joint + 0.6 bone + 0.4 motion.
    """

    def __init__(self, members: "Sequence[Network]", weights: Sequence[float]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.weights = list(weights)
        self.view: View = members[0].view

    @property
    def features(self) -> int:
        return sum(member.features for member in self.members if isinstance(member, Network))

    def classify(
        self, placed: Tensor, joints: Tensor | None = None, frames: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        answers = [
            member.classify(placed, joints, frames)
            for member in self.members
            if isinstance(member, Network)
        ]
        logits = torch.stack(
            [w * logits for w, (logits, _) in zip(self.weights, answers, strict=True)]
        ).sum(0)
        return logits, torch.cat([features for _, features in answers], dim=1)

    def forward(self, joints: Tensor, augment: Augment | None = None) -> tuple[Tensor, Tensor]:
        return self.classify(self.view.place(joints, augment))


Network = Classifier | Fused


def freeze(module: Frozen) -> Frozen:
    """The module in evaluation mode, without gradients."""
    return module.eval().requires_grad_(False)
