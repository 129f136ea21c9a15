"""Recorded skeletons as frames that bring their people."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from skedge.datasets.poses import DAY, PoseRecording, is_pose_recording, read_poses
from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.scoring.predict import RATE, read_clip
from skedge.skeleton.errors import InputError
from skedge.skeleton.hanging import leg_joints
from skedge.skeleton.layout import Layout, check_joint_count, layout_names, load_layout
from skedge.skeleton.mend import absent_zeros, persons_first
from skedge.skeleton.order import layout_of
from skedge.skeleton.prepare import seen
from skedge.skeleton.text import counted

# What joints of its number are, unless they look like another layout's.
USUAL = "ntu25"


def frames_of(clip: np.ndarray, rate: float) -> Iterator[Frame]:
    """A clip (T, M, V, 3) in metres, NaN where absent, as frames `rate` a second; persons go by
    their place in the clip."""
    for number, bodies in enumerate(clip):
        there = [person for person, joints in enumerate(bodies) if np.isfinite(joints).any()]
        yield Frame(None, number / rate, tuple(Person(person, bodies[person]) for person in there))


def frames_of_poses(recording: PoseRecording) -> Iterator[Frame]:
    """All pictures of a pose recording as frames, those without a body too.

    Such a picture's time lies between those that are known. Whoever's legs are NaN was seen from
    the hips up.
    """
    order = np.argsort(recording.picture, kind="stable")
    numbers, first = np.unique(recording.picture[order], return_index=True)
    seconds = np.maximum.accumulate(recording.seconds[order][first])
    last = max(recording.pictures - 1, 0)
    end = max(recording.duration - 1 / recording.rate, seconds.max(initial=0.0))
    times = {0: 0.0, last: end} | dict(zip(numbers.tolist(), seconds.tolist(), strict=True))
    # Each in an array of its own, or every look at it copies hours of them.
    known, known_seconds = np.array(sorted(times.items())).T.copy()
    bodies = dict(zip(numbers.tolist(), np.split(order, first)[1:], strict=True))
    legs = np.any(seen(recording.joints[:, leg_joints(recording.layout)]), axis=-1)
    for number in range(last + 1):
        yield Frame(
            None,
            float(np.interp(number, known, known_seconds)),
            tuple(
                Person(
                    int(recording.person[i]),
                    recording.joints[i],
                    whole=bool(recording.whole[i] and legs[i]),
                    upper=bool(recording.whole[i] and not legs[i]),
                    touching=bool(recording.touching[i]),
                )
                for i in bodies.get(number, ())
            ),
        )


def clip_of_store(store: Path, name: str) -> tuple[Iterator[Frame], Layout]:
    """The clip called `name` of a store, and its layout; raises `InputError` where either is not
    there."""
    from skedge.datasets.store import Store

    opened = Store(store)
    clip = opened.clip(opened.find(name)).transpose(1, 0, 2, 3)
    return frames_of(clip, opened.frame_rate), opened.layout


def clip_of_file(
    path: Path, rate: float | None = None, layout: str | None = None
) -> tuple[Iterator[Frame], Layout, tuple[str, ...]]:
    """The clip (T, V, 3) or (T, M, V, 3) in a .npy or .npz file, `rate` frames a second (30 where
    it is None), or its pose recording, the layout, and what was assumed about it.

    The layout is the one named, else the built-in one of that number of joints; of several the one
    in whose order the joints are a human's, or the usual one where there is none. Raises
    `InputError` for what is no clip, for joints that are in no known order, for a pose recording
    where a rate or layout is named, which it has itself, and for one of more than a day.
    """
    if is_pose_recording(path):
        if rate is not None or layout is not None:
            raise InputError(
                f"{path}: expected a clip beside --rate or --layout, got a pose recording, which"
                " has its own; leave them out"
            )
        (recording,) = read_poses(path)
        lasts = max(recording.duration, recording.pictures / recording.rate)
        if lasts > DAY:
            raise InputError(f"{path}: expected a day at most, got {lasts / 3600:.3g} hours")
        return frames_of_poses(recording), recording.layout, ()
    if rate is not None and not 0 < rate <= 1000:
        raise InputError(f"--rate: expected frames a second, up to 1000, got {rate:g}")
    clip = read_clip(path)
    if (
        clip.ndim not in (3, 4)
        or clip.shape[-1] != 3
        or clip.dtype.kind not in "fiu"
        or 0 in clip.shape
    ):
        raise InputError(
            f"{path}: expected skeletons (frames, joints, 3) or (frames, persons, joints, 3), got"
            f" an array {clip.shape} of {clip.dtype}"
        )
    notes = [] if rate else [f"{path}: {RATE:g} frames a second are assumed, see --rate"]
    persons, turned = persons_first(clip, True) if clip.ndim == 4 else (clip[None], False)
    if turned:
        notes.append(f"read as (persons, frames, joints, 3), {counted(len(persons), 'person')}")
    known = load_layout(layout) if layout else _layout_of(persons, path, notes)
    check_joint_count(persons.shape[2], known, str(path))
    joints = absent_zeros(persons.astype(np.float32), known)
    return frames_of(joints.swapaxes(0, 1), rate or RATE), known, tuple(notes)


def _layout_of(joints: np.ndarray, path: Path, notes: list[str]) -> Layout:
    """The built-in layout of joints (M, T, V, 3), noted where several layouts have that number and
    it is not the usual one."""
    layouts = [load_layout(name) for name in layout_names()]
    fitting = [layout for layout in layouts if len(layout) == joints.shape[2]]
    if len(fitting) == 1:
        return fitting[0]
    found = layout_of(joints) if fitting else None
    usual = next((layout for layout in fitting if layout.name == USUAL), None)
    if usual is not None and (found is None or found.name == USUAL):
        return usual
    if found is None:
        counts = sorted({len(layout) for layout in layouts})
        wanted = (
            f"a body in the order of {', '.join(layout.name for layout in fitting)}"
            if fitting
            else f"{', '.join(map(str, counts))} joints"
        )
        raise InputError(
            f"{path}: expected {wanted}, got an array {joints.shape[1:]} for each person; name the"
            " layout of the joints with --layout (a name or a JSON file)"
        )
    notes.append(f"the joints are taken for {found.name}'s; name another one by --layout")
    return found
