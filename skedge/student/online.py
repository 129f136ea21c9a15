"""A student trained on whole recordings, as a camera brings them: every frame has an answer, also
those in which somebody does nothing that has a name."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.datasets.store import Store
from skedge.edge_runtime.events import QUIET
from skedge.recipes.distill_settings import DistillSettings
from skedge.recipes.recipe import Recipe
from skedge.skeleton import InputError
from skedge.student.calibrate import Judged, calibrate, judge
from skedge.student.divergence import softened_divergence
from skedge.student.recordings import NOTHING, UNASKED, Recordings, Several
from skedge.student.streaming import StreamingClassifier
from skedge.teacher.camera import Camera
from skedge.teacher.networks.classifier import Classifier, last_layer
from skedge.teacher.runs.folder import Card, Run, median_seconds, write_run
from skedge.teacher.style import Style
from skedge.teacher.training import Trained, fit, on_gpu, provenance, seeded

Part = Literal["val", "test"]

# Processes that cut out windows beside a GPU, which takes them faster than one of them can.
CUTTERS = 4


class Online(Trained):
    """The answers to all frames of filmed windows against what is done there, and against those of
    a teacher that sees the same film, if there is one."""

    allowed: Tensor
    weights: Tensor
    lowered: Tensor

    def __init__(
        self,
        classifier: Classifier,
        labels: tuple[str, ...],
        settings: DistillSettings,
        teacher: Classifier | None = None,
    ) -> None:
        super().__init__(settings.optim)
        online = settings.online
        self.classifier = classifier
        self.settings = settings
        self.style = Style(online.style, classifier.view.layout)
        self.camera = Camera(online.camera, classifier.view.layout)
        # In a list: not a part of what is trained or stored.
        self._frozen = [teacher] if teacher is not None else []
        weights = [1.0 if label in QUIET else online.weight for label in labels]
        for name, values in (
            ("allowed", allowed_answers(labels)),
            ("weights", torch.tensor([*weights, 1.0])),
            ("lowered", lowered_answers(labels, online.quiet)),
        ):
            self.register_buffer(name, values, persistent=False)

    def on_fit_start(self) -> None:
        for teacher in self._frozen:
            teacher.to(self.device)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        joints, labels = batch
        placed = self.classifier.view.place(self.camera(self.style(joints)))
        logits = self.classifier.answers(placed)
        loss = answer_loss(logits, labels, self.allowed, weights=self.weights)
        for teacher in self._frozen:
            with torch.no_grad():
                taught = teacher.answers(placed).flatten(0, 1).float()
            own = (logits - self.lowered).flatten(0, 1).float()
            loss = self.settings.label_weight * loss + self.settings.logit_weight * (
                softened_divergence(own, taught, self.settings)
            )
        self.log("loss", loss)
        return loss


def lowered_answers(labels: tuple[str, ...], by: float) -> Tensor:
    """(classes,): what is taken from the logits of a trained network, `by` from those of `QUIET`
    (`OnlineSettings.quiet`); a teacher's have been lowered already."""
    return by * torch.tensor([float(label in QUIET) for label in labels])


def allowed_answers(labels: tuple[str, ...]) -> Tensor:
    """(classes + 1, classes) bool: which answers are right for each class, and where `NOTHING`
    with a name is done."""
    quiet = torch.tensor([label in QUIET for label in labels])
    if not quiet.any():
        raise InputError(
            f"expected a class of recordings in which nothing is done ({' or '.join(QUIET)}),"
            f" got {', '.join(labels)}"
        )
    return torch.cat([torch.eye(len(labels), dtype=torch.bool), quiet[None]])


def answer_loss(logits: Tensor, labels: Tensor, allowed: Tensor, weights: Tensor) -> Tensor:
    """The mean negative logarithm of the probability of an allowed answer, for logits
    (N, T, classes) and labels (N, T); frames that are `UNASKED` do not count. `weights`
    (classes + 1,) are those of the frames of each class, and of `NOTHING`."""
    rows = torch.where(labels == NOTHING, len(allowed) - 1, labels.clamp(min=0))
    chances = logits.float().log_softmax(-1).masked_fill(~allowed[rows], -torch.inf)
    counts = weights[rows] * (labels != UNASKED)
    return -(counts * chances.logsumexp(-1)).sum() / counts.sum().clamp(min=1)


