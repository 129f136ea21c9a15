"""A group of threads that end together: when one of them fails, all stop."""

import threading
import time
from collections.abc import Callable

from skedge.skeleton.errors import InputError, OwnCodeError

# Seconds at the end for what is still to be told: to count what went on takes a busy Pi more than
# one.
LAST_WORDS = 5.0


class LiveError(RuntimeError):
    """Something broke in a thread; the message names the thread and what happened."""


class Crew:
    """Starts threads, and ends all of them when one fails, or when `stop` is called from
    anywhere."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._error: BaseException | None = None
        self._threads: list[tuple[threading.Thread, Callable[[], None] | None]] = []
        self._lock = threading.Lock()

    def start(
        self, name: str, work: Callable[[], None], ending: Callable[[], None] | None = None
    ) -> None:
        """Run `work` in a thread; `ending` wakes it up when all are to end, and is called from
        another thread. Raises `LiveError` where the system has no room for one more thread."""

        def run() -> None:
            try:
                work()
            except BaseException as error:
                self.fail(name, error)

        # A daemon: should a driver never return, the process can still end.
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append((thread, ending))
        try:
            thread.start()
        except RuntimeError as error:
            raise LiveError(f"{name}: {error}") from None

    def fail(self, name: str, error: BaseException) -> None:
        """Stop all threads because of this error; the first error is the one that is raised."""
        with self._lock:
            if self._error is None and not self.stopping.is_set():
                expected = isinstance(error, InputError | OwnCodeError | BrokenPipeError)
                self._error = (
                    error
                    if expected
                    else LiveError(" ".join(f"{name}: {type(error).__name__}: {error}".split()))
                )
                self._error.__cause__ = None if expected else error
        self.stop()

    def stop(self) -> None:
        """Ask all threads to end; returns at once."""
        self.stopping.set()
        for thread, ending in self._threads:
            # The page's would wait for ever for a thread that never began.
            if ending is not None and thread.ident is not None:
                ending()

    def join(self, patience: float = LAST_WORDS) -> list[str]:
        """Wait for the threads, `patience` seconds in all; the names of those that are still at
        work then."""
        end = time.monotonic() + patience
        others = [
            thread
            for thread, _ in self._threads
            if thread.ident is not None and thread is not threading.current_thread()
        ]
        for thread in others:
            thread.join(max(0.0, end - time.monotonic()))
        return [thread.name for thread in others if thread.is_alive()]

    def raise_error(self) -> None:
        """Raise the error that ended the crew, if there was one."""
        if self._error is not None:
            raise self._error
