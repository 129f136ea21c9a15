"""Run folders: a trained network as recipe.yaml, weights.safetensors, metrics.json and log/."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from skedge.recipes.ranges import Positive, check, check_kinds
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    EncoderSettings,
    InputSettings,
    SttformerSettings,
    TransformerSettings,
)
from skedge.skeleton import InputError, Layout
from skedge.skeleton.errors import reason
from skedge.skeleton.files import (
    absent,
    check_folder,
    locked,
    parse_json,
    read_json,
    remove_empty,
    write_json,
    write_text,
    write_whole,
)
from skedge.teacher.runs.asked import ASKED, CHECKPOINT, METRICS, STREAMS, WEIGHTS, inside
from skedge.teacher.runs.seen import Seen

RECIPE = "recipe.yaml"
# Beside the weights of an encoder that learned by reconstruction: what pictures of it need.
DECODER = "decoder.safetensors"
# What a file is called while it is set aside has this behind its name.
EARLIER = ".earlier"
# Folders of runs inside a run's: streams, the encoders of a pair, seeds, the untrained encoder's,
# what a method writes beside its encoder.
_PARTS = re.compile(
    r"joint|bone|motion|theta|phi|seed-\d+|untrained|initialised|statistics|learner"
)


@dataclass(frozen=True)
class Run:
    """One training: the folder that it writes, its recipe, and whether an interrupted one is
    resumed."""

    folder: Path
    recipe: Recipe
    resume: bool = False


@dataclass
class Card:
    """The description from which a trained network is built again, in the header of its weights
    file.

    `kind` is "encoder" (pretrained, no head) or "classifier"; `seconds` is the median length of the
    training clips, `seen` what it and those it came from were trained on (not known of files of
    earlier versions).
    """

    kind: str
    layout: Layout
    labels: tuple[str, ...]
    input: InputSettings
    encoder: EncoderSettings
    seconds: Positive
    provenance: dict[str, Any]
    seen: Seen = field(default_factory=Seen)


@contextmanager
def only_training(folder: Path) -> Iterator[None]:
    """Holds a run's folder, or one of several runs, for one training; raises `InputError` where
    another one is at it, and where none can be made.

    What a training that was killed had set aside comes back where it had trained nothing yet, and
    goes where it had.
    """
    folder = Path(os.path.abspath(folder))
    check_folder(folder)
    with locked(
        folder.with_name(f".{folder.name}.lock"),
        f"{folder}: expected one training at a time into a folder, another one is at work there;"
        " wait for it or name another",
    ):
        for run in [folder, *_folders(folder)]:
            _after_a_kill(run)
        yield


def write_run(
    folder: Path, module: nn.Module, card: Card, *, recipe: Recipe, metrics: dict[str, Any]
) -> None:
    """Write the folder's three files, each whole or not at all; the metrics last, as the sign that
    the run is complete.

    What a run of three streams left in the folder goes, and the checkpoint when all is written.
    """
    (folder / STREAMS).unlink(missing_ok=True)
    document = asdict(card) | {"layout": card.layout.to_dict()}
    weights = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    write_text(folder / RECIPE, yaml.safe_dump(recipe.sections(), sort_keys=False))
    write_whole(
        folder / WEIGHTS,
        lambda path: path.write_bytes(save(weights, {"skedge": json.dumps(document)})),
    )
    write_metrics(folder, metrics)
    (folder / CHECKPOINT).unlink(missing_ok=True)


@contextmanager
def set_aside(folder: Path, files: Iterable[Path]) -> Iterator[None]:
    """Holds files of an earlier run in `folder` out of the way for the length of a `with` block;
    they go behind it, or come back where the block ends in an `InputError` or on Ctrl-C and nothing
    was trained.
    """
    files = list(files)
    made = absent(folder)
    kept = {file: file.with_name(f"{file.name}{EARLIER}") for file in files if file.is_file()}
    stay = {*left_over(folder)} - {*kept}
    for file, aside in kept.items():
        file.replace(aside)
    try:
        yield
    except (InputError, KeyboardInterrupt):
        if {*left_over(folder)} <= stay:
            for file in files:
                file.unlink(missing_ok=True)
            for file, aside in kept.items():
                aside.replace(file)
            remove_empty([*_parts(folder), *made])
        raise
    finally:
        for aside in kept.values():
            aside.unlink(missing_ok=True)


def _after_a_kill(folder: Path) -> None:
    """Put back what is set aside in a run's folder and its parts, or remove it where there is
    something newer."""
    named = [f"{name}{EARLIER}" for name in (METRICS, CHECKPOINT, ASKED)]
    beside = [part / name for part in with_parts(folder) for name in named]
    trained = any(left_over(folder))
    for aside in filter(Path.is_file, beside):
        if trained:
            aside.unlink()
        else:
            aside.replace(aside.with_suffix(""))


def left_over(folder: Path) -> Iterator[Path]:
    """The files of an earlier run in `folder`, and in its parts, that say that it is finished, or
    where to go on."""
    yield from (file for name in (METRICS, CHECKPOINT) if (file := folder / name).is_file())
    for part in _parts(folder):
        yield from left_over(part)


def with_parts(folder: Path) -> list[Path]:
    """A run's folder and all of its parts (streams, seeds), without links."""
    return [folder.resolve(), *(one for part in _parts(folder) for one in with_parts(part))]


