"""A recording in one file. Needs OpenCV (extra `live`)."""

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path

import cv2
import numpy as np

from skedge.edge_runtime.sources.opencv import name_of, next_picture, opencv
from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import RESERVE, locked, takes_files, unused

RECORDED_RATE = 20
# Frames of the recording between two looks at the disk.
LOOK_EVERY = 100
SUFFIXES = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "MJPG"}


class Film:
    """Records pictures to a file, at its own pace whatever that of the camera is, in the size of
    the first (see `fitted`). Until it is closed it is called .partial; of one that an earlier run
    left, what can be read is kept under a name of its own. Only its owner may read it; `code` is
    the codec, by default the usual one of the suffix. Other programs are kept from recording to it
    meanwhile. `folder` is that of a film which is one of many: it has a lock of its own, and is
    what a note about a full disk names.

    It ends early, says so through `note` and has a `problem`, when less than 100 MB are left on the
    disk, or the disk is gone. Raises `InputError` for a suffix other than .mp4, .avi and .mkv, a
    path where there is something or another program records to, and one where nothing can be
    written.
    """

    def __init__(
        self,
        path: Path,
        note: Callable[[str], None] = lambda text: None,
        code: str | None = None,
        *,
        folder: Path | None = None,
    ) -> None:
        self.path = path
        self.note = note
        self._code = code
        self._folder = folder
        self.problem = ""
        if path.suffix.lower() not in SUFFIXES:
            raise InputError(
                f"--record: expected a file that ends in {', '.join(SUFFIXES)}, or a folder (no"
                f" suffix), got {path}"
            )
        if os.path.lexists(path):
            raise InputError(f"--record: {path} exists already; name another file")
        if not takes_files(path.parent):
            raise InputError(f"--record: {path.parent} is no folder that can be written to")
        with self._one_program():
            pass
        self._partial = partial_of(path)
        self._held = ExitStack()
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._began = 0.0
        self._frames = 0
        self._looked = -LOOK_EVERY

    def add(self, picture: np.ndarray, seconds: float) -> None:
        """Show this picture from `seconds` on."""
        if self.problem:
            return
        if self._frames >= self._looked + LOOK_EVERY:
            self._looked = self._frames
            self.problem = self._look_at_disk()
            if self.problem:
                self.note(f"recording ended: {self.problem}")
                return
        if self._writer is None:
            self._writer = self._open(picture)
            self._began = seconds
        picture = fitted(picture, *self._size)
        # A gap of the camera is not filled up: an hour without a picture would be an hour of the
        # last one.
        missing = min(
            int((seconds - self._began) * RECORDED_RATE) + 1 - self._frames, RECORDED_RATE
        )
        for _ in range(missing):
            self._writer.write(picture)
        self._frames = max(self._frames, int((seconds - self._began) * RECORDED_RATE) + 1)

    def _look_at_disk(self) -> str:
        """Why nothing more can be recorded, empty while it can."""
        try:
            free = shutil.disk_usage(self.path.parent).free
        except OSError as error:
            return f"{self.path}: {reason(error)}"
        left = f"less than {RESERVE >> 20} MB are left for {self._folder or self.path}"
        return left if free < RESERVE else ""

    def _open(self, picture: np.ndarray) -> cv2.VideoWriter:
        self._held.enter_context(self._one_program())
        there = self._partial.exists()
        kept = keep_or_remove(self._partial, free_path(self.path)) if there else None
        if kept is not None:
            self.note(f"{kept} is what an earlier run has recorded before it was killed")
        self._size = (picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)
        code = cv2.VideoWriter.fourcc(*(self._code or SUFFIXES[self.path.suffix.lower()]))
        # OpenCV would make it readable for everybody.
        os.close(os.open(self._partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        writer = cv2.VideoWriter(name_of(self._partial), code, RECORDED_RATE, self._size)
        if not writer.isOpened():
            self._partial.unlink(missing_ok=True)
            raise InputError(
                f"--record: {self.path} cannot be written by this OpenCV; try one that ends in .avi"
            )
        return writer

    def _one_program(self) -> AbstractContextManager[None]:
        if self._folder is not None:
            return nullcontext()
        # A lock beside the film: on a share, one on the film itself may keep OpenCV from writing.
        taken = f"--record: {self.path} is the recording of another program that runs"
        lock = self.path.with_name(f".{self.path.name}.lock")
        return locked(lock, f"{taken}; name another file")

    def pause(self) -> None:
        """Note a gap; later pictures go on in the same file."""

    def close(self) -> None:
        """Finish the film under its name, or under a free one where that is taken by now."""
        with self._held:
            if self._writer is not None:
                self._writer.release()
                self._writer = None
                self._name()

    def _name(self) -> None:
        try:
            with self._partial.open("rb") as content:
                os.fsync(content.fileno())
        except OSError as error:
            error.filename = str(self.path)  # fsync names none
            raise
        taken = os.path.lexists(self.path)
        path = free_path(self.path) if taken else self.path
        os.replace(self._partial, path)
        if taken:
            self.note(f"the recording is {path}: something else is at {self.path} by now")


def fitted(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture (H, W, 3) of that width and height in pixels: without the odd row or column, else
    the whole of it in its proportions, between black bars."""
    over = picture.shape[0] - height, picture.shape[1] - width
    if set(over) <= {0, 1}:
        return picture[:height, :width]
    scale = min(height / picture.shape[0], width / picture.shape[1])
    size = [max(1, round(length * scale)) for length in picture.shape[:2]]
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    whole = np.zeros((height, width, 3), np.uint8)
    whole[top : top + size[0], left : left + size[1]] = cv2.resize(picture, (size[1], size[0]))
    return whole


def keep_or_remove(partial: Path, kept: Path) -> Path | None:
    """Rename a film that an earlier run left unfinished to `kept`, and return that; without a
    picture in it, remove it and return None."""
    capture = opencv().VideoCapture(name_of(partial))
    try:
        readable = next_picture(capture) is not None
    finally:
        capture.release()
    if not readable:
        partial.unlink(missing_ok=True)
        return None
    os.replace(partial, kept)
    return kept


def free_path(path: Path) -> Path:
    """The path, or one with a number, that no film has yet."""
    return unused(path, also=lambda free: os.path.lexists(partial_of(free)))


def partial_of(path: Path) -> Path:
    """The path of a film until it is finished."""
    return path.with_name(f"{path.stem}.partial{path.suffix}")
