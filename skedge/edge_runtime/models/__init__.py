"""The model that comes with skedge: 13 everyday actions, frame by frame, in both formats (recipe
`default`)."""

from pathlib import Path

NAME = "default"


def find(name: Path | str) -> Path:
    """The file of the model that comes with skedge for `default` or `default.tflite`; any other
    path as it is."""
    path = Path(name)
    if str(path) not in (NAME, f"{NAME}.onnx", f"{NAME}.tflite") or path.exists():
        return path
    return Path(__file__).with_name(f"{NAME}{path.suffix or '.onnx'}")
