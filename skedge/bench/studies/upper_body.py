"""How well a model recognises actions of people who are seen from the hips up, behind a desk or on
a chair: recall and false events of the actions in its file's `upper_body`, whole bodies against the
same bodies without their legs, and without legs and hips.

Real sets show whole bodies; what is out of view is taken away here, as the live view takes it away
(joints become NaN). Events of other actions do not count, and what is done there is other movement.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.events import EventRules
from skedge.edge_runtime.scoring.everyday import (
    SYNONYMS,
    Recording,
    count,
    figures,
    read_recordings,
    watch,
)
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import write_json
from skedge.skeleton.hanging import leg_joints
from skedge.skeleton.layout import Layout

# More than any probability: such an event is never raised.
NEVER = 2.0


def out_of_view(layout: Layout, hips: bool) -> list[int]:
    """The joints that a camera does not see of somebody who is in view from the hips up, or from
    the waist up (without `hips`)."""
    names = () if hips else ("left_hip", "right_hip", "hip_center")
    return [*leg_joints(layout), *(i for i, name in enumerate(layout.joints) if name in names)]


def without(recording: Recording, hidden: Sequence[int]) -> Recording:
    """The recording with the joints `hidden` out of view."""
    people = []
    for track in recording.people:
        joints = track.joints.copy()
        joints[:, list(hidden)] = np.nan
        people.append(track._replace(joints=joints))
    return replace(recording, people=tuple(people))


def study(model: str, sets: Sequence[Path]) -> dict[str, Any]:
    """For every view and set the figures of `skedge.edge_runtime.scoring.everyday.figures`.

    Raises `InputError` for a model that wants whole bodies.
    """
    recognizer = Recognizer.load(model)
    told = recognizer.metadata.upper_body
    if not told:
        raise InputError(f"{model}: expected a model with upper_body in its file, got one without")
    rules = EventRules.of(recognizer.metadata)
    thresholds = [
        one if label in told else NEVER
        for label, one in zip(rules.labels, rules.thresholds, strict=True)
    ]
    rules = replace(rules, thresholds=np.array(thresholds))

    def seen(path: Path, view: str) -> Iterator[Recording]:
        for one in read_recordings(path, SYNONYMS, labels=told, part="all", protocol="xsub"):
            hidden = [] if view == "whole" else out_of_view(one.layout, hips=view == "hips up")
            yield without(one, hidden)

    return {
        view: {
            path.stem: figures(count(watch(recognizer, seen(path, view)), rules)) for path in sets
        }
        for view in ("whole", "hips up", "waist up")
    }


def main() -> None:
    """Measure the model on the sets that the arguments name."""
    parser = argparse.ArgumentParser(
        prog="python -m skedge.bench.studies.upper_body", description=__doc__
    )
    parser.add_argument("model", help="exported model, or default")
    parser.add_argument("sets", nargs="+", type=Path, help="stores and folders of pose recordings")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    args = parser.parse_args()
    try:
        found = study(args.model, args.sets)
    except InputError as error:
        parser.exit(2, f"skedge.bench.studies.upper_body: {error}\n")
    if args.out:
        write_json(args.out, found)
    kept = ("performances", "recall", "false_per_hour_of_other_movement")
    for view, rows in found.items():
        for name, row in rows.items():
            print(f"{view}: {name} {json.dumps({key: row[key] for key in kept})}")


if __name__ == "__main__":
    main()
