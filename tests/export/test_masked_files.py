"""Transformer and STTFormer classifiers as ONNX files: written after the exporter's own check, and
read by the recogniser."""

from pathlib import Path

import pytest

from skedge.datasets.store import Store
from skedge.edge_runtime import Recognizer
from skedge.export.exporter import Exporter
from skedge.recipes.settings import (
    EncoderSettings,
    InputSettings,
    SttformerSettings,
    TransformerSettings,
)
from tests.teacher.tiny import write_classifier

DATA = InputSettings(frames=12, persons=2)
PLANS = {
    "transformer": EncoderSettings(
        backbone="transformer", transformer=TransformerSettings(16, 2, 2)
    ),
    "sttformer": EncoderSettings(backbone="sttformer", sttformer=SttformerSettings(16, 2)),
}


@pytest.mark.parametrize("backbone", list(PLANS))
def test_a_verified_file(backbone: str, store: Store, tmp_path: Path) -> None:
    classifier = write_classifier(tmp_path / "run", store, DATA, PLANS[backbone])
    found = Exporter(tmp_path / "run", store).write(tmp_path / "teacher.onnx")
    assert found["largest_difference"] < 1e-5
    assert found["parameters"] == sum(parameter.numel() for parameter in classifier.parameters())
    assert found["macs"] > 0
    recognizer = Recognizer.load(tmp_path / "teacher.onnx", threads=1)
    probabilities = recognizer.predict(store.clip(0).transpose(1, 0, 2, 3), rate=30)
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
