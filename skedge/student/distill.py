"""Knowledge distillation: a student learns a frozen teacher's softened answers, without labels
(ASMa, section 3.5)."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.datasets.store import Store
from skedge.recipes.distill_settings import DistillSettings
from skedge.recipes.recipe import Recipe, effective
from skedge.recipes.settings import FinetuneSettings, InputSettings
from skedge.skeleton import InputError
from skedge.student.divergence import softened_divergence
from skedge.student.online import train_online
from skedge.student.unlabelled import unlabelled_clips
from skedge.teacher.augment import Augment
from skedge.teacher.clips import Clips, tell
from skedge.teacher.handedness import for_sides
from skedge.teacher.networks.classifier import Classifier, Fused, Network, freeze
from skedge.teacher.protocols.evaluate import Job, Sets, differing, on_protocol
from skedge.teacher.protocols.finetune import supervised
from skedge.teacher.runs.folder import Card, Run, read_run, write_run
from skedge.teacher.runs.load import load_classifier, load_encoder
from skedge.teacher.runs.seen import Seen
from skedge.teacher.runs.store_check import check_layout
from skedge.teacher.training import Trained, fit, provenance


class Distillation(Trained):
    """The teacher's and the student's answers, or features, to the same augmented clip, brought
    together.

    Features are compared behind a linear layer that takes the student's to the teacher's width and
    is thrown away. ASMa (appendix C) has that layer on the teacher's side; but there, learned, it
    makes one constant of all clips, which the student copies without an error.
    """

    def __init__(self, student: Classifier, teacher: Network, settings: DistillSettings) -> None:
        super().__init__(settings.optim)
        self.student = student
        self.settings = settings
        self.augment = Augment(settings.augment, student.view.layout)
        self.widen = (
            nn.Linear(student.features, teacher.features) if settings.feature_weight else None
        )
        self._frozen = [
            teacher
        ]  # in a list: not a part of what is trained, switched to training mode or stored
        student.head.requires_grad_(trains_head(settings))

    def on_fit_start(self) -> None:
        self._frozen[0].to(self.device)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        placed = self.student.view.place(batch[0], self.augment)
        with torch.no_grad():
            taught, shown = (each.float() for each in self._frozen[0].classify(placed))
        logits, features = (each.float() for each in self.student.classify(placed))
        settings = self.settings
        losses = []
        if settings.logit_weight:
            losses.append(settings.logit_weight * softened_divergence(logits, taught, settings))
        if self.widen is not None:
            losses.append(
                settings.feature_weight
                * (1 - functional.cosine_similarity(self.widen(features), shown)).mean()
            )
        if settings.label_weight:
            losses.append(
                settings.label_weight
                * labelled_cross_entropy(logits, batch[1], settings.label_smoothing)
            )
        loss = torch.stack(losses).sum()
        self.log("loss", loss)
        return loss


def labelled_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross entropy of logits (N, classes) with labels (N,), the mean over those that are not -1; 0
    where all are."""
    total = functional.cross_entropy(
        logits, labels, ignore_index=-1, reduction="sum", label_smoothing=smoothing
    )
    return total / (labels >= 0).sum().clamp(min=1)


def trains_head(settings: DistillSettings) -> bool:
    """Whether the student learns to answer, or features alone."""
    return bool(settings.logit_weight or settings.label_weight)


