"""What landmarks lose in int8: BlazePose's landmark network, quantised for a film.

`python -m skedge.bench.studies.pose_precision FILM --pose lite` shows what the network sees in the
film to the network as it is and to quantised forms of it: weights alone, and activations in 8 or 16
bits, calibrated over their full range on a hundred of these pictures. Needs the extras `live` and
`convert`.
"""

import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from skedge.bench.studies.command import one_line, parser_of
from skedge.edge_runtime.pose.blazepose import BlazePose
from skedge.edge_runtime.pose.landmarks import SIDE
from skedge.edge_runtime.pose.models import LANDMARKS, NETWORKS, model_path
from skedge.edge_runtime.pose.network import Network
from skedge.edge_runtime.sources import open_source
from skedge.skeleton.errors import InputError
from skedge.skeleton.markdown import table

FORMS = ("dynamic_wi8_afp32", "static_wi8_ai8", "static_wi8_ai16")
CALIBRATED = 100
TRIED = 120
SIGNATURE = "serving_default"


def seen_by_network(film: str) -> np.ndarray:
    """(N, 256, 256, 3) uint8: what the landmark network is given in a film of two people.

    Raises `InputError` for a film in which nobody is found.
    """
    seen: list[np.ndarray] = []
    run = Network.run

    def watched(network: Network, picture: np.ndarray) -> None:
        if len(picture) == SIDE:
            seen.append(picture.copy())
        run(network, picture)

    with patch.object(Network, "run", watched):
        pose = BlazePose(2, network="full")
        for frame in open_source(film):
            pose.estimate(frame)
    if not seen:
        raise InputError(f"{film}: expected a film of people, found nobody in it")
    return np.stack(seen)


def in_float32(model: bytes) -> bytes:
    """A .tflite file whose weights are fp16 behind a conversion, with weights in float32 and a name
    for its inputs and outputs: what a quantiser takes."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    content = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    (graph,) = content.subgraphs
    kept = []
    for operator in graph.operators:
        code = content.operatorCodes[operator.opcodeIndex]
        kind = max(code.builtinCode, code.deprecatedBuiltinCode)
        half = graph.tensors[operator.inputs[0]]
        if kind != schema.BuiltinOperator.DEQUANTIZE or half.type != schema.TensorType.FLOAT16:
            kept.append(operator)
            continue
        values = np.frombuffer(bytes(content.buffers[half.buffer].data), np.float16)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.astype(np.float32).tobytes(), np.uint8)
        content.buffers.append(buffer)
        graph.tensors[operator.outputs[0]].buffer = len(content.buffers) - 1
    graph.operators = kept

    def named(name: str, index: int) -> Any:
        tensor = schema.TensorMapT()
        tensor.name = name
        tensor.tensorIndex = int(index)
        return tensor

    signature = schema.SignatureDefT()
    signature.signatureKey = SIGNATURE
    signature.inputs = [named("picture", graph.inputs[0])]
    signature.outputs = [named(f"output{i}", index) for i, index in enumerate(graph.outputs)]
    content.signatureDefs = [signature]
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(content.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def quantised(path: Path, form: str, pictures: np.ndarray) -> bytes:
    """A form of the network at `path`, calibrated on pictures (N, 256, 256, 3) uint8 where it has
    activations to calibrate."""
    from ai_edge_quantizer import quantizer, recipe

    maker = quantizer.Quantizer(str(path), getattr(recipe, form)())
    shown = [{"picture": picture[None].astype(np.float32) / 255} for picture in pictures]
    ranges = maker.calibrate({SIGNATURE: shown}) if form.startswith("static") else None
    return bytes(maker.quantize(ranges).quantized_model)


def answers(path: Path, pictures: np.ndarray) -> tuple[list[list[np.ndarray]], float]:
    """The outputs of `LANDMARKS` for every picture, and the median milliseconds of one on one
    thread."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    details = {tuple(map(int, one["shape"])): one for one in interpreter.get_output_details()}

    def read(one: dict[str, Any]) -> np.ndarray:
        scale, zero = one["quantization"]
        values: np.ndarray = interpreter.get_tensor(one["index"]).astype(np.float32)
        return (values - zero) * scale if scale else values

    found = []
    took = []
    for picture in pictures:
        given = picture[None].astype(np.float32) / 255
        scale, zero = entry["quantization"]
        if scale:
            limits = np.iinfo(entry["dtype"])
            given = np.clip(np.round(given / scale + zero), limits.min, limits.max)
        interpreter.set_tensor(entry["index"], given.astype(entry["dtype"]))
        began = time.perf_counter()
        interpreter.invoke()
        took.append(time.perf_counter() - began)
        found.append([read(details[shape]) for shape in LANDMARKS])
    return found, 1000 * float(np.median(took))


def distances(
    got: list[list[np.ndarray]], expected: list[list[np.ndarray]], sure: list[int], *, output: int
) -> np.ndarray:
    """How far the 33 landmarks of the `sure` pictures lie apart, (33 * len(sure),): in pixels of
    the network's picture (output 0) or in metres (output 2)."""
    axes = 2 if output == 0 else 3
    apart = [(got[i][output] - expected[i][output]).reshape(39, -1)[:33, :axes] for i in sure]
    return np.asarray(np.linalg.norm(np.concatenate(apart), axis=1))


def main() -> None:
    parser = parser_of("pose_precision", __doc__)
    parser.add_argument("film", help="the film of people")
    parser.add_argument("--pose", choices=NETWORKS, default="lite", help="the landmark network")
    asked = parser.parse_args()
    with one_line(parser):
        rows = _rows(seen_by_network(asked.film), asked.pose)
    print(table(["form", "bodies", "pixels of 256, mean (p95)", "cm, mean (p95)", "ms"], rows))


def _rows(pictures: np.ndarray, network: str) -> list[list[str]]:
    """The table's rows: what each form of a network says of pictures (N, 256, 256, 3) uint8."""
    shown = pictures[:: max(1, len(pictures) // CALIBRATED)][:CALIBRATED]
    tried = pictures[7 :: max(1, len(pictures) // TRIED)][:TRIED]
    rows = []
    with tempfile.TemporaryDirectory() as room:
        path = Path(room) / "float32.tflite"
        path.write_bytes(in_float32(model_path(network).read_bytes()))
        expected, milliseconds = answers(path, tried)
        sure = [i for i, (_, score, _) in enumerate(expected) if score.item() > 0.5]
        rows.append(["float32", f"{len(sure)}", "0", "0", f"{milliseconds:.1f}"])
        for form in FORMS:
            draft = Path(room) / f"{form}.tflite"
            draft.write_bytes(quantised(path, form, shown))
            got, milliseconds = answers(draft, tried)
            pixels = distances(got, expected, sure, output=0)
            metres = distances(got, expected, sure, output=2)
            kept = sum(got[i][1].item() > 0.5 for i in sure)
            rows.append(
                [
                    form,
                    f"{kept}",
                    f"{pixels.mean():.1f} ({np.quantile(pixels, 0.95):.0f})",
                    f"{100 * metres.mean():.1f} ({100 * np.quantile(metres, 0.95):.0f})",
                    f"{milliseconds:.1f}",
                ]
            )
    return rows


if __name__ == "__main__":
    main()
