"""A model file that may change while the live view runs: an update, or something newly taught."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from skedge.edge_runtime.models import find
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.taught import beside
from skedge.edge_runtime.update import load_or_before
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import Stamp, stamp

SECONDS, SETTLED = 1.0, 0.2


class ModelFile:
    """The model file at `path` and what was taught to it (`taught`, by default where `skedge teach`
    puts it); `settings` are those of `Recognizer.load`. `changed` says which of both was another at
    the last `reload`."""

    def __init__(self, path: Path | str, taught: Path | None = None, **settings: Any) -> None:
        self.path = find(path)
        self.settings = settings
        self.changed = ""
        self._taught = taught
        self._loaded: tuple[Stamp, ...] = ()

    @property
    def taught(self) -> Path:
        """The file that holds what was taught, or will hold it."""
        return beside(self.path) if self._taught is None else self._taught

    def load(self) -> Recognizer:
        """The recognizer of the file; of the model before the last update where it does not
        load."""
        self._loaded = self._stamps()
        return load_or_before(self.path, self._open)

    def reload(self) -> Recognizer | None:
        """The recognizer of a file that has changed since it was loaded, None where it has not, or
        is still being written.

        Raises `InputError` where it does not load, once for each change.
        """
        stamps = self._stamps()
        if stamps == self._loaded or not _settled(stamps, self._stamps):
            return None
        name = self.path.name
        self.changed = name if stamps[0] != self._loaded[0] else f"what was taught to {name}"
        self._loaded = stamps
        return self._open(self.path)

    def _open(self, model: Path) -> Recognizer:
        taught = True if self._taught is None else self._taught
        return Recognizer.load(model, **self.settings, taught=taught)

    def _stamps(self) -> tuple[Stamp, ...]:
        return stamp(self.path), stamp(self.taught)


def watch(
    model: ModelFile,
    use: Callable[[Recognizer], None],
    note: Callable[[str], None],
    stopping: threading.Event,
) -> None:
    """Hand every recognizer of a changed file to `use`, until `stopping`. One that does not load is
    said to `note`, and the one in use stays."""
    while not stopping.wait(SECONDS):
        try:
            recognizer = model.reload()
        except InputError as error:
            note(f"{error}; the model in use stays")
            continue
        if recognizer is not None:
            use(recognizer)
            note(f"{model.changed} has changed and is used now: {len(recognizer.labels)} classes")


def _settled(stamps: tuple[Stamp, ...], again: Callable[[], tuple[Stamp, ...]]) -> bool:
    """Whether nobody writes to the files: they are the same a moment later."""
    time.sleep(SETTLED)
    return again() == stamps
