"""The formats of exported files, one row each."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from skedge.export.formats import onnx, quantize_onnx, quantize_tflite, tflite
from skedge.export.graph import Feed, Graph
from skedge.export.quantize import Quantizer


@dataclass(frozen=True)
class Format:
    """A format of exported files: the functions that make them of a graph.

    `convert` gives the model in float32, `describe` the model with a JSON document in its metadata,
    and `halve` the model with its weights in float16. `dynamic` quantises weights; `static`
    quantises activations too, after what they are on some inputs, and keeps the named parts in
    float.
    """

    convert: Callable[[Graph], bytes]
    describe: Callable[[bytes, str], bytes]
    halve: Callable[[bytes], bytes]
    dynamic: Callable[[bytes], Quantizer]
    static: Callable[[bytes, Iterable[Feed], Collection[str]], Quantizer]


# By the suffix of the files.
FORMATS: dict[str, Format] = {
    ".onnx": Format(
        convert=onnx.convert,
        describe=onnx.describe,
        halve=quantize_onnx.halve,
        dynamic=quantize_onnx.DynamicQuantizer,
        static=quantize_onnx.StaticQuantizer,
    ),
    ".tflite": Format(
        convert=tflite.convert,
        describe=tflite.describe,
        halve=quantize_tflite.halve,
        dynamic=quantize_tflite.DynamicQuantizer,
        static=quantize_tflite.StaticQuantizer,
    ),
}
