"""The figures that a table takes from what steps measured."""

import json
import re
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import yaml
from rich.console import Console

from skedge import steps
from skedge.datasets.store import Store, StoreWriter
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import InputSettings
from skedge.skeleton import load_layout
from skedge.sweep.grid import Given, Sweep
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


def swept(found: dict[tuple[str, str, int], float | None], **given: Any) -> Report:
    """A report of a grid of two axes with those top-1 figures; None of a point that failed."""
    recipe = Recipe(input=InputSettings(protocol="xsub", part="val"))
    axes = [list(dict.fromkeys(key[axis] for key in found)) for axis in range(3)]
    outcomes = []
    for (tau, way, seed), top1 in found.items():
        point: Any = SimpleNamespace(
            title=f"tau {tau}, way {way}, seed {seed}",
            settings={"tau": tau, "way": way},
            seed=seed,
            recipe=recipe,
            folder=Path(f"out/{tau}{way}/seed-{seed}"),
        )
        metrics = None if top1 is None else {"distill": {"top1": top1}, "pretrain": {"loss": 0.5}}
        outcomes.append(Outcome(point, metrics, None if metrics else "no room", Path("log.txt")))
    sweep = Sweep("base.yaml", "distill", {}, {"tau": axes[0], "way": axes[1]}, seeds=axes[2])
    store: Any = MagicMock(fingerprint="abc", path=Path("tiny"), __len__=lambda _: 7)
    store.name = "tiny"
    return Report("a sweep", sweep, store, outcomes=outcomes, given=Given(**given))


def test_a_combination_is_the_mean_of_its_own_seeds_that_are_complete() -> None:
    """Every figure in its own row; a point that failed is in no mean, and is named."""
    figures: dict[tuple[str, str, int], float | None] = {
        ("1", "x", 0): 10.0, ("1", "x", 1): 20.0, ("1", "x", 2): 60.0,
        ("1", "y", 0): 50.0, ("1", "y", 1): None, ("1", "y", 2): 54.0,
        ("2", "x", 0): None, ("2", "x", 1): None, ("2", "x", 2): None,
        ("2", "y", 0): 70.0, ("2", "y", 1): 70.0, ("2", "y", 2): 70.0,
    }  # fmt: skip
    report = swept(figures)
    assert report.table() == (
        ["tau", "way", "distill"],
        [
            ["1", "x", "30.0 ± 26.5"],
            ["1", "y", "52.0 ± 2.8"],
            ["2", "x", "-"],
            ["2", "y", "70.0 ± 0.0"],
        ],
    )
    first, *notes = report.notes
    assert first == (
        "Top-1 in percent, measured on the val part of xsub, mean ± standard deviation (n - 1) over"
        " the seeds 0, 1, 2."
    )
    assert notes[0] == "4 of 12 points are not complete; their seeds are not in the means:"
    assert notes[1:] == [
        f"- tau {tau}, way {way}, seed {seed}: no room, see log.txt"
        for tau, way, seed in (("1", "y", 1), ("2", "x", 0), ("2", "x", 1), ("2", "x", 2))
    ]


def test_a_point_that_failed_is_known_by_the_last_line_of_its_log(tmp_path: Path) -> None:
    """srun's own last lines say only that it failed."""
    log = tmp_path / "log.txt"
    log.write_text("Traceback\nno room\n\nsrun: error: a node: task 0: Exited\n")
    failed: Any = SimpleNamespace(result=lambda: None)
    assert Outcome.of(failed, log, "exit code 2").error == "no room (exit code 2)"
    assert Outcome.of(failed, tmp_path / "none.txt", "exit code 2").error == "(exit code 2)"
    assert Outcome.of(failed) == Outcome(failed, None), "it was not tried"
    complete: Any = SimpleNamespace(result=lambda: {"distill": {"top1": 5.0}})
    assert Outcome.of(complete, log, "exit code 0").error is None
    assert Outcome.of(complete).figures("top1") == {"distill": 5.0}


