"""What is run of a sweep, and where, and what its table says; with steps that take no time
(stubs.py)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skedge.datasets.store import Store
from skedge.recipes import RECIPES
from skedge.skeleton import InputError
from skedge.sweep import jobs
from skedge.sweep.grid import Given, Sweep, points_of
from skedge.sweep.point import Point
from skedge.sweep.report import Report
from skedge.sweep.run import run
from tests.sweep import stubs

ROOT = Path(__file__).parents[2]
STUB = [sys.executable, "-m", stubs.__name__]
BASE = Sweep(
    base=str(RECIPES / "synthetic.yaml"),
    step="distill labels",
    set={"compute.accelerator": "cpu"},
    grid={"distill.temperature": [1, 2]},
    seeds=[0, 2],
)


Sweeping = Callable[..., Report]


@pytest.fixture
def in_processes(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweeping:
    monkeypatch.setattr(jobs, "WORKER", STUB)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))

    def sweeping(sweep: Sweep = BASE, **options: Any) -> Report:
        return run("mine", sweep, store, tmp_path / "out", **options)

    return sweeping


@pytest.fixture
def sweeping(in_processes: Sweeping, monkeypatch: pytest.MonkeyPatch) -> Sweeping:
    """Points in this process, and no plot: both take a second."""

    def run_here(points: list[Point], _: Any, ended: jobs.Ended) -> None:
        for point in points:
            point.write()
            with stubs.quick():
                point.run()
            ended(point, point.folder / jobs.LOG, "")

    monkeypatch.setattr("skedge.sweep.run.run_here", run_here)
    monkeypatch.setattr("skedge.sweep.run.check_given", lambda *_: None)  # of stubs' weights
    monkeypatch.setattr("skedge.sweep.report.plot", lambda rows, path, **_: path.touch())
    return in_processes


def calls(out: Path) -> dict[str, list[str]]:
    """The steps that were taken, by the point's folder, and forgets them."""
    found = {}
    for file in sorted(out.rglob("calls.txt")):
        found[str(file.parent.relative_to(out))] = file.read_text().splitlines()
        file.unlink()
    return found


def test_the_table_has_means_and_deviations_over_seeds(sweeping: Sweeping, tmp_path: Path) -> None:
    sweep = replace(
        BASE,
        grid={"distill.temperature": [4, 1], "distill.direction": ["reverse", "forward"]},
        seeds=[0, 2, 7],
    )
    report = sweeping(sweep)
    assert not report.failed
    document = json.loads((tmp_path / "out" / "sweep.json").read_text())
    assert [row["settings"] for row in document["rows"]] == [
        {"distill.temperature": tau, "distill.direction": way}
        for tau in ("4", "1")
        for way in ("reverse", "forward")
    ]
    for row in document["rows"]:
        expected = 10 * float(row["settings"]["distill.temperature"]) + np.array([0, 2, 7])
        cell = row["steps"]["distill labels"]
        assert cell["values"] == list(expected)
        np.testing.assert_allclose(
            [cell["mean"], cell["deviation"]], [expected.mean(), expected.std(ddof=1)]
        )
    assert len(document["points"]) == 12
    assert {(point["seed"], point["part"]) for point in document["points"]} == {
        (0, "test"),
        (2, "test"),
        (7, "test"),
    }
    table = (tmp_path / "out" / "sweep.md").read_text()
    assert "| 4 | reverse | 43.0 ± 3.6 |" in table
    assert "test part of xsub" in table
    assert "seeds 0, 2, 7" in table
    assert "val" in table, "a setting is not chosen by test figures"


