"""New actions from a few clips, without training: nearest class mean on the embedding of an
exported model.

The rule. Embeddings of clips of classes that the model knows give a centre (the mean of their class
means) and a covariance within classes; embeddings minus the centre are whitened by it, which makes
directions small in which one class varies by itself. In that space a class is the mean direction of
its clips, and clips are compared with it by cosine similarity. A taught class c answers with the
odds

    exp(20 (s_c - max(k, t_c)))

against everything that the model knows, where s_c is the similarity to c, k that to the nearest
known class, and t_c the similarity that 95 of 100 clips of known classes stay under (the rejection
threshold). The model's own probabilities share what is left, in their own proportions, so that all
sum to 1. Nearest class means with cosine similarity are Snell et al. 2017 and, centred, Wang et al.
2019 (SimpleShot, arXiv 1911.04623); whitening with a shrunk covariance follows linear discriminant
analysis (Friedman 1989).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.taught import Taught, beside, unit
from skedge.skeleton.errors import InputError
from skedge.skeleton.retarget import retarget

if TYPE_CHECKING:
    from skedge.datasets.store import Store

Track = Callable[[list[int]], Iterable[int]]
Embeddings = dict[str, tuple[np.ndarray, np.ndarray]]

QUANTILE = 0.95
SHRINKAGE = 0.05
CLIPS_PER_KNOWN_CLASS = 40
RATE = 30.0


def learn(
    clips: Mapping[str, np.ndarray], known: Mapping[str, np.ndarray], model: str = ""
) -> Taught:
    """Make classes of the embeddings `clips` (n, D) by label, n at least 1, beside classes that the
    model knows.

    `known` are embeddings (n, D) of at least two of those, n at least 1. Raises `InputError` for
    less.
    """
    if len(known) < 2:
        raise InputError(
            f"expected clips of at least two classes that the model knows, got {len(known)}"
        )
    if not clips:
        raise InputError(
            "expected clips of at least one class that the model does not know, got none"
        )
    examples = [np.asarray(one, np.float64) for one in known.values()]
    centers = np.stack([one.mean(axis=0) for one in examples])
    center = centers.mean(axis=0)
    whitening = _whitening(
        np.concatenate([one - own for one, own in zip(examples, centers, strict=True)])
    )

    def directions(embeddings: np.ndarray) -> np.ndarray:
        return unit((np.asarray(embeddings, np.float64) - center) @ whitening)

    means = np.stack([unit(directions(one).mean(axis=0)) for one in clips.values()])
    own = np.stack([unit(directions(one).mean(axis=0)) for one in examples])
    thresholds = np.quantile(directions(np.concatenate(examples)) @ means.T, QUANTILE, axis=0)
    counts = tuple(len(one) for one in clips.values())
    arrays = [np.asarray(one, np.float32) for one in (center, whitening, own, means, thresholds)]
    return Taught(tuple(clips), counts, model, *arrays)


def teach(
    model: Path,
    store: Path,
    known: Path | None = None,
    out: Path | None = None,
    track: Track = iter,
) -> dict[str, Any]:
    """Teach a model the classes of a store that it does not know; what it learned goes to `out`, by
    default beside it.

    Clips of classes that the model knows come from that store, from the store `known`, or, where
    neither has two of them, from the synthetic set if the model knows its actions. What was taught
    before is replaced. `track` goes over clips. The answer says what was taught from how many
    clips, how many clips of known classes it was measured against, and of those how many in a
    hundred are now taken for a taught class.

    Raises `InputError` for a store without new classes, and where there are no clips of known
    classes.
    """
    from skedge.datasets.store import Store

    recognizer = Recognizer.load(model, taught=False)
    own = Store(store)
    new = embeddings(recognizer, own, lambda label: label not in recognizer.labels, track)
    if not new:
        raise InputError(
            f"{store}: expected clips of classes that {model} does not know, got only"
            f" {', '.join(own.labels)}"
        )
    examples = _known(recognizer, own, known, track)
    taught = learn(
        {label: both[0] for label, both in new.items()},
        {label: both[0] for label, both in examples.items()},
        recognizer.metadata.weights_sha256,
    )
    path = out or beside(model)
    taught.save(path)
    mistaken = np.concatenate(
        [
            taught.combine(p, e).argmax(axis=-1) >= len(recognizer.labels)
            for e, p in examples.values()
        ]
    )
    return {
        "taught": dict(zip(taught.labels, taught.clips, strict=True)),
        "known": {
            "classes": len(examples),
            "clips": len(mistaken),
            "taken for a taught one, %": round(100 * mistaken.mean(), 1),
        },
        "file": str(path),
        "bytes": path.stat().st_size,
    }


def embeddings(
    recognizer: Recognizer,
    store: "Store",
    wanted: Callable[[str], bool],
    track: Track = iter,
    most: int | None = None,
) -> Embeddings:
    """Embeddings (n, D) and probabilities (n, K) of the clips of every class whose label is wanted,
    by label.

    Of a class at most `most` clips are read, evenly from all.
    """
    numbers: list[int] = []
    for label in filter(wanted, store.labels):
        own = np.flatnonzero(store.index["label"] == store.class_index(label))
        step = max(1.0, len(own) / most) if most else 1.0
        numbers += [int(own[int(i * step)]) for i in range(int(len(own) / step))]
    every, answers = embed(recognizer, store, numbers, track)
    names = [store.labels[store.index["label"][i]] for i in numbers]
    places = {
        label: [k for k, name in enumerate(names) if name == label]
        for label in dict.fromkeys(names)
    }
    return {label: (every[place], answers[place]) for label, place in places.items()}


def embed(
    recognizer: Recognizer, store: "Store", numbers: Sequence[int], track: Track = iter
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (n, D) and probabilities (n, K) of a store's clips of those numbers, their joints
    on the model's layout."""
    target = recognizer.metadata.layout
    pairs = []
    for i in track([int(number) for number in numbers]):
        clip = (
            store.clip(i)
            if store.layout.joints == target.joints
            else retarget(store.clip(i), store.layout, target)
        )
        frames, rate = clip.transpose(1, 0, 2, 3), store.rate or RATE
        try:
            pairs.append((recognizer.embed(frames, rate), recognizer.predict(frames, rate)))
        except InputError as error:
            raise InputError(f"{store.path}: {store.index['name'][i]}: {error}") from None
    if not pairs:
        return np.zeros((0, 0), np.float32), np.zeros((0, len(recognizer.labels)), np.float32)
    return np.stack([embedding for embedding, _ in pairs]), np.stack(
        [probabilities for _, probabilities in pairs]
    )


