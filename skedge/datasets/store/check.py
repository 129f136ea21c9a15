"""Whether a store still holds what was written."""

import zlib

import numpy as np

from skedge.datasets.progress import progress
from skedge.datasets.store import Store


def check(store: Store) -> list[str]:
    """Names of the clips whose bytes do not give the checksum in the index, or that lie outside the
    file; all are read."""
    damaged = []
    rows = len(store.joints)
    for i in progress(range(len(store)), "Checking", len(store)):
        entry = store.index[i]
        offset, persons, frames = (int(entry[field]) for field in ("offset", "persons", "frames"))
        inside = offset >= 0 and persons > 0 and frames > 0 and offset + persons * frames <= rows
        if not inside or zlib.crc32(np.ascontiguousarray(store.clip(i)).data) != entry["crc32"]:
            damaged.append(str(entry["name"]))
    return damaged
