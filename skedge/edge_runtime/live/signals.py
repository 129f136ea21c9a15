"""What ends a program from outside: Ctrl-C, a service manager, a terminal that closes."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


@contextmanager
def as_ctrl_c() -> Iterator[None]:
    """`systemctl stop` and a terminal that closes, or an ssh that breaks off, end the block as
    cleanly as Ctrl-C does; with `nohup` the terminal does not end it."""
    with _handled(signal.default_int_handler, signal.SIGTERM):
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            yield
        else:
            with _handled(_hang_up, signal.SIGHUP):
                yield


@contextmanager
def unbroken(say: Callable[[], None]) -> Iterator[None]:
    """Nothing of that breaks off what the block does: `say` is called instead."""

    def handler(*_: object) -> None:
        with suppress(OSError):  # the terminal that would show it has closed
            say()

    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    with _handled(handler, *(one for one in ending if signal.getsignal(one) != signal.SIG_IGN)):
        yield


def _hang_up(*_: object) -> None:
    # The kernel hangs up, and then the shell does: the second would break off a clean end.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    raise KeyboardInterrupt


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
