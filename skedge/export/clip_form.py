"""The clip form: a whole clip in, one answer out."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from skedge.datasets.store import Store
from skedge.edge_runtime.backends.backend import Backend
from skedge.export.clip_graph import Deployed
from skedge.export.graph import Answers, Clips, Feed, Graph
from skedge.recipes.settings import InputSettings
from skedge.skeleton import Layout
from skedge.teacher import clips as training_clips
from skedge.teacher.networks.classifier import Network

BATCH = 128


class ClipForm:
    """A classifier of scenes (M, T, V, 3): `skedge.export.graph.Form`."""

    streaming = None

    def __init__(self, classifier: Network, data: InputSettings, layout: Layout) -> None:
        self._classifier = classifier
        self._data = data
        self._layout = layout
        deployed = Deployed(classifier).eval()
        shape = (data.persons, data.frames, len(layout), 3)
        self.graph = Graph(deployed, {"joints": torch.zeros(shape)}, ("probabilities", "embedding"))

    def read(self, store: Store, indices: np.ndarray) -> tuple[Clips, np.ndarray]:
        found = training_clips.Clips.read(store, indices, self._data, layout=self._layout)
        return found.joints, found.labels.numpy()

    @torch.inference_mode()
    def expected(self, clips: Clips) -> Answers:
        assert isinstance(clips, Tensor)
        outputs = [self._classifier(batch) for batch in clips.split(BATCH)]
        logits, features = (torch.cat(part) for part in zip(*outputs, strict=True))
        return Answers(logits.softmax(1).numpy(), features.numpy())

    def answers(self, backend: Backend, clips: Clips) -> Answers:
        outputs = [backend.run(joints.numpy()) for joints in clips]
        return Answers(*(np.stack(part) for part in zip(*outputs, strict=True)))

    def feeds(self, clips: Clips) -> Iterator[Feed]:
        return ({"joints": joints.numpy()} for joints in clips)
