"""What the arrays of ST-GCN and CTR-GCN have in common: clips padded with zeros to one length."""

import re

import numpy as np

from skedge.datasets.importer import Clip
from skedge.datasets.parsing.damage import damaged
from skedge.datasets.store import PARTS, Division
from skedge.skeleton.text import counted

_NTU_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")


def is_ntu(name: str) -> bool:
    """Whether a clip is called as NTU RGB+D's are."""
    return _NTU_NAME.fullmatch(name.removesuffix(".skeleton")) is not None


def unpad(joints: np.ndarray, name: str, label: int, file: object) -> Clip:
    """A clip of joints (M, T, V, 3) with zeros where nobody is: trailing frames and persons of
    zeros go, others are NaN. NaN and infinity are absent joints.

    Subject, camera and setup are read off the name where it is one of NTU RGB+D's. Raises
    `DamagedError` for a clip in which nobody is.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        joints = np.array(joints, np.float32)
    joints[~np.isfinite(joints).all(axis=-1)] = np.nan
    # A single joint at zero may be the origin of the coordinates (`absent_zeros`).
    joints[(np.nan_to_num(joints) == 0).all(axis=(2, 3))] = np.nan
    seen = np.isfinite(joints).any(axis=(2, 3))
    if not seen.any():
        damaged(file, f"expected a body, got only zeros in {counted(joints.shape[1], 'frame')}")
    frames = int(np.flatnonzero(seen.any(axis=0))[-1]) + 1
    persons = int(np.flatnonzero(seen.any(axis=1))[-1]) + 1
    name = name.removesuffix(".skeleton")
    match = _NTU_NAME.fullmatch(name)
    setup, camera, subject = (
        (int(match[1]), int(match[2]), int(match[3])) if match else (-1, -1, -1)
    )
    return Clip(name, joints[:persons, :frames], label, subject=subject, camera=camera, setup=setup)


def in_order(parts: dict[str, frozenset[str]]) -> Division:
    """The split whose parts hold clips of these names."""

    def codes(index: np.ndarray) -> np.ndarray:
        found = np.zeros(len(index), np.int8)
        for part, names in parts.items():
            found[[str(name) in names for name in index["name"]]] = PARTS[part]
        return found

    return codes
