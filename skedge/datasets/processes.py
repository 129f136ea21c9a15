"""Work shared out to other processes, its results in order."""

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, resource_tracker
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
Result = TypeVar("Result")
# Chunks for each process that are waiting or done: few, so that memory stays flat.
AHEAD = 3


def in_order(
    work: Callable[[Item], Result], items: Sequence[Item], processes: int, *, chunk: int
) -> Iterator[Result]:
    """The results of `work`, a module's function, for all items in their order, made by that
    number of other processes, `chunk` items at a time; for one process, by this one.

    Ctrl-C is heard here alone, and ends the others. Raises `ChildProcessError` where one of them
    was ended from outside, and what `work` raises.
    """
    if processes <= 1:
        _keep_memory()
        yield from map(work, items)
        return
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_begin
    ) as pool:
        try:
            waiting: deque[Future[list[Result]]] = deque()
            for start in range(0, len(items), chunk):
                with _deaf_to_ctrl_c():
                    waiting.append(pool.submit(_do, work, items[start : start + chunk]))
                if len(waiting) >= AHEAD * processes:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool:
            raise ChildProcessError("one of the processes was ended from outside") from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started in the block ignore Ctrl-C from their start; this process receives it
    afterwards."""
    # It is started with the first process otherwise, and clears the mask.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _do(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [work(item) for item in items]


def _begin() -> None:
    _keep_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process hears it and ends the others


def _keep_memory() -> None:
    # glibc's allocator hands memory of more than 128 kB back to the kernel at once, which clears it
    # again for every file; having freed a larger block it keeps what is smaller. The block itself
    # is never touched, so it costs nothing.
    np.empty(2**24, np.uint8)
