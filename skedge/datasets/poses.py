"""Pose recordings: the bodies that a pose estimator saw in a film, without any picture.

A recording is one .npz file with an entry per body and picture, N in all:

    picture (N,) int       number of the picture, from 0
    person (N,) int        who it is: the same number while the body is followed, once in a picture
    whole (N,) bool        whether enough of the body is in view to recognise actions; of somebody
                           who is seen from the hips up the legs are NaN
    confidence (N,) float  of the body, 0 to 1
    joints (N, V, 3) float metres, y up, NaN where a joint is absent
    pixels (N, V, 2) float place in the picture, or all NaN
    rate, pictures         pictures per second, and how many the film has
    width, height          of the picture, in pixels
    seconds (N,) float     time of the picture, from the first one or by any clock; picture / rate
                           where it is missing
    layout                 name of the joint layout, or the layout as JSON; "blazepose33" where it
                           is missing
    duration               seconds that the film lasts; pictures / rate, or until the last body,
                           where it is missing
    label                  what is done in it; empty or missing where nobody said
    made_of                which stretch of which film it is, by which estimator, as JSON; for
                           `--poses`
"""

import json
import zipfile
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from skedge.datasets.source import files_in
from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import parse_json, write_whole
from skedge.skeleton.layout import Layout, layout_names, load_layout
from skedge.skeleton.metadata import LONGEST_LABEL, is_label
from skedge.skeleton.touching import Touching, trunks

LAYOUT = "blazepose33"
# Bytes that the arrays of one file may take: some ten hours of one person.
LARGEST = 2**30
# Pictures a second of a recording, and by what factor its seconds may be further apart than its
# rate says: a camera slows down in the dark.
SLOWEST, FASTEST, FAR = 0.1, 1000.0, 100.0
# Seconds. A film is shorter, and an end that is later one of the clock.
DAY = 86_400.0
# The number of a picture: of larger ones a float knows no next one.
LATEST = 2**53


@dataclass(frozen=True)
class Origin:
    """The film that a recording is of, from `start` to `end` in seconds, and the estimator `pose`.

    `place` is a digest of the film's path, `content` one of what is in it.
    """

    film: str
    place: str
    content: str
    start: float
    end: float
    pose: str

    def same_film(self, other: "Origin") -> bool:
        """Whether both are of one film, which may have been moved or changed since."""
        return self.content == other.content or self.place == other.place


@dataclass(frozen=True, eq=False)
class PoseRecording:
    """Bodies of one film: `picture`, `seconds`, `person`, `whole` (N,) and `joints` (N, V, 3) in
    metres.

    `picture` and `seconds` count from the first picture; `pictures` is how many there are, with
    those without a body. `touching` (N,) says which bodies may be those of two people
    (`skedge.skeleton.touching`). `duration` is how long the film lasts, in seconds; `label` what is
    done in it and `made_of` which film it is, None where nobody said.
    """

    name: str
    label: str | None
    layout: Layout
    picture: np.ndarray
    seconds: np.ndarray
    person: np.ndarray
    whole: np.ndarray
    touching: np.ndarray
    joints: np.ndarray
    duration: float
    rate: float
    pictures: int
    made_of: Origin | None = None

    @property
    def off(self) -> float:
        """Seconds of the film in which no pictures came, as of a camera that was lost: stretches
        between two bodies of more than a hundred times what their pictures' numbers take."""
        order = np.argsort(self.picture, kind="stable")
        numbers, first = np.unique(self.picture[order], return_index=True)
        usual = np.diff(numbers) / self.rate
        steps = np.diff(self.seconds[order][first])
        return float((steps - usual)[steps > FAR * usual].sum())


class Body(Protocol):
    """One body in a picture, such as `skedge.edge_runtime.interfaces.Person`."""

    @property
    def id(self) -> int: ...
    @property
    def joints(self) -> np.ndarray: ...
    @property
    def pixels(self) -> np.ndarray | None: ...
    @property
    def confidence(self) -> float: ...
    @property
    def whole(self) -> bool: ...


