"""The clip form: a whole clip in, one answer out."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from edge_runtime.backend import Backend
from export.deploy import Deployed
from export.graph import Answers, Feed, Graph
from teacher.model import Network

BATCH = 128


class ClipForm:
    """A classifier of scenes (M, T, V, 3): `export.graph.Form`."""

    def __init__(self, classifier: Network, shape: tuple[int, int, int, int]) -> None:
        self._classifier = classifier
        deployed = Deployed(classifier).eval()
        self.graph = Graph(deployed, {"joints": torch.zeros(shape)}, ("probabilities", "embedding"))

    @torch.inference_mode()
    def expected(self, clips: Tensor) -> Answers:
        outputs = [self._classifier(batch) for batch in clips.split(BATCH)]
        logits, features = (torch.cat(part) for part in zip(*outputs, strict=True))
        return Answers(logits.softmax(1).numpy(), features.numpy())

    def answers(self, backend: Backend, clips: Tensor) -> Answers:
        outputs = [backend.run(joints.numpy()) for joints in clips]
        return Answers(*(np.stack(part) for part in zip(*outputs, strict=True)))

    def feeds(self, clips: Tensor) -> Iterator[Feed]:
        return ({"joints": joints.numpy()} for joints in clips)
