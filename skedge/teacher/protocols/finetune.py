"""Protocols that train the encoder itself on labels: supervised, finetune and transfer."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import EncoderSettings, FinetuneSettings
from skedge.teacher.augment import Augment
from skedge.teacher.handedness import for_sides
from skedge.teacher.networks.classifier import Classifier
from skedge.teacher.networks.dual import AnyEncoder, DualEncoder
from skedge.teacher.networks.transformer import set_drop_path
from skedge.teacher.protocols.classify import Classification
from skedge.teacher.protocols.evaluate import Job, Sets, as_trained
from skedge.teacher.protocols.frozen import train_on_frozen
from skedge.teacher.runs.folder import Run, read_metrics
from skedge.teacher.runs.load import load_classifier, load_encoder
from skedge.teacher.runs.store_check import check_layout
from skedge.teacher.training import fit


def finetune(
    store: Store,
    folder: Path,
    recipe: Recipe,
    encoder: Path | None = None,
    *,
    resume: bool = False,
    share: float | None = None,
    transfer: bool = False,
) -> dict[str, Any]:
    """The metrics of an encoder and its head trained on labels: of a copy of the pretrained encoder
    in a run folder, or (supervised) of a fresh one for None.

    With `share` on so much of every class's training clips (semi-supervised); with `transfer` a
    store of another layout is retargeted to the encoder's. Two encoders are finetuned one by one,
    each with a head; then, frozen, what joins them and a new head are trained by `finetune.fuse`
    (ASMa, two-stage finetuning).
    """
    if encoder is None:
        run = Run(folder, recipe, resume)
        return supervised(store, run, plan=recipe.encoder, settings=recipe.finetune)
    network, card = load_encoder(encoder, recipe.encoder.fusion)
    if not transfer:
        check_layout(store, card, encoder)
    extra = {
        "protocol": "transfer" if transfer else "finetune" if share is None else "semi",
        "fusion": recipe.encoder.fusion,
        "pretrained_on": card.provenance.get("store"),
    }
    if share is not None:
        extra["share"] = share
    plan = replace(card.encoder, dropout=recipe.encoder.dropout, head=recipe.encoder.head)
    recipe = as_trained(recipe, card, encoder)
    recipe = replace(recipe, encoder=replace(plan, fusion=recipe.encoder.fusion))
    sets = Sets.read(
        store,
        recipe.input,
        card.layout,
        share=1.0 if share is None else share,
        seed=recipe.compute.seed,
        origins=[(encoder, card)],
    )
    job = Job(Run(folder, recipe, resume), sets, plan, settings=recipe.finetune)
    if isinstance(network, DualEncoder):
        return train_dual(job, network, extra)
    return train(job, network, extra)


def supervised(
    store: Store, run: Run, *, plan: EncoderSettings, settings: FinetuneSettings
) -> dict[str, Any]:
    """The metrics of a fresh encoder and its head, trained on labels alone."""
    sets = Sets.read(store, run.recipe.input)
    job = Job(run, sets, replace(plan, fusion="one"), settings=settings)
    return train(job, None, {"protocol": "supervised"})


def train(
    job: Job[FinetuneSettings], network: AnyEncoder | None, extra: dict[str, Any]
) -> dict[str, Any]:
    """The metrics of a classifier trained from a copy of `network`, or from fresh weights for
    None."""
    classifier = job.classifier()
    if network is not None:
        classifier.encoder.load_state_dict(network.state_dict())
    return train_classifier(job, classifier, extra)


def train_classifier(
    job: Job[FinetuneSettings], classifier: Classifier, extra: dict[str, Any]
) -> dict[str, Any]:
    """The metrics of a classifier that is trained from the weights it has."""
    sets = job.sets
    optim = job.settings.optim.for_clips(len(sets.train))
    job = replace(job, settings=replace(job.settings, optim=optim))
    settings = job.settings
    set_drop_path(classifier, settings.drop_path)
    sided = for_sides(
        settings.augment,
        sets.train.joints,
        sets.train.labels,
        names=sets.store.labels,
        layout=sets.layout,
    )
    augment = Augment(sided, sets.layout)
    module = Classification(
        classifier,
        lambda joints: classifier(joints, augment)[0],
        settings.optim,
        label_smoothing=settings.label_smoothing,
        layer_decay=settings.layer_decay,
    )
    loader = job.sets.train.loader(settings.optim.batch_size, job.run.recipe.compute.processes)
    fit(module, loader, job.run, title=extra["protocol"].capitalize())
    return job.finish(classifier, extra)


def train_dual(
    job: Job[FinetuneSettings], network: DualEncoder, extra: dict[str, Any]
) -> dict[str, Any]:
    """The metrics of two encoders that are finetuned alone, and of what then joins them."""
    alone = replace(job.plan, fusion="one")
    names: tuple[Literal["theta", "phi"], ...] = ("theta", "phi")
    for name in names:
        folder = job.run.folder / name
        if not (job.run.resume and read_metrics(folder)):
            one = replace(job, run=replace(job.run, folder=folder), plan=alone)
            train(one, network.one(name), extra | {"fusion": name})
    classifier = job.classifier()
    for name in names:
        trained = load_classifier(job.run.folder / name)[0].get_submodule("encoder")
        classifier.encoder.get_submodule(name).load_state_dict(trained.state_dict())
    title = f"{extra['protocol'].capitalize()}, {job.plan.fusion}"
    fuse = job.settings.fuse.for_clips(job.sets.samplings)
    train_on_frozen(job, classifier, fuse, title=title)
    return job.finish(classifier, extra)
