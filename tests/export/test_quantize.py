"""What stays in float, and what int8 weights are."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from exported_files import Exported
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from edge_runtime.backend import load_backend
from export.quantize import leave_worst
from export.quantize_onnx import DynamicQuantizer, halve


class Sum:
    """A network whose error is the sum of what its quantised parts err by; a model is the list of those parts."""

    def __init__(self, errors: list[float]) -> None:
        self.errors = {f"part {i}": error for i, error in enumerate(errors)}
        self.parts = tuple(self.errors)
        self.made = 0

    def quantize(self, kept: Collection[str]) -> bytes:
        self.made += 1
        return "\n".join(part for part in self.parts if part not in kept).encode()

    def error(self, model: bytes) -> float:
        return sum(self.errors[part] for part in model.decode().splitlines())


@given(st.lists(st.one_of(st.just(0.0), st.floats(0.001, 1), st.just(float("inf"))), min_size=1, max_size=40))
def test_the_fewest_and_the_worst_stay_in_float(errors: list[float]) -> None:
    network = Sum(errors)
    model, left = leave_worst(network, network.error, network.error, enough=0.5)
    worst = sorted(errors, reverse=True)
    fewest = next(count for count in range(len(errors) + 1) if sum(worst[count:]) <= 0.5)
    assert sorted((network.errors[part] for part in left), reverse=True) == worst[:fewest]
    assert set(model.decode().splitlines()) == set(network.parts) - set(left)
    assert network.error(model) <= 0.5
    assert network.made <= len(errors) + 16


def test_nothing_is_searched_where_the_float_model_is_wrong() -> None:
    network = Sum([0.1] * 30)
    _, left = leave_worst(network, lambda model: 1.0, network.error, enough=0.5)
    assert len(left) == 30
    assert network.made == 2


def products(content: bytes) -> dict[str, np.ndarray]:
    """What convolutions and matrix products multiply by, by the name of the product, after Cast and DequantizeLinear."""
    model = onnx.load_from_string(content)
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]].astype(np.float32)
        if node.op_type == "DequantizeLinear":
            axis = node.attribute[0].i
            whole, scale = (values[name] for name in node.input)
            shape = [1] * whole.ndim
            shape[axis] = -1
            assert whole.dtype == np.int8
            values[node.output[0]] = whole * scale.reshape(shape)
    kinds = ("Conv", "MatMul", "Gemm")
    return {node.name: values[node.input[1]] for node in model.graph.node if node.op_type in kinds and node.input[1] in values}


def test_int8_weights_are_the_nearest_and_half_ones_too(exported: Exported) -> None:
    """A step is a 127th of an output channel's largest weight; no weight is off by more than half of one."""
    content = exported.file("onnx", "fp32").read_bytes()
    before, halved = products(content), products(halve(content))
    quantizer = DynamicQuantizer(content)
    after = products(quantizer.quantize(()))
    assert before.keys() == halved.keys() == after.keys()
    assert len(before) >= 10
    changed = 0
    for name, weights in before.items():
        torch.testing.assert_close(torch.tensor(halved[name]), torch.tensor(weights), rtol=2**-11, atol=2**-25)
        axes = (1, 2, 3) if weights.ndim == 4 else (0,)
        step = np.abs(weights).max(axes, keepdims=True) / 127
        assert (np.abs(after[name] - weights) <= 0.5001 * step).all()
        changed += not np.array_equal(after[name], weights)
    assert changed >= 6
    kept = quantizer.parts[0]
    one = onnx.load_from_string(quantizer.quantize([kept]))
    assert kept in {tensor.name for tensor in one.graph.initializer}


def test_int8_weights_are_computed_with_as_the_floats_that_they_stand_for(exported: Exported, tmp_path: Path) -> None:
    """Left to itself onnxruntime makes floats of them in every run, and computes with others than these."""
    file = exported.file("onnx", "dynamic")
    model = onnx.load(file)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made = [node for node in model.graph.node if node.op_type == "DequantizeLinear"]
    assert made
    for node in made:
        whole, scale = (stored[name] for name in node.input)
        weights = np.moveaxis(np.moveaxis(whole, node.attribute[0].i, -1) * scale, -1, node.attribute[0].i)
        model.graph.initializer.append(numpy_helper.from_array(weights.astype(np.float32), node.output[0]))
        model.graph.node.remove(node)
    onnx.save(model, tmp_path / "floats.onnx")
    joints = np.random.default_rng(0).normal(size=(2, 12, 25, 3)).astype(np.float32)
    expected, got = (load_backend(path).infer({"joints": joints}) for path in (tmp_path / "floats.onnx", file))
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-6, atol=1e-6)


def test_a_channel_of_zeros(exported: Exported) -> None:
    model = onnx.load_from_string(exported.file("onnx", "fp32").read_bytes())
    (conv, *_) = [node for node in model.graph.node if node.op_type == "Conv"]
    (tensor,) = [tensor for tensor in model.graph.initializer if tensor.name == conv.input[1]]
    weights = numpy_helper.to_array(tensor).copy()
    weights[1] = 0
    tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
    after = products(DynamicQuantizer(model.SerializeToString()).quantize(()))[conv.name]
    assert (after[1] == 0).all()
    assert after[0] == pytest.approx(weights[0], abs=0.01)
