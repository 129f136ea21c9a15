"""The model of `edge_models.write_model` in the TFLite format, table by table, made without a
converter."""

from dataclasses import replace
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from skedge.edge_runtime.backends.seal import OPEN, seal
from skedge.skeleton.metadata import KEY, ModelMetadata
from tests.edge_runtime.edge_models import METADATA, weights


def write_tflite(
    path: Path,
    metadata: ModelMetadata = METADATA,
    document: str | None = "metadata",
    shape: tuple[int, ...] | None = None,
    classes: int | None = None,
) -> Path:
    """Embedding: the input, flattened; probabilities: the softmax of `weights` times it. Options as
    in `write_model`."""
    shape = shape or (metadata.persons, metadata.frames, len(metadata.layout), 3)
    size, classes = int(np.prod(shape)), classes or len(metadata.labels)
    buffers = [schema.BufferT()]
    tensors = []

    def tensor(name: str, shape: tuple[int, ...], values: np.ndarray | None = None) -> int:
        kind = (
            schema.TensorType.INT32
            if values is not None and values.dtype == np.int32
            else schema.TensorType.FLOAT32
        )
        if values is not None:
            buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        buffer = 0 if values is None else len(buffers) - 1
        tensors.append(
            schema.TensorT(shape=list(shape), type=kind, buffer=buffer, name=name, hasRank=True)
        )
        return len(tensors) - 1

    def constant(name: str, values: np.ndarray) -> int:
        return tensor(name, values.shape, values)

    joints, embedding = tensor("in", shape), tensor("flat", (size,))
    row, bare, logits = (
        tensor("row", (1, size)),
        tensor("bare", (1, classes)),
        tensor("logits", (classes,)),
    )
    probabilities = tensor("out", (classes,))
    matrix = constant("matrix", np.resize(weights(metadata), (classes, size)))
    sizes = [
        constant(f"shape {i}", np.array(s, np.int32))
        for i, s in enumerate([[size], [1, size], [classes]])
    ]
    kinds = schema.BuiltinOperator
    codes = [kinds.RESHAPE, kinds.FULLY_CONNECTED, kinds.SOFTMAX]

    def operator(
        code: int, inputs: list[int], output: int, options: object = None, kind: int = 0
    ) -> schema.OperatorT:
        return schema.OperatorT(
            opcodeIndex=codes.index(code),
            inputs=inputs,
            outputs=[output],
            builtinOptions=options,
            builtinOptionsType=kind,
        )

    operators = [
        operator(kinds.RESHAPE, [joints, sizes[0]], embedding),
        operator(kinds.RESHAPE, [embedding, sizes[1]], row),
        operator(
            kinds.FULLY_CONNECTED, [row, matrix, -1], bare, schema.FullyConnectedOptionsT(),
            schema.BuiltinOptions.FullyConnectedOptions,
        ),
        operator(kinds.RESHAPE, [bare, sizes[2]], logits),
        operator(
            kinds.SOFTMAX, [logits], probabilities, schema.SoftmaxOptionsT(beta=1.0), schema.BuiltinOptions.SoftmaxOptions
        ),
    ]  # fmt: skip
    signature = schema.SignatureDefT(
        inputs=[schema.TensorMapT(name="joints", tensorIndex=joints)],
        outputs=[
            schema.TensorMapT(name="embedding", tensorIndex=embedding),
            schema.TensorMapT(name="probabilities", tensorIndex=probabilities),
        ],
        signatureKey="serving_default",
    )
    graph = schema.SubGraphT(
        tensors=tensors,
        inputs=[joints],
        outputs=[probabilities, embedding],
        operators=operators,
        name="main",
    )
    model = schema.ModelT(
        version=3,
        operatorCodes=[
            schema.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code, version=1)
            for code in codes
        ],
        subgraphs=[graph],
        description="echo",
        buffers=buffers,
        signatureDefs=[signature],
        metadata=[],
    )
    if document is not None:
        text = replace(metadata, file_sha256=OPEN).to_json() if document == "metadata" else document
        buffers.append(schema.BufferT(data=np.frombuffer(text.encode(), np.uint8)))
        model.metadata.append(schema.MetadataT(name=KEY, buffer=len(buffers) - 1))
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(seal(bytes(builder.Output())))
    return path
