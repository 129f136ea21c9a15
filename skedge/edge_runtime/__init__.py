"""What runs on the device: a model file, one skeleton per frame in, an action out. NumPy and
onnxruntime, nothing else."""

import os

# NumPy's matrix products reserve some 40 MB of address space for each further core, and nothing
# here needs them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from skedge.edge_runtime.events import Event
from skedge.edge_runtime.recognizer import Recognizer, Result

__all__ = ["Event", "Recognizer", "Result"]
