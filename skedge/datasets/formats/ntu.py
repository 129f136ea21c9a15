"""NTU RGB+D 60 and 120 (Shahroudy et al., CVPR 2016; Liu et al., TPAMI 2019) as raw `.skeleton`
files."""

import re
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.parsing.bodies import SELECTIONS
from skedge.datasets.parsing.damage import damaged
from skedge.datasets.parsing.ntu_labels import LABELS
from skedge.datasets.parsing.ntu_text import parse
from skedge.datasets.source import File, find, read_plain
from skedge.datasets.store import Division
from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.layout import load_layout
from skedge.skeleton.text import counted

NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})", re.IGNORECASE)
RATE = 30.0
TRAIN_SUBJECTS = (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)
MORE_TRAIN_SUBJECTS = (
    *(
        45,
        46,
        47,
        49,
        50,
        52,
        53,
        54,
        55,
        56,
        57,
        58,
        59,
        70,
        74,
        78,
        80,
        81,
        82,
        83,
        84,
        85,
        86,
        89,
    ),
    *(91, 92, 93, 94, 95, 97, 98, 100, 103),
)
TRAIN_CAMERAS = (2, 3)


class _Edition(NamedTuple):
    classes: int
    # Clips in the published set, those with a skeleton, and [train, test] of each split.
    published: int
    clips: int
    splits: dict[str, tuple[int, int]]


EDITIONS = {
    "ntu60": _Edition(
        60, 56_880, 56_578, splits={"xsub": (40_091, 16_487), "xview": (37_646, 18_932)}
    ),
    "ntu120": _Edition(
        120, 114_480, 113_945, splits={"xsub": (63_026, 50_919), "xset": (54_468, 59_477)}
    ),
}


def open_ntu(
    edition: str, source: Path, *, missing: Path | str | None = None, bodies: str = "denoise"
) -> Dataset:
    """The `.skeleton` files below `source`, in folders or in the zips as downloaded.

    `edition` is ntu60 or ntu120. `missing` is the path of the set's list of samples without a
    skeleton, which are left out. `bodies` names a convention of `skedge.datasets.parsing.bodies`.
    Files of other classes than the edition's are left out. Protocols: `xsub`, and `xview` (ntu60)
    or `xset` (ntu120). Raises `InputError` for a source without such files and for a list that
    holds no names.
    """
    wanted = EDITIONS[edition]
    if bodies not in SELECTIONS:
        raise InputError(
            f"unknown way to choose bodies {bodies!r}: expected one of {', '.join(SELECTIONS)}"
        )
    found = find(
        source,
        NAME.pattern + r"\.skeleton",
        "files called SsssCcccPpppRrrrAaaa.skeleton, in folders or zips",
    )
    absent = _missing(missing) if missing is not None else frozenset()
    files = [file for file in found.files if 0 < _numbers(file)[4] <= wanted.classes]
    kept = [file for file in files if file.name[:20].upper() not in absent]
    if not kept:
        raise InputError(
            f"{source}: expected clips of {edition}, got none of its classes that is not on the"
            " missing list"
        )
    protocols = {"xsub": _by("subject", TRAIN_SUBJECTS + MORE_TRAIN_SUBJECTS)}
    if edition == "ntu60":
        protocols = {"xsub": _by("subject", TRAIN_SUBJECTS), "xview": _by("camera", TRAIN_CAMERAS)}
    else:
        protocols["xset"] = lambda index: np.where(index["setup"] % 2 == 0, 1, 3)
    return Dataset(
        name=edition,
        layout=load_layout("ntu25"),
        labels=LABELS[: wanted.classes],
        rate=RATE,
        sources=kept,
        read=partial(read_clip, bodies=bodies),
        root=source,
        protocols=protocols,
        expected={
            "clips": wanted.clips,
            **{
                name: dict(zip(("train", "test"), counts, strict=True))
                for name, counts in wanted.splits.items()
            },
        },
        damaged=found.damaged,
        persons_chosen=True,
        left_out={
            "of other classes": len(found.files) - len(files),
            "on the missing list": len(files) - len(kept),
        },
    )


def read_clip(file: File, bodies: str = "denoise") -> list[Clip]:
    """The clip in one `.skeleton` file; `DamagedError` names the file and the line where it is
    damaged."""
    match = NAME.match(file.name)
    if match is None:
        damaged(file, "expected a name like S001C001P001R001A001")
    setup, camera, subject, _, action = map(int, match.groups())
    joints = SELECTIONS[bodies](parse(read_plain(file), file))
    if not np.isfinite(joints).any():
        damaged(
            file, f"expected a body, got only joints at zero in {counted(joints.shape[1], 'frame')}"
        )
    return [Clip(match[0].upper(), joints, action - 1, subject=subject, camera=camera, setup=setup)]


def _numbers(file: File) -> list[int]:
    match = NAME.match(file.name)
    return [int(number) for number in match.groups()] if match else [0] * 5


def _missing(path: Path | str) -> frozenset[str]:
    try:
        lines = Path(path).read_text("utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise InputError(
            f"{path}: expected the list of samples without skeletons, got: {reason(error)}"
        ) from None
    names = frozenset(line.strip().upper() for line in lines if NAME.fullmatch(line.strip()))
    if not names:
        raise InputError(f"{path}: expected names like S001C002P005R002A008, one a line, got none")
    return names


def _by(field: str, train: tuple[int, ...]) -> Division:
    return lambda index: np.where(np.isin(index[field], train), 1, 3)
