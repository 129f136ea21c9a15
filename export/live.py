"""A run folder as one streaming file: a frame in, an answer out, verified frame by frame before it is written."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from edge_runtime.backend import load_backend
from export.deploy import macs
from export.onnx import convert, describe
from export.streaming import StreamingStep
from export.verify import MOST_CLIPS, TOLERANCE, ExportError
from skeleton import InputError
from skeleton.datasets.store import Store
from skeleton.metadata import KEY
from student.streaming import StreamingClassifier
from teacher.clips import prepare_at_rate
from teacher.evaluate import check_layout
from teacher.folder import write_whole
from teacher.load import load_classifier

TOGETHER = 64


def export_streaming(run: Path, file: Path, store: Store) -> dict[str, Any]:
    """Export the student of a run folder to `file`, checked in onnxruntime on every frame of the store's held-out clips.

    Returns what the check found, and the accuracy as a camera would see it: by the mean of a clip's answers and by its last
    one, in percent. Raises `InputError` for a file name without .onnx and for a network that cannot stream, and
    `export.verify.ExportError` instead of writing a file whose probabilities differ from torch's by more than 1e-4.
    """
    if file.suffix.lower() != ".onnx":
        raise InputError(f"{file}: expected a file name that ends in .onnx, got {file.suffix or 'no suffix'!r}")
    classifier, card = load_classifier(run)
    check_layout(store, card, run)
    try:
        model = StreamingClassifier(classifier)
        if model.window < 2:
            raise InputError("expected a window that pools more than 1 frame of features; train one of more frames")
    except InputError as error:
        raise InputError(f"{run}: {error}") from None
    step = StreamingStep(model).eval()
    states = step.states()
    inputs = {"joints": torch.zeros(card.input.persons, len(card.layout), 3)} | states
    outputs = ["probabilities", "embedding", *(f"{name}_next" for name in states)]

    indices = store.split(card.input.protocol, "test")
    chosen = indices[np.linspace(0, len(indices) - 1, min(len(indices), MOST_CLIPS)).astype(int)]
    clips = [prepare_at_rate(store, i, card.input) for i in chosen]
    expected = play(model, clips)
    accuracy = score(expected, store.index["label"][chosen], card.input.warm_up)
    metadata = replace(
        describe(classifier, card, macs(step, *inputs.values()), {}),
        streaming=step.describe(),
        accuracy=accuracy | {"protocol": card.input.protocol},
    )
    found: dict[str, Any] = {}

    def write(draft: Path) -> None:
        graph = convert(step, inputs, outputs)
        graph.metadata_props.add(key=KEY, value=metadata.to_json())
        onnx.checker.check_model(graph, full_check=True)
        onnx.save(graph, draft)
        found.update(verify_streaming(draft, clips, expected))

    write_whole(file, write)
    sizes = {
        "parameters": metadata.parameters,
        "macs": metadata.macs,
        "state_bytes": sum(4 * s.numel() for s in states.values()),
    }
    return found | accuracy | {"bytes": file.stat().st_size} | sizes


@torch.inference_mode()
def play(model: StreamingClassifier, clips: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Torch's probabilities after every frame of clips (M, T, V, 3), each (T, classes), frame by frame."""
    answers: dict[int, np.ndarray] = {}
    order = sorted(range(len(clips)), key=lambda i: clips[i].shape[1])
    for start in range(0, len(order), TOGETHER):
        several = order[start : start + TOGETHER]
        longest = clips[several[-1]].shape[1]
        # A clip that has ended goes on with its last frame, unheeded.
        batch = torch.from_numpy(
            np.stack([clips[i][:, np.minimum(np.arange(longest), clips[i].shape[1] - 1)] for i in several])
        )
        state = model.still(batch[:, :, 0])
        found = []
        for frame in batch.unbind(2):
            logits, _, state = model.forward_step(frame, state)
            found.append(logits.softmax(1))
        for i, one in zip(several, torch.stack(found, 1).numpy(), strict=True):
            answers[i] = one[: clips[i].shape[1]]
    return [answers[i] for i in range(len(clips))]


def score(answers: Sequence[np.ndarray], labels: np.ndarray, warm_up: int) -> dict[str, Any]:
    """Top-1 in percent of the mean of each clip's ready answers and of its last; without a ready one a clip is wrong."""
    ready = [clip[warm_up - 1 :] for clip in answers]
    mean = [len(clip) > 0 and clip.mean(0).argmax() == label for clip, label in zip(ready, labels, strict=True)]
    last = [len(clip) > 0 and clip[-1].argmax() == label for clip, label in zip(ready, labels, strict=True)]
    return {
        "top1": round(100 * float(np.mean(mean)), 2),
        "last_top1": round(100 * float(np.mean(last)), 2),
        "clips": len(ready),
    }


def verify_streaming(file: Path, clips: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> dict[str, Any]:
    """Compare the file's answers to every frame of `clips` with those `expected` of torch.

    Returns the largest difference in probability, the top-1 agreement, and how many clips and frames were compared; raises
    `ExportError` with these figures if the difference exceeds 1e-4.
    """
    stepper = load_backend(file).stepper()
    got = []
    for clip in clips:
        stepper.start(clip[:, 0])
        got += [stepper.step(frame)[0].copy() for frame in clip.transpose(1, 0, 2, 3)]
    answers, truth = np.stack(got), np.concatenate(list(expected))
    difference = float(np.abs(answers - truth).max())
    agreement = float((answers.argmax(1) == truth.argmax(1)).mean())
    if not difference <= TOLERANCE:
        raise ExportError(
            f"expected probabilities within {TOLERANCE:g} of torch's, got a difference of {difference:.3g} and "
            f"{agreement:.1%} agreement on {len(truth)} frames of {len(clips)} clips; the file was not written"
        )
    return {"clips": len(clips), "frames": len(truth), "largest_difference": difference, "agreement": agreement}
