"""Work beside the landmarks, where a core is free."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class Beside:
    """Does work on another core where there are several `threads`, and at once where there is one.

    A thread without work sleeps.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="pose") if threads > 1 else None

    def start(self, work: Callable[[], Result]) -> "Future[Result]":
        """What will hold the result of `work`, or what it raised."""
        if self._pool is not None:
            return self._pool.submit(work)
        done: Future[Result] = Future()
        try:
            done.set_result(work())
        except Exception as error:
            done.set_exception(error)
        return done
