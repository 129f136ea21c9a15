"""Products to which a matrix is added, as every block of a streaming step has one."""

from collections.abc import Callable

import numpy as np
import onnx
import onnx.reference
import pytest
from onnx import TensorProto, helper, numpy_helper

from skedge.export.formats.quantize_onnx import StaticQuantizer

FEEDS = [{"joints": one} for one in np.random.default_rng(1).normal(size=(4, 5, 6)).astype("f4")]


def quantizer(nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray]) -> StaticQuantizer:
    """That of nodes that make y (5, 4) of joints (5, 6)."""
    graph = helper.make_graph(
        nodes,
        "sum",
        [helper.make_tensor_value_info("joints", TensorProto.FLOAT, (5, 6))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (5, 4))],
        [
            numpy_helper.from_array(value.astype(np.float32), name)
            for name, value in weights.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return StaticQuantizer(model.SerializeToString(), FEEDS, ())


def check(
    nodes: list[onnx.NodeProto],
    weights: dict[str, np.ndarray],
    right: Callable[[np.ndarray], np.ndarray],
) -> None:
    """Nodes that make y (5, 4) of joints (5, 6), quantised, against what is right."""
    made = onnx.load_from_string(quantizer(nodes, weights).quantize(()))
    got = onnx.reference.ReferenceEvaluator(made).run(None, FEEDS[0])[0]
    np.testing.assert_allclose(got, right(FEEDS[0]["joints"]), atol=0.1)


def test_a_product_of_two_computed_sides_is_none_of_those_with_weights() -> None:
    """Such as those of attention: what is int8 in them alone makes no int8 file, in no format."""
    random = np.random.default_rng(0)
    nodes = [
        helper.make_node("Transpose", ["joints"], ["turned"], name="turn"),
        helper.make_node("MatMul", ["joints", "turned"], ["shares"], name="shares"),
        helper.make_node("MatMul", ["joints", "w"], ["values"], name="weights"),
        helper.make_node("MatMul", ["shares", "values"], ["y"], name="mixed"),
    ]
    made = quantizer(nodes, {"w": random.normal(size=(6, 4))})
    assert {"shares", "weights", "mixed"} <= set(made.parts)
    assert made.products == ("weights",)


def test_only_what_reads_int8_is_a_part_to_be_tried() -> None:
    """Every part is quantised alone and run, so that one of float costs time for nothing."""
    nodes = [
        helper.make_node("MatMul", ["joints", "w"], ["product"], name="product"),
        helper.make_node("Sin", ["product"], ["once"], name="once"),
        helper.make_node("Sin", ["once"], ["y"], name="twice"),
    ]
    made = quantizer(nodes, {"w": np.random.default_rng(0).normal(size=(6, 4))})
    assert made.parts == ("product", "once")
    assert made.products == ("product",)


def test_a_product_with_a_matrix_added_is_quantised() -> None:
    """onnxruntime's quantiser takes what is added for a vector and breaks on its rows."""
    random = np.random.default_rng(0)
    weights = {"w": random.normal(size=(6, 4)), "c": random.normal(size=(5, 4))}
    check(
        [helper.make_node("Gemm", ["joints", "w", "c"], ["y"], name="product")],
        weights,
        lambda joints: joints @ weights["w"] + weights["c"],
    )


def test_a_product_with_a_computed_sum_is_quantised_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A residual's product in a streaming step: `skedge export --precision int8 --streaming` printed
    the quantiser's warning about it, a dozen times."""
    random = np.random.default_rng(0)
    weights = {"w": random.normal(size=(6, 4)), "v": random.normal(size=(6, 4))}
    check(
        [
            helper.make_node("MatMul", ["joints", "v"], ["beside"], name="beside"),
            helper.make_node("Gemm", ["joints", "w", "beside"], ["y"], name="product"),
        ],
        weights,
        lambda joints: joints @ (weights["w"] + weights["v"]),
    )
    assert [one.message for one in caplog.records if "Bias" in one.message] == []


def test_a_product_that_says_that_it_is_plain_is_quantised_too() -> None:
    """As onnxruntime writes what it has made of a product and a sum."""
    random = np.random.default_rng(0)
    weights = {"w": random.normal(size=(6, 4)), "c": random.normal(size=(5, 4))}
    plain = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}
    check(
        [helper.make_node("Gemm", ["joints", "w", "c"], ["y"], name="product", **plain)],
        weights,
        lambda joints: joints @ weights["w"] + weights["c"],
    )


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_a_product_that_is_not_plain_stays_as_it_is(beta: float) -> None:
    """As a product and a sum it would be one of other weights, and another sum."""
    random = np.random.default_rng(0)
    weights = {"w": random.normal(size=(4, 6)), "v": random.normal(size=(6, 4))}
    check(
        [
            helper.make_node("MatMul", ["joints", "v"], ["beside"], name="beside"),
            helper.make_node(
                "Gemm", ["joints", "w", "beside"], ["y"], name="product", transB=1, beta=beta
            ),
        ],
        weights,
        lambda joints: joints @ weights["w"].T + beta * (joints @ weights["v"]),
    )


def test_a_normalisation_is_quantised_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    """`skedge export --precision int8` of a transformer printed a warning of each of them for each
    part that it tried, hundreds of lines."""
    random = np.random.default_rng(0)
    weights = {"s": random.normal(size=6), "o": random.normal(size=6)}
    weights["w"] = random.normal(size=(6, 4))

    def right(joints: np.ndarray) -> np.ndarray:
        apart = joints - joints.mean(1, keepdims=True)
        placed = apart / np.sqrt(np.square(apart).mean(1, keepdims=True) + 1e-5)
        return (placed * weights["s"] + weights["o"]) @ weights["w"]

    check(
        [
            helper.make_node("LayerNormalization", ["joints", "s", "o"], ["n"], name="norm"),
            helper.make_node("MatMul", ["n", "w"], ["y"], name="product"),
        ],
        weights,
        right,
    )
    assert caplog.records == []