def _parts(folder: Path) -> list[Path]:
    return [part for part in _folders(folder) if _PARTS.fullmatch(part.name)]


def _folders(folder: Path) -> list[Path]:
    return [one for one in folder.iterdir() if one.is_dir()] if folder.is_dir() else []


def write_metrics(folder: Path, metrics: dict[str, Any]) -> None:
    write_json(folder / METRICS, metrics)


def read_metrics(folder: Path) -> dict[str, Any] | None:
    """The metrics of a complete run, else None."""
    metrics = read_json(folder / METRICS)
    return metrics if isinstance(metrics, dict) else None


def read_run(folder: Path) -> tuple[Card, dict[str, Tensor]]:
    """Card and weights of a run folder; raises `InputError` if there is no finished run."""
    path = Path(folder) / WEIGHTS
    if not path.is_file():
        raise InputError(
            f"{folder}: expected a run folder with {WEIGHTS}, found none; {inside(folder)}"
        )
    if path.with_name(ASKED).is_file() and not path.with_name(METRICS).is_file():
        raise InputError(
            f"{folder}: expected a finished run, got an earlier network beside a training that is"
            " not finished; wait for it, or finish it by the same command with --resume"
        )
    with reading(path, "a file of weights", "train"):
        with safe_open(path, "pt") as file:
            document = parse_json(file.metadata()["skedge"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        document["layout"] = Layout.from_dict(document["layout"], str(path))
        document["labels"] = tuple(document["labels"])
        document["input"] = InputSettings(**document["input"])
        document["encoder"] = _encoder_settings(document["encoder"])
        # Joined with nothing, so that numbers of clips that are none are found here.
        document["seen"] = Seen() | Seen(**document.get("seen", {"known": False}))
        card = Card(**document)
        check_kinds(card)
        check(card)
        return card, weights


@contextmanager
def reading(path: Path, what: str, command: str) -> Iterator[None]:
    """Raises `InputError` where what is read of `path` in a `with` block, such as a file of
    weights, cannot be read, or is damaged, and for which command to give again."""
    try:
        yield
    except OSError as error:
        said = f"{path}: expected a file that can be read, got: {reason(error)}"
        raise InputError(said) from None
    except (SafetensorError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: expected {what} written by skedge, it is damaged ({reason(error)}); {command}"
            " again"
        ) from None


def _encoder_settings(document: dict[str, Any]) -> EncoderSettings:
    kinds = {"transformer": TransformerSettings, "sttformer": SttformerSettings}
    plans = {name: kind(**document[name]) for name, kind in kinds.items() if name in document}
    document["joints"] = tuple(document.get("joints", ()))
    return EncoderSettings(**document | plans)


def load_state(module: nn.Module, weights: dict[str, Tensor], source: Path) -> None:
    """Load weights strictly; raises `InputError` naming `source` if they belong to another
    network."""
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        last = str(error).splitlines()[-1].strip()
        raise InputError(
            f"{source}: the weights do not fit this network ({last}); use the recipe they were"
            " trained with"
        ) from None


def median_seconds(frames: Any, rate: float | None) -> float:
    """The median length in seconds of clips of these frame counts (N,); 30 Hz where the rate is not
    known."""
    return float(np.median(frames)) / (rate or 30.0)
