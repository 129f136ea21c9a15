"""One import at a time into one store."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skedge.skeleton.errors import InputError


@contextmanager
def only_one(store: Path | str) -> Iterator[None]:
    """Holds the lock of the store at that path; `InputError` where another process holds it. It
    dies with its process."""
    store = Path(os.path.abspath(store))
    path = store.with_name(f".{store.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _take(path)
    except BlockingIOError:
        raise InputError(
            f"{store}: expected one import at a time into a store, another one is at work there;"
            " wait for it or name another"
        ) from None
    except OSError as error:
        raise InputError(
            f"{store}: expected a place where a store can be written, got: {error.strerror}"
        ) from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _take(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
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
