"""The everyday measure of a model in front of a camera: recall, false events per hour and delay of
its events, and what another threshold would change.

The figures are those a user meets. *Recall* is the share of performances for which an event with
the right label appears. *False events per hour* are events that fit no labelled performance, per
hour in view. Classes in `skedge.edge_runtime.events.QUIET` are never events.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

import numpy as np

from skedge.datasets.poses import DAY, read_poses
from skedge.datasets.store import Store
from skedge.edge_runtime.events import NEVER, QUIET, Event, EventDetector, EventRules
from skedge.edge_runtime.recognizer import AWAY, Recognizer
from skedge.skeleton.errors import InputError
from skedge.skeleton.hanging import leg_joints
from skedge.skeleton.layout import Layout
from skedge.skeleton.prepare import seen
from skedge.skeleton.retarget import retarget
from skedge.skeleton.text import counted

Part = Literal["all", "train", "val", "test"]
UNLABELLED = "recordings without a label"
# Seconds that a recording may last: what says that it lasts for years would have no false events an
# hour.
LONGEST = 31 * DAY
# Thresholds among which one is looked for that keeps an action quiet, and the least hours of other
# movement for that.
LEAST = 1 / 60
RAISED = (0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, NEVER)
THRESHOLDS = (*np.round(np.arange(0.2, 0.95, 0.05), 2).tolist(), 0.95, 0.97, 0.98, 0.99, 0.995)
# What public datasets and people call the actions of the model that comes with skedge.
SYNONYMS = {
    "boxing": "punch",
    "forward punch": "punch",
    "side boxing": "punch",
    "forward kick": "kick",
    "side kick": "kick",
    "sidekick": "kick",
    "high throw": "throw",
    "hand clap": "clap",
    "clap hands": "clap",
    "high arm wave": "wave",
    "two hand wave": "wave",
    "wave hands": "wave",
    "wave-both-hands": "wave",
    "wave-left-hand": "wave",
    "wave-right-hand": "wave",
    "bye": "wave",
    "byebye": "wave",
    "bend": "bow",
    "sit": "sit down",
    "stand to sit": "sit down",
    "sit to stand": "stand up",
    "raise-up-both-hands": "raise both arms",
}


class Track(NamedTuple):
    """One person: `joints` (T, V, 3) in metres at `seconds` (T,)."""

    seconds: np.ndarray
    joints: np.ndarray


class Span(NamedTuple):
    """A performance of `label`, in seconds since the recording began."""

    label: str
    start: float
    end: float


@dataclass(frozen=True, eq=False)
class Recording:
    """People in view of one camera for `duration` seconds, and the performances in it.

    `kind` is what is done in it as its owner calls it; `layout` names the joints. `off` are the
    seconds in between in which no pictures came, which `duration` leaves out.
    """

    name: str
    kind: str
    layout: Layout
    people: tuple[Track, ...]
    spans: tuple[Span, ...]
    duration: float
    off: float = 0.0


class Answers(NamedTuple):
    """What a model said about one person: `probabilities` (T, K) at `seconds` (T,), when the person
    came into view, what makes no sense about the body at the end, empty where nothing does, and
    from when to when in between the person was away, in seconds."""

    seconds: np.ndarray
    probabilities: np.ndarray
    earliest: float
    problem: str = ""
    absences: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Watched:
    """A recording and the answers about its people."""

    recording: Recording
    people: tuple[Answers, ...]


@dataclass(frozen=True, eq=False)
class Moment:
    """An event of `label` in a recording, from `start` to `end` in seconds since it began, that is
    `right` or `false`, or a performance that was `missed`; `confidence` is an event's."""

    recording: Recording
    label: str
    outcome: Literal["right", "false", "missed"]
    start: float
    end: float | None
    confidence: float | None = None


@dataclass
class Tally:
    """What is counted over the recordings of one set; see `figures`.

    `right` are performances with their event, `raised` events that fit a performance, `wrong` false
    ones while one action is performed throughout (`performing` seconds), `idle` false ones in
    recordings without any performance (`other` seconds). `clips` are performances by one lone
    person, of which `answered` got an answer and `last` a right last one.
    """

    performances: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    false: Counter[tuple[str, str]] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)
    events: int = 0
    seconds: float = 0.0
    wrong: int = 0
    idle: int = 0
    performing: float = 0.0
    raised: int = 0
    other: float = 0.0
    clips: int = 0
    answered: int = 0
    last: int = 0


