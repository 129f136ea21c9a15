"""Whether a store still holds what was written."""

import zlib

import numpy as np

from skedge.datasets.progress import progress
from skedge.datasets.store import Store
from skedge.skeleton.errors import InputError


def check(store: Store) -> list[str]:
    """Names of the clips that are not what was written; all are read."""
    every = progress(range(len(store)), "Checking", len(store))
    return [str(store.index["name"][i]) for i in every if not is_whole(store, i)]


def is_whole(store: Store, number: int) -> bool:
    """Whether a clip lies inside the file, and its bytes give the checksum in the index."""
    try:
        clip = store.clip(number)
    except InputError:
        return False
    return zlib.crc32(np.ascontiguousarray(clip).data) == int(store.index["crc32"][number])
