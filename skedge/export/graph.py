"""The types that converters, quantisers and the verification share."""

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
    """The answers of a model: `probabilities` (N, classes) and `embeddings` (N, features), of N
    clips or of all frames of the clips."""

    probabilities: np.ndarray
    embeddings: np.ndarray


class Form(Protocol):
    """One way of running a classifier, on clips (M, T, V, 3) prepared for it: in torch, and as an
    exported file."""

    graph: Graph

    @property
    def streaming(self) -> Streaming | None:
        """The part of a file's metadata about running it frame by frame; None where it takes
        clips."""
        ...

    def read(self, store: Store, indices: np.ndarray) -> tuple[Clips, np.ndarray]:
        """The store's clips at `indices`, and for each answer about them the true class."""
        ...

    def expected(self, clips: Clips) -> Answers:
        """The answers of the classifier itself, in torch."""
        ...

    def answers(self, backend: Backend, clips: Clips) -> Answers:
        """The answers of an exported file in its own runtime."""
        ...

    def feeds(self, clips: Clips) -> Iterator[Feed]:
        """Every set of inputs that the graph gets while it answers: what its numbers look like."""
        ...
