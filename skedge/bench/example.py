"""One inference of an exported model, whatever its form: what latency and memory are measured
on."""

from collections.abc import Callable

import numpy as np

from skedge.edge_runtime.backends.backend import Backend


def call(backend: Backend) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    """The model on a clip of random joints; a streaming model on a frame, with the state behind the
    frame before."""
    metadata = backend.metadata
    shape = (metadata.persons, metadata.frames, len(metadata.layout), 3)
    joints = np.random.default_rng(0).normal(0, 0.5, shape).astype(np.float32)
    if metadata.streaming is None:
        return lambda: backend.run(joints)
    stepper = backend.stepper()
    frame = joints[:, 0]
    stepper.start(frame)
    return lambda: stepper.step(frame)
