"""A TensorFlow Lite file that takes one picture."""

from pathlib import Path

import numpy as np

from skedge.edge_runtime.backends.backend import silence
from skedge.skeleton.errors import InputError


class Network:
    """Runs the .tflite file at `path` on ai-edge-litert; `outputs` names the outputs that are
    wanted by their shapes.

    Raises `InputError` where the file cannot be read, or has no such outputs.
    """

    def __init__(self, path: Path, threads: int, outputs: dict[str, tuple[int, ...]]) -> None:
        from ai_edge_litert.interpreter import Interpreter

        try:
            with silence():
                self._interpreter = Interpreter(str(path), num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise _other(
                path, f"it cannot be read ({' '.join(str(error).split())[:160]})"
            ) from None
        (self._input,) = (detail["index"] for detail in self._interpreter.get_input_details())
        numbers = {
            tuple(map(int, detail["shape"])): detail["index"]
            for detail in self._interpreter.get_output_details()
        }
        missing = [f"{name} {shape}" for name, shape in outputs.items() if shape not in numbers]
        if missing:
            raise _other(path, f"it has no output {', '.join(missing)}")
        self._outputs = {name: numbers[shape] for name, shape in outputs.items()}

    def run(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs by name for a picture (side, side, 3) float32; they are the caller's own."""
        self._interpreter.set_tensor(self._input, picture[None])
        self._interpreter.invoke()
        return {
            name: self._interpreter.get_tensor(number) for name, number in self._outputs.items()
        }


def _other(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: expected BlazePose's network, but {reason}; delete that file and run `skedge pose"
        " fetch`"
    )
