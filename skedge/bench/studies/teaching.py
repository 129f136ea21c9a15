"""Actions taught to a model from a few clips: recall and false events on other people.

`python -m skedge.bench.studies.teaching MODEL STORE --new knock bowling` teaches five training
clips of each of these classes, with other training clips as anything else, and prints what `skedge
teach` predicts beside what the test clips of the store's protocol give: the share of their clips
that raise the event, and false events per hour of the other classes' clips.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from skedge.datasets.store import Store
from skedge.edge_runtime.events import PATIENCE, EventRules, find_events
from skedge.edge_runtime.learning import hold_out, learn
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.teach import PACES, RATE, play, stretches
from skedge.skeleton.errors import InputError
from skedge.skeleton.markdown import table

Row = dict[str, float]


def measure(
    recognizer: Recognizer, store: Store, new: list[str], how: argparse.Namespace
) -> dict[str, Row]:
    """For each class of `new`: `recall` (%) and `false` (per hour) as predicted and as measured.

    `how` has the `protocol`, the number of `clips` of each class, the `minutes` of anything else
    and the `seed` that chooses both. Raises `InputError` for a class with too few clips.
    """
    rng = np.random.default_rng(how.seed)
    numbers = {label: store.class_index(label) for label in new}
    kinds = store.index["label"]
    rate = store.rate or RATE
    train, test = (store.split(how.protocol, part) for part in ("train", "test"))
    taught = {}
    for label, number in numbers.items():
        pool = train[kinds[train] == number]
        if len(pool) < how.clips:
            raise InputError(f"{store.path}: expected {how.clips} clips of {label!r} to teach")
        taught[label] = [
            [play(recognizer, store, int(i), *pace).embeddings for pace in PACES]
            for i in rng.choice(pool, how.clips, replace=False)
        ]
    rest = rng.permutation(train[~np.isin(kinds[train], [*numbers.values()])])
    lengths = store.index["frames"][rest].cumsum() / rate
    rest = rest[: int(np.searchsorted(lengths, 60 * how.minutes)) + 1]
    seconds = float(store.index["frames"][rest].sum() / rate)
    others = [part for i in rest for part in stretches(play(recognizer, store, int(i)).embeddings)]
    held = hold_out(taught, others, seconds, patience=PATIENCE)
    limits = {label: held.threshold(label) for label in new}
    found = learn(
        {label: [one for paces in clips for one in paces] for label, clips in taught.items()},
        others,
    )
    rules = EventRules.of(recognizer.metadata, recognizer.labels + found.labels, more=limits)
    events: dict[int, list[str]] = {}
    for i in test:
        clip = play(recognizer, store, int(i))
        if not len(clip.seconds):
            events[i] = []
            continue
        answers = found.combine(clip.probabilities, clip.embeddings)
        events[i] = [one.label for one in find_events(rules, answers, clip.seconds.tolist())]
    other = [i for i in test if kinds[i] not in numbers.values()]
    hours = float(store.index["frames"][other].sum() / rate) / 3600
    return {
        label: {
            "predicted recall": 100 * held.recall(label, limits[label]),
            "recall": 100 * _mean([label in events[i] for i in test if kinds[i] == number]),
            "predicted false": held.false_per_hour(label, limits[label]),
            "false": sum(events[i].count(label) for i in other) / hours,
        }
        for label, number in numbers.items()
    }


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
    parser = argparse.ArgumentParser(
        prog="python -m skedge.bench.studies.teaching", description=__doc__
    )
    parser.add_argument("model", help="an exported model, or default")
    parser.add_argument("store", type=Path)
    parser.add_argument("--new", nargs="+", required=True, metavar="CLASS")
    parser.add_argument("--clips", type=int, default=5, help="clips of each new class")
    parser.add_argument("--minutes", type=float, default=5.0, help="minutes of anything else")
    parser.add_argument("--protocol", default="xsub")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    try:
        recognizer = Recognizer.load(args.model, taught=False)
        recognizer.checks_bodies = False
        print(markdown(measure(recognizer, Store(args.store), args.new, how=args)))
    except InputError as error:
        parser.exit(2, f"skedge.bench.studies.teaching: {error}\n")


if __name__ == "__main__":
    main()
