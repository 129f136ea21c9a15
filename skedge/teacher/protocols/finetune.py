"""Protocols that train the encoder itself on labels: supervised, finetune, semi and transfer."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from skedge.datasets.store import Store
from skedge.recipes.settings import (
    ComputeSettings,
    EncoderSettings,
    FinetuneSettings,
    InputSettings,
)
from skedge.teacher.augment import Augment
from skedge.teacher.networks.classifier import Classifier, last_layer
from skedge.teacher.networks.dual import AnyEncoder, Pair
from skedge.teacher.networks.transformer import set_drop_path
from skedge.teacher.protocols.classify import Classification
from skedge.teacher.protocols.evaluate import Sets, check_layout, finish, on_protocol
from skedge.teacher.protocols.probe import train_on_frozen
from skedge.teacher.runs.folder import read_metrics
from skedge.teacher.runs.load import load_classifier, load_encoder
from skedge.teacher.training import fit, seeded


def finetune(
    store: Store,
    folder: Path,
    encoder: Path | None,
    data: InputSettings,
    plan: EncoderSettings,
    settings: FinetuneSettings,
    compute: ComputeSettings,
    recipe: dict[str, Any],
    resume: bool = False,
    share: float = 1.0,
    transfer: bool = False,
) -> dict[str, Any]:
    """Train an encoder and its head on labels: a pretrained encoder's copy, or (supervised) a fresh
    one for None.

    With `share` on so much of every class's training clips (semi-supervised); with `transfer` a
    store of another layout is retargeted to the encoder's. Two encoders are finetuned one by one,
    each with a head; then, frozen, what joins them and a new head are trained by `settings.fuse`
    (ASMa, two-stage finetuning).
    """
    extra: dict[str, Any] = {"protocol": "supervised"}
    if encoder is None:
        job = Job(
            store,
            Sets.read(store, data),
            data,
            replace(plan, fusion="one"),
            settings,
            compute,
            recipe,
            resume,
        )
        return job.train(folder, None, extra)
    network, card = load_encoder(encoder, plan.fusion)
    if not transfer:
        check_layout(store, card, encoder)
    extra = {
        "protocol": "transfer" if transfer else "finetune" if share == 1 else "semi",
        "fusion": card.encoder.fusion,
    }
    extra |= {"pretrained_on": card.provenance.get("store")} | (
        {"share": share} if share < 1 else {}
    )
    data, plan = (
        on_protocol(card.input, data),
        replace(card.encoder, dropout=plan.dropout, head=plan.head),
    )
    sets = Sets.read(store, data, card.layout, share, compute.seed)
    job = Job(store, sets, data, plan, settings, compute, recipe, resume)
    return (
        job.train_pair(folder, network, extra)
        if isinstance(network, Pair)
        else job.train(folder, network, extra)
    )


def go_on(
    store: Store,
    folder: Path,
    trained: Path,
    data: InputSettings,
    settings: FinetuneSettings,
    compute: ComputeSettings,
    recipe: dict[str, Any],
    resume: bool = False,
) -> dict[str, Any]:
    """Train the classifier in the run folder `trained` on, to tell the actions of `store` apart.

    All weights go on from what they are; the head has a row for every label of the store, and those
    it knows keep theirs. Of `data` the protocol and its part are used; the rest is as the
    classifier was trained.

    Raises `InputError` for a store of another layout, and a folder that holds no classifier.
    """
    network, card = load_classifier(trained)
    check_layout(store, card, trained)
    assert isinstance(network, Classifier)
    data = on_protocol(card.input, data)
    job = Job(store, Sets.read(store, data), data, card.encoder, settings, compute, recipe, resume)
    classifier = job.classifier()
    classifier.encoder.load_state_dict(network.encoder.state_dict())
    kept = [label for label in store.labels if label in card.labels]
    ours, theirs = (
        [store.labels.index(label) for label in kept],
        [card.labels.index(label) for label in kept],
    )
    before, after = last_layer(network.head), last_layer(classifier.head)
    if isinstance(network.head, nn.Sequential) and isinstance(classifier.head, nn.Sequential):
        classifier.head[:-1].load_state_dict(network.head[:-1].state_dict())
    with torch.no_grad():
        for mine, known in ((after.weight, before.weight), (after.bias, before.bias)):
            mine[ours] = known[theirs]
    return job.fit(
        classifier, folder, {"protocol": "finetune", "trained": card.provenance, "known": len(kept)}
    )


@dataclass
class Job:
    """Clips and settings of one finetuning."""

    store: Store
    sets: Sets
    data: InputSettings
    plan: EncoderSettings
    settings: FinetuneSettings
    compute: ComputeSettings
    recipe: dict[str, Any]
    resume: bool

    def train(
        self, folder: Path, network: AnyEncoder | None, extra: dict[str, Any]
    ) -> dict[str, Any]:
        classifier = self.classifier()
        if network is not None:
            classifier.encoder.load_state_dict(network.state_dict())
        return self.fit(classifier, folder, extra)

    def fit(self, classifier: Classifier, folder: Path, extra: dict[str, Any]) -> dict[str, Any]:
        set_drop_path(classifier, self.settings.drop_path)
        augment = Augment(self.settings.augment, self.sets.layout)
        module = Classification(
            classifier,
            lambda joints: classifier(joints, augment)[0],
            self.settings.optim,
            self.settings.label_smoothing,
            self.settings.layer_decay,
        )
        loader = self.sets.train.loader(self.settings.optim.batch_size, self.compute.processes)
        fit(module, loader, self.compute, folder, extra["protocol"].capitalize(), self.resume)
        return self.finish(classifier, folder, extra)

    def train_pair(self, folder: Path, pair: Pair, extra: dict[str, Any]) -> dict[str, Any]:
        alone = replace(self, plan=replace(self.plan, fusion="one"))
        for name in ("theta", "phi"):
            if not (self.resume and read_metrics(folder / name)):
                alone.train(folder / name, getattr(pair, name), extra | {"fusion": name})
        classifier = self.classifier()
        for name in ("theta", "phi"):
            trained = load_classifier(folder / name)[0].get_submodule("encoder")
            classifier.encoder.get_submodule(name).load_state_dict(trained.state_dict())
        title = f"{extra['protocol'].capitalize()}, {self.plan.fusion}"
        train_on_frozen(
            classifier, self.sets, self.settings.fuse, self.compute, folder, title, self.resume
        )
        return self.finish(classifier, folder, extra)

    def classifier(self) -> Classifier:
        seeded(self.compute)
        return Classifier(self.sets.layout, self.data, self.plan, len(self.store.labels))

    def finish(self, classifier: Classifier, folder: Path, extra: dict[str, Any]) -> dict[str, Any]:
        return finish(
            classifier,
            self.sets,
            folder,
            self.data,
            self.plan,
            self.settings,
            self.compute,
            self.recipe,
            extra,
        )