@dataclass
class PoseWriter:
    """Collects the bodies of a film or a camera, picture by picture, for a recording.

    It holds numbers only, never a picture: some 700 bytes for each body, 8 for each picture.
    """

    layout: Layout

    def __post_init__(self) -> None:
        joints = len(self.layout)
        body = [("picture", "i8"), ("person", "i4"), ("whole", "?"), ("confidence", "f4")]
        places = [("joints", "f4", (joints, 3)), ("pixels", "f4", (joints, 2))]
        self._row = np.dtype([*body, *places])
        # Bytes, since a body's own arrays and numbers take twice as much as what is in them.
        self._rows = bytearray()
        self._seconds = array("d")

    def __len__(self) -> int:
        """How many bodies there are."""
        return len(self._rows) // self._row.itemsize

    @property
    def pictures(self) -> int:
        return len(self._seconds)

    def add(self, seconds: float, bodies: Sequence[Body]) -> None:
        """Take the bodies of the next picture in; `seconds` ascend, by any clock."""
        for body in bodies:
            row = np.zeros((), self._row)
            row["picture"] = len(self._seconds)
            row["person"], row["whole"], row["confidence"] = body.id, body.whole, body.confidence
            row["joints"] = body.joints
            row["pixels"] = np.nan if body.pixels is None else body.pixels
            self._rows += row.tobytes()
        self._seconds.append(seconds)

    def recording(self, name: str, label: str = "") -> "PoseRecording":
        """What was taken in so far, as a recording."""
        bodies = np.frombuffer(self._rows, self._row).copy()
        times = self._times()
        seconds = times[bodies["picture"]]
        rate = rate_of(times)
        return PoseRecording(
            name,
            label or None,
            self.layout,
            picture=bodies["picture"],
            seconds=seconds,
            person=bodies["person"],
            whole=bodies["whole"],
            touching=_touching(
                bodies["picture"],
                bodies["person"],
                seconds,
                pixels=bodies["pixels"],
                layout=self.layout,
            ),
            joints=bodies["joints"],
            duration=_end(times, rate),
            rate=rate,
            pictures=self.pictures,
        )

    def _times(self) -> np.ndarray:
        """Seconds of every picture from the first one, of those without bodies too."""
        times = np.array(self._seconds, np.float64)
        return times - times[:1]

    def write(
        self,
        path: Path,
        size: tuple[int, int] = (0, 0),
        label: str = "",
        made_of: Origin | None = None,
    ) -> None:
        """Write the recording, whole or not at all; `size` is the pictures' width and height."""
        layout = self.layout
        named = layout.name in layout_names() and load_layout(layout.name).joints == layout.joints
        bodies = np.frombuffer(self._rows, self._row)
        times = self._times()
        rate = rate_of(times)
        arrays: dict[str, Any] = {
            **{name: bodies[name] for name in self._row.names or ()},
            "seconds": times[bodies["picture"]],
            "rate": np.float64(rate),
            "pictures": np.int64(len(times)),
            "width": np.int64(size[0]),
            "height": np.int64(size[1]),
            "layout": np.str_(layout.name if named else json.dumps(layout.to_dict())),
            "duration": np.float64(_end(times, rate)),
            "label": np.str_(label),
            "made_of": np.str_(json.dumps(asdict(made_of)) if made_of else ""),
        }
        _save(path, arrays)


def relabel(path: Path, label: str) -> None:
    """Write another label into the recording at `path`, whole or not at all."""
    _save(path, _arrays(path) | {"label": np.array(label)})


def _save(path: Path, arrays: dict[str, Any]) -> None:
    def save(draft: Path) -> None:
        with draft.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    write_whole(path, save)


def rate_of(seconds: np.ndarray) -> float:
    """Pictures per second of time stamps (n,), 30 where they do not tell."""
    steps = np.diff(seconds)
    steps = steps[steps > 0]
    return float(1 / np.median(steps)) if len(steps) else 30.0


def _end(seconds: np.ndarray, rate: float) -> float:
    """When the last of the pictures with time stamps (n,) is over."""
    return float(seconds.max()) + 1 / rate if len(seconds) else 0.0


def _begin(seconds: np.ndarray, picture: np.ndarray, rate: float, duration: float) -> float:
    """When the first picture was, by the time stamps (n,) of some bodies."""
    if not len(seconds):
        return 0.0
    before = float(picture.min()) / rate
    if before and seconds.max() <= duration <= DAY:
        return 0.0  # they count from it, however slow the pictures before the first body were
    return max(0.0, float(seconds.min()) - before)


def read_poses(path: Path) -> Iterator[PoseRecording]:
    """The recordings of one .npz file, or of all in a folder and its folders, by name.

    One of a folder that says no label has the name of the outermost folder it is in as label.
    Raises `InputError` for a folder without any and for a file that is something else.
    """
    files = pose_files(path) if path.is_dir() else [path]
    if not files:
        raise InputError(
            f"{path}: expected pose recordings (.npz files with picture, person, joints and rate),"
            " found none; `skedge live --record-poses` writes them"
        )
    for file in files:
        recording = _read(file, _name(file, path))
        label = recording.label or (outermost(file, path) if path.is_dir() else "")
        yield replace(recording, label=label or None)


