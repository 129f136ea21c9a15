"""The clips of an evaluation, and the test of a trained classifier."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from skedge.datasets.store import Store
from skedge.datasets.store.splits import subset
from skedge.recipes.distill_settings import DistillSettings
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    EncoderSettings,
    FinetuneSettings,
    InputSettings,
    LinearSettings,
)
from skedge.skeleton import InputError, Layout
from skedge.skeleton.errors import reason
from skedge.skeleton.text import counted, shortened
from skedge.teacher.clips import Clips, tell
from skedge.teacher.networks.classifier import Classifier, Network
from skedge.teacher.pictures import confusion_matrix
from skedge.teacher.protocols.classify import score
from skedge.teacher.runs.folder import Card, Run, median_seconds, write_run
from skedge.teacher.runs.seen import Seen
from skedge.teacher.runs.store_check import Origins, overlap, seen_by, tell_rate
from skedge.teacher.training import forward_all, precision_of, provenance, seeded


@dataclass(frozen=True)
class Sets:
    """A store's clips for one evaluation, as `data` describes them.

    `layout` is that of the joints, `seconds` the median length of the training clips, `seen` what a
    network has learned from behind its training, `overlap` how many of the tested clips it had
    before. `more` are classes that the network has beside the store's.
    """

    store: Store
    layout: Layout
    data: InputSettings
    train: Clips
    test: Clips
    seconds: float
    seen: Seen
    overlap: dict[str, Any]
    more: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes of a network that learns from these clips."""
        return (*self.store.labels, *self.more)

    @property
    def samplings(self) -> int:
        """The number of samplings of training clips that a frozen encoder describes."""
        return len(self.train) * self.data.test_clips

    @classmethod
    def read(
        cls,
        store: Store,
        data: InputSettings,
        layout: Layout | None = None,
        *,
        share: float = 1.0,
        seed: int = 0,
        origins: Origins = (),
    ) -> "Sets":
        """The clips of the recipe's split, retargeted to `layout` where it is another than the
        store's; `share` of each class's clips train a network that starts from `origins`."""
        layout = layout or store.layout
        train = store.split(data.protocol, "train")
        check_classes(store, train, data.persons)
        if share < 1:
            train = train[subset(np.asarray(store.index["label"][train]), share, seed)]
        tested = store.split(data.protocol, data.part)
        return cls(
            store,
            layout,
            data,
            train=Clips.read(store, train, data, layout=layout),
            test=Clips.read(store, tested, data, layout=layout),
            seconds=median_seconds(store.index["frames"][train], store.rate),
            seen=Seen.of(store, train) | seen_by(origins),
            overlap=overlap(store, data, origins),
        )


Settings = TypeVar("Settings", FinetuneSettings, LinearSettings, DistillSettings)


@dataclass(frozen=True)
class Job(Generic[Settings]):
    """One classifier that is trained: the run, its clips, its plan, and the settings of its
    training."""

    run: Run
    sets: Sets
    plan: EncoderSettings
    settings: Settings

    def classifier(self) -> Classifier:
        """The untrained classifier, its weights drawn from the recipe's seed."""
        seeded(self.run.recipe.compute)
        sets = self.sets
        return Classifier(sets.layout, sets.data, self.plan, classes=len(sets.labels))

    def finish(self, classifier: Classifier, extra: dict[str, Any]) -> dict[str, Any]:
        """The metrics of the trained classifier, which is tested once; its run folder is
        written."""
        settings = self.settings
        data = self.sets.data
        epochs = {"epochs": settings.optim.epochs, "part": data.part, "stream": data.stream}
        metrics = measure(classifier, self.sets, self.run, extra=extra | epochs)
        return self.write(classifier, extra, metrics)

    def write(
        self, classifier: Classifier, extra: dict[str, Any], metrics: dict[str, Any]
    ) -> dict[str, Any]:
        """The metrics of a classifier that was tested; its run folder is written."""
        sets = self.sets
        run = self.run
        made = provenance(sets.store, run.recipe.compute, self.settings, clips=len(sets.train))
        card = Card(
            kind="classifier",
            layout=sets.layout,
            labels=sets.labels,
            input=sets.data,
            encoder=self.plan,
            seconds=sets.seconds,
            provenance=made | extra,
            seen=sets.seen,
        )
        write_run(run.folder, classifier.cpu(), card, recipe=run.recipe, metrics=metrics)
        draw(metrics, run.folder)
        return metrics


