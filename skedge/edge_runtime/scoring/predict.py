"""An exported model on recorded clips: those of a store, or one in a file."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from skedge.datasets.persons import choose
from skedge.datasets.poses import is_pose_recording
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.window import first_answer
from skedge.skeleton.body_check import check_bodies
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout, check_joint_count, load_layout
from skedge.skeleton.mend import absent_zeros, persons_first
from skedge.skeleton.order import layout_of
from skedge.skeleton.retarget import retarget
from skedge.skeleton.text import counted, shortened, typed

if TYPE_CHECKING:
    from skedge.datasets.store import Store

RATE = 30.0


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer for one clip: `probabilities` (classes,) of the model's labels, or None where it
    was never ready.

    `truth` is the clip's own label, None where it has none. Frame by frame the answer is the clip's
    last; `mean_label` is that of the mean of all its answers. `notes` say what looks wrong about
    the clip, `repetitions` how often the movement is repeated, None where nobody counted.
    `first_answer` is how many seconds of somebody the model sees before it is ready.
    """

    name: str
    truth: str | None
    label: str | None
    confidence: float
    probabilities: np.ndarray | None
    mean_label: str | None = None
    notes: tuple[str, ...] = ()
    repetitions: int | None = None
    first_answer: float = 0.0

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


@dataclass(frozen=True)
class Classes:
    """The classes of a store that are asked for: `only` the one of this name, or all (None).

    `synonyms` gives the model's names of classes that the store calls otherwise.
    """

    only: str | None = None
    synonyms: Mapping[str, str] = field(default_factory=dict)


