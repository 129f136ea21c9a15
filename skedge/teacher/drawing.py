"""Pictures of trained runs: joints that spoke for an answer, attention, features, masks,
reconstructions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import ComputeSettings
from skedge.skeleton import InputError
from skedge.skeleton.streams import motion
from skedge.teacher import pictures
from skedge.teacher.clips import Clips, tell
from skedge.teacher.masks.bodies import draw
from skedge.teacher.masks.joints import Mask
from skedge.teacher.methods.skeletonmae import load_mae
from skedge.teacher.networks.base import Encoder
from skedge.teacher.networks.classifier import Network, View
from skedge.teacher.networks.transformer import Attention
from skedge.teacher.runs.folder import read_metrics
from skedge.teacher.runs.load import load_classifier
from skedge.teacher.runs.store_check import check_layout
from skedge.teacher.training import forward_all


@dataclass(frozen=True)
class Subject:
    """The subject of a picture: trained runs, a store, one of its clips by name, and a number of
    its classes, drawn by the seed."""

    runs: Sequence[Path] = ()
    data: Store | None = None
    clip: str | None = None
    classes: int = 9

    @property
    def store(self) -> Store:
        assert self.data is not None, "a picture's row says that it needs one"
        return self.data

    @property
    def number(self) -> int:
        """The clip's number in the store."""
        assert self.clip is not None, "a picture's row says that it needs one"
        return self.store.find(self.clip)


def draw_features(subject: Subject, recipe: Recipe, file: Path) -> None:
    """t-SNE of the features of every run side by side, on the test clips of some classes."""
    runs = subject.runs
    store = subject.store
    models = {}
    clips = None
    for run in runs:
        network, card = load_classifier(run)
        check_layout(store, card, run)
        clips = Clips.read(
            store,
            store.split(recipe.input.protocol, recipe.input.part),
            replace(card.input, protocol=recipe.input.protocol),
        )
        models[_name(run, runs)] = forward_all(network, clips.joints, recipe.compute)[1].numpy()
    if clips is None:
        raise InputError(
            "draw features: expected the folders of one or more trained models, got none"
        )
    labels = clips.labels.numpy()
    seed = recipe.compute.seed
    own = np.isin(labels, _some(labels, subject.classes, seed))
    chosen = {name: rows[own] for name, rows in models.items()}
    pictures.features(chosen, labels[own], file, labels=store.labels, seed=seed)


def draw_attention(subject: Subject, recipe: Recipe, file: Path) -> None:
    """The attention between tokens in every block of every run, mean of heads and test clips
    (Skeleton2vec, figure 7a)."""
    runs = subject.runs
    store = subject.store
    rows = {}
    for run in runs:
        network, card = load_classifier(run)
        check_layout(store, card, run)
        if not any(isinstance(module, Attention) for module in network.modules()):
            raise InputError(
                f"{run}: expected a model with encoder.backbone transformer, got"
                f" {card.encoder.backbone}"
            )
        clips = Clips.read(
            store,
            store.split(recipe.input.protocol, recipe.input.part),
            replace(card.input, protocol=recipe.input.protocol),
        )
        rows[_name(run, runs)] = mean_attention(network, clips.joints, recipe.compute)
    pictures.attention(rows, len(store.layout), file)


def mean_attention(network: nn.Module, joints: Tensor, compute: ComputeSettings) -> np.ndarray:
    """The attention of every block, mean of heads and of clips (N, M, T, V, 3): (blocks, K, K), a
    row a token that looks."""
    blocks = [module for module in network.modules() if isinstance(module, Attention)]
    sums = [torch.zeros(())] * len(blocks)
    rows = 0

    def look(place: int) -> Any:
        def hook(block: Any, inputs: tuple[Tensor]) -> None:
            nonlocal rows
            weights = block.weights(inputs[0]).mean(1)
            sums[place] = sums[place] + weights.sum(0).cpu()
            rows += len(weights) if place == 0 else 0

        return hook

    hooks = [block.register_forward_pre_hook(look(place)) for place, block in enumerate(blocks)]
    forward_all(network, joints, compute)
    for hook in hooks:
        hook.remove()
    return (torch.stack(sums) / rows).numpy()


