"""Exported files, as a person and the device see them."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.numpy import load_file
from tiny import make_store, write_classifier

import export.onnx as exporter
from edge_runtime import Recognizer
from export.deploy import Deployed, macs
from export.onnx import export_onnx
from export.verify import ExportError, verify
from skeleton import InputError, prepare
from skeleton.datasets.store import Store
from student.settings import student_plan
from teacher.load import load_classifier
from teacher.settings import InputSettings

DATA = InputSettings(frames=12, persons=2, normalization="per-frame", stream="motion")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("export here")


@pytest.fixture(scope="module")
def store(place: Path) -> Store:
    """Clips of one person and of two."""
    return make_store(place / "store", persons=2)


@pytest.fixture(scope="module")
def run(store: Store, place: Path) -> Path:
    write_classifier(place / "a run", store, DATA)
    return place / "a run"


@pytest.fixture(scope="module")
def found(run: Path, store: Store, place: Path) -> dict[str, Any]:
    return export_onnx(run, place / "my models" / "student one.onnx", store)


@pytest.fixture(scope="module")
def file(found: dict[str, Any], place: Path) -> Path:
    return place / "my models" / "student one.onnx"


@torch.no_grad()
def test_the_recognizer_answers_as_torch(file: Path, run: Path, store: Store) -> None:
    classifier, _ = load_classifier(run)
    recognizer = Recognizer.load(file)
    persons = set()
    for i in range(len(store)):
        clip = store.clip(i)
        persons.add(len(clip))
        logits, features = classifier(torch.from_numpy(prepare(clip, store.layout, 2, 12))[None])
        scene = clip.transpose(1, 0, 2, 3)
        np.testing.assert_allclose(recognizer.predict(scene), logits[0].softmax(0).numpy(), atol=1e-5)
        np.testing.assert_allclose(recognizer.embed(scene), features[0].numpy(), atol=1e-5, rtol=1e-5)
    assert persons == {1, 2}
    assert recognizer.labels == store.labels


def test_what_the_export_says(file: Path, found: dict[str, Any], store: Store) -> None:
    assert set(found) == {"clips", "largest_difference", "agreement", "bytes", "parameters", "macs"}
    assert found["clips"] == len(store.split("xsub", "test"))
    assert 0 <= found["largest_difference"] < 1e-5
    assert found["agreement"] == 1
    assert found["bytes"] == file.stat().st_size
    assert [entry.name for entry in file.parent.iterdir()] == [file.name], "one file, nothing beside it"


def test_the_metadata(file: Path, run: Path, store: Store) -> None:
    metadata = Recognizer.load(file).metadata
    classifier, card = load_classifier(run)
    assert metadata.labels == store.labels
    assert metadata.layout.to_dict() == store.layout.to_dict()
    assert (metadata.persons, metadata.frames, metadata.seconds) == (2, 12, 0.9)
    assert (metadata.normalization, metadata.streams, metadata.time, metadata.fill) == (
        "per-frame", ("motion",), "stretched", "last-seen",
    )  # fmt: skip
    assert metadata.parameters == sum(p.numel() for p in classifier.parameters())
    assert metadata.macs == macs(Deployed(classifier).eval(), torch.zeros(2, 12, 25, 3))
    assert metadata.accuracy == {"top1": 61.5, "top5": 100.0, "clips": 12, "protocol": "xsub"}
    assert metadata.provenance["store"] == "tiny"
    assert metadata.provenance["seed"] == 7
    assert metadata.provenance["encoder"] == {**asdict(card.encoder), "widths": [4, 6, 8], "strides": [1, 2, 1]}


def test_the_checksum_can_be_made_again_from_the_run_folder(file: Path, run: Path) -> None:
    """With the weights file alone, no torch: float32, little-endian, in the network's order."""
    weights = load_file(run / "weights.safetensors")
    classifier, _ = load_classifier(run)
    digest = hashlib.sha256()
    for name in classifier.state_dict():
        if weights[name].dtype.kind == "f":
            digest.update(weights[name].astype("<f4").tobytes())
    assert Recognizer.load(file).metadata.weights_sha256 == digest.hexdigest()


