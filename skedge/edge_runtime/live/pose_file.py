"""Pose recordings of the live view: the bodies that were seen, never a picture."""

import errno
import os
import shutil
import threading
from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from skedge.datasets.poses import PoseWriter
from skedge.edge_runtime.live.actions import Observation, Outlook
from skedge.edge_runtime.live.pipeline import Consumer
from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import RESERVE, locked, takes_files, unused
from skedge.skeleton.layout import Layout
from skedge.skeleton.text import counted

# So many bodies are kept in memory at the most: some four hours of one person, 300 MB.
MOST = 400_000
# In a folder: seconds after which a file ends when nobody is in view, and at the latest.
PART, LONGEST = 600.0, 3600.0


class PoseFile:
    """A consumer that keeps the bodies of what it hands on to `consumer` in pose recordings
    (`skedge.datasets.poses`); `write` ends the last.

    A `path` that ends in .npz is one file. When `most` bodies are there it says so and keeps no
    more. One without a suffix is a folder of files that are named after the time they begin: each
    ends when nobody is in view after `PART` seconds, after `LONGEST` at the latest or when `most`
    bodies are there, and one in which nobody was seen is not written. A file that cannot be
    written, as on a full disk, is noted, and the next one tried.

    Times count from a file's first picture. Raises `InputError` for another suffix, a file that
    exists, one that another program records into, or where nothing can be written.
    """

    def __init__(self, path: Path, most: int = MOST) -> None:
        self._folder = not path.suffix
        if self._folder:
            try:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(
                    f"--record-poses: {path} is no folder that can be made: {reason(error)}"
                ) from None
        elif path.suffix.lower() != ".npz":
            raise InputError(
                "--record-poses: expected a file that ends in .npz, or a folder (no suffix),"
                f" got {path}"
            )
        elif os.path.lexists(path):
            raise InputError(f"--record-poses: {path} exists already; name another file")
        room = path if self._folder else path.parent
        if not takes_files(room):
            raise InputError(f"--record-poses: {room} is no folder that can be written to")
        self._held = ExitStack()
        taken = f"--record-poses: {path} is the recording of another program that runs"
        lock = path / ".poses.lock" if self._folder else path.with_name(f".{path.name}.lock")
        self._held.enter_context(locked(lock, taken))
        self.path = self._written = path
        self._most = most
        self._writer: PoseWriter | None = None
        self._consumer: Consumer | None = None
        self._size = (0, 0)
        self._began: tuple[float, str] | None = None
        self._last = 0.0
        self._full = False
        self._writing: threading.Thread | None = None
        self._notes: deque[str] = deque()

    def before(self, consumer: Consumer, layout: Layout) -> "PoseFile":
        """This recorder in front of `consumer`, to which it hands observations on; bodies are of
        `layout`."""
        self._consumer = consumer
        self._writer = PoseWriter(layout)
        return self

    def update(self, observation: Observation) -> Outlook:
        assert self._consumer is not None
        outlook = self._consumer.update(observation)
        if self._folder and self._is_over(observation):
            self._end_part()
        self._keep(observation)
        notes = [self._notes.popleft() for _ in range(len(self._notes))]
        return replace(outlook, notes=(*outlook.notes, *notes)) if notes else outlook

    def _keep(self, observation: Observation) -> None:
        """Keep the bodies, and note when they are the first for whom there is no room."""
        assert self._writer is not None
        if self._full:
            return
        if len(self._writer) + len(observation.people) > self._most:
            self._full = True
            self._notes.append(
                f"{self.path}: {self._most} bodies are recorded; what follows is not"
            )
            return
        frame = observation.frame
        if frame.image is not None:
            self._size = (frame.image.shape[1], frame.image.shape[0])
        if self._began is None:
            self._began = frame.seconds, datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
        people = [replace(one, whole=one.whole or one.upper) for one in observation.people]
        self._writer.add(frame.seconds, people)
        self._last = frame.seconds

    def _is_over(self, observation: Observation) -> bool:
        """Whether the folder's present file ends before this picture."""
        if self._began is None:
            return False
        assert self._writer is not None
        seconds = observation.frame.seconds
        full = len(self._writer) + len(observation.people) > self._most
        late = seconds >= self._began[0] + (LONGEST if observation.people else PART)
        return full or late or seconds < self._last

    def _end_part(self) -> None:
        """Write the present file, and begin the next one."""
        self._wait()
        if self._writer is None or self._began is None:
            return
        # Beside the answers: to compress an hour takes a Pi some seconds.
        path = self._named(self._began[1])
        if not self._folder:
            self._written = path
        part = self._writer, path
        self._writing = threading.Thread(target=self._save, args=part, name="pose file")
        self._writing.start()
        self._writer, self._began = PoseWriter(self._writer.layout), None

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.join()

    def _named(self, began: str) -> Path:
        """The file, or that of the folder which begins then, with a number where there is one."""
        return unused(self.path / f"{began}.npz" if self._folder else self.path)

    def _save(self, bodies: PoseWriter, path: Path) -> None:
        """Write a file, whole or not at all, or note why not; none of a folder where nobody was
        seen."""
        if self._folder and not len(bodies):
            return
        try:
            if self._folder:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # somebody moved it
                if shutil.disk_usage(path.parent).free < RESERVE:
                    left = f"less than {RESERVE >> 20} MB are left on the disk"
                    raise OSError(errno.ENOSPC, left)
            bodies.write(path, self._size)
            path.chmod(0o600)  # as films
        except (OSError, MemoryError) as error:
            why = reason(error)
            self._notes.append(
                f"{path}: {why}: {counted(len(bodies), 'body is', 'bodies are')} lost"
            )

    def finish(self) -> Outlook:
        assert self._consumer is not None
        return self._consumer.finish()

    def write(self) -> Path:
        """Write what was seen, or a folder's last file, and say where that is: at `path`, or beside
        it where somebody put something there meanwhile. Raises `InputError` where that, or the file
        before it, could not be written, as where the disk is full."""
        with self._held:
            self._end_part()
            self._wait()
        if self._notes:
            raise InputError("; ".join(self._notes))
        return self._written
