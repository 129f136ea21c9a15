"""What was taught to a model: classes beside its own, by the direction of their embeddings (the
rule: `skedge.edge_runtime.teach`)."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skedge.skeleton.errors import InputError
from skedge.skeleton.files import write_json
from skedge.skeleton.metadata import ModelMetadata

VERSION = 1
SHARPNESS = 20.0
ARRAYS = ("center", "whitening", "known", "means", "thresholds")


@dataclass(frozen=True, eq=False)
class Taught:
    """Classes added to a model of `known` classes with embeddings of D features.

    `labels` and `clips` (how many each was taught from) are of the N taught classes, `means` (N, D)
    and `known` (K', D) directions in the whitened space, `thresholds` (N,) cosines, `center` (D,)
    and `whitening` (D, D) lead there. `model` is the SHA-256 of the weights that the embeddings
    come from.
    """

    labels: tuple[str, ...]
    clips: tuple[int, ...]
    model: str
    center: np.ndarray
    whitening: np.ndarray
    known: np.ndarray
    means: np.ndarray
    thresholds: np.ndarray

    def combine(self, probabilities: np.ndarray, embedding: np.ndarray) -> np.ndarray:
        """The model's probabilities (..., K) and embedding (..., D) to probabilities (..., K + N)
        of both kinds of classes."""
        direction = unit((embedding - self.center) @ self.whitening)
        nearest = (direction @ self.known.T).max(axis=-1, keepdims=True)
        odds = np.exp(SHARPNESS * (direction @ self.means.T - np.maximum(nearest, self.thresholds)))
        both = np.concatenate([probabilities, odds], axis=-1)
        # A softmax sums to 1 up to rounding: divided by its own sum, the proportions stay what they
        # are.
        return (both / both.sum(axis=-1, keepdims=True)).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the file, JSON with the arrays as little-endian float32 in base 64, whole or not at
        all."""
        arrays = {
            name: base64.b64encode(np.asarray(getattr(self, name), "<f4").tobytes()).decode()
            for name in ARRAYS
        }
        document = {
            "version": VERSION,
            "labels": self.labels,
            "clips": self.clips,
            "model": self.model,
            **arrays,
        }
        try:
            write_json(path, document, indent=1)
        except OSError as error:
            raise InputError(
                f"{path}: expected a place where a file can be written, got: {error.strerror}"
            ) from None

    @classmethod
    def load(cls, path: Path, metadata: ModelMetadata) -> "Taught":
        """Read what was taught to the model of that metadata; `InputError` for a damaged file and
        for another model's."""
        try:
            document = dict(json.loads(path.read_bytes()))
            version, model = int(document["version"]), str(document["model"])
            labels, clips = tuple(map(str, document["labels"])), tuple(map(int, document["clips"]))
            flat = {
                name: np.frombuffer(base64.b64decode(document[name], validate=True), "<f4")
                for name in ARRAYS
            }
            size = len(flat["center"])
            shapes = {
                "center": (size,),
                "whitening": (size, size),
                "known": (-1, size),
                "means": (len(labels), size),
            }
            arrays = {name: flat[name].reshape(shape) for name, shape in shapes.items()} | {
                "thresholds": flat["thresholds"]
            }
            counts = {len(labels), len(set(labels)), len(clips), len(arrays["thresholds"])}
            if not (
                labels
                and len(counts) == 1
                and all(len(one) and np.isfinite(one).all() for one in arrays.values())
            ):
                raise ValueError
        except FileNotFoundError:
            raise InputError(
                f"{path}: expected a file that `skedge teach` wrote, found none"
            ) from None
        except (OSError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
            raise InputError(
                f"{path}: expected a file that `skedge teach` wrote, got a damaged or different"
                " one; teach again or remove it"
            ) from None
        if version > VERSION:
            raise InputError(
                f"{path}: version {version} is newer than this skedge reads ({VERSION}); upgrade"
                " skedge"
            )
        if model != metadata.weights_sha256 or set(labels) & set(metadata.labels):
            raise InputError(
                f"{path}: taught to another model than the one beside it; teach again or remove it"
            )
        return cls(labels, clips, model, **arrays)


def beside(model: Path) -> Path:
    """Where what was taught to a model is looked for: student.taught.json beside student.onnx."""
    return model.with_suffix(".taught.json")


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., D) divided by their lengths."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))
