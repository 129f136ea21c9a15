"""A run folder as one ONNX file that says everything about itself."""

import hashlib
import logging
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from export.deploy import Deployed, macs
from export.verify import verify
from skeleton import InputError
from skeleton.datasets.store import Store
from skeleton.metadata import KEY, ModelMetadata
from teacher.evaluate import check_layout
from teacher.folder import Card, read_metrics, write_whole
from teacher.load import load_classifier
from teacher.model import Network

OPSET = 20


def export_onnx(run: Path, file: Path, store: Store) -> dict[str, Any]:
    """Export the classifier of a run folder to `file`, checked in onnxruntime on the store's held-out clips.

    Returns what the check found. Raises `InputError` for a file name without .onnx, and `export.verify.ExportError`
    instead of writing a file whose probabilities differ from torch's by more than 1e-4.
    """
    if file.suffix.lower() != ".onnx":
        raise InputError(f"{file}: expected a file name that ends in .onnx, got {file.suffix or 'no suffix'!r}")
    classifier, card = load_classifier(run)
    check_layout(store, card, run)
    indices = store.split(card.input.protocol, "test")
    deployed = Deployed(classifier).eval()
    example = torch.zeros(card.input.persons, card.input.frames, len(card.layout), 3)
    metadata = _metadata(classifier, card, macs(deployed, example), read_metrics(run) or {})
    found: dict[str, Any] = {}

    def write(draft: Path) -> None:
        model = _convert(deployed, example)
        model.metadata_props.add(key=KEY, value=metadata.to_json())
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, draft)
        found.update(verify(draft, classifier, card, store, indices))

    write_whole(file, write)
    return found | {"bytes": file.stat().st_size, "parameters": metadata.parameters, "macs": metadata.macs}


def weights_sha256(classifier: Network) -> str:
    """SHA-256 of all floating-point weights in state-dict order as little-endian float32."""
    digest = hashlib.sha256()
    for tensor in classifier.state_dict().values():
        if tensor.is_floating_point():
            digest.update(np.ascontiguousarray(tensor.numpy(), dtype="<f4").tobytes())
    return digest.hexdigest()


def _metadata(classifier: Network, card: Card, work: int, metrics: dict[str, Any]) -> ModelMetadata:
    accuracy = {key: metrics[key] for key in ("top1", "top5", "clips") if key in metrics}
    return ModelMetadata(
        labels=card.labels,
        layout=card.layout,
        persons=card.input.persons,
        frames=card.input.frames,
        seconds=card.seconds,
        normalization=card.input.normalization,
        streams=tuple(card.input.fusion) if card.input.stream == "three" else (card.input.stream,),
        parameters=sum(parameter.numel() for parameter in classifier.parameters()),
        macs=work,
        weights_sha256=weights_sha256(classifier),
        accuracy=accuracy | ({"protocol": card.input.protocol} if accuracy else {}),
        provenance=card.provenance | {"encoder": asdict(card.encoder)},
    )


def _convert(deployed: Deployed, example: torch.Tensor) -> onnx.ModelProto:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as room:
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            deployed, (example,), input_names=["joints"], output_names=["probabilities", "embedding"],
            opset_version=OPSET, dynamo=True, verbose=False,
        )  # fmt: skip
        assert program is not None
        path = Path(room) / "model.onnx"
        program.save(path, external_data=False)
        return onnx.load(path)