def test_the_graph(file: Path) -> None:
    model = onnx.load(file)
    assert [port.name for port in model.graph.input] == ["joints"]
    assert {port.name for port in model.graph.output} == {"probabilities", "embedding"}
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}, "folded"
    assert not any(tensor.external_data for tensor in model.graph.initializer), "one file"
    assert [entry.key for entry in model.metadata_props if entry.key == "skedge"] == ["skedge"]


@pytest.mark.parametrize(
    ("normalization", "stream"), [("first-frame", "joint"), ("first-frame-aligned", "bone"), ("per-frame", "joint")]
)
def test_normalisations_and_streams_in_a_file(normalization: Any, stream: Any, store: Store, tmp_path: Path) -> None:
    data = InputSettings(frames=12, persons=1, normalization=normalization, stream=stream)
    write_classifier(tmp_path / "run", store, data)
    found = export_onnx(tmp_path / "run", tmp_path / "model.onnx", store)
    assert found["largest_difference"] < 1e-5


def test_another_layout_in_a_file(tmp_path: Path) -> None:
    store = make_store(tmp_path / "coco", "coco17", subjects=2)
    write_classifier(tmp_path / "run", store)
    assert export_onnx(tmp_path / "run", tmp_path / "model.onnx", store)["largest_difference"] < 1e-5
    assert Recognizer.load(tmp_path / "model.onnx").metadata.layout.name == "coco17"


def _corrupted(monkeypatch: pytest.MonkeyPatch, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Let the conversion change the largest weight of the graph."""
    convert = exporter._convert

    def corrupt(*args: Any) -> onnx.ModelProto:
        model = convert(*args)
        largest = max(model.graph.initializer, key=lambda tensor: int(np.prod(tensor.dims)))
        largest.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(largest).copy()), largest.name))
        return model

    monkeypatch.setattr(exporter, "_convert", corrupt)


@pytest.mark.parametrize("wrong", ["a weight", "nan"])
def test_a_file_that_answers_otherwise_is_not_written(
    wrong: str, run: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _corrupted(monkeypatch, (lambda w: w * 1.5) if wrong == "a weight" else (lambda w: w * np.float32("nan")))
    with pytest.raises(ExportError, match="not written"):
        export_onnx(run, tmp_path / "new.onnx", store)
    assert list(tmp_path.iterdir()) == []

    old = tmp_path / "old.onnx"
    old.write_bytes(b"what stood there")
    with pytest.raises(ExportError):
        export_onnx(run, old, store)
    assert old.read_bytes() == b"what stood there"
    assert [entry.name for entry in tmp_path.iterdir()] == ["old.onnx"]


def test_verify_sees_another_networks_file(file: Path, run: Path, store: Store, tmp_path: Path) -> None:
    classifier, card = load_classifier(run)
    indices = store.split("xsub", "test")
    assert verify(file, classifier, card, store, indices)["clips"] == len(indices)
    classifier.head.bias[0] += 0.01
    with pytest.raises(ExportError, match=r"0.0001.*difference"):
        verify(file, classifier, card, store, indices)


@pytest.mark.parametrize("name", ["model", "model.tflite", "model.onnx.bak"])
def test_another_suffix_is_refused(name: str, run: Path, store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.onnx"):
        export_onnx(run, tmp_path / name, store)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_says_so(run: Path, store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a run folder"):
        export_onnx(tmp_path / "nothing", tmp_path / "model.onnx", store)
    kinect = make_store(tmp_path / "kinect", "kinect20", subjects=2)
    with pytest.raises(InputError, match=r"ntu25.*kinect20"):
        export_onnx(run, tmp_path / "model.onnx", kinect)
    assert not (tmp_path / "model.onnx").exists()


def test_the_student_on_real_people(utd_store: Path, tmp_path: Path) -> None:
    """The student's own plan, with weights nobody trained, on all held-out clips of UTD-MHAD."""
    store = Store(utd_store)
    data = InputSettings(protocol=store.protocols[0], normalization="per-frame")
    write_classifier(tmp_path / "run", store, data, student_plan())
    found = export_onnx(tmp_path / "run", tmp_path / "student.onnx", store)
    assert found["clips"] == len(store.split(store.protocols[0], "test"))
    assert found["largest_difference"] < 1e-5
    assert found["bytes"] < 1_500_000
