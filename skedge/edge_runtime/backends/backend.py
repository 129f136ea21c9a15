"""One small class for every runtime that can execute an exported file."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from skedge.edge_runtime.backends import memory
from skedge.edge_runtime.backends.flatbuffer import read_text
from skedge.edge_runtime.stream import OnnxStepper, Stepper, TfliteRunner, TfliteStepper
from skedge.skeleton.errors import InputError
from skedge.skeleton.install import install_hint
from skedge.skeleton.metadata import KEY, ModelMetadata, Streaming

# onnxruntime 1.29 and later writes files and opens sockets for telemetry unless this is set before
# it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

ERROR = 3
Ports = Mapping[str, tuple[list[int], str]]


class Backend(Protocol):
    """An exported model that is ready to run."""

    metadata: ModelMetadata

    def infer(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All inputs by name, float32 of the file's shapes, to all outputs by name."""
        ...

    def run(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Joints (persons, frames, V, 3) float32, metres, no NaN, to probabilities (classes,) and
        embedding (features,)."""
        ...

    def stepper(self) -> Stepper:
        """A person's own way through a streaming model (`metadata.streaming`)."""
        ...


class OnnxBackend:
    """A model in onnxruntime on the CPU with exactly `threads` threads.

    Raises `InputError` for a file that is missing, damaged, not ONNX, not exported by skedge, or of
    a newer skedge.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        source, options = str(path), session_options(threads)
        runtime = _onnxruntime(source)
        try:
            self._session = runtime.InferenceSession(
                source, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no common base class
            raise _damaged(source, "an ONNX model", error) from None
        self.metadata = ModelMetadata.from_json(
            self._session.get_modelmeta().custom_metadata_map.get(KEY), source
        )
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        self._outputs = [port.name for port in outputs]
        _check_ports(
            {p.name: _onnx_port(p) for p in inputs},
            {p.name: _onnx_port(p) for p in outputs},
            self.metadata,
            source,
        )

    def infer(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(zip(self._outputs, self._session.run(self._outputs, inputs), strict=True))

    def run(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        probabilities, embedding = self._session.run(
            ["probabilities", "embedding"], {"joints": joints}
        )
        return probabilities, embedding

    def stepper(self) -> Stepper:
        return OnnxStepper(self._session, self.metadata)


class TfliteBackend:
    """A model in LiteRT (ai-edge-litert) on the CPU with `threads` threads.

    tflite-runtime, its predecessor, serves where it alone is installed and right: fp32 models,
    NumPy 1.

    Raises `InputError` for a file that is missing, damaged, not TFLite, not exported by skedge, or
    of a newer skedge, and where no runtime is installed that can run it.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        source = str(path)
        try:
            document = read_text(Path(path).read_bytes(), KEY)
        except ValueError as error:
            raise _damaged(source, "a TFLite model", error) from None
        self.metadata = ModelMetadata.from_json(document, source)
        interpreter = _interpreter(source, self.metadata.precision)
        try:
            with silence():
                self._interpreter = interpreter(model_path=source, num_threads=threads)
                self._interpreter.allocate_tensors()
                runner = self._interpreter.get_signature_runner()
            inputs, outputs = runner.get_input_details(), runner.get_output_details()
        except (ValueError, RuntimeError) as error:
            raise _damaged(source, "a TFLite model", error) from None
        _check_ports(
            {name: _tflite_port(port) for name, port in inputs.items()},
            {name: _tflite_port(port) for name, port in outputs.items()},
            self.metadata,
            source,
        )
        self._inputs = {name: port["index"] for name, port in inputs.items()}
        self._outputs = {name: port["index"] for name, port in outputs.items()}
        if self.metadata.streaming is not None:
            self._runner = TfliteRunner(
                self._interpreter, self._inputs, self._outputs, self.metadata.streaming
            )

    def infer(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        for name, index in self._inputs.items():
            self._interpreter.set_tensor(index, inputs[name])
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(index) for name, index in self._outputs.items()}

    def run(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = self.infer({"joints": joints})
        return outputs["probabilities"], outputs["embedding"]

    def stepper(self) -> Stepper:
        return TfliteStepper(self._runner)


RUNTIMES = {".onnx": "onnxruntime", ".tflite": "ai_edge_litert"}
BACKENDS: dict[str, Callable[[Path, int], Backend]] = {
    ".onnx": OnnxBackend,
    ".tflite": TfliteBackend,
}


def load_backend(path: str | Path, threads: int = 1) -> Backend:
    """Open an exported file with the runtime that its suffix names.

    Raises `InputError` if that cannot be done, and before it is tried where a memory limit leaves
    no room for it.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"{path}: expected a model file, found {'a folder' if path.is_dir() else 'none'}; make"
            " one with `skedge export`"
        )
    if threads < 1:
        raise InputError(f"expected at least 1 thread, got {threads}")
    backend = BACKENDS.get(path.suffix.lower())
    if backend is None:
        raise InputError(
            f"{path}: expected a model with suffix .onnx or .tflite, got {path.suffix or 'none'!r};"
            " make one with `skedge export`"
        )
    memory.check(path, imported=RUNTIMES[path.suffix.lower()] in sys.modules)
    return backend(path, threads)


def session_options(threads: int) -> Any:
    """How onnxruntime, which is imported here, runs a model with exactly so many threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # A waiting thread that spins takes the core which the camera or another model needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = ERROR
    return options


def import_runtime(path: str | Path) -> None:
    """Import what runs files like this one, as opening it would; raises `InputError` where that is
    not installed."""
    if Path(path).suffix.lower() == ".tflite":
        _interpreter(str(path))
    else:
        _onnxruntime(str(path))


def _onnxruntime(source: str) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise InputError(
            f"{source}: reading it needs onnxruntime, which is not installed: {install_hint()}"
        ) from None
    return onnxruntime


def _interpreter(source: str, precision: str = "fp32") -> Any:
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


@contextmanager
def silence() -> Iterator[None]:
    """Nothing reaches the process's stderr: LiteRT tells there which kernels it chose, and has no
    switch for that."""
    try:
        kept = os.dup(2)
    except OSError:  # the process has no stderr
        yield
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _damaged(source: str, expected: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:160]
    return InputError(
        f"{source}: expected {expected}, got a damaged, truncated or different file ({reason});"
        " export it again"
    )


def _onnx_port(port: Any) -> tuple[list[int], str]:
    return port.shape, {"tensor(float)": "float32"}.get(port.type, port.type)


def _tflite_port(port: Any) -> tuple[list[int], str]:
    return port["shape"].tolist(), np.dtype(port["dtype"]).name


def _check_ports(inputs: Ports, outputs: Ports, metadata: ModelMetadata, source: str) -> None:
    """Raise `InputError` unless inputs and outputs are those that the metadata promises."""
    shape = [metadata.persons, metadata.frames, len(metadata.layout), 3]
    inputs = dict(inputs)
    if metadata.streaming is not None:
        del shape[1]
        _check_states(
            metadata.streaming,
            {name: inputs.pop(name, None) for name in metadata.streaming.states},
            outputs,
            source,
        )
    if inputs != {"joints": (shape, "float32")}:
        raise InputError(
            f"{source}: expected one input joints {shape} in float32, got {_describe(inputs)};"
            " export it again"
        )
    if "embedding" not in outputs or outputs.get("probabilities", ([], ""))[0] != [
        len(metadata.labels)
    ]:
        raise InputError(
            f"{source}: expected the outputs probabilities [{len(metadata.labels)}] and embedding,"
            f" got {_describe(outputs)}; export it again"
        )


def _check_states(
    streaming: Streaming, states: Mapping[str, Any], outputs: Ports, source: str
) -> None:
    """Raise `InputError` unless every state, (rows, frames * width), comes out as it goes in."""
    for name, port in states.items():
        frames, after = streaming.states[name], outputs.get(f"{name}_next")
        if port is None or port != after or len(port[0]) != 2 or port[0][1] % frames:
            raise InputError(
                f"{source}: expected the state {name} of {frames} frames as input and, with _next"
                f" behind its name, as output, got {port} and {after}; export it again"
            )


def _describe(ports: Ports) -> str:
    return ", ".join(f"{name} {shape} {kind}" for name, (shape, kind) in ports.items())