def distill(
    store: Store,
    folder: Path,
    recipe: Recipe,
    teachers: Sequence[Path] = (),
    *,
    resume: bool = False,
    unlabelled: Sequence[Store] = (),
    pretrained: Path | None = None,
) -> dict[str, Any]:
    """The metrics of a student trained from the answers of the teachers in run folders, or on
    labels alone for none; a store of recordings by the labels of its frames, of the teacher's
    answers to every frame, or both.

    Of several teachers the logits' mean teaches, and their features side by side. The clips of
    `unlabelled` stores that do not test (`unlabelled_clips`), whatever their actions, are learned
    from as well, retargeted to the store's layout. The student begins as the encoder in the run
    folder `pretrained`, if one is named.

    Raises:
        InputError: for teachers of other actions or another input, no weight above 0, unlabelled
            clips without a teacher, and a pretrained encoder of another plan.
    """
    run = Run(folder, recipe, resume)
    encoder: nn.Module | None = None
    origins: list[tuple[Path, Card]] = []
    if pretrained is not None:
        encoder, card = load_beginning(pretrained, store, recipe)
        origins.append((pretrained, card))
    recordings = bool(len(store.intervals))
    if not teachers:
        if unlabelled:
            raise InputError(
                "expected a teacher for unlabelled clips, got none; name one with --teacher"
            )
        if recordings:
            return train_online(store, run, encoder=encoder, origins=origins)
        if pretrained is not None:
            raise InputError(
                f"{pretrained}: expected recordings or a teacher; on the labels of clips alone a"
                " pretrained encoder is trained by skedge evaluate finetune"
            )
        settings = recipe.distill
        labels = FinetuneSettings(settings.label_smoothing, settings.augment, settings.optim)
        return supervised(store, run, plan=recipe.student, settings=labels)
    check_settings(recipe.distill)
    teacher, cards = load_teachers(teachers, store, recipe.input)
    origins += zip(teachers, cards, strict=True)
    if recordings:
        return train_online(
            store,
            run,
            encoder=encoder,
            teacher=_for_recordings(teacher, cards, recipe.distill),
            unlabelled=unlabelled,
            origins=origins,
        )
    job = _job(store, run, unlabelled, origins=origins)
    student = job.classifier()
    if encoder is not None:
        student.encoder.load_state_dict(encoder.state_dict())
    settings = job.settings
    loader = job.sets.train.loader(settings.optim.batch_size, recipe.compute.processes)
    fit(Distillation(student, teacher, settings), loader, run, title="Distilling")
    extra: dict[str, Any] = {"protocol": "distill", "teacher": cards[0].provenance}
    if len(cards) > 1:
        extra["teachers"] = [card.provenance for card in cards]
    if unlabelled:
        extra["unlabelled"] = [other.name for other in unlabelled]
    if trains_head(settings):
        return job.finish(student, extra)
    return _finish_features(job, student, extra)


def _for_recordings(
    teacher: Network, cards: Sequence[Card], settings: DistillSettings
) -> Classifier:
    """The teacher, as one that answers every frame of recordings; raises `InputError` where it
    cannot, and for weights of losses that recordings are not learned by."""
    if not isinstance(teacher, Classifier):
        raise InputError(f"recordings are learned from one teacher of one stream, got {len(cards)}")
    if settings.feature_weight or not trains_head(settings):
        raise InputError(
            "recordings are learned by answers and labels: expected distill.feature_weight 0"
            " and a logit_weight or a label_weight above 0, got"
            f" {settings.feature_weight:g}, {settings.logit_weight:g} and"
            f" {settings.label_weight:g}"
        )
    plan = cards[0].encoder
    if plan.fusion != "one" or {*plan.strides} != {1}:
        raise InputError(
            "recordings are learned from a teacher that answers every frame: expected one"
            f" encoder with strides of 1, got fusion {plan.fusion}, strides"
            f" {list(plan.strides)}"
        )
    return teacher


def _job(
    store: Store,
    run: Run,
    unlabelled: Sequence[Store],
    *,
    origins: Sequence[tuple[Path, Card]],
) -> Job[DistillSettings]:
    """What a student learns from and how: a store's clips beside those of unlabelled stores, and
    the recipe's settings made to fit their number and sides."""
    recipe = run.recipe
    sets = Sets.read(store, recipe.input, origins=origins)
    for other in unlabelled:
        indices = unlabelled_clips(other, store, recipe.input)
        clips = Clips.read(other, indices, recipe.input, layout=store.layout)
        seen = sets.seen | Seen.of(other, unlabelled=indices)
        sets = replace(sets, train=sets.train.with_unlabelled(clips), seen=seen)
    settings = replace(
        recipe.distill,
        optim=recipe.distill.optim.for_clips(len(sets.train)),
        augment=for_sides(
            recipe.distill.augment,
            sets.train.joints,
            sets.train.labels,
            names=store.labels,
            layout=sets.layout,
        ),
    )
    return Job(run, sets, recipe.student, settings=settings)


