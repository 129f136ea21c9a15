"""A classifier from raw joints to logits: the one form of everything trained here, teacher or student."""

from typing import TypeVar

import torch
from torch import Tensor, nn

from skeleton.layout import Layout
from skeleton.normalize import normalize
from skeleton.streams import stream
from teacher.augment import Augment
from teacher.encoders import build_encoder
from teacher.settings import EncoderSettings, InputSettings

Frozen = TypeVar("Frozen", bound=nn.Module)


class View(nn.Module):
    """Prepared joints (N, M, T, V, 3) in metres to the clip (N, C, T, V, M) that an encoder takes.

    Joints are normalised, augmented if asked, and only then made into bones or motion.
    """

    def __init__(self, layout: Layout, data: InputSettings) -> None:
        super().__init__()
        self.layout, self.data = layout, data

    def place(self, joints: Tensor, augment: Augment | None = None) -> Tensor:
        """Joints normalised and augmented, (N, M, T, V, 3)."""
        joints = normalize(joints, self.layout, self.data.normalization, torch)
        return joints if augment is None else augment(joints)

    def clip(self, placed: Tensor) -> Tensor:
        """The stream of placed joints, (N, C, T, V, M)."""
        return stream(placed, self.layout, self.data.stream, torch).permute(0, 4, 2, 3, 1)

    def forward(self, joints: Tensor, augment: Augment | None = None) -> Tensor:
        return self.clip(self.place(joints, augment))


class Classifier(nn.Module):
    """View, encoder and a linear head; joints (N, M, T, V, 3) to logits (N, classes) and features (N, D)."""

    def __init__(self, layout: Layout, data: InputSettings, encoder: EncoderSettings, classes: int) -> None:
        super().__init__()
        self.view = View(layout, data)
        self.encoder = build_encoder(layout, encoder)
        self.head = nn.Linear(self.encoder.features, classes)

    def classify(self, placed: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and features of placed joints (normalised, perhaps augmented)."""
        features = self.encoder(self.view.clip(placed))
        return self.head(features), features

    def forward(self, joints: Tensor, augment: Augment | None = None) -> tuple[Tensor, Tensor]:
        return self.classify(self.view.place(joints, augment))


def freeze(module: Frozen) -> Frozen:
    """The module in evaluation mode, without gradients."""
    return module.eval().requires_grad_(False)