def predict_store(
    model: Recognizer | str | Path,
    store: "Store | str | Path",
    protocol: str | None = None,
    part: Literal["train", "val", "test", "all"] = "test",
    *,
    frame_by_frame: bool = False,
    classes: Classes = Classes(),
    track: Callable[[list[int]], Iterable[int]] = iter,
) -> Report:
    """Recognise every clip of one part of a store's protocol.

    Without a `protocol` it is the one that the model was measured on, else the store's first; a
    store without any is taken whole, as with the part "all", and the notes say so.

    With `frame_by_frame` the clip's frames go through `Recognizer.update` with their time stamps,
    as a camera's would, and the last answer counts, or the mean of all; a clip that ends before
    there is one is wrong. Labels are matched by name: clips of classes that the model does not know
    are left out, and the notes say so, as they do of a retargeted layout. `track` goes over the
    clips' numbers (a progress bar).

    Clips that make no sense get no answer and are wrong, and the notes say so.

    Raises `InputError` for a store of recordings, an unknown class, of a synonym too, an unknown or
    empty part, no label in common with the model, joints that cannot be retargeted, and where no
    clip makes sense.
    """
    from skedge.datasets.store import Store

    recognizer = _recognizer(model)
    store = store if isinstance(store, Store) else Store(store)
    if len(store.intervals):
        raise InputError(
            f"{store.path}: expected clips of one action each, got recordings with labelled"
            " intervals; `skedge evaluate online` measures these"
        )
    protocol = protocol or own_protocol(recognizer, store)
    chosen, truths, left_out = _chosen(
        recognizer, store, protocol=protocol, part=part, classes=classes
    )
    body = check_bodies((store.clip(i) for i in chosen[:: len(chosen) // 50 + 1]), store.layout)
    notes = [*recognizer.notes, *(str(fault) for fault in body.sure), *left_out]
    target = recognizer.metadata.layout
    if store.layout.joints != target.joints:
        notes.append(f"joints retargeted from {store.layout.name} to {target.name}")
    if frame_by_frame or recognizer.metadata.hz:
        notes += unknown_rate(store)
    notes += trained_on(recognizer, store, chosen)
    predictions = [
        _of_store(recognizer, store, i, truths=truths, frame_by_frame=frame_by_frame)
        for i in track(chosen)
    ]
    problems = [one.notes[0] for one in predictions if one.notes]
    if len(problems) == len(predictions):
        raise InputError(problems[0])
    if problems:
        notes.append(
            f"{len(problems)} of {len(predictions)} clips make no sense, get no answer, and count"
            f" as wrong, such as {problems[0]}"
        )
    late = sum(prediction.label is None for prediction in predictions) - len(problems)
    if late:
        notes.append(
            f"{counted(late, 'clip')} ended before the first answer, which takes"
            f" {first_answer(recognizer.metadata):.2g} s, and counted as wrong"
        )
    last = float(np.mean([one.right for one in predictions]))
    mean = float(np.mean([one.mean_label == one.truth for one in predictions]))
    return Report(last, predictions, tuple(notes), mean_accuracy=mean if frame_by_frame else None)


def _of_store(
    recognizer: Recognizer, store: "Store", index: int, truths: list[str], frame_by_frame: bool
) -> Prediction:
    """The answer to a store's clip; none, and in `notes` why, where the clip makes no sense."""
    name, truth = str(store.index["name"][index]), truths[store.index["label"][index]]
    clip = retarget(store.clip(index), store.layout, recognizer.metadata.layout)
    try:
        return _predict(
            recognizer,
            clip=clip.transpose(1, 0, 2, 3),
            rate=store.frame_rate,
            frame_by_frame=frame_by_frame,
            name=name,
            truth=truth,
        )
    except InputError as error:
        return Prediction(
            name, truth, label=None, confidence=0.0, probabilities=None, notes=(str(error),)
        )


def _chosen(
    recognizer: Recognizer,
    store: "Store",
    protocol: str | None,
    part: Literal["train", "val", "test", "all"],
    classes: Classes,
) -> tuple[list[int], list[str], list[str]]:
    """The clips' numbers, the model's names of the store's classes, and notes of what is left
    out."""
    from skedge.datasets.store.check import is_whole

    unsplit = protocol is None and part != "all"
    part = "all" if protocol is None else part
    if protocol is None or part == "all":
        chosen = list(range(len(store)))
    else:
        chosen = [int(i) for i in store.split(protocol, part)]
    if classes.only is not None:
        wanted = store.class_index(classes.only)
        chosen = [i for i in chosen if store.index["label"][i] == wanted]
        if not chosen:
            raise InputError(
                f"{store.path}: expected clips of {classes.only!r} in {part} of protocol"
                f" {protocol!r}, got none; name another part"
            )
    check_synonyms(classes.synonyms, recognizer, store)
    names = [classes.synonyms.get(name, name) for name in store.labels]
    known = [i for i in chosen if names[store.index["label"][i]] in recognizer.labels]
    if not known:
        raise InputError(
            f"{store.path}: expected clips of the model's classes ({shortened(recognizer.labels)}),"
            f" got none in {part} of protocol {protocol!r} (classes: {shortened(store.labels)});"
            " give the model's names of these with --synonyms, or choose a model trained on them"
        )
    whole = [i for i in known if is_whole(store, i)]
    damaged = sorted({*known} - {*whole})
    if not whole:
        raise InputError(
            f"{store.path}: expected clips as they were written, got {len(damaged)} with other"
            " bytes; import them again"
        )
    notes = []
    if unsplit:
        notes.append("the store has no split: all of its clips are measured")
    if damaged:
        name = store.index["name"][damaged[0]]
        notes.append(
            f"{counted(len(damaged), 'clip')} left out, with bytes that are not what was written,"
            f" such as {name}"
        )
    if unknown := len(chosen) - len(known):
        notes.append(
            f"{unknown} of {len(chosen)} clips left out: the model does not know their class"
        )
    return whole, names, notes


def predict_file(
    model: Recognizer | str | Path,
    path: str | Path,
    rate: float = RATE,
    *,
    frame_by_frame: bool = False,
    layout: str | None = None,
) -> Prediction:
    """Recognise the clip in a .npy file, or in an .npz file with one array or one called joints.

    The array is (T, V, 3), (T, M, V, 3) or (M, T, V, 3) in metres, NaN or zeros where absent, at
    `rate` frames a second; of several persons the one that moves comes first. Its joints are those
    of `layout`, by default the model's; of another number they are retargeted from the layout whose
    order of joints makes a human of them. Nothing is unpickled.
    """
    if not 0 < rate <= 1000:
        raise InputError(f"rate: expected up to 1000 frames per second, got {rate:g}")
    recognizer = _recognizer(model)
    clip, notes = understood(
        read_clip(Path(path)), recognizer.metadata.layout, layout, source=str(path), rate=rate
    )
    answer = _predict(
        recognizer, clip=clip, rate=rate, frame_by_frame=frame_by_frame, name=str(path), truth=None
    )
    counted = recognizer.repetitions(clip, rate, answer.label)
    return replace(
        answer,
        notes=(*recognizer.notes, *notes),
        repetitions=counted,
        first_answer=first_answer(recognizer.metadata),
    )


def own_protocol(recognizer: Recognizer, store: "Store") -> str | None:
    """The store's protocol that a model was measured on, else its first; None without any."""
    measured = recognizer.metadata.accuracy.get("protocol")
    if measured in store.protocols:
        return str(measured)
    return store.protocols[0] if store.protocols else None


def unknown_rate(store: "Store") -> list[str]:
    """A note of a store that does not know its frames a second, none where it does."""
    if store.rate is not None:
        return []
    assumed = f"{store.frame_rate:g} Hz assumed"
    return [f"the store does not know its frame rate: {assumed}; import it with --rate"]


def check_synonyms(
    synonyms: Mapping[str, str], recognizer: Recognizer, store: "Store | None" = None
) -> None:
    """Raise `InputError` for a class that the store does not have, and for a name that is none of
    the model's."""
    for theirs, own in synonyms.items():
        if store is not None:
            store.class_index(theirs)
        if own not in recognizer.labels:
            raise InputError(
                f"--synonyms: expected the model's name of {theirs!r}"
                f" ({shortened(recognizer.labels)}), got {own!r}"
            )


def trained_on(recognizer: Recognizer, store: "Store", clips: list[int]) -> list[str]:
    """A note of how many of the store's clips at these numbers trained the model; nothing where
    none did, or where the store's split is not the one that the model's file names."""
    from skedge.datasets.store import PARTS
    from skedge.datasets.store.clip_keys import digest, keys

    made = recognizer.metadata.provenance.get("trained_on")
    if not isinstance(made, dict) or made.get("split") not in store.protocols:
        return []
    trained = np.flatnonzero(store.codes(made["split"]) == PARTS["train"])
    known = np.isin(keys(store, clips), keys(store, trained)).sum()
    if not known or digest(store, trained) != made.get("sha256"):
        return []
    return [
        f"{known} of the {len(clips)} clips trained this model (train of {made['split']}): expect"
        " less of new ones"
    ]


def understood(
    clip: np.ndarray, target: Layout, named: str | None, source: str, rate: float | None = None
) -> tuple[np.ndarray, list[str]]:
    """A clip of a file as (T, M, V, 3) in the layout `target`, and notes of what looks wrong; with
    a `rate` in frames a second, about its movements, too.

    What is no clip at all comes back as it is. Raises `InputError` for joints of another number
    that are in no known order.
    """
    if 0 in clip.shape:
        raise InputError(f"{source}: expected joints (T, V, 3) of some frames, got {clip.shape}")
    usable = clip.ndim in (3, 4) and clip.dtype.kind in "fiu"
    if not usable or clip.shape[-1] != 3:
        return clip, []
    joints, other = persons_first(clip, True) if clip.ndim == 4 else (clip[None], False)
    joints = np.where(np.isfinite(joints).all(axis=-1, keepdims=True), joints, np.nan)
    notes = (
        [f"read as (persons, frames, joints, 3), {counted(len(joints), 'person')}"] if other else []
    )
    layout = load_layout(named) if named else target
    if joints.shape[2] != len(layout):
        found = layout_of(joints) if named is None else None
        if found is None:
            check_joint_count(joints.shape[2], layout, source)
            return clip, notes
        layout = found
        notes.append(f"the joints are taken for {layout.name}'s; name another one by --layout")
    if joints.shape[1] == 1:
        notes.append("a single frame, in which nothing moves")
    notes += [str(fault) for fault in check_bodies([joints], layout, rate).faults]
    joints, note = choose(absent_zeros(joints.astype(np.float32), layout))
    notes += [note] if note else []
    joints = retarget(joints, layout, target)
    return (joints[0] if clip.ndim == 3 else joints.swapaxes(0, 1)), notes


def _recognizer(model: Recognizer | str | Path) -> Recognizer:
    if isinstance(model, Recognizer):
        return model
    recognizer = Recognizer.load(model)
    if recognizer.metadata.streaming is not None:
        recognizer.hop = 0.0  # it runs on every frame anyway: all answers count
    return recognizer


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
        return Prediction(name, truth, label=None, confidence=0.0, probabilities=None)
    best = int(answers[-1].argmax())
    mean = int(np.mean(answers, axis=0).argmax())
    return Prediction(
        name,
        truth=truth,
        label=recognizer.labels[best],
        confidence=float(answers[-1][best]),
        probabilities=answers[-1],
        mean_label=recognizer.labels[mean],
    )


def _answers(recognizer: Recognizer, clip: np.ndarray, rate: float) -> list[np.ndarray]:
    """All the probabilities that a camera's frames bring, in their order."""
    recognizer.checked(clip, rate)
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
    if is_pose_recording(path):
        raise InputError(
            f"{path}: expected one person's clip, got a pose recording; see"
            f" `{typed('skedge evaluate everyday --data', path)}`,"
            f" `{typed('skedge live --source', path)}` or `skedge data import poses`"
        )
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
        hint = "; `skedge live --source` takes films, `skedge data import arrays` tables"
        raise InputError(
            f"{path}: expected an array of numbers saved by numpy (.npy, .npz), got a damaged or"
            " different file" + ("" if path.suffix.lower() in (".npy", ".npz") else hint)
        ) from None
    return array
