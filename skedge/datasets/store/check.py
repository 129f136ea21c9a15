"""Whether a store still holds what was written."""

import zlib

import numpy as np

from skedge.datasets.progress import progress
from skedge.datasets.store import Store


def check(store: Store) -> list[str]:
    """Names of the clips that are not what was written; all are read."""
    every = progress(range(len(store)), "Checking", len(store))
    return [str(store.index["name"][i]) for i in every if not is_whole(store, i)]


def is_whole(store: Store, number: int) -> bool:
    """Whether a clip lies inside the file, and its bytes give the checksum in the index."""
    entry = store.index[number]
    offset, persons, frames = (int(entry[field]) for field in ("offset", "persons", "frames"))
    rows = len(store.joints)
    inside = offset >= 0 and persons > 0 and frames > 0 and offset + persons * frames <= rows
    return inside and (
        zlib.crc32(np.ascontiguousarray(store.clip(number)).data) == int(entry["crc32"])
    )
