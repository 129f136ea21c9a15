"""ONNX files without a runtime: the text in the metadata, and whether a runtime may see the rest.

Numbers of fields are those of onnx.proto (ModelProto, GraphProto, NodeProto, AttributeProto,
TensorProto, StringStringEntryProto).
"""

from collections.abc import Iterator

MODEL_GRAPH, MODEL_PROPERTIES, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 14, 20, 25
GRAPH_NODE, GRAPH_INITIALIZER = 1, 5
NODE_TYPE, NODE_ATTRIBUTE, NODE_DOMAIN = 4, 5, 7
ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS = 6, 11
TENSOR_ELSEWHERE = 13
ENTRY_KEY, ENTRY_VALUE = 1, 2
MOST_NODES = 20_000

# What networks are made of. What repeats, branches, reads files, makes large things out of small
# numbers or random ones, or is of another vendor is not among them.
_OPERATORS = """
Abs Add And ArgMax AveragePool BatchNormalization Cast Ceil Clip Concat Constant Conv ConvInteger
Cos DequantizeLinear Div DynamicQuantizeLinear Einsum Elu Equal Erf Exp Flatten Floor Gather
GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual
HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization LeakyRelu Less LessOrEqual
Log LogSoftmax LpNormalization MatMul MatMulInteger Max MaxPool Mean Min Mod Mul Neg Not Or PRelu
Pow QLinearConv QLinearMatMul QuantizeLinear Reciprocal ReduceL1 ReduceL2 ReduceMax ReduceMean
ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Round Shape Sigmoid Sign Sin Slice
Softmax Softplus Split Sqrt Squeeze Sub Sum Tanh Transpose Unsqueeze Where Xor
"""
OPERATORS = frozenset(_OPERATORS.split())

Value = int | memoryview


def read_document(content: bytes, name: str) -> str | None:
    """The text called `name` in the metadata of an ONNX model, None if it holds none of that name.

    Raises `ValueError` for bytes that are no ONNX model, and for one that holds more than a plain
    network: other operators, graphs inside of nodes, weights in other files.
    """
    found = None
    graphs = 0
    for field, value in _fields(memoryview(content)):
        if field == MODEL_GRAPH:
            graphs += 1
            _check_graph(_bytes(value))
        elif field in (MODEL_FUNCTIONS, MODEL_TRAINING):
            raise ValueError("it holds functions or training, no plain network")
        elif field == MODEL_PROPERTIES:
            entry = dict(_fields(_bytes(value)))
            if bytes(_bytes(entry.get(ENTRY_KEY, memoryview(b"")))) == name.encode():
                found = bytes(_bytes(entry.get(ENTRY_VALUE, memoryview(b"")))).decode()
    if graphs != 1:
        raise ValueError(f"it holds {graphs} graphs")
    return found


def _check_graph(graph: memoryview) -> None:
    nodes = 0
    for field, value in _fields(graph):
        if field == GRAPH_NODE:
            nodes += 1
            _check_node(_bytes(value))
        elif field == GRAPH_INITIALIZER and any(
            inner == TENSOR_ELSEWHERE for inner, _ in _fields(_bytes(value))
        ):
            raise ValueError("its weights are in another file")
    if nodes > MOST_NODES:
        raise ValueError(f"it has {nodes} operators, {MOST_NODES} at most are run")


def _check_node(node: memoryview) -> None:
    kind, domain = "", ""
    for field, value in _fields(node):
        if field == NODE_TYPE:
            kind = bytes(_bytes(value)).decode()
        elif field == NODE_DOMAIN:
            domain = bytes(_bytes(value)).decode()
        elif field == NODE_ATTRIBUTE and any(
            inner in (ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS) for inner, _ in _fields(_bytes(value))
        ):
            raise ValueError("it has a graph inside of an operator")
    if kind not in OPERATORS or domain not in ("", "ai.onnx"):
        raise ValueError(f"its operator {f'{domain} {kind}'.strip()!r} is none that skedge exports")


def _bytes(value: Value) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number in place of a message")
    return value


def _fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """The fields of a message: number and value, of those of fixed size their bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, wire = key >> 3, key & 7
        if wire == 0:
            number, at = _varint(message, at)
            yield field, number
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"a field of kind {wire}")
        if at + size > len(message):
            raise ValueError("a field leads out of the file")
        yield field, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of 1 to 10 bytes, and where the next field begins."""
    number = 0
    for place, byte in enumerate(message[at : at + 10]):
        number |= (byte & 127) << 7 * place
        if byte < 128:
            return number, at + place + 1
    raise ValueError("a number leads out of the file")
