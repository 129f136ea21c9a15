"""Pose recordings: the bodies that a pose estimator saw in a film, without any picture.

A recording is one .npz file with an entry per body and picture, N in all:

    picture (N,) int       number of the picture, from 0
    person (N,) int        who it is: the same number while the body is followed
    whole (N,) bool        whether enough of the body is in view to recognise actions
    confidence (N,) float  of the body, 0 to 1
    joints (N, V, 3) float metres, y up, NaN where a joint is absent
    pixels (N, V, 2) float place in the picture, or all NaN
    rate, pictures         pictures per second, and how many the film has
    width, height          of the picture, in pixels
    layout                 name of the joint layout; "blazepose33" where it is missing
    label                  what is done in it; empty or missing where nobody said
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout, load_layout

LAYOUT = "blazepose33"
# Bytes that the arrays of one file may take: some ten hours of one person.
LARGEST = 2**30


@dataclass(frozen=True, eq=False)
class PoseRecording:
    """Bodies of one film: `seconds`, `person`, `whole` (N,) and `joints` (N, V, 3) in metres.

    `duration` is how long the film lasts, in seconds; `label` what is done in it, None where nobody
    said.
    """

    name: str
    label: str | None
    layout: Layout
    seconds: np.ndarray
    person: np.ndarray
    whole: np.ndarray
    joints: np.ndarray
    duration: float
    rate: float


def read_poses(path: Path) -> Iterator[PoseRecording]:
    """The recordings of one .npz file, or of all in a folder, by name.

    Raises `InputError` for a folder without any and for a file that is something else.
    """
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    if not files:
        raise InputError(
            f"{path}: expected pose recordings (.npz files with picture, person, whole and joints),"
            " found none; `skedge live --record-poses` writes them"
        )
    for file in files:
        yield _read(file)


def _read(file: Path) -> PoseRecording:
    arrays = _arrays(file)
    missing = {"picture", "person", "joints", "rate"} - arrays.keys()
    if missing:
        raise InputError(
            f"{file}: expected a pose recording, got no {', '.join(sorted(missing))}; the format is"
            " described in docs/own-data.md"
        )
    layout = load_layout(str(arrays["layout"]) if "layout" in arrays else LAYOUT)
    joints = np.asarray(arrays["joints"], np.float32)
    picture = np.asarray(arrays["picture"])
    rate = float(arrays["rate"])
    if joints.shape != (len(picture), len(layout), 3) or len(arrays["person"]) != len(picture):
        raise InputError(
            f"{file}: expected picture and person (N,) and joints (N, {len(layout)}, 3), got"
            f" {picture.shape}, {arrays['person'].shape} and {joints.shape}"
        )
    if not 0 < rate < np.inf:
        raise InputError(f"{file}: expected a rate in pictures per second, got {rate}")
    pictures = int(arrays["pictures"]) if "pictures" in arrays else int(picture.max(initial=-1)) + 1
    label = str(arrays["label"]) if "label" in arrays else ""
    return PoseRecording(
        file.stem,
        label or None,
        layout,
        picture / rate,
        np.asarray(arrays["person"]),
        np.asarray(arrays.get("whole", np.ones(len(picture))), bool),
        joints,
        pictures / rate,
        rate,
    )


def _arrays(file: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST:
            raise InputError(f"{file}: expected a pose recording, got {size // 2**20} MB of arrays")
        with np.load(file, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{file}: expected a pose recording (.npz), it cannot be read ({error})"
        ) from None
