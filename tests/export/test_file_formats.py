"""Every format and precision, as a person and the device see the files."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from onnx import numpy_helper
from torch import Tensor, nn

from skedge.datasets.store import Store
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.backends.seal import seal
from skedge.export.exporter import PRECISIONS, Exporter
from skedge.export.formats import onnx as onnx_format
from skedge.export.formats import tflite as tflite_format
from skedge.export.formats.registry import FORMATS
from skedge.export.graph import Graph
from skedge.export.verify import ExportError
from skedge.skeleton import load_layout, prepare
from skedge.skeleton.normalize import Normalization, normalize
from skedge.teacher.runs.load import load_classifier
from tests.export.exported_files import Exported, products_in_int8

KINDS = ["onnx", "tflite"]
every = pytest.mark.parametrize(
    ("kind", "precision"), [(kind, precision) for kind in KINDS for precision in PRECISIONS]
)
NEAR = {"fp32": 1e-5, "fp16": 5e-3, "dynamic": 0.05, "int8": 0.05}


@every
@torch.no_grad()
def test_the_recognizer_answers_as_torch(
    kind: str, precision: str, exported: Exported, run: Path, store: Store
) -> None:
    classifier, _ = load_classifier(run)
    recognizer = Recognizer.load(exported.file(kind, precision))
    assert recognizer.metadata.precision == precision
    for i in range(len(store)):
        clip = store.clip(i)
        logits, features = classifier(torch.from_numpy(prepare(clip, store.layout, 2, 12))[None])
        scene = clip.transpose(1, 0, 2, 3)
        np.testing.assert_allclose(
            recognizer.predict(scene), logits[0].softmax(0).numpy(), atol=NEAR[precision]
        )
        size = float(features.abs().max())
        np.testing.assert_allclose(
            recognizer.embed(scene), features[0].numpy(), atol=NEAR[precision] * size
        )


@every
def test_what_the_export_says(kind: str, precision: str, exported: Exported, store: Store) -> None:
    found = exported.found(kind, precision)
    assert found["clips"] == len(store.split("xsub", "test")) == 18
    assert "18 clips only" in found["note"]
    assert found["agreement"] == 1
    assert found["accuracy_lost"] == 0
    assert found["bytes"] == exported.file(kind, precision).stat().st_size
    assert ("left_in_float" in found) == (precision in ("dynamic", "int8"))


def test_one_document_in_every_file(exported: Exported) -> None:
    """But for the precision, and the seal of the file's own bytes."""
    found = [
        Recognizer.load(exported.file(kind, precision)).metadata
        for kind in KINDS
        for precision in PRECISIONS
    ]
    assert len({one.file_sha256 for one in found}) == len(found)
    documents = {replace(one, file_sha256=None, precision="fp32").to_json() for one in found}
    assert len(documents) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_smaller_precisions_make_smaller_files(kind: str, exported: Exported) -> None:
    """By a fifth of the weights at least: in a network as small as this one much of a file is not
    weights."""
    size = {precision: exported.found(kind, precision)["bytes"] for precision in PRECISIONS}
    weights = 4 * exported.found(kind, "fp32")["parameters"]
    for precision in ("fp16", "dynamic"):
        assert size["fp32"] - size[precision] > 0.2 * weights, precision


def kinds_of_tensors(path: Path) -> Counter:
    return Counter(
        np.dtype(tensor["dtype"]).name for tensor in Interpreter(str(path)).get_tensor_details()
    )


def test_what_is_stored_and_computed(exported: Exported) -> None:
    """fp16 and dynamic are about weights, int8 is about arithmetic too."""
    types = {
        precision: Counter(
            numpy_helper.to_array(t).dtype.name
            for t in onnx.load(exported.file("onnx", precision)).graph.initializer
        )
        for precision in PRECISIONS
    }
    assert not {"float16", "int8"} & types["fp32"].keys()
    assert types["fp16"]["float16"] >= 6
    assert types["dynamic"]["int8"] >= 4
    nodes = {
        precision: Counter(
            node.op_type for node in onnx.load(exported.file("onnx", precision)).graph.node
        )
        for precision in PRECISIONS
    }
    assert nodes["dynamic"]["QuantizeLinear"] == 0
    assert nodes["int8"]["QuantizeLinear"] >= 6
    assert types["int8"]["uint8"] >= 6, "with s8 activations products stay in float on x86"

    tensors = {
        precision: kinds_of_tensors(exported.file("tflite", precision)) for precision in PRECISIONS
    }
    assert not {"float16", "int8"} & tensors["fp32"].keys()
    assert tensors["fp16"]["float16"] >= 6
    assert 4 <= tensors["dynamic"]["int8"] < tensors["int8"]["int8"]
    for kind in KINDS:
        computed = {
            precision: products_in_int8(kind, exported.file(kind, precision).read_bytes())
            for precision in PRECISIONS
        }
        assert computed.pop("int8") > 0, kind
        assert set(computed.values()) == {0}, kind


