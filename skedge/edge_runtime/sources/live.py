"""Cameras and streams: what has no end, and comes back when it is lost."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from skedge.edge_runtime.interfaces import Frame
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout

# Seconds until a lost camera is tried again: the first time, and at most, after doubling from try
# to try.
FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0
# Seconds of one and the same picture after which a camera has frozen.
FROZEN = 60.0
# Every 8th row and column of a picture is compared.
EVERY = 8
# Pictures of fewer grey levels show nothing: it may be dark.
PLAIN = 16


class Capture(Protocol):
    """An open camera or stream."""

    def read(self) -> np.ndarray | None:
        """The next picture (H, W, 3) uint8 blue green red, None where there is none; may raise
        OSError or RuntimeError."""
        ...

    def release(self) -> None: ...


class Freeze:
    """Notices a camera that gives one and the same picture for a minute: noise makes every picture
    of a working camera different. Dark or plain pictures are not judged."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: np.ndarray | None = None
        self._since = 0.0

    def look(self, picture: np.ndarray) -> bool:
        """Whether the camera has frozen at this picture, (H, W, 3) uint8."""
        some = picture[::EVERY, ::EVERY]
        if self._seen is not None and np.array_equal(some, self._seen):
            return self._clock() - self._since > FROZEN and int(np.ptp(some)) >= PLAIN
        self._seen = some.copy()
        self._since = self._clock()
        return False


class Live:
    """A camera or stream called `name`, which `opener` opens: a lost one, or one that has frozen,
    is opened again until it is back, or `close` called.

    `status` is empty while pictures come, else what is being done about it; `losses` counts how
    often they stopped coming. Time stamps are of the clock, in seconds from the first picture,
    whatever comes between. `sleep` waits so many seconds; by default it is cut short by `close`.

    Raises `InputError` at once where it cannot be opened at all, unless it is to `wait` for it:
    then the reason is its status, and it is tried again like a lost one. `close` may be called from
    another thread; whoever iterates ends with the picture that is on its way.
    """

    layout: Layout | None = None

    def __init__(
        self,
        name: str,
        opener: Callable[[], Capture],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        wait: bool = False,
    ) -> None:
        self.name = name
        self.status = ""
        self.losses = 0
        self._opener = opener
        self._clock = clock
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._iterated = False
        self._capture: Capture | None = None
        self._reason = ""
        self._freeze = Freeze(clock)
        try:
            self._capture = opener()
        except InputError as error:
            if not wait:
                raise
            # Whoever shows the status has the name before it.
            self.status = self._reason = str(error).removeprefix(f"{name}: ")

    def __iter__(self) -> Iterator[Frame]:
        self._iterated = True
        began: float | None = None
        try:
            while not self._closed.is_set():
                image = self._read() if self._capture is not None else None
                if image is None:
                    image = self._recover()
                    if image is None:
                        return
                now = self._clock()
                began = now if began is None else began
                yield Frame(image, now - began)
        finally:
            self._release()

    def close(self) -> None:
        self._closed.set()
        # A driver that is released while another thread reads from it may crash: then that thread
        # does it.
        if not self._iterated:
            self._release()

    def _recover(self) -> np.ndarray | None:
        """The first picture after a loss, None where `close` came first."""
        self.losses += self._capture is not None
        wait = FIRST_WAIT
        while not self._closed.is_set():
            self._release()
            # Without the seconds: each change of the status is a note.
            comma = "" if self._reason.endswith("?") else ","
            self.status = f"{self._reason}{comma} trying again"
            self._sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
            if self._closed.is_set():
                return None
            try:
                self._capture = self._opener()
            except (InputError, OSError, RuntimeError):
                continue
            # A device may open and give nothing: only a picture says that it is back.
            image = self._read()
            if image is not None:
                self.status = ""
                return image
        return None

    def _read(self) -> np.ndarray | None:
        assert self._capture is not None
        self._reason = "no picture"
        try:
            picture = self._capture.read()
        except (OSError, RuntimeError):
            return None
        if picture is not None and self._freeze.look(picture):
            self._reason = "the picture has frozen"
            return None
        return picture

    def _release(self) -> None:
        capture = self._capture
        self._capture = None
        if capture is not None:
            try:
                capture.release()
            except (OSError, RuntimeError):
                self.status = "could not be closed"