def draw_motion(subject: Subject, recipe: Recipe, file: Path) -> None:
    """The distance that every joint moves from frame to frame in some actions (ASMa, figure 1b)."""
    store = subject.store
    data = recipe.input
    clips = Clips.read(
        store, store.split(data.protocol, data.part), replace(data, time="stretched")
    )
    labels = clips.labels.numpy()
    # Absent persons stand still at 0, and would halve what is seen.
    moved = motion(clips.joints[:, :1], xp=torch).norm(dim=-1).mean((1, 2)).numpy()
    chosen = sorted(_some(labels, subject.classes, recipe.compute.seed))
    pictures.motions(
        {store.labels[one]: 100 * moved[labels == one].mean(0) for one in chosen},
        store.layout,
        file,
    )


def draw_difference(subject: Subject, recipe: Recipe, file: Path) -> None:
    """Bars of the second run's per-class accuracy less the first's, of classes with test clips; a
    note says where the two were measured on different clips."""
    first, second = subject.runs
    found = []
    labels = []
    where = []
    for run in (first, second):
        metrics = read_metrics(run) or {}
        if not isinstance(metrics.get("per_class"), list):  # recordings have events of each
            raise InputError(
                f"{run}: expected an evaluated run with per-class accuracy in metrics.json, found"
                " none"
            )
        found.append(metrics["per_class"])
        labels.append(list(metrics.get("classes") or load_classifier(run)[1].labels))
        where.append(" ".join(str(metrics.get(name, "?")) for name in ("store", "split", "part")))
    if where[0] != where[1]:
        tell(
            f"{first} was measured on {where[0]}, {second} on {where[1]}: the difference is not of"
            " the models alone"
        )
    if labels[0] != labels[1]:
        raise InputError(f"{second}: expected the same actions as {first}, got others")
    names = [_name(run, subject.runs) for run in subject.runs]
    tested = [i for i, both in enumerate(zip(*found, strict=True)) if None not in both]
    shares: dict[str, Sequence[float]] = {
        name: [one[i] for i in tested] for name, one in zip(names, found, strict=True)
    }
    pictures.difference(shares, [labels[0][i] for i in tested], file)


def draw_activation(subject: Subject, recipe: Recipe, file: Path) -> None:
    """The joints and frames of a clip that spoke for the run's answer."""
    (run,) = subject.runs
    store = subject.store
    number = subject.number
    network, card = load_classifier(run)
    check_layout(store, card, run)
    joints = Clips.read(store, [number], card.input).joints
    strength, answer = class_activation(network, joints)
    title = f"{_title(subject)}, answer {card.labels[answer]}"
    body = joints[0, 0].numpy()
    pictures.activation(body, strength, file, layout=card.layout, title=title)


def class_activation(network: Network, joints: Tensor) -> tuple[np.ndarray, int]:
    """The share of every joint of person 1 in the likeliest class, (T, V) from 0 to 1, and that
    class.

    For joints (1, M, T, V, 3): the gradient of the logit times the last features, positive parts
    alone, summed over channels and over the encoders, stretched to the clip's frames. With one
    linear layer behind the mean this is class activation mapping (Zhou et al. 2016).
    """
    maps: list[Tensor] = []
    hooks = [
        encoder.last.register_forward_hook(lambda _, __, output: maps.append(output))
        for encoder in network.modules()
        if isinstance(encoder, Encoder)
    ]
    with torch.enable_grad():
        logits = network(joints.clone().requires_grad_())[0]
        answer = int(logits.argmax())
        gradients = torch.autograd.grad(logits[0, answer], maps)
    for hook in hooks:
        hook.remove()
    spoken = torch.stack(
        [(g * m).sum(1)[0].relu().detach() for g, m in zip(gradients, maps, strict=True)]
    ).sum(0)
    full = functional.interpolate(
        spoken[None, None], size=tuple(joints.shape[2:4]), mode="bilinear"
    )[0, 0]
    return (full / full.max().clamp(min=1e-12)).numpy(), answer


