"""How often a movement was repeated, against what invented people did.

`python -m skedge.bench.studies.counting STORE` counts between the true start and end of every set
of five to twenty in the recordings of `skedge data synth --continuous`, and prints for each action
in how many sets the count is exact, and within one. With `--model` it is the model that says when
an action begins and ends: the counts of its events are compared with what is done during them, 0
where it raises none. Sets that one event covers are one set.

`python -m skedge.bench.studies.counting POSES --counts counts.csv` counts what the person who
is seen longest does in each pose recording, and compares it with a file that has a recording's name
and its number of repetitions on each line, with a comma between them. With `--model` it counts in
that model's events here too, those of everybody in view.
"""

import csv
import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skedge.bench.studies.command import one_line, parser_of
from skedge.datasets.poses import PoseRecording, read_poses
from skedge.datasets.store import Store
from skedge.edge_runtime.backends.backend import load_backend
from skedge.edge_runtime.events import QUIET
from skedge.edge_runtime.models import find
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.repetitions import LONGEST, Counter
from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import parse_json
from skedge.skeleton.markdown import table
from skedge.skeleton.retarget import retarget

FEWEST, MOST = 5, 20
# The count of an action between two moments, in seconds.
Tally = Callable[[str, float, float], int]


@dataclass(frozen=True)
class Set:
    """What somebody repeats between two moments, in seconds, how many `times`; of several that one
    event covers `largest` is the one with the most (0: it is alone)."""

    label: str
    start: float
    end: float
    times: int
    most: int = 0

    @property
    def largest(self) -> int:
        return self.most or self.times


def count(
    store: Store, fewest: int = FEWEST, most: int = MOST, recognizer: Recognizer | None = None
) -> dict[str, np.ndarray]:
    """By action, the true and the counted repetitions (sets, 2) of its sets in a store's
    recordings, -1 where nothing was counted; between true bounds, or in a recognizer's events.

    Raises `InputError` for a store that does not say how often something was done.
    """
    try:
        true = parse_json((store.path / "repetitions.json").read_bytes())
    except (OSError, ValueError):
        raise InputError(
            f"{store.path}: expected recordings with repetitions.json, as `skedge data synth"
            " --continuous` makes them"
        ) from None
    rate = store.frame_rate
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, name in enumerate(store.index["name"]):
        own = store.intervals[store.intervals["clip"] == number]
        if len(own) == 0:
            continue
        sets = [
            Set(store.labels[one["label"]], one["start"] / rate, one["end"] / rate, times=beats)
            for one, beats in zip(own, np.atleast_1d(true[str(name)]).tolist(), strict=True)
            if store.labels[one["label"]] not in QUIET
        ]
        if not any(fewest <= one.times <= most for one in sets):
            continue
        joints = store.clip(number)[0]
        if len(joints) > LONGEST * rate:
            raise InputError(f"{store.path}: expected recordings of {LONGEST:g} s at the most")
        bodies = [(body, frame / rate) for frame, body in enumerate(joints)]
        if recognizer is None:
            tally = _between(Counter(store.layout, _arms()), bodies)
            pairs = [(one, tally(one.label, one.start, one.end)) for one in sets]
        else:
            pairs = _in_events(sets, _events(recognizer, ((*one, 0) for one in bodies)))
        for one, counted in pairs:
            if fewest <= one.largest <= most:
                found[one.label].append((one.times, counted))
    return {label: np.array(rows) for label, rows in sorted(found.items())}


def count_poses(folder: Path, counts: Path, recognizer: Recognizer | None) -> dict[str, np.ndarray]:
    """By label, the true and the counted repetitions (films, 2) of the pose recordings that a file
    of counts names; as `count`.

    Raises `InputError` for a file of counts that cannot be read, and recordings that are not there.
    """
    try:
        with counts.open(encoding="utf-8", newline="") as file:
            true = {name.strip(): int(times) for name, times in csv.reader(file)}
    except (OSError, ValueError) as error:
        raise InputError(
            f"{counts}: expected a recording's name and a number a line, got: {reason(error)}"
        ) from None
    films = {film.name: film for film in read_poses(folder)}
    if absent := sorted(true.keys() - films.keys()):
        raise InputError(f"{counts}: expected recordings of {folder}, got {absent[0]}")
    arms = _arms()
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for name, times in true.items():
        film = films[name]
        label = film.label or ""
        tally = _alone(film, arms) if recognizer is None else _seen(recognizer, film)
        found[label].append((times, tally(label, -math.inf, math.inf)))
    return {label: np.array(rows) for label, rows in sorted(found.items())}


