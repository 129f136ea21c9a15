"""A trained network beside a store: whether its joints are the ones it was trained on, and the
clips that test it are others."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from skedge.datasets.store import Store
from skedge.recipes.settings import InputSettings
from skedge.skeleton import InputError
from skedge.skeleton.retarget import retarget
from skedge.teacher.clips import tell
from skedge.teacher.runs.folder import Card
from skedge.teacher.runs.seen import Seen

Origins = Sequence[tuple[Path, Card]]
"""The networks that one starts from or learns from: run folder and card of each."""
# What metrics call the numbers of measured clips that were trained on, with labels and without.
SEEN = ("seen_in_training", "seen_without_labels")
# The class of what is none of a network's actions.
OTHER = "other"


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


def check_labels(store: Store, card: Card, source: Path) -> None:
    """Raise `InputError` if the store's actions are not those that the network was trained on, in
    their order: its clips' numbers of classes would mean others. The network may have `OTHER`
    behind them."""
    if card.labels == (*store.labels, OTHER):
        return
    pairs = zip_longest(map(repr, card.labels), map(repr, store.labels), fillvalue="missing")
    for number, (trained, held) in enumerate(pairs, start=1):
        if trained != held:
            raise InputError(
                f"{source}: trained on {len(card.labels)} actions, but {store.path} holds"
                f" {len(store.labels)} others: class {number} was {trained}, and is {held}; use the"
                " store that it was trained on"
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


def seen_by(origins: Origins) -> Seen:
    """The clips that any of these networks was trained on."""
    seen = Seen()
    for _, card in origins:
        seen |= card.seen
    return seen


def overlap(store: Store, data: InputSettings, origins: Origins) -> dict[str, Any]:
    """How many of the clips that `data` measures on were trained on by `origins`, with labels and
    without, for the metrics; nothing where none was.

    It is said of each network, as a figure of such clips is none of new ones.
    """
    tested = store.split(data.protocol, data.part)
    for source, card in origins:
        if not card.seen.known:
            tell(
                f"{source}: does not say which clips trained it, as an earlier version wrote it or"
                " what it started from; see yourself that those it is measured on are new"
            )
        for clips, how in zip(card.seen.among(store, tested), ("", "without labels "), strict=True):
            if clips:
                tell(
                    f"{source}: was trained {how}on {clips} of the {len(tested)} clips that"
                    f" {data.protocol} ({data.part}) measures; for a figure of new clips start from"
                    " a network of the same split"
                )
    return seen_among(store, tested, seen_by(origins))


def seen_among(store: Store, tested: np.ndarray, seen: Seen) -> dict[str, Any]:
    """How many of the store's clips at these numbers are among those `seen`, with labels and
    without, for the metrics; nothing where none is."""
    counts = zip(SEEN, seen.among(store, tested), strict=True)
    return {name: clips for name, clips in counts if clips}
