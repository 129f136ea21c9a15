"""What an exported model says about itself: one JSON document under the key `skedge` in the file's
metadata."""

import json
from dataclasses import asdict, dataclass, field, fields
from types import UnionType
from typing import Any, get_origin

from skedge.skeleton.errors import InputError
from skedge.skeleton.files import parse_json
from skedge.skeleton.layout import Layout

KEY = "skedge"
VERSION = 4

# More than any model of a small computer has: such numbers in a file would keep it busy for ever,
# or take all of its memory.
LARGEST = {"persons": 16, "frames": 3000, "warm_up": 3000, "hz": 240, "seconds": 600}
MOST_LABELS = 10_000
LONGEST_LABEL = 250
MOST_JOINTS = 300
MOST_STATES = 500
LONGEST_DOCUMENT = 4_000_000


@dataclass(frozen=True)
class Streaming:
    """How a streaming file is run: one frame in, one answer out, and what it remembers beside them.

    The file takes `joints` (persons, V, 3), one frame, and every state by its name in `states`; it
    gives the state to be put in next time under that name and `_next`. Every state is (rows, frames
    * width), oldest frame first, for the number of frames that `states` says. A person starts as if
    they had stood still in their first pose: from zeros, the first frame is run `settle` times, and
    after each the newest frame of every state is copied over its older ones. (The same comes of
    running the first frame as often as the window has frames.) Answers speak of `delay` frames ago.
    """

    states: dict[str, int]
    delay: int
    settle: int


@dataclass(frozen=True)
class ModelMetadata:
    """Everything the graph cannot hold.

    The file takes `joints` (persons, frames, V, 3) in metres, absent joints filled by the rule
    named `fill` (`skedge.skeleton.prepare.fill`), and gives `probabilities` (classes,) and
    `embedding` (features,). With `time` "stretched" any clip is stretched to `frames` frames;
    `seconds` is the median length of the training clips, the span that a live window covers. With
    "rate" the model sees `hz` frames a second and never another tempo; `seconds` is what `frames`
    then last, and an answer counts from `warm_up` frames of a person on. A `streaming` file takes
    these frames one by one. `precision` is fp32, fp16 (weights in half precision), dynamic (weights
    in int8) or int8 (activations too).

    Events (`skedge.edge_runtime.events`): `thresholds` and `patience` (answers in a row) by label,
    `lasting`, the seconds after which a label that lasts begins, too, and `lags`, how many seconds
    an action's `start` and `end` lie before its first and last answer; what is missing has a
    default. `upper_body` names the labels that the model recognises
    for people whose legs are out of view; without any it wants whole bodies.
    """

    labels: tuple[str, ...]
    layout: Layout
    persons: int
    frames: int
    seconds: float
    normalization: str
    streams: tuple[str, ...]
    parameters: int
    macs: int
    weights_sha256: str
    time: str = "stretched"
    hz: float | None = None
    warm_up: int = 1
    streaming: Streaming | None = None
    fill: str = "last-seen"
    precision: str = "fp32"
    thresholds: dict[str, float] = field(default_factory=dict)
    patience: dict[str, int] = field(default_factory=dict)
    lasting: dict[str, float] = field(default_factory=dict)
    lags: dict[str, float] = field(default_factory=dict)
    upper_body: tuple[str, ...] = ()
    accuracy: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    file_sha256: str | None = None

    @property
    def checksum(self) -> str:
        """What this file is known by, wherever it is copied to: twelve hexadecimal digits."""
        return (self.file_sha256 or self.weights_sha256)[:12]

    @property
    def touching(self) -> bool:
        """Whether it was trained on bodies that a pose estimator found in films, among them those
        of two people who touch (`skedge.skeleton.touching`); others are not asked about such."""
        return not {"films", "poses"}.isdisjoint(str(self.provenance.get("format")).split(", "))

    def to_json(self) -> str:
        document = {f.name: getattr(self, f.name) for f in fields(self)} | {
            "layout": self.layout.to_dict()
        }
        document["streaming"] = None if self.streaming is None else asdict(self.streaming)
        return json.dumps({"version": VERSION, **document})

    @classmethod
    def from_json(cls, text: str | None, source: str) -> "ModelMetadata":
        """Read the document; raises `InputError` naming `source` if there is none, it is damaged,
        or it is too new."""
        document = _document(text, source)
        try:
            layout = Layout.from_dict(document.pop("layout"), f"{source}: layout")
            for name in ("labels", "streams"):
                document[name] = tuple(document[name])
            document["upper_body"] = tuple(document.get("upper_body", ()))
            if document.get("streaming") is not None:
                document["streaming"] = Streaming(**document["streaming"])
            metadata = cls(layout=layout, **document)
            _check_kinds(metadata)
            _check_size(metadata)
            _check_values(metadata)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{source}: the {KEY!r} metadata is damaged ({error}); export it again"
            ) from None
        if metadata.time not in ("stretched", "rate") or metadata.fill != "last-seen":
            raise InputError(
                f"{source}: expected time 'stretched' or 'rate' and fill 'last-seen', got"
                f" {metadata.time!r} and {metadata.fill!r}; upgrade skedge"
            )
        return metadata