def read_recordings(
    path: Path,
    synonyms: Mapping[str, str],
    labels: Sequence[str],
    part: Part,
    protocol: str,
    touching: bool = False,
    upper: bool = True,
) -> Iterator[Recording]:
    """The recordings of a store, or of a file or folder of pose recordings, with the performances
    of `labels`.

    `part` is all, or train, val or test of the store's `protocol`. Bodies of pose recordings that
    may be those of two people are left out, but for a model that knows such (`touching`), and those
    without legs but for one that answers for them (`upper`). Raises `InputError` where `path` is
    neither, for an unknown part, and for a pose recording that lasts for more than a month.
    """
    if (path / "store.json").is_file():
        yield from _of_store(Store(path), synonyms, labels=labels, part=part, protocol=protocol)
    else:
        yield from _of_poses(path, synonyms, labels, touching=touching, upper=upper)


def read_for(
    recognizer: Recognizer,
    path: Path,
    synonyms: Mapping[str, str],
    *,
    labels: Sequence[str],
    part: Part = "all",
    protocol: str = "",
) -> Iterator[Recording]:
    """As `read_recordings`, with the bodies that the recognizer's model answers for."""
    return read_recordings(
        path,
        synonyms,
        labels=labels,
        part=part,
        protocol=protocol,
        touching=recognizer.metadata.touching,
        upper=bool(recognizer.metadata.upper_body),
    )


def _of_store(
    store: Store,
    synonyms: Mapping[str, str],
    labels: Sequence[str],
    part: Part,
    protocol: str,
) -> Iterator[Recording]:
    if part == "all":
        chosen: Iterable[int] = range(len(store))
    else:
        chosen = map(int, store.split(protocol, part))
    rate = store.frame_rate
    long = len(store.intervals) > 0
    for i in chosen:
        joints = store.clip(i)
        seconds = np.arange(joints.shape[1]) / rate
        duration = joints.shape[1] / rate
        kind = store.labels[store.index["label"][i]]
        own = store.intervals[store.intervals["clip"] == i] if long else ()
        spans = [
            Span(_named(store.labels[one["label"]], synonyms, labels), one["start"], one["end"])
            for one in own
        ]
        spans = [Span(one.label, one.start / rate, one.end / rate) for one in spans]
        if not long:
            spans = [Span(_named(kind, synonyms, labels), 0.0, duration)]
        yield Recording(
            str(store.index["name"][i]),
            kind="recording" if long else kind,
            layout=store.layout,
            people=tuple(Track(seconds, one) for one in joints),
            spans=tuple(one for one in spans if one.label in labels and one.label not in QUIET),
            duration=duration,
        )


def _of_poses(
    path: Path, synonyms: Mapping[str, str], labels: Sequence[str], touching: bool, upper: bool
) -> Iterator[Recording]:
    for film in read_poses(path):
        legs = leg_joints(film.layout)
        tracks = []
        for person in np.unique(film.person):
            own = (film.person == person) & film.whole & (touching | ~film.touching)
            if not upper:
                own &= seen(film.joints[:, legs]).any(axis=-1)
            if own.any():
                tracks.append(Track(film.seconds[own], film.joints[own]))
        label = _named(film.label or "", synonyms, labels)
        known = label in labels and label not in QUIET
        spans = (Span(label, 0.0, film.duration),) if known else ()
        kind = film.label or UNLABELLED
        off = film.off
        if film.duration - off > LONGEST:
            raise InputError(
                f"{film.name}: expected a pose recording of a month at most, got"
                f" {film.duration / DAY:.3g} days; its seconds, rate, pictures and duration say so"
            )
        yield Recording(
            film.name,
            kind=kind,
            layout=film.layout,
            people=tuple(tracks),
            spans=spans,
            duration=film.duration - off,
            off=off,
        )


def _named(label: str, synonyms: Mapping[str, str], labels: Sequence[str]) -> str:
    """The model's name of what somebody else calls `label`."""
    return label if label in labels else synonyms.get(label, label)


def watch(recognizer: Recognizer, recordings: Iterable[Recording]) -> Iterator[Watched]:
    """Every recording with the answers about its people, each alone, as a camera would bring them.

    Raises `InputError` for a model of several people and for joints that cannot be retargeted.
    """
    if recognizer.metadata.persons > 1:
        raise InputError(
            "expected a model that looks at one person, got one of"
            f" {recognizer.metadata.persons}; measure it with `skedge evaluate online`"
        )
    target = recognizer.metadata.layout
    for one in recordings:
        people = tuple(
            _answers(recognizer, Track(seconds, retarget(joints, one.layout, target)))
            for seconds, joints in one.people
        )
        yield Watched(replace(one, people=()), people)


