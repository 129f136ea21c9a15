"""PKU-MMD Part I and II (Liu et al., 2017): long recordings of two people at most, with the actions
in them labelled."""

import re
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.parsing.damage import DamagedError, damaged
from skedge.datasets.parsing.ntu_text import LONGEST
from skedge.datasets.parsing.tables import read_table
from skedge.datasets.source import File, find, read_plain
from skedge.datasets.store import PARTS
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import load_layout
from skedge.skeleton.text import counted

LABELS = (
    *(
        "bow",
        "brushing hair",
        "brushing teeth",
        "check time",
        "cheer up",
        "clapping",
        "cross hands in front",
        "drink water",
    ),
    *(
        "drop",
        "eat meal",
        "falling",
        "giving something",
        "hand waving",
        "handshaking",
        "hopping",
        "hugging",
        "jump up",
    ),
    *(
        "kicking someone",
        "kicking something",
        "phone call",
        "pat on back",
        "pick up",
        "play with phone",
        "point finger",
    ),
    *(
        "point to something",
        "punch or slap",
        "pushing",
        "put on a hat",
        "put something in pocket",
        "reading",
    ),
    *(
        "rub two hands",
        "salute",
        "sitting down",
        "standing up",
        "take off a hat",
        "take off glasses",
        "take off jacket",
    ),
    *(
        "take something out of pocket",
        "taking a selfie",
        "tear up paper",
        "throw",
        "touch back",
        "touch chest",
    ),
    *(
        "touch head",
        "touch neck",
        "type on a keyboard",
        "use a fan",
        "wear jacket",
        "wear glasses",
        "wipe face",
        "writing",
    ),
)
RATE = 30.0
PERSONS, JOINTS = 2, 25
_NAME = r"(?:\d{4}|A\d{2}N\d{2})-[LMR]"
_SPLIT = r"cross[-_](?:subject|view)(?:_v2)?\.txt"
# How many recordings each part of the set has; the names of Part II begin with A.
_RECORDINGS = {1: 1076, 2: 1009}
_CAMERAS = {"L": 1, "M": 2, "R": 3}


class _Source(NamedTuple):
    skeleton: File
    label: File

    def __str__(self) -> str:
        return str(self.skeleton)


def open_pku_mmd(source: Path, *, continuous: bool = False) -> Dataset:
    """Recordings and their labels below `source`, in folders or zips: label files are in folders
    with "label" in the name.

    Each labelled instance is a clip, `0002-L-001` the first one of 0002-L; with `continuous` a clip
    is a whole recording, its instances are the store's `intervals`, and its label is the one that
    most of its frames have. Camera 1 is L, 2 is M, 3 is R. Split files (cross-subject.txt,
    cross-view.txt) become the protocols `xsub` and `xview`. Raises `InputError` for a source
    without recordings or labels.
    """
    found = find(
        source, rf"{_NAME}\.txt", "PKU-MMD's 0002-L.txt or A01N01-L.txt, skeletons and labels"
    )
    is_label = [_in_label_folder(file, source) for file in found.files]
    labels = {
        file.name.upper(): file for file, label in zip(found.files, is_label, strict=True) if label
    }
    skeletons = [file for file, label in zip(found.files, is_label, strict=True) if not label]
    if not labels or not skeletons:
        raise InputError(
            f"{source}: expected recordings and a folder of label files, got {len(skeletons)} and"
            f" {len(labels)}"
        )
    whole = [
        _Source(file, labels[file.name.upper()])
        for file in skeletons
        if file.name.upper() in labels
    ]
    if not whole:
        raise InputError(
            f"{source}: expected a label file for every recording, got {skeletons[0].name} and"
            f" {min(labels.values()).name}: are both of one part of the set?"
        )
    present = {2 if file.name[0] in "Aa" else 1 for file in skeletons}
    return Dataset(
        name="pku-mmd",
        layout=load_layout("ntu25"),
        labels=LABELS,
        rate=RATE,
        sources=whole,
        read=partial(read_recording, continuous=continuous),
        root=source,
        protocols={name: partial(_codes, parts=parts) for name, parts in _splits(source).items()},
        expected={"clips": sum(_RECORDINGS[part] for part in present)} if continuous else {},
        damaged=found.damaged,
        left_out={"without labels": len(skeletons) - len(whole)},
        files=sorted({Path(file.path) for one in whole for file in one}),
    )


