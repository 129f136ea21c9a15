"""Trainings in several processes, as a researcher starts them: by a flag, by torchrun, by SLURM."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import Refused
from tests.cli.typed import TINY, ctrl_c_works, skedge

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
TWO = [*TINY, "--compute.devices=2"]


def slurm(rank: int) -> dict[str, str]:
    """What SLURM sets for one of two tasks on one machine."""
    return {
        "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "2",
        "SLURM_NNODES": "1",
        "SLURM_NODEID": "0",
        "SLURM_PROCID": str(rank),
        "SLURM_LOCALID": str(rank),
        "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_JOB_NAME": "pstl.sh",
        "MASTER_ADDR": "127.0.0.1",
    }


RUNNING: "list[subprocess.Popen[str]]" = []


@pytest.fixture(autouse=True)
def none_runs_on() -> Iterator[None]:
    """No training of a test that failed goes on."""
    yield
    for process in RUNNING:
        process.kill()
    RUNNING.clear()


def started(*words: object, **environment: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-m", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT | environment,
        preexec_fn=ctrl_c_works,
    )
    RUNNING.append(process)
    return process


def pretraining(store: Path, out: Path, *more: str) -> list[object]:
    run = ["skedge", "pretrain", "--data", store, "--recipe", "synthetic", "--out", out]
    return [*run, *TWO, *more]


def until(file: Path, process: "subprocess.Popen[str]") -> None:
    while process.poll() is None and not file.exists():
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()


def test_the_whole_path(store: Path, tmp_path: Path) -> None:
    """The second process was refused the folder that the first one held, so no training in several
    processes began."""
    run = ["run", "--data", store, "--recipe", "synthetic", "--out", tmp_path, *TWO]
    whole = skedge(*run, env=ENVIRONMENT)
    assert whole.returncode == 0, whole.stderr
    assert whole.stdout.count("Model for the edge") == 1
    report = json.loads((tmp_path / "synthetic" / "report.json").read_text())
    assert report["recipe"]["compute"]["devices"] == 2
    assert report["recognizer"]["frame by frame"]["clips"] > 0
    assert not list(tmp_path.rglob("*.ckpt"))


def test_torchrun_starts_them(store: Path, tmp_path: Path) -> None:
    command = pretraining(store, tmp_path / "run")
    launcher = ["torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m"]
    process = started(*launcher, *command)
    shown, said = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert shown.count('"effective_rank"') == 1, "the second process said it too"
    assert (tmp_path / "run" / "weights.safetensors").is_file()

    process = started(*launcher, *command)
    _, said = process.communicate(timeout=100)
    assert process.returncode != 0
    assert said.count("holds a finished one") == 1, said


def test_slurm_starts_them_for_several_seeds(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["skedge", "evaluate", "supervised", "--data", store, "--out", out, "--recipe"]
    both = [started(*words, "synthetic", "--seeds", 0, 1, *TWO, **slurm(i)) for i in (0, 1)]
    first, second = (process.communicate(timeout=100) for process in both)
    assert [process.returncode for process in both] == [0, 0], (first, second)
    assert '"seeds"' in first[0]
    assert second[0] == ""
    assert json.loads((out / "metrics.json").read_text())["seeds"] == [0, 1]


def test_ctrl_c_stops_them_behind_one_checkpoint_and_resume_goes_on(
    store: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    process = started(*pretraining(store, out, "--pretrain.optim.epochs=100"))
    until(out / "last.ckpt", process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "--resume" in said
    assert "Traceback" not in said
    process = started(*pretraining(store, out, "--pretrain.optim.epochs=100", "--resume"))
    _, said = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert (out / "metrics.json").is_file()


def test_ctrl_c_before_they_have_met_ends_in_one_line(store: Path, tmp_path: Path) -> None:
    """The others filled the screen with lines of the connection that they had lost."""
    process = started(*pretraining(store, tmp_path / "run"))
    first = psutil.Process(process.pid)
    while process.poll() is None and not first.children():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130, said
    assert [line for line in said.splitlines() if not line.startswith("note: ")] == [
        "skedge: interrupted"
    ]


def test_a_slurm_job_of_one_task_starts_the_others_itself(store: Path, tmp_path: Path) -> None:
    """As those of a sweep are; Lightning would take the rank and the number of the job's tasks."""
    one = slurm(0) | {"SLURM_NTASKS": "1", "SLURM_NTASKS_PER_NODE": "1"}
    process = started(*pretraining(store, tmp_path / "run"), **one)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert (tmp_path / "run" / "weights.safetensors").is_file()


def children(process: "subprocess.Popen[str]") -> list[int]:
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(word) for word in found.split()]


def test_none_is_left_behind_and_none_is_waited_for(store: Path, tmp_path: Path) -> None:
    """Where one process is killed, the others end: the first one with a line that says so."""
    process = started(*pretraining(store, tmp_path / "a", "--pretrain.optim.epochs=100000"))
    until(tmp_path / "a" / "log" / "metrics.csv", process)
    (child,) = children(process)
    os.kill(child, signal.SIGKILL)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "a process of this training ended with exit code -9" in said
    assert "--resume" in said

    process = started(*pretraining(store, tmp_path / "b", "--pretrain.optim.epochs=100000"))
    until(tmp_path / "b" / "log" / "metrics.csv", process)
    (child,) = children(process)
    process.kill()
    process.communicate(timeout=30)
    ended = time.monotonic() + 20
    while Path(f"/proc/{child}/stat").exists() and time.monotonic() < ended:
        time.sleep(0.1)
    assert not Path(f"/proc/{child}/stat").exists()


def test_a_loss_that_is_no_number_ends_all(store: Path, tmp_path: Path) -> None:
    command = pretraining(store, tmp_path / "run", "--pretrain.optim.learning_rate=1e30")
    process = started(*command, "--pretrain.optim.epochs=50")
    _, said = process.communicate(timeout=100)
    assert process.returncode == 2
    assert said.count("the loss is not a number") == 1
    assert not (tmp_path / "run" / "last.ckpt").exists()


def test_as_many_processes_are_expected_as_were_started(
    store: Path, tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four processes that each train alone would write into one folder."""
    training = ["pretrain", "--data", store, "--recipe", "synthetic", "--out", tmp_path / "run"]
    nodes = [*training, "--compute.nodes=2"]
    refused(*nodes, words=["compute.nodes", "torchrun or srun", "got one process"])
    for name, value in (slurm(0) | {"SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "4"}).items():
        monkeypatch.setenv(name, value)
    refused(*training, words=["compute.devices", "expected 4 processes", "got 1 x 1"])
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE")
    refused(*training, words=["--ntasks-per-node", "got --ntasks"])
