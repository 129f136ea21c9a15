"""SBU Kinect Interaction (Yun et al., CVPR Workshops 2012): skeletons of two people in 8
interactions, one text file a clip."""

import re
from functools import partial
from pathlib import Path

import numpy as np

from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.parsing.damage import damaged
from skedge.datasets.parsing.ntu_text import LONGEST
from skedge.datasets.parsing.tables import read_table
from skedge.datasets.source import File, find_placed, placed, read_plain
from skedge.skeleton.layout import load_layout
from skedge.skeleton.text import counted

LABELS = (
    *("approaching", "departing", "kicking", "punching"),
    *("pushing", "hugging", "shaking hands", "exchanging"),
)
RATE = 15.0
JOINTS, PERSONS = 15, 2
_BESIDE = 0.1  # of the picture, that joints may lie beside it
# The 21 pairs of people, in the order by which the five folds number them.
PAIRS = (
    *("s01s02", "s01s03", "s01s07", "s02s01", "s02s03", "s02s06", "s02s07"),
    *("s03s02", "s03s04", "s03s05", "s03s06", "s04s02", "s04s03", "s04s06"),
    *("s05s02", "s05s03", "s06s02", "s06s03", "s06s04", "s07s01", "s07s03"),
)
FOLDS = ((1, 9, 15, 19), (5, 7, 10, 16), (2, 3, 20, 21), (4, 6, 8, 11), (12, 13, 14, 17, 18))
_FILE = "skeleton_pos.txt"
_PLACE = re.compile(rf"(s(\d\d)s\d\d)/(\d\d)/(\d+)/{re.escape(_FILE)}", re.IGNORECASE)


def open_sbu(source: Path) -> Dataset:
    """The `sAAsBB/CC/DDD/skeleton_pos.txt` files below `source`: persons, action, repetition.

    Both persons are kept, in the file's order. Protocols: `fold-1` to `fold-5`, of which each tests
    on four or five of the 21 pairs of people (`setup`). Raises `InputError` for a source without
    such files.
    """
    found, elsewhere = find_placed(source, _FILE, _PLACE, like="s01s02/01/001")
    return Dataset(
        name="sbu",
        layout=load_layout("sbu15"),
        labels=LABELS,
        rate=RATE,
        sources=found.files,
        read=read_clip,
        root=source,
        protocols={
            f"fold-{number}": partial(_fold, tested=tested)
            for number, tested in enumerate(FOLDS, 1)
        },
        expected={"clips": 282},
        damaged=found.damaged,
        left_out={"not in a folder like s01s02/01/001": elsewhere},
        persons_chosen=True,
    )


def read_clip(file: File) -> list[Clip]:
    """The clip in one text file: one frame per line, its number, then x, y, z of 15 joints of two
    persons, as shares of the picture and of the depth; `DamagedError` names it.

    In metres x is 1.28 - 2.56 x', y 0.96 - 1.92 y' and z 1.28 z', as the set's description has it.
    """
    place = placed(file, _PLACE)
    if place is None or not 1 <= int(place[3]) <= len(LABELS) or place[1].lower() not in PAIRS:
        damaged(
            file,
            f"expected a folder like s01s02/01/001 of a pair of the set, with an action from 1 to"
            f" {len(LABELS)}",
        )
    table = read_table(read_plain(file), 1 + PERSONS * JOINTS * 3, file, commas=True, absent=True)
    if len(table) > LONGEST:
        damaged(file, f"expected at most {LONGEST} frames, got {len(table)}")
    shares = table[:, 1:].reshape(-1, PERSONS, JOINTS, 3).swapaxes(0, 1)
    absent = (shares == 0).all(axis=-1) | ~np.isfinite(shares).all(axis=-1)
    if absent.all():
        damaged(file, f"expected bodies, got only zeros in {counted(len(table), 'frame')}")
    picture = shares[~absent][:, :2]
    if ((picture < -_BESIDE) | (picture > 1 + _BESIDE)).any(axis=1).mean() > 0.5:
        low, high = picture.min(), picture.max()
        damaged(
            file,
            f"expected x and y as shares of the picture, 0 to 1, got {low:.1f} to {high:.1f}: are"
            " these metres, or otherwise normalised?",
        )
    joints = np.array([1.28, 0.96, 0]) + np.array([-2.56, -1.92, 1.28]) * shares
    joints[absent] = np.nan
    pair = place[1].lower()
    name = f"{pair}_{place[3]}_{place[4]}"
    label, setup = int(place[3]) - 1, PAIRS.index(pair) + 1
    return [Clip(name, joints.astype(np.float32), label, subject=int(place[2]), setup=setup)]


def _fold(index: np.ndarray, tested: tuple[int, ...]) -> np.ndarray:
    return np.where(np.isin(index["setup"], tested), 3, 1)