def _arms() -> tuple[str, ...]:
    """Which actions are done with the arms, the default model knows."""
    return load_backend(find("default")).metadata.upper_body


def _alone(film: PoseRecording, arms: tuple[str, ...]) -> Tally:
    """The counts of what the person does who is seen longest."""
    people, seen_in = np.unique(film.person, return_counts=True)
    own = film.person == people[seen_in.argmax()]
    return _between(
        Counter(film.layout, arms), zip(film.joints[own], film.seconds[own].tolist(), strict=True)
    )


def _seen(recognizer: Recognizer, film: PoseRecording) -> Tally:
    own = film.whole & (recognizer.metadata.touching | ~film.touching)
    joints = retarget(film.joints[own], film.layout, recognizer.metadata.layout)
    moments, people = film.seconds[own].tolist(), film.person[own].tolist()
    events = _events(recognizer, zip(joints, moments, people, strict=True))
    return lambda label, start, end: sum(one.times for one in events if one.label == label)


def _between(counter: Counter, bodies: Iterable[tuple[np.ndarray, float]]) -> Tally:
    """The counts of one person's bodies (V, 3), each with its moment."""
    for body, moment in bodies:
        counter.push(body, moment)

    def tally(label: str, start: float, end: float) -> int:
        counted = counter.count(start, end, label)
        return -1 if counted is None else counted

    return tally


def _events(recognizer: Recognizer, bodies: Iterable[tuple[np.ndarray, float, int]]) -> list[Set]:
    """The events of bodies (V, 3), each with its moment and whose it is, with their counts."""
    recognizer.reset()
    events = [
        event
        for body, moment, person in bodies
        for event in recognizer.update(body, moment, person).events
    ]
    events += recognizer.end_events()
    return [
        Set(event.label, event.start, event.end, times=event.repetitions or 0)
        for event in events
        if event.end is not None
    ]


def _in_events(sets: list[Set], events: list[Set]) -> list[tuple[Set, int]]:
    """Sets, those that one event covers as one, and the counts of the events that cover them."""
    found: list[tuple[Set, int]] = []
    for label in sorted({one.label for one in sets}):
        spans = [(one, True) for one in sets if one.label == label]
        spans += [(one, False) for one in events if one.label == label]
        end = -math.inf
        for one, true in sorted(spans, key=lambda span: span[0].start):
            if one.start >= end:
                found.append((Set(label, one.start, one.end, times=0), 0))
            end = max(end, one.end)
            whole, counted = found.pop()
            if true:
                most = max(whole.most, one.times)
                whole = Set(label, whole.start, end, times=whole.times + one.times, most=most)
            else:
                counted += one.times
            found.append((whole, counted))
    return [(one, counted) for one, counted in found if one.times]


def markdown(found: dict[str, np.ndarray]) -> str:
    """The shares of exact counts and of those within one, a row for each action and one for all."""
    rows = []
    for label, pairs in [*found.items(), ("all", np.concatenate([*found.values()]))]:
        off = np.abs(pairs[:, 0] - pairs[:, 1])
        shares = [f"{100 * (off <= most).mean():.0f} %" for most in (0, 1)]
        rows.append([label, str(len(pairs)), *shares])
    return table(["action", "sets", "exact", "within one"], rows)


def main() -> None:
    """Do what the arguments say and print the table."""
    parser = parser_of("counting", __doc__)
    parser.add_argument(
        "store", type=Path, help="recordings of `skedge data synth --continuous`, or of poses"
    )
    parser.add_argument("--fewest", type=int, default=FEWEST, help="repetitions in a set")
    parser.add_argument("--most", type=int, default=MOST)
    parser.add_argument("--model", help="count in the events of this model, or default")
    parser.add_argument("--counts", type=Path, help="how often it is done in each pose recording")
    args = parser.parse_args()
    with one_line(parser):
        recognizer = Recognizer.load(args.model, taught=False) if args.model else None
        found = (
            count_poses(args.store, args.counts, recognizer)
            if args.counts
            else count(Store(args.store), args.fewest, args.most, recognizer=recognizer)
        )
        if not found:
            raise InputError(
                f"{args.store}: expected sets of {args.fewest} to {args.most} repetitions, got none"
            )
        print(markdown(found))


if __name__ == "__main__":
    main()
