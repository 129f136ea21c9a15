"""Steps that take no time, for processes and jobs that start from this file:
`python -m tests.sweep.stubs FOLDER`, or `StubJob`.

A stub's top-1 is 10 tau + seed. At tau 3 it is refused, at 5 its process dies, and at 7 it waits
for Ctrl-C, unless it is resumed.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

from skedge import steps
from skedge.recipes.recipe import Recipe
from skedge.skeleton.errors import InputError
from skedge.sweep.jobs import Job
from skedge.sweep.worker import main
from skedge.teacher.runs.asked import begun, question


def top1(recipe: Recipe) -> float:
    return 10 * recipe.distill.temperature + recipe.compute.seed


def _step(
    command: str, store: Any, recipe: Recipe, source: Path | None, folder: Path, resume: bool
) -> dict[str, Any]:
    asked = question(command, [store], recipe, runs=[] if source is None else [source])
    with begun(folder, asked, resume=resume):
        return _stubbed(command, recipe, source, folder, resume)


def _stubbed(
    command: str, recipe: Recipe, source: Path | None, folder: Path, resume: bool
) -> dict[str, Any]:
    again = resume and (folder / "last.ckpt").is_file()
    tau = recipe.distill.temperature
    try:
        with (folder.parent / "calls.txt").open("a") as calls:
            calls.write(f"{command}{' resumed' if again else ''}\n")
        (folder.parent / "pid").write_text(str(os.getpid()))
        if tau == 7 and not resume:
            time.sleep(60)
    finally:
        if not again:
            (folder / "last.ckpt").touch()
    if tau == 3:
        raise InputError("expected another tau, got 3")
    if tau == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / "weights.safetensors").write_text(
        f"{command} {recipe.compute.seed} {recipe.linear.optim.learning_rate}"
    )
    metrics = {"source": source and str(source)} | (
        {"loss": tau / 100} if command == "pretrain" else {"top1": top1(recipe)}
    )
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return metrics


def _pretrain(store: Any, out: Path, recipe: Recipe, *, resume: bool) -> dict[str, Any]:
    return _step("pretrain", store, recipe, None, out, resume)


def _evaluate(
    store: Any, out: Path, recipe: Recipe, *, protocol: str, pretrained: Path | None, resume: bool
) -> dict[str, Any]:
    return _step(f"evaluate {protocol}", store, recipe, pretrained, out, resume)


def _distill(
    store: Any, out: Path, recipe: Recipe, *, teachers: list[Path], resume: bool
) -> dict[str, Any]:
    return _step("distill", store, recipe, teachers[0] if teachers else None, out, resume)


def quick() -> Any:
    return mock.patch.multiple(steps, pretrain=_pretrain, evaluate=_evaluate, distill=_distill)


class StubJob(Job):
    def __call__(self, folder: str) -> None:
        with quick():
            super().__call__(folder)


if __name__ == "__main__":
    with quick():
        sys.exit(main(Path(sys.argv[1])))
