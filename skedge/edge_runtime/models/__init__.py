"""The model that comes with skedge: 13 everyday actions, frame by frame, in both formats (recipe
`default`)."""

from importlib.util import find_spec
from pathlib import Path

NAME = "default"


def find(name: Path | str) -> Path:
    """The file of the model that comes with skedge for `default` or `default.tflite`, unless a file
    of that name is there; any other path as it is."""
    path = Path(name)
    if str(path) not in (NAME, f"{NAME}.onnx", f"{NAME}.tflite") or path.is_file():
        return path
    return Path(__file__).with_name(f"{NAME}{path.suffix or '.onnx'}")


def find_beside_pose(name: Path | str) -> Path:
    """As `find`, for a process that also finds people in pictures: where LiteRT is
    installed, `default` is the file in its format.

    The pose estimator needs LiteRT in any case, and onnxruntime beside it takes 30 MB more.
    """
    if str(name) == NAME and not Path(name).is_file() and find_spec("ai_edge_litert") is not None:
        return find(f"{NAME}.tflite")
    return find(name)