def draw_masks(subject: Subject, recipe: Recipe, file: Path) -> None:
    """One draw of the masks of PSTL and of ASMa's two encoders over a clip."""
    store = subject.store
    data = recipe.input
    pretrain = recipe.pretrain
    masks = {"pstl": pretrain.pstl, "theta": pretrain.asma.theta, "phi": pretrain.asma.phi}
    torch.manual_seed(recipe.compute.seed)
    clips = Clips.read(store, [subject.number], data)
    views: dict[str, Any] = {}
    seen: nn.Module = View(store.layout, replace(data, stream="joint"))
    for name, settings in masks.items():
        mask = Mask(settings, store.layout, data)
        joints = seen(clips.joints)
        kept = (mask.joints(joints), mask.frames(joints))
        everything = (range(len(store.layout)), range(data.frames))
        views[name] = tuple(
            all_ if one is None else one[0].tolist()
            for one, all_ in zip(kept, everything, strict=True)
        )
    pictures.masks(clips.joints[0, 0].numpy(), views, file, layout=store.layout)


def draw_reconstruction(subject: Subject, recipe: Recipe, file: Path) -> None:
    """A clip, what a mask drawn by the seed leaves of it, and what SkeletonMAE makes of that (its
    figure 5)."""
    (run,) = subject.runs
    store = subject.store
    number = subject.number
    module, card = load_mae(run)
    check_layout(store, card, run)
    if card.input.stream != "joint":
        raise InputError(
            f"{run}: expected an encoder of joints, whose reconstruction can be drawn, got one of"
            f" {card.input.stream}"
        )
    torch.manual_seed(recipe.compute.seed)
    with torch.inference_mode():
        x = module.bodies(Clips.read(store, [number], card.input).joints)[:1]
        frames, joints = draw(module.mask, x)
        made = module.reconstruct(x, frames, joints)
    hidden = torch.ones(x.shape[2:], dtype=torch.bool)
    hidden[frames[0][:, None], joints[0]] = False
    seen, built = (one[0].permute(1, 2, 0).numpy() for one in (x, made))
    if card.input.normalization == "first-frame-aligned":  # there z is up
        seen = seen[..., [0, 2, 1]]
        built = built[..., [0, 2, 1]]
    shown = pictures.Reconstruction(seen, built, hidden.numpy())
    pictures.reconstruction(shown, file, layout=card.layout, title=_title(subject))


def _some(labels: np.ndarray, classes: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(np.unique(labels))[:classes]


def _title(subject: Subject) -> str:
    store = subject.store
    return f"{subject.clip}: {store.labels[store.index['label'][subject.number]]}"


def _name(run: Path, runs: Sequence[Path]) -> str:
    return run.name if len({one.name for one in runs}) == len(runs) else str(run)


@dataclass(frozen=True)
class Picture:
    """One kind of picture: how it is drawn, of how many runs (least and most), and whether it needs
    a store and a clip of it."""

    draw: Callable[[Subject, Recipe, Path], None]
    runs: tuple[int, int]
    store: bool = True
    clip: bool = False


PICTURES: dict[str, Picture] = {
    "features": Picture(draw_features, runs=(1, 9)),
    "difference": Picture(draw_difference, runs=(2, 2), store=False),
    "activation": Picture(draw_activation, runs=(1, 1), clip=True),
    "attention": Picture(draw_attention, runs=(1, 9)),
    "masks": Picture(draw_masks, runs=(0, 0), clip=True),
    "motion": Picture(draw_motion, runs=(0, 0)),
    "reconstruction": Picture(draw_reconstruction, runs=(1, 1), clip=True),
}