def test_what_is_written_and_shown_of_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    figures: dict[tuple[str, str, int], float | None] = {
        ("1", "x", 0): 10.0, ("1", "x", 1): 20.0, ("2", "x", 0): 30.0, ("2", "x", 1): None,
    }  # fmt: skip
    report = swept(figures, pretrained=Path("an encoder"))
    report.write(Path("out"))
    document = json.loads(Path("out/sweep.json").read_text())
    assert (document["pretrained"], document["teacher"]) == ("an encoder", None)
    assert document["store"] == {"name": "tiny", "fingerprint": "abc", "clips": 7}
    assert [row["steps"]["distill"]["values"] for row in document["rows"]] == [[10, 20], [30]]
    assert [row["steps"]["distill"]["mean"] for row in document["rows"]] == [15, 30]
    assert [one["folder"] for one in document["points"]] == [
        f"{tau}x/seed-{seed}" for tau in "12" for seed in (0, 1)
    ]
    assert [one["error"] for one in document["points"]] == [None, None, None, "no room"]
    table, _, sweep = Path("out/sweep.md").read_text().partition("```yaml")
    assert yaml.safe_load(sweep.partition("```")[0]) == asdict(report.sweep) | {"base": "base"}
    console = Console(width=100, file=StringIO(), record=True)
    console.print(report.printed())
    shown = console.export_text()
    columns, rows = report.table()
    for row in (columns, *rows):
        assert "|".join(cell.strip() for cell in row) in table.replace(" | ", "|")
        assert re.search(r"\s+".join(map(re.escape, row)), shown)


def test_a_loss_is_no_test_figure() -> None:
    """A pretraining's loss was said to be measured on the test part, not to be chosen by."""
    recipe = Recipe(input=InputSettings(protocol="xsub", part="test"))
    point: Any = SimpleNamespace(title="a point", settings={"tau": "1"}, seed=0, recipe=recipe)
    outcomes = [Outcome(point, {"pretrain": {"loss": 0.5}})]
    sweep = Sweep("base.yaml", "pretrain", {}, {"tau": [1]})
    store: Any = None  # its notes do not read it
    report = Report("a sweep", sweep, store=store, outcomes=outcomes, given=Given())
    assert report.notes == ["Training loss of the last step, seed 0."]


def test_what_all_points_start_from_is_said() -> None:
    """Deviations over seeds that began with the same encoder do not vary it."""
    figures: dict[tuple[str, str, int], float | None] = {("1", "x", 0): 10.0, ("2", "x", 0): 20.0}
    start = {"pretrained": Path("an encoder"), "teacher": Path("a teacher")}
    assert swept(figures).notes == ["Top-1 in percent, measured on the val part of xsub, seed 0."]
    assert swept(figures, **start).notes[1:] == [
        f"All points start from the same {what}; the seeds do not vary it."
        for what in ("encoder, an encoder", "teacher, a teacher")
    ]


@pytest.mark.parametrize(
    ("figures", "named"),
    [
        ({("1", "x", 0): 10.0, ("1", "y", 0): 10.0, ("2", "x", 0): 20.0, ("2", "y", 0): 20.0}, "y"),
        ({("1", "x", 0): 10.0, ("1", "y", 0): 10.0, ("2", "x", 0): 20.0, ("2", "y", 0): 21.0}, ""),
        ({("1", "x", 0): 10.0, ("1", "x", 1): 11.0, ("2", "x", 0): 10.0, ("2", "x", 1): 11.0}, "t"),
        ({("1", "x", 0): 10.0, ("1", "y", 0): None, ("2", "x", 0): None, ("2", "y", 0): 20.0}, ""),
    ],
)
def test_an_axis_made_no_difference_where_all_that_differ_by_it_alone_are_alike(
    figures: dict[tuple[str, str, int], float | None], named: str
) -> None:
    """Seeds are compared with themselves; a single one, or points that failed, show nothing."""
    notes = swept(figures).no_difference
    assert [note.split()[0] for note in notes] == {"y": ["way"], "t": ["tau"], "": []}[named]
