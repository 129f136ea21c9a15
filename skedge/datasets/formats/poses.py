"""Pose recordings as clips: what a pose estimator saw, from `skedge live --record-poses` or from
films."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.parsing.damage import check_joints, damaged
from skedge.datasets.parsing.labels import alike
from skedge.datasets.poses import DAY, LAYOUT, PoseRecording, outermost, pose_files, read_poses
from skedge.datasets.store.splits import every_fifth, too_few
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout, load_layout
from skedge.skeleton.resample import TOLERANCE, at_times
from skedge.skeleton.text import counted

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
    five films train and every fifth tests, with all recordings of its stretches. Raises
    `InputError` for a source without recordings.
    """
    if not source.is_dir():
        raise InputError(f"{source}: expected a folder of pose recordings (.npz)")
    files = pose_files(source)
    if not files:
        raise InputError(f"{source}: expected pose recordings (.npz), found none")
    said = {file: _said(file) for file in files}
    own = {file: found.label for file, found in said.items()}
    folders = {file: outermost(file, source) for file in files}
    labels = {file: own[file] or folders[file] or "unlabelled" for file in files}
    moved = [file for file in files if own[file] and folders[file] not in ("", own[file])]
    films = {_name(file, source): found.film for file, found in said.items()}
    notes = alike(set(labels.values()))
    if len({*films.values()}) < len(films):
        notes += too_few([*labels.values()], [*films.values()])
    if moved:
        recordings = counted(
            len(moved),
            "recording says another label than its folder does, and keeps it",
            "recordings say another label than their folder does, and keep it",
        )
        notes.append(f"{recordings}, such as {moved[0].relative_to(source)}: {labels[moved[0]]}")
    known = (found.layout for found in said.values() if found.layout is not None)
    form = next(known, load_layout(LAYOUT)) if layout is None else load_layout(layout)
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
        protocols={
            "films": lambda index: every_fifth(index, [films[str(one)] for one in index["name"]])
        },
        notes=notes,
        unit="recordings",
    )


def clip_of(
    recording: PoseRecording,
    rate: float,
    everyone: bool,
    longest: float = np.inf,
) -> np.ndarray:
    """Joints (M, T, V, 3) of a recording, read `rate` times a second, NaN where nobody is wholly in
    view, of the first `longest` seconds.

    Raises `DamagedError` where that leaves less than 8 frames of anybody, and for more than a day.
    """
    end = min(longest, recording.duration)
    if end > DAY:
        damaged(recording.name, f"expected a day at most, got {end / 3600:.3g} hours")
    wanted = np.arange(int((end + TOLERANCE) * rate)) / rate
    persons = []
    for number in np.unique(recording.person):
        own = (recording.person == number) & recording.whole
        own &= recording.seconds <= end + GAP
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


class _Said(NamedTuple):
    """What a recording says about itself: its label, empty for none, its film and its layout."""

    label: str
    film: str
    layout: Layout | None


def _said(file: Path) -> _Said:
    try:
        recording = next(iter(read_poses(file)))
    except InputError:
        return _Said("", str(file), None)
    film = recording.made_of.content if recording.made_of else str(file)
    return _Said(recording.label or "", film, recording.layout)


def _read(
    file: Path,
    root: Path,
    labels: Mapping[Path, str],
    names: Sequence[str],
    layout: Layout,
    rate: float,
    everyone: bool,
) -> list[Clip]:
    recording = replace(next(iter(read_poses(file))), name=_name(file, root))
    check_joints(recording.joints.shape[1], layout, recording.name)
    clip = clip_of(recording, rate, everyone)
    return [Clip(recording.name, clip, names.index(labels[file]))]


def _name(file: Path, root: Path) -> str:
    return str(file.relative_to(root).with_suffix(""))
