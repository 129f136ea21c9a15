"""Networks without what nobody reads: operators that no wanted output needs, their tensors and
their buffers.
"""

import struct
from collections.abc import Collection

import numpy as np

from skedge.edge_runtime.backends.flatbuffer import Kinds, Table, read_tree, write_tree
from skedge.edge_runtime.backends.silence import silence

# Slots of TensorFlow Lite's schema.fbs.
MODEL_SUBGRAPHS, MODEL_BUFFERS, MODEL_METADATA, MODEL_SIGNATURES = 2, 4, 6, 7
TENSORS, INPUTS, OUTPUTS, OPERATORS = 0, 1, 2, 3
TENSOR_SHAPE, TENSOR_BUFFER = 0, 2
READS, WRITES, OPTIONS_TYPE, OPTIONS = 1, 2, 3, 4
METADATA_BUFFER = 1
RESHAPE = 17


def _options(operator: Table) -> Kinds:
    """Of the options of the operators here only a reshape's hold more than numbers."""
    return {0: 4} if operator.number(OPTIONS_TYPE, "B") == RESHAPE else {}


_TENSOR: Kinds = {TENSOR_SHAPE: 4, 3: 1, 4: {0: 4, 1: 4, 2: 4, 3: 8}, 7: 4}
_OPERATOR: Kinds = {READS: 4, WRITES: 4, OPTIONS: _options}
_SUBGRAPH: Kinds = {TENSORS: [_TENSOR], INPUTS: 4, OUTPUTS: 4, OPERATORS: [_OPERATOR], 4: 1}
_MODEL: Kinds = {
    1: [{1: 1}],
    MODEL_SUBGRAPHS: [_SUBGRAPH],
    3: 1,
    MODEL_BUFFERS: [{0: 16}],
    MODEL_METADATA: [{0: 1}],
}


def cut(
    model: bytes, wanted: Collection[tuple[int, ...]], opened: Collection[tuple[int, ...]] = ()
) -> bytes:
    """A TFLite file that computes only the outputs of `wanted` shapes, each exactly as `model`
    does.

    The operators that make outputs of `opened` shapes are left to the reader: in place of such an
    output come what its operator reads, constants (a convolution's weights and bias) as they are
    stored. The same bytes come out on every machine. Raises `ValueError` where `model` is no TFLite
    file of one graph, or has no such output.
    """
    try:
        return _cut(model, wanted, opened)
    except (struct.error, IndexError, KeyError, RecursionError) as error:
        raise ValueError(f"a damaged file: {error}") from None


def _cut(
    model: bytes, wanted: Collection[tuple[int, ...]], opened: Collection[tuple[int, ...]]
) -> bytes:
    root = read_tree(model, _MODEL)
    graphs = root.tables(MODEL_SUBGRAPHS)
    if len(graphs) != 1:
        raise ValueError(f"expected one graph, got {len(graphs)}")
    (graph,) = graphs
    shapes = {
        number: tuple(table.numbers(TENSOR_SHAPE))
        for number, table in enumerate(graph.tables(TENSORS))
    }
    given = graph.numbers(OUTPUTS)
    missing = {*wanted, *opened} - {shapes[number] for number in given}
    if missing:
        raise ValueError(f"no output of shape {sorted(missing)[0]}")
    outputs = [number for number in given if shapes[number] in wanted]
    for number in given:
        if shapes[number] in opened:
            outputs += _inputs(graph, number)
    _keep(root, graph, outputs)
    # Signatures name outputs of before.
    root.drop(MODEL_SIGNATURES)
    return write_tree(root)


def _inputs(graph: Table, tensor: int) -> list[int]:
    """The inputs of the operator that makes a tensor; for a constant that is unpacked before, the
    packed constant."""
    makers = {made: one for one in graph.tables(OPERATORS) for made in one.numbers(WRITES)}
    read = []
    for number in makers[tensor].numbers(READS):
        maker = makers.get(number)
        packed = maker.numbers(READS) if maker is not None else []
        constant = len(packed) == 1 and packed[0] not in {*makers, *graph.numbers(INPUTS)}
        read.append(packed[0] if constant else number)
    return read


def _keep(root: Table, graph: Table, outputs: list[int]) -> None:
    needed = set(outputs)
    operators = []
    for operator in reversed(graph.tables(OPERATORS)):
        if needed.intersection(operator.numbers(WRITES)):
            operators.append(operator)
            needed.update(operator.numbers(READS), operator.numbers(WRITES))
    needed.update(graph.numbers(INPUTS))
    kept = sorted(needed - {-1})
    tensors = {-1: -1} | {old: new for new, old in enumerate(kept)}
    graph.children[OPERATORS] = operators[::-1]
    graph.children[TENSORS] = [graph.tables(TENSORS)[old] for old in kept]
    graph.set_numbers(OUTPUTS, outputs)
    for table, slots in [
        (graph, (INPUTS, OUTPUTS)),
        *((one, (READS, WRITES)) for one in operators),
    ]:
        for slot in slots:
            table.set_numbers(slot, [tensors[old] for old in table.numbers(slot)])
    users = [(one, TENSOR_BUFFER) for one in graph.tables(TENSORS)]
    users += [(one, METADATA_BUFFER) for one in root.tables(MODEL_METADATA)]
    # By convention the first buffer is the empty one.
    used = sorted({0} | {table.number(slot) for table, slot in users})
    buffers = {old: new for new, old in enumerate(used)}
    root.children[MODEL_BUFFERS] = [root.tables(MODEL_BUFFERS)[old] for old in used]
    for table, slot in users:
        table.set_number(slot, buffers[table.number(slot)])


def same_outputs(whole: bytes, part: bytes) -> bool:
    """Whether what a cut network still gives is bit for bit what the whole one does, on three
    random pictures.
    """
    from ai_edge_litert.interpreter import Interpreter

    with silence():
        networks = [Interpreter(model_content=model, num_threads=1) for model in (whole, part)]
        for network in networks:
            network.allocate_tensors()
    rng = np.random.default_rng(0)
    for _ in range(3):
        (entry,) = networks[0].get_input_details()
        picture = rng.random(entry["shape"], np.float32)
        given = []
        for network in networks:
            network.set_tensor(network.get_input_details()[0]["index"], picture)
            network.invoke()
            details = network.get_output_details()
            given.append({tuple(one["shape"]): network.get_tensor(one["index"]) for one in details})
        both = given[0].keys() & given[1].keys()
        if not both or not all(np.array_equal(given[0][one], given[1][one]) for one in both):
            return False
    return True
