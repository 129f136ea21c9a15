"""What runs on the device: a model file, a skeleton a frame in, an action out. NumPy and onnxruntime, nothing else."""

from edge_runtime.events import Event
from edge_runtime.recognizer import Recognizer, Result

__all__ = ["Event", "Recognizer", "Result"]
