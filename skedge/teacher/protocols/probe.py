"""Protocols on a frozen encoder: the linear probe and nearest neighbours."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.datasets.store import Store
from skedge.recipes.settings import (
    ComputeSettings,
    EncoderSettings,
    InputSettings,
    LinearSettings,
    OptimSettings,
)
from skedge.skeleton import InputError
from skedge.skeleton.streams import Stream
from skedge.teacher.clips import Clips
from skedge.teacher.networks.classifier import Classifier, View, freeze
from skedge.teacher.networks.dual import Pair, describe
from skedge.teacher.protocols.classify import Classification
from skedge.teacher.protocols.evaluate import Sets, check_layout, finish, on_protocol, report
from skedge.teacher.runs.folder import read_run, write_metrics
from skedge.teacher.runs.load import load_encoder
from skedge.teacher.training import fit, forward_all, seeded


def linear(
    store: Store,
    folder: Path,
    encoder: Path,
    data: InputSettings,
    plan: EncoderSettings,
    settings: LinearSettings,
    compute: ComputeSettings,
    recipe: dict[str, Any],
    resume: bool = False,
) -> dict[str, Any]:
    """Linear probe: the frozen encoder's features of unaugmented clips, and one linear layer on
    them.

    Two encoders are joined as `plan.fusion` says; an alignment is learned with the layer.
    """
    network, card = load_encoder(encoder, plan.fusion)
    check_layout(store, card, encoder)
    data = on_protocol(card.input, data)
    sets = Sets.read(store, data)
    seeded(compute)
    plan = replace(card.encoder, head="linear")
    classifier = Classifier(card.layout, data, plan, len(store.labels))
    if isinstance(network, Pair):
        classifier.encoder.theta, classifier.encoder.phi = network.theta, network.phi
    else:
        classifier.encoder = network
    train_on_frozen(
        classifier,
        sets,
        settings.optim,
        compute,
        folder,
        "Linear probe",
        resume,
        settings.batch_norm,
    )
    extra = {
        "protocol": "linear",
        "fusion": plan.fusion,
        "pretrained_on": card.provenance.get("store"),
    }
    return finish(classifier, sets, folder, data, plan, settings, compute, recipe, extra)


def train_on_frozen(
    classifier: Classifier,
    sets: Sets,
    optim: OptimSettings,
    compute: ComputeSettings,
    folder: Path,
    title: str,
    resume: bool,
    batch_norm: bool = False,
) -> None:
    """Train the head, and the alignment of a pair, on what the frozen encoder makes of unaugmented
    clips.

    A batch norm in front of the head becomes part of it.
    """
    freeze(classifier)
    module = _Described(classifier.view, classifier.encoder)
    described = [forward_all(module, joints, compute) for joints in sets.train.samplings()]
    encoder, norm = classifier.encoder, nn.BatchNorm1d(classifier.encoder.features, affine=False)
    parts = [encoder.fuse] if isinstance(encoder, Pair) else []
    learned = nn.Sequential(*parts, *([norm] if batch_norm else []), classifier.head)
    learned.requires_grad_(True)
    clips = Clips(torch.cat(described), sets.train.labels.repeat(len(described)))
    loader = clips.loader(optim.batch_size, compute.processes)
    if batch_norm and len(clips) % (loader.batch_size or 1) == 1:  # a single row has no variance
        loader = clips.loader(optim.batch_size, compute.processes, drop_last=len(clips) > 1)
    fit(Classification(learned, learned, optim), loader, compute, folder, title, resume)
    if batch_norm:
        assert isinstance(classifier.head, nn.Linear)
        fold_norm(norm.cpu(), classifier.head.cpu())


@torch.no_grad()
def fold_norm(norm: nn.BatchNorm1d, layer: nn.Linear) -> None:
    """Make the layer alone do what norm, without an affine part, and layer do in evaluation."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    layer.weight /= (norm.running_var + norm.eps).sqrt()
    layer.bias.sub_(layer.weight @ norm.running_mean)


class _Described(nn.Module):
    def __init__(self, view: View, encoder: nn.Module) -> None:
        super().__init__()
        self.view, self.encoder = view, encoder

    def forward(self, joints: Tensor) -> Tensor:
        return describe(self.encoder, self.view(joints))


def knn(
    store: Store,
    folder: Path,
    encoders: dict[Stream, Path],
    data: InputSettings,
    neighbors: int,
    compute: ComputeSettings,
) -> dict[str, Any]:
    """Nearest neighbours by cosine similarity of frozen features; nothing is learned, so two
    encoders are averaged.

    The streams' similarities are added with their weights.
    """
    from sklearn.neighbors import KNeighborsClassifier

    if neighbors < 1:
        raise InputError(f"knn.neighbors: expected at least 1, got {neighbors}")
    rows: dict[str, list[Tensor]] = {"train": [], "test": []}
    for stream, path in encoders.items():
        network, card = load_encoder(path, "mean") if _is_pair(path) else load_encoder(path)
        check_layout(store, card, path)
        seen = on_protocol(card.input, data)
        sets = Sets.read(store, seen)
        module = nn.Sequential(View(card.layout, seen), network)
        weight = data.fusion[stream] if len(encoders) > 1 else 1.0
        for part, clips in (("train", sets.train), ("test", sets.test)):
            features = forward_all(freeze(module), clips.joints, compute)
            rows[part].append(weight**0.5 * functional.normalize(features, dim=1))
    train, test = (torch.cat(parts, dim=1).numpy() for parts in rows.values())
    model = KNeighborsClassifier(
        min(neighbors, len(train)), metric="cosine", weights="distance"
    ).fit(train, sets.train.labels)
    scores = torch.full((len(test), len(store.labels)), -1.0)
    scores[:, model.classes_] = torch.from_numpy(model.predict_proba(test)).float()
    extra = {
        "protocol": "knn",
        "neighbors": neighbors,
        "part": data.part,
        "stream": seen.stream if len(encoders) == 1 else "three",
    }
    metrics = report(scores, sets, folder, compute, extra)
    if neighbors < 5:
        del metrics["top5"]  # fewer neighbours than that have no five classes
    write_metrics(folder, metrics)
    return metrics


def _is_pair(folder: Path) -> bool:
    return read_run(folder)[0].encoder.fusion != "one"
