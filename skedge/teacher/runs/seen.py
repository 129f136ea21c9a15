"""The clips that a network has learned from, in whatever store and split they are found again."""

import base64
from dataclasses import dataclass
from typing import Self

import numpy as np

from skedge.datasets.store import Store
from skedge.datasets.store.clip_keys import Numbers, keys


@dataclass(frozen=True)
class Seen:
    """The clips that a network and those it came from were trained on, with their labels and
    without.

    A clip is known by its checksum and its length, so that it is found in a merged store and under
    another split too; `labelled` and `unlabelled` are these numbers in base64, as a file holds
    them. `known` is False where a network among them does not say what trained it.
    """

    labelled: str = ""
    unlabelled: str = ""
    known: bool = True

    @classmethod
    def of(cls, store: Store, labelled: Numbers = (), *, unlabelled: Numbers = ()) -> Self:
        """The clips of a store at these numbers."""
        return cls(_text(keys(store, labelled)), _text(keys(store, unlabelled)))

    def __or__(self, other: "Seen") -> "Seen":
        return Seen(
            _text(np.union1d(_numbers(self.labelled), _numbers(other.labelled))),
            _text(np.union1d(_numbers(self.unlabelled), _numbers(other.unlabelled))),
            self.known and other.known,
        )

    def among(self, store: Store, clips: np.ndarray) -> tuple[int, int]:
        """How many of the store's clips at these numbers were trained on with their labels, and how
        many without them alone."""
        asked = keys(store, clips)
        labelled = np.isin(asked, _numbers(self.labelled))
        unlabelled = np.isin(asked, _numbers(self.unlabelled)) & ~labelled
        return int(labelled.sum()), int(unlabelled.sum())


def _text(numbers: np.ndarray) -> str:
    return base64.b64encode(np.unique(numbers).astype("<u8").tobytes()).decode()


def _numbers(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<u8")
