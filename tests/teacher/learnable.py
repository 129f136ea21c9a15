"""Invented clips that a method of pretraining learns something from in some hundred steps, and how
well features know them.

48 people walk, each of a shape and on a path through space of their own, and features are asked who
it is that is seen from another side. What they know before training is mostly the side.

The methods of masked prediction learn what a clip's joints have in common, which is the path: they
see every path walked by four people and are asked which one six others walk. What features know
before training is mostly the shape.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    AsmaSettings,
    AugmentSettings,
    ContrastSettings,
    EncoderSettings,
    InputSettings,
    MampSettings,
    MaskSettings,
    OptimSettings,
    PretrainSettings,
    Skeleton2vecSettings,
    TokenMaskSettings,
    TransformerSettings,
    pstl_mask,
)
from skedge.skeleton import load_layout
from skedge.teacher.augment import Augment
from skedge.teacher.clips import Clips
from skedge.teacher.methods.method import Method
from skedge.teacher.methods.registry import make_method, method_named
from skedge.teacher.networks.classifier import View
from skedge.teacher.networks.statistics import batch_norms, with_statistics
from skedge.teacher.runs.folder import Run
from skedge.teacher.training import fit, seeded
from tests.teacher.tiny import COMPUTE

LAYOUT = load_layout("sbu15")
FRAMES = 12
JOINTS = len(LAYOUT)
SEGMENT = 3
ANYWHERE = AugmentSettings(yaw=180)


def walking(seed: int, label: int, shape: float = 0.3, noise: float = 0.005) -> np.ndarray:
    """A body of any shape that walks on the label's path, another way every three frames, (1, T, V,
    3) in metres, the first joint at the origin.

    Joints lie apart from those of other bodies by `shape`, and are found with an error of `noise`.
    """
    ways = np.random.default_rng(label).normal(0, 1, (FRAMES // SEGMENT, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    random = np.random.default_rng((seed, label))
    body = np.random.default_rng(0).normal(0, 0.3, (JOINTS, 3))
    body = body + random.normal(0, shape, (JOINTS, 3))
    path = 0.1 * ways.repeat(SEGMENT, axis=0).cumsum(0)
    joints = body + path[:, None] + random.normal(0, noise, (FRAMES, JOINTS, 3))
    return (joints - joints[:1, :1]).astype(np.float32)[None]


@dataclass(frozen=True)
class Case:
    """What a method learns from, and its recipe; `known` are the clips that features are compared
    with, `asked` those that they are to know, each with its class."""

    recipe: Recipe
    known: tuple[Tensor, Tensor]
    asked: tuple[Tensor, Tensor]


def people(method: str, seed: int) -> Case:
    """One clip of each of 48 people, and six views of each from anywhere."""
    known = torch.from_numpy(np.stack([walking(0, label) for label in range(48)]))
    labels = torch.arange(len(known))
    with torch.random.fork_rng():
        torch.manual_seed(5)
        view = Augment(ANYWHERE, LAYOUT)
        asked = torch.cat([view(known) for _ in range(6)])
    recipe = Recipe(
        method,
        input=InputSettings(frames=FRAMES, stream="joint"),
        encoder=EncoderSettings(
            widths=(16, 32),
            strides=(1, 2),
            dropout=0.0,
            fusion="mean" if method == "asma" else "one",
        ),
        pretrain=PretrainSettings(
            method,
            projector=64,
            redundancy=5e-3,
            augment=ANYWHERE,
            pstl=replace(pstl_mask(), masked_joints=4, masked_frames=3, random_frames=0),
            asma=AsmaSettings(
                theta=MaskSettings(masked_joints=4, masked_frames=3),
                phi=MaskSettings("low-degree", "high-motion", masked_joints=4, masked_frames=3),
            ),
            contrast=ContrastSettings(
                features=32, queue=24, stages=(3.0, 1.0, 1.0), normal=ANYWHERE, extreme=ANYWHERE
            ),
            optim=OptimSettings(epochs=24, batch_size=24, learning_rate=1e-2, warmup_epochs=2.4),
        ),
        compute=replace(COMPUTE, seed=seed),
    )
    if method_named(method).together:
        two = replace(recipe.input, stream="three", fusion={"joint": 0.6, "motion": 0.4})
        recipe = replace(recipe, input=two)
    return Case(recipe, (known, labels), (asked, labels.repeat(6)))


# Epochs of the methods that learn paths.
PATHS = {"mamp": 30, "skeleton2vec": 60}


def paths(method: str, seed: int) -> Case:
    """48 paths, each walked by four people, and by six others."""
    epochs = PATHS[method]

    def walked(people: range) -> tuple[Tensor, Tensor]:
        clips = [
            walking(one, label, shape=0.1, noise=0.02) for one in people for label in range(48)
        ]
        return torch.from_numpy(np.stack(clips)), torch.arange(48).repeat(len(people))

    recipe = Recipe(
        method,
        input=InputSettings(frames=FRAMES, stream="joint"),
        encoder=EncoderSettings(
            backbone="transformer", transformer=TransformerSettings(32, 2, 2, 2, segment=SEGMENT)
        ),
        pretrain=PretrainSettings(
            method,
            augment=AugmentSettings(),
            mamp=MampSettings(TokenMaskSettings("motion-softmax", ratio=0.7), decoder_depth=1),
            skeleton2vec=Skeleton2vecSettings(
                TokenMaskSettings(ratio=0.7, tube=1), decoder_depth=1, ema=0.99
            ),
            optim=OptimSettings(
                epochs=epochs,
                batch_size=24,
                learning_rate=5e-3,
                warmup_epochs=epochs / 10,
                optimizer="adamw",
            ),
        ),
        compute=replace(COMPUTE, seed=seed),
    )
    return Case(recipe, walked(range(4)), walked(range(100, 106)))


@dataclass(frozen=True)
class Known:
    """Shares of clips whose nearest neighbour is of their class, in percent."""

    untrained: float
    trained: float


def learn(method: str, folder: Path, seed: int = 0) -> Known:
    """What the features of a method's encoder know before and behind its training; of the untrained
    ones the best of as initialised, and with batch norms fitted to either part of the clips."""
    case = paths(method, seed) if method in PATHS else people(method, seed)
    recipe = case.recipe
    clips = Clips(case.known[0], torch.arange(len(case.known[0])))
    seeded(recipe.compute)
    optim = recipe.pretrain.optim
    loader = clips.loader(optim.batch_size, 1, drop_last=True)
    fitted = method_named(method).fitted(recipe.pretrain, clips=len(clips), batch=optim.batch_size)
    module: Method = make_method(LAYOUT, replace(recipe, pretrain=fitted))
    view = View(LAYOUT, replace(recipe.input, stream="joint"))
    first = module.encoders["joint"]
    forms = [first]
    if batch_norms(first):
        forms += [with_statistics(first, view, part[0]) for part in (case.known, case.asked)]
    untrained = max(neighbours(form, view, case) for form in forms)
    fit(module, loader, Run(folder, recipe), title="")
    module.settle(case.known[0])
    return Known(untrained, neighbours(module.encoders["joint"], view, case))


@torch.inference_mode()
def neighbours(encoder: nn.Module, view: View, case: Case) -> float:
    """The share of asked clips, in percent, whose most similar known one is of their class."""
    training = encoder.training
    encoder.eval()
    known, asked = (
        functional.normalize(encoder(view(part[0])), dim=1) for part in (case.known, case.asked)
    )
    encoder.train(training)
    found = case.known[1][(asked @ known.T).argmax(1)]
    return 100 * float((found == case.asked[1]).float().mean())
