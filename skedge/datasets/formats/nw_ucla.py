"""Northwestern-UCLA (Wang et al., CVPR 2014): Kinect v1 skeletons of 10 actions from three views,
one JSON file a clip."""

import json
import re
from pathlib import Path

import numpy as np

from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.parsing.damage import check_joints, damaged
from skedge.datasets.parsing.ntu_text import LONGEST
from skedge.datasets.source import File, find, read_bytes
from skedge.skeleton.files import parse_json
from skedge.skeleton.layout import load_layout
from skedge.skeleton.text import counted

ACTIONS = {
    1: "pick up with one hand",
    2: "pick up with two hands",
    3: "drop trash",
    4: "walk around",
    5: "sit down",
    6: "stand up",
    8: "donning",
    9: "doffing",
    11: "throw",
    12: "carry",
}
TRAIN_CAMERAS = (1, 2)
_NAME = re.compile(r"(a(\d+)_s(\d+)_e(\d+)_v(\d+))\.json", re.IGNORECASE)


def open_nw_ucla(source: Path, *, rate: float | None = None) -> Dataset:
    """The `aAA_sSS_eEE_vVV.json` files below `source`, as CTR-GCN and others share them (all_sqe).

    `rate` in frames per second is not published; people sit down within 20 frames, so it is well
    below a Kinect's 30. Protocol: `xview`, views 1 and 2 train, view 3 tests. Raises `InputError`
    for a source without such files.
    """
    found = find(source, _NAME.pattern, "files called aAA_sSS_eEE_vVV.json")
    return Dataset(
        name="nw-ucla",
        layout=load_layout("kinect20"),
        labels=tuple(ACTIONS.values()),
        rate=rate,
        sources=found.files,
        read=read_clip,
        root=source,
        protocols={"xview": lambda index: np.where(np.isin(index["camera"], TRAIN_CAMERAS), 1, 3)},
        expected={"clips": 1484, "xview": {"train": 1020, "test": 464}},
        damaged=found.damaged,
    )


def read_clip(file: File) -> list[Clip]:
    """The clip in one JSON file, key `skeletons` (T, 20, 3) in metres; `DamagedError` names it."""
    match = _NAME.fullmatch(file.name)
    if match is None or int(match[2]) not in ACTIONS:
        damaged(
            file,
            "expected a name like a01_s01_e00_v01 with an action of"
            f" {', '.join(map(str, ACTIONS))}",
        )
    content = read_bytes(file)
    try:
        skeletons = parse_json(content)["skeletons"]
    except json.JSONDecodeError as error:
        damaged(file, "expected JSON, got something else; is it truncated?", error.lineno)
    except (ValueError, TypeError, KeyError):
        damaged(file, "expected a JSON object with the key skeletons")
    try:
        joints = np.array(skeletons, dtype=np.float64)
    except (ValueError, TypeError, OverflowError, RecursionError):
        damaged(
            file,
            "expected skeletons as numbers (T, 20, 3), got rows of unequal length or something that"
            " is no number",
        )
    if joints.ndim != 3 or joints.shape[2] != 3 or not 0 < len(joints) <= LONGEST:
        damaged(file, f"expected skeletons as numbers (T, 20, 3), got {joints.shape}")
    check_joints(joints.shape[1], load_layout("kinect20"), file)
    if not (np.abs(joints) < 3e38).all():
        damaged(file, "expected coordinates in metres, got NaN or infinity")
    joints = joints[None].astype(np.float32)
    absent = (joints == 0).all(axis=(2, 3))
    if absent.all():
        damaged(file, f"expected a body, got only zeros in {counted(joints.shape[1], 'frame')}")
    joints[absent] = np.nan
    label = list(ACTIONS).index(int(match[2]))
    return [Clip(match[1], joints, label, subject=int(match[3]), camera=int(match[5]))]
