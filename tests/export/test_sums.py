"""Products to which a matrix is added, as every block of a streaming step has one."""

import numpy as np
import onnx
import onnx.reference
from onnx import TensorProto, helper, numpy_helper

from skedge.export.formats.quantize_onnx import StaticQuantizer


def test_a_product_with_a_matrix_added_is_quantised() -> None:
    """onnxruntime's quantiser takes what is added for a vector and breaks on its rows."""
    random = np.random.default_rng(0)
    weights = {"w": random.normal(size=(6, 4)), "c": random.normal(size=(5, 4))}
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["joints", "w", "c"], ["y"], name="product")],
        "sum",
        [helper.make_tensor_value_info("joints", TensorProto.FLOAT, (5, 6))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (5, 4))],
        [
            numpy_helper.from_array(value.astype(np.float32), name)
            for name, value in weights.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    feeds = [{"joints": random.normal(size=(5, 6)).astype(np.float32)} for _ in range(4)]
    made = onnx.load_from_string(StaticQuantizer(model.SerializeToString(), feeds, ()).quantize(()))
    expected = feeds[0]["joints"] @ weights["w"] + weights["c"]
    got = onnx.reference.ReferenceEvaluator(made).run(None, feeds[0])[0]
    np.testing.assert_allclose(got, expected, atol=0.1)
