"""The Recognizer, day after day: memory stays, time does not drift. `.ci/run` makes it 30,000
frames with SKEDGE_SOAK."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from skedge.bench.studies.soak import complaints, main, soak
from skedge.datasets.store import Store, StoreWriter
from skedge.datasets.synthetic.synthesize import clip
from skedge.edge_runtime import Recognizer
from skedge.skeleton import load_layout
from tests.edge_runtime.edge_models import STREAMING, metadata, write_model, write_streaming_model

FRAMES = int(os.environ.get("SKEDGE_SOAK", "6000"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stores") / "walks"
    with StoreWriter(
        path, name="walks", layout=load_layout("ntu25"), labels=["walk"], rate=30.0
    ) as writer:
        for number in range(20):
            writer.add(f"walk {number}", clip(0, number).joints[None], label=0)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(
        tmp_path_factory.mktemp("models") / "m.onnx", metadata(frames=10, seconds=1.0)
    )


def test_memory_stays_and_time_does_not_drift(model: Path, store: Path) -> None:
    # A process of its own: what other tests' threads keep or give back is not the Recognizer's
    # growth.
    command = [
        sys.executable,
        "-m",
        "skedge.bench.studies.soak",
        str(model),
        str(store),
        "--frames",
        str(FRAMES),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["frames"] == FRAMES
    assert found["people"] >= FRAMES // 2000
    # Ten answers a second but for the half window at everybody's beginning.
    assert found["answers"] == pytest.approx(FRAMES / 3, rel=0.02)


def test_a_leak_and_a_drift_are_found(
    model: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognizer = Recognizer.load(model)
    kept = []
    update = recognizer.update

    def leaking(joints: np.ndarray, seconds: float, person: int) -> object:
        # 480 MB: more than other tests may have left free in this process.
        kept.append(np.ones(20_000))
        return update(joints, seconds, person)

    monkeypatch.setattr(recognizer, "update", leaking)
    assert any("growth_bytes" in line for line in complaints(soak(recognizer, Store(store), 3000)))

    def lazy(joints: np.ndarray, seconds: float, person: int) -> object:
        return update(joints, seconds * 1.01, person)

    recognizer.reset()
    monkeypatch.setattr(recognizer, "update", lazy)
    found = complaints(soak(recognizer, Store(store), 3000))
    assert any("stamps_off_s" in line for line in found)
    assert any("drift_s" in line for line in found)


def test_a_late_first_answer_of_a_streaming_model_is_found(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers after 0.4 s, and half of its window, 0.6 s, went by as if it did not."""
    layout = load_layout("ntu25")
    recognizer = Recognizer.load(
        write_streaming_model(tmp_path / "stream.onnx", replace(STREAMING, layout=layout))
    )
    wanted = {"first_late_s"}
    assert not wanted & {
        line.split()[0] for line in complaints(soak(recognizer, Store(store), 2000))
    }
    update = recognizer.update
    came: dict[int, float] = {}

    def hidden(joints: np.ndarray, seconds: float, person: int) -> object:
        there = seconds - came.setdefault(person, seconds) >= 0.15
        return update(joints if there else np.full_like(joints, np.nan), seconds, person)

    recognizer.reset()
    monkeypatch.setattr(recognizer, "update", hidden)
    assert wanted & {line.split()[0] for line in complaints(soak(recognizer, Store(store), 2000))}


def test_on_the_command_line(
    model: Path, store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sys.argv", ["skedge.bench.studies.soak", str(model), str(store), "--frames", "3000"]
    )
    main()
    assert '"frames": 3000' in capsys.readouterr().out
    for arguments in (["--frames", "5"], ["--hop", "-1"]):
        monkeypatch.setattr(
            "sys.argv", ["skedge.bench.studies.soak", str(model), str(store), *arguments]
        )
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
