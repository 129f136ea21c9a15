"""How long one call takes: blocks of calls, the models' blocks in random order, so that a slow
minute hits all alike."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

WARMUP, BLOCK_SECONDS = 5, 0.5
NOISY, DRAWS = 0.05, 1000
# Of the distribution that a report draws.
PERCENTILES = (0, 1, 2.5, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 97.5, 99, 100)


def clock() -> dict[str, Any]:
    """Which clock measures, its stated resolution, and the smallest step it was seen to make, in
    nanoseconds."""
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
    """The models in the order of their blocks: `blocks` rounds, in each every model once, at
    random."""
    rng = np.random.default_rng(seed)
    return [names[i] for _ in range(blocks) for i in rng.permutation(len(names))]


def measure(
    models: Mapping[str, Callable[[], object]],
    blocks: int = 20,
    calls: int = 25,
    seed: int = 0,
    track: Callable[[list[str]], Iterable[str]] = iter,
) -> dict[str, np.ndarray]:
    """Nanoseconds of every call, (blocks * calls,) int64 by model, in the order measured.

    Every model is called `WARMUP` times before all blocks, and once before each, since the other
    models' blocks have emptied the caches. Blocks of slow models have fewer calls: as many as fit
    into `BLOCK_SECONDS`, at least 3. `track` goes over the blocks (a progress bar).
    """
    taken: dict[str, list[int]] = {name: [] for name in models}
    fitting = {}
    for name, call in models.items():
        for _ in range(WARMUP):
            before = time.perf_counter()
            call()
        fitting[name] = min(
            calls, max(3, int(BLOCK_SECONDS / max(time.perf_counter() - before, 1e-9)))
        )
    for name in track(block_order(list(models), blocks, seed)):
        call, durations = models[name], taken[name]
        call()
        for _ in range(fitting[name]):
            before_call = time.perf_counter_ns()
            call()
            durations.append(time.perf_counter_ns() - before_call)
    return {name: np.array(durations, np.int64) for name, durations in taken.items()}


def summarize(nanoseconds: np.ndarray, blocks: int = 1, seed: int = 0) -> dict[str, Any]:
    """Percentiles and mean in milliseconds of calls (blocks * calls,) in the order measured, and
    calls per second.

    `jitter_ms` is the mean absolute difference between a call and the next in its block;
    `p50_interval_ms` is where the median lies with 95 % confidence (blocks drawn anew, since calls
    of a block are alike); `noisy` tells that the medians of the first and the second half of the
    blocks differ by more than 5 %.
    """
    milliseconds = nanoseconds.reshape(blocks, -1) / 1e6
    p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99])
    mean = milliseconds.mean()
    halves = [float(np.median(part)) for part in np.array_split(milliseconds, 2) if len(part)]
    steps = np.abs(np.diff(milliseconds, axis=1))
    low, high = np.percentile(resample(milliseconds, seed), [2.5, 97.5])
    return {
        "p50_ms": float(p50),
        "p95_ms": float(p95),
        "p99_ms": float(p99),
        "mean_ms": float(mean),
        "min_ms": float(milliseconds.min()),
        "jitter_ms": float(steps.mean()) if steps.size else 0.0,
        "p50_interval_ms": [float(low), float(high)],
        "noisy": max(halves) > (1 + NOISY) * min(halves),
        "blocks_p50_ms": np.median(milliseconds, axis=1).tolist(),
        "percentiles_ms": np.percentile(milliseconds, PERCENTILES).tolist(),
        "clips_per_second": float(1e3 / mean),
    }


def resample(blocks: np.ndarray, seed: int) -> np.ndarray:
    """Medians (DRAWS,) of as many blocks (blocks, calls), drawn with replacement."""
    chosen = np.random.default_rng(seed).integers(0, len(blocks), (DRAWS, len(blocks)))
    return np.median(blocks[chosen].reshape(DRAWS, -1), axis=1)
