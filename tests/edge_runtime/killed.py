"""What `test_killed` interrupts: each of these works on and on in a folder. As a program it starts
one of them anew for every line that it reads, in a process of its own whose number it prints."""

import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from skedge.datasets.importer import run_import
from skedge.datasets.store.rewrite import Clip, append
from skedge.edge_runtime import teach
from skedge.edge_runtime.update import update
from skedge.skeleton import load_layout
from tests.datasets.test_import import dataset
from tests.edge_runtime.edge_models import metadata, walk, write_model

NTU = load_layout("ntu25")
IMPORTED, APPENDED = 40, 3
OLD, NEW = ("wave", "clap", "idle"), ("jump", "bow", "idle")


def clips(label: str, number: int) -> list[Clip]:
    """Clips (1, 60, 25, 3) around a motion that the label has for its own."""
    kind = sum(map(ord, label))
    rng = np.random.default_rng(number)
    return [
        Clip(label, walk(60, 30, seed=kind).transpose(1, 0, 2, 3) + rng.normal(0, 0.05, (1, 60, 25, 3)))
        for _ in range(number)
    ]  # fmt: skip


def prepare(room: Path) -> None:
    model = metadata(frames=4, seconds=1.0, labels=OLD)
    write_model(room / "m.onnx", model)
    write_model(room / "old.onnx", model)
    write_model(room / "new.onnx", metadata(frames=4, seconds=1.0, labels=NEW))
    update(room / "old.onnx", room / "updated.onnx")
    update(room / "new.onnx", room / "updated.onnx")
    append(room / "mine", [*clips("ring", 4), *clips("other", 5)], NTU, rate=30.0)


def importing(room: Path) -> None:
    for number in itertools.count(len([*room.glob("imported-*")])):
        run_import(dataset(IMPORTED), room / f"imported-{number}", made_by={})


def appending(room: Path) -> None:
    while True:
        append(room / "grows", clips("bow", APPENDED), NTU, rate=30.0)


def teaching(room: Path) -> None:
    teach.LEAST_OTHER = 5.0
    teach._check = lambda store, numbers: None  # bodies that are none, but for such a model
    while True:
        teach.teach(room / "m.onnx", room / "mine")


def updating(room: Path) -> None:
    for number in itertools.count():
        update(room / ("old.onnx", "new.onnx")[number % 2], room / "updated.onnx")


WORK: dict[str, Callable[[Path], None]] = {
    one.__name__: one for one in (importing, appending, teaching, updating)
}


def main() -> None:
    work, room = WORK[sys.argv[1]], Path(sys.argv[2])
    for _ in sys.stdin:
        # Nothing has started a thread yet: what is forked here is whole.
        child = os.fork()
        if child == 0:
            work(room)
            os._exit(1)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
