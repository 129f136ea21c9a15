"""`skedge sweep` as a person types it, with everything real but for the size."""

import json
from collections.abc import Callable
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


Network = Callable[[Path, Store], object]
Said = Callable[[dict[str, Any], Network], str]


@pytest.fixture
def said_at_once(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    """Gives what a sweep says that starts from a network and is refused before anything runs."""

    def sweep(changes: dict[str, Any], network: Network) -> str:
        network(tmp_path / "trained", store)
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(TINY | changes))
        flag = "--teacher" if changes["step"] == "distill" else "--pretrained"
        with pytest.raises(SystemExit, match="2"):
            main(
                [
                    *("sweep", str(tmp_path / "mine.yaml"), "--data", str(store.path)),
                    *(flag, str(tmp_path / "trained"), "--out", str(tmp_path / "out")),
                ]
            )
        assert not (tmp_path / "out").exists()
        return capsys.readouterr().err

    return sweep


@pytest.mark.parametrize(
    ("changes", "network", "words"),
    [
        (
            {"step": "evaluate linear", "set": {}, "grid": {"input.frames": [12, 20]}},
            write_encoder,
            "expected input.frames 12, with which it was trained, got 20",
        ),
        (
            {"step": "evaluate knn", "set": {"encoder": {"widths": [9]}}, "grid": {}},
            write_encoder,
            "expected encoder.widths [4, 6, 8], with which it was trained, got [9]",
        ),
        (
            {"step": "distill", "grid": {"input.frames": [20]}},
            write_classifier,
            "the teacher sees frames 12",
        ),
    ],
)
def test_a_sweep_over_what_a_trained_network_keeps_ends_before_anything_runs(
    changes: dict[str, Any], network: Network, words: str, said_at_once: Said
) -> None:
    """A sweep over input.frames of a trained encoder measured the same at every point, and its
    table named them differently."""
    assert words in said_at_once(changes, network)


@pytest.mark.parametrize(
    ("step", "network", "words"),
    [
        ("distill", write_encoder, "expected a classifier (a linear-probed or finetuned teacher"),
        ("evaluate knn", write_classifier, "expected a pretrained encoder, got a classifier"),
    ],
)
def test_a_network_of_the_wrong_kind_ends_a_sweep_before_anything_runs(
    step: str, network: Network, words: str, said_at_once: Said
) -> None:
    """It was said anew for every point."""
    assert words in said_at_once({"step": step, "set": {}, "grid": {}}, network)
