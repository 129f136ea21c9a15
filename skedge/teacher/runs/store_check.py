"""A trained network beside a store: whether its joints are the ones it was trained on."""

from pathlib import Path

import numpy as np

from skedge.datasets.store import Store
from skedge.skeleton import InputError
from skedge.skeleton.retarget import retarget
from skedge.teacher.clips import tell
from skedge.teacher.runs.folder import Card


def tell_rate(store: Store) -> None:
    """Say once of a store without a rate which one is assumed."""
    if store.rate is None:
        tell(f"{store.path} does not know its rate: 30 frames a second are assumed, see --rate")


def check_layout(store: Store, card: Card, source: Path) -> None:
    """Raise `InputError` if the store's joints are not those that the network was trained on."""
    if store.layout.joints != card.layout.joints:
        raise InputError(
            f"{source}: trained on layout {card.layout.name} ({len(card.layout)} joints), but"
            f" {store.path} holds {store.layout.name} ({len(store.layout)} joints); use a store of"
            " the same layout, or `skedge evaluate transfer`"
        )


def check_joints(store: Store, card: Card, source: Path) -> None:
    """Raise `InputError` if the store's joints cannot be placed on those that the network was
    trained on."""
    try:
        retarget(np.zeros((len(store.layout), 3)), store.layout, card.layout)
    except InputError as error:
        raise InputError(
            f"{source}, {store.path}: {error}; use a store of the same layout"
        ) from None
