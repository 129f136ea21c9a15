"""TFLite files in LiteRT (ai-edge-litert)."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from skedge.edge_runtime.backends.flatbuffer import read_text
from skedge.edge_runtime.backends.memory import Memory, Need
from skedge.edge_runtime.backends.outline import check_outline
from skedge.edge_runtime.backends.ports import check_ports, damaged, described
from skedge.edge_runtime.backends.probe import probe
from skedge.edge_runtime.backends.seal import read_sealed
from skedge.edge_runtime.backends.silence import silence
from skedge.edge_runtime.stream import Stepper, TfliteRunner, TfliteStepper
from skedge.skeleton.errors import InputError
from skedge.skeleton.install import install_hint
from skedge.skeleton.metadata import KEY

# ai-edge-litert 2.3.
MEMORY = Memory(space=Need(28, 12, copies=4), resident=Need(10, 10, copies=3))


class TfliteBackend:
    """A model in LiteRT (ai-edge-litert) on the CPU with `threads` threads.

    tflite-runtime, its predecessor, serves where it alone is installed and right: fp32 models,
    NumPy 1.

    A file without a checksum is opened in a process of its own first, unless it was `probed`: some
    damage ends the process that LiteRT runs in.

    Raises `InputError` for a file that is missing, damaged, not TFLite, not exported by skedge, or
    of a newer skedge, and where no runtime is installed that can run it.
    """

    def __init__(self, path: str | Path, threads: int = 1, *, probed: bool = False) -> None:
        source = str(path)
        content, checksum = read_sealed(Path(path))
        try:
            document = read_text(content, KEY)
            self.metadata = described(document, checksum, source)
            check_outline(content)
        except InputError:
            raise
        except ValueError as error:
            raise damaged(source, "a TFLite model", error) from None
        interpreter = import_interpreter(source, self.metadata.precision)
        if checksum is None and not probed:
            probe(Path(path))
        try:
            with silence():
                # Not by its path: LiteRT then maps the file, and who copies another one over it
                # changes the weights of a model that runs.
                self._interpreter = interpreter(model_content=content, num_threads=threads)
                self._interpreter.allocate_tensors()
                runner = self._interpreter.get_signature_runner()
            inputs = runner.get_input_details()
            outputs = runner.get_output_details()
            del runner  # while there is one, nothing may run
        except (ValueError, RuntimeError, TypeError) as error:
            raise damaged(source, "a TFLite model", error) from None
        check_ports(
            {name: _tflite_port(port) for name, port in inputs.items()},
            {name: _tflite_port(port) for name, port in outputs.items()},
            self.metadata,
            source=source,
        )
        self._inputs = {name: port["index"] for name, port in inputs.items()}
        self._outputs = {name: port["index"] for name, port in outputs.items()}
        self._try_out(source)
        if self.metadata.streaming is not None:
            self._runner = TfliteRunner(
                self._interpreter, self._inputs, self._outputs, streaming=self.metadata.streaming
            )

    def infer(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        for name, index in self._inputs.items():
            self._interpreter.set_tensor(index, inputs[name])
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(index) for name, index in self._outputs.items()}

    def run(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = self.infer({"joints": joints})
        return outputs["probabilities"], outputs["embedding"]

    def _try_out(self, source: str) -> None:
        """Run it once, on zeros: some files fail only then."""
        tensor = self._interpreter.get_tensor
        zeros = {name: np.zeros_like(tensor(index)) for name, index in self._inputs.items()}
        try:
            with silence():
                self.infer(zeros)
        except (ValueError, RuntimeError) as error:
            raise damaged(source, "a TFLite model that runs", error) from None

    def stepper(self) -> Stepper:
        return TfliteStepper(self._runner)


def import_interpreter(source: str, precision: str = "fp32") -> Any:
    """The Interpreter class of ai-edge-litert, or of tflite-runtime for what that computes
    rightly."""
    install = install_hint("tflite")
    try:
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter
    except ImportError:
        if find_spec("tflite_runtime") is None:
            raise InputError(
                f"{source}: reading it needs ai-edge-litert, which is not installed: {install}"
            ) from None
    # Importing it under NumPy 2 fails with pages of text, and its int8 kernels answer wrongly
    # (2.14, the last one).
    if not np.__version__.startswith("1."):
        raise InputError(
            f"{source}: tflite-runtime needs NumPy 1, found {np.__version__}; use its successor:"
            f" {install}"
        )
    if precision != "fp32":
        raise InputError(
            f"{source}: tflite-runtime is right for fp32 models alone, this one is {precision}:"
            f" {install}"
        )
    from tflite_runtime.interpreter import Interpreter as Predecessor

    return Predecessor


def _tflite_port(port: Any) -> tuple[list[int], str]:
    return port["shape"].tolist(), np.dtype(port["dtype"]).name