def _document(text: str | None, source: str) -> dict[str, Any]:
    """The document without its version; raises `InputError` for one that cannot be read, or is too
    new."""
    if text is None:
        raise InputError(
            f"{source}: expected a model made by `skedge export`, got one without {KEY!r}"
            " metadata; export it again"
        )
    try:
        if len(text) > LONGEST_DOCUMENT:
            raise ValueError("too long")
        document = dict(parse_json(text))
        version = int(document.pop("version"))
    except (KeyError, TypeError, ValueError, OverflowError):
        damage = "expected a JSON object with a version"
        raise InputError(
            f"{source}: the {KEY!r} metadata is damaged ({damage}); export it again"
        ) from None
    if version > VERSION:
        raise InputError(
            f"{source}: metadata version {version} is newer than this skedge reads ({VERSION});"
            " upgrade skedge"
        )
    return document


def _check_values(metadata: ModelMetadata) -> None:
    """Raise `ValueError` for values that cannot be, alone or beside each other."""
    if (
        metadata.persons < 1
        or metadata.frames < 1
        or not metadata.seconds > 0
        or not metadata.labels
    ):
        raise ValueError("persons, frames, seconds and labels must be positive in number")
    if not (
        {
            *metadata.thresholds,
            *metadata.patience,
            *metadata.lasting,
            *metadata.upper_body,
        }
        <= {*metadata.labels}
        and all(-60 < one < 60 for one in metadata.lags.values())
    ):
        raise ValueError(
            "thresholds, patience, lasting, lags and upper_body are of its labels, and possible"
        )
    check_beginnings(metadata.thresholds, metadata.patience, metadata.lasting)
    if len(set(metadata.labels)) < len(metadata.labels):
        raise ValueError("two labels are the same")
    if metadata.hz is not None and not metadata.hz > 0:
        raise ValueError(f"hz: expected frames a second above 0, got {metadata.hz}")
    if metadata.time == "rate" and (metadata.hz is None or metadata.warm_up < 1):
        raise ValueError("a model of fixed rate needs hz above 0 and a warm-up from 1 frame")
    if metadata.streaming is not None and (
        metadata.hz is None or min(metadata.streaming.states.values()) < 1
    ):
        raise ValueError("a streaming model needs hz and states of 1 frame at least")


def check_beginnings(
    thresholds: dict[str, float], patience: dict[str, int], lasting: dict[str, float]
) -> None:
    """Raise `ValueError` for what cannot begin an event (see `ModelMetadata`)."""
    most = LARGEST["seconds"]
    for name, values, fine, expected in (
        ("thresholds", thresholds, lambda one: 0 <= one <= 1, "probabilities from 0 to 1"),
        ("patience", patience, lambda one: one >= 1 and one % 1 == 0, "numbers of answers from 1"),
        ("lasting", lasting, lambda one: 0 < one <= most, f"seconds above 0, {most} at most"),
    ):
        for label, value in values.items():
            if not fine(value):
                raise ValueError(f"{name}: expected {expected}, got {value} of {label}")


def _check_kinds(metadata: ModelMetadata) -> None:
    """Raise `ValueError` for a field of another kind than it is declared as."""
    for one in fields(metadata):
        outer = get_origin(one.type)
        kind: Any = one.type if outer in (None, UnionType) else outer
        value = getattr(metadata, one.name)
        number = isinstance(value, int) and isinstance(0.0, kind)
        if not (isinstance(value, kind) or number):
            raise ValueError(f"{one.name} is {str(value)[:40]!r}")


def is_label(label: object) -> bool:
    """Whether a model's file may hold it as a label: 1 to 250 printable characters."""
    return isinstance(label, str) and 0 < len(label) <= LONGEST_LABEL and label.isprintable()


def _check_size(metadata: ModelMetadata) -> None:
    """Raise `ValueError` for numbers and names that no model has."""
    for name, most in LARGEST.items():
        value = getattr(metadata, name)
        if value is not None and not value <= most:
            raise ValueError(f"{name} is {value}, {most} at most")
    labels = metadata.labels
    if len(labels) > MOST_LABELS or len(metadata.layout) > MOST_JOINTS:
        raise ValueError(f"{len(labels)} labels and {len(metadata.layout)} joints")
    for label in (*labels, *metadata.layout.joints):
        if not is_label(label):
            raise ValueError(f"a label or joint called {str(label)[:40]!r}")
    streaming = metadata.streaming
    if streaming is not None:
        numbers = (streaming.settle, streaming.delay, *streaming.states.values())
        strange = [one for one in numbers if one not in range(LARGEST["frames"] + 1)]
        if strange or len(streaming.states) > MOST_STATES:
            wrong = f" of {str(strange[0])[:40]} frames" if strange else ""
            raise ValueError(f"{len(streaming.states)} states{wrong}")
