"""The evaluation protocols. Every one trains on the training part, takes the last epoch, and tests once."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skeleton import InputError
from skeleton.datasets.store import Store
from skeleton.normalize import normalize
from teacher.augment import Augment
from teacher.classify import Classification, score
from teacher.clips import Clips
from teacher.folder import Card, median_seconds, write_metrics, write_run
from teacher.load import load_encoder
from teacher.model import Classifier, freeze
from teacher.settings import ComputeSettings, EncoderSettings, FinetuneSettings, InputSettings, LinearSettings
from teacher.training import fit, forward_all, provenance, seeded


@dataclass
class Sets:
    """A store's clips for one evaluation."""

    store: Store
    train: Clips
    test: Clips
    seconds: float

    @classmethod
    def read(cls, store: Store, data: InputSettings) -> "Sets":
        train = store.split(data.protocol, "train")
        tested = store.split(data.protocol, data.part)
        seconds = median_seconds(store.index["frames"][train], store.rate)
        return cls(store, Clips.read(store, train, data), Clips.read(store, tested, data), seconds)


def linear(
    store: Store, folder: Path, encoder: Path, data: InputSettings, settings: LinearSettings, compute: ComputeSettings,
    recipe: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Linear probe: the frozen encoder's features of unaugmented clips, and one linear layer on them."""
    network, card = load_encoder(encoder)
    check_layout(store, card, encoder)
    data = replace(card.input, protocol=data.protocol, part=data.part)
    sets = Sets.read(store, data)
    seeded(compute)
    classifier = Classifier(card.layout, data, card.encoder, len(store.labels))
    classifier.encoder = network
    freeze(classifier)
    features = forward_all(classifier, sets.train.joints, compute)[1]
    classifier.head.requires_grad_(True)
    module = Classification(classifier.head, classifier.head, settings.optim)
    probe = Clips(features, sets.train.labels)
    fit(module, probe.loader(settings.optim.batch_size, compute.devices), compute, folder, "Linear probe")
    return finish(classifier, sets, folder, data, card.encoder, settings, compute, recipe, {"protocol": "linear"})


def finetune(
    store: Store, folder: Path, encoder: Path | None, data: InputSettings, plan: EncoderSettings, settings: FinetuneSettings,
    compute: ComputeSettings, recipe: dict[str, Any], resume: bool = False, part: str = "test",
) -> dict[str, Any]:  # fmt: skip
    """Train an encoder and its head on labels: a pretrained encoder's copy, or (supervised) a fresh one for None."""
    network = None
    if encoder is not None:
        network, card = load_encoder(encoder)
        check_layout(store, card, encoder)
        data, plan = replace(card.input, protocol=data.protocol, part=data.part), replace(card.encoder, dropout=plan.dropout)
    sets = Sets.read(store, data)
    seeded(compute)
    classifier = Classifier(store.layout, data, plan, len(store.labels))
    if network is not None:
        classifier.encoder.load_state_dict(network.state_dict())
    augment = Augment(settings.augment, store.layout)
    module = Classification(classifier, lambda joints: classifier(joints, augment)[0], settings.optim, settings.label_smoothing)
    protocol = "supervised" if encoder is None else "finetune"
    loader = sets.train.loader(settings.optim.batch_size, compute.devices)
    fit(module, loader, compute, folder, "Supervised training" if encoder is None else "Finetuning", resume)
    return finish(classifier, sets, folder, data, plan, settings, compute, recipe, {"protocol": protocol})


def ridge(store: Store, folder: Path, data: InputSettings) -> dict[str, Any]:
    """The floor that any network must clear: a linear ridge classifier on normalised coordinates and their velocities."""
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    sets = Sets.read(store, data)

    def rows(clips: Clips) -> np.ndarray:
        joints = normalize(clips.joints.numpy(), store.layout, data.normalization)
        return np.concatenate([joints.reshape(len(joints), -1), np.diff(joints, axis=2).reshape(len(joints), -1)], axis=1)

    model = make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(-1, 5, 13))).fit(
        rows(sets.train), sets.train.labels.numpy()
    )
    scores = model.decision_function(rows(sets.test))
    scores = np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores
    full = np.full((len(scores), len(store.labels)), -np.inf, np.float32)
    full[:, model.classes_] = scores
    metrics = {"protocol": "ridge", **score(torch.from_numpy(full), sets.test.labels)}
    write_metrics(folder, metrics)
    return metrics


def check_layout(store: Store, card: Card, source: Path) -> None:
    """Raise `InputError` if the store's joints are not those that the network was trained on."""
    if store.layout.joints != card.layout.joints:
        raise InputError(
            f"{source}: trained on layout {card.layout.name} ({len(card.layout)} joints), but {store.path} holds "
            f"{store.layout.name} ({len(store.layout)} joints); use a store of the same layout"
        )


def finish(
    classifier: Classifier, sets: Sets, folder: Path, data: InputSettings, plan: EncoderSettings, settings: Any,
    compute: ComputeSettings, recipe: dict[str, Any], extra: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Test the last epoch's classifier once and write its run folder."""
    metrics = extra | score(forward_all(classifier, sets.test.joints, compute)[0], sets.test.labels)
    card = Card(
        "classifier", sets.store.layout, sets.store.labels, data, plan, sets.seconds,
        provenance(sets.store, compute, settings, len(sets.train)) | extra,
    )  # fmt: skip
    write_run(folder, classifier.cpu(), card, recipe, metrics)
    return metrics
