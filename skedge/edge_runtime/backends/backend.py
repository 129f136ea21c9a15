"""The runtimes that execute exported files, one row each."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from skedge.edge_runtime.backends import litert, memory, onnx_runtime
from skedge.edge_runtime.stream import Stepper
from skedge.skeleton.errors import InputError
from skedge.skeleton.metadata import ModelMetadata

MOST_THREADS = 64
LARGEST = 512 * 2**20


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


@dataclass(frozen=True)
class Runtime:
    """A runtime that executes files of one suffix.

    `module` is its code, `package` the package that brings it, `memory` what it takes. `bring`
    imports it for a file of that name and raises `InputError` where it is not installed; `start`
    opens a file with so many threads.
    """

    suffix: str
    module: str
    package: str
    memory: memory.Memory
    bring: Callable[[str], Any]
    start: Callable[[Path, int], Backend]


RUNTIMES = (
    Runtime(
        ".onnx",
        module="onnxruntime",
        package="onnxruntime",
        memory=onnx_runtime.MEMORY,
        bring=onnx_runtime.import_onnxruntime,
        start=onnx_runtime.OnnxBackend,
    ),
    Runtime(
        ".tflite",
        module="ai_edge_litert",
        package="ai-edge-litert",
        memory=litert.MEMORY,
        bring=litert.import_interpreter,
        start=litert.TfliteBackend,
    ),
)


def runtime_of(path: str | Path) -> Runtime:
    """The runtime for a file's suffix; `InputError` where there is none."""
    suffix = Path(path).suffix
    for runtime in RUNTIMES:
        if runtime.suffix == suffix.lower():
            return runtime
    known = " or ".join(runtime.suffix for runtime in RUNTIMES)
    raise InputError(
        f"{path}: expected a model with suffix {known}, got {suffix or 'none'!r}; make one with"
        " `skedge export`"
    )


def load_backend(path: str | Path, threads: int = 1) -> Backend:
    """An exported file opened in the runtime of its suffix.

    Raises `InputError` if that cannot be done, and before it is tried where a memory limit leaves
    no room for it.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"{path}: expected a model file, found {'a folder' if path.is_dir() else 'none'}; make"
            " one with `skedge export`"
        )
    if not 1 <= threads <= MOST_THREADS:
        raise InputError(
            f"expected at least 1 thread and at most {MOST_THREADS}, got {threads}; more than the"
            " computer's cores are of no use"
        )
    runtime = runtime_of(path)
    if path.stat().st_size > LARGEST:
        raise InputError(
            f"{path}: expected a model of at most {LARGEST >> 20} MB, got"
            f" {path.stat().st_size >> 20} MB"
        )
    memory.check(path, runtime.memory, imported=runtime.module in sys.modules)
    return runtime.start(path, threads)


def import_runtime(path: str | Path) -> None:
    """Import what runs files like this one, as opening it would; raises `InputError` where that is
    not installed."""
    runtime_of(path).bring(str(path))
