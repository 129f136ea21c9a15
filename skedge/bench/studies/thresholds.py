"""Thresholds and patience of events, chosen for each class on sets of real people, and what each
set says of a choice that it had no part in.

A class gets the threshold and patience with the largest mean recall over the sets that hold it,
less `price` for every false event an hour, the mean over all sets. For a set's own row the choice
is made anew on the others.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from skedge.bench.studies.command import one_line, parser_of
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.events import QUIET, EventRules
from skedge.edge_runtime.scoring.everyday import (
    SYNONYMS,
    Tally,
    Watched,
    count,
    figures,
    read_for,
    watch,
)
from skedge.skeleton.files import write_json

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995)
PATIENCE = (2, 3, 5, 7)
# Of a class that a set performs less often than this its recall says too little.
FEWEST = 3

Choice = tuple[float, int]
Tallies = dict[Choice, dict[str, Tally]]


def tallies(sets: dict[str, list[Watched]], rules: EventRules) -> Tallies:
    """What every threshold and patience, the same for all classes, comes to on every set."""
    found: Tallies = {}
    for threshold, patience in product(THRESHOLDS, PATIENCE):
        labels = len(rules.labels)
        same = replace(
            rules, thresholds=np.full(labels, threshold), patience=np.full(labels, patience)
        )
        found[threshold, patience] = {name: count(one, same) for name, one in sets.items()}
    return found


def choose(
    found: Tallies, names: Sequence[str], labels: Iterable[str], price: float
) -> dict[str, Choice]:
    """The best threshold and patience of every class by the sets `names`.

    A class that none of them performs gets the lowest threshold with which it is never false.
    """
    chosen: dict[str, Choice] = {}
    for label in labels:
        worth = {}
        for choice, sets in found.items():
            own = [sets[name] for name in names]
            recalls = [
                one.right[label] / one.performances[label]
                for one in own
                if one.performances[label] >= FEWEST
            ]
            false = [
                sum(n for (_, event), n in one.false.items() if event == label)
                / (one.seconds / 3600)
                for one in own
            ]
            gain = float(np.mean(recalls)) if recalls else -0.01 * choice[0]
            worth[choice] = gain - price * float(np.mean(false))
        chosen[label] = max(worth, key=lambda choice: (round(worth[choice], 6), choice))
    return chosen


def study(model: str, sets: Sequence[Path], price: float) -> dict[str, Any]:
    """The choice by all sets, its figures on each, and each set's by the choice of the others."""
    recognizer = Recognizer.load(model)
    rules = replace(EventRules.of(recognizer.metadata), lasting={})
    labels = recognizer.labels
    watched = {
        path.stem: list(watch(recognizer, read_for(recognizer, path, SYNONYMS, labels=labels)))
        for path in sets
    }
    found = tallies(watched, rules)
    loud = [label for label in labels if label not in QUIET]

    def by(names: Sequence[str]) -> EventRules:
        chosen = choose(found, names, loud, price=price)
        return replace(
            rules,
            thresholds=np.array([chosen.get(label, (1.0, 1))[0] for label in labels]),
            patience=np.array([chosen.get(label, (1.0, 1))[1] for label in labels]),
        )

    names = list(watched)
    every = choose(found, names, loud, price=price)
    return {
        "model": model,
        "price": price,
        "thresholds": {label: choice[0] for label, choice in every.items()},
        "patience": {label: choice[1] for label, choice in every.items()},
        "chosen on all": {name: figures(count(one, by(names))) for name, one in watched.items()},
        "chosen on the others": {
            name: figures(count(one, by([other for other in names if other != name])))
            for name, one in watched.items()
        },
    }


def main() -> None:
    """Choose thresholds for the model on the sets that the arguments name."""
    parser = parser_of("thresholds", __doc__)
    parser.add_argument("model", help="exported model, or default")
    parser.add_argument("sets", nargs="+", type=Path, help="stores and folders of pose recordings")
    parser.add_argument("--price", type=float, default=0.01, help="of a false event an hour")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    args = parser.parse_args()
    with one_line(parser):
        found = study(args.model, args.sets, args.price)
    print(json.dumps({name: found[name] for name in ("thresholds", "patience")}, indent=2))
    for kind in ("chosen on all", "chosen on the others"):
        for name, row in found[kind].items():
            figure = {
                key: row[key]
                for key in (
                    "recall",
                    "false_per_hour_of_other_movement",
                    "wrong_per_minute",
                    "last_answer",
                )
            }
            print(f"{kind}: {name} {figure}")
    if args.out:
        with one_line(parser):
            write_json(args.out, found)


if __name__ == "__main__":
    main()
