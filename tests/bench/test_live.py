"""`skedge bench live`: delays, drops and bodies are those of the pictures that were shown."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")

from skedge.bench import live_probe, live_view
from skedge.bench.live_probe import Settings, probe
from skedge.bench.rehearsal import Scene
from skedge.cli import main
from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.pose.landmarks import LAYOUT
from skedge.edge_runtime.pose.whole import is_whole
from skedge.edge_runtime.sources.played import Played
from skedge.skeleton.errors import InputError
from tests.edge_runtime.live_fakes import quick_model


class Pose:
    """Takes its time for a picture, and sees somebody in every second one."""

    layout = LAYOUT

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def estimate(self, frame: Frame) -> tuple[Person, ...]:
        time.sleep(self._seconds)
        joints = np.zeros((33, 3), np.float32)
        return (Person(0, joints),) if round(frame.seconds * 100) % 2 else ()


def settings(tmp_path: Path, **how: Any) -> Settings:
    return Settings(str(quick_model(tmp_path / "m.onnx")), "lite", 1, 1, pictures=80, **how)


def watch(monkeypatch: pytest.MonkeyPatch, pace: float, fast: bool) -> None:
    """A hundred pictures a second, or as fast as they are taken, seen in `pace` seconds each."""
    image = np.zeros((48, 64, 3), np.uint8)
    frames = (Frame(image, number / 100) for number in range(80))
    monkeypatch.setattr(
        live_probe, "_open", lambda settings, took: (Played(frames, fast=fast), Pose(pace))
    )


def test_every_picture_of_a_film_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch(monkeypatch, 0.001, fast=True)
    found = probe(settings(tmp_path, rate=0.0))
    assert found["pictures"] == {"given": 80, "answered": 80, "pose": 0, "action": 0}
    assert found["with_body"] == 40
    assert found["latency"]["n"] == 60
    assert found["latency"]["p99"] >= found["latency"]["p95"] >= found["latency"]["p50"] >= 1
    assert found["milliseconds"]["pose"]["p50"] >= 1
    assert found["peak_rss_bytes"] > 20e6
    json.dumps(found)


def test_a_pose_stage_that_is_too_slow_drops_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(monkeypatch, 0.015, fast=False)
    # However busy the machine is, a few pictures come through.
    monkeypatch.setattr(live_probe, "WARM", 1)
    counted = probe(settings(tmp_path, rate=100.0))["pictures"]
    assert counted["pose"] > 0
    assert counted["answered"] + counted["pose"] + counted["action"] == counted["given"] == 80


def test_too_few_pictures_say_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch(monkeypatch, 0.2, fast=False)
    with pytest.raises(InputError, match="more than 40 pictures that reach the actions, got"):
        probe(settings(tmp_path, rate=100.0))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Runs that are only noted, and answer always the same."""
    asked: list[Settings] = []

    def run(settings: Settings) -> dict[str, Any]:
        asked.append(settings)
        part = {"p50": 12.34, "p95": 23.45, "p99": 34.56, "n": 280}
        return {
            "settings": asdict(settings) | {"model": "m.onnx"},
            "pictures": {"given": 300, "answered": 290, "pose": 7, "action": 3},
            "pictures_per_second": 29.04,
            "with_body": 281,
            "events": 4,
            "latency": part,
            "milliseconds": {"pose": part, "landmarks": part},
            "cores": {"pose": 0.42, "pose workers": 0.21},
            "cpu_ms_per_picture": 15.51,
            "peak_rss_bytes": 165e6,
        }

    monkeypatch.setattr(live_view, "_run", run)
    return asked


def test_every_choice_is_run_and_reported(
    runs: list[Settings], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(quick_model(tmp_path / "m.onnx"))
    choices = ["--pose", "lite", "full", "--people", "1", "2", "--pose-threads", "1", "2", "3"]
    main(["bench", "live", "--model", model, *choices, "--out", str(tmp_path / "out")])
    asked = {(one.network, one.people, one.threads) for one in runs}
    assert len(asked) == len(runs) == 12
    document = json.loads((tmp_path / "out" / "live.json").read_text())
    assert len(document["runs"]) == 12
    for report in ((tmp_path / "out" / "live.md").read_text(), capsys.readouterr().out):
        assert "| full | 2 | 3 | 29.0 | 12.3 | 23.4 | 34.6 | 10 of 300 | 281 of 290 |" in report
    page = (tmp_path / "out" / "live.html").read_text()
    assert "0.42" in page
    assert "http" not in page, "the page needs nothing else"
    assert str(tmp_path) not in page + json.dumps(document)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--pose", "heavy"], "expected lite or full, got heavy"),
        (["--people", "0"], "at least 1 person"),
        (["--rate", "-1"], "no negative rate"),
        (["--source", "film.mp4", "--rate", "10"], "--rate: expected invented people"),
        (["--source", "film.mp4", "--width", "9", "--height", "9"], "--width and --height"),
    ],
)
def test_wrong_use_is_one_line(
    wrong: list[str], said: str, runs: list[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "live", *wrong])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert runs == []


@pytest.mark.parametrize(
    ("flags", "pace"), [([], "at its own pace"), (["--rate", "0"], "as fast as they are taken")]
)
def test_a_films_report_says_its_pace(
    flags: list[str], pace: str, runs: list[Settings], tmp_path: Path
) -> None:
    """It said 30 pictures a second, or whatever `--rate` asked for, of a film that has its own."""
    model = str(quick_model(tmp_path / "m.onnx"))
    main(
        ["bench", "live", "--model", model, "--source", "film.mp4", *flags, "--out", str(tmp_path)]
    )
    assert {one.film for one in runs} == {"film.mp4"}
    told = (tmp_path / "live.md").read_text()
    assert f"300 pictures (film.mp4), {pace};" in told


def test_a_missing_package_is_named_with_the_command_that_adds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the base installation it said "the run ended with code 1"."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['cv2'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main(["bench", "live", "--pose", "lite", "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "`skedge bench live` needs cv2, which is not installed here" in told
    assert "[live]" in told


def test_a_run_that_takes_too_long_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ended in a traceback, after half an hour."""
    monkeypatch.setattr(live_view, "PATIENCE", 0.01)
    with pytest.raises(SystemExit) as ended:
        main(["bench", "live", "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    assert "to end within 0.01 s, it did not; use fewer --pictures" in capsys.readouterr().err


@pytest.mark.parametrize("people", [1, 2, 12])
def test_invented_people_are_whole_and_apart(people: int) -> None:
    scene = Scene(people, 640, 480)
    first, second, *_ = scene.frames(3, 30.0)
    assert first.image is not None
    assert second.image is not None
    assert first.image.shape == (480, 640, 3)
    assert (first.image != second.image).any()
    bodies = [scene.nearest(region) for region in scene.regions()]
    assert all(is_whole(body, 640, 480) for body in bodies)
    assert len({round(body.region.x) for body in bodies}) == people
