"""What a TFLite model consists of, looked at before a runtime sees it."""

import math
import struct

from skedge.edge_runtime.backends.flatbuffer import Kinds, Table, read_tree

MODEL_OPERATORS, MODEL_SUBGRAPHS = 1, 2
CODE_OLD, CODE_CUSTOM, CODE = 0, 1, 3
SUBGRAPH_TENSORS = 0
TENSOR_SHAPE = 0
KINDS: Kinds = {
    MODEL_OPERATORS: [{CODE_CUSTOM: 1}],
    MODEL_SUBGRAPHS: [{SUBGRAPH_TENSORS: [{TENSOR_SHAPE: 4}]}],
}

# Numbers of tflite's BuiltinOperator that networks are made of: none that repeats, branches or
# makes things of a size that no tensor in the file has.
_OPERATORS = """
0 1 2 3 4 6 8 9 11 14 17 18 19 21 22 25 28 34 36 39 40 41 42 43 45 47 49 50 53 54 55 56 57 58 59
60 61 62 63 64 65 66 70 71 72 73 74 75 76 78 81 82 83 84 86 87 88 89 92 98 99 101 102 104 107 108
111 114 116 117 123 126 130 150 158
"""
OPERATORS = frozenset(map(int, _OPERATORS.split()))
# Numbers in one tensor, and in all of them.
LARGEST, MOST = 2**26, 2**28


def check_outline(content: bytes) -> None:
    """Raise `ValueError` for a TFLite model that holds more than a plain network of one graph:
    other operators, or tensors too large for a small computer."""
    try:
        _check(read_tree(content, KINDS))
    except struct.error as error:
        raise ValueError(f"a table leads outside of it: {error}") from None


def _check(root: Table) -> None:
    graphs = root.tables(MODEL_SUBGRAPHS)
    if len(graphs) != 1:
        raise ValueError(f"it holds {len(graphs)} graphs")
    for code in root.tables(MODEL_OPERATORS):
        number = max(code.number(CODE_OLD, "b"), code.number(CODE, "i"))
        if number not in OPERATORS or CODE_CUSTOM in code.children:
            raise ValueError(f"its operator {number} is none that skedge exports")
    sizes = [_size(tensor) for tensor in graphs[0].tables(SUBGRAPH_TENSORS)]
    if max(sizes, default=0) > LARGEST or sum(sizes) > MOST:
        raise ValueError(f"its tensors hold {sum(sizes)} numbers, {MOST} at most are run")


def _size(tensor: Table) -> int:
    shape = tensor.numbers(TENSOR_SHAPE)
    if any(one < 0 for one in shape):
        raise ValueError(f"a tensor of shape {shape}")
    return math.prod(shape)
