"""How long one call takes: blocks of calls, the models' blocks in random order, so that a slow minute hits all alike."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

WARMUP = 5


def clock() -> dict[str, Any]:
    """Which clock measures, its stated resolution, and the smallest step it was seen to make, in nanoseconds."""
    info = time.get_clock_info("perf_counter")
    ticks = np.array([time.perf_counter_ns() for _ in range(1000)])
    steps = np.diff(ticks)
    return {
        "name": "time.perf_counter_ns",
        "implementation": info.implementation,
        "resolution_ns": info.resolution * 1e9,
        "smallest_step_ns": int(steps[steps > 0].min()),
    }


def block_order(names: Sequence[str], blocks: int, seed: int) -> list[str]:
    """The models in the order of their blocks: `blocks` rounds, in each every model once, at random."""
    rng = np.random.default_rng(seed)
    return [names[i] for _ in range(blocks) for i in rng.permutation(len(names))]


def measure(
    models: dict[str, Callable[[], object]],
    blocks: int = 20,
    calls: int = 25,
    seed: int = 0,
    track: Callable[[list[str]], Iterable[str]] = iter,
) -> dict[str, np.ndarray]:
    """Nanoseconds of every call, (blocks * calls,) int64 by model, in the order measured.

    Every model is called `WARMUP` times before all blocks, and once before each, since the other models' blocks have
    emptied the caches. `track` goes over the blocks (a progress bar).
    """
    for call in models.values():
        for _ in range(WARMUP):
            call()
    taken: dict[str, list[int]] = {name: [] for name in models}
    for name in track(block_order(list(models), blocks, seed)):
        call, durations = models[name], taken[name]
        call()
        for _ in range(calls):
            before = time.perf_counter_ns()
            call()
            durations.append(time.perf_counter_ns() - before)
    return {name: np.array(durations, np.int64) for name, durations in taken.items()}


def summarize(nanoseconds: np.ndarray) -> dict[str, float]:
    """Percentiles and mean in milliseconds, and calls per second one after the other."""
    milliseconds = nanoseconds / 1e6
    p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99])
    mean = milliseconds.mean()
    return {
        "p50_ms": float(p50),
        "p95_ms": float(p95),
        "p99_ms": float(p99),
        "mean_ms": float(mean),
        "min_ms": float(milliseconds.min()),
        "clips_per_second": float(1e3 / mean),
    }