def test_weights_behind_the_rest_of_a_tflite_file_are_kept(
    exported: Exported, tmp_path: Path, store: Store
) -> None:
    """There the quantiser puts those of networks larger than this one."""
    content = exported.file("tflite", "fp32").read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for entry in model.metadata:  # the document is written anew below, with its checksum
        if entry.name == b"skedge":
            model.buffers[entry.buffer].data = None
    model.metadata = [entry for entry in model.metadata if entry.name != b"skedge"]
    largest = max(
        (buffer for buffer in model.buffers if buffer.data is not None),
        key=lambda buffer: len(buffer.data),
    )
    weights, largest.data, largest.offset, largest.size = bytes(largest.data), None, 1, 1
    for _ in range(2):  # the second time with the right offset, which takes as many bytes
        builder = tflite_format._Builder(len(content))
        builder.Finish(model.Pack(builder), tflite_format.IDENTIFIER)
        rest = bytes(builder.Output())
        largest.offset, largest.size = len(rest) + -len(rest) % 16, len(weights)
    apart = rest + bytes(-len(rest) % 16) + weights
    document = Recognizer.load(exported.file("tflite", "fp32")).metadata.to_json()
    (tmp_path / "again.tflite").write_bytes(seal(tflite_format.describe(apart, document)))
    scene = store.clip(0).transpose(1, 0, 2, 3)
    expected = Recognizer.load(exported.file("tflite", "fp32")).predict(scene)
    np.testing.assert_array_equal(
        Recognizer.load(tmp_path / "again.tflite").predict(scene), expected
    )


def test_the_weights_of_a_tflite_file_are_aligned(exported: Exported) -> None:
    """TensorFlow Lite's schema wants 16 bytes; a runtime may read them where they stand."""
    content = exported.file("tflite", "fp32").read_bytes()
    model = schema.Model.GetRootAs(content)
    filled = [
        model.Buffers(i) for i in range(model.BuffersLength()) if model.Buffers(i).DataLength()
    ]
    starts = {buffer._tab.Vector(buffer._tab.Offset(4)) for buffer in filled}
    assert len(starts) > 10
    assert all(start % 16 == 0 for start in starts)


class Normalized(nn.Module):
    """All normalisations of one scene."""

    def forward(self, joints: Tensor) -> tuple[Tensor, ...]:
        layout = load_layout("ntu25")
        return tuple(
            normalize(joints[None], layout, name, torch)[0] for name in get_args(Normalization)
        )


@pytest.mark.parametrize("kind", KINDS)
def test_normalisations_in_the_graph(kind: str) -> None:
    """At the deployed shape, with an absent person, in both runtimes: what NumPy computes. Any
    graph goes the same way."""
    names = tuple(way.replace("-", "_") for way in get_args(Normalization))
    graph = Graph(Normalized().eval(), {"joints": torch.zeros(2, 6, 25, 3)}, names)
    content = {"onnx": onnx_format, "tflite": tflite_format}[kind].convert(graph)
    random = np.random.default_rng(0)
    for absent in (False, True):
        joints = random.normal([0.5, 1, 3], 0.4, (2, 6, 25, 3)).astype(np.float32)
        joints[1] *= not absent
        got = run_graph(kind, content, joints)
        for name, way in zip(names, get_args(Normalization), strict=True):
            np.testing.assert_allclose(
                got[name], normalize(joints, load_layout("ntu25"), way), atol=2e-6, err_msg=way
            )


def run_graph(kind: str, content: bytes, joints: np.ndarray) -> dict[str, np.ndarray]:
    """One inference in the runtime alone, without skedge."""
    if kind == "tflite":
        return Interpreter(model_content=content).get_signature_runner()(joints=joints)
    import onnxruntime

    session = onnxruntime.InferenceSession(content)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"joints": joints}), strict=True))


@every
def test_a_wrong_conversion_cannot_be_written(
    kind: str, precision: Any, exported: Exported, run: Path, store: Store, tmp_path: Path
) -> None:
    """The float model that everything is made of answers otherwise: here it is another network's,
    of the same shape."""
    exported.file(kind, precision)
    exporter = Exporter(run, store)
    exporter._converted[f".{kind}"] = broken(kind, exported.exporter._converted[f".{kind}"])
    old = tmp_path / f"old.{kind}"
    old.write_bytes(b"what stood there")
    with pytest.raises(ExportError, match=r"expected|no part"):
        exporter.write(old, precision)
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == [b"what stood there"]


def broken(kind: str, content: bytes) -> bytes:
    """The model with its largest weights half as large again."""
    if kind == "onnx":
        model = onnx.load_from_string(content)
        largest = max(model.graph.initializer, key=lambda tensor: int(np.prod(tensor.dims)))
        largest.CopyFrom(
            numpy_helper.from_array(numpy_helper.to_array(largest) * 1.5, largest.name)
        )
        return bytes(model.SerializeToString())
    parsed = schema.ModelT.InitFromPackedBuf(content, 0)
    largest = max(
        (buffer for buffer in parsed.buffers if buffer.data is not None),
        key=lambda buffer: len(buffer.data),
    )
    largest.data = (np.frombuffer(bytes(largest.data), np.float32) * np.float32(1.5)).view(np.uint8)
    builder = tflite_format._Builder(len(content))
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_a_converter_that_fails_says_so(
    exporter: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(graph: Graph) -> bytes:
        raise ValueError("unsupported\noperator")

    monkeypatch.setitem(FORMATS, ".tflite", replace(FORMATS[".tflite"], convert=fail))
    monkeypatch.setattr(exporter, "_converted", {})
    with pytest.raises(ExportError, match=r"cannot be converted to \.tflite: unsupported operator"):
        exporter.write(tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []


def test_a_converter_that_fails_says_why(
    exporter: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's own error is of advice in colours, longer than a message: what happened was cut."""

    def fail(graph: Graph) -> bytes:
        try:
            raise AttributeError("module 'z3' has no attribute 'ExprRef'")
        except AttributeError as error:
            raise RuntimeError("\x1b[96mThis is step 1/3\x1b[0m " * 30) from error

    monkeypatch.setitem(FORMATS, ".onnx", replace(FORMATS[".onnx"], convert=fail))
    monkeypatch.setattr(exporter, "_converted", {})
    with pytest.raises(ExportError, match=r"to \.onnx: module 'z3' has no attribute 'ExprRef'$"):
        exporter.write(tmp_path / "model.onnx")
