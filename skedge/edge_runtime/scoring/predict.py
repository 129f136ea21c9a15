"""An exported model on recorded clips: those of a store, or one in a file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from skedge.edge_runtime.recognizer import Recognizer
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout
from skedge.skeleton.retarget import retarget

if TYPE_CHECKING:
    from skedge.datasets.store import Store

RATE = 30.0


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer for one clip: `probabilities` (classes,) of the model's labels, or None where it
    was never ready.

    `truth` is the clip's own label, None where it has none; `repetitions` how often the movement is
    repeated, None where nobody counted. Frame by frame the answer is the clip's
    last; `mean_label` is that of the mean of all its answers.
    """

    name: str
    truth: str | None
    label: str | None
    confidence: float
    probabilities: np.ndarray | None
    mean_label: str | None = None
    repetitions: int | None = None

    @property
    def right(self) -> bool:
        return self.label == self.truth


@dataclass(frozen=True, eq=False)
class Report:
    """Predictions of the clips whose label the model knows; `accuracy` 0 to 1 over them, `notes`
    what to know about it.

    Frame by frame `mean_accuracy` is that of the mean of each clip's answers, `accuracy` that of
    the last one.
    """

    accuracy: float
    predictions: list[Prediction]
    notes: tuple[str, ...]
    mean_accuracy: float | None = None


def predict_store(
    model: Recognizer | str | Path,
    store: "Store | str | Path",
    protocol: str,
    part: Literal["train", "val", "test"] = "test",
    frame_by_frame: bool = False,
    track: Callable[[list[int]], Iterable[int]] = iter,
    label: str | None = None,
    synonyms: dict[str, str] | None = None,
) -> Report:
    """Recognise every clip of one part of a store's protocol.

    With `frame_by_frame` the clip's frames go through `Recognizer.update` with their time stamps,
    as a camera's would, and the last answer counts, or the mean of all; a clip that ends before
    there is one is wrong. Labels are matched by name: clips of classes that the model does not know
    are left out, and the notes say so, as they do of a retargeted layout. `track` goes over the
    clips' numbers (a progress bar). With `label` only the clips of that class are recognised.
    `synonyms` gives the model's names of classes that the store calls otherwise.

    Raises `InputError` for an unknown class, an unknown or empty part, no label in common with the
    model, and joints that cannot be retargeted.
    """
    from skedge.datasets.store import Store

    recognizer = _recognizer(model)
    store = store if isinstance(store, Store) else Store(store)
    chosen = [int(i) for i in store.split(protocol, part)]
    if label is not None:
        wanted = store.class_index(label)
        chosen = [i for i in chosen if store.index["label"][i] == wanted]
        if not chosen:
            raise InputError(
                f"{store.path}: expected clips of {label!r} in {part} of protocol {protocol!r}, got"
                " none; name another part"
            )
    names = [(synonyms or {}).get(name, name) for name in store.labels]
    known = [i for i in chosen if names[store.index["label"][i]] in recognizer.labels]
    if not known:
        raise InputError(
            f"{store.path}: expected clips of the model's classes ({', '.join(recognizer.labels)}),"
            f" got none in {part} of protocol {protocol!r} (classes: {', '.join(store.labels)});"
            " choose a model trained on these"
        )
    target, rate = recognizer.metadata.layout, store.rate or RATE
    notes = []
    if len(known) < len(chosen):
        notes.append(
            f"{len(chosen) - len(known)} of {len(chosen)} clips left out: the model does not know"
            " their class"
        )
    if not _same(store.layout, target):
        notes.append(f"joints retargeted from {store.layout.name} to {target.name}")
    if store.rate is None and frame_by_frame:
        notes.append(f"the store does not know its frame rate: {RATE:g} Hz assumed")
    predictions = []
    for i in track(known):
        name = str(store.index["name"][i])
        clip = (
            store.clip(i)
            if _same(store.layout, target)
            else retarget(store.clip(i), store.layout, target)
        )
        truth = names[store.index["label"][i]]
        predictions.append(
            _predict(recognizer, clip.transpose(1, 0, 2, 3), rate, frame_by_frame, name, truth)
        )
    late = sum(prediction.label is None for prediction in predictions)
    if late:
        notes.append(f"{late} clips ended before the first answer, and count as wrong")
    accuracy = sum(prediction.right for prediction in predictions) / len(predictions)
    mean = sum(prediction.mean_label == prediction.truth for prediction in predictions) / len(
        predictions
    )
    return Report(accuracy, predictions, tuple(notes), mean if frame_by_frame else None)


