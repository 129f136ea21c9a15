"""Sweeps through submitit: its local executor, and a SLURM of four shell scripts that take its
commands."""

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skedge.cli import main
from skedge.datasets.store import Store
from skedge.recipes import RECIPES
from skedge.skeleton import InputError
from skedge.sweep import jobs
from skedge.sweep.grid import Sweep, points_of
from skedge.sweep.point import Point
from skedge.sweep.run import run
from tests.sweep import stubs

submitit = pytest.importorskip("submitit")

ROOT = Path(__file__).parents[2]
BASE = Sweep(
    base=str(RECIPES / "synthetic.yaml"), step="distill labels", set={"compute.accelerator": "cpu"}
)
SLURM = {
    "sbatch": (
        """
cp "$1" "$SLURM_ROOM/submitted-$(date +%s%N).sh"
echo Submitted batch job 42
[ -e "$SLURM_ROOM/hold" ] && exit
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\)%.*/\\1/p' "$1")
for i in $(seq 0 "$last"); do SLURM_ARRAY_TASK_ID=$i bash "$1"; done < /dev/null > /dev/null 2>&1 &
"""
    ),
    "srun": (
        """
out=${3//%A/$SLURM_ARRAY_JOB_ID}; out=${out//%a/$SLURM_ARRAY_TASK_ID}; out=${out//%t/0}
shift 3
"$@" >> "$out" 2>&1 || echo "srun: error: a node: task 0: Exited with exit code $?" >> "$out"
"""
    ),
    "sacct": (
        """
echo "JobID|State|NodeList"; for i in 0 1 2 3; do echo "42_$i|RUNNING|a-node"; done
"""
    ),
    "scancel": (
        """
echo "$*" >> "$SLURM_ROOM/cancelled"
"""
    ),
}


