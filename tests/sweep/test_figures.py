"""The figures that a table takes from what steps measured."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from skedge import steps
from skedge.datasets.store import Store, StoreWriter
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import InputSettings
from skedge.skeleton import load_layout
from skedge.sweep.report import Outcome, Report


def outcome(metrics: dict[str, Any]) -> Outcome:
    point: Any = SimpleNamespace(title="a point")
    return Outcome(point, metrics)


def test_a_class_called_top1_is_no_column_of_a_table(tmp_path: Path) -> None:
    """Accuracies of the classes `top1`, `loss` and `recall` were taken for steps' figures."""
    names = ["top1", "loss", "recall"]
    with StoreWriter(
        tmp_path / "store", name="noise", layout=load_layout("kinect20"), labels=names, rate=30.0
    ) as writer:
        for i in range(9):
            noise = np.random.default_rng(i).normal(size=(1, 20, 20, 3))
            writer.add(f"clip {i}", noise, label=i % 3, subject=i)
        writer.protocol("xsub", lambda index: np.array([1] * 6 + [3] * 3))
    recipe = Recipe(input=InputSettings(frames=8, protocol="xsub"))
    ridge = steps.evaluate(Store(tmp_path / "store"), tmp_path / "run", recipe, protocol="ridge")
    assert ridge["classes"].keys() == {*names}
    by_class = dict.fromkeys(names, 50.0)
    online = {
        "recall": 80.0,
        "per_class": by_class,
        "thresholds": by_class,
        "patience": by_class,
        "lasting": by_class,
    }
    found = outcome({"evaluate ridge": ridge, "distill": online})
    assert found.figures("top1") == {"evaluate ridge": ridge["top1"]}
    assert found.figures("recall") == {"distill": 80.0}
    assert found.figures("loss") == {}


def test_figures_of_parts_are_columns() -> None:
    hidden = {"5": {"top1": 40.0, "std": 1.0}}
    assert outcome({"evaluate partial-body": {"joints": hidden}}).figures("top1") == {
        "evaluate partial-body joints 5": 40.0
    }
    streams = {"joint": {"loss": 0.5}, "bone": {"loss": 0.25}}
    assert outcome({"pretrain": streams}).figures("loss") == {
        "pretrain joint": 0.5,
        "pretrain bone": 0.25,
    }


def test_an_unknown_figure_is_a_gap_in_a_table() -> None:
    """The recall of recordings in which nothing was done, which is None, ended a sweep."""
    assert outcome({"distill": {"recall": None}}).figures("recall") == {}


def test_one_reason_for_many_failures_is_said_once() -> None:
    """A sweep's last line repeated it for three points, and did not say the others."""
    points: list[Any] = [SimpleNamespace(title=f"tau {i // 2}, seed {i % 2}") for i in range(4)]
    errors = ["no room", "no room", None, "no card"]
    outcomes = [
        Outcome(point, None, error, log=Path(f"{number}.txt"))
        for number, (point, error) in enumerate(zip(points, errors, strict=True))
    ]
    nothing: Any = None
    report = Report("a sweep", nothing, nothing, outcomes=outcomes, given=nothing)
    assert report.reasons == [
        "tau 0, seed 0, and 1 more: no room, see 0.txt",
        "tau 1, seed 1: no card, see 3.txt",
    ]
    assert len(report.failed) == 3
