"""Recorded skeletons as frames that bring their people."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.scoring.predict import RATE, read_clip
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout, load_layout

# Which layout a file of so many joints is taken for.
LAYOUTS = {"coco17": 17, "kinect20": 20, "ntu25": 25, "blazepose33": 33}


def frames_of(clip: np.ndarray, rate: float) -> Iterator[Frame]:
    """A clip (T, M, V, 3) in metres, NaN where absent, as frames `rate` a second; persons go by
    their place in the clip."""
    for number, bodies in enumerate(clip):
        seen = [
            (person, joints) for person, joints in enumerate(bodies) if np.isfinite(joints).any()
        ]
        yield Frame(None, number / rate, tuple(Person(person, joints) for person, joints in seen))


def clip_of_store(store: Path, name: str) -> tuple[Iterator[Frame], Layout]:
    """The clip called `name` of a store, and its layout; raises `InputError` where either is not
    there."""
    from skedge.datasets.store import Store

    opened = Store(store)
    return frames_of(
        opened.clip(opened.find(name)).transpose(1, 0, 2, 3), opened.rate or RATE
    ), opened.layout


def clip_of_file(path: Path) -> tuple[Iterator[Frame], Layout]:
    """The clip (T, V, 3) or (T, M, V, 3) in a .npy or .npz file, 30 frames a second; raises
    `InputError` for anything else.

    The layout is that of so many joints (`LAYOUTS`); a clip of another one goes into a store first,
    which names it.
    """
    clip = read_clip(path)
    shape = clip.shape
    numbers = np.issubdtype(clip.dtype, np.floating) or np.issubdtype(clip.dtype, np.integer)
    names = [
        name
        for name, joints in LAYOUTS.items()
        if len(shape) in (3, 4) and shape[-2:] == (joints, 3)
    ]
    if not names or not numbers or 0 in shape:
        raise InputError(
            f"{path}: expected skeletons (frames, joints, 3) or (frames, persons, joints, 3) of "
            f"{', '.join(map(str, LAYOUTS.values()))} joints, got an array {shape} of {clip.dtype}"
        )
    joints = clip.astype(np.float32)
    return frames_of(joints if joints.ndim == 4 else joints[:, None], RATE), load_layout(names[0])
