"""A small TFLite network with an output that somebody wants and one that nobody does."""

import numpy as np

INPUT, WANTED, UNREAD = (1, 4, 4, 3), (1, 48), (1, 4, 4, 1)


def small_network(seed: int = 0) -> bytes:
    """Adds numbers to its input for `WANTED`; convolves the sum, with fp16 weights, for `UNREAD`."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as s

    rng = np.random.default_rng(seed)
    buffers = [s.BufferT() for _ in range(7)]
    contents: dict[int, np.ndarray] = {
        1: rng.random(INPUT, np.float32),
        2: np.array([1, 48], np.int32),
        3: rng.random((1, 3, 3, 3), np.float32).astype(np.float16),
        4: np.zeros(1, np.float32),
    }
    for number, content in contents.items():
        buffers[number].data = np.frombuffer(content.tobytes(), np.uint8)
    buffers[6].data = np.frombuffer(b"1.5.0", np.uint8)
    kinds = s.TensorType
    tensors = []
    for name, shape, buffer, kind in (
        ("picture", INPUT, 0, kinds.FLOAT32),
        ("added", INPUT, 1, kinds.FLOAT32),
        ("half weights", (1, 3, 3, 3), 3, kinds.FLOAT16),
        ("weights", (1, 3, 3, 3), 0, kinds.FLOAT32),
        ("bias", (1,), 4, kinds.FLOAT32),
        ("sum", INPUT, 0, kinds.FLOAT32),
        ("shape", (2,), 2, kinds.INT32),
        ("unread", UNREAD, 0, kinds.FLOAT32),
        ("wanted", WANTED, 0, kinds.FLOAT32),
    ):
        tensor = s.TensorT()
        tensor.name, tensor.shape, tensor.buffer, tensor.type = name, list(shape), buffer, kind
        tensors.append(tensor)
    codes = []
    for code in (0, 6, 3, 22):  # ADD, DEQUANTIZE, CONV_2D, RESHAPE
        kind = s.OperatorCodeT()
        kind.builtinCode = kind.deprecatedBuiltinCode = code
        kind.version = 3 if code == 6 else 1
        codes.append(kind)
    add, convolve, reshape = s.AddOptionsT(), s.Conv2DOptionsT(), s.ReshapeOptionsT()
    convolve.strideH = convolve.strideW = 1
    reshape.newShape = [1, 48]
    operators = []
    for code, reads, writes, kind, options in (
        (0, [0, 1], [5], s.BuiltinOptions.AddOptions, add),
        (1, [2], [3], s.BuiltinOptions.NONE, None),
        (2, [5, 3, 4], [7], s.BuiltinOptions.Conv2DOptions, convolve),
        (3, [5, 6], [8], s.BuiltinOptions.ReshapeOptions, reshape),
    ):
        operator = s.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = code, reads, writes
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        operators.append(operator)
    graph = s.SubGraphT()
    graph.tensors, graph.operators = tensors, operators
    graph.inputs, graph.outputs, graph.name = [0], [7, 8], "main"
    entry = s.MetadataT()
    entry.name, entry.buffer = "min_runtime_version", 6
    model = s.ModelT()
    model.version, model.description = 3, "small"
    model.operatorCodes, model.subgraphs = codes, [graph]
    model.buffers, model.metadata = buffers, [entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
