"""Durations and rates of the last seconds, by name."""

import threading
import time
from collections import deque

import numpy as np

KEPT = 300
SPAN = 3.0


class Timing:
    """Durations and rates by name; any thread may tell, any may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._durations: dict[str, deque[float]] = {}
        self._moments: dict[str, deque[float]] = {}

    def took(self, name: str, seconds: float) -> None:
        with self._lock:
            self._durations.setdefault(name, deque(maxlen=KEPT)).append(seconds)

    def happened(self, name: str) -> None:
        with self._lock:
            self._moments.setdefault(name, deque(maxlen=KEPT)).append(time.monotonic())

    def latencies(self) -> dict[str, dict[str, float]]:
        """Median and 95th percentile of the last 300 durations of every name, in milliseconds."""
        with self._lock:
            kept = {name: np.array(durations) for name, durations in self._durations.items()}
        found = {
            name: np.percentile(durations, (50, 95)) * 1000 for name, durations in kept.items()
        }
        return {
            name: {"p50": round(float(low), 2), "p95": round(float(high), 2)}
            for name, (low, high) in found.items()
        }

    def rates(self) -> dict[str, float]:
        """How often a second each name happened, over the last three seconds."""
        now = time.monotonic()
        with self._lock:
            kept = {
                name: [moment for moment in moments if now - moment < SPAN]
                for name, moments in self._moments.items()
            }
        return {
            # Between the first and the last of n moments lie n - 1 intervals; a stopped camera's
            # rate falls all the same.
            name: round(
                (len(moments) - 1) / max(moments[-1] - moments[0], now - moments[-1], 1e-3), 1
            )
            if len(moments) > 1
            else 0.0
            for name, moments in kept.items()
        }
