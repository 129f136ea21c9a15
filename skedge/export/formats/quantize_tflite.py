"""Smaller TFLite models: weights in half precision or int8, or int8 arithmetic throughout."""

import re
from collections.abc import Collection, Iterable
from typing import Any

from skedge.export.formats.quiet import quiet
from skedge.export.graph import Feed

# What the quantiser calls configurations of a node.
HALF: dict[str, Any] = {
    "weight_tensor_config": {
        "num_bits": 16,
        "symmetric": True,
        "granularity": "TENSORWISE",
        "dtype": "FLOAT",
    },
    "compute_precision": "FLOAT",
    "explicit_dequantize": True,
}
DYNAMIC: dict[str, Any] = {
    "weight_tensor_config": {
        "num_bits": 8,
        "symmetric": True,
        "granularity": "CHANNELWISE",
        "dtype": "INT",
    },
    "compute_precision": "INTEGER",
    "explicit_dequantize": False,
}
STATIC: dict[str, Any] = DYNAMIC | {
    "activation_tensor_config": {
        "num_bits": 8,
        "symmetric": False,
        "granularity": "TENSORWISE",
        "dtype": "INT",
    }
}


def halve(content: bytes) -> bytes:
    """The model with its weights stored in half precision; the runtime computes in float32."""
    return _quantize(content, [_rule(HALF, algorithm="float_casting")], None)


class DynamicQuantizer:
    """Weights in int8; activations are float32 between nodes, and inside of them quantised with the
    range they just have."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.parts = self.products = _operators(content, stored=True)

    def quantize(self, kept: Collection[str]) -> bytes:
        rules = [_rule(DYNAMIC), _rule(None, _only(kept, self.parts))]
        return _quantize(self._content, rules, None)


class StaticQuantizer:
    """int8 arithmetic, with activations' ranges seen on real inputs; inputs and outputs stay
    float32.

    Nodes that take float activations have their weights in int8 all the same, but for those named
    in `floats` (`DynamicQuantizer.parts`).
    """

    def __init__(self, content: bytes, feeds: Iterable[Feed], floats: Collection[str]) -> None:
        from ai_edge_quantizer.calibrator import Calibrator
        from ai_edge_quantizer.recipe_manager import RecipeManager
        from ai_edge_quantizer.utils.qsv_utils import min_max_update

        self._content = content
        self._floats = floats
        self.parts, self.products = _operators(content), _operators(content, stored=True)
        recipe = RecipeManager()
        recipe.load_quantization_recipe([_rule(STATIC)])
        # Not its moving average of the ranges, which cuts off what only few clips reach: three
        # times the error.
        with quiet():
            calibrator = Calibrator(content, num_threads=1, qsv_update_func=min_max_update)
            calibrator.calibrate({"serving_default": list(feeds)}, recipe)
        self._ranges = calibrator.get_model_qsvs()

    def quantize(self, kept: Collection[str]) -> bytes:
        weights = set(kept) - set(self._floats)
        rules = [
            _rule(STATIC),
            _rule(None, _only(kept, self.parts)),
            _rule(DYNAMIC, _only(weights, self.parts)),
            _rule(None, operation="INPUT"),
            _rule(None, operation="OUTPUT"),
        ]
        return _quantize(self._content, rules, self._ranges)


def _operators(content: bytes, stored: bool = False) -> tuple[str, ...]:
    """The nodes that the quantiser knows, by what it calls their scope: the names of their outputs;
    with `stored` only those whose stored numbers it can make int8."""
    from ai_edge_litert.schema_py_generated import TensorType
    from ai_edge_quantizer.recipe_manager import AlgorithmName, RecipeManager
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils as files

    model = files.read_model(content)
    graph = model.subgraphs[0]
    floats = {
        number
        for number, tensor in enumerate(graph.tensors)
        if tensor.type == TensorType.FLOAT32 and model.buffers[tensor.buffer].data is not None
    }
    recipe = RecipeManager()
    recipe.load_quantization_recipe([_rule(DYNAMIC)])
    names = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex].builtinCode
        if code not in files.TFL_OP_CODE_TO_NAME:
            continue
        name = files.get_op_scope(operator, graph.tensors)
        how, _ = recipe.get_quantization_configs(files.TFL_OP_CODE_TO_NAME[code], name)
        if not stored or (how != AlgorithmName.NO_QUANTIZE and floats & set(operator.inputs)):
            names.append(name)
    return tuple(names)


def _only(names: Collection[str], parts: Collection[str]) -> str:
    """The expression that fits those of the parts that have these names.

    It names the fewer, those that it fits or the others: to compile one of all of a transformer's
    long names takes a third of a second, and every one of its parts is tried alone.
    """
    others = set(parts) - set(names)
    inside = len(names) <= len(others)
    listed = "|".join(map(re.escape, sorted(names if inside else others)))
    return f"^(?:{listed})$" if inside else f"^(?!(?:{listed})$)"


def _rule(
    config: dict[str, Any] | None,
    regex: str = ".*",
    operation: str = "*",
    algorithm: str = "min_max_uniform_quantize",
) -> dict[str, Any]:
    """The quantiser's rule for nodes whose names the expression fits; without a configuration they
    are left alone.

    Of the rules that fit a node the last one holds that its operation can take. Rules with the same
    expression replace each other: so those that leave nodes alone spell theirs differently.
    """
    if config is None:
        return {
            "regex": regex,
            "operation": operation,
            "algorithm_key": "no_quantize",
            "op_config": None,
        }
    return {
        "regex": f"(?:{regex})",
        "operation": operation,
        "algorithm_key": algorithm,
        "op_config": config,
    }


def _quantize(content: bytes, rules: list[dict[str, Any]], ranges: Any) -> bytes:
    from ai_edge_quantizer.quantizer import Quantizer

    with quiet():
        made = Quantizer(content, rules).quantize(
            ranges, enable_progress_bar=False, enable_progress_report=False
        )
    assert made.quantized_model is not None
    return bytes(made.quantized_model)