def test_a_narrow_terminal_cuts_no_name_and_no_value(
    sweeping: Sweeping, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Settings of one section begin alike: of "distill.optim.le…" nobody knows which it is."""
    monkeypatch.setenv("COLUMNS", "80")
    grid: dict[str, Any] = {
        "distill.optim.learning_rate": [0.001],
        "distill.optim.least_steps": [1],
        "distill.temperature": [1, 2],
        "distill.label_smoothing": [0.1],
        "student.widths and much else": {"0123456789" * 4: {"student.dropout": 0.1}},
    }
    sweeping(replace(BASE, grid=grid))
    printed = capsys.readouterr().out
    assert "…" not in printed
    for name in ("learning_rate", "least_steps", "temperature", "label_smoothing"):
        assert name in printed, printed
    table = printed.split("mine on ")[-1].split("Top-1 in percent")[0]
    assert max(map(len, table.splitlines())) <= 80


def test_what_a_table_shows_is_said_in_a_line_below_it(
    sweeping: Sweeping, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was wrapped to the width of the table, three words a line below a narrow one."""
    report = sweeping(BASE)
    assert report.notes[0] in capsys.readouterr().out.splitlines()


def test_values_and_names_in_brackets_are_printed(
    sweeping: Sweeping, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rich took "[theta]" for its markup: a row without the value that it is of."""
    monkeypatch.setenv("COLUMNS", "200")
    named = {"[/x] :smile:": {"distill.temperature": 1}, "[bold]": {"distill.temperature": 2}}
    sweeping(replace(BASE, grid={"[way]": named}))
    printed = capsys.readouterr().out
    for name in ("[way]", "[/x] :smile:", "[bold]"):
        assert name in printed.split("mine on ")[-1]


def test_a_chain_hands_its_folders_on(sweeping: Sweeping, tmp_path: Path) -> None:
    chain = ["pretrain", "evaluate linear", "distill"]
    report = sweeping(replace(BASE, step=chain, grid={}, set=BASE.set | {"input.part": "val"}))
    point = tmp_path / "out" / "all" / "seed-2"
    assert json.loads((point / "evaluate-linear" / "metrics.json").read_text())["source"] == str(
        point / "pretrain"
    )
    assert json.loads((point / "distill" / "metrics.json").read_text())["source"] == str(
        point / "evaluate-linear"
    )
    (row,) = report.rows
    assert list(row.cells) == ["evaluate linear", "distill"], "what has a top-1"
    table = (tmp_path / "out" / "sweep.md").read_text()
    assert "val part of xsub" in table
    assert "test figures" not in table


def test_without_a_top_1_the_table_has_the_loss(sweeping: Sweeping, tmp_path: Path) -> None:
    grid = {"pretrain.redundancy": [0.1]}
    sweeping(replace(BASE, step="pretrain", set={"distill.temperature": 2}, grid=grid, seeds=[0]))
    assert "| 0.1 | 0.02 |" in (tmp_path / "out" / "sweep.md").read_text()


def test_what_is_complete_is_not_run_again(sweeping: Sweeping, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sweeping()
    assert len(calls(out)) == 4
    sweeping()
    assert calls(out) == {}
    more = replace(BASE, grid={"distill.temperature": [2, 4, 1]}, seeds=[2, 0, 3])
    report = sweeping(more)
    new = [(1, 3), (2, 3), (4, 0), (4, 2), (4, 3)]
    assert set(calls(out)) == {f"distill.temperature={tau}/seed-{seed}" for tau, seed in new}
    assert [row.cells["distill labels"].values for row in report.rows] == [
        (22, 20, 23),
        (42, 40, 43),
        (12, 10, 13),
    ]
    sweeping(replace(more, set=more.set | {"linear.optim.epochs": 7}))
    assert calls(out) == {}, "students do not read that"
    sweeping(replace(more, set=more.set | {"student.dropout": 0.5}))
    assert len(calls(out)) == 9


def test_a_step_is_taken_again_when_what_it_starts_from_changes(
    sweeping: Sweeping, tmp_path: Path, trained: Path
) -> None:
    chain = replace(BASE, step=["pretrain", "evaluate linear", "distill"], grid={}, seeds=[0])
    sweeping(chain)
    calls(tmp_path / "out")
    sweeping(replace(chain, set=chain.set | {"distill.temperature": 2}))
    assert calls(tmp_path / "out") == {"all/seed-0": ["distill"]}
    sweeping(replace(chain, set=chain.set | {"distill.temperature": 2, "linear.optim.epochs": 3}))
    assert calls(tmp_path / "out") == {"all/seed-0": ["evaluate linear"]}, (
        "the same weights came out"
    )
    sweeping(
        replace(chain, set=chain.set | {"distill.temperature": 2, "linear.optim.learning_rate": 3})
    )
    assert calls(tmp_path / "out") == {"all/seed-0": ["evaluate linear", "distill"]}, (
        "others came out"
    )

    teacher = tmp_path / "teacher"
    teacher.mkdir()
    (teacher / "weights.safetensors").write_text("first")
    given = replace(BASE, step="distill", seeds=[0])
    assert len(sweeping(given, given=Given(teacher=teacher)).outcomes) == 2
    calls(tmp_path / "out")
    (teacher / "weights.safetensors").write_text("second")
    sweeping(given, given=Given(teacher=teacher))
    assert len(calls(tmp_path / "out")) == 2


def test_settings_that_changed_leave_nothing_of_what_was_there(
    sweeping: Sweeping, tmp_path: Path
) -> None:
    sweeping()
    left = (
        tmp_path
        / "out"
        / "distill.temperature=1"
        / "seed-0"
        / "distill-labels"
        / "joint"
        / "metrics.json"
    )
    left.parent.mkdir()
    left.write_text("{}")
    sweeping(replace(BASE, set=BASE.set | {"student.dropout": 0.5}))
    assert not left.exists()


def test_a_point_that_fails_does_not_stop_the_others(
    in_processes: Sweeping, tmp_path: Path
) -> None:
    sweep = replace(BASE, grid={"distill.temperature": [3, 1, 5, 2]}, seeds=[0])
    report = in_processes(sweep, jobs=1)
    refused, killed = report.failed
    assert "distill.temperature 3, seed 0: expected another tau, got 3" in refused
    log = tmp_path / "out" / "distill.temperature=3" / "seed-0" / "log.txt"
    assert str(log) in refused
    assert "another tau" in log.read_text()
    assert "distill.temperature 5, seed 0: (killed by signal 9)" in killed
    assert [row.cells["distill labels"].values for row in report.rows] == [(), (10,), (), (20,)]
    table = (tmp_path / "out" / "sweep.md").read_text()
    assert "2 of 4 points are not complete" in table
    assert str(log) in table
    assert (tmp_path / "out" / "sweep.png").is_file()


def test_ctrl_c_stops_the_processes_and_the_same_command_goes_on(
    in_processes: Sweeping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, sleep = tmp_path / "out", time.sleep
    sweep = replace(BASE, grid={"distill.temperature": [1, 7]}, seeds=[0])

    def interrupted(seconds: float) -> None:
        if (
            len(list(out.glob("*=1/*/*/metrics.json"))) == 1
            and len(list(out.glob("*=7/*/calls.txt"))) == 1
        ):
            monkeypatch.setattr(jobs.time, "sleep", sleep)
            raise KeyboardInterrupt
        sleep(seconds)

    monkeypatch.setattr(jobs.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        in_processes(sweep, jobs=4)
    assert len(list(out.glob("*=7/*/*/last.ckpt"))) == 1, (
        "the process was let come to its checkpoint, and awaited"
    )
    assert "1 of 2 points are not complete" in (out / "sweep.md").read_text()
    calls(out)
    report = in_processes(sweep)
    assert calls(out) == {"distill.temperature=7/seed-0": ["distill resumed"]}
    assert [row.cells["distill labels"].values for row in report.rows] == [(10,), (70,)]


def test_a_process_stops_when_the_sweep_has_died(store: Store, tmp_path: Path) -> None:
    (point,) = points_of(
        replace(BASE, grid={"distill.temperature": [7]}, seeds=[0]), store, tmp_path
    )
    point.write()
    program = (
        "import subprocess, sys, time; subprocess.Popen(sys.argv[1:], start_new_session=True);"
        " time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, *STUB, str(point.folder)])
    _wait(lambda: (point.folder / "calls.txt").is_file())
    parent.kill()
    parent.wait()
    _wait(lambda: (point.folder / "distill-labels" / "last.ckpt").is_file())


def test_two_sweeps_in_one_folder(
    sweeping: Sweeping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def second(*_: Any) -> None:
        with pytest.raises(InputError, match="one sweep at a time"):
            sweeping()

    monkeypatch.setattr("skedge.sweep.run.run_here", second)
    sweeping()


def test_cores_and_gpus_are_shared(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(jobs, "_gpus", lambda: ["3", "GPU-5"])

    def places(count: int | None, **settings: Any) -> list[tuple[str, str | None]]:
        points = points_of(replace(BASE, set=settings), store, tmp_path)
        found: list[dict[str, str]] = []
        monkeypatch.setattr(
            jobs, "_start", lambda _, environment: found.append(environment) or Ended()
        )
        jobs.run_here(points, count, lambda *_: None)
        return sorted((one["OMP_NUM_THREADS"], one.get("CUDA_VISIBLE_DEVICES")) for one in found)

    class Ended:
        returncode = 0

        def poll(self) -> int:
            return 0

    assert places(None) == [("4", "3"), ("4", "3"), ("4", "GPU-5"), ("4", "GPU-5")]
    assert places(4) == [("2", "3"), ("2", "3"), ("2", "GPU-5"), ("2", "GPU-5")]
    assert places(None, **{"compute.devices": 2}) == [("8", "3,GPU-5")] * 4
    assert places(3, **{"compute.accelerator": "cpu"}) == [("2", None)] * 4
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert places(None, **{"compute.accelerator": "cpu"}) == [("1", None)] * 4, (
        "what a person asked for stays"
    )


def _wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not until():
        assert time.monotonic() < end, "waited for a minute"
        time.sleep(0.05)


def test_an_axis_that_changes_nothing_is_named(sweeping: Sweeping) -> None:
    """Rows of masks of another method than the one that trained were alike, without a word."""
    grid = {"distill.temperature": [1, 2], "distill.label_smoothing": [0.1, 0.2]}
    (note,) = sweeping(replace(BASE, grid=grid)).no_difference
    assert note.startswith("distill.label_smoothing made no difference")
    assert sweeping(BASE).no_difference == []