def check_settings(settings: DistillSettings) -> None:
    """Raise `InputError` for weights of losses that nothing can be learned with."""
    weights = (settings.logit_weight, settings.feature_weight, settings.label_weight)
    if not any(weights):
        raise InputError(
            f"distill: expected weights of logits, features and labels, one above 0, got {weights}"
        )


def _finish_features(
    job: Job[DistillSettings], student: Classifier, extra: dict[str, Any]
) -> dict[str, Any]:
    """The metrics of a student without a head; its encoder's run folder is written."""
    run = job.run
    sets = job.sets
    metrics = {"method": "distilled features", "clips": len(sets.train)}
    made = provenance(sets.store, run.recipe.compute, job.settings, clips=len(sets.train))
    card = Card(
        kind="encoder",
        layout=sets.layout,
        labels=sets.store.labels,
        input=sets.data,
        encoder=job.plan,
        seconds=sets.seconds,
        provenance=made | extra,
        seen=sets.seen,
    )
    write_run(run.folder, student.encoder, card, recipe=run.recipe, metrics=metrics)
    return metrics


def load_beginning(folder: Path, store: Store, recipe: Recipe) -> tuple[nn.Module, Card]:
    """The encoder in a run folder, pretrained or a classifier's, and its card; raises `InputError`
    where it is none of the student's plan."""
    encoder: nn.Module
    if (card := read_run(folder)[0]).kind == "classifier":
        encoder = load_classifier(folder)[0].get_submodule("encoder")
    else:
        encoder, card = load_encoder(folder, recipe.student.fusion)
    check_layout(store, card, folder)
    theirs, ours = (
        replace(plan, dropout=0.0, head="linear") for plan in (card.encoder, recipe.student)
    )
    if names := _otherwise("encoder", theirs, ours):
        raise InputError(
            f"{folder}: expected an encoder of the student's plan, got other {', '.join(names)};"
            " pretrain one with the same settings under encoder as under student"
        )
    other = [
        f"input.{name} {was}, not {now}"
        for name in ("stream", "normalization", "time")
        if (was := getattr(card.input, name)) != (now := getattr(recipe.input, name))
    ]
    if other:
        tell(f"{folder}: the student begins as a network of {', '.join(other)}")
    return encoder, card


def load_teachers(
    folders: Sequence[Path], store: Store, data: InputSettings
) -> tuple[Network, list[Card]]:
    """The teachers as one frozen network, and their cards; raises `InputError` unless they can
    teach on this store."""
    networks, cards = zip(*map(load_classifier, folders), strict=True)
    for card, folder in zip(cards, folders, strict=True):
        check_teacher(store, card, data, source=folder)
    if len(networks) == 1:
        return networks[0], list(cards)
    return freeze(Fused(networks, [1 / len(networks)] * len(networks))), list(cards)


def check_teacher(store: Store, card: Card, data: InputSettings, *, source: Path) -> None:
    """Raise `InputError` unless teacher and student can look at the same clip and speak of the same
    actions."""
    check_layout(store, card, source)
    if card.labels != store.labels:
        raise InputError(
            f"{source}: the teacher knows {len(card.labels)} actions, {store.path} has"
            f" {len(store.labels)} or other ones; distil from a teacher of the same actions"
        )
    theirs = replace(on_protocol(card.input, data), stream=data.stream, fusion=data.fusion)
    if names := _otherwise("input", theirs, data):
        seen = [
            ", ".join(f"{name} {getattr(settings, name)}" for name in names)
            for settings in (theirs, data)
        ]
        raise InputError(
            f"{source}: the teacher sees {seen[0]}, the student {seen[1]}; make the recipe's data"
            " settings equal"
        )


def _otherwise(section: Literal["input", "encoder"], held: Any, asked: Any) -> list[str]:
    """The names of the settings that differ between two sections of a recipe and have an effect in
    `held`."""
    recipe = Recipe(**{section: held})
    names = effective(recipe, [f"{section}.{name}" for name in differing(held, asked)])
    return [name.removeprefix(f"{section}.") for name in names]
