"""Two processes on the CPU (gloo) against one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.teacher import two_processes

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two processes")
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-m", two_processes.__name__, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def both(folder: Path) -> list[dict[str, Any]]:
    return [two_processes.kept(folder, rank) for rank in (0, 1)]


def test_the_loss_and_its_gradients_are_those_of_one_process(trained: Path) -> None:
    ranks = both(trained / "plain")
    alone = two_processes.barlow(*two_processes.embeddings())
    for found in ranks:
        torch.testing.assert_close(found["barlow"]["loss"], alone["loss"], atol=1e-5, rtol=1e-5)
    assert torch.equal(ranks[0]["barlow"]["loss"], ranks[1]["barlow"]["loss"])
    for view in ("first", "second"):
        halves = torch.cat([found["barlow"][view] for found in ranks])
        torch.testing.assert_close(halves, alone[view], atol=1e-5, rtol=1e-5)


def test_a_step_of_two_processes_is_that_of_one(trained: Path, tmp_path: Path) -> None:
    """Batch norms stand still here: without SyncBatchNorm, which has no CPU form, each process
    would have its own."""
    two_processes.train_plain(tmp_path, 1)
    alone = two_processes.kept(tmp_path)
    moves = {name: last - alone["first"][name] for name, last in alone["last"].items()}
    farthest = max(float(move.abs().max()) for move in moves.values())
    assert farthest > 1e-3, "else nothing was compared"
    for name, move in moves.items():
        for found in both(trained / "plain"):
            # Sums of another order round otherwise; a gradient that lacks the other process's share
            # is off by half.
            other = found["last"][name] - alone["first"][name]
            torch.testing.assert_close(other, move, atol=2e-3 * farthest, rtol=1e-2)


def test_the_queue_of_two_processes_is_that_of_one(trained: Path, tmp_path: Path) -> None:
    """Every process holds all processes' keys, in the same places; query and key weights move as in
    one process."""
    two_processes.train_contrast(tmp_path, 1)
    alone, *ranks = (
        with_queues(one) for one in (two_processes.kept(tmp_path), *both(trained / "contrast"))
    )
    clips = two_processes.CLIPS
    for name in ("keys", "owners", "pointer"):
        assert torch.equal(ranks[0][name], ranks[1][name]), name
    for found in (alone, *ranks):
        assert int(found["pointer"]) == 3 * clips % (2 * clips)
        for half in found["owners"].view(2, clips):
            assert sorted(half.tolist()) == list(range(clips)), "every clip's key once a step"
        moves = {name: last - found["first"][name] for name, last in found["last"].items()}
        for network in ("key_encoder", "key_mlp"):
            assert (
                max(float(move.abs().max()) for name, move in moves.items() if network in name)
                > 1e-3
            ), "nothing was compared"
        for name, move in moves.items():
            torch.testing.assert_close(
                move, alone["last"][name] - alone["first"][name], atol=1e-4, rtol=1e-3, msg=name
            )
        order, expected = (torch.cat([half.argsort() + i * clips for i, half in enumerate(one["owners"].view(2, clips))])
                           for one in (found, alone))  # fmt: skip
        torch.testing.assert_close(
            found["keys"][order], alone["keys"][expected], atol=1e-4, rtol=1e-3
        )


def with_queues(found: dict[str, Any]) -> dict[str, Any]:
    return found | {name.split(".")[-1]: queue for name, queue in found["queues"].items()}


@pytest.mark.parametrize("method", two_processes.METHODS)
def test_a_method_trains_in_two_processes(method: str, trained: Path) -> None:
    first, second = both(trained / method)
    assert first["steps"] == second["steps"] == 6
    assert torch.tensor(first["loss"]).isfinite()
    for name, weight in first["last"].items():
        assert torch.equal(weight, second["last"][name]), name
        assert weight.isfinite().all()
    # Skeleton2vec keeps its teacher, which no gradient reaches and which follows in every process.
    assert max(float((last - first["first"][name]).abs().max()) for name, last in first["last"].items()
               if name.startswith(("encoder.", "encoders.", "streams."))) > 1e-4  # fmt: skip
    for name, queue in first["queues"].items():
        assert torch.equal(queue, second["queues"][name]), name
    assert not torch.equal(first["draws"], second["draws"]), (
        "every process draws its own augmentations and masks"
    )
