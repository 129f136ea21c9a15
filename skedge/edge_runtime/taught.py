"""What was taught to a model: classes beside its own, told apart on its embeddings (the rule:
`skedge.edge_runtime.learning`), and the file that keeps them."""

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import skedge
from skedge.edge_runtime.events import QUIET, THRESHOLD
from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import parse_json, user_folder, write_text
from skedge.skeleton.metadata import ModelMetadata

# The oldest that is read, and that of files with actions that the model knows.
OLDEST, VERSION = 2, 3
ARRAYS = ("mean", "scale", "weights", "bias")
# What the file of the model before an update has in its name (`skedge.edge_runtime.update`).
BEFORE = ".before"


class OutdatedError(InputError):
    """What was taught does not fit the model that it is found with."""


@dataclass(frozen=True, eq=False)
class Taught:
    """N classes added to a model with embeddings of D features; those in `again` are the model's
    own, of which it learns further ways to do them.

    An embedding minus `mean` (D,), divided by `scale` (D,), times `weights` (D, 1 + N) plus `bias`
    (1 + N,) are logits: of everything else first, then of the `labels`. `thresholds` are those of
    their events, by label; `clips` is how many each was taught from. `model` is the SHA-256 of the
    weights that the embeddings come from, `command` how it was taught, `report` what was measured
    then (see `skedge.edge_runtime.teach`).
    """

    labels: tuple[str, ...]
    clips: tuple[int, ...]
    model: str
    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    thresholds: dict[str, float] = field(default_factory=dict)
    command: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    again: tuple[str, ...] = ()

    @property
    def new(self) -> tuple[str, ...]:
        """The classes that the model does not have itself."""
        return tuple(label for label in self.labels if label not in self.again)

    def shares(self, embedding: np.ndarray) -> np.ndarray:
        """Embeddings (..., D) to probabilities (..., 1 + N): of everything else, and of the taught
        classes."""
        logits = ((embedding - self.mean) / self.scale) @ self.weights + self.bias
        odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=-1, keepdims=True))

    def combine(
        self, probabilities: np.ndarray, embedding: np.ndarray, metadata: ModelMetadata
    ) -> np.ndarray:
        """The model's probabilities (..., K) and embedding (..., D) to probabilities (..., K + N)
        of its own and the `new` classes, N of them.

        Where one in `again` is the surest of what was taught, it is as probable as the model says
        or as was taught, whichever is more, and all others share the rest. Elsewhere the model's
        own classes share what the new ones leave, in their own proportions.
        """
        shares = self.shares(embedding)
        taught = shares[..., 1:]
        new = taught[..., [self.labels.index(label) for label in self.new]]
        own = probabilities / probabilities.sum(axis=-1, keepdims=True, dtype=np.float64)
        # Shares that are added up may be more than 1, by what is lost in rounding.
        left = np.maximum(1 - new.sum(axis=-1, keepdims=True), 0)
        both = np.concatenate([own * left, new], axis=-1)
        surest = taught.argmax(axis=-1)
        for label in self.again:
            column, number = metadata.labels.index(label), self.labels.index(label)
            wanted = metadata.thresholds.get(label, THRESHOLD)
            sure = _as_sure(taught[..., number], self.thresholds.get(label, THRESHOLD), wanted)
            before = both[..., column]
            after = np.where(surest == number, np.maximum(own[..., column], sure), before)
            both *= ((1 - after) / np.maximum(1 - before, 1e-9))[..., None]
            both[..., column] = after
        return (both / both.sum(axis=-1, keepdims=True)).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the file, JSON with the arrays as little-endian float32 in base 64, whole or not at
        all."""
        arrays = {
            name: base64.b64encode(np.asarray(getattr(self, name), "<f4").tobytes()).decode()
            for name in ARRAYS
        }
        document = {
            "version": VERSION if self.again else OLDEST,
            "labels": self.labels,
            "clips": self.clips,
            "model": self.model,
            "thresholds": self.thresholds,
            "command": self.command,
            "report": self.report,
            **({"again": self.again} if self.again else {}),
            **arrays,
        }
        try:
            write_text(path, json.dumps(document, indent=1) + "\n")
        except OSError as error:
            raise InputError(
                f"{path}: expected a place where a file can be written, got: {reason(error)};"
                " name another with --out"
            ) from None

    @classmethod
    def load(cls, path: Path, metadata: ModelMetadata) -> "Taught":
        """Read what was taught to the model of that metadata.

        Raises `OutdatedError` for what was taught to another model, or by an older skedge, and
        `InputError` for a damaged file.
        """
        document = _read(path)
        command = str(document.get("command") or "skedge teach MODEL STORE")
        if document["version"] < OLDEST or document.get("model") != metadata.weights_sha256:
            raise OutdatedError(
                f"{path}: what was taught no longer fits the model, which has changed since; it is"
                f" left aside. Teach again: {command}"
            )
        try:
            return _taught(document, metadata)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise InputError(_damaged(path)) from None


def taught_by(path: Path) -> tuple[list[str], str]:
    """The labels in the file at `path` and the command that taught them, none where there is no
    such file."""
    try:
        document = _read(path)
        return [str(label) for label in document["labels"]], str(document["command"])
    except (InputError, KeyError, TypeError):
        return [], ""


def _read(path: Path) -> dict[str, Any]:
    try:
        document = dict(parse_json(path.read_bytes()))
        version = document["version"] = int(document["version"])
    except FileNotFoundError:
        raise InputError(f"{path}: expected a file that `skedge teach` wrote, found none") from None
    except (OSError, KeyError, TypeError, ValueError, OverflowError):
        raise InputError(_damaged(path)) from None
    if version > VERSION:
        raise InputError(
            f"{path}: version {version} is newer than this skedge reads ({VERSION}); upgrade skedge"
        )
    return document


def _damaged(path: Path) -> str:
    return (
        f"{path}: expected a file that `skedge teach` wrote, got a damaged or different one; teach"
        " again or remove it"
    )


def _taught(document: dict[str, Any], metadata: ModelMetadata) -> Taught:
    labels, clips = tuple(map(str, document["labels"])), tuple(map(int, document["clips"]))
    flat = {
        name: np.frombuffer(base64.b64decode(document[name], validate=True), "<f4")
        for name in ARRAYS
    }
    size = len(flat["mean"])
    classes = len(labels) + 1
    arrays = flat | {"weights": flat["weights"].reshape(size, classes)}
    thresholds = {str(label): float(one) for label, one in document["thresholds"].items()}
    again = tuple(map(str, document.get("again", ())))
    fine = (
        labels
        and len(clips) == len(set(labels)) == len(labels)
        and set(labels) & set(metadata.labels) == set(again) <= {*metadata.labels} - QUIET
        and len(flat["scale"]) == size
        and len(flat["bias"]) == classes
        and (flat["scale"] > 0).all()
        and all(len(one) and np.isfinite(one).all() for one in flat.values())
        and set(thresholds) <= set(labels)
        and all(0 <= one <= 1 for one in thresholds.values())
    )
    if not fine:
        raise ValueError
    command, report = str(document["command"]), dict(document["report"])
    return Taught(labels, clips, str(document["model"]), **arrays, thresholds=thresholds,
                  command=command, report=report, again=again)  # fmt: skip


def _as_sure(share: np.ndarray, reached: float, wanted: float) -> np.ndarray:
    """Shares as probabilities that are `wanted` where the share is `reached`, steeply enough that
    less than a half stays less than a half."""
    slope = max(1.0, logit(wanted) / max(logit(reached), 1e-6)) if reached > 0.5 else 1.0
    return np.asarray(1 / (1 + np.exp(-(logit(wanted) + slope * (logit(share) - logit(reached))))))


def logit(share: Any) -> Any:
    """The logarithm of the odds of a probability, or of an array of them."""
    share = np.clip(share, 1e-6, 1 - 1e-6)
    return np.log(share / (1 - share))


def beside(model: Path) -> Path:
    """Where what was taught to a model is written and looked for: student.taught.json beside
    student.onnx, also for student.before.onnx.

    For the model that comes with skedge, and where the model's folder cannot be written, it is a
    file in the user's own folder: `$XDG_DATA_HOME/skedge/taught`, by default
    `~/.local/share/skedge/taught`.
    """
    folder = model.absolute().parent
    name = f"{model.stem.removesuffix(BEFORE)}.taught.json"
    package = Path(skedge.__file__).absolute().parent
    shipped = package in model.absolute().parents
    if not shipped and ((folder / name).exists() or os.access(folder, os.W_OK)):
        return folder / name
    place = "" if shipped else f"{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}-"
    return user_folder("XDG_DATA_HOME") / "taught" / f"{place}{name}"