def is_pose_recording(file: Path) -> bool:
    """Whether a file is an .npz of bodies with their pictures, rather than one of a clip."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except Exception:  # no .npz, or damage, which makes zipfile raise almost anything
        return False
    return {"picture", "person"} <= names


def pose_files(folder: Path) -> list[Path]:
    """The files below a folder that may be pose recordings, sorted."""
    return files_in(folder, "**/*", {".npz"})


def outermost(file: Path, folder: Path) -> str:
    """The name of the outermost folder below `folder` that a file is in, empty where there is
    none."""
    return next(iter(file.relative_to(folder).parts[:-1]), "")


def _name(file: Path, path: Path) -> str:
    """What the recording in a file is called: its path below the folder, without the suffix."""
    return file.stem if file == path else file.relative_to(path).with_suffix("").as_posix()


def _read(file: Path, name: str) -> PoseRecording:
    arrays = _arrays(file)
    missing = {"picture", "person", "joints", "rate"} - arrays.keys()
    if missing:
        raise InputError(
            f"{file}: expected a pose recording, got no {', '.join(sorted(missing))}; the format is"
            " described in docs/own-data.md"
        )
    layout = _layout(str(arrays["layout"]) if "layout" in arrays else LAYOUT, file)
    _check(arrays, layout, file)
    joints = np.asarray(arrays["joints"], np.float32)
    picture = arrays["picture"].astype(np.float64)  # of any kind of numbers, also unsigned ones
    rate = float(arrays["rate"])
    pictures = int(max(arrays.get("pictures", 0), picture.max(initial=-1) + 1))
    label = str(arrays["label"]) if "label" in arrays else ""
    if label and not is_label(label):
        raise InputError(
            f"{file}: expected a label of 1 to {LONGEST_LABEL} printable characters, got"
            f" {label[:40]!r}"
        )
    person = arrays["person"]
    seconds = np.asarray(arrays.get("seconds", picture / rate), np.float64)
    duration = float(arrays.get("duration", 0.0))
    begin = _begin(seconds, picture, rate=rate, duration=duration)
    if duration > seconds.max(initial=0.0):
        duration -= begin  # an end by the same clock
    if "duration" not in arrays:
        duration = pictures / rate
    seconds = seconds - begin
    pixels = arrays.get("pixels", np.full((*joints.shape[:2], 2), np.nan))
    return PoseRecording(
        name,
        label or None,
        layout,
        picture=np.asarray(picture, np.int64),
        seconds=seconds,
        person=person,
        whole=np.asarray(arrays.get("whole", np.ones(len(picture))), bool),
        touching=_touching(picture, person, seconds, pixels=pixels, layout=layout),
        joints=joints,
        duration=max(duration, _end(seconds, rate)),
        rate=rate,
        pictures=pictures,
        made_of=_origin(str(arrays.get("made_of", ""))),
    )


def _check(arrays: dict[str, np.ndarray], layout: Layout, file: Path) -> None:
    """Raises `InputError` for arrays of another shape or kind than a recording has, and for times
    that cannot be."""
    _check_shapes(arrays, layout, file)
    _check_numbers(arrays, file)
    _check_order(arrays, file)
    _check_rate(arrays, file)
    _check_unit(arrays, file)


def _check_shapes(arrays: dict[str, np.ndarray], layout: Layout, file: Path) -> None:
    picture, person, joints = (arrays[name] for name in ("picture", "person", "joints"))
    body = (picture.size, len(layout))
    if picture.ndim != 1 or person.shape != picture.shape or joints.shape != (*body, 3):
        raise InputError(
            f"{file}: expected picture and person (N,) and joints (N, {len(layout)}, 3), got"
            f" {picture.shape}, {person.shape} and {joints.shape}"
        )
    shapes = {"whole": body[:1], "seconds": body[:1], "pixels": (*body, 2)}
    for name, shape in {**shapes, "rate": (), "pictures": (), "duration": ()}.items():
        if name in arrays and arrays[name].shape != shape:
            raise InputError(f"{file}: expected {name} {shape}, got {arrays[name].shape}")


def _check_numbers(arrays: dict[str, np.ndarray], file: Path) -> None:
    known = "picture person joints whole seconds pixels rate pictures duration"
    for name in known.split():
        if name in arrays and arrays[name].dtype.kind not in "biuf":
            raise InputError(f"{file}: expected numbers as {name}, got {arrays[name].dtype}")
    if not np.isfinite(arrays["person"]).all():
        raise InputError(f"{file}: expected numbers as person, got NaN")
    for name in ("picture", "seconds", "pictures", "duration"):
        if name in arrays and not (np.isfinite(arrays[name]) & (arrays[name] >= 0)).all():
            raise InputError(f"{file}: expected {name} from 0, got negative numbers or NaN")
    if (latest := arrays["picture"].max(initial=0)) >= LATEST:
        raise InputError(f"{file}: expected numbers of pictures as picture, got {latest:g}")


def _check_order(arrays: dict[str, np.ndarray], file: Path) -> None:
    for name in ("picture", "seconds"):
        who, steps = _steps(arrays, name)
        if (steps < 0).any():
            raise InputError(
                f"{file}: expected {name} of each person in the order of time, got a step back of"
                f" person {who[steps < 0][0]}"
            )
    who, steps = _steps(arrays, "picture")
    if (steps == 0).any():
        raise InputError(
            f"{file}: expected every person once in a picture, got two bodies of person"
            f" {who[steps == 0][0]} in one; give every body in it a number of its own"
        )


def _steps(arrays: dict[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    """The persons of all steps from a person's body to the next one, and how large they are in what
    is called `name`; none where that is not given."""
    person = arrays["person"]
    order = np.argsort(person, kind="stable")
    same = np.diff(person[order]) == 0
    steps = np.diff(arrays[name][order].astype(float))[same] if name in arrays else np.empty(0)
    return person[order][1:][same], steps


def _check_rate(arrays: dict[str, np.ndarray], file: Path) -> None:
    rate = float(arrays["rate"])
    slowest = 0.0 if "seconds" in arrays else SLOWEST
    if not (slowest <= rate <= FASTEST and rate):
        raise InputError(
            f"{file}: expected a rate of {SLOWEST:g} to {FASTEST:g} pictures per second, got"
            f" {rate:g}{': seconds from picture to picture?' if 0 < rate < SLOWEST else ''}"
        )


def _check_unit(arrays: dict[str, np.ndarray], file: Path) -> None:
    # What lasts as long as its seconds say is of one unit, however slow its pictures came.
    if "seconds" not in arrays or arrays["seconds"].max(initial=0) <= arrays.get("duration", 0):
        return
    rate = float(arrays["rate"])
    (_, pictures), (_, seconds) = _steps(arrays, "picture"), _steps(arrays, "seconds")
    forward = pictures > 0
    each = np.median(seconds[forward] / pictures[forward]) if forward.any() else 0.0
    if each > FAR / rate:
        raise InputError(
            f"{file}: expected seconds that go with the rate, {rate:g}, got {each:g} from"
            " picture to picture: are they milliseconds?"
        )


def _touching(
    picture: np.ndarray,
    person: np.ndarray,
    seconds: np.ndarray,
    *,
    pixels: np.ndarray,
    layout: Layout,
) -> np.ndarray:
    """Which bodies (N,) may be those of two people who touch."""
    places = trunks(np.asarray(pixels, np.float64), layout)
    found = np.zeros(len(picture), bool)
    touching = Touching()
    order = np.argsort(picture, kind="stable")
    numbers = person.tolist()
    last = -1
    for bodies in np.split(order, np.flatnonzero(np.diff(picture[order])) + 1):
        if not len(bodies):
            continue
        moment = float(seconds[bodies[0]])
        if picture[bodies[0]] > last + 1:
            touching.update({}, moment)  # nobody was in the pictures between
        last = picture[bodies[0]]
        both = touching.update({numbers[i]: places[i] for i in bodies}, moment)
        found[bodies] = [numbers[i] in both for i in bodies]
    return found


def _origin(text: str) -> Origin | None:
    try:
        return Origin(**parse_json(text))
    except (TypeError, ValueError):
        return None  # nobody said, or another program in its own way


def _layout(text: str, file: Path) -> Layout:
    if not text.startswith("{"):
        return load_layout(text)
    try:
        document = parse_json(text)
    except ValueError:
        raise InputError(f"{file}: expected a layout in JSON, got something else") from None
    return Layout.from_dict(document, str(file))


def _arrays(file: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST:
            raise InputError(
                f"{file}: expected a pose recording of at most {LARGEST // 2**20} MB of arrays, got"
                f" {size // 2**20}; record shorter ones"
            )
        with np.load(file, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except InputError:
        raise
    except Exception as error:  # damage makes zipfile, zlib and NumPy raise almost anything
        raise InputError(
            f"{file}: expected a pose recording (.npz), it cannot be read ({reason(error)})"
        ) from None
