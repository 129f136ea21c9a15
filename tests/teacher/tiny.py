"""Small stores, plans and settings, with which every test of the training rooms takes seconds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skedge.datasets.store import Store, StoreWriter
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    ComputeSettings,
    EncoderSettings,
    InputSettings,
    MaskSettings,
    OptimSettings,
    PretrainSettings,
)
from skedge.skeleton import load_layout
from skedge.skeleton.layout import Layout
from skedge.teacher.clips import Clips
from skedge.teacher.networks.classifier import Classifier
from skedge.teacher.runs.folder import Card, write_run

PLAN = EncoderSettings(widths=(4, 6, 8), strides=(1, 2, 1), dropout=0.0)
COMPUTE = ComputeSettings(seed=3, accelerator="cpu", precision="32-true")
INPUT = InputSettings(frames=12)


def tiny_mask() -> MaskSettings:
    """PSTL's masks for twelve frames."""
    return MaskSettings("high-degree", "high-motion", 9, 3, 2, "squared")


def optim(**changes: Any) -> OptimSettings:
    return OptimSettings(**({"epochs": 2, "batch_size": 8, "learning_rate": 1e-2} | changes))


PRETRAINED = Recipe(
    "tiny",
    input=INPUT,
    encoder=PLAN,
    pretrain=PretrainSettings(projector=16, pstl=tiny_mask(), optim=optim()),
    compute=COMPUTE,
)


def pose(layout: Layout) -> np.ndarray:
    """A body that stands two metres before the camera, its joints anywhere, (V, 3) in metres."""
    spread = np.random.default_rng(len(layout)).normal(0, 0.3, (len(layout), 3))
    return spread + np.array([0.2, 1.0, 2.0])


def motion(layout: Layout, label: int, seed: int, frames: int = 30) -> np.ndarray:
    """One person (T, V, 3): three joints of the class's own swing at the class's own rate."""
    random = np.random.default_rng((label, seed))
    joints = np.repeat(pose(layout)[None], frames, axis=0)
    phase = np.linspace(0, 2 * np.pi * (label + 1), frames) + random.uniform(0, 0.5)
    for joint in np.random.default_rng(label).choice(len(layout), 3, replace=False):
        joints[:, joint, label % 3] += 0.4 * np.sin(phase)
    return (joints + random.normal(0, 0.02, joints.shape)).astype(np.float32)


def make_store(
    path: Path,
    layout: str = "ntu25",
    labels: Sequence[str] = ("wave", "clap", "kick"),
    subjects: int = 8,
    persons: int = 1,
) -> Store:
    """Every subject does every action once; odd subjects train, even ones test. Every other clip
    has `persons` persons."""
    joints = load_layout(layout)
    with StoreWriter(path, name="tiny", layout=joints, labels=labels, rate=30.0) as writer:
        for subject in range(1, subjects + 1):
            for label in range(len(labels)):
                present = persons if (subject // 2) % 2 else 1
                people = [
                    motion(joints, label, 10 * subject + p, 24 + subject) + 0.5 * p
                    for p in range(present)
                ]
                writer.add(f"s{subject} a{label}", np.stack(people), label=label, subject=subject)
        writer.protocol("xsub", lambda index: np.where(index["subject"] % 2 == 1, 1, 3))
    return Store(path)


@torch.no_grad()
def randomise(module: nn.Module, seed: int = 0) -> nn.Module:
    """Give every weight, edge importance and batch norm's statistic a value that is not its first
    one."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            near = (
                1.0
                if "running_var" in name
                or "importance" in name
                or (tensor.dim() == 1 and "weight" in name)
                else 0.0
            )
            if near:
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            elif tensor.dim() > 1:
                tensor.mul_(0.7 + 0.6 * torch.rand(tensor.shape, generator=generator))
            else:
                tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
    return module


def scenes(count: int, data: InputSettings, joints: int = 25, absent: bool = False) -> Tensor:
    """Bodies in metres, each of its own shape, that move a little, (N, M, T, V, 3)."""
    generator = torch.Generator().manual_seed(count)
    body = 0.4 * torch.randn(count, data.persons, 1, joints, 3, generator=generator) + torch.tensor(
        [0.5, 1.0, 3.0]
    )
    body = body + 0.05 * torch.randn(
        count, data.persons, data.frames, joints, 3, generator=generator
    ).cumsum(2)
    if absent:
        body[:, 1:] = 0
    return body


def random_classifier(
    layout: Layout,
    data: InputSettings = INPUT,
    plan: EncoderSettings = PLAN,
    classes: int = 3,
    seed: int = 0,
    seen: Tensor | None = None,
) -> Classifier:
    """A frozen classifier nobody trained, whose answers differ from clip to clip: its statistics
    are those of the clips `seen` (N, M, T, V, 3), by default of `scenes`."""
    torch.manual_seed(seed)
    classifier = Classifier(layout, data, plan, classes)
    randomise(classifier, seed)
    norms = [
        module
        for module in classifier.modules()
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    ]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        classifier(scenes(6, data, len(layout)) if seen is None else seen)
        classifier.head.weight.mul_(4)
    for norm in norms:
        norm.momentum = 0.1
    return classifier.eval().requires_grad_(False)


def write_classifier(
    folder: Path,
    store: Store,
    data: InputSettings = INPUT,
    plan: EncoderSettings = PLAN,
    *,
    fitted: bool = False,
) -> Classifier:
    """The run folder of a classifier that was never trained, without the training; `fitted` to the
    store's training clips its answers differ between them as a trained one's do."""
    train = store.split("xsub", "train") if fitted else None
    seen = None if train is None else Clips.read(store, train, data, layout=store.layout).joints
    classifier = random_classifier(store.layout, data, plan, len(store.labels), seen=seen)
    card = Card(
        "classifier", store.layout, store.labels, data, plan, 0.9, {"store": store.name, "seed": 7}
    )
    write_run(
        folder,
        classifier,
        card,
        recipe=Recipe("random"),
        metrics={"top1": 61.5, "top5": 100.0, "clips": 12, "per_class": [1, 2, 3]},
    )
    return classifier


def write_encoder(folder: Path, store: Store) -> None:
    """The run folder of an encoder that was never pretrained."""
    encoder = random_classifier(store.layout, INPUT, PLAN, len(store.labels)).encoder
    made = {"store": store.name, "seed": 7}
    card = Card("encoder", store.layout, store.labels, INPUT, PLAN, 0.9, made)
    write_run(folder, encoder, card, recipe=Recipe("random"), metrics={})


def state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """The same names and bit-equal tensors."""
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )
