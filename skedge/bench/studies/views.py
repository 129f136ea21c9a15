"""What changed recordings do to events: what the studies of such changes share."""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from skedge.bench.studies.command import one_line, parser_of
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.events import EventRules
from skedge.edge_runtime.scoring.everyday import (
    SYNONYMS,
    Recording,
    count,
    figures,
    read_for,
    watch,
)
from skedge.skeleton.files import write_json

Change = Callable[[Recording], Recording]
Found = dict[str, dict[str, dict[str, Any]]]


def compare(
    recognizer: Recognizer,
    rules: EventRules,
    sets: Sequence[Path],
    labels: Sequence[str],
    changes: Mapping[str, Change],
) -> Found:
    """For every change and set the figures of `skedge.edge_runtime.scoring.everyday.figures`;
    performances of other labels are other movement."""

    def changed(path: Path, change: Change) -> Iterator[Recording]:
        for one in read_for(recognizer, path, SYNONYMS, labels=labels):
            yield change(one)

    return {
        name: {
            path.stem: figures(count(watch(recognizer, changed(path, change)), rules))
            for path in sets
        }
        for name, change in changes.items()
    }


def arguments(study: str, about: str | None) -> argparse.ArgumentParser:
    """A parser with what every such study takes: a model, sets, and a file for its figures."""
    parser = parser_of(study, about)
    parser.add_argument("model", help="exported model, or default")
    parser.add_argument("sets", nargs="+", type=Path, help="stores and folders of pose recordings")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    return parser


def show(parser: argparse.ArgumentParser, out: Path | None, measure: Callable[[], Found]) -> None:
    """Print a line for every change and set, and write all figures to `out`."""
    with one_line(parser):
        found = measure()
    kept = ("performances", "recall", "false_per_hour_of_other_movement", "wrong_per_minute")
    for view, rows in found.items():
        for name, row in rows.items():
            print(f"{view}: {name} {json.dumps({key: row[key] for key in kept})}")
    if out:
        with one_line(parser):
            write_json(out, found)
