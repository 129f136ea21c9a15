"""What the lite landmark network does to events, modelled: how its joints differ from the full
network's in a film, added to recorded bodies.

`python -m skedge.bench.studies.pose_events FILM POSES --out FOLDER` follows one person in FILM with
both networks, and writes the recordings in the folder POSES, which the full network made, into
FOLDER/lite with those differences. FOLDER/full is the control: differences of the full network
between the film and the same film one and a half times as large. `skedge evaluate everyday` shows
what becomes of the events.
"""

import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from skedge.bench.studies.command import one_line, parser_of
from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.pose.blazepose import BlazePose
from skedge.edge_runtime.pose.landmarks import HIPS, LAYOUT
from skedge.edge_runtime.sources import open_source
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import write_whole

# Pictures a second at which the film is followed, and how much larger the control sees it.
RATE = 30.0
LARGER = 1.5
# Two skeletons are one person's where their joints lie no farther apart, as a share of the
# picture's height, in the median.
NEAR = 0.1
Seen = list[tuple[Person, ...]]


def followed(frames: Sequence[np.ndarray], network: str, scale: float = 1.0) -> Seen:
    """Who is seen in each picture (H, W, 3), enlarged `scale` times; pixels are those of the given
    pictures."""
    pose = BlazePose(1, network=network)
    seen = []
    for number, picture in enumerate(frames):
        image = picture if scale == 1 else cv2.resize(picture, None, fx=scale, fy=scale)
        seen.append(pose.estimate(Frame(image, number / RATE)))
    return seen


def differences(usual: Seen, other: Seen, height: int, scale: float = 1.0) -> np.ndarray:
    """How much farther than `usual` each joint lies from the hips in `other`, (N, V, 3) metres, in
    the pictures of `height` that show all joints of the same person to both.

    `other` saw them `scale` times as large. Raises `InputError` where there is no such picture.
    """
    found = []
    for before, after in zip(usual, other, strict=True):
        if not before or not after:
            continue
        first, second = before[0], after[0]
        assert first.pixels is not None
        assert second.pixels is not None
        apart = np.linalg.norm(second.pixels / scale - first.pixels, axis=1)
        change = _from_hips(second.joints) - _from_hips(first.joints)
        if np.median(apart) <= NEAR * height and np.isfinite(change).all():
            found.append(change)
    if not found:
        raise InputError("expected a film of a person whom both networks follow, got none")
    return np.stack(found)


def _from_hips(joints: np.ndarray) -> np.ndarray:
    return np.asarray(joints - joints[HIPS].mean(axis=0))


def disturbed(recording: dict[str, Any], changes: np.ndarray, seed: int) -> dict[str, Any]:
    """A recording of bodies with `changes` (N, V, 3) added in the order in which they were seen, to
    and fro, from a random one on for each person."""
    rng = np.random.default_rng(seed)
    course = np.concatenate([changes, changes[::-1]])
    joints = recording["joints"].copy()
    for person in np.unique(recording["person"]):
        own = recording["person"] == person
        ticks = np.round(recording["picture"][own] * (RATE / float(recording["rate"]))).astype(int)
        joints[own] += course[(rng.integers(len(course)) + ticks) % len(course)]
    return recording | {"joints": joints}


def read(file: Path) -> dict[str, Any]:
    """A recording of bodies by the names of its arrays; raises `InputError` where it is none."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            recording = {name: stored[name] for name in stored.files}
        if recording["joints"].shape[1:] != (len(LAYOUT), 3) or not float(recording["rate"]) > 0:
            raise ValueError
        if not len(recording["joints"]) == len(recording["person"]) == len(recording["picture"]):
            raise ValueError
    except (KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile):
        raise InputError(
            f"{file}: expected bodies as `skedge live --record-poses` stores them, got something"
            " else"
        ) from None
    return recording


def main() -> None:
    """Write the recordings that the arguments name, and print how far joints lie apart."""
    parser = parser_of("pose_events", __doc__)
    parser.add_argument("film", help="a film of a person")
    parser.add_argument("poses", type=Path, help="a folder of what `--record-poses` wrote")
    parser.add_argument("--out", type=Path, required=True, help="a folder for the recordings")
    args = parser.parse_args()
    with one_line(parser):
        source = open_source(args.film, fast=True)
        frames = [frame.image for frame in source if frame.image is not None]
        recordings = sorted(args.poses.glob("*.npz"))
        if not frames or not recordings:
            raise InputError(
                f"expected a film and a folder of recorded bodies (.npz), got {len(frames)}"
                f" pictures and {len(recordings)} recordings"
            )
        usual, height = followed(frames, "full"), len(frames[0])
        for name, scale in (("lite", 1.0), ("full", LARGER)):
            changes = differences(usual, followed(frames, name, scale), height=height, scale=scale)
            apart = 100 * np.linalg.norm(changes, axis=-1)
            print(
                f"{name}: {len(changes)} pictures, joints {apart.mean():.1f} cm apart"
                f" (p95 {np.percentile(apart, 95):.1f})"
            )
            for seed, file in enumerate(recordings):
                made = disturbed(read(file), changes, seed)
                write_whole(args.out / name / file.name, partial(_write, made))


def _write(recording: dict[str, Any], path: Path) -> None:
    with open(path, "wb") as file:
        np.savez_compressed(file, **recording)


if __name__ == "__main__":
    main()
