"""What was recorded: it has an end, and a pace of its own."""

import threading
import time
from collections.abc import Callable, Iterator

from skedge.edge_runtime.interfaces import Frame
from skedge.skeleton.layout import Layout


class Played:
    """Frames with ascending time stamps, each given when it is due, or with `fast` as soon as it is
    taken.

    Who takes them too slowly misses none and falls behind. `layout` is that of the skeletons which
    the frames bring, None for pictures, `notes` what was assumed about them. `sleep` waits so many
    seconds; by default it is cut short by `close`, which may come from another thread.
    """

    status = ""

    def __init__(
        self,
        frames: Iterator[Frame],
        layout: Layout | None = None,
        *,
        fast: bool = False,
        notes: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.layout = layout
        self.notes = notes
        self._frames = frames
        self._fast = fast
        self._clock = clock
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait

    def __iter__(self) -> Iterator[Frame]:
        began: float | None = None
        for frame in self._frames:
            if not self._fast:
                began = self._clock() - frame.seconds if began is None else began
                early = began + frame.seconds - self._clock()
                if early > 0:
                    self._sleep(early)
            if self._closed.is_set():
                return
            yield frame

    def close(self) -> None:
        self._closed.set()
