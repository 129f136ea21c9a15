"""Knowledge distillation: a student learns a frozen teacher's softened answers, without labels (ASMa, section 3.5)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from skeleton import InputError
from skeleton.datasets.store import Store
from student.settings import DistillSettings
from teacher.augment import Augment
from teacher.evaluate import Sets, check_layout, finish
from teacher.finetune import finetune
from teacher.folder import Card
from teacher.load import load_classifier
from teacher.model import Classifier, Network
from teacher.settings import ComputeSettings, EncoderSettings, FinetuneSettings, InputSettings
from teacher.training import Trained, fit, seeded


def softened_divergence(student: Tensor, teacher: Tensor, settings: DistillSettings) -> Tensor:
    """KL divergence of the answers softened by tau, for logits (N, classes), the mean over the batch (ASMa eq. 13 and 14)."""
    tau = settings.temperature
    p, q = functional.log_softmax(teacher / tau, dim=1), functional.log_softmax(student / tau, dim=1)
    if settings.direction == "reverse":
        p, q = q, p
    loss = functional.kl_div(q, p, reduction="batchmean", log_target=True)
    return loss * tau**2 if settings.scale_by_temperature else loss


class Distillation(Trained):
    """The teacher's and the student's answers to the same augmented clip, brought together."""

    def __init__(self, student: Classifier, teacher: Network, settings: DistillSettings) -> None:
        super().__init__(settings.optim)
        self.student, self.settings = student, settings
        self.augment = Augment(settings.augment, student.view.layout)
        self._frozen = [teacher]  # in a list: not a part of what is trained, switched to training mode or stored

    def on_fit_start(self) -> None:
        self._frozen[0].to(self.device)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        placed = self.student.view.place(batch[0], self.augment)
        with torch.no_grad():
            answer = self._frozen[0].classify(placed)[0]
        loss = softened_divergence(self.student.classify(placed)[0].float(), answer.float(), self.settings)
        self.log("loss", loss)
        return loss


def distill(
    store: Store, folder: Path, teacher: Path | None, data: InputSettings, plan: EncoderSettings, settings: DistillSettings,
    compute: ComputeSettings, recipe: dict[str, Any], resume: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Train a student from the answers of the teacher in a run folder, or on labels alone for None."""
    if teacher is None:
        supervised = FinetuneSettings(settings.label_smoothing, settings.augment, settings.optim)
        return finetune(store, folder, None, data, plan, supervised, compute, recipe, resume)
    network, card = load_classifier(teacher)
    check_teacher(store, card, data, teacher)
    sets = Sets.read(store, data)
    seeded(compute)
    student = Classifier(store.layout, data, plan, len(store.labels))
    loader = sets.train.loader(settings.optim.batch_size, compute.processes)
    fit(Distillation(student, network, settings), loader, compute, folder, "Distilling", resume)
    extra = {"protocol": "distill", "teacher": card.provenance}
    return finish(student, sets, folder, data, plan, settings, compute, recipe, extra)


def check_teacher(store: Store, card: Card, data: InputSettings, source: Path) -> None:
    """Raise `InputError` unless teacher and student can look at the same clip and speak of the same actions."""
    check_layout(store, card, source)
    if card.labels != store.labels:
        raise InputError(
            f"{source}: the teacher knows {len(card.labels)} actions, {store.path} has {len(store.labels)} or other ones; "
            "distil from a teacher of the same actions"
        )
    theirs, ours = (replace(settings, protocol="", part="test", stream="joint", fusion={}) for settings in (card.input, data))
    if theirs != ours:
        raise InputError(
            f"{source}: the teacher sees {theirs.frames} frames, {theirs.persons} persons, {theirs.normalization}, the student "
            f"{ours.frames}, {ours.persons}, {ours.normalization}; make the recipe's data settings equal"
        )
