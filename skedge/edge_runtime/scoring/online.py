"""An exported model on whole recordings, as a camera would bring them: do its events lie where the
actions are?"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from skedge.edge_runtime.events import QUIET, Event, stated
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.scoring.everyday import senseless
from skedge.edge_runtime.scoring.overlap import Found, Interval, distinct, match, ranked, score
from skedge.edge_runtime.scoring.predict import check_synonyms, trained_on, unknown_rate
from skedge.skeleton.errors import InputError
from skedge.skeleton.retarget import retarget
from skedge.skeleton.text import shortened

if TYPE_CHECKING:
    from skedge.datasets.store import Store


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
    protocol: str | None,
    part: Literal["train", "val", "test", "all"] = "test",
    least: float = 0.5,
    synonyms: dict[str, str] | None = None,
    track: Callable[[list[int]], Iterable[int]] = iter,
) -> OnlineReport:
    """Run every recording of one part of a store's protocol through `Recognizer.update`, and score
    its events.

    Every person is followed alone, or with as many others as the model sees together; one action
    seen on two of them counts once. An event is right about an interval with its label that it
    overlaps by `least` (intersection over union, above 0 to 1). Labels are matched by name, with
    `synonyms` the model's names of classes that the store calls otherwise. Left out are intervals
    of classes that the model does not know, and of those that say that nothing happens (`QUIET`).

    Raises `InputError` for a store of clips, an unknown or empty part, no class in common, and
    joints that cannot be retargeted.
    """
    if not 0 < least <= 1:
        raise InputError(f"--overlap: expected a share above 0 up to 1, got {least}")
    chosen = (
        list(range(len(store)))
        if part == "all" or protocol is None
        else [int(i) for i in store.split(protocol, part)]
    )
    own = store.intervals[np.isin(store.intervals["clip"], chosen)]
    if len(own) == 0:
        raise InputError(
            f"{store.path}: expected recordings with labelled intervals in {part} of protocol"
            f" {protocol!r}, got clips; `skedge data import pku-mmd --continuous` and `skedge data"
            " synth --continuous` make them"
        )
    check_synonyms(synonyms or {}, recognizer, store)
    names = [(synonyms or {}).get(name, name) for name in store.labels]
    rate = store.frame_rate
    every = [
        Interval(int(i), names[label], start / rate, end=end / rate)
        for i, label, start, end in own.tolist()
    ]
    intervals = [one for one in every if one.label in recognizer.labels and one.label not in QUIET]
    if not intervals:
        raise InputError(
            f"{store.path}: expected intervals of the model's classes"
            f" ({shortened(recognizer.labels)}), got none in {part} of protocol {protocol!r}"
            f" (classes: {shortened(store.labels)}); give the model's names of these with"
            " --synonyms, or choose a model trained on them"
        )
    problems: dict[str, str] = {}
    found = []
    for i in track(chosen):
        own_events, problem = _found(recognizer, store, i, rate=rate)
        found += distinct(own_events, least)
        if problem:
            problems[str(store.index["name"][i])] = problem
    figures = {
        **score(found, intervals, least),
        "overlap": least,
        "recordings": len(chosen),
        "seconds": round(float(store.index["frames"][chosen].sum() / rate), 1),
        "threshold": _setting(recognizer.labels, map(stated, recognizer.rules.thresholds.tolist())),
        "patience": _setting(recognizer.labels, recognizer.rules.patience.tolist()),
        "lasting": dict(recognizer.rules.lasting),
        "debounce": recognizer.rules.debounce,
        "hop": recognizer.hop,
    }
    rows = [
        {
            "recording": str(store.index["name"][one.recording]),
            **_document(one),
            "right": its is not None,
        }
        for one, its in zip(ranked(found), match(found, intervals, least), strict=True)
    ]
    notes = [
        *_notes(recognizer, store, every, intervals=intervals),
        *trained_on(recognizer, store, chosen),
    ]
    return OnlineReport(figures, rows, (*notes, *senseless(problems, len(chosen))))


def watch(recognizer: Recognizer, joints: np.ndarray, rate: float) -> tuple[list[Event], str]:
    """All events, begun and ended, of a recording (M, T, V, 3) in the model's layout, as a camera
    of `rate` frames a second would bring them, and what makes no sense about somebody's body at the
    end, empty where nothing does.

    Every person is followed alone, or with as many others as the model sees together. What the
    recognizer remembers of anybody is forgotten.
    """
    together = recognizer.metadata.persons
    recognizer.reset()
    events: list[Event] = []
    problems: dict[int, str] = {}
    for number in range(joints.shape[1]):
        for first in range(0, len(joints), together):
            scene = joints[first : first + together, number]
            result = recognizer.update(scene, number / rate, person=first)
            events += result.events
            problems[first] = result.problem
    events += recognizer.end_events()
    recognizer.reset()
    return events, next(filter(None, problems.values()), "")


def _found(recognizer: Recognizer, store: "Store", i: int, rate: float) -> tuple[list[Found], str]:
    """The events of one recording; `announced` is when they began to be told."""
    joints = retarget(store.clip(i), store.layout, recognizer.metadata.layout)
    events, problem = watch(recognizer, joints, rate)
    began = {(one.person, one.label, one.start): one.announced for one in events if not one.ended}
    found = [
        Found(
            i,
            label=one.label,
            start=one.start,
            end=one.end,
            score=one.confidence,
            announced=began[one.person, one.label, one.start],
        )
        for one in events
        if one.end is not None
    ]
    return found, problem


def _setting(labels: tuple[str, ...], values: Iterable[float | None]) -> Any:
    """A setting of the classes that can be events, as JSON: one number where all have the same."""
    own = {label: value for label, value in zip(labels, values, strict=True) if label not in QUIET}
    return next(iter(own.values())) if len(set(own.values())) == 1 else own


def _document(one: Found) -> dict[str, Any]:
    times = {name: round(getattr(one, name), 3) for name in ("start", "end", "announced")}
    return {"label": one.label, "confidence": round(one.score, 4), **times}


def _notes(
    recognizer: Recognizer, store: "Store", every: list[Interval], intervals: list[Interval]
) -> Iterable[str]:
    yield from recognizer.notes
    if len(intervals) < len(every):
        unknown = shortened(sorted({one.label for one in every} - {one.label for one in intervals}))
        yield (
            f"{len(every) - len(intervals)} of {len(every)} intervals left out, of classes that the"
            f" model does not know or that mean nothing ({unknown}); an event in them still counts"
            " as false"
        )
    if store.layout.joints != recognizer.metadata.layout.joints:
        yield f"joints retargeted from {store.layout.name} to {recognizer.metadata.layout.name}"
    yield from unknown_rate(store)
