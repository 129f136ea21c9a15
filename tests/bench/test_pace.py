"""The study of slow cameras and pose estimators."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.bench.studies import pace
from skedge.datasets.store.rewrite import Clip, append
from skedge.edge_runtime.scoring.everyday import Recording, Track
from tests.edge_runtime.live_fakes import body, quick_model
from tests.skeleton.people import NTU


def recording(frames: int, rate: float) -> Recording:
    """Somebody throughout, and somebody who comes half-way."""
    seconds = 5 + np.arange(frames) / rate
    joints = np.arange(frames, dtype=np.float32)[:, None, None] * np.ones((1, 25, 3), np.float32)
    half = frames // 2
    people = (Track(seconds, joints), Track(seconds[half:], joints[half:]))
    return Recording("walk", "walk", NTU, people, (), frames / rate)


@given(st.floats(3, 60), st.sampled_from([10.0, 25.0, 30.0]), st.integers(0, 99))
def test_pictures_are_left_out_for_all_people_alike(rate: float, camera: float, seed: int) -> None:
    before = recording(300, camera)
    one, *others = pace.slower(before, rate, seed).people
    steps = np.diff(one.seconds)
    assert (steps > 0).all()
    assert len(one.seconds) / before.duration == pytest.approx(min(rate, camera), rel=0.15, abs=0.2)
    # The newest picture is as old as a camera's pace at the most.
    assert steps.max() <= max(1.2 / rate, 1 / camera) + 1 / camera + 1e-6
    for track in (one, *others):
        assert np.allclose(track.joints[:, 0, 0], (track.seconds - 5) * camera)
        assert {*track.seconds} == {*one.seconds[one.seconds >= track.seconds[0]]}


def test_nobody_stays_nobody() -> None:
    assert pace.slower(replace(recording(30, 30), people=()), 10).people == ()


def test_every_rate_has_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = [Clip("wave", np.stack([body(n / 30) for n in range(90)])[None], s) for s in range(2)]
    append(tmp_path / "waves", clips, NTU, rate=30)
    model = str(quick_model(tmp_path / "m.onnx"))
    words = ["pace", model, str(tmp_path / "waves"), "--rates"]
    out = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", [*words, "10", "5", "--out", str(out)])
    pace.main()
    found = json.loads(out.read_text())
    assert [*found] == ["as they are", "10 a second", "5 a second"]
    assert all(rows["waves"]["performances"] == 2 for rows in found.values())
    assert "5 a second: waves {" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*words, "0"])
    with pytest.raises(SystemExit):
        pace.main()
    assert "pictures a second above 0, got 0" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", [*words, "10", "--out", str(out / "below a file.json")])
    with pytest.raises(SystemExit) as refused:
        pace.main()
    shown = capsys.readouterr()
    assert (refused.value.code, len(shown.err.splitlines())) == (2, 1)
    assert "10 a second: waves {" in shown.out, "what was measured is not lost"
