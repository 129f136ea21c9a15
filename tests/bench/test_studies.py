"""What all studies do alike."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from skedge.bench.studies import profile
from tests.edge_runtime.edge_models import write_model


@pytest.mark.parametrize(
    ("study", "arguments"),
    [
        ("bars", "nowhere heading column out.svg"),
        ("counting", "nowhere --counts nowhere.csv"),
        ("importing", "nowhere"),
        ("movement", "nowhere"),
        ("pose", "nowhere"),
        ("pose_precision", "nowhere"),
        ("profile", "nowhere.onnx nowhere.onnx"),
        ("thresholds", "default nowhere"),
    ],
)
def test_what_is_not_there_is_one_line(
    study: str,
    arguments: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Three of the studies ended in a traceback, and one said the system's number."""
    if study == "pose_precision":
        pytest.importorskip("ai_edge_quantizer", reason="needs skedge[convert]")
    monkeypatch.setattr(sys, "argv", [study, *arguments.split()])
    with pytest.raises(SystemExit) as ended:
        import_module(f"skedge.bench.studies.{study}").main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"skedge.bench.studies.{study}: ")
    assert "nowhere" in line
    assert "[Errno" not in line


def test_a_profile_wants_a_streaming_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = str(write_model(tmp_path / "clip.onnx"))
    monkeypatch.setattr(sys, "argv", ["profile", clip, clip])
    with pytest.raises(SystemExit) as ended:
        profile.main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected an ONNX file that takes frames" in line
