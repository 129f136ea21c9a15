"""What stays in float, and what int8 weights are."""

import re
from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from skedge.export.formats import quantize_tflite
from skedge.export.formats.quantize_onnx import DynamicQuantizer, halve
from skedge.export.quantize import leave_worst
from tests.export.exported_files import Exported


class Sum:
    """A network whose error is the sum of what its quantised parts err by; a model is the list of
    those parts."""

    def __init__(self, errors: list[float], without: int = 0) -> None:
        self.errors = {f"part {i}": error for i, error in enumerate(errors)}
        # Parts without weights are the same in int8.
        self.parts = (*(f"without weights {i}" for i in range(without)), *self.errors)
        self.made = 0

    def quantize(self, kept: Collection[str]) -> bytes:
        self.made += 1
        return "\n".join(part for part in self.errors if part not in kept).encode()

    def error(self, model: bytes) -> float:
        return sum(self.errors[part] for part in model.decode().splitlines())


@given(
    st.lists(
        st.one_of(st.just(0.0), st.floats(0.001, 1), st.just(float("inf"))), min_size=1, max_size=40
    ),
    st.integers(0, 3),
)
@example([0.06] * 20, 3)  # many small errors, beside parts that make none
def test_the_fewest_and_the_worst_stay_in_float(errors: list[float], without: int) -> None:
    network = Sum(errors, without)
    model, left = leave_worst(network, network.error, network.error, enough=0.5)
    worst = sorted(errors, reverse=True)
    fewest = next(count for count in range(len(errors) + 1) if sum(worst[count:]) <= 0.5)
    assert sorted((network.errors[part] for part in left), reverse=True) == worst[:fewest]
    assert set(model.decode().splitlines()) == set(network.errors) - set(left)
    assert network.error(model) <= 0.5
    assert network.made <= len(network.parts) + 16


def test_parts_that_harm_only_together_are_not_left_together() -> None:
    """A file was made that erred by more than it may, though no part seemed to be left to keep."""

    class Together(Sum):
        def error(self, model: bytes) -> float:
            both = {"part 1", "part 3"} <= set(model.decode().splitlines())
            return super().error(model) + both

    for errors in ([0.0] * 4, [0.0, 0.0, 0.4, 0.0, 0.3]):
        network = Together(errors, without=2)
        model, left = leave_worst(network, network.error, network.error, enough=0.5)
        assert network.error(model) <= 0.5
        assert {"part 1", "part 3"} & set(left)
        assert model == network.quantize(left)


@pytest.mark.parametrize("few_see", [0.0, 10.0])
def test_a_model_is_measured_on_all_clips_and_only_ranked_on_few(few_see: float) -> None:
    """Few clips may see nothing of an error, or far more of it than there is."""
    network = Sum([0.1, 0.4, 0.3])
    model, left = leave_worst(
        network, network.error, lambda model: few_see * network.error(model), enough=0.45
    )
    assert network.error(model) <= 0.45
    assert left == (["part 1"] if few_see else ["part 0", "part 1"])
    allowed = Sum([0.1, 0.2])
    assert leave_worst(allowed, allowed.error, lambda model: few_see, enough=0.45)[1] == []


def test_nothing_is_searched_where_the_float_model_is_wrong() -> None:
    network = Sum([0.1] * 30)
    _, left = leave_worst(network, lambda model: 1.0, network.error, enough=0.5)
    assert len(left) == 30
    assert network.made == 2


def test_a_tflite_file_is_searched_only_where_weights_can_be_int8(exported: Exported) -> None:
    """Every node was tried alone, nine in ten of them without weights: a small transformer took
    more than a minute, and STTFormer many."""
    from ai_edge_litert import schema_py_generated as schema

    def stored_in_int8(model: bytes) -> int:
        (graph,) = schema.ModelT.InitFromPackedBuf(model, 0).subgraphs
        return sum(tensor.type == schema.TensorType.INT8 for tensor in graph.tensors)

    content = exported.file("tflite", "fp32").read_bytes()
    quantizer = quantize_tflite.DynamicQuantizer(content)
    assert stored_in_int8(quantizer.quantize(quantizer.parts)) == 0
    everything = set(quantizer.parts)
    assert all(stored_in_int8(quantizer.quantize(everything - {part})) for part in everything)


def test_int8_weights_of_tflite_have_a_step_for_each_output(exported: Exported) -> None:
    """As LiteRT reads the file, an output's largest weight is 127 steps: one step for all outputs
    made those of small weights coarse."""
    from ai_edge_litert.interpreter import Interpreter

    content = exported.file("tflite", "fp32").read_bytes()
    model = quantize_tflite.DynamicQuantizer(content).quantize(())
    reader = Interpreter(model_content=model)
    reader.allocate_tensors()
    weights = [
        np.moveaxis(
            reader.get_tensor(one["index"]).astype(int),
            one["quantization_parameters"]["quantized_dimension"],
            0,
        )
        for one in reader.get_tensor_details()
        if one["dtype"] is np.int8
    ]
    assert len(weights) >= 6
    for tensor in weights:
        largest = np.abs(tensor).reshape(len(tensor), -1).max(1)
        assert set(largest[largest > 0]) == {127}


