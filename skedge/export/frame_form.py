"""The streaming form: a frame in, an answer out."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from skedge.datasets.store import Store
from skedge.edge_runtime.backends.backend import Backend
from skedge.export.frame_graph import StreamingStep
from skedge.export.graph import Answers, Clips, Feed, Graph
from skedge.skeleton import InputError
from skedge.skeleton.normalize import ROOT_FRAMES
from skedge.student.streaming import streaming
from skedge.teacher.clips import prepare_at_rate
from skedge.teacher.networks.classifier import Network

TOGETHER = 64
# Quantising needs no more than some of a clip's frames to know what values there are.
SHOWN = 8


class StreamingForm:
    """A classifier frame by frame: `skedge.export.graph.Form`, with an answer about every frame of
    whole clips (M, T, V, 3).

    Raises `InputError` for a network that cannot stream.
    """

    def __init__(self, network: Network) -> None:
        self._model = streaming(network)
        self._view = network.view
        if self._model.window < 2:
            raise InputError(
                "expected a window that pools more than 1 frame of features; train one of more"
                " frames"
            )
        step = StreamingStep(self._model).eval()
        self.streaming = step.describe()
        self._states = step.states()
        joints = torch.zeros(self._view.data.persons, len(self._view.layout), 3)
        outputs = ("probabilities", "embedding", *(f"{name}_next" for name in self._states))
        self.graph = Graph(step, {"joints": joints, **self._states}, outputs)

    def read(self, store: Store, indices: np.ndarray) -> tuple[Clips, np.ndarray]:
        data, layout = self._view.data, self._view.layout
        clips = [torch.from_numpy(prepare_at_rate(store, i, data, layout=layout)) for i in indices]
        return clips, np.repeat(store.index["label"][indices], [clip.shape[1] for clip in clips])

    @torch.inference_mode()
    def expected(self, clips: Clips) -> Answers:
        """The student's own answers, by `forward_step`."""
        answers: dict[int, Answers] = {}
        order = sorted(range(len(clips)), key=lambda i: clips[i].shape[1])
        for start in range(0, len(order), TOGETHER):
            several = order[start : start + TOGETHER]
            longest = clips[several[-1]].shape[1]
            # A clip that has ended goes on with its last frame, unheeded.
            batch = torch.stack(
                [
                    clips[i][:, torch.arange(longest).clamp(max=clips[i].shape[1] - 1)]
                    for i in several
                ]
            )
            state = self._model.still(batch[:, :, 0])
            found = []
            for frame in batch.unbind(2):
                logits, embedding, state = self._model.forward_step(frame, state)
                found.append((logits.softmax(1), embedding))
            probabilities, embeddings = (
                torch.stack(part, 1).numpy() for part in zip(*found, strict=True)
            )
            for row, i in enumerate(several):
                length = clips[i].shape[1]
                answers[i] = Answers(probabilities[row, :length], embeddings[row, :length])
        ordered = [answers[i] for i in range(len(clips))]
        return Answers(*(np.concatenate(part) for part in zip(*ordered, strict=True)))

    def answers(self, backend: Backend, clips: Clips) -> Answers:
        stepper = backend.stepper()
        found = []
        for clip in clips:
            frames = clip.transpose(0, 1).numpy()
            stepper.start(frames[0])
            found += [tuple(part.copy() for part in stepper.step(frame)) for frame in frames]
        return Answers(*(np.stack(part) for part in zip(*found, strict=True)))

    @torch.inference_mode()
    def feeds(self, clips: Clips) -> Iterator[Feed]:
        for clip in clips:
            states = self._still(clip[:, 0])
            for number, frame in enumerate(clip.unbind(1)):
                inputs = {"joints": frame, **states}
                if number % SHOWN == 0:
                    yield {name: tensor.numpy() for name, tensor in inputs.items()}
                states = dict(zip(states, self.graph.module(*inputs.values())[2:], strict=True))

    def _still(self, joints: Tensor) -> dict[str, Tensor]:
        """The step's states of persons who always stood like this: by running it until all of its
        window is that."""
        states = self._states
        for _ in range(self._view.data.frames + ROOT_FRAMES):
            states = dict(zip(states, self.graph.module(joints, *states.values())[2:], strict=True))
        return states