def _known(recognizer: Recognizer, own: "Store", known: Path | None, track: Track) -> Embeddings:
    from skedge.datasets.store import Store

    def read(store: "Store") -> Embeddings:
        return embeddings(
            recognizer, store, recognizer.labels.__contains__, track, CLIPS_PER_KNOWN_CLASS
        )

    found = read(own)
    if known is not None:
        found |= read(Store(known))
    elif len(found) < 2:
        found |= _synthetic(recognizer.labels, read)
    if len(found) < 2:
        raise InputError(
            f"{known or own.path}: expected clips of at least two of the classes that the model"
            f" knows ({', '.join(recognizer.labels)}), got {len(found)}; name a store of them with"
            " --known"
        )
    return found


def _synthetic(labels: Sequence[str], read: Callable[["Store"], Embeddings]) -> Embeddings:
    import tempfile

    from skedge.datasets.store import Store
    from skedge.datasets.synthetic.actions import ACTIONS
    from skedge.datasets.synthetic.synthesize import synthesize

    if len(set(labels) & set(ACTIONS)) < 2:
        return {}
    with tempfile.TemporaryDirectory(prefix="skedge-") as room:
        path = Path(room) / "synthetic"
        synthesize(path, clips_per_action_and_subject=2, subjects=6)
        return read(Store(path))


def _whitening(residuals: np.ndarray) -> np.ndarray:
    """The inverse square root (D, D) of the covariance of residuals (n, D), shrunk towards a
    multiple of the identity."""
    covariance = residuals.T @ residuals / len(residuals)
    size = len(covariance)
    spread = np.trace(covariance) / size
    # One clip a class leaves no residuals at all: then nothing is known about directions.
    covariance = (
        (1 - SHRINKAGE) * covariance + SHRINKAGE * spread * np.eye(size)
        if spread > 0
        else np.eye(size)
    )
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors / np.sqrt(values) @ vectors.T)
