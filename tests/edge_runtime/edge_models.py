"""Small models that honour the exporter's contract, made without torch, with results that can be
worked out by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from skedge.edge_runtime.backends.seal import OPEN, seal
from skedge.skeleton import load_layout
from skedge.skeleton.metadata import KEY, ModelMetadata, Streaming

METADATA = ModelMetadata(
    labels=("wave", "clap", "idle"),
    layout=load_layout("ntu25"),
    persons=1,
    frames=20,
    seconds=2.0,
    normalization="per-frame",
    streams=("joint",),
    parameters=178757,
    macs=96_000_000,
    weights_sha256="0" * 64,
    accuracy={"top1": 87.0, "top5": 99.1, "clips": 430, "protocol": "odd-even"},
)


def metadata(**changes: object) -> ModelMetadata:
    return replace(METADATA, **changes)


def weights(metadata: ModelMetadata) -> np.ndarray:
    """What `write_model` weighs the flattened input by, (classes, persons * frames * V * 3)."""
    size = metadata.persons * metadata.frames * len(metadata.layout) * 3
    return (
        np.random.default_rng(0)
        .normal(0, 1 / size**0.5, (len(metadata.labels), size))
        .astype(np.float32)
    )


def write_model(
    path: Path,
    metadata: ModelMetadata = METADATA,
    document: str | None = "metadata",
    shape: tuple[int, ...] | None = None,
    classes: int | None = None,
    padding: int = 0,
    matrix: np.ndarray | None = None,
) -> Path:
    """A model whose embedding is its input, flattened, and whose probabilities are the softmax of
    `weights` times it.

    `document` is the metadata's text (None: none at all), `shape` and `classes` lie about the
    ports, `padding` adds that many MB of weights, `matrix` (classes, size) stands in for `weights`.
    """
    shape = shape or (metadata.persons, metadata.frames, len(metadata.layout), 3)
    size, classes = int(np.prod(shape)), classes or len(metadata.labels)
    matrix = np.resize(
        weights(metadata) if matrix is None else matrix.astype(np.float32), (classes, size)
    )
    tensors = [
        numpy_helper.from_array(np.array([-1], np.int64), "flat"),
        numpy_helper.from_array(matrix, "matrix"),
    ]
    nodes = [
        helper.make_node("Reshape", ["joints", "flat"], ["embedding"]),
        helper.make_node("MatMul", ["matrix", "embedding"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    if padding:
        ballast = np.random.default_rng(1).normal(size=(padding * 250, 1000)).astype(np.float32)
        tensors.append(numpy_helper.from_array(ballast, "ballast"))
        nodes[1:2] = [
            helper.make_node("MatMul", ["matrix", "embedding"], ["bare"]),
            helper.make_node("ReduceMax", ["ballast"], ["most"], keepdims=0),
            helper.make_node("Add", ["bare", "most"], ["logits"]),
        ]
    graph = helper.make_graph(
        nodes,
        "echo",
        [helper.make_tensor_value_info("joints", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [classes]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [size]),
        ],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    if document is not None:
        text = replace(metadata, file_sha256=OPEN).to_json() if document == "metadata" else document
        helper.set_model_props(model, {KEY: text})
    path.write_bytes(seal(model.SerializeToString()))
    return path


REMEMBERED = 3
STREAMING = replace(
    METADATA,
    frames=12,
    seconds=1.2,
    time="rate",
    hz=10.0,
    warm_up=4,
    streaming=Streaming({"state_memory": REMEMBERED}, 0, 1),
)


def write_streaming_model(
    path: Path, metadata: ModelMetadata = STREAMING, columns: int = REMEMBERED * 3
) -> Path:
    """A streaming model whose embedding is its last four frames, (V, 4 * 3) flattened, oldest
    first.

    Its probabilities are the softmax of the newest frame's first joint. `columns` lies about the
    state it gives.
    """
    rows = metadata.persons * len(metadata.layout)
    width = 3 * (REMEMBERED + 1)
    constants = {
        "rows": [rows, 3],
        "flat": [-1],
        "end": [width],
        "axis": [1],
        "none": [0],
        "one": [1],
    }
    tensors = [
        numpy_helper.from_array(np.array(value, np.int64), name)
        for name, value in constants.items()
    ]
    tensors.append(numpy_helper.from_array(np.array([width - columns], np.int64), "begin"))
    nodes = [
        helper.make_node("Reshape", ["joints", "rows"], ["frame"]),
        helper.make_node("Concat", ["state_memory", "frame"], ["all"], axis=1),
        helper.make_node("Reshape", ["all", "flat"], ["embedding"]),
        helper.make_node("Slice", ["all", "begin", "end", "axis"], ["state_memory_next"]),
        helper.make_node("Slice", ["frame", "none", "one", "none"], ["first"]),
        helper.make_node("Reshape", ["first", "flat"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]

    def port(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        "memory",
        [
            port("joints", metadata.persons, len(metadata.layout), 3),
            port("state_memory", rows, REMEMBERED * 3),
        ],
        [
            port("probabilities", 3),
            port("embedding", rows * width),
            port("state_memory_next", rows, columns),
        ],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {KEY: replace(metadata, file_sha256=OPEN).to_json()})
    path.write_bytes(seal(model.SerializeToString()))
    return path


def walk(frames: int, rate: float, persons: int = 1, seed: int = 0) -> np.ndarray:
    """A smooth motion (T, M, V, 3) in metres: every joint on a slow wave of its own."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None, None, None] / rate
    phase, place = rng.uniform(0, 6, (2, 1, persons, 25, 3))
    return (place + 0.3 * np.sin(2 * time + phase)).astype(np.float32)
