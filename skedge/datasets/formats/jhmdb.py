"""JHMDB (Jhuang et al., ICCV 2013): people of films, 15 joints in the picture, 21 actions, one .mat
file a clip."""

import re
from pathlib import Path

import numpy as np

from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.mending import in_metres
from skedge.datasets.parsing.damage import check_joints, damaged
from skedge.datasets.parsing.mat5 import MatError, read_variable
from skedge.datasets.parsing.padded import in_order
from skedge.datasets.source import File, find, find_placed, placed, read_bytes, read_plain
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import load_layout

LABELS = (
    *("brush_hair", "catch", "clap", "climb_stairs", "golf", "jump", "kick_ball"),
    *("pick", "pour", "pullup", "push", "run", "shoot_ball", "shoot_bow"),
    *("shoot_gun", "sit", "stand", "swing_baseball", "throw", "walk", "wave"),
)
RATE = 30.0
LARGEST = 1e6  # pixels: no picture is as wide
_FILE = "joint_positions.mat"
_PLACE = re.compile(rf"(?:^|/)({'|'.join(LABELS)})/([^/]+)/{re.escape(_FILE)}", re.IGNORECASE)
_SPLIT = re.compile(r"(.+)_test_split([123])\.txt", re.IGNORECASE)
_PARTS = {"1": "train", "2": "test"}


def open_jhmdb(source: Path) -> Dataset:
    """The `ACTION/CLIP/joint_positions.mat` files below `source`, in two dimensions.

    The places in the picture (pos_img) become bodies of 1.70 m with z 0. Protocols: `split-1` to
    `split-3`, where the set's lists `ACTION_test_splitN.txt` are below `source` too. Raises
    `InputError` for a source without such files.
    """
    found, elsewhere = find_placed(source, _FILE, _PLACE, like="wave/CLIP")
    splits = _splits(source)
    return Dataset(
        name="jhmdb",
        layout=load_layout("jhmdb15"),
        labels=LABELS,
        rate=RATE,
        sources=found.files,
        read=read_clip,
        root=source,
        protocols={name: in_order(parts) for name, parts in splits.items()},
        expected={"clips": 928},
        damaged=found.damaged,
        left_out={"not in the folder of an action": elsewhere},
        absent_known=True,
    )


def read_clip(file: File) -> list[Clip]:
    """The clip in one .mat file, pos_img (2, 15, frames) in pixels; `DamagedError` names it."""
    place = placed(file, _PLACE)
    assert place is not None, "only files in an action's folder are read"
    try:
        picture = read_variable(read_bytes(file), "pos_img")
    except MatError as error:
        damaged(
            file, f"expected a MATLAB file, got one that cannot be read ({error}); is it truncated?"
        )
    if picture is None or picture.ndim != 3 or picture.shape[0] != 2 or not picture.size:
        got = "none" if picture is None else f"{picture.shape}"
        damaged(file, f"expected pos_img as numbers of shape (2, 15, frames), got {got}")
    layout = load_layout("jhmdb15")
    check_joints(picture.shape[1], layout, file)
    places = picture.transpose(2, 1, 0)[None].astype(np.float64)
    places[~(np.abs(places) < LARGEST).all(axis=-1)] = np.nan
    # In a picture the right hand of a person who faces the camera is at smaller x.
    joints = in_metres(places, layout, file) * np.array([-1, 1, 1], np.float32)
    return [Clip(f"{place[1].lower()}/{place[2]}", joints, LABELS.index(place[1].lower()))]


def _splits(source: Path) -> dict[str, dict[str, frozenset[str]]]:
    """The names of the clips of both parts, by split; none where the lists are not there."""
    try:
        lists = find(source, _SPLIT.pattern, "lists").files
    except InputError:
        return {}
    named: dict[str, dict[str, set[str]]] = {}
    for file in lists:
        match = _SPLIT.fullmatch(file.name)
        assert match is not None, "only lists are found"
        parts = named.setdefault(f"split-{match[2]}", {part: set() for part in _PARTS.values()})
        for line in read_plain(file).decode("utf-8", "replace").splitlines():
            words = line.split()
            if len(words) == 2 and words[1] in _PARTS:
                name = f"{match[1].lower()}/{words[0].removesuffix('.avi')}"
                parts[_PARTS[words[1]]].add(name)
    return {
        split: {part: frozenset(names) for part, names in parts.items()}
        for split, parts in sorted(named.items())
    }
