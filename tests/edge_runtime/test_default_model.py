"""The model that comes with skedge."""

from pathlib import Path

import pytest

from skedge.datasets.store import Store
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.models import find
from skedge.edge_runtime.scoring.predict import predict_store

FILES = ["default", "default.tflite"]
SYNONYMS = {"boxing": "punch", "sit to stand": "stand up", "stand to sit": "sit down"}


@pytest.mark.parametrize("name", FILES)
def test_it_takes_a_cameras_frames_and_tells_how_it_was_made(name: str) -> None:
    metadata = Recognizer.load(find(name)).metadata
    assert metadata.streaming is not None
    assert metadata.streaming.delay == 0
    assert len(metadata.labels) == 13
    assert "idle" in metadata.labels
    assert "make default-model" in metadata.provenance["note"]
    assert metadata.accuracy["top1"] > 90


def test_both_files_are_small_together() -> None:
    assert sum(find(name).stat().st_size for name in FILES) < 1.5e6


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find("default") == find("default.onnx") != Path("default")
    assert find(tmp_path / "default") == tmp_path / "default"
    (tmp_path / "default.onnx").touch()
    assert find("default.onnx") == Path("default.onnx")


@pytest.mark.parametrize("name", FILES)
def test_real_people_it_has_never_seen(name: str, utd_store: Path) -> None:
    """UTD-MHAD's actions that it knows, subjects 2 4 6 8, by the last answer to each clip, among
    all 13 actions."""
    report = predict_store(
        find(name), Store(utd_store), "xsub", frame_by_frame=True, synonyms=SYNONYMS
    )
    assert len(report.predictions) == 111
    assert report.accuracy >= 0.85
