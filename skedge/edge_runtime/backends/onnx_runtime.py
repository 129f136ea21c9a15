"""ONNX files in onnxruntime."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from skedge.edge_runtime.backends.memory import Memory, Need
from skedge.edge_runtime.backends.ports import check_ports, damaged, described
from skedge.edge_runtime.backends.protobuf import read_document
from skedge.edge_runtime.backends.seal import read_sealed
from skedge.edge_runtime.stream import OnnxStepper, Stepper
from skedge.skeleton.errors import InputError
from skedge.skeleton.install import install_hint
from skedge.skeleton.metadata import KEY

# onnxruntime 1.29 and later writes files and opens sockets for telemetry unless this is set before
# it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

ERROR = 3
# onnxruntime 1.31.
MEMORY = Memory(space=Need(45, 20, copies=5), resident=Need(20, 16, copies=4))


class OnnxBackend:
    """A model in onnxruntime on the CPU with exactly `threads` threads.

    Raises `InputError` for a file that is missing, damaged, not ONNX, not exported by skedge, or of
    a newer skedge.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        source = str(path)
        content, checksum = read_sealed(Path(path))
        try:
            document = read_document(content, KEY)
        except ValueError as error:
            raise damaged(source, "an ONNX model", error) from None
        del content
        self.metadata = described(document, checksum, source)
        options = session_options(threads)
        runtime = import_onnxruntime(source)
        try:
            self._session = runtime.InferenceSession(
                source, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no common base class
            raise damaged(source, "an ONNX model", error) from None
        inputs = self._session.get_inputs()
        outputs = self._session.get_outputs()
        self._outputs = [port.name for port in outputs]
        check_ports(
            {p.name: _onnx_port(p) for p in inputs},
            {p.name: _onnx_port(p) for p in outputs},
            self.metadata,
            source=source,
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


def session_options(threads: int) -> Any:
    """The session options of onnxruntime, which is imported here, for exactly so many threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # A waiting thread that spins takes the core which the camera or another model needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = ERROR
    return options


def import_onnxruntime(source: str) -> Any:
    """The module onnxruntime; `InputError` naming the file `source` where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        raise InputError(
            f"{source}: reading it needs onnxruntime, which is not installed: {install_hint()}"
        ) from None
    return onnxruntime


def _onnx_port(port: Any) -> tuple[list[int], str]:
    return port.shape, {"tensor(float)": "float32"}.get(port.type, port.type)