@pytest.fixture(autouse=True)
def _stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "Job", stubs.StubJob)
    monkeypatch.setattr("skedge.sweep.report.plot", lambda rows, path, **_: path.touch())
    path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Jobs run one after the other on this machine; none does where the folder holds a file
    `hold`."""
    room = tmp_path / "slurm room"
    room.mkdir()
    for name, script in SLURM.items():
        (room / name).write_text(f"#!/bin/bash{script}")
        (room / name).chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(room), os.environ["PATH"]]))
    monkeypatch.setenv("SLURM_ROOM", str(room))
    alone = {
        "ARRAY_JOB_ID": "42",
        "JOB_ID": "42",
        "JOB_NUM_NODES": "1",
        "NODEID": "0",
        "PROCID": "0",
        "LOCALID": "0",
    }
    for name, value in alone.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    return room


def points(store: Store, out: Path, *temperatures: int) -> list[Point]:
    return points_of(replace(BASE, grid={"distill.temperature": list(temperatures)}), store, out)


def test_an_array_of_jobs_on_slurm(slurm: Path, store: Store, tmp_path: Path) -> None:
    sweep = replace(BASE, grid={"distill.temperature": [1, 3, 2]})
    settings = jobs.slurm_settings("partition=gpu,gpus_per_node=1,timeout_min=30,mem_gb=1.5")
    report = run("mine", sweep, store, tmp_path / "out", jobs=2, slurm=settings)
    assert [row.cells["distill labels"].values for row in report.rows] == [(10,), (), (20,)]
    (failed,) = report.failed
    assert (
        "distill.temperature 3, seed 0: skedge.skeleton.errors.InputError: expected another tau,"
        " got 3 (job 42_1" in failed
    )
    (log,) = (outcome.log for outcome in report.outcomes if outcome.error)
    assert log is not None
    assert "Traceback" in log.read_text()
    (submitted,) = slurm.glob("submitted-*")
    lines = submitted.read_text().splitlines()
    for wanted in (
        "array=0-2%2",
        "partition=gpu",
        "gpus-per-node=1",
        "time=30",
        "mem=1536MB",
        "job-name=skedge-mine",
    ):
        assert f"#SBATCH --{wanted}" in lines


def test_ctrl_c_cancels_the_jobs(
    slurm: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (slurm / "hold").touch()
    executor = jobs.slurm_executor(tmp_path / "logs", "mine", {"timeout_min": 5}, jobs=None)

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        jobs.run_on_cluster(points(store, tmp_path / "out", 1, 2), executor, lambda *_: None)
    assert (slurm / "cancelled").read_text().split() == ["42_0", "42_1"]


def test_jobs_that_a_lost_command_left_at_work_are_waited_for(
    slurm: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (slurm / "hold").touch()
    executor = jobs.slurm_executor(tmp_path / "logs", "mine", {"timeout_min": 5}, jobs=None)
    (point,) = points(store, tmp_path / "out", 1)
    point.write()
    (point.folder / jobs.JOB).write_text("42_0")

    def one_second(_: float) -> None:
        with stubs.quick():
            point.run()
        result = submitit.core.utils.JobPaths(executor.folder, "42_0").result_pickle
        result.parent.mkdir(parents=True, exist_ok=True)
        submitit.core.utils.cloudpickle_dump(("success", None), result)

    monkeypatch.setattr(jobs.time, "sleep", one_second)
    ended: list[Point] = []
    jobs.run_on_cluster([point], executor, lambda point, *_: ended.append(point))
    assert ended == [point]
    assert not list(slurm.glob("submitted-*"))


def test_a_preempted_job_goes_on_from_its_checkpoint(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = submitit.AutoExecutor(tmp_path / "logs", cluster="local")
    executor.update_parameters(stderr_to_stdout=True, timeout_min=60)
    (point,) = points(store, tmp_path / "out", 7)
    sleep, told = time.sleep, []

    def preempting(seconds: float) -> None:
        if (point.folder / "pid").is_file() and not told:
            told.append(int((point.folder / "pid").read_text()))
            os.kill(told[0], signal.SIGUSR2)
        sleep(seconds)

    monkeypatch.setattr(jobs.time, "sleep", preempting)
    jobs.run_on_cluster([point], executor, lambda *_: None)
    assert (point.folder / "calls.txt").read_text().splitlines() == ["distill", "distill resumed"]
    assert point.result() is not None


def test_settings_for_slurm_are_what_is_written() -> None:
    """YAML took 0123 for the account 83, and half a day for 43200, which were minutes to SLURM."""
    text = "begin=12:00:00,account=0123,partition=on,mem_gb=1.5,nodes=2,exclusive=true,setup=['a']"
    text += ",use_srun=False,nice=-5"
    assert jobs.slurm_settings(text) == {
        "begin": "12:00:00",
        "account": "0123",
        "partition": "on",
        "mem_gb": 1.5,
        "nodes": 2,
        "exclusive": True,
        "setup": ["a"],
        "use_srun": False,
        "nice": -5,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gpu", ["name=value", "gpu"]),
        ("timeout_min=5,setup=[a", ["[a", "expected ',' or ']'"]),
        ("partition=,timeout_min=5", ["name=value"]),
        ("partition=gpu", ["timeout_min", "got none"]),
        ("time=12:00:00", ["timeout_min=MINUTES", "got 12:00:00"]),
        ("partitio=gpu,timeout_min=5", ["partitio", "partition"]),
    ],
)
def test_wrong_settings_for_slurm(text: str, words: list[str], slurm: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        jobs.slurm_executor(tmp_path, "mine", jobs.slurm_settings(text), jobs=None)
    assert "\n" not in str(refused.value)
    for word in ["--slurm", *words]:
        assert word in str(refused.value)


def test_a_machine_without_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"--slurm.*srun"):
        jobs.slurm_executor(tmp_path, "mine", {"timeout_min": 5}, jobs=None)


def test_the_command_says_what_to_install(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    (tmp_path / "mine.yaml").write_text("{base: synthetic, step: distill labels}")
    arguments = [
        "sweep",
        tmp_path / "mine.yaml",
        "--data",
        store.path,
        "--out",
        tmp_path,
        "--slurm",
        "timeout_min=5",
    ]
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    shown = capsys.readouterr().err
    assert (ended.value.code, len(shown.splitlines())) == (2, 1)
    assert "[slurm]" in shown


def test_what_is_queued_again(tmp_path: Path) -> None:
    submission: Any = stubs.StubJob().checkpoint(str(tmp_path))
    assert (type(submission.function), submission.args) == (stubs.StubJob, (str(tmp_path),))
