"""Opening a file: the right ones work, and every wrong one says in one line what is wrong with
it."""

import gc
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import psutil
import pytest

from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.backends.backend import load_backend
from skedge.edge_runtime.backends.onnx_runtime import OnnxBackend, session_options
from skedge.edge_runtime.backends.seal import seal
from skedge.skeleton import InputError, prepare
from skedge.skeleton.metadata import VERSION, ModelMetadata
from tests.edge_runtime.edge_models import METADATA, metadata, walk, weights, write_model
from tests.edge_runtime.edge_tflite import write_tflite

Write = Callable[..., Path]
KINDS: dict[str, Write] = {"onnx": write_model, "tflite": write_tflite}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def write(kind: str) -> Write:
    return KINDS[kind]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("both kinds")
    return {kind: write(folder / f"student.{kind}") for kind, write in KINDS.items()}


@pytest.fixture
def model(models: dict[str, Path], kind: str) -> Path:
    return models[kind]


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        Recognizer.load(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert len(message) < 600
    return message


def save(proto: onnx.ModelProto, path: Path) -> None:
    """As an exporter would: with the checksum of what it is now."""
    path.write_bytes(seal(proto.SerializeToString()))


def test_runs_the_graph_on_the_prepared_clip(model: Path) -> None:
    recognizer = Recognizer.load(model)
    clip = walk(33, 30)
    ready = prepare(clip.transpose(1, 0, 2, 3), METADATA.layout, 1, METADATA.frames)
    np.testing.assert_array_equal(recognizer.embed(clip), ready.ravel())
    logits = weights(METADATA) @ ready.ravel()
    expected = np.exp(logits - logits.max())
    np.testing.assert_allclose(recognizer.predict(clip), expected / expected.sum(), atol=1e-6)
    np.testing.assert_array_equal(recognizer.predict(clip[:, 0]), recognizer.predict(clip))
    assert recognizer.labels == METADATA.labels


def test_metadata_survives_the_file(model: Path) -> None:
    read = load_backend(model).metadata
    assert read.file_sha256 is not None
    assert replace(read, file_sha256=None).to_json() == METADATA.to_json()


@pytest.mark.parametrize("threads", [1, 3])
def test_as_many_threads_as_asked_for(models: dict[str, Path], threads: int) -> None:
    """onnxruntime's are counted; LiteRT starts its own when there is enough to do for them."""
    model = models["onnx"]
    gc.collect()
    process = psutil.Process()
    before = process.num_threads()
    recognizer = Recognizer.load(model, threads=threads)
    assert process.num_threads() - before == threads - 1, "the calling thread works too"
    clip = walk(40, 30)
    expected = Recognizer.load(model).predict(clip)
    np.testing.assert_allclose(recognizer.predict(clip), expected)
    np.testing.assert_allclose(
        Recognizer.load(models["tflite"], threads=threads).predict(clip), expected, atol=1e-6
    )


def test_threads_without_work_leave_the_cores_to_the_camera() -> None:
    """Those of onnxruntime spin while they wait, unless it is asked not to."""
    options = session_options(2)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.mark.parametrize("threads", [0, 10_000])
def test_no_threads_and_thousands_are_refused(model: Path, threads: int) -> None:
    with pytest.raises(InputError, match=f"at least 1 thread and at most 64, got {threads}"):
        Recognizer.load(model, threads=threads)


def test_missing(tmp_path: Path) -> None:
    assert "found none" in refused(tmp_path / "no.onnx")
    assert "found a folder" in refused(tmp_path)


def test_other_suffix(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"x")
    assert "suffix .onnx or .tflite, got '.pt'" in refused(tmp_path / "model.pt")


@pytest.mark.parametrize(
    "content", [b"", b"not a model at all", b"\x80\x04K\x01.", b"\0" * 5000, b"\x08\0\0\0TFL3"]
)
def test_not_a_model(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / f"model.{kind}"
    path.write_bytes(content)
    assert "export it again" in refused(path)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9, 0.999])
