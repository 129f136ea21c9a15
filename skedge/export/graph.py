"""What an exporter is given, and what it hands back: the words that converters, quantisers and the
verification share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from torch import Tensor, nn

from skedge.datasets.store import Store
from skedge.edge_runtime.backends.backend import Backend
from skedge.skeleton.metadata import Streaming

Feed = Mapping[str, np.ndarray]
Clips = Tensor | list[Tensor]


@dataclass(frozen=True, eq=False)
class Graph:
    """A module in evaluation mode, its inputs by name in forward's order, of the deployed shapes,
    and its outputs' names."""

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]


class Answers(NamedTuple):
    """What a model says: `probabilities` (N, classes) and `embeddings` (N, features), N clips or
    all frames of the clips."""

    probabilities: np.ndarray
    embeddings: np.ndarray


class Form(Protocol):
    """One way of running a classifier, on clips (M, T, V, 3) prepared for it: in torch, and as an
    exported file."""

    graph: Graph

    @property
    def streaming(self) -> Streaming | None:
        """What a file's metadata says about running it frame by frame; None where it takes
        clips."""
        ...

    def read(self, store: Store, indices: np.ndarray) -> tuple[Clips, np.ndarray]:
        """The store's clips at `indices`, and for each answer about them the true class."""
        ...

    def expected(self, clips: Clips) -> Answers:
        """What the classifier itself answers, in torch."""
        ...

    def answers(self, backend: Backend, clips: Clips) -> Answers:
        """What an exported file answers in its own runtime."""
        ...

    def feeds(self, clips: Clips) -> Iterator[Feed]:
        """Every set of inputs that the graph gets while it answers: what its numbers look like."""
        ...
