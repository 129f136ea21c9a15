"""An exported model on whole recordings, as a camera would bring them: do its events lie where the
actions are?"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from skedge.edge_runtime.events import Event
from skedge.edge_runtime.recognizer import Recognizer, Result
from skedge.edge_runtime.scoring.overlap import Found, Interval, distinct, match, ranked, score
from skedge.edge_runtime.scoring.predict import RATE
from skedge.edge_runtime.window import READY
from skedge.skeleton.errors import InputError
from skedge.skeleton.metadata import ModelMetadata
from skedge.skeleton.retarget import retarget

if TYPE_CHECKING:
    from skedge.datasets.store import Store

IDLE = "idle"


@dataclass
class _Going:
    """An event, the time of the first answer of the row that made it, and of the last one while it
    goes on."""

    event: Event
    since: float
    last: float


class Follower:
    """Follows one person's answers from an event to where the action ends: an `Event` is announced
    while it goes on.

    In training every clip shows the model as much of its action as an answer waits for (half a
    window, or the warm-up), and a window's class changes where the new action fills that much of
    it. So an answer is about the moment that long before it, and an event lasts from what the first
    answer of its row is about to what the last one is about. It goes on as
    `skedge.edge_runtime.events.EventDetector` says, by the same threshold and debounce.
    """

    def __init__(self, recognizer: Recognizer) -> None:
        self._threshold, self._debounce = recognizer.threshold, recognizer.debounce
        self._lag = _lag(recognizer.metadata)
        self._label: str | None = None
        self._since = 0.0
        self._goes_on = False
        self._open: dict[str, _Going] = {}
        self._all: list[_Going] = []

    def take(self, result: Result) -> None:
        """The answer to the next frame."""
        if not result.fresh or result.seconds is None:
            self._label = self._label if result.ready else None
            return
        if result.label is None or result.confidence < self._threshold:
            self._label = None
            return
        label, moment = result.label, result.seconds
        if label != self._label:
            self._label, self._since = label, moment
            self._goes_on = label in self._open and moment - self._open[label].last < self._debounce
        if result.event is not None:
            self._goes_on = True
            self._open[label] = _Going(result.event, self._since, moment)
            self._all.append(self._open[label])
        elif self._goes_on:
            self._open[label].last = moment

    def found(self, recording: int) -> list[Found]:
        """All events so far."""
        every = []
        for one in self._all:
            event, lag = one.event, min(self._lag, one.since - one.event.start)
            every.append(
                Found(
                    recording,
                    event.label,
                    one.since - lag,
                    one.last - lag,
                    event.confidence,
                    event.end,
                )
            )
        return every


def _lag(metadata: ModelMetadata) -> float:
    """How long before an answer that lies which it is about, in seconds."""
    if metadata.hz is None:
        return READY * metadata.seconds
    return (
        metadata.warm_up + (metadata.streaming.delay if metadata.streaming else 0)
    ) / metadata.hz


@dataclass(frozen=True, eq=False)
class OnlineReport:
    """`figures` as `skedge.edge_runtime.scoring.overlap.score` gives them, with what they were
    measured on; `notes` what to know about it.

    `events` are all events as JSON documents, the surest first.
    """

    figures: dict[str, Any]
    events: list[dict[str, Any]]
    notes: tuple[str, ...]


def evaluate_online(
    recognizer: Recognizer,
    store: "Store",
    protocol: str,
    part: Literal["train", "val", "test"] = "test",
    least: float = 0.5,
    synonyms: dict[str, str] | None = None,
    track: Callable[[list[int]], Iterable[int]] = iter,
) -> OnlineReport:
    """Run every recording of one part of a store's protocol through `Recognizer.update`, and score
    its events.

    Every person is followed alone, or with as many others as the model sees together; one action
    seen on two of them counts once. An event is right about an interval with its label that it
    overlaps by `least` (intersection over union, above 0 to 1). Events of the class `IDLE` say that
    nothing happens and are none. Labels are matched by name, with `synonyms` the model's names of
    classes that the store calls otherwise; intervals of classes that the model does not know are
    left out.

    Raises `InputError` for a store of clips, an unknown or empty part, no class in common, and
    joints that cannot be retargeted.
    """
    if not 0 < least <= 1:
        raise InputError(f"--overlap: expected a share above 0 up to 1, got {least}")
    chosen = [int(i) for i in store.split(protocol, part)]
    own = store.intervals[np.isin(store.intervals["clip"], chosen)]
    if len(own) == 0:
        raise InputError(
            f"{store.path}: expected recordings with labelled intervals in {part} of protocol"
            f" {protocol!r}, got clips; `skedge data import pku-mmd --continuous` and `skedge data"
            " synth --continuous` make them"
        )
    for label in synonyms or {}:
        store.class_index(label)
    names, rate = [(synonyms or {}).get(name, name) for name in store.labels], store.rate or RATE
    every = [
        Interval(int(i), names[label], start / rate, end / rate)
        for i, label, start, end in own.tolist()
    ]
    intervals = [one for one in every if one.label in recognizer.labels and one.label != IDLE]
    if not intervals:
        raise InputError(
            f"{store.path}: expected intervals of the model's classes"
            f" ({', '.join(recognizer.labels)}), got none in {part} of protocol {protocol!r}"
            f" (classes: {', '.join(store.labels)}); choose a model trained on these"
        )
    found = [
        one for i in track(chosen) for one in distinct(_events(recognizer, store, i, rate), least)
    ]
    figures = {
        **score(found, intervals, least),
        "overlap": least,
        "recordings": len(chosen),
        "seconds": round(float(store.index["frames"][chosen].sum() / rate), 1),
        **{
            name: getattr(recognizer, name) for name in ("threshold", "patience", "debounce", "hop")
        },
    }
    rows = [
        {
            "recording": str(store.index["name"][one.recording]),
            **_document(one),
            "right": its is not None,
        }
        for one, its in zip(ranked(found), match(found, intervals, least), strict=True)
    ]
    return OnlineReport(figures, rows, tuple(_notes(recognizer, store, every, intervals)))


def _events(recognizer: Recognizer, store: "Store", i: int, rate: float) -> list[Found]:
    """The events of one recording, nothing of another being remembered."""
    target, together = recognizer.metadata.layout, recognizer.metadata.persons
    joints = store.clip(i)
    if store.layout.joints != target.joints:
        joints = retarget(joints, store.layout, target)
    followers = {first: Follower(recognizer) for first in range(0, len(joints), together)}
    recognizer.reset()
    for number in range(joints.shape[1]):
        for first, follower in followers.items():
            frame = joints[first : first + together, number]
            follower.take(recognizer.update(frame, number / rate, person=first))
    recognizer.reset()
    return [
        one for follower in followers.values() for one in follower.found(i) if one.label != IDLE
    ]


def _document(one: Found) -> dict[str, Any]:
    times = {name: round(getattr(one, name), 3) for name in ("start", "end", "announced")}
    return {"label": one.label, "confidence": round(one.score, 4), **times}


def _notes(
    recognizer: Recognizer, store: "Store", every: list[Interval], intervals: list[Interval]
) -> Iterable[str]:
    if len(intervals) < len(every):
        unknown = ", ".join(sorted({one.label for one in every} - {one.label for one in intervals}))
        yield (
            f"{len(every) - len(intervals)} of {len(every)} intervals left out, of classes that the"
            f" model does not know or that mean nothing ({unknown}); an event in them still counts"
            " as false"
        )
    if store.layout.joints != recognizer.metadata.layout.joints:
        yield f"joints retargeted from {store.layout.name} to {recognizer.metadata.layout.name}"
    if store.rate is None:
        yield f"the store does not know its frame rate: {RATE:g} Hz assumed"
