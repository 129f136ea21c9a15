"""Files of one network that are made when a test first asks for them."""

from pathlib import Path
from typing import Any

import onnx
from ai_edge_litert import schema_py_generated as schema

from skedge.export.exporter import Exporter


class Exported:
    """What the exporter found and the file it wrote, by format and precision; each is made when it
    is first asked for."""

    def __init__(self, exporter: Exporter, folder: Path) -> None:
        self.exporter, self.folder = exporter, folder
        self._found: dict[Path, dict[str, Any]] = {}

    def file(self, kind: str, precision: Any) -> Path:
        path = self.folder / f"my {precision} student.{kind}"
        if path not in self._found:
            self._found[path] = self.exporter.write(path, precision)
        return path

    def found(self, kind: str, precision: str) -> dict[str, Any]:
        return self._found[self.file(kind, precision)]


def products_in_int8(kind: str, content: bytes) -> int:
    """How many convolutions and matrix products of a model take int8 activations."""
    if kind == "onnx":
        graph = onnx.load_from_string(content).graph
        stored = {tensor.name for tensor in graph.initializer}
        whole = {
            node.output[0]
            for node in graph.node
            if node.op_type == "DequantizeLinear" and node.input[0] not in stored
        }
        kinds = ("Conv", "MatMul", "Gemm")
        return sum(node.op_type in kinds and bool(whole & {*node.input}) for node in graph.node)
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    (graph,) = model.subgraphs
    codes = (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED)
    return sum(
        model.operatorCodes[operator.opcodeIndex].builtinCode in codes
        and graph.tensors[operator.inputs[0]].type == schema.TensorType.INT8
        for operator in graph.operators
    )
