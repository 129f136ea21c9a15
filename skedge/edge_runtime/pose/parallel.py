"""Landmarks of several bodies at the same time, where cores are free."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol

import numpy as np

from skedge.edge_runtime.pose.landmarks import Body
from skedge.edge_runtime.pose.region import Region


class Finder(Protocol):
    """What finds the landmarks in one region, as `Landmarker` does."""

    def find(self, image: np.ndarray, region: Region) -> Body | None: ...


class Landmarkers:
    """Finds the bodies in one or more regions of a picture on up to `threads` cores.

    One body gets all threads; several are shared out, one thread each, and give the same numbers.
    `make` loads a network for a number of threads; those for one thread are loaded when several
    bodies are first asked for. Threads without work sleep.
    """

    def __init__(self, make: Callable[[int], Finder], threads: int = 1) -> None:
        self._make = make
        self._threads = threads
        self._wide = make(threads)
        self._narrow: SimpleQueue[Finder] = SimpleQueue()
        self._made = 0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="pose")

    def find(self, image: np.ndarray, regions: Sequence[Region]) -> list[Body | None]:
        """The body in each of `regions`, None where the network describes none."""
        if self._threads == 1 or len(regions) < 2:
            return [self._wide.find(image, region) for region in regions]
        while self._made < min(self._threads, len(regions)):
            self._narrow.put(self._make(1))
            self._made += 1
        return list(self._pool.map(partial(self._find, image), regions))

    def beside(self, work: Any) -> "Future[Any]":
        """Starts other work on a free core; with one thread its result is there at once."""
        if self._threads > 1:
            return self._pool.submit(work)
        done: Future[Any] = Future()
        try:
            done.set_result(work())
        except Exception as error:
            done.set_exception(error)
        return done

    def _find(self, image: np.ndarray, region: Region) -> Body | None:
        finder = self._narrow.get()
        try:
            return finder.find(image, region)
        finally:
            self._narrow.put(finder)
