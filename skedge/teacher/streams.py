"""Networks of three streams: one run folder for each, in a folder of their own."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from skedge.recipes.recipe import Recipe
from skedge.skeleton import InputError
from skedge.skeleton.files import write_json
from skedge.teacher.runs.folder import (
    STREAMS,
    WEIGHTS,
    Run,
    read_metrics,
    write_metrics,
)

Part = Callable[[Path], Path]
Step = Callable[[Run, Part], dict[str, Any]]


def each_stream(run: Run, step: Step) -> dict[str, Any] | None:
    """The metrics of a step for the recipe's stream; None where it has three, each of which gets a
    folder of its own.

    The step is given the run, and what finds the stream's part of another run folder.
    """
    recipe = run.recipe
    three = recipe.input.stream == "three"

    def part(stream: str, folder: Path) -> Path:
        held = (folder / STREAMS).is_file()
        if three and not held:
            raise InputError(
                f"{folder}: expected a folder of three streams, got one; set input.stream to that"
                " one, or train three"
            )
        return folder / stream if held else folder

    if not three:
        return step(run, partial(part, recipe.input.stream))
    for stream in recipe.input.fusion:
        folder = run.folder / stream
        if not (run.resume and read_metrics(folder)):
            one = replace(recipe, input=replace(recipe.input, stream=stream))
            step(replace(run, folder=folder, recipe=one), partial(part, stream))
    write_streams(run.folder, recipe)
    return None


def write_streams(folder: Path, recipe: Recipe) -> None:
    """Mark a folder as that of three streams, with their weights in the fusion."""
    (folder / WEIGHTS).unlink(missing_ok=True)
    write_json(folder / STREAMS, recipe.input.fusion, indent=None)


def gather(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """The metrics of three streams' encoders, which have no common answer; they are written."""
    metrics: dict[str, Any] = {
        stream: read_metrics(folder / stream) for stream in recipe.input.fusion
    }
    write_metrics(folder, metrics)
    return metrics
