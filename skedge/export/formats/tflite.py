"""A graph in the TFLite format, of floats."""

from typing import Any

import flatbuffers
import numpy as np
from torch import Tensor, nn

from skedge.export.formats.quiet import quiet
from skedge.export.graph import Graph
from skedge.skeleton.metadata import KEY

ALIGNMENT = 16
IDENTIFIER = b"TFL3"


class _Named(nn.Module):
    """The graph's module with its outputs by name: the converter takes their names from there."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.module = graph.module
        self.inputs = tuple(graph.inputs)
        self.outputs = graph.outputs

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        return dict(
            zip(self.outputs, self.module(*(inputs[name] for name in self.inputs)), strict=True)
        )


class _Builder(flatbuffers.Builder):
    """Aligns every vector of bytes as TensorFlow Lite's schema wants it for weights, which the
    plain builder does not."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:
        return super().StartVector(elemSize, numElems, ALIGNMENT if elemSize == 1 else alignment)


def convert(graph: Graph) -> bytes:
    """The graph as a TFLite model of static shapes, in float32, with its inputs and outputs named
    in the default signature.

    The converter is known to write wrong models without an error: only `skedge.export.verify` makes
    its file trustworthy.
    """
    with quiet():
        import litert_torch

        return bytes(
            litert_torch.convert(_Named(graph).eval(), sample_kwargs=graph.inputs).model_content()
        )


def describe(content: bytes, document: str) -> bytes:
    """The model with the document in its metadata."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    model.metadata = [entry for entry in model.metadata or [] if entry.name != KEY.encode()]
    for buffer in model.buffers:
        # What the quantiser writes behind the rest of the file, packing would leave out.
        if buffer.offset > 1:
            buffer.data = np.frombuffer(content, np.uint8, count=buffer.size, offset=buffer.offset)
            buffer.offset = buffer.size = 0
    text: Any = schema.BufferT()
    text.data = np.frombuffer(document.encode(), np.uint8)
    entry: Any = schema.MetadataT()
    entry.name = KEY
    entry.buffer = len(model.buffers)
    model.buffers.append(text)
    model.metadata.append(entry)
    builder = _Builder(len(content))
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())