def test_truncated(model: Path, tmp_path: Path, share: float) -> None:
    path = tmp_path / f"cut model{model.suffix}"
    content = model.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "export it again" in refused(path)


def test_the_other_formats_content(models: dict[str, Path], tmp_path: Path, kind: str) -> None:
    (other,) = [path for name, path in models.items() if name != kind]
    (tmp_path / f"renamed.{kind}").write_bytes(other.read_bytes())
    assert "export it again" in refused(tmp_path / f"renamed.{kind}")


def test_without_metadata(tmp_path: Path, kind: str, write: Write) -> None:
    assert "without 'skedge' metadata" in refused(write(tmp_path / f"bare.{kind}", document=None))


@pytest.mark.parametrize(
    "document",
    ["", "[]", "{", '{"version": 1}', '{"version": "one"}', '{"version": 1, "labels": 3}'],
)
def test_damaged_metadata(tmp_path: Path, document: str, kind: str, write: Write) -> None:
    assert "export it again" in refused(write(tmp_path / f"odd.{kind}", document=document))


def test_newer_metadata(tmp_path: Path, kind: str, write: Write) -> None:
    document = json.dumps(json.loads(METADATA.to_json()) | {"version": VERSION + 1, "news": 1})
    message = refused(write(tmp_path / f"new.{kind}", document=document))
    assert f"metadata version {VERSION + 1} is newer" in message
    assert "upgrade skedge" in message


def test_ports_that_contradict_the_metadata(tmp_path: Path, kind: str, write: Write) -> None:
    message = refused(write(tmp_path / f"shape.{kind}", shape=(1, 19, 25, 3)))
    assert "joints [1, 20, 25, 3]" in message
    assert "[1, 19, 25, 3]" in message
    message = refused(write(tmp_path / f"classes.{kind}", classes=4))
    assert "probabilities [3]" in message


def test_probabilities_with_a_batch_axis_are_refused(
    tmp_path: Path, models: dict[str, Path]
) -> None:
    proto = onnx.load(models["onnx"])
    flat = onnx.numpy_helper.from_array(np.array([1, 3], np.int64), "row")
    proto.graph.initializer.append(flat)
    proto.graph.node[-1].output[0] = "plain"
    proto.graph.node.append(onnx.helper.make_node("Reshape", ["plain", "row"], ["probabilities"]))
    proto.graph.output[0].CopyFrom(
        onnx.helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, [1, 3])
    )
    save(proto, tmp_path / "batch.onnx")
    assert "probabilities [3]" in refused(tmp_path / "batch.onnx")


def test_opening_prints_nothing(
    models: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    proto = onnx.load(models["onnx"])
    proto.graph.initializer.append(
        onnx.numpy_helper.from_array(np.zeros(3), "unused")
    )  # onnxruntime warns of this
    save(proto, tmp_path / "warned.onnx")
    OnnxBackend(tmp_path / "warned.onnx", 2)
    Recognizer.load(models["tflite"]).predict(walk(33, 30))
    with pytest.raises(InputError):
        OnnxBackend(write_model(tmp_path / "bare.onnx", document=None))
    assert capfd.readouterr() == ("", "")
    os.write(2, b"still there")
    assert capfd.readouterr() == ("", "still there")


def test_two_persons(tmp_path: Path, kind: str, write: Write) -> None:
    recognizer = Recognizer.load(write(tmp_path / f"pair.{kind}", metadata(persons=2)))
    clip = walk(30, 30, persons=2)
    pair = recognizer.embed(clip).reshape(2, 20, 25, 3)
    np.testing.assert_array_equal(recognizer.embed(clip[:, 0]).reshape(2, 20, 25, 3)[0], pair[0])
    assert (recognizer.embed(clip[:, 0]).reshape(2, 20, 25, 3)[1] == 0).all()
    assert np.abs(pair[1]).max() > 0


def test_the_metadata_document_is_what_the_exporter_writes() -> None:
    assert isinstance(ModelMetadata.from_json(METADATA.to_json(), "here"), ModelMetadata)