def _answers(recognizer: Recognizer, track: Track) -> Answers:
    recognizer.reset()
    moments, answers, absences = [], [], []
    problem = ""
    last = np.inf
    for seconds, joints in zip(track.seconds.tolist(), track.joints, strict=True):
        if seen(joints).any():
            absences += [(last, seconds)] if seconds - last >= AWAY else []
            last = seconds
        result = recognizer.update(joints, seconds)
        problem = result.problem
        if result.fresh and result.probabilities is not None:
            moments.append(seconds)
            answers.append(result.probabilities)
    recognizer.reset()
    shape = (len(answers), len(recognizer.labels))
    stacked = np.array(answers, np.float32).reshape(shape)
    return Answers(
        np.array(moments),
        stacked,
        float(track.seconds[0]),
        problem=problem,
        absences=tuple(absences),
    )


def unlabelled(recordings: Iterable[Recording]) -> tuple[str, ...]:
    """A sentence about recordings of which nobody said what is done in them, else none."""
    number = sum(one.kind == UNLABELLED for one in recordings)
    if not number:
        return ()
    return (
        f"{UNLABELLED}: {number}; whatever is done in them, their events count as false; in a"
        " folder for each label they have one",
    )


def interrupted(recordings: Iterable[Recording]) -> tuple[str, ...]:
    """A sentence about recordings in which no pictures came for a while, else none."""
    found = [one for one in recordings if one.off]
    if not found:
        return ()
    return (
        f"{counted(len(found), 'recording')} with stretches without pictures, such as"
        f" {found[0].name}: {sum(one.off for one in found) / 3600:.3g} hours in all, which are no"
        " time in view",
    )


def senseless(problems: Mapping[str, str], recordings: int) -> tuple[str, ...]:
    """A sentence about how many of the recordings have bodies that get no answer, none where all
    is well; `problems` are theirs by the recording's name."""
    if not problems:
        return ()
    name, problem = next(iter(problems.items()))
    return (
        f"{len(problems)} of {recordings} recordings have bodies that make no sense and get no"
        f" answer, such as {name}: {problem}",
    )


def count(watched: Iterable[Watched], rules: EventRules) -> Tally:
    """What the events by `rules` come to over the recordings of one set."""
    tally = Tally()
    for one in watched:
        _count_one(tally, one, rules)
    return tally


def happened(watched: Iterable[Watched], rules: EventRules) -> Iterator[Moment]:
    """Every event by `rules`, and every performance without one, recording by recording in the
    order of time."""
    for one in watched:
        matched = _matched(one, rules)
        raised = {span for _, fits in matched for span in fits}
        moments = [
            Moment(
                one.recording,
                label=event.label,
                outcome="right" if fits else "false",
                start=event.start,
                end=event.end,
                confidence=event.confidence,
            )
            for event, fits in matched
        ]
        moments += [
            Moment(one.recording, span.label, outcome="missed", start=span.start, end=span.end)
            for span in one.recording.spans
            if span not in raised
        ]
        yield from sorted(moments, key=lambda moment: moment.start)


def _matched(watched: Watched, rules: EventRules) -> list[tuple[Event, list[Span]]]:
    """The events of a recording as they were announced, each with the performances that it fits."""
    events = sorted(
        (event for one in watched.people for event in _events(rules, one)),
        key=lambda event: event.announced,
    )
    matched = []
    for event in events:
        assert event.end is not None
        fits = [
            span
            for span in watched.recording.spans
            if span.label == event.label and span.start < event.end and event.start < span.end
        ]
        matched.append((event, fits))
    return matched


def _count_one(tally: Tally, watched: Watched, rules: EventRules) -> None:
    recording = watched.recording
    matched = _matched(watched, rules)
    tally.events += len(matched)
    tally.seconds += recording.duration
    spans = recording.spans
    whole = len(spans) == 1 and spans[0].start <= 0 and spans[0].end >= recording.duration
    hit: dict[Span, float] = {}
    for event, fits in matched:
        if fits:
            tally.raised += 1
            for span in fits:
                hit.setdefault(span, event.announced - span.start)
        else:
            tally.false[recording.kind, event.label] += 1
            tally.wrong += whole
            tally.idle += not spans
    for span in spans:
        tally.performances[span.label] += 1
        tally.right[span.label] += span in hit
    tally.delays += hit.values()
    if whole:
        tally.performing += recording.duration
    elif not spans:
        tally.other += recording.duration
    if whole and len(watched.people) == 1:
        (answers,) = watched.people
        tally.clips += 1
        if len(answers.seconds):
            tally.answered += 1
            label = rules.labels[int(answers.probabilities[-1].argmax())]
            tally.last += label == spans[0].label


