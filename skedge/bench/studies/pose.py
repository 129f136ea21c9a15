"""What finding people costs, and how steadily they are followed: a film through the pose estimator,
frame by frame.

`python -m skedge.bench.studies.pose FILM --model student.onnx` also gives every frame's people to a
model, and says what that adds. `--truth FILE` names a table `frame,who,x,y` of where who's trunk is
(pixels): identity switches are counted by it.
"""

import csv
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from skedge.bench.machine import describe
from skedge.bench.studies.command import one_line, parser_of
from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.live.actions import Actions, Observation
from skedge.edge_runtime.models import find
from skedge.edge_runtime.pose.blazepose import BlazePose
from skedge.edge_runtime.pose.models import NETWORKS
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.sources import open_source
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout

# Pixels beyond which a trunk is not the one in the table.
NEAR = 40.0
TRUNK = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
# Frames that warm things up.
COLD = 10

Truth = dict[int, dict[str, tuple[float, float]]]


def measure(
    frames: Iterable[Frame],
    people: int,
    recognizer: Recognizer | None = None,
    truth: Truth | None = None,
    network: str = "full",
) -> dict[str, Any]:
    """What happened and what it took: milliseconds a frame, a window of the detector and a body,
    the first ten frames left out.

    `pose_frames` had somebody in them, `whole_frames` a whole body. Pose and action run one after
    the other in one thread, so that neither disturbs the other's time; `action_share` is the
    action's mean time over the pose's.
    """
    steps: dict[str, list[float]] = {"detector": [], "landmarks": []}
    pose = BlazePose(
        people, network=network, took=lambda step, seconds: steps[step].append(seconds)
    )
    actions = None if recognizer is None else Actions(recognizer)
    times: dict[str, list[float]] = {
        "pose": [],
        "pose with detection": [],
        "pose without detection": [],
        "action": [],
    }
    followed: list[tuple[Person, ...]] = []
    for number, frame in enumerate(frames):
        if number == COLD:
            for found in (*steps.values(), *times.values()):
                found.clear()
        looks = len(steps["detector"])
        start = time.perf_counter()
        seen = pose.estimate(frame)
        took = time.perf_counter() - start
        times["pose"].append(took)
        times[
            "pose with detection" if len(steps["detector"]) > looks else "pose without detection"
        ].append(took)
        if actions is not None:
            start = time.perf_counter()
            actions.update(Observation(frame, seen, pose.layout, taken=0.0))
            times["action"].append(time.perf_counter() - start)
        followed.append(seen)
    report: dict[str, Any] = {
        "frames": len(followed),
        "pose_frames": sum(bool(seen) for seen in followed),
        "whole_frames": sum(any(person.whole for person in seen) for seen in followed),
        "identities": len({person.id for seen in followed for person in seen}),
        "milliseconds": {name: _summary(found) for name, found in (steps | times).items() if found},
        "machine": describe(),
    }
    if truth is not None:
        report["switches"] = switches(followed, truth, pose.layout)
    if actions is not None:
        report["action_share"] = round(float(np.mean(times["action"]) / np.mean(times["pose"])), 4)
    return report


def switches(followed: list[tuple[Person, ...]], truth: Truth, layout: Layout) -> dict[str, int]:
    """How often somebody came to have another number than before: `switches`; of `places` in the
    table so many were `found`.

    As in CLEAR MOT (Bernardin and Stiefelhagen, 2008): each place has the nearest trunk, no more
    than `NEAR` pixels away, and no trunk serves two places.
    """
    trunk = [layout.index(joint) for joint in TRUNK]
    if not 0 <= min(truth) <= max(truth) < len(followed):
        raise InputError(
            f"expected a table of frames from 0 to {len(followed) - 1}, got {min(truth)} to"
            f" {max(truth)}"
        )
    last: dict[str, int] = {}
    switched = found = 0
    for number, places in sorted(truth.items()):
        pairs = sorted(
            (float(np.hypot(*(person.pixels[trunk].mean(axis=0) - place))), who, person.id)
            for person in followed[number]
            if person.pixels is not None
            for who, place in places.items()
        )
        taken: dict[str, int] = {}
        for far, who, identity in pairs:
            if far <= NEAR and who not in taken and identity not in taken.values():
                taken[who] = identity
        found += len(taken)
        switched += sum(last.get(who, identity) != identity for who, identity in taken.items())
        last |= taken
    return {"switches": switched, "found": found, "places": sum(map(len, truth.values()))}


def read_truth(path: Path) -> Truth:
    """The table in a CSV file; raises `InputError` where it is none."""
    truth: Truth = {}
    try:
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                truth.setdefault(int(row["frame"]), {})[row["who"]] = (
                    float(row["x"]),
                    float(row["y"]),
                )
        if not truth:
            raise ValueError
    except (KeyError, ValueError, TypeError, csv.Error):
        raise InputError(
            f"{path}: expected lines frame,who,x,y below that heading, got something else"
        ) from None
    return truth


def _summary(seconds: list[float]) -> dict[str, float]:
    low, high = np.percentile(seconds, (50, 95)) * 1000
    return {
        "p50": round(float(low), 2),
        "p95": round(float(high), 2),
        "mean": round(1000 * float(np.mean(seconds)), 2),
        "n": len(seconds),
    }


def main() -> None:
    """Measure the film that the arguments name and print the figures as JSON."""
    parser = parser_of("pose", __doc__)
    parser.add_argument("film", help="a film or a folder of pictures")
    parser.add_argument("--people", type=int, default=2, help="how many are looked for")
    parser.add_argument("--model", type=find, help="an exported model, or default")
    parser.add_argument("--truth", type=Path, help="a table frame,who,x,y")
    parser.add_argument("--pose", default="full", choices=NETWORKS, help="landmark network")
    args = parser.parse_args()
    with one_line(parser):
        recognizer = None if args.model is None else Recognizer.load(args.model)
        truth = None if args.truth is None else read_truth(args.truth)
        source = open_source(args.film, fast=True)
        if getattr(source, "layout", None) is not None:
            raise InputError(f"{args.film}: expected a film or pictures, got recorded skeletons")
        found = measure(source, args.people, recognizer, truth=truth, network=args.pose)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
