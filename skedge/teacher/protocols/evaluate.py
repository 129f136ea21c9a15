"""What all evaluation protocols share: the clips, and how a trained classifier is tested once and
written."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skedge.datasets.store import Store
from skedge.datasets.store.splits import subset
from skedge.recipes.settings import ComputeSettings, EncoderSettings, InputSettings
from skedge.skeleton import InputError, Layout
from skedge.teacher.clips import Clips
from skedge.teacher.networks.classifier import Classifier, Network
from skedge.teacher.pictures import confusion_matrix
from skedge.teacher.protocols.classify import score
from skedge.teacher.runs.folder import Card, median_seconds, read_metrics, write_metrics, write_run
from skedge.teacher.training import forward_all, precision_of, provenance


@dataclass
class Sets:
    """A store's clips for one evaluation; `layout` is that of the joints, `seconds` the training
    clips' median length."""

    store: Store
    layout: Layout
    train: Clips
    test: Clips
    seconds: float

    @classmethod
    def read(
        cls,
        store: Store,
        data: InputSettings,
        layout: Layout | None = None,
        share: float = 1.0,
        seed: int = 0,
    ) -> "Sets":
        """Joints are retargeted to `layout` where it is another than the store's; `share` of each
        class's clips train."""
        layout = layout or store.layout
        train = store.split(data.protocol, "train")
        if share < 1:
            train = train[subset(np.asarray(store.index["label"][train]), share, seed)]
        tested = store.split(data.protocol, data.part)
        seconds = median_seconds(store.index["frames"][train], store.rate)
        return cls(
            store,
            layout,
            Clips.read(store, train, data, layout),
            Clips.read(store, tested, data, layout),
            seconds,
        )


def check_layout(store: Store, card: Card, source: Path) -> None:
    """Raise `InputError` if the store's joints are not those that the network was trained on."""
    if store.layout.joints != card.layout.joints:
        raise InputError(
            f"{source}: trained on layout {card.layout.name} ({len(card.layout)} joints), but"
            f" {store.path} holds {store.layout.name} ({len(store.layout)} joints); use a store of"
            " the same layout, or `skedge evaluate transfer`"
        )


def on_protocol(seen: InputSettings, data: InputSettings) -> InputSettings:
    """What a trained network sees, `seen`, tested on the protocol and as often as a recipe's `data`
    says."""
    return replace(seen, protocol=data.protocol, part=data.part, test_clips=data.test_clips)


def measure(
    network: Network, sets: Sets, folder: Path, compute: ComputeSettings, extra: dict[str, Any]
) -> dict[str, Any]:
    """Test a network once on `sets.test`; its figures, and a picture of its confusions in `folder`.

    Clips that are sampled several times are given the mean of their probabilities.
    """
    logits = [forward_all(network, joints, compute)[0] for joints in sets.test.samplings()]
    scores = (
        logits[0] if len(logits) == 1 else torch.stack([one.softmax(1) for one in logits]).mean(0)
    )
    return report(scores, sets, folder, compute, extra)


def report(
    logits: torch.Tensor, sets: Sets, folder: Path, compute: ComputeSettings, extra: dict[str, Any]
) -> dict[str, Any]:
    """The figures of logits (N, classes) for `sets.test`, with what is needed to repeat them, and
    the confusion picture."""
    found = score(logits, sets.test.labels)
    confusion_matrix(found["confusion"], sets.store.labels, folder / "confusion.png")
    return (
        extra
        | {"store": sets.store.name, "seed": compute.seed, "precision": precision_of(compute)}
        | found
    )


def finish(
    classifier: Classifier,
    sets: Sets,
    folder: Path,
    data: InputSettings,
    plan: EncoderSettings,
    settings: Any,
    compute: ComputeSettings,
    recipe: dict[str, Any],
    extra: dict[str, Any],
) -> dict[str, Any]:
    """Test the last epoch's classifier once and write its run folder."""
    epochs = {"epochs": settings.optim.epochs, "part": data.part, "stream": data.stream}
    metrics = measure(classifier, sets, folder, compute, extra | epochs)
    card = Card(
        "classifier",
        sets.layout,
        sets.store.labels,
        data,
        plan,
        sets.seconds,
        provenance(sets.store, compute, settings, len(sets.train)) | extra,
    )
    write_run(folder, classifier.cpu(), card, recipe, metrics)
    return metrics


def fuse(
    store: Store, folder: Path, data: InputSettings, compute: ComputeSettings
) -> dict[str, Any]:
    """Test the fusion of the streams' classifiers that stand in `folder`; their weights are written
    there already."""
    from skedge.teacher.runs.load import load_classifier

    network, card = load_classifier(folder)
    members = {name: read_metrics(folder / name) or {} for name in card.input.fusion}
    first = next(iter(members.values()))
    extra: dict[str, Any] = {
        name: first[name]
        for name in ("protocol", "fusion", "share", "pretrained_on", "epochs")
        if name in first
    }
    extra |= {"part": data.part, "stream": "three", "weights": card.input.fusion}
    extra["streams"] = {name: metrics.get("top1") for name, metrics in members.items()}
    sets = Sets.read(store, on_protocol(card.input, data), card.layout)
    metrics = measure(network, sets, folder, compute, extra)
    write_metrics(folder, metrics)
    return metrics
