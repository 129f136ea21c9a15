"""Looks into trained runs: which joints spoke for an answer, where features lie, what masks leave."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skeleton import InputError
from skeleton.datasets.store import Store
from teacher import pictures
from teacher.clips import Clips
from teacher.encoders import Encoder
from teacher.evaluate import check_layout
from teacher.folder import read_metrics
from teacher.load import load_classifier
from teacher.masking import Mask
from teacher.model import Network, View
from teacher.settings import ComputeSettings, InputSettings, MaskSettings
from teacher.training import forward_all


def draw_features(
    runs: list[Path], store: Store, data: InputSettings, classes: int, compute: ComputeSettings, file: Path
) -> None:
    """t-SNE of the features of every run side by side, on the test clips of `classes` classes drawn by the seed."""
    models, clips = {}, None
    for run in runs:
        network, card = load_classifier(run)
        check_layout(store, card, run)
        clips = Clips.read(store, store.split(data.protocol, data.part), replace(card.input, protocol=data.protocol))
        models[_name(run, runs)] = forward_all(network, clips.joints, compute)[1].numpy()
    if clips is None:
        raise InputError("draw features: expected the folders of one or more trained models, got none")
    labels = clips.labels.numpy()
    chosen = np.random.default_rng(compute.seed).permutation(np.unique(labels))[:classes]
    own = np.isin(labels, chosen)
    pictures.features({name: rows[own] for name, rows in models.items()}, labels[own], store.labels, file, compute.seed)


def draw_difference(first: Path, second: Path, file: Path) -> None:
    """Bars of the second run's per-class accuracy less the first's."""
    found, labels = [], []
    for run in (first, second):
        metrics = read_metrics(run) or {}
        if "per_class" not in metrics:
            raise InputError(f"{run}: expected an evaluated run with per-class accuracy in metrics.json, found none")
        found.append(metrics["per_class"])
        labels.append(load_classifier(run)[1].labels)
    if labels[0] != labels[1]:
        raise InputError(f"{second}: expected the same actions as {first}, got others")
    names = (_name(first, [first, second]), _name(second, [first, second]))
    pictures.difference(found[0], found[1], names, labels[0], file)


def draw_activation(run: Path, store: Store, clip: str, file: Path) -> None:
    """Which joints and frames of a clip spoke for the run's answer."""
    network, card = load_classifier(run)
    check_layout(store, card, run)
    number = store.find(clip)
    joints = Clips.read(store, [number], card.input).joints
    strength, answer = class_activation(network, joints)
    title = f"{clip}: {store.labels[store.index['label'][number]]}, answer {card.labels[answer]}"
    pictures.activation(joints[0, 0].numpy(), strength, card.layout, title, file)


def class_activation(network: Network, joints: Tensor) -> tuple[np.ndarray, int]:
    """How much every joint of person 1 speaks for the likeliest class, (T, V) from 0 to 1, and that class.

    For joints (1, M, T, V, 3): the gradient of the logit times the last features, positive parts alone, summed over
    channels and over the encoders, stretched to the clip's frames. With one linear layer behind the mean this is class
    activation mapping (Zhou et al. 2016).
    """
    maps: list[Tensor] = []
    hooks = [
        encoder.blocks[-1].register_forward_hook(lambda _, __, output: maps.append(output))
        for encoder in network.modules()
        if isinstance(encoder, Encoder)
    ]
    with torch.enable_grad():
        logits = network(joints.clone().requires_grad_())[0]
        answer = int(logits.argmax())
        gradients = torch.autograd.grad(logits[0, answer], maps)
    for hook in hooks:
        hook.remove()
    spoken = torch.stack([(g * m).sum(1)[0].relu().detach() for g, m in zip(gradients, maps, strict=True)]).sum(0)
    full = functional.interpolate(spoken[None, None], size=tuple(joints.shape[2:4]), mode="bilinear")[0, 0]
    return (full / full.max().clamp(min=1e-12)).numpy(), answer


def draw_masks(
    store: Store, clip: str, masks: dict[str, MaskSettings], data: InputSettings, compute: ComputeSettings, file: Path
) -> None:
    """One draw of every named mask over a clip."""
    torch.manual_seed(compute.seed)
    clips = Clips.read(store, [store.find(clip)], data)
    views: dict[str, Any] = {}
    seen: nn.Module = View(store.layout, replace(data, stream="joint"))
    for name, settings in masks.items():
        mask, joints = Mask(settings, store.layout, data), seen(clips.joints)
        kept = (mask.joints(joints), mask.frames(joints))
        everything = (range(len(store.layout)), range(data.frames))
        views[name] = tuple(all_ if one is None else one[0].tolist() for one, all_ in zip(kept, everything, strict=True))
    pictures.masks(clips.joints[0, 0].numpy(), views, store.layout, file)


def _name(run: Path, runs: list[Path]) -> str:
    return run.name if len({one.name for one in runs}) == len(runs) else str(run)
