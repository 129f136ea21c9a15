"""UTD-MHAD (Chen et al., ICIP 2015): Kinect v1 skeletons of 27 actions by 8 subjects, one .mat file
a clip."""

import re
from pathlib import Path

import numpy as np

from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.parsing.damage import check_joints, damaged
from skedge.datasets.parsing.mat5 import MatError, read_variable
from skedge.datasets.source import File, find, read_bytes
from skedge.skeleton.layout import load_layout
from skedge.skeleton.text import counted

LABELS = (
    "swipe left",
    "swipe right",
    "wave",
    "clap",
    "throw",
    "arm cross",
    "basketball shoot",
    "draw x",
    "draw circle clockwise",
    "draw circle counter-clockwise",
    "draw triangle",
    "bowling",
    "boxing",
    "baseball swing",
    "tennis swing",
    "arm curl",
    "tennis serve",
    "push",
    "knock",
    "catch",
    "pick up and throw",
    "jog",
    "walk",
    "sit to stand",
    "stand to sit",
    "lunge",
    "squat",
)
RATE = 30.0
_NAME = re.compile(r"a(\d+)_s(\d+)_t(\d+)_skeleton\.mat", re.IGNORECASE)


def open_utd_mhad(source: Path) -> Dataset:
    """The `aA_sS_tT_skeleton.mat` files below `source`, at any depth, in folders or zips.

    Protocols: `xsub`, the standard one (odd subjects train, even subjects test), and `xsub-val`,
    for choices that must not see the test subjects (1 3 5 train, 7 val, even test). Raises
    `InputError` for a source without such files.
    """
    found = find(
        source, _NAME.pattern, "files called aA_sS_tT_skeleton.mat (UTD-MHAD's Skeleton folder)"
    )
    return Dataset(
        name="utd-mhad",
        layout=load_layout("utd-mhad20"),
        labels=LABELS,
        rate=RATE,
        sources=sorted(found.files, key=_numbers),
        read=read_clip,
        root=source,
        protocols={
            "xsub": lambda index: np.where(index["subject"] % 2 == 1, 1, 3),
            "xsub-val": lambda index: np.where(
                index["subject"] % 2 == 0, 3, np.where(index["subject"] == 7, 2, 1)
            ),
        },
        expected={"clips": 861, "xsub": {"train": 431, "test": 430}},
        damaged=found.damaged,
    )


def read_clip(file: File) -> list[Clip]:
    """The clip in one .mat file; `DamagedError` names the file where it is damaged."""
    action, subject, _ = _numbers(file)
    if not 1 <= action <= len(LABELS):
        damaged(file, f"expected an action from 1 to {len(LABELS)} in the name, got {action}")
    try:
        frames = read_variable(read_bytes(file), "d_skel")
    except MatError as error:
        damaged(
            file, f"expected a MATLAB file, got one that cannot be read ({error}); is it truncated?"
        )
    if frames is None:
        damaged(
            file,
            "expected the variable d_skel, got none of that name; is it a skeleton file of"
            " UTD-MHAD?",
        )
    if frames.ndim != 3 or frames.shape[1] != 3:
        damaged(file, f"expected d_skel as numbers of shape (20, 3, frames), got {frames.shape}")
    check_joints(frames.shape[0], load_layout("utd-mhad20"), file)
    with np.errstate(over="ignore"):
        joints = np.ascontiguousarray(frames.transpose(2, 0, 1)[None], dtype=np.float32)
    if not joints.size or not np.isfinite(joints).all():
        damaged(
            file,
            f"expected coordinates in metres, got NaN, infinity or nothing in"
            f" {counted(joints.shape[1], 'frame')}",
        )
    return [Clip(file.name[: -len("_skeleton.mat")], joints, action - 1, subject=subject)]


def _numbers(file: File) -> tuple[int, ...]:
    match = _NAME.fullmatch(file.name)
    return tuple(map(int, match.groups())) if match else (0, 0, 0)