def check_classes(store: Store, train: np.ndarray, persons: int) -> None:
    """Raise `InputError` unless there are two classes to tell apart; what else a user should know
    of the training clips goes to stderr."""
    if len(store.intervals):
        raise InputError(
            f"{store.path}: expected clips of one action each, got recordings of several; train on"
            " them with `skedge distill`"
        )
    clips = np.bincount(store.index["label"][train], minlength=len(store.labels))
    if (clips > 0).sum() < 2:
        raise InputError(
            f"{store.path}: expected training clips of two classes at least, got those of"
            f" {store.labels[int(clips.argmax())]!r}; add clips of other actions, or of anything"
            " else, called other"
        )
    empty = [store.labels[i] for i in np.flatnonzero(clips == 0)]
    if empty:
        classes = counted(len(empty), "class", "classes")
        tell(f"no training clips of {classes}: {shortened(empty)}")
    more = int((store.index["persons"][train] > persons).sum())
    if more:
        held = counted(more, "training clip holds", "training clips hold")
        tell(f"{held} more persons than input.persons ({persons}) takes in")
    tell_rate(store)


def on_protocol(seen: InputSettings, data: InputSettings) -> InputSettings:
    """The input of a trained network, `seen`, with the protocol, part and samplings of a recipe's
    `data`."""
    return replace(seen, protocol=data.protocol, part=data.part, test_clips=data.test_clips)


def as_trained(recipe: Recipe, card: Card, source: Path) -> Recipe:
    """The recipe with the input of the network in `source`: the recipe's protocol, part and
    samplings, all else as it was trained.

    Settings of the recipe that do not hold are said.
    """
    if other := fixed(card, recipe.input):
        held = ", ".join(f"input.{name} {value}" for name, value in other.items())
        tell(f"{source}: its input stays as it was trained: {held}")
    return replace(recipe, input=on_protocol(card.input, recipe.input))


def fixed(card: Card, data: InputSettings) -> dict[str, Any]:
    """The settings of a trained network's input that nothing changes any more and that `data` has
    otherwise, with the network's values."""
    seen = on_protocol(card.input, data)
    if card.input.stream != "three":
        seen = replace(seen, fusion=data.fusion)
    return differing(seen, data)


def differing(held: Any, asked: Any) -> dict[str, Any]:
    """The settings of a section that two of its kind have otherwise, by their names in it
    (`transformer.width`), with the values of `held`."""
    found: dict[str, Any] = {}
    for field in fields(held):
        ours, theirs = getattr(held, field.name), getattr(asked, field.name)
        if is_dataclass(ours):
            inner = differing(ours, theirs)
            found |= {f"{field.name}.{name}": value for name, value in inner.items()}
        elif plain(ours) != plain(theirs):
            found[field.name] = plain(ours)
    return found


def plain(value: Any) -> Any:
    """A recipe's lists and a weights file's tuples are the same."""
    return list(value) if isinstance(value, tuple) else value


def measure(network: Network, sets: Sets, run: Run, *, extra: dict[str, Any]) -> dict[str, Any]:
    """The figures of a network that is tested once on `sets.test`.

    Clips that are sampled several times are given the mean of their probabilities.
    """
    compute = run.recipe.compute
    logits = [forward_all(network, joints, compute)[0] for joints in sets.test.samplings()]
    return report(averaged(logits), sets, run, extra=extra)


def averaged(logits: Sequence[torch.Tensor]) -> torch.Tensor:
    """The scores (N, classes) of clips by the logits of each of their samplings: these, or the mean
    of their probabilities."""
    return (
        logits[0] if len(logits) == 1 else torch.stack([one.softmax(1) for one in logits]).mean(0)
    )


def report(logits: torch.Tensor, sets: Sets, run: Run, *, extra: dict[str, Any]) -> dict[str, Any]:
    """The figures of logits (N, classes) for `sets.test`, with what is needed to repeat them."""
    compute = run.recipe.compute
    found = score(logits, sets.test.labels)
    found["classes"] = dict(zip(sets.labels, found["per_class"], strict=True))
    return (
        extra
        | {"store": sets.store.name, "split": sets.data.protocol}
        | {"seed": compute.seed, "precision": precision_of(compute)}
        | sets.overlap
        | found
    )


def draw(metrics: dict[str, Any], folder: Path) -> None:
    """A picture of a run's confusions beside its metrics; a picture that fails is no harm."""
    try:
        confusion_matrix(metrics["confusion"], list(metrics["classes"]), folder / "confusion.png")
    except (MemoryError, ValueError, OSError) as error:
        tell(f"no picture of the confusions: {reason(error)}")
