"""Where events go beside the viewers: JSON lines, and a function of the user's own."""

import importlib.util
import json
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TextIO

from skedge.edge_runtime.live.crew import LAST_WORDS, Crew
from skedge.skeleton.errors import BROKEN, InputError, described

HELD = 1000

Document = dict[str, Any]


class Taker(Protocol):
    """What takes events: an outlet, or a broker. `ended` is set when it takes no more."""

    name: str
    ended: threading.Event

    @property
    def left(self) -> int:
        """Events that wait for it."""
        ...


class Outlet:
    """Gives events to a function in a thread of its own: however slow it is, nothing waits for it.

    Of events that pile up the oldest are left out; `lost` is told how many those are (`dropped`)
    whenever there is one more. What the function raises is handed to `broken`. Once closed, it
    delivers what is still put until all of `after` are set, `LAST_WORDS` seconds at the most; then
    `ended` is set. `left` events wait or are being delivered.
    """

    def __init__(
        self,
        name: str,
        deliver: Callable[[Document], object],
        broken: Callable[[BaseException], None],
        after: Sequence[threading.Event] = (),
        lost: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.name = name
        self.dropped = 0
        self.ended = threading.Event()
        self._deliver = deliver
        self._broken = broken
        self._after = after
        self._lost = lost
        self._waiting: deque[Document] = deque()
        self._busy = False
        self._closed = False
        self._changed = threading.Condition()

    @property
    def left(self) -> int:
        with self._changed:
            return len(self._waiting) + self._busy

    def put(self, document: Document) -> None:
        with self._changed:
            full = len(self._waiting) == HELD
            if full:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(document)
            self._changed.notify()
        if full:
            self._lost(self.dropped)

    def start(self, crew: Crew) -> None:
        crew.start(self.name, self._run, self.close)

    def close(self) -> None:
        """Close the outlet once all that waits is delivered."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        try:
            self._empty()
            end = time.monotonic() + LAST_WORDS
            for one in self._after:
                one.wait(max(0.0, end - time.monotonic()))
            self._empty()
        finally:
            self.ended.set()

    def _empty(self) -> None:
        """Deliver what comes, until it is closed and nothing is left."""
        while True:
            with self._changed:
                self._busy = False
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                self._busy = True
                document = self._waiting.popleft()
            try:
                self._deliver(dict(document))
            except BaseException as error:  # no Ctrl-C: that comes to the main thread alone
                self._broken(error)


def only_ended(put: Callable[[Document], None]) -> Callable[[Document], None]:
    """One document for every action: those of its end go on to `put`, those of its beginning do
    not."""

    def filtered(document: Document) -> None:
        if document["phase"] == "ended":
            put(document)

    return filtered


def json_lines(stream: TextIO) -> Callable[[Document], None]:
    """Writes an event a line, at once."""

    def deliver(document: Document) -> None:
        stream.write(json.dumps(document, ensure_ascii=False) + "\n")
        stream.flush()

    return deliver


def load_hook(
    text: str, flag: str = "--hook", form: str = "module:function, such as lights:on_event"
) -> Callable[..., Any]:
    """The function that `text`, given with `flag`, names: `module:function`, the module a Python
    file.

    The file lies in the current folder, or has a folder before it: `lights:on_event` and
    `hooks/lights.py:on_event` are fine. The file's folder is importable for it. Raises `InputError`
    for another form, no such file, one that cannot be imported, and no such function in it.
    """
    module, _, function = text.rpartition(":")
    path = Path(module if module.endswith(".py") else f"{module}.py")
    if not module or not function.isidentifier():
        raise InputError(f"{flag}: expected {form}, got {text!r}")
    if not path.is_file():
        raise InputError(f"{flag} {text}: expected a Python file {path}, found none")
    name = path.stem
    if name in sys.modules or importlib.util.find_spec(name.partition(".")[0]):
        # A hook called numpy.py is not what others import as numpy, now or later.
        name = str(path.absolute())
    # Behind all others: a random.py in that folder is nobody else's.
    sys.path.append(str(path.parent.absolute()))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    try:
        spec.loader.exec_module(loaded)
    except BROKEN as error:
        raise InputError(f"{flag} {text}: {path} cannot be imported: {described(error)}") from None
    found = getattr(loaded, function, None)
    if not callable(found):
        raise InputError(f"{flag} {text}: expected a function {function} in {path}, found none")
    return found
