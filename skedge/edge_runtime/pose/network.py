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

    def run(self, picture: np.ndarray, scale: float, shift: float = 0.0) -> None:
        """Computes the outputs for a picture (side, side, 3) uint8, given to the network as float32
        numbers `picture * scale + shift`.
        """
        # No copy between: the numbers are written where the network reads them.
        numbers = self._interpreter.tensor(self._input)()[0]
        np.multiply(picture, np.float32(scale), out=numbers)
        if shift:
            numbers += np.float32(shift)
        del numbers
        self._interpreter.invoke()

    def read(self, output: str) -> np.ndarray:
        """An output of the last run, by its name."""
        values: np.ndarray = self._interpreter.get_tensor(self._outputs[output])
        return values

    def view(self, output: str) -> np.ndarray:
        """As `read`, but not copied: nothing may hold it when the network runs again."""
        values: np.ndarray = self._interpreter.tensor(self._outputs[output])()
        return values


def _other(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: expected BlazePose's network, but {reason}; delete that file and run `skedge pose"
        " fetch`"
    )
