"""A TensorFlow Lite file that takes one picture."""

import ctypes
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from skedge.edge_runtime.backends.silence import silence
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import in_utf8


class Network:
    """Runs the .tflite file at `path` on ai-edge-litert with `threads` threads.

    `outputs` names the outputs that are wanted by their shapes, `optional` those that a file may
    lack (see `gives`). The network is given numbers from `darkest` to 1 for brightnesses from 0 to
    255.

    Raises `InputError` where the file cannot be read, or has no such outputs.
    """

    def __init__(
        self,
        path: Path,
        threads: int,
        outputs: Mapping[str, tuple[int, ...]],
        darkest: float,
        optional: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
    ) -> None:
        from ai_edge_litert.interpreter import Interpreter

        name = in_utf8(path)
        try:
            with silence():
                self._interpreter = Interpreter(name, num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise _other(
                path, f"it cannot be read ({' '.join(str(error).split())[:160]})"
            ) from None
        self._darkest = np.float32(darkest)
        self._step = np.float32((1 - darkest) / 255)
        (self._input,) = (detail["index"] for detail in self._interpreter.get_input_details())
        known = {
            tuple(map(int, detail["shape"])): detail["index"]
            for detail in self._interpreter.get_output_details()
        }
        missing = [f"{name} {shape}" for name, shape in outputs.items() if shape not in known]
        if missing:
            raise _other(path, f"it has no output {', '.join(missing)}")
        wanted = {**outputs, **optional}
        self._outputs = {name: known[shape] for name, shape in wanted.items() if shape in known}
        _release(path)

    def gives(self, output: str) -> bool:
        """Whether the file has an output of that name."""
        return output in self._outputs

    def run(self, picture: np.ndarray) -> None:
        """Computes the outputs for a picture (side, side, 3) uint8."""
        # No copy between: the numbers are written where the network reads them. First as they are,
        # and then scaled: numpy has no multiplication of bytes by floats, and goes in small steps.
        entry = self._interpreter.tensor(self._input)()[0]
        np.copyto(entry, picture)
        entry *= self._step
        if self._darkest:
            entry += self._darkest
        del entry
        self._interpreter.invoke()

    def read(self, output: str) -> np.ndarray:
        """An output of the last run, by its name."""
        values: np.ndarray = self._interpreter.get_tensor(self._outputs[output])
        return values

    def view(self, output: str) -> np.ndarray:
        """As `read`, but not copied: nothing may hold it when the network runs again."""
        values: np.ndarray = self._interpreter.tensor(self._outputs[output])()
        return values


# Linux's mman.h: MADV_DONTNEED.
DONTNEED = 4


def _release(path: Path) -> None:
    """Gives back the memory that a file takes which is mapped for reading: the runtime has made its
    own copy of the weights, and whatever else it reads comes from the file again.
    """
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return
    madvise = ctypes.CDLL(None).madvise
    mapped = str(path.resolve())
    for line in maps.read_text(errors="replace").splitlines():
        place, rights, *_, name = line.split(maxsplit=5)
        if name == mapped and "w" not in rights:
            start, end = (int(address, 16) for address in place.split("-"))
            madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), DONTNEED)


def _other(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: expected BlazePose's network, but {reason}; delete that file and run `skedge pose"
        " fetch`"
    )
