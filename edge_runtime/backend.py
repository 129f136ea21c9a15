"""One small class for every runtime that can execute an exported file."""

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edge_runtime.streaming import OnnxStepper, Stepper
from skeleton.errors import InputError
from skeleton.metadata import KEY, ModelMetadata, Streaming

# onnxruntime 1.29 and later writes files and opens sockets for telemetry unless this is set before it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

ERROR = 3


class Backend(Protocol):
    """An exported model that is ready to run."""

    metadata: ModelMetadata

    def run(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Joints (persons, frames, V, 3) float32, metres, no NaN, to probabilities (classes,) and embedding (features,)."""
        ...

    def stepper(self) -> Stepper:
        """A person's own way through a streaming model (`metadata.streaming`)."""
        ...


class OnnxBackend:
    """A model in onnxruntime on the CPU with exactly `threads` threads.

    Raises `InputError` for a file that is missing, damaged, not ONNX, not exported by skedge, or of a newer skedge.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        source = str(path)
        self._session = _open(Path(path), threads)
        self.metadata = ModelMetadata.from_json(self._session.get_modelmeta().custom_metadata_map.get(KEY), source)
        _check_ports(self._session, self.metadata, source)

    def run(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        probabilities, embedding = self._session.run(["probabilities", "embedding"], {"joints": joints})
        return probabilities, embedding

    def stepper(self) -> Stepper:
        return OnnxStepper(self._session, self.metadata)


def load_backend(path: str | Path, threads: int = 1) -> Backend:
    """Open an exported file with the runtime that its suffix names; raises `InputError` if that cannot be done."""
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"{path}: expected a model file, found {'a folder' if path.is_dir() else 'none'}; make one with `skedge export`"
        )
    if threads < 1:
        raise InputError(f"expected at least 1 thread, got {threads}")
    if path.suffix.lower() != ".onnx":
        raise InputError(
            f"{path}: expected a model with suffix .onnx, got {path.suffix or 'none'!r}; make one with `skedge export`"
        )
    return OnnxBackend(path, threads)


def session_options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # A waiting thread that spins takes the core which the camera or another model needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = ERROR
    return options


def _open(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = session_options(threads)
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base class
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"{path}: expected an ONNX model, got a damaged, truncated or different file ({reason}); export it again"
        ) from None


def _check_ports(session: onnxruntime.InferenceSession, metadata: ModelMetadata, source: str) -> None:
    """Raise `InputError` unless inputs and outputs are those that the metadata promises."""
    shape = [metadata.persons, metadata.frames, len(metadata.layout), 3]
    inputs = {port.name: (port.shape, port.type) for port in session.get_inputs()}
    if metadata.streaming is not None:
        del shape[1]
        states = {name: inputs.pop(name, None) for name in metadata.streaming.states}
        _check_states(session, metadata.streaming, states, source)
    if inputs != {"joints": (shape, "tensor(float)")}:
        raise InputError(f"{source}: expected one input joints {shape} in float32, got {_describe(inputs)}; export it again")
    outputs = {port.name: (port.shape, port.type) for port in session.get_outputs()}
    if "embedding" not in outputs or outputs.get("probabilities", ([], ""))[0] != [len(metadata.labels)]:
        raise InputError(
            f"{source}: expected the outputs probabilities [{len(metadata.labels)}] and embedding, got {_describe(outputs)}; "
            "export it again"
        )


def _check_states(session: onnxruntime.InferenceSession, streaming: Streaming, states: dict[str, Any], source: str) -> None:
    """Raise `InputError` unless every state, (rows, frames * width), comes out as it goes in."""
    after = {port.name: (port.shape, port.type) for port in session.get_outputs()}
    for name, port in states.items():
        frames = streaming.states[name]
        if port is None or port != after.get(f"{name}_next") or len(port[0]) != 2 or port[0][1] % frames:
            raise InputError(
                f"{source}: expected the state {name} of {frames} frames as input and, with _next behind its name, as output, "
                f"got {port} and {after.get(f'{name}_next')}; export it again"
            )


def _describe(ports: dict[str, tuple[list[int | str], str]]) -> str:
    return ", ".join(f"{name} {shape} {kind}" for name, (shape, kind) in ports.items())