def train_online(
    store: Store,
    run: Run,
    *,
    encoder: nn.Module | None = None,
    teacher: Classifier | None = None,
    unlabelled: Sequence[Store] = (),
) -> dict[str, Any]:
    """The metrics of a streaming student trained on a store of recordings: its thresholds and
    delays come from the validation part, its figures from the test part, filmed as in training.

    It begins with the weights of `encoder` (of the recipe's plan), where there is one. A teacher's
    answers to every frame are learned beside the labels, also where there are none: in all clips of
    the `unlabelled` stores, as they were recorded and filmed as the others are.

    Raises `InputError` for a student that cannot stream and for recordings without a quiet class.
    """
    recipe = run.recipe
    data = recipe.input
    plan = recipe.student
    compute = recipe.compute
    settings, optim = recipe.distill.online, recipe.distill.optim
    if data.time != "rate" or plan.padding or not plan.causal:
        raise InputError(
            "recordings train a student that streams: expected input.time rate, student.causal"
            f" true and student.padding false, got {data.time}, {plan.causal} and {plan.padding}"
        )
    seeded(compute)
    classifier = Classifier(store.layout, data, plan, classes=len(store.labels))
    if encoder is not None:
        classifier.encoder.load_state_dict(encoder.state_dict())
    module = Online(classifier, store.labels, recipe.distill, teacher=teacher)
    train = store.split(data.protocol, "train")
    lead = data.frames - 1
    windows = Several([Recordings(store, train, data=data, settings=settings, lead=lead)])
    for other in unlabelled:
        every = np.arange(len(other))
        windows.add(
            Recordings(
                other, every, data=data, settings=settings, lead=lead, unlabelled_in=store.layout
            )
        )
    fit(
        module,
        windows.loader(
            optim.batch_size, compute.processes, workers=CUTTERS if on_gpu(compute) else 0
        ),
        run,
        title="Training on recordings",
    )
    return finish_online(classifier, store, run)


def finish_online(classifier: Classifier, store: Store, run: Run) -> dict[str, Any]:
    """The metrics of a trained network, calibrated and tested as the recipe says; its run folder is
    written."""
    recipe = run.recipe
    data = recipe.input
    compute = recipe.compute
    settings = recipe.distill.online
    classifier.cpu().eval()
    with torch.no_grad():
        last_layer(classifier.head).bias.sub_(lowered_answers(store.labels, settings.quiet))

    held_out = _answered(classifier, store, "val", recipe=recipe)
    rules, chosen = calibrate(held_out, store.labels, settings)
    chosen["upper_body"] = [label for label in store.labels if label in settings.upper_body]
    found = judge(_answered(classifier, store, "test", recipe=recipe), rules)
    train = store.split(data.protocol, "train")
    made = provenance(store, compute, recipe.distill.optim, clips=len(train))
    card = Card(
        kind="classifier",
        layout=store.layout,
        labels=store.labels,
        input=data,
        encoder=recipe.student,
        seconds=median_seconds(store.index["frames"][train], store.rate),
        provenance=made | {"protocol": "online"},
    )
    metrics = {
        "protocol": "online",
        "store": store.name,
        "seed": compute.seed,
        "epochs": recipe.distill.optim.epochs,
        **found,
        **chosen,
    }
    write_run(run.folder, classifier, card, recipe=recipe, metrics=metrics)
    return metrics


@torch.inference_mode()
def _answered(classifier: Classifier, store: Store, part: Part, recipe: Recipe) -> list[Judged]:
    """The answers to every recording of a part, each filmed once, always by the same cameras."""
    data = recipe.input
    settings = recipe.distill.online
    camera = Camera(settings.camera, store.layout)
    stream = StreamingClassifier(classifier)
    own = store.split(data.protocol, part)
    recordings = Recordings(
        store, own, data=data, settings=replace(settings, tempo=0.0, fresh=0.0), lead=0
    )
    answered = []
    with torch.random.fork_rng():
        torch.manual_seed(recipe.compute.seed)
        for joints, spans in recordings.whole():
            logits = stream(camera(torch.from_numpy(joints)[None]))[0][0]
            answered.append(Judged(functional.softmax(logits, 1).numpy(), spans, data.hz))
    return answered
