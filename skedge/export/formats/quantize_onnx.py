"""Smaller ONNX models: weights in half precision or int8, or int8 arithmetic throughout."""

import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from skedge.export.formats.quiet import quiet
from skedge.export.graph import Feed

# The axis of the output channels of a weight, by the node that multiplies by it.
CHANNELS = {"Conv": 0, "MatMul": -1, "Gemm": -1}
SMALLEST = 64
# What the attributes of a Gemm are where it is a product and a sum and nothing else.
PLAIN = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}


def halve(content: bytes) -> bytes:
    """The model with its weights stored in half precision and cast to float32 when the runtime
    loads it."""
    model = onnx.load_from_string(content)
    tensors = [
        tensor
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= SMALLEST
    ]
    for tensor in tensors:
        half = numpy_helper.from_array(
            numpy_helper.to_array(tensor).astype(np.float16), f"{tensor.name}_half"
        )
        _replace(
            model,
            tensor,
            [half],
            nodes=[helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT)],
        )
    return bytes(model.SerializeToString())


class DynamicQuantizer:
    """Weights of convolutions and matrix products in int8, a scale for every output channel;
    arithmetic in float32.

    Not onnxruntime's own dynamic quantisation, whose integer convolution is six times slower than
    the float one.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        model = onnx.load_from_string(content)
        floats = {
            tensor.name: tensor
            for tensor in model.graph.initializer
            if tensor.data_type == TensorProto.FLOAT
            and len(tensor.dims) > 1
            and np.prod(tensor.dims) >= SMALLEST
        }
        self._axes = {}
        for node in model.graph.node:
            if node.op_type in CHANNELS and node.input[1] in floats:
                transposed = any(
                    attribute.name == "transB" and attribute.i for attribute in node.attribute
                )
                self._axes[node.input[1]] = (
                    0 if transposed else CHANNELS[node.op_type] % len(floats[node.input[1]].dims)
                )
        self.parts = self.products = tuple(self._axes)

    def quantize(self, kept: Collection[str]) -> bytes:
        model = onnx.load_from_string(self._content)
        for tensor in [tensor for tensor in model.graph.initializer if tensor.name in self._axes]:
            if tensor.name not in kept:
                axis = self._axes[tensor.name]
                weights = numpy_helper.to_array(tensor)
                others = tuple(i for i in range(weights.ndim) if i != axis)
                scale = np.maximum(
                    np.abs(weights).max(others, keepdims=True) / 127, np.finfo(np.float32).tiny
                )
                whole = f"{tensor.name}_int8"
                floats = f"{tensor.name}_floats"
                step = f"{tensor.name}_scale"
                made = [
                    numpy_helper.from_array(np.rint(weights / scale).astype(np.int8), whole),
                    numpy_helper.from_array(scale.astype(np.float32), step),
                ]
                # Not DequantizeLinear, which onnxruntime leaves for every run; these two it
                # computes when it opens the file.
                cast = helper.make_node("Cast", [whole], [floats], to=TensorProto.FLOAT)
                _replace(
                    model,
                    tensor,
                    made,
                    nodes=[cast, helper.make_node("Mul", [floats, step], [tensor.name])],
                )
        return bytes(model.SerializeToString())


class StaticQuantizer:
    """int8 arithmetic (QDQ): activations in u8 with ranges seen on real inputs, weights in s8 with
    a scale a channel.

    Activations are u8 because with s8 onnxruntime leaves matrix products in float on x86. Nodes
    that compute in float have their weights in int8 all the same, but for those named in `floats`
    (`DynamicQuantizer.parts`).
    """

    def __init__(self, content: bytes, feeds: Iterable[Feed], floats: Collection[str]) -> None:
        self._floats = floats
        self._room = tempfile.TemporaryDirectory()
        room = Path(self._room.name)
        self._source = room / "float.onnx"
        self._made = room / "int8.onnx"
        self._ranges = room / "ranges.json"
        model = _split_sums(onnx.load_from_string(content))
        self._source.write_bytes(model.SerializeToString())
        self._reader = _Reader(feeds)
        self.parts = _quantized(onnx.load_from_string(self.quantize(())))
        stored = {tensor.name for tensor in model.graph.initializer}
        self.products = tuple(
            node.name
            for node in model.graph.node
            if node.op_type in CHANNELS and stored & set(node.input[:2])
        )

    def quantize(self, kept: Collection[str]) -> bytes:
        with quiet():
            quantize_static(
                self._source,
                self._made,
                self._reader,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=list(kept),
                calibration_cache_path=self._ranges,
            )
        return DynamicQuantizer(self._made.read_bytes()).quantize(self._floats)


class _Reader(CalibrationDataReader):
    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> Feed | None:
        return next(self._feeds, None)


def _split_sums(model: onnx.ModelProto) -> onnx.ModelProto:
    """With every Gemm that adds anything but a stored vector as a product and a sum: the quantiser
    knows no other biases."""
    vectors = {tensor.name for tensor in model.graph.initializer if len(tensor.dims) == 1}
    for node in [
        node
        for node in model.graph.node
        if node.op_type == "Gemm" and set(node.input[2:]) - vectors
    ]:
        if any(
            helper.get_attribute_value(attribute) != PLAIN[attribute.name]
            for attribute in node.attribute
        ):
            continue
        at = list(model.graph.node).index(node)
        product = f"{node.output[0]}_product"
        made = helper.make_node(
            "MatMul", list(node.input[:2]), [product], name=f"{node.name}_product"
        )
        added = helper.make_node("Add", [product, node.input[2]], list(node.output), name=node.name)
        model.graph.node.remove(node)
        model.graph.node.insert(at, made)
        model.graph.node.insert(at + 1, added)
    return model


def _quantized(model: onnx.ModelProto) -> tuple[str, ...]:
    """The nodes that read quantised activations."""
    around = ("QuantizeLinear", "DequantizeLinear")
    stored = {tensor.name for tensor in model.graph.initializer}
    made = {
        node.output[0]
        for node in model.graph.node
        if node.op_type == around[1] and node.input[0] not in stored
    }
    return tuple(
        node.name
        for node in model.graph.node
        if node.op_type not in around and made & set(node.input)
    )


def _replace(
    model: onnx.ModelProto,
    tensor: TensorProto,
    made: list[TensorProto],
    *,
    nodes: list[onnx.NodeProto],
) -> None:
    """Replace the stored `tensor` by nodes that make it of other tensors."""
    model.graph.initializer.remove(tensor)
    model.graph.initializer.extend(made)
    for node in reversed(nodes):
        model.graph.node.insert(0, node)
