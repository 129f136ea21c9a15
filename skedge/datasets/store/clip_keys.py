"""How clips are found again: in a merged store, and under another split too."""

import hashlib
from collections.abc import Sequence

import numpy as np

from skedge.datasets.store import Store

Numbers = Sequence[int] | np.ndarray


def keys(store: Store, clips: Numbers) -> np.ndarray:
    """A number of each clip of a store, made of its checksum and its length."""
    rows = store.index[np.asarray(clips, np.int64)]
    return (rows["frames"].astype("<u8") << 32) | rows["crc32"]


def digest(store: Store, clips: Numbers) -> str:
    """SHA-256 of which clips these are, in hex, in whatever order and store."""
    return hashlib.sha256(np.unique(keys(store, clips)).astype("<u8").tobytes()).hexdigest()
