"""MSR-Action3D (Li et al., CVPRW 2010): Kinect skeletons of 20 actions by 10 subjects, one text
file a clip."""

import re
from pathlib import Path

import numpy as np

from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.parsing.damage import damaged
from skedge.datasets.parsing.mat5 import MatError, read_text
from skedge.datasets.parsing.ntu_text import LONGEST
from skedge.datasets.parsing.tables import read_table
from skedge.datasets.source import File, find, read_bytes, read_plain
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import load_layout
from skedge.skeleton.text import counted

LABELS = (
    *(
        "high arm wave",
        "horizontal arm wave",
        "hammer",
        "hand catch",
        "forward punch",
        "high throw",
        "draw x",
        "draw tick",
    ),
    *(
        "draw circle",
        "hand clap",
        "two hand wave",
        "side boxing",
        "bend",
        "forward kick",
        "side kick",
        "jogging",
    ),
    *("tennis swing", "tennis serve", "golf swing", "pick up and throw"),
)
RATE = 15.0
TRAIN_SUBJECTS = (1, 3, 5, 7, 9)
JOINTS = 20
_NAME = re.compile(r"(a(\d{2})_s(\d{2})_e(\d{2}))_skeleton3D\.txt", re.IGNORECASE)
_LISTS = r"files_used\.mat|files_used_in_cvpr12_paper\.txt"


def open_msr_action3d(source: Path) -> Dataset:
    """The `aAA_sSS_eEE_skeleton3D.txt` files below `source`, in real-world coordinates.

    Where the list of the 557 clips in use (files_used.mat or files_used_in_cvpr12_paper.txt) is
    there, the others are left out. Frames of zeros become NaN. Protocol: `xsub`, subjects 1 3 5 7 9
    train, the others test. Raises `InputError` for a source without such files.
    """
    found = find(
        source,
        _NAME.pattern,
        "files called aAA_sSS_eEE_skeleton3D.txt (MSR-Action3D's real-world coordinates)",
    )
    listed = _listed(source)
    files = [file for file in found.files if listed is None or file.name[:11].lower() in listed]
    if not files:
        raise InputError(f"{source}: expected clips on its list of files used, got none")
    return Dataset(
        name="msr-action3d",
        layout=load_layout("msr20"),
        labels=LABELS,
        rate=RATE,
        sources=files,
        read=read_clip,
        root=source,
        protocols={"xsub": lambda index: np.where(np.isin(index["subject"], TRAIN_SUBJECTS), 1, 3)},
        expected={"clips": 557, "xsub": {"train": 284, "test": 273}},
        damaged=found.damaged,
        left_out={"not on the list of files used": len(found.files) - len(files)},
    )


def read_clip(file: File) -> list[Clip]:
    """The clip in one text file: x, y, z in metres and a confidence per line, 20 lines per frame;
    `DamagedError` names it."""
    match = _NAME.fullmatch(file.name)
    if match is None or not 1 <= int(match[2]) <= len(LABELS):
        damaged(
            file,
            "expected a name like a01_s01_e01_skeleton3D.txt with an action from 1 to"
            f" {len(LABELS)}",
        )
    values = read_table(read_plain(file), 4, file)
    if len(values) % JOINTS or len(values) > JOINTS * LONGEST:
        damaged(
            file,
            f"expected {JOINTS} joints a frame, got {len(values)} lines; is it truncated?",
            len(values),
        )
    joints = values[:, :3].reshape(1, -1, JOINTS, 3).astype(np.float32)
    absent = (joints == 0).all(axis=(2, 3))
    if absent.all():
        damaged(file, f"expected a body, got only zeros in {counted(joints.shape[1], 'frame')}")
    joints[absent] = np.nan
    note = f"{absent.sum()} of {absent.size} frames are zeros" if absent.any() else ""
    return [Clip(match[1], joints, int(match[2]) - 1, subject=int(match[3]), note=note)]


def _listed(source: Path) -> frozenset[str] | None:
    try:
        file = find(source, _LISTS, "a list").files[0]
    except InputError:
        return None
    content = read_bytes(file)
    if file.name.endswith(".mat"):
        try:
            content = read_text(content)
        except MatError as error:
            raise InputError(
                f"{file}: expected the list of files used, it cannot be read ({error})"
            ) from None
    names = frozenset(re.findall(r"a\d{2}_s\d{2}_e\d{2}", content.decode("latin1")))
    if not names:
        raise InputError(f"{file}: expected names like a01_s01_e01, got none")
    return names
