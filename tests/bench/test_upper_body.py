"""The study of people who are seen from the hips up."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from skedge.bench.studies import upper_body
from skedge.datasets.store.rewrite import Clip, append
from tests.edge_runtime.live_fakes import body, quick_model
from tests.skeleton.people import NTU


@pytest.fixture
def waves(tmp_path: Path) -> Path:
    clips = [
        Clip("wave", np.stack([body(number / 30) for number in range(90)])[None], subject)
        for subject in range(3)
    ]
    append(tmp_path / "waves", clips, NTU, rate=30)
    return tmp_path / "waves"


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["upper_body", *arguments])
    upper_body.main()


def test_every_view_has_its_figures(
    tmp_path: Path, waves: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = quick_model(tmp_path / "m.onnx", upper_body=("wave", "clap"))
    out = tmp_path / "found.json"
    run([str(model), str(waves), "--out", str(out)], monkeypatch)
    found = json.loads(out.read_text())
    assert {*found} == {"whole", "hips up", "waist up"}
    for rows in found.values():
        assert rows["waves"]["performances"] == 3
        assert {event["event"] for event in rows["waves"]["false_events"]} <= {"wave", "clap"}


def test_what_is_hidden() -> None:
    hips_up = {NTU.joints[i] for i in upper_body.out_of_view(NTU, hips=True)}
    waist_up = {NTU.joints[i] for i in upper_body.out_of_view(NTU, hips=False)}
    assert waist_up - hips_up == {"left_hip", "right_hip", "hip_center"}
    assert "left_knee" in hips_up


def test_a_model_of_whole_bodies_is_refused(
    tmp_path: Path, waves: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run([str(quick_model(tmp_path / "m.onnx")), str(waves)], monkeypatch)
    assert "expected a model with upper_body" in capsys.readouterr().err
