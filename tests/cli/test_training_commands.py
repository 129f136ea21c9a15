"""The commands of training, one after the other."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skedge.cli.main import main
from skedge.datasets.store import StoreWriter
from skedge.skeleton import load_layout
from skedge.teacher.runs.folder import only_training
from tests.cli.conftest import Refused
from tests.cli.typed import TINY, ctrl_c_works

pytestmark = pytest.mark.usefixtures("one_registry")


def test_another_backbone_teaches_and_only_the_student_is_exported(
    store: Path, tmp_path: Path, refused: Refused
) -> None:
    run = ["run", "--data", store, "--recipe", "synthetic", "--out", tmp_path]
    tiny = [flag for flag in TINY if "projector" not in flag]  # that SkeletonCLR does not read
    main([str(argument) for argument in [*run, *tiny, "--encoder.backbone=gin"]])
    report = json.loads((tmp_path / "synthetic" / "report.json").read_text())
    assert report["recipe"]["encoder"]["backbone"] == "gin"
    assert list(report["export"]) == ["student"]
    assert [model["name"] for model in report["bench"]["models"]] == ["student"]

    refused(
        "export",
        tmp_path / "synthetic" / "finetune",
        tmp_path / "gin.onnx",
        "--data",
        store,
        words=["ST-GCN", "GIN"],
    )
    assert not (tmp_path / "gin.onnx").exists()
    refused(*run, "--student.backbone=dgcnn", words=["student.backbone", "dgcnn"])


def test_each_step_alone(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "step by step"
    training = ["--data", store, "--recipe", "synthetic", *TINY, "--out"]
    steps = [
        ["pretrain", *training, out / "pretrain"],
        ["evaluate", "linear", "--pretrained", out / "pretrain", *training, out / "linear"],
        ["evaluate", "supervised", *training, out / "supervised"],
        ["distill", "--teacher", out / "linear", *training, out / "student"],
        ["export", out / "student", out / "a student.onnx", "--data", store],
        ["export", out / "student", out / "half.onnx", "--data", store, "--precision", "fp16"],
        ["predict", out / "a student.onnx", store, "--frame-by-frame"],
        ["bench", out / "a student.onnx", "--out", out / "bench", "--blocks", 2, "--calls", 2],
        ["data", "show", store, "a01_s01_t01", out / "wave.png"],
    ]
    for step in steps:
        main([str(argument) for argument in step])
    assert "top-1" in capsys.readouterr().out
    assert (out / "bench" / "bench.json").is_file()
    assert (out / "wave.png").stat().st_size > 1000


def test_an_interrupted_training_goes_on(store: Path, tmp_path: Path) -> None:
    training = [
        "pretrain",
        "--data",
        store,
        "--recipe",
        "synthetic",
        "--out",
        tmp_path / "run",
        *TINY,
        "--pretrain.optim.epochs=60",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "skedge", *map(str, training)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=ctrl_c_works,
    )
    while process.poll() is None and not (tmp_path / "run" / "last.ckpt").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "--resume" in stderr
    assert "Traceback" not in stderr
    assert (tmp_path / "run" / "last.ckpt").is_file()
    assert not (tmp_path / "run" / "metrics.json").exists()
    main([*map(str, training), "--resume"])
    assert (tmp_path / "run" / "metrics.json").is_file()
    assert not (tmp_path / "run" / "last.ckpt").exists()


@pytest.mark.parametrize("where", ["skedge.steps.pretrain", "skedge.datasets.store.Store"])
def test_ctrl_c_before_anything_is_trained_speaks_of_no_resuming(
    where: str,
    store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It spoke of a checkpoint that was not there."""

    def pressed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(where, pressed)
    words = ["pretrain", "--data", store, "--recipe", "synthetic", "--out", tmp_path / "run"]
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert (ended.value.code, capsys.readouterr().err) == (130, "skedge: interrupted\n")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("seeds", [[], ["--seeds", "0", "1"]])
def test_ctrl_c_speaks_of_resuming_only_what_resuming_would_take(
    seeds: list[str],
    store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stopped before anything was trained, a run brought an earlier one of other settings back, and
    recommended --resume, which refuses those."""
    out = tmp_path / "run"
    words = ["evaluate", "supervised", "--data", store, "--recipe", "synthetic", "--out", out]
    writing = True

    def pressed(job: Any, *_: object) -> None:
        if writing:
            (job.run.folder / "last.ckpt").write_text("earlier")
        raise KeyboardInterrupt

    def said(*flags: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, words), *seeds, *flags])
        assert ended.value.code == 130
        return capsys.readouterr().err

    monkeypatch.setattr("skedge.teacher.protocols.finetune.train", pressed)
    first = said()
    assert "--resume" in first
    assert "begins anew" not in first
    writing = False
    other = said("--finetune.optim.learning_rate=0.5")
    assert "--resume" not in other
    assert "run: the interrupted training begins anew" in other
    assert [file.read_text() for file in out.rglob("last.ckpt")] == ["earlier"]
    resumed = said("--resume")
    assert "--resume" in resumed
    assert "begins anew" not in resumed


def test_a_finished_run_is_trained_again_only_where_asked(
    store: Path, tmp_path: Path, refused: Refused
) -> None:
    """The same command once overwrote a finished run, and two at a time wrote into one folder."""
    out = tmp_path / "ridge"
    command = ["evaluate", "ridge", "--data", store, "--recipe", "synthetic", "--out", out]
    main([str(word) for word in command])
    before = (out / "metrics.json").stat().st_mtime_ns
    refused(*command, words=["ridge", "finished", "--again"])
    refused(*command, "--resume", words=["finished", "--again"])
    assert (out / "metrics.json").stat().st_mtime_ns == before
    with only_training(out):
        refused(*command, "--again", words=["one training at a time", "wait for it"])
    main([str(word) for word in [*command, "--again"]])
    assert (out / "metrics.json").stat().st_mtime_ns > before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ridge"]


def test_a_run_needs_a_place_for_a_folder(store: Path, tmp_path: Path, refused: Refused) -> None:
    """`--out` with the name of a file said that it exists, not what was expected."""
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        command = ["evaluate", "ridge", "--data", store, "--recipe", "synthetic", "--out", out]
        refused(*command, words=[str(out), "expected a folder that can be written into"])


def test_partial_bodies_are_drawn_not_seeded(store: Path, tmp_path: Path, refused: Refused) -> None:
    command = ["evaluate", "partial-body", "--data", store, "--out", tmp_path / "partial"]
    refused(*command, "--pretrained", tmp_path, "--seeds", 0, 1, words=["--seeds", "partial.draws"])


def test_what_a_terminal_cannot_write_ends_nothing(tmp_path: Path) -> None:
    """A class called grüßen, on a terminal without UTF-8."""
    with StoreWriter(
        tmp_path / "s", name="s", layout=load_layout("ntu25"), labels=["grüßen"], rate=30
    ) as writer:
        writer.add("a", np.ones((1, 4, 25, 3), np.float32), label=0)
    shown = subprocess.run(
        [sys.executable, "-m", "skedge", "data", "info", str(tmp_path / "s")],
        env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"},
        capture_output=True,
        text=True,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert '"gr??en": 1' in shown.stdout
