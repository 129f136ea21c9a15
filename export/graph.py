"""What an exporter is given, and what it hands back: the words that converters, quantisers and the verification share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from torch import Tensor, nn

from edge_runtime.backend import Backend

Feed = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Graph:
    """A module in evaluation mode, its inputs by name in forward's order, of the deployed shapes, and its outputs' names."""

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]


class Answers(NamedTuple):
    """What a model says about clips: `probabilities` (N, classes) and `embeddings` (N, features)."""

    probabilities: np.ndarray
    embeddings: np.ndarray


class Form(Protocol):
    """One way of running a classifier, on clips (N, M, T, V, 3) prepared for it: in torch, and as an exported file."""

    graph: Graph

    def expected(self, clips: Tensor) -> Answers:
        """What the classifier itself answers, in torch."""
        ...

    def answers(self, backend: Backend, clips: Tensor) -> Answers:
        """What an exported file answers in its own runtime."""
        ...

    def feeds(self, clips: Tensor) -> Iterator[Feed]:
        """Every set of inputs that the graph gets while it answers: what its numbers look like."""
        ...
