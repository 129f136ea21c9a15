"""Pose recordings as clips: what a pose estimator saw, from `skedge live --record-poses` or from
films."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.parsing.damage import check_joints, damaged
from skedge.datasets.parsing.labels import alike
from skedge.datasets.poses import LAYOUT, PoseRecording, outermost, pose_files, read_poses
from skedge.datasets.store.splits import every_fifth
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout, load_layout
from skedge.skeleton.resample import TOLERANCE, at_times

RATE = 30.0
# Frames that a clip must have, and the longest gap in seconds that is bridged.
SHORTEST, GAP = 8, 0.5


def open_poses(
    source: Path, *, layout: str | None = None, rate: float = RATE, everyone: bool = False
) -> Dataset:
    """Pose recordings (.npz) of one label each, in a folder or in a folder for each label.

    A clip is what the person did who moved most, or with `everyone` all persons; only bodies of
    which enough is in view count. The label is the recording's own, else its folder's name: of
    folders within folders that of the outermost. Hidden ones are left out. Clips are read `rate`
    times a second. All recordings are of one `layout` (default: the one that the first of them
    names); one of another number of joints is left out. Protocol: `films`, of every label four of
    five recordings train and every fifth tests. Raises `InputError` for a source without
    recordings.
    """
    if not source.is_dir():
        raise InputError(f"{source}: expected a folder of pose recordings (.npz)")
    files = pose_files(source)
    if not files:
        raise InputError(f"{source}: expected pose recordings (.npz), found none")
    own = {file: _own_label(file) for file in files}
    folders = {file: outermost(file, source) for file in files}
    labels = {file: own[file] or folders[file] or "unlabelled" for file in files}
    moved = [file for file in files if own[file] and folders[file] not in ("", own[file])]
    notes = alike(set(labels.values()))
    if moved:
        notes.append(
            f"{len(moved)} recordings say another label than their folder does, and keep it, such"
            f" as {moved[0].relative_to(source)}: {labels[moved[0]]}"
        )
    form = _first_layout(files) if layout is None else load_layout(layout)
    return Dataset(
        name=source.name,
        layout=form,
        labels=sorted(set(labels.values())),
        rate=rate,
        sources=files,
        read=partial(
            _read,
            root=source,
            labels=labels,
            names=sorted(set(labels.values())),
            layout=form,
            rate=rate,
            everyone=everyone,
        ),
        root=source,
        protocols={"films": every_fifth},
        notes=notes,
        unit="recordings",
    )


def clip_of(
    recording: PoseRecording,
    rate: float,
    everyone: bool,
    stretch: tuple[float, float] | None = None,
) -> np.ndarray:
    """Joints (M, T, V, 3) of a recording, read `rate` times a second, NaN where nobody is wholly in
    view; of a `stretch` of seconds where one is given.

    Raises `DamagedError` where that leaves less than 8 frames of anybody.
    """
    start, end = stretch or (0.0, recording.duration)
    end = min(end, recording.duration)
    wanted = start + np.arange(max(0, int((end - start + TOLERANCE) * rate))) / rate
    persons = []
    for number in np.unique(recording.person):
        own = (recording.person == number) & recording.whole
        own &= (recording.seconds >= start - GAP) & (recording.seconds <= end + GAP)
        seconds = recording.seconds[own]
        # Frames between two glimpses of somebody do not count, unless few pictures were looked at.
        if len(seconds) < max(2, SHORTEST * min(1, recording.rate / rate)):
            continue
        joints = at_times(recording.joints[own], seconds, wanted)
        after = np.minimum(np.searchsorted(seconds, wanted), len(seconds) - 1)
        before = np.maximum(after - 1, 0)
        far = np.minimum(np.abs(seconds[after] - wanted), np.abs(wanted - seconds[before]))
        joints[far > GAP / 2] = np.nan
        if np.isfinite(joints).all(axis=-1).any(axis=-1).sum() >= SHORTEST:
            persons.append(joints)
    if not persons:
        damaged(
            recording.name,
            f"expected somebody wholly in view for {SHORTEST} frames, got nobody",
        )
    if not everyone:
        persons = [max(persons, key=_motion)]
    clip = np.stack(persons)
    there = np.flatnonzero(np.isfinite(clip).any(axis=(0, 2, 3)))
    return clip[:, there[0] : there[-1] + 1]


def _motion(person: np.ndarray) -> float:
    """How much a person moves in all: the path of the joints."""
    return float(np.nansum(np.linalg.norm(np.diff(person, axis=0), axis=-1)))


def _own_label(file: Path) -> str:
    """The label that a recording names, empty where it names none."""
    try:
        return next(iter(read_poses(file))).label or ""
    except InputError:
        return ""


def _first_layout(files: Sequence[Path]) -> Layout:
    """The layout of the first file that can be read."""
    for file in files:
        try:
            return next(iter(read_poses(file))).layout
        except InputError:
            continue
    return load_layout(LAYOUT)


def _read(
    file: Path,
    root: Path,
    labels: Mapping[Path, str],
    names: Sequence[str],
    layout: Layout,
    rate: float,
    everyone: bool,
) -> list[Clip]:
    recording = next(iter(read_poses(file)))
    check_joints(recording.joints.shape[1], layout, file.name)
    name = str(file.relative_to(root).with_suffix(""))
    return [Clip(name, clip_of(recording, rate, everyone), names.index(labels[file]))]
