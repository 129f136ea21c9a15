"""Handing over between threads: a queue of one item, and a newest item that many threads read."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A queue of one item, in which the newest replaces one that nobody has taken yet; with `wait`
    the sender waits instead.

    `dropped` counts the replaced ones.
    """

    def __init__(self, wait: bool = False) -> None:
        self.dropped = 0
        self._wait = wait
        self._item: T | None = None
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Put an item into the box; a closed box takes none."""
        with self._changed:
            if self._wait:
                self._changed.wait_for(lambda: self._item is None or self._closed)
            if self._closed:
                return
            self.dropped += self._item is not None
            self._item = item
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Whether nothing will come any more: the box is closed and empty."""
        with self._changed:
            return self._closed and self._item is None

    def take(self, seconds: float | None = None) -> T | None:
        """Wait for an item, for that many seconds at the most, and take it; None where none came,
        and once the box is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, seconds)
            item = self._item
            self._item = None
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Close the box and wake whoever waits; an item that is left may still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Newest(Generic[T]):
    """The newest item of a kind, for any number of readers at their own pace; none of them holds up
    the writer.

    While nobody watches (`watchers`), the writer may leave out the work.
    """

    def __init__(self) -> None:
        self._item: T | None = None
        self._number = 0
        self._watchers = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def watchers(self) -> int:
        return self._watchers

    @property
    def newest(self) -> T | None:
        return self._item

    def put(self, item: T) -> None:
        with self._changed:
            self._item = item
            self._number += 1
            self._changed.notify_all()

    def show(self, item: T) -> None:
        """Put an item for those who watch, nowhere where the last of them has left meanwhile."""
        with self._changed:
            if self._watchers:
                self.put(item)

    def next(self, after: int, seconds: float) -> tuple[int, T | None]:
        """The newest item's number and itself, as soon as it is another than number `after` (from
        0: none seen yet).

        When nothing new comes for so many seconds, the same number and None; once closed, -1 and
        None.
        """
        with self._changed:

            def new() -> bool:
                return self._number != after and self._item is not None

            self._changed.wait_for(lambda: self._closed or new(), seconds)
            if self._closed:
                return -1, None
            return (self._number, self._item) if new() else (after, None)

    def watch(self, by: int) -> None:
        """Count readers in (1) and out (-1); what was put for the last of them is forgotten, since
        it grows old."""
        with self._changed:
            self._watchers += by
            if self._watchers == 0:
                self._item = None

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
