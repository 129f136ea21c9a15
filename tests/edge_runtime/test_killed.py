"""kill -9 at random moments, over and over: whatever is written is whole, old or new. The films of a
recording are in `test_segments`. `SKEDGE_KILLS` says how often each of them is killed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skedge.datasets.store import Store
from skedge.datasets.store.check import check
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.taught import beside
from skedge.edge_runtime.update import before, update
from tests.edge_runtime.killed import APPENDED, IMPORTED, NEW, OLD, WORK, importing, prepare

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("SKEDGE_KILLS", "3"))
LONGEST = 0.6


class Killer:
    """Starts a piece of work in `room` and kills it, again and again."""

    def __init__(self, work: str, room: Path) -> None:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        command = [sys.executable, "-m", "tests.edge_runtime.killed", work, str(room)]
        self._process = subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def once(self, seconds: float) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print("go", file=self._process.stdin, flush=True)
        number = int(self._process.stdout.readline())
        time.sleep(seconds)
        os.kill(number, signal.SIGKILL)
        assert int(self._process.stdout.readline()) == -signal.SIGKILL, "it ended by itself"

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(60) == 0


def whole(room: Path) -> None:
    """Everything that has a name of its own can be read and is complete."""
    for path in room.glob("imported-*"):
        store = Store(path)
        assert len(store) == IMPORTED
        assert check(store) == []
    if (room / "grows").exists():
        store = Store(room / "grows")
        assert len(store) % APPENDED == 0
        assert check(store) == []
    assert len(Store(room / "mine")) == 9
    known = Recognizer.load(room / "m.onnx").labels
    assert known == (*OLD, "ring") if beside(room / "m.onnx").exists() else known == OLD
    for model in (room / "updated.onnx", before(room / "updated.onnx")):
        assert Recognizer.load(model).labels in (OLD, NEW)


@pytest.mark.parametrize("work", WORK)
def test_killed_at_any_moment_it_leaves_nothing_half(work: str, tmp_path: Path) -> None:
    prepare(tmp_path)
    chance = random.Random(0)
    killer = Killer(work, tmp_path)
    stores = 0
    for number in range(KILLS):
        # The last time nothing may have been too short to get anywhere.
        killer.once(LONGEST if number == KILLS - 1 else chance.uniform(0, LONGEST))
        whole(tmp_path)
        if (tmp_path / "grows").exists():
            assert stores <= len(Store(tmp_path / "grows")), "clips that were there have gone"
            stores = len(Store(tmp_path / "grows"))
    killer.close()
    # What was interrupted goes on, and what it has left is no obstacle.
    if work == "updating":
        update(tmp_path / "new.onnx", tmp_path / "updated.onnx")
        assert Recognizer.load(tmp_path / "updated.onnx").labels == NEW
        assert not [one for one in tmp_path.iterdir() if one.name.startswith(".updated.")]
    if work == "importing":
        done = len([*tmp_path.glob("imported-*")])
        with pytest.MonkeyPatch.context() as changed:
            changed.setattr("tests.edge_runtime.killed.itertools.count", lambda first: range(first, first + 1))  # fmt: skip
            importing(tmp_path)
        assert len([*tmp_path.glob("imported-*")]) == done + 1
        whole(tmp_path)
