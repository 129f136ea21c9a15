"""The clips of further stores that a student may learn from without their labels."""

import numpy as np

from skedge.datasets.store import PARTS, Store
from skedge.datasets.store.clip_keys import keys
from skedge.recipes.settings import InputSettings
from skedge.skeleton import InputError
from skedge.teacher.clips import tell


def unlabelled_clips(other: Store, store: Store, data: InputSettings) -> np.ndarray:
    """Numbers of the clips of `other`: all, or where it has the split of `data` those that train.

    None of them is among those that `store`, which measures the student, holds out. What is left
    out is said; raises `InputError` where nothing remains.
    """
    protocol = data.protocol
    held_out = np.flatnonzero(store.codes(protocol) > PARTS["train"])
    every = np.arange(len(other))
    clips = other.split(protocol, "train") if protocol in other.protocols else every
    clips = clips[~np.isin(keys(other, clips), keys(store, held_out))]
    if not len(clips):
        raise InputError(
            f"{other.path}: expected unlabelled clips that {protocol} of {store.path} does not hold"
            " out, got none; name another store"
        )
    if len(clips) < len(every):
        tell(
            f"{other.path}: {len(clips)} of {len(every)} clips are learned from without labels;"
            f" the others are not among those that {protocol} trains on"
        )
    return clips
