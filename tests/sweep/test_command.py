"""`skedge sweep` as a person types it, with everything real but for the size."""

import json
from pathlib import Path

import pytest
import yaml

from skedge.cli import main
from skedge.datasets.store import Store

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