def predict_file(
    model: Recognizer | str | Path,
    path: str | Path,
    rate: float = RATE,
    frame_by_frame: bool = False,
) -> Prediction:
    """Recognise the clip in a .npy file, or in an .npz file with one array or one called joints.

    The array is (T, V, 3) or (T, M, V, 3) in metres, NaN where absent, at `rate` frames a second.
    Nothing is unpickled.
    """
    recognizer, clip = _recognizer(model), read_clip(Path(path))
    found = _predict(recognizer, clip, rate, frame_by_frame, str(path), None)
    return replace(found, repetitions=recognizer.repetitions(clip, rate))


def _recognizer(model: Recognizer | str | Path) -> Recognizer:
    if isinstance(model, Recognizer):
        return model
    recognizer = Recognizer.load(model)
    if recognizer.metadata.streaming is not None:
        recognizer.hop = 0.0  # it runs on every frame anyway: all answers count
    return recognizer


def _same(one: Layout, other: Layout) -> bool:
    return one.joints == other.joints


def _predict(
    recognizer: Recognizer,
    clip: np.ndarray,
    rate: float,
    frame_by_frame: bool,
    name: str,
    truth: str | None,
) -> Prediction:
    try:
        answers = (
            _answers(recognizer, clip, rate) if frame_by_frame else [recognizer.predict(clip, rate)]
        )
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    if not answers:
        return Prediction(name, truth, None, 0.0, None)
    best, mean = int(answers[-1].argmax()), int(np.mean(answers, axis=0).argmax())
    return Prediction(
        name,
        truth,
        recognizer.labels[best],
        float(answers[-1][best]),
        answers[-1],
        recognizer.labels[mean],
    )


def _answers(recognizer: Recognizer, clip: np.ndarray, rate: float) -> list[np.ndarray]:
    """All the probabilities that a camera's frames bring, in their order."""
    if clip.ndim not in (3, 4) or not 0 < rate < np.inf:
        recognizer.predict(clip, rate)  # says what is wrong
    recognizer.reset()
    frames = clip if clip.ndim == 3 else clip[:, : recognizer.metadata.persons]
    results = [recognizer.update(joints, number / rate) for number, joints in enumerate(frames)]
    recognizer.reset()
    return [
        result.probabilities
        for result in results
        if result.fresh and result.probabilities is not None
    ]


def read_clip(path: Path) -> np.ndarray:
    """The array of a .npy file, or of an .npz file's only one or `joints`; raises `InputError`, and
    unpickles nothing."""
    try:
        array = np.load(path, allow_pickle=False)
        if isinstance(array, np.lib.npyio.NpzFile):
            with array as arrays:
                names = arrays.files
                array = arrays["joints" if "joints" in names or len(names) != 1 else names[0]]
    except FileNotFoundError:
        raise InputError(f"{path}: expected a clip's .npy or .npz file, found none") from None
    except KeyError:
        raise InputError(
            f"{path}: expected one array, or one called joints, got {', '.join(names) or 'none'}"
        ) from None
    except Exception:  # a damaged header makes NumPy raise almost anything
        raise InputError(
            f"{path}: expected an array of numbers saved by numpy (.npy, .npz), got a damaged or"
            " different file"
        ) from None
    return array
