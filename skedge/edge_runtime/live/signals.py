"""What ends a program from outside: Ctrl-C, a service manager, a terminal that closes."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

# Seconds in which a second signal asks for the same as the first: a terminal sends one, and the
# shell, or the program that started this one, passes it on.
SAME = 1.0


@contextmanager
def as_ctrl_c() -> Iterator[None]:
    """`systemctl stop` and a terminal that closes, or an ssh that breaks off, end the block as
    cleanly as Ctrl-C does, also where the signal comes twice at once; with `nohup` the terminal
    does not end it."""
    last = -SAME

    def end(*_: object) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if last - before >= SAME:
            raise KeyboardInterrupt

    with _handled(end, *_heard()):
        yield


@contextmanager
def unbroken(say: Callable[[], None]) -> Iterator[None]:
    """Nothing of that breaks off what the block does: `say` is called instead."""

    def handler(*_: object) -> None:
        with suppress(OSError):  # the terminal that would show it has closed
            say()

    with _handled(handler, *_heard()):
        yield


def _heard() -> list[signal.Signals]:
    """The signals that end a program, without those that it was started to ignore."""
    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    return [one for one in ending if signal.getsignal(one) != signal.SIG_IGN]


@contextmanager
def _handled(handler: Callable[..., Any], *signals: signal.Signals) -> Iterator[None]:
    """Signals go to the handler within the block; in a thread, which gets none, nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, handler) for one in signals}
    try:
        yield
    finally:
        for one, old in before.items():
            signal.signal(one, old)
