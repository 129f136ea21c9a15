"""Smaller TFLite models: weights in half precision or int8, or int8 arithmetic throughout."""

import re
from collections.abc import Collection, Iterable
from typing import Any

from export.graph import Feed
from export.tflite import quiet

WEIGHTS: dict[str, Any] = {"num_bits": 8, "symmetric": True, "granularity": "CHANNELWISE", "dtype": "INT"}
ACTIVATIONS: dict[str, Any] = {"num_bits": 8, "symmetric": False, "granularity": "TENSORWISE", "dtype": "INT"}
HALF: dict[str, Any] = {"num_bits": 16, "symmetric": True, "granularity": "TENSORWISE", "dtype": "FLOAT"}


def halve(content: bytes) -> bytes:
    """The model with its weights stored in half precision; the runtime computes in float32."""
    config = {"weight_tensor_config": HALF, "compute_precision": "FLOAT", "explicit_dequantize": True}
    return _quantize(content, [_rule(".*", config, "float_casting")], None)


class DynamicQuantizer:
    """Weights in int8; activations are float32 between nodes, and inside of them quantised with the range they just have."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.parts = _operators(content)
        self._config = {"weight_tensor_config": WEIGHTS, "compute_precision": "INTEGER", "explicit_dequantize": False}

    def quantize(self, kept: Collection[str]) -> bytes:
        return _quantize(self._content, _rules(self._config, kept), None)


class StaticQuantizer:
    """int8 arithmetic, with activations' ranges seen on real inputs; inputs and outputs stay float32."""

    def __init__(self, content: bytes, feeds: Iterable[Feed]) -> None:
        from ai_edge_quantizer.calibrator import Calibrator
        from ai_edge_quantizer.recipe_manager import RecipeManager
        from ai_edge_quantizer.utils.qsv_utils import min_max_update

        self._content = content
        self.parts = _operators(content)
        self._config = {
            "weight_tensor_config": WEIGHTS,
            "activation_tensor_config": ACTIVATIONS,
            "compute_precision": "INTEGER",
            "explicit_dequantize": False,
        }
        recipe = RecipeManager()
        recipe.load_quantization_recipe(_rules(self._config, ()))
        # Not its moving average of the ranges, which cuts off what only few clips reach: three times the error.
        with quiet():
            calibrator = Calibrator(content, num_threads=1, qsv_update_func=min_max_update)
            calibrator.calibrate({"serving_default": list(feeds)}, recipe)
        self._ranges = calibrator.get_model_qsvs()

    def quantize(self, kept: Collection[str]) -> bytes:
        return _quantize(self._content, _rules(self._config, kept), self._ranges)


def _operators(content: bytes) -> tuple[str, ...]:
    """The nodes that the quantiser knows, by what it calls their scope: the names of their outputs."""
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils as files

    model = files.read_model(content)
    graph = model.subgraphs[0]
    known = [
        operator
        for operator in graph.operators
        if model.operatorCodes[operator.opcodeIndex].builtinCode in files.TFL_OP_CODE_TO_NAME
    ]
    return tuple(files.get_op_scope(operator, graph.tensors) for operator in known)


def _rule(regex: str, config: dict[str, Any] | None, algorithm: str, operation: str = "*") -> dict[str, Any]:
    return {"regex": regex, "operation": operation, "algorithm_key": algorithm, "op_config": config}


def _rules(config: dict[str, Any], kept: Collection[str]) -> list[dict[str, Any]]:
    """The quantiser's recipe: the last rule that fits a node holds."""
    rules = [_rule(".*", config, "min_max_uniform_quantize")]
    rules += [_rule(".*", None, "no_quantize", operation) for operation in ("INPUT", "OUTPUT")]
    names = "|".join(map(re.escape, kept))
    return [*rules, _rule(f"^(?:{names})$", None, "no_quantize")] if kept else rules


def _quantize(content: bytes, rules: list[dict[str, Any]], ranges: Any) -> bytes:
    from ai_edge_quantizer.quantizer import Quantizer

    with quiet():
        made = Quantizer(content, rules).quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    assert made.quantized_model is not None
    return bytes(made.quantized_model)
