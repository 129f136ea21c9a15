"""The models that are measured beside each other."""

import sys
from pathlib import Path

import pytest
import torch

from skedge.export import peers
from skedge.export.verify import ExportError
from skedge.skeleton import InputError, load_layout
from skedge.teacher.networks.classifier import Classifier
from skedge.teacher.networks.encoders import STGCN, Block


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


def test_the_plain_stgcn_is_that_of_its_paper() -> None:
    """Yan et al., AAAI 2018, section 4.1, but for a third of its frames: figures are stated under
    its name."""
    peer = peers.PEERS["stgcn"]
    assert peer.data.frames == 100
    encoder = Classifier(load_layout("ntu25"), peer.data, peer.plan, classes=60).encoder
    assert isinstance(encoder, STGCN)
    blocks = [block for block in encoder.blocks if isinstance(block, Block)]
    assert [block.time.out_channels for block in blocks] == [64] * 4 + [128] * 3 + [256] * 3
    halved = [number for number, block in enumerate(blocks, 1) if block.time.stride[0] == 2]
    assert halved == [5, 8]


def test_the_command_names_what_was_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Path] = []

    def write(folder: Path) -> list[str]:
        asked.append(folder)
        if folder.name == "broken":
            raise InputError("broken: expected a store")
        return ["student-int8.onnx: too far from torch"]

    monkeypatch.setattr(peers, "write", write)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    monkeypatch.setattr(sys, "argv", ["peers", str(tmp_path)])
    peers.main()
    assert capsys.readouterr().err == "note: left out student-int8.onnx: too far from torch\n"
    monkeypatch.setattr(sys, "argv", ["peers"])
    peers.main()
    assert asked == [tmp_path, Path("runs/peers")]
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["peers", str(tmp_path / "broken")])
    with pytest.raises(SystemExit) as ended:
        peers.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "skedge.export.peers: broken: expected a store\n"
