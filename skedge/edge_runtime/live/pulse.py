"""The work of every stage of the live view, and for how long it has been at it: does one hang?"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Seconds at one frame after which a stage hangs: no computer takes that long for one.
PATIENCE = 10.0


class Pulse:
    """Stages tell what they do (`work`), any thread may ask who `hangs`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def work(self, stage: str) -> Iterator[None]:
        """The stage works on one thing as long as this block lasts."""
        with self._lock:
            self._since[stage] = self._clock()
        try:
            yield
        finally:
            with self._lock:
                self._since.pop(stage, None)

    def hangs(self) -> list[str]:
        """The stages that have worked on one thing for longer than any takes."""
        now = self._clock()
        with self._lock:
            return [name for name, since in self._since.items() if now - since > PATIENCE]
