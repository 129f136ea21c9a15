"""`skedge sweep` as a person types it, with everything real but for the size."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from skedge.cli import main
from skedge.datasets.store import Store
from tests.teacher.tiny import write_classifier, write_encoder

TINY = {
    "base": "synthetic",
    "step": ["evaluate supervised", "distill"],
    "set": {
        "input.frames": 12,
        "encoder": {"widths": [4], "strides": [1]},
        "student.strides": [1, 1],
        "finetune.optim.epochs": 1,
        "distill.optim.epochs": 1,
        "compute": {"accelerator": "cpu", "precision": "32-true"},
    },
    "grid": {"student.widths": [[4, 6], [4, 6, 8]]},
    "seeds": [3],
}


def test_a_sweep_from_its_file_to_its_table(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "widths.yaml").write_text(yaml.safe_dump(TINY))
    out = tmp_path / "all of them"
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "sweep",
                str(tmp_path / "widths.yaml"),
                "--data",
                str(store.path),
                "--out",
                str(out),
                "--jobs",
                "2",
            ]
        )
    shown = capsys.readouterr()
    assert ended.value.code == 1, "three widths do not go with two strides"
    assert "1 of 2 points failed" in shown.err
    assert "[4, 6, 8], seed 3" in shown.err
    assert "log.txt" in shown.err
    assert len(shown.err.splitlines()) == 1
    document = json.loads((out / "sweep.json").read_text())
    complete, failed = document["points"]
    assert (failed["metrics"], "strides" in failed["error"]) == (None, True)
    folder = out / complete["folder"]
    for step in ("evaluate supervised", "distill"):
        assert complete["metrics"][step] == json.loads(
            (folder / step.replace(" ", "-") / "metrics.json").read_text()
        )
    assert complete["metrics"]["distill"]["seed"] == 3
    assert complete["metrics"]["distill"]["teacher"]["seed"] == 3, (
        "distilled from the classifier of the same point"
    )
    row = (
        f"| [4, 6] | {complete['metrics']['evaluate supervised']['top1']:.1f} |"
        f" {complete['metrics']['distill']['top1']:.1f} |"
    )
    assert row in (out / "sweep.md").read_text()
    assert "Report" in shown.out


def test_a_wrong_sweep_ends_before_anything_runs(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(TINY | {"grid": {"student.width": [[4]]}}))
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "sweep",
                str(tmp_path / "wrong.yaml"),
                "--data",
                str(store.path),
                "--out",
                str(tmp_path / "out"),
            ]
        )
    shown = capsys.readouterr().err
    assert (ended.value.code, len(shown.splitlines())) == (2, 1)
    assert "student.width" in shown
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"step": "evaluate linear", "set": {}, "grid": {"input.frames": [12, 20]}},
            "expected input.frames 12, with which it was trained, got 20",
        ),
        (
            {"step": "evaluate knn", "set": {"encoder": {"widths": [9]}}, "grid": {}},
            "expected encoder.widths [4, 6, 8], with which it was trained, got [9]",
        ),
        ({"step": "distill", "grid": {"input.frames": [20]}}, "the teacher sees frames 12"),
    ],
)
def test_a_sweep_over_what_a_trained_network_keeps_ends_before_anything_runs(
    changes: dict[str, Any],
    words: str,
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A sweep over input.frames of a trained encoder measured the same at every point, and its
    table named them differently."""
    teaches = changes["step"] == "distill"
    (write_classifier if teaches else write_encoder)(tmp_path / "trained", store)
    flag = "--teacher" if teaches else "--pretrained"
    assert words in before_anything_runs(changes, flag, store, tmp_path, capsys)


@pytest.mark.parametrize(
    ("step", "flag", "words"),
    [
        ("distill", "--teacher", "expected a classifier (a linear-probed or finetuned teacher"),
        ("evaluate knn", "--pretrained", "expected a pretrained encoder, got a classifier"),
    ],
)
def test_a_network_of_the_wrong_kind_ends_a_sweep_before_anything_runs(
    step: str,
    flag: str,
    words: str,
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It was said anew for every point."""
    (write_encoder if step == "distill" else write_classifier)(tmp_path / "trained", store)
    changes = {"step": step, "set": {}, "grid": {}}
    assert words in before_anything_runs(changes, flag, store, tmp_path, capsys)


def before_anything_runs(
    changes: dict[str, Any],
    flag: str,
    store: Store,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> str:
    """What a sweep says that starts from the network in `folder` and is refused at once."""
    (folder / "mine.yaml").write_text(yaml.safe_dump(TINY | changes))
    with pytest.raises(SystemExit, match="2"):
        main(
            [
                *("sweep", str(folder / "mine.yaml"), "--data", str(store.path)),
                *(flag, str(folder / "trained"), "--out", str(folder / "out")),
            ]
        )
    assert not (folder / "out").exists()
    return capsys.readouterr().err
