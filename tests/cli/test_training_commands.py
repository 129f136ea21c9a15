"""The commands of training, one after the other."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skedge.cli.main import main
from tests.cli.conftest import Refused
from tests.cli.typed import TINY, ctrl_c_works


def test_another_backbone_teaches_and_only_the_student_is_exported(
    store: Path, tmp_path: Path, refused: Refused
) -> None:
    run = ["run", "--data", store, "--recipe", "synthetic", "--out", tmp_path, *TINY]
    main([str(argument) for argument in [*run, "--encoder.backbone=gin"]])
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
