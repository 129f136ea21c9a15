"""Pose recordings of the live view: the bodies that were seen, never a picture."""

import os
from dataclasses import replace
from pathlib import Path

from skedge.datasets.poses import PoseWriter
from skedge.edge_runtime.live.actions import Observation, Outlook
from skedge.edge_runtime.live.pipeline import Consumer
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout

# So many bodies are kept in memory at the most: some four hours of one person, 300 MB.
MOST = 400_000


class PoseFile:
    """A consumer that keeps the bodies of what it hands on to `consumer`; `write` makes a pose
    recording of them (`skedge.datasets.poses`).

    Times count from the first picture. When `most` bodies are there it says so and keeps no more.
    Raises `InputError` for a path that does not end in .npz, where something stands, or where
    nothing can be written.
    """

    def __init__(self, path: Path, most: int = MOST) -> None:
        if path.suffix.lower() != ".npz":
            raise InputError(f"--record-poses: expected a file that ends in .npz, got {path}")
        if os.path.lexists(path):
            raise InputError(f"--record-poses: {path} exists already; name another file")
        if not os.access(path.parent, os.W_OK):
            raise InputError(f"--record-poses: {path.parent} is no folder that can be written to")
        self.path = path
        self._most = most
        self._writer: PoseWriter | None = None
        self._consumer: Consumer | None = None
        self._size = (0, 0)
        self._full = False

    def before(self, consumer: Consumer, layout: Layout) -> "PoseFile":
        """This recorder in front of `consumer`, to which it hands observations on; bodies are of
        `layout`."""
        self._consumer = consumer
        self._writer = PoseWriter(layout)
        return self

    def update(self, observation: Observation) -> Outlook:
        assert self._consumer is not None
        outlook = self._consumer.update(observation)
        if not self._keep(observation):
            return outlook
        note = f"{self.path}: {self._most} bodies are recorded; what follows is not"
        return replace(outlook, notes=(*outlook.notes, note))

    def _keep(self, observation: Observation) -> bool:
        """Keep the bodies, or say that they are the first for whom there is no room."""
        assert self._writer is not None
        if self._full:
            return False
        if len(self._writer) + len(observation.people) > self._most:
            self._full = True
            return True
        frame = observation.frame
        if frame.image is not None:
            self._size = (frame.image.shape[1], frame.image.shape[0])
        people = [replace(one, whole=one.whole or one.upper) for one in observation.people]
        self._writer.add(frame.seconds, people)
        return False

    def finish(self) -> Outlook:
        assert self._consumer is not None
        return self._consumer.finish()

    def write(self) -> None:
        """Write what was seen, whole or not at all; nothing where no picture came. Raises OSError,
        as where the disk is full."""
        if self._writer is not None and self._writer.pictures:
            try:
                self._writer.write(self.path, self._size)
                self.path.chmod(0o600)  # as films
            except OSError as error:
                lost = f"{error.strerror}: {len(self._writer)} bodies are lost"
                raise OSError(error.errno, lost, str(self.path)) from None
