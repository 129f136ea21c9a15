"""The models that are measured beside each other."""

from pathlib import Path

import pytest

from skedge.export import peers
from skedge.export.verify import ExportError


def test_what_is_there_or_was_refused_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make pi` trained the student anew each time, whose int8 files were refused again."""
    asked: list[str] = []

    class Refusing:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def write(self, file: Path, _: str) -> None:
            asked.append(file.name)
            if file.suffix == ".tflite":
                raise ExportError("too far from torch")
            file.write_bytes(b"a model")

    monkeypatch.setattr(peers, "PEERS", {"teacher": peers.PEERS["teacher"]})
    monkeypatch.setattr(peers, "Exporter", Refusing)
    refused = ["teacher-fp32.tflite: too far from torch"]
    assert peers.write(tmp_path) == refused
    assert sorted(asked) == ["teacher-fp32.onnx", "teacher-fp32.tflite"]
    assert peers.write(tmp_path) == refused
    assert len(asked) == 2
    (tmp_path / "teacher-fp32.onnx").unlink()
    assert peers.write(tmp_path) == refused
    assert asked[2:] == ["teacher-fp32.onnx"]