def read_recording(source: _Source, continuous: bool = False) -> list[Clip | DamagedError]:
    """The clips of one recording; `DamagedError` names the file, skeletons or labels, and the line
    where it is damaged.

    An instance that cannot be used is damage in its place and leaves the others as they are.
    """
    values = read_table(read_plain(source.skeleton), PERSONS * JOINTS * 3, source.skeleton)
    if len(values) > LONGEST:
        damaged(source.skeleton, f"expected 1 to {LONGEST} frames, got {len(values)}")
    joints = values.reshape(-1, PERSONS, JOINTS, 3).astype(np.float32).transpose(1, 0, 2, 3).copy()
    joints[(joints == 0).all(axis=-1)] = np.nan
    if np.isnan(joints).all():
        damaged(
            source.skeleton, f"expected a body, got none in {counted(joints.shape[1], 'frame')}"
        )
    name = source.skeleton.name[: -len(".txt")].upper()
    camera = _CAMERAS[name[-1]]
    lines = [
        (at, line)
        for at, line in enumerate(read_plain(source.label).splitlines(), 1)
        if line.strip()
    ]
    if not lines:
        damaged(source.label, "expected labelled instances, got none")
    found: list[Clip | DamagedError] = []
    intervals, notes = [], []
    for number, (at, line) in enumerate(lines, 1):
        try:
            label, start, end, note = _instance(line, joints.shape[1], source.label, at=at)
            if not continuous and np.isnan(joints[:, start:end]).all():
                damaged(
                    source.skeleton,
                    f"expected a body in frames {start + 1} to {end}, got none",
                    start + 1,
                )
        except DamagedError as error:
            found.append(error)
            continue
        if continuous:
            intervals.append((label, start, end))
            notes += [note] if note else []
        else:
            found.append(
                Clip(
                    f"{name}-{number:03}",
                    _present(joints[:, start:end]),
                    label,
                    camera=camera,
                    note=note,
                )
            )
    if intervals:
        frames = np.zeros(len(LABELS))
        for label, start, end in intervals:
            frames[label] += end - start
        label = int(frames.argmax())
        found.append(
            Clip(
                name,
                _present(joints),
                label,
                camera=camera,
                intervals=intervals,
                note="; ".join(notes),
            )
        )
    return found


def _instance(line: bytes, frames: int, file: File, at: int) -> tuple[int, int, int, str]:
    """(label, start, end, what is odd about it): labels and frames from 0, end exclusive."""
    note = ""
    try:
        label, start, end = (int(word) for word in line.split(b",")[:3])
    except ValueError:
        damaged(
            file, f"expected class,start,end,confidence, got {line[:40].decode('latin1')!r}", at
        )
    if end < start:
        # Known of a few instances of the set.
        note = f"labelled from frame {start} to {end}, taken the other way round"
        start, end = end, start
    clipped = max(start, 1), min(end, frames)
    # Frames counted from 0, or an end that is the frame after the last.
    if clipped != (start, end) and start >= 0 and end <= frames + 1:
        note = "; ".join(
            text for text in (note, f"labelled from frame {start} to {end} of {frames}") if text
        )
        start, end = clipped
    if not 1 <= label <= len(LABELS) or not 1 <= start <= end <= frames:
        reason = f"expected a class from 1 to {len(LABELS)} in frames 1 to {frames}"
        damaged(file, f"{reason}, got class {label} in {start} to {end}", at)
    return label - 1, start - 1, end, note


def _present(joints: np.ndarray) -> np.ndarray:
    return joints if np.isfinite(joints[1]).any() else joints[:1]


def _in_label_folder(file: File, source: Path) -> bool:
    inside = str(file).removeprefix(str(source))
    return "label" in inside.rsplit("/", 1)[0].lower()


def _splits(source: Path) -> dict[str, dict[str, frozenset[str]]]:
    try:
        files = find(source, _SPLIT, "split files").files
    except InputError:
        return {}
    splits: dict[str, dict[str, frozenset[str]]] = {}
    for file in files:
        lines = read_plain(file).decode("latin1").splitlines()
        names = [
            frozenset(re.findall(_NAME, lines[at])) if at < len(lines) else frozenset()
            for at in (1, 3)
        ]
        if not all(names):
            raise InputError(
                f"{file}: expected training names in line 2 and test names in line 4, got none"
            )
        # One folder may hold both parts of the set, whose names differ.
        parts = splits.setdefault("xsub" if "subject" in file.name.lower() else "xview", {})
        for part, some in zip(("train", "test"), names, strict=True):
            parts[part] = parts.get(part, frozenset()) | some
    return splits


def _codes(index: np.ndarray, parts: dict[str, frozenset[str]]) -> np.ndarray:
    recordings = [re.sub(r"-\d{3,}$", "", str(name)) for name in index["name"]]
    codes = np.zeros(len(index), np.int8)
    for part, names in parts.items():
        codes[[name in names for name in recordings]] = PARTS[part]
    return codes