def _events(rules: EventRules, answers: Answers) -> Iterator[Event]:
    """The events about one person, all ended, `announced` when they began."""
    detector = EventDetector(rules)
    begun: dict[str, float] = {}
    away = max(rules.debounce, AWAY)
    absences = [(begin, end) for begin, end in answers.absences if end - begin >= away]
    for moment, probabilities in zip(answers.seconds.tolist(), answers.probabilities, strict=True):
        while absences and absences[0][1] <= moment:
            for event in detector.finish(absences.pop(0)[0] + away):
                yield replace(event, announced=begun.pop(event.label))
        for event in detector.update(probabilities, moment, answers.earliest):
            if event.ended:
                yield replace(event, announced=begun.pop(event.label))
            else:
                begun[event.label] = event.announced
    for event in detector.finish():
        yield replace(event, announced=begun.pop(event.label))


def figures(tally: Tally) -> dict[str, Any]:
    """A tally as plain JSON types; a figure that there is nothing for is None.

    Shares are in percent. `wrong_per_minute` counts events of another label while one action is
    performed throughout, `false_per_hour_of_other_movement` all events where nothing that the model
    knows is done, `false_per_hour` both, over all time in view; `last_answer` compares the last
    answer about a lone person with what is done.
    """
    performances = sum(tally.performances.values())
    return {
        "performances": performances,
        "recall": _share(sum(tally.right.values()), performances),
        "precision": _share(tally.raised, tally.events),
        "wrong_per_minute": _per(tally.wrong, tally.performing / 60),
        "false_per_hour_of_other_movement": _per(tally.idle, tally.other / 3600),
        "false_per_hour": _per(sum(tally.false.values()), tally.seconds / 3600),
        "hours": round(tally.seconds / 3600, 4),
        "hours_of_other_movement": round(tally.other / 3600, 4),
        "delay": round(median(tally.delays), 3) if tally.delays else None,
        "last_answer": _share(tally.last, tally.clips),
        "answered": _share(tally.answered, tally.clips),
        "recall_per_class": {
            label: {"performances": number, "right": tally.right[label]}
            for label, number in sorted(tally.performances.items())
        },
        "false_events": [
            {"in": kind, "event": label, "number": number}
            for (kind, label), number in sorted(tally.false.items(), key=lambda one: (-one[1], one))
        ],
    }


def _share(part: float, whole: float) -> float | None:
    return round(100 * part / whole, 2) if whole else None


def _per(number: float, units: float) -> float | None:
    return round(number / units, 3) if units else None


def curve(watched: Sequence[Watched], rules: EventRules) -> list[dict[str, Any]]:
    """Recall and false events per hour with the same threshold for all classes, for each of
    `THRESHOLDS`; nothing begins by lasting."""
    points = []
    for threshold in THRESHOLDS:
        same = replace(rules, thresholds=np.full(len(rules.labels), threshold), lasting={})
        found = figures(count(watched, same))
        kept = ("recall", "false_per_hour", "false_per_hour_of_other_movement", "wrong_per_minute")
        points.append({"threshold": threshold, **{name: found[name] for name in kept}})
    return points


def quieter(watched: Sequence[Watched], rules: EventRules, most: float) -> dict[str, float]:
    """The thresholds of the actions that raise more than `most` false events an hour of other
    movement, each the least of `RAISED` at which it no longer does; of less than a minute of it
    none."""
    other = [one for one in watched if not one.recording.spans]
    hours = sum(one.recording.duration for one in other) / 3600
    if hours < LEAST:
        return {}
    own = dict(zip(rules.labels, rules.thresholds.tolist(), strict=True))
    found: dict[str, float] = {}
    for threshold in RAISED:
        false: Counter[str] = Counter()
        for (_, label), number in count(other, rules.with_thresholds(found)).false.items():
            false[label] += number
        for label, number in sorted(false.items()):
            if number > most * hours and threshold > own[label]:
                found[label] = threshold
    return found
