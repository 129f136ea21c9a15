"""One experiment under several seeds."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

import numpy as np

from skedge.skeleton import InputError
from skedge.teacher.protocols.evaluate import draw
from skedge.teacher.runs.asked import ASKED, STREAMS, WEIGHTS, ResumableError
from skedge.teacher.runs.folder import RECIPE, Run, left_over, set_aside, write_metrics


def each_seed(
    run: Run, seeds: Sequence[int], step: Callable[[Run], dict[str, Any]]
) -> dict[str, Any]:
    """Means and standard deviations of a step over several seeds, each in a folder of its own;
    they are written.

    Raises `InputError` for a seed that is there twice, and `ResumableError` on Ctrl-C after a
    seed that is finished.
    """
    twice = sorted(seed for seed, count in Counter(seeds).items() if count > 1)
    if twice:
        raise InputError(f"seeds: expected different ones, got {twice[0]} twice; name each once")
    found = []
    with set_aside(run.folder, [] if run.resume else left_over(run.folder)):
        for seed in seeds:
            recipe = replace(run.recipe, compute=replace(run.recipe.compute, seed=seed))
            folder = run.folder / f"seed-{seed}"
            try:
                found.append(step(replace(run, folder=folder, recipe=recipe)))
            except KeyboardInterrupt:
                if found:
                    raise ResumableError from None
                raise
    metrics = over_seeds(found)
    for name in (ASKED, RECIPE, STREAMS, WEIGHTS):  # of an earlier run of one seed
        (run.folder / name).unlink(missing_ok=True)
    write_metrics(run.folder, metrics)
    if "confusion" in metrics:
        draw(metrics, run.folder)
    return metrics


def over_seeds(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The metrics of runs that differ by their seed, as one: means, standard deviations under names
    with `_std`, and the sum of their confusions."""
    metrics = {
        name: value
        for name, value in found[0].items()
        if all(one.get(name) == value for one in found)
    }
    metrics["seeds"] = [one["seed"] for one in found]
    for name in ("top1", "top5", "per_class", "classes", "streams", "untrained"):
        if name in found[0]:
            metrics[name] = _mean([one[name] for one in found])
    for name in ("top1", "top5"):
        if name in found[0]:
            metrics[f"{name}_std"] = deviation([one[name] for one in found])
    if "confusion" in found[0]:
        metrics["confusion"] = np.sum([one["confusion"] for one in found], axis=0).tolist()
    return metrics


def _mean(values: Sequence[Any]) -> Any:
    """The mean to two digits of numbers, of each number in lists or mappings of them, None where
    one is."""
    first = values[0]
    if isinstance(first, dict):
        return {name: _mean([one[name] for one in values]) for name in first}
    if isinstance(first, list):
        return [_mean(each) for each in zip(*values, strict=True)]
    return None if None in values else round(fmean(values), 2)


def deviation(values: Sequence[float]) -> float | None:
    """The standard deviation of a sample (n - 1), to two digits; None for one value."""
    return round(stdev(values), 2) if len(values) > 1 else None