def test_an_expression_for_most_parts_names_the_few_others() -> None:
    """One of all parts but one was compiled for each part: an int8 file of a small transformer took
    142 s, of which that was more than half."""
    parts = [f"a/long name (of a part);{number};" for number in range(100)]
    for count in (0, 1, 49, 50, 51, 99, 100):
        names = parts[:count]
        expression = quantize_tflite._only(names, parts)
        assert [part for part in parts if re.search(expression, part)] == names
        assert expression.count("long") == min(count, 100 - count)
        assert not re.search(quantize_tflite._only(parts[:1], parts), f"{parts[0]} and more")


def products(content: bytes) -> dict[str, np.ndarray]:
    """What convolutions and matrix products multiply by, by the name of the product, where Cast and
    Mul have made it."""
    model = onnx.load_from_string(content)
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]].astype(np.float32)
        if node.op_type == "Mul" and set(node.input) <= values.keys():
            values[node.output[0]] = values[node.input[0]] * values[node.input[1]]
    kinds = ("Conv", "MatMul", "Gemm")
    return {
        node.name: values[node.input[1]]
        for node in model.graph.node
        if node.op_type in kinds and node.input[1] in values
    }


def test_int8_weights_are_the_nearest_and_half_ones_too(exported: Exported) -> None:
    """A step is a 127th of an output channel's largest weight; no weight is off by more than half
    of one."""
    content = exported.file("onnx", "fp32").read_bytes()
    before, halved = products(content), products(halve(content))
    quantizer = DynamicQuantizer(content)
    after = products(quantizer.quantize(()))
    assert before.keys() == halved.keys() == after.keys()
    assert len(before) >= 10
    changed = 0
    for name, weights in before.items():
        torch.testing.assert_close(
            torch.tensor(halved[name]), torch.tensor(weights), rtol=2**-11, atol=2**-25
        )
        axes = (1, 2, 3) if weights.ndim == 4 else (0,)
        step = np.abs(weights).max(axes, keepdims=True) / 127
        assert (np.abs(after[name] - weights) <= 0.5001 * step).all()
        changed += not np.array_equal(after[name], weights)
    assert changed >= 6
    kept = quantizer.parts[0]
    one = onnx.load_from_string(quantizer.quantize([kept]))
    assert kept in {tensor.name for tensor in one.graph.initializer}


@pytest.mark.parametrize("precision", ["fp16", "dynamic", "int8"])
def test_smaller_weights_are_made_floats_when_the_file_is_opened(
    exported: Exported, tmp_path: Path, precision: str
) -> None:
    """What is made of stored weights alone, and not of a frame, must not be made again in every
    frame."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / "run.onnx")
    file = exported.file("onnx", precision)
    stored = {tensor.data_type for tensor in onnx.load(file).graph.initializer}
    assert (TensorProto.FLOAT16 if precision == "fp16" else TensorProto.INT8) in stored
    onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    run = onnx.load(options.optimized_model_filepath)
    constant = {tensor.name for tensor in run.graph.initializer}
    weights = {tensor.name for tensor in run.graph.initializer if np.prod(tensor.dims) > 1}
    made = {
        node.output[0]: node.op_type
        for node in run.graph.node
        if set(node.input) <= constant and node.input[0] in weights
    }
    assert set(made.values()) <= ({"DequantizeLinear"} if precision == "int8" else set())
    # Those that are left are factors and sums of int8 arithmetic, which reads them as they are
    # stored.
    whole = {node.output[0] for node in run.graph.node if node.op_type == "DequantizeLinear"}
    assert all(set(node.input) <= whole for node in run.graph.node if set(node.input) & made.keys())


@pytest.mark.parametrize("transposed", [0, 1])
def test_a_product_that_says_how_its_weights_lie_has_a_step_for_each_output(
    transposed: int,
) -> None:
    """By the wrong axis, one large output makes all others coarse."""
    weights = np.random.default_rng(0).normal(size=(16, 8)).astype(np.float32)
    weights[:, 0] *= 1000
    stored = weights.T.copy() if transposed else weights
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="sum", transB=transposed)
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (2, 16))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (2, 8))],
        [
            numpy_helper.from_array(stored, "w"),
            numpy_helper.from_array(np.zeros(8, np.float32), "b"),
        ],
    )
    model = helper.make_model(graph).SerializeToString()
    after = products(DynamicQuantizer(model).quantize(()))["sum"]
    after = after.T if transposed else after
    step = np.abs(weights).max(0) / 127
    assert (np.abs(after - weights) <= 0.5001 * step).all()
    assert not np.array_equal(after, weights)


def test_a_stack_of_products_has_a_step_for_each_output() -> None:
    """Its outputs are along the last axis, however many come before."""
    weights = np.random.default_rng(0).normal(size=(3, 16, 8)).astype(np.float32)
    weights[..., 0] *= 1000
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="stack")],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (3, 2, 16))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (3, 2, 8))],
        [numpy_helper.from_array(weights, "w")],
    )
    quantizer = DynamicQuantizer(helper.make_model(graph).SerializeToString())
    after = products(quantizer.quantize(()))["stack"]
    step = np.abs(weights).max((0, 1)) / 127
    assert (np.abs(after - weights) <= 0.5001 * step).all()
    assert not np.array_equal(after, weights)


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
