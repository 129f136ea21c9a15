"""A recording without end: films of a minute each in one folder, the oldest of which make room.
Needs OpenCV (extra `live`)."""

import re
import shutil
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from skedge.edge_runtime.live.film import Film, free_path, keep_or_remove
from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import RESERVE, absent, locked, remove_empty, unused

# Matroska with MPEG-4: what was written of it can be read after a power cut, unlike an .mp4.
SUFFIX, PARTIAL, CODE = ".mkv", ".partial.mkv", "mp4v"
# What `add` and `free_path` name films: 2026-11-29T14-03-11Z, with -2 and so on.
STEM = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(-\d+)*", re.ASCII)
GIGABYTE = 1_000_000_000


def check_bounds(seconds: float, limit: float) -> None:
    """Raises `InputError` for a length in seconds and a limit in bytes that no films have."""
    if not 1 <= seconds <= 86400:
        raise InputError(f"--segment: expected from 1 to 86400 seconds, got {seconds}")
    if not limit >= GIGABYTE / 100:
        raise InputError(f"--record-limit: expected from 0.01 GB, got {limit / GIGABYTE}")


class Segments:
    """Records pictures into `folder`, in films `seconds` long that are named after the time they
    begin. Only their owner may read them, and the folder where it is made for them.

    Before each film the oldest are removed so that all of them take at most `limit` bytes and 200
    MB of the disk are free: together they exceed it by that film at the most. What an earlier run
    left unfinished is kept where there is a picture in it, else removed. Files of other names are
    somebody's own: they neither count nor go. Where no film can be written any more, as on a disk
    that others have filled, `problem` says why, and the next film is tried when its time comes.

    Raises `InputError` where nothing can be written at first, where the folder is another program's
    recording, and for lengths and limits that are none.
    """

    def __init__(self, folder: Path, seconds: float = 60.0, limit: float = 10 * GIGABYTE) -> None:
        check_bounds(seconds, limit)
        self.folder = folder
        self._seconds = seconds
        self._limit = limit
        self.problem = ""
        self._film: Film | None = None
        self._made: list[Path] = []  # in this run
        self._began = 0.0
        self._held = ExitStack()
        self._held.callback(remove_empty, absent(folder))
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            taken = f"--record: {folder} is the recording of another program that runs"
            self._held.enter_context(locked(folder / ".lock", taken))
        except OSError as error:
            self._held.close()
            raise InputError(
                f"--record: {folder} is no folder that can be written to: {reason(error)}"
            ) from None
        for left in self._named(PARTIAL):
            keep_or_remove(left, unused(folder / f"{left.name.removesuffix(PARTIAL)}{SUFFIX}"))

    def add(self, picture: np.ndarray, seconds: float) -> None:
        """Show this picture from `seconds` on."""
        due = not 0 <= seconds - self._began < self._seconds
        if due:
            self._finish()
        if self._film is None:
            if self.problem and not due:
                return
            self._began = seconds
        try:
            if self._film is None:
                self._make_room()
                name = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
                path = free_path(self.folder / f"{name}{SUFFIX}")
                self._film = Film(path, code=CODE, folder=self.folder)
                self._made.append(path)
            self._film.add(picture, seconds)
            self.problem = self._film.problem
        except (InputError, OSError) as error:
            self._fail(error)
        if self.problem:
            self._finish()

    def pause(self) -> None:
        """Finish the film; later pictures begin another one."""
        self._finish()

    def close(self) -> None:
        self._finish()
        self._held.close()

    def _finish(self) -> None:
        film = self._film
        self._film = None
        if film is not None:
            try:
                film.close()
            except OSError as error:
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.problem = (
            str(error) if isinstance(error, InputError) else f"{self.folder}: {reason(error)}"
        )

    def _named(self, suffix: str) -> list[Path]:
        """The films of skedge in the folder that end in `suffix`."""
        return [
            film
            for film in self.folder.glob(f"*{suffix}")
            if STEM.fullmatch(film.name.removesuffix(suffix))
        ]

    def _make_room(self) -> None:
        # Those of this run are the newest even where the clock was put back, or begins in 1970.
        order = {film: number for number, film in enumerate(self._made, 1)}
        films = []
        for film in self._named(SUFFIX):
            with suppress(FileNotFoundError):  # somebody has just removed it
                state = film.stat()
                films.append((order.get(film, 0), state.st_mtime, state.st_size, film))
        films.sort()
        total = sum(size for *_, size, _ in films)
        while films and (total > self._limit or shutil.disk_usage(self.folder).free < 2 * RESERVE):
            *_, size, oldest = films.pop(0)
            total -= size
            oldest.unlink(missing_ok=True)
        self._made = [film for *_, film in films if film in order]
