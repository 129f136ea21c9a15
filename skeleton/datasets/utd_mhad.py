"""UTD-MHAD (Chen et al., ICIP 2015): Kinect v1 skeletons of 27 actions by 8 subjects, one .mat file a clip."""

import re
from pathlib import Path

import numpy as np

from skeleton.datasets.progress import progress
from skeleton.datasets.store import StoreWriter
from skeleton.errors import InputError
from skeleton.layout import check_joint_count, load_layout

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
_NAME = re.compile(r"a(\d+)_s(\d+)_t(\d+)_skeleton\.mat")


def import_utd_mhad(source: Path | str, store: Path | str, *, overwrite: bool = False) -> None:
    """Import a folder of `aA_sS_tT_skeleton.mat` files (at any depth) into a new store.

    Protocols: `xsub`, the standard one (odd subjects train, even subjects test), and `xsub-val`, for choices that must not
    see the test subjects (1 3 5 train, 7 val, even test). Raises `InputError` for a folder without such files and for a
    damaged file, by name.
    """
    source = Path(source)
    if not source.is_dir():
        raise InputError(f"{source}: expected a folder with UTD-MHAD's aA_sS_tT_skeleton.mat files, got {_what(source)}")
    found = [(tuple(map(int, match.groups())), path) for path in source.rglob("*.mat") if (match := _NAME.fullmatch(path.name))]
    if not found:
        raise InputError(f"{source}: expected files called aA_sS_tT_skeleton.mat (UTD-MHAD's Skeleton folder), got none")
    layout = load_layout("utd-mhad20")
    made_by = {"format": "utd-mhad", "source": source.name}
    with StoreWriter(
        store, name="utd-mhad", layout=layout, labels=LABELS, rate=RATE, made_by=made_by, overwrite=overwrite
    ) as writer:
        for (action, subject, _), path in progress(sorted(found), "Importing"):
            if not 1 <= action <= len(LABELS):
                raise InputError(f"{path}: expected an action from 1 to {len(LABELS)} in the name, got {action}")
            writer.add(path.name.removesuffix("_skeleton.mat"), read_clip(path), label=action - 1, subject=subject)
        writer.protocol("xsub", lambda index: np.where(index["subject"] % 2 == 1, 1, 3))
        writer.protocol("xsub-val", lambda index: np.where(index["subject"] % 2 == 0, 3, np.where(index["subject"] == 7, 2, 1)))


def read_clip(path: Path | str) -> np.ndarray:
    """One .mat file as joints (1, T, 20, 3) float32, in metres, y up; `InputError` names the file where it is damaged."""
    from scipy.io import loadmat

    try:
        # MATLAB files can hold opaque objects, but nothing in one is ever executed by this reader.
        variables = loadmat(path, variable_names=["d_skel"])
    except Exception as error:  # truncated files make scipy raise almost anything: zlib.error, TypeError, ValueError, ...
        raise InputError(
            f"{path}: expected a MATLAB file, got one that cannot be read ({type(error).__name__}); is it truncated?"
        ) from None
    frames = variables.get("d_skel")
    if frames is None:
        raise InputError(f"{path}: expected the variable d_skel, got none of that name; is it a skeleton file of UTD-MHAD?")
    if not isinstance(frames, np.ndarray) or frames.dtype.kind not in "fiu" or frames.ndim != 3 or frames.shape[1] != 3:
        shape = getattr(frames, "shape", type(frames).__name__)
        raise InputError(f"{path}: expected d_skel as numbers of shape (20, 3, frames), got {shape}")
    check_joint_count(frames.shape[0], load_layout("utd-mhad20"), str(path))
    joints = np.ascontiguousarray(frames.transpose(2, 0, 1)[None], dtype=np.float32)
    if not np.isfinite(joints).all(axis=-1).any():
        raise InputError(f"{path}: expected coordinates in metres, got no finite joint in {joints.shape[1]} frames")
    return joints


def _what(path: Path) -> str:
    return "a file" if path.exists() else "nothing at that path"
