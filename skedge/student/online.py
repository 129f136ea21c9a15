"""A student trained on whole recordings, as a camera brings them: every frame has an answer, also
those in which somebody does nothing that has a name."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from skedge.datasets.store import Store
from skedge.edge_runtime.events import QUIET
from skedge.recipes.distill_settings import DistillSettings
from skedge.recipes.recipe import Recipe
from skedge.skeleton import InputError
from skedge.skeleton.resample import at_rate
from skedge.skeleton.text import shortened
from skedge.student.calibrate import Judged, calibrate, judge
from skedge.student.divergence import softened_divergence
from skedge.student.recordings import NOTHING, UNASKED, Recordings, prepared, spans
from skedge.student.streaming import StreamingClassifier
from skedge.student.unlabelled import unlabelled_clips
from skedge.teacher.camera import Camera
from skedge.teacher.clips import tell, usable
from skedge.teacher.networks.classifier import Classifier, last_layer
from skedge.teacher.runs.folder import Card, Run, median_seconds, write_run
from skedge.teacher.runs.seen import Seen
from skedge.teacher.runs.store_check import Origins, overlap, seen_by
from skedge.teacher.style import Style
from skedge.teacher.training import Trained, fit, provenance, seeded

Part = Literal["val", "test"]


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
        recordings: Recordings,
        *,
        teacher: Classifier | None = None,
    ) -> None:
        super().__init__(settings.optim)
        online = settings.online
        self.classifier = classifier
        self.recordings = recordings
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
        self.recordings.to(self.device)
        for teacher in self._frozen:
            teacher.to(self.device)

    def film(self, of: Tensor) -> tuple[Tensor, Tensor]:
        """Windows of the recordings `of` (N,) as a camera sees them, placed, and their labels;
        exactly, since metres in bfloat16 are off by a centimetre."""
        view = self.classifier.view
        with torch.autocast(self.device.type, enabled=False):
            joints, labels = self.recordings.cut(of, view.data.frames - 1)
            return view.place(self.camera(self.style(joints))), labels

    def training_step(self, batch: tuple[Tensor], batch_index: int) -> Tensor:
        placed, labels = self.film(*batch)
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
            f" got {shortened(labels)}"
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
    origins: Origins = (),
) -> dict[str, Any]:
    """The metrics of a streaming student trained on a store of recordings: its thresholds and
    delays come from the validation part, its figures from the recipe's (`input.part`), filmed as in
    training.

    It begins with the weights of `encoder` (of the recipe's plan), where there is one. A teacher's
    answers to every frame are learned beside the labels, also where there are none: in clips of the
    `unlabelled` stores (`unlabelled_clips`), as they were recorded and filmed as the others are.

    Raises `InputError` for a student that cannot stream and for recordings without a quiet class.
    """
    recipe = run.recipe
    data = recipe.input
    plan = recipe.student
    compute = recipe.compute
    settings, optim = recipe.distill.online, recipe.distill.optim
    check_online(recipe)
    seeded(compute)
    classifier = Classifier(store.layout, data, plan, classes=len(store.labels))
    StreamingClassifier(classifier)  # what cannot stream is refused before it trains for hours
    if unknown := sorted(settings.labels - {*store.labels}):
        tell(f"distill.online names {', '.join(unknown)}, of which {store.path} has none")
    if unused := without_effect(recipe.distill):
        named = ", ".join(f"distill.{name}" for name in unused)
        tell(f"{named}: without effect on recordings, see distill.online")
    if encoder is not None:
        classifier.encoder.load_state_dict(encoder.state_dict())
    train = store.split(data.protocol, "train")
    known = overlap(store, data, origins)
    seen = Seen.of(store, train) | seen_by(origins)
    recordings = Recordings(store, train, data, settings=settings)
    for other in unlabelled:
        indices = unlabelled_clips(other, store, data)
        recordings.join(
            Recordings(other, indices, data, settings=settings, unlabelled_in=store.layout)
        )
        seen |= Seen.of(other, unlabelled=indices)
    loader = recordings.loader(optim.batch_size, compute.processes)
    assert isinstance(loader.dataset, TensorDataset)
    optim = optim.for_clips(len(loader.dataset), whole_batches=True)
    recipe = replace(recipe, distill=replace(recipe.distill, optim=optim))
    run = replace(run, recipe=recipe)
    module = Online(
        classifier, store.labels, recipe.distill, recordings=recordings, teacher=teacher
    )
    fit(
        module,
        loader,
        run,
        title="Training on recordings",
    )
    return finish_online(classifier, store, run, seen=seen, known=known)


def without_effect(settings: DistillSettings) -> list[str]:
    """Settings of training on clips that differ from the usual ones and that recordings do not
    use."""
    usual = DistillSettings()
    names = ("label_smoothing", "augment")
    return [name for name in names if getattr(settings, name) != getattr(usual, name)]


def check_online(recipe: Recipe) -> None:
    """Raise `InputError` for a recipe whose student cannot be trained on recordings."""
    data, plan = recipe.input, recipe.student
    if data.stream == "three":
        raise InputError(
            "recordings train a student of one stream: expected input.stream joint, bone or motion,"
            " got three"
        )
    if data.time != "rate" or plan.padding or not plan.causal:
        raise InputError(
            "recordings train a student that streams: expected input.time rate, student.causal"
            f" true and student.padding false, got {data.time}, {plan.causal} and {plan.padding}"
        )


def finish_online(
    classifier: Classifier, store: Store, run: Run, *, seen: Seen, known: dict[str, Any]
) -> dict[str, Any]:
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
    found = judge(_answered(classifier, store, data.part, recipe=recipe), rules)
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
        seen=seen,
    )
    metrics = {
        "protocol": "online",
        "store": store.name,
        "split": data.protocol,
        "seed": compute.seed,
        "epochs": recipe.distill.optim.epochs,
        "part": data.part,
        **known,
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
    assert store.rate is not None, "recordings without a rate have trained nothing"
    answered = []
    with torch.random.fork_rng():
        torch.manual_seed(recipe.compute.seed)
        for index in usable(store, store.split(data.protocol, part), data.persons):
            clip, first = prepared(store, int(index), data.persons)
            joints = torch.from_numpy(at_rate(clip, store.rate, data.hz))
            chances = functional.softmax(stream(camera(joints[None]))[0][0], 1).numpy()
            answered.append(Judged(chances, spans(store, int(index), first), data.hz))
    return answered
