"""How well a model recognises actions of people who are seen from the hips up, behind a desk or on
a chair: recall and false events of the actions in its file's `upper_body`, whole bodies against the
same bodies without their legs, and without legs and hips.

Real sets show whole bodies; what is out of view is taken away here, as the live view takes it away
(joints become NaN). Events of other actions do not count, and what is done there is other movement.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from skedge.bench.studies.views import Change, Found, arguments, compare, show
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.events import NEVER, EventRules
from skedge.edge_runtime.scoring.everyday import Recording
from skedge.skeleton.errors import InputError
from skedge.skeleton.hanging import leg_joints
from skedge.skeleton.layout import Layout


def out_of_view(layout: Layout, hips: bool) -> list[int]:
    """The joints that a camera does not see of somebody who is in view from the hips up, or from
    the waist up (without `hips`)."""
    names = () if hips else ("left_hip", "right_hip", "hip_center")
    return [*leg_joints(layout), *(i for i, name in enumerate(layout.joints) if name in names)]


def without(recording: Recording, hips: bool) -> Recording:
    """The recording of people from the hips up, or from the waist up (without `hips`)."""
    hidden = out_of_view(recording.layout, hips)
    people = []
    for track in recording.people:
        joints = track.joints.copy()
        joints[:, hidden] = np.nan
        people.append(track._replace(joints=joints))
    return replace(recording, people=tuple(people))


def study(model: str, sets: Sequence[Path]) -> Found:
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
    changes: dict[str, Change] = {
        "whole": lambda recording: recording,
        "hips up": partial(without, hips=True),
        "waist up": partial(without, hips=False),
    }
    rules = replace(rules, thresholds=np.array(thresholds))
    return compare(recognizer, rules, sets, labels=told, changes=changes)


def main() -> None:
    """Measure the model on the sets that the arguments name."""
    parser = arguments("upper_body", __doc__)
    args = parser.parse_args()
    show(parser, args.out, lambda: study(args.model, args.sets))


if __name__ == "__main__":
    main()
