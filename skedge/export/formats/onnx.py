"""A graph in the ONNX format, of floats."""

import tempfile
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import quant_pre_process

from skedge.export.formats.quiet import quiet
from skedge.export.graph import Graph
from skedge.skeleton.metadata import KEY

OPSET = 20


def convert(graph: Graph) -> bytes:
    """The graph as an ONNX model of static shapes, in float32, with all folded that does not depend
    on the inputs."""
    with quiet(), tempfile.TemporaryDirectory() as room:
        program = torch.onnx.export(
            graph.module,
            tuple(graph.inputs.values()),
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
        assert program is not None
        path = Path(room) / "model.onnx"
        program.save(path, external_data=False)
        quant_pre_process(path, path, skip_symbolic_shape=True)
        model = onnx.load(path)
    for node in model.graph.node:  # the exporter's stack traces: a twentieth of the file
        del node.metadata_props[:]
        node.ClearField("doc_string")
    return model.SerializeToString()


def describe(content: bytes, document: str) -> bytes:
    """The model with the document in its metadata; raises `onnx.checker.ValidationError` if it is
    no valid model."""
    model = onnx.load_from_string(content)
    onnx.helper.set_model_props(model, {KEY: document})
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()
