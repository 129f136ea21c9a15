"""The protocols by which `skedge evaluate` measures, one row each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.skeleton import InputError
from skedge.skeleton.streams import Stream
from skedge.teacher.protocols.finetune import finetune
from skedge.teacher.protocols.fusion import fuse
from skedge.teacher.protocols.knn import knn
from skedge.teacher.protocols.linear import linear
from skedge.teacher.protocols.partial import partial_body
from skedge.teacher.protocols.ridge import ridge
from skedge.teacher.protocols.semi import semi
from skedge.teacher.protocols.untrained import measure_untrained
from skedge.teacher.runs.asked import begun, finished, question
from skedge.teacher.runs.folder import STREAMS, Run, write_metrics
from skedge.teacher.streams import Part, each_stream


class Training(Protocol):
    """A protocol that trains on labels from the run folder of an encoder, and gives the metrics
    back."""

    def __call__(
        self, store: Store, folder: Path, recipe: Recipe, *, encoder: Path, resume: bool
    ) -> dict[str, Any]: ...


Measure = Callable[[Store, Run, Path | None], dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """One protocol: what `--pretrained` names, None where it needs nothing, the command that makes
    that, how it measures, and the encoder's settings that are the recipe's or the protocol's own,
    not the trained network's."""

    measure: Measure
    starts_from: str | None = "a pretrained encoder"
    made_by: str = "pretrain"
    takes: tuple[str, ...] = ()


def _trained(train: Training, store: Store, run: Run, pretrained: Path | None) -> dict[str, Any]:
    """The metrics of a protocol that trains each stream alone."""
    assert pretrained is not None

    def step(one: Run, part: Part) -> dict[str, Any]:
        return train(store, one.folder, one.recipe, encoder=part(pretrained), resume=one.resume)

    return each_stream(run, step) or fuse(store, run.folder, run.recipe)


def _supervised(store: Store, run: Run, pretrained: Path | None) -> dict[str, Any]:
    def step(one: Run, part: Part) -> dict[str, Any]:
        return finetune(store, one.folder, one.recipe, resume=one.resume)

    return each_stream(run, step) or fuse(store, run.folder, run.recipe)


def _knn(store: Store, run: Run, pretrained: Path | None) -> dict[str, Any]:
    assert pretrained is not None
    data = run.recipe.input
    three = data.stream == "three"
    streams: list[Any] = list(data.fusion) if three else [data.stream]
    held = (pretrained / STREAMS).is_file()
    encoders: dict[Stream, Path] = {
        stream: pretrained / stream if three or held else pretrained for stream in streams
    }
    return knn(store, run.folder, run.recipe, encoders=encoders)


def _partial_body(store: Store, run: Run, pretrained: Path | None) -> dict[str, Any]:
    assert pretrained is not None
    return partial_body(store, run.folder, run.recipe, classifier=pretrained)


def _ridge(store: Store, run: Run, pretrained: Path | None) -> dict[str, Any]:
    return ridge(store, run.folder, run.recipe)


_TUNED = ("fusion", "dropout", "head")
PROTOCOLS: dict[str, Row] = {
    "linear": Row(partial(_trained, linear), takes=("fusion",)),
    "finetune": Row(partial(_trained, finetune), takes=_TUNED),
    "semi": Row(partial(_trained, semi), takes=_TUNED),
    "transfer": Row(partial(_trained, partial(finetune, transfer=True)), takes=_TUNED),
    "knn": Row(_knn, takes=("fusion",)),
    "partial-body": Row(_partial_body, "a trained classifier", "evaluate linear"),
    "supervised": Row(_supervised, None),
    "ridge": Row(_ridge, None),
}


def evaluate(
    name: str, store: Store, run: Run, pretrained: Path | None, *, untrained: bool = False
) -> dict[str, Any]:
    """The metrics of a protocol, or those that are there where a finished run is resumed; with
    `untrained` also what it measures of the same encoder before any training, under that name.

    Raises `InputError` where a protocol starts from something that is not given, or is given what
    it does not start from, and for `untrained` where it starts from no pretrained encoder.
    """
    row = PROTOCOLS[name]
    if row.starts_from is not None and pretrained is None:
        raise InputError(
            f"evaluate {name}: expected --pretrained, the folder of {row.starts_from}; make one"
            f" with `skedge {row.made_by}`"
        )
    if untrained and not _takes_encoder(row):
        takes = ", ".join(one for one, row in PROTOCOLS.items() if _takes_encoder(row))
        raise InputError(
            f"evaluate {name}: it starts from no pretrained encoder, expected no --untrained; that"
            f" is for {takes}"
        )
    if row.starts_from is None and pretrained is not None:
        raise InputError(
            f"evaluate {name}: it starts from nothing that was trained, expected no --pretrained;"
            " `evaluate linear` and `evaluate finetune` start from it"
        )
    runs = [] if pretrained is None else [pretrained]
    asked = question(f"evaluate {name}", [store], run.recipe, runs=runs)
    with begun(run.folder, asked, resume=run.resume, runs=runs):
        done = finished(run.folder, asked)
        if done is not None and (not untrained or "untrained" in done):
            return done
        if not untrained or pretrained is None:
            return row.measure(store, run, pretrained)
        # First: with the metrics of the trained one the run would look finished.
        beside = measure_untrained(row.measure, store, run, pretrained=pretrained)
        metrics = row.measure(store, run, pretrained) | {"untrained": beside}
        write_metrics(run.folder, metrics)
        return metrics


def _takes_encoder(row: Row) -> bool:
    return row.starts_from is not None and row.made_by == "pretrain"
