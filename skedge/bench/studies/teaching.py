"""Actions taught to a model from a few clips: recall and false events on other people.

`python -m skedge.bench.studies.teaching MODEL STORE --new knock bowling` teaches five training
clips of each of these classes, with other training clips as anything else, and prints what `skedge
teach` predicts beside what the test clips of the store's protocol give: the share of their clips
that raise the event, and false events per hour of the other classes' clips. `--again wave clap`
teaches actions that the model knows, and prints what it did before.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from skedge.bench.studies.command import one_line, parser_of
from skedge.datasets.store import Store
from skedge.edge_runtime.events import EventRules
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.scoring.everyday import SYNONYMS
from skedge.edge_runtime.teach import PACES, Taught, events_of, play, teach_clips
from skedge.skeleton.errors import InputError
from skedge.skeleton.markdown import table

Row = dict[str, float]


def measure(recognizer: Recognizer, store: Store, how: argparse.Namespace) -> dict[str, Row]:
    """For each class in `how.new`, and each action of the model in `how.again` (all of the store's
    classes that are that action): `recall` (%) and `false` (per hour) as predicted and as measured,
    and what the model alone does.

    `how` has the `protocol`, the number of `clips` of each class, the `minutes` of anything else
    and the `seed` that chooses both, too. Raises `InputError` for a class with too few clips.
    """
    if not (how.new or how.again):
        raise InputError("expected classes to teach, got none; name them with --new or --again")
    if how.clips < 2:
        raise InputError(f"--clips: expected two of each class at the least, got {how.clips}")
    rng = np.random.default_rng(how.seed)
    groups = {label: [store.class_index(label)] for label in how.new}
    for label in how.again:
        names = (SYNONYMS.get(one, one) for one in store.labels)
        groups[label] = [number for number, name in enumerate(names) if name == label]
    every = np.concatenate([*groups.values()])
    kinds = store.index["label"]
    train, test = (store.split(how.protocol, part) for part in ("train", "test"))
    clips = {}
    for label, numbers in groups.items():
        pool = train[np.isin(kinds[train], numbers)]
        if len(pool) < how.clips:
            raise InputError(f"{store.path}: expected {how.clips} clips of {label!r} to teach")
        clips[label] = [
            [play(recognizer, store, int(i), *pace) for pace in PACES]
            for i in rng.choice(pool, how.clips, replace=False)
        ]
    rest = rng.permutation(train[~np.isin(kinds[train], every)])
    lengths = store.index["frames"][rest].cumsum() / store.frame_rate
    rest = rest[: int(np.searchsorted(lengths, 60 * how.minutes)) + 1]
    if not how.minutes > 0 or len(rest) < 2:
        raise InputError(
            f"--minutes: expected two clips of anything else at the least, got {len(rest)} in"
            f" {how.minutes:g} minutes of {store.path}"
        )
    background = [play(recognizer, store, int(i)) for i in rest]
    taught, _ = teach_clips(recognizer, clips, background, seconds=_seconds(store, rest))
    before, after = _events(recognizer, taught, store, numbers=test)
    other = test[~np.isin(kinds[test], every)]
    hours = _seconds(store, other) / 3600
    rows = {}
    for label, numbers in groups.items():
        own = test[np.isin(kinds[test], numbers)]
        rows[label] = {"predicted recall": taught.report[label]["recall"]}
        for name, events in (("recall", after), ("recall before", before)):
            rows[label][name] = 100 * _mean([label in events[i] for i in own])
        rows[label]["predicted false"] = taught.report[label]["false_per_hour"]
        for name, events in (("false", after), ("false before", before)):
            rows[label][name] = sum(events[i].count(label) for i in other) / hours
    return rows


def _seconds(store: Store, numbers: np.ndarray) -> float:
    """How long the clips of these numbers are together."""
    return float(store.index["frames"][numbers].sum() / store.frame_rate)


def _events(
    recognizer: Recognizer, taught: Taught, store: Store, numbers: np.ndarray
) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """The labels of the events in each clip of these numbers, without what was taught and with
    it."""
    rules = EventRules.of(
        recognizer.metadata,
        recognizer.labels + taught.new,
        more={label: taught.thresholds[label] for label in taught.new},
    )
    before, after = {}, {}
    for i in map(int, numbers):
        clip = play(recognizer, store, i)
        before[i] = after[i] = events_of(recognizer.rules, clip)
        if len(clip.seconds):
            both = taught.combine(clip.probabilities, clip.embeddings, recognizer.metadata)
            after[i] = events_of(rules, replace(clip, probabilities=both))
    return before, after


def _mean(values: list[Any]) -> float:
    return float(np.mean(values)) if values else float("nan")


def markdown(found: dict[str, Row]) -> str:
    """A row for each class, and one of means."""
    first: Row = next(iter(found.values()))
    mean = {name: _mean([row[name] for row in found.values()]) for name in first}
    rows = [
        [label, *(f"{value:.0f}" for value in row.values())]
        for label, row in [*found.items(), ("mean", mean)]
    ]
    return table(["action", *first], rows)


def main() -> None:
    """Do what the arguments say and print the table."""
    parser = parser_of("teaching", __doc__)
    parser.add_argument("model", help="an exported model, or default")
    parser.add_argument("store", type=Path)
    parser.add_argument("--new", nargs="+", default=[], metavar="CLASS", help="of the store")
    parser.add_argument("--again", nargs="+", default=[], metavar="ACTION", help="of the model")
    parser.add_argument("--clips", type=int, default=5, help="clips of each new class")
    parser.add_argument("--minutes", type=float, default=5.0, help="minutes of anything else")
    parser.add_argument("--protocol", default="xsub")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with one_line(parser):
        recognizer = Recognizer.load(args.model, taught=False)
        recognizer.checks_bodies = False
        print(markdown(measure(recognizer, Store(args.store), args)))


if __name__ == "__main__":
    main()
