"""Files: written whole or not at all, JSON that may be damaged, and locks between processes."""

import ctypes
import errno
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from skedge.skeleton.errors import InputError, reason

# Bytes of a disk that recordings without an end leave to others.
RESERVE = 100 * 2**20
# What a disk without room for a file answers.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Where the folders of a user are, if their variables do not say it.
_HOMES = {"XDG_CACHE_HOME": ".cache", "XDG_DATA_HOME": ".local/share"}
# To make a lock's file, in a folder that others may remove.
_ATTEMPTS = 100
# Seconds between two looks at a lock that another process holds.
_BETWEEN_TRIES = 0.1
# Linux: fcntl.h and stdio.h.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2

# See `stamp`.
Stamp = tuple[int, int, int] | None


def user_folder(variable: str) -> Path:
    """The folder `skedge` in the user's folder that the `variable` XDG_CACHE_HOME or XDG_DATA_HOME
    of the environment names, by default in ~/.cache or ~/.local/share: also where that does not
    begin at the root, as other programs do it."""
    named = Path(os.environ.get(variable, ""))
    return (named if named.is_absolute() else home() / _HOMES[variable]) / "skedge"


def home() -> Path:
    """The user's own folder; / for a user who has none, as it is in containers."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """A file that is complete or absent: `write` fills a draft of the same name, which then
    replaces `path`.

    The folder is made where it is missing. Its content reaches the disk before the file does, so
    that a power cut leaves the old file or the new one. Nothing remains of a draft that fails. Who
    may read it is as with every new file, whatever `write` allows.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "expected a file to write, got a folder", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        made = tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        error.filename = str(path)  # not the draft's, which nobody has named
        raise
    with made as room:
        draft = Path(room) / path.name
        with named(path, draft=Path(room)):
            write(draft)
            usual = Path(room) / f"{path.name}.new"
            usual.touch()
            mode = usual.stat().st_mode
            if draft.stat().st_mode != mode:  # a library may make files that nobody else may read
                draft.chmod(mode)
            with draft.open("rb") as content:
                os.fsync(content.fileno())
            os.replace(draft, path)


@contextmanager
def named(path: Path, draft: Path | None = None) -> Iterator[None]:
    """Errors of the disk in the block name `path` where they name no file, or one in the folder
    `draft`: Python does not say which file a full disk had no room for, and nobody has named those
    of a draft."""
    try:
        yield
    except OSError as error:
        names = [Path(os.fsdecode(one)) for one in (error.filename, error.filename2) if one]
        own = draft is not None and any(draft in one.parents for one in names)
        # One that a library words itself has no number, and loses its words to a file's name.
        if error.errno is not None and (own or not names):
            error.filename = str(path)
            del error.filename2
        raise


def check_folder(folder: Path) -> None:
    """Raise `InputError` where no file can be written into a folder, or no such folder made: what
    takes long looks before it begins, and leaves nothing where it is then refused."""
    try:
        there = next(place for place in (folder, *folder.parents) if place.exists())
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise InputError(
            f"{folder}: expected a folder that can be written into, or a place to make one:"
            f" {reason(error)}"
        ) from None


def takes_files(folder: Path) -> bool:
    """Whether it is a folder in which a file can be made now."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def absent(folder: Path) -> list[Path]:
    """The folders that are to be made for `folder`, from the innermost one on."""
    return [one for one in (folder, *folder.parents) if not one.exists()]


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove those of the folders, in their order, in which there is nothing."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def check_file(path: Path) -> None:
    """Raise `InputError` where no file can be written at `path`, before what takes long."""
    if path.is_dir():
        raise InputError(f"{path}: expected a file to write, got a folder")
    check_folder(path.parent)


def in_utf8(path: Path) -> str:
    """A file's name for a library in C; raises `InputError` for one in another encoding, at which
    OpenCV crashes and LiteRT breaks."""
    name = str(path)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{path}: expected a name in UTF-8, got one in another encoding; rename the file or its"
            " folder"
        ) from None
    return name


def unused(path: Path, also: Callable[[Path], bool] = lambda path: False) -> Path:
    """The path, or the first one with a number after its stem, at which there is nothing and which
    `also` does not call taken."""
    free, number = path, 1
    while os.path.lexists(free) or also(free):
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def write_text(path: Path, text: str) -> None:
    """A UTF-8 file with that text, complete or absent."""
    write_whole(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def write_json(path: Path, document: Any, indent: int | None = 2) -> None:
    """A JSON file with that document, complete or absent."""
    write_text(path, json.dumps(document, indent=indent) + "\n")


def parse_json(text: str | bytes) -> Any:
    """The document in a JSON text; raises `ValueError` for a damaged one, also where that is nested
    deeper than Python reads."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json(path: Path) -> Any:
    """The document of a JSON file; None where the file is missing or damaged."""
    try:
        return parse_json(path.read_bytes())
    except (OSError, ValueError):
        return None


def stamp(path: Path) -> Stamp:
    """What differs where the file is another one, or has changed; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def exchange(one: Path, other: Path) -> bool:
    """Swap two files or folders of one disk at once, so that no interruption leaves one of them
    missing; False where the system has no such call."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    names = os.fsencode(one), os.fsencode(other)
    return (
        rename is not None
        and rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0
    )


@contextmanager
def locked(path: Path, taken: str, patience: float = 0.0) -> Iterator[None]:
    """Holds the lock file `path` for the length of a `with` block.

    For one that another process holds it waits `patience` seconds at the most. The lock ends with
    its process, however that ends. Folders that were made for it and are empty in the end go with
    it. Raises `InputError` with the sentence `taken` where another process holds the lock, and
    `OSError` where no file can be made.
    """
    made = absent(path.parent)
    until = time.monotonic() + patience
    while True:
        try:
            handle = _take(path)
            break
        except BlockingIOError:
            if time.monotonic() >= until:
                raise InputError(taken) from None
            time.sleep(_BETWEEN_TRIES)
    try:
        yield
    finally:
        with suppress(OSError):  # a folder that was moved, a disk that has turned read-only
            path.unlink()
        remove_empty(made)
        os.close(handle)


def _take(path: Path) -> int:
    refused = 0
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:  # whoever held it before has just removed the folder, too
            refused += 1
            if refused == _ATTEMPTS:  # or no file can be made there, as in /proc
                raise
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it before removes the file at the end: a lock on a removed file keeps
            # nobody out.
            if path.exists() and os.fstat(handle).st_ino == path.stat().st_ino:
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
