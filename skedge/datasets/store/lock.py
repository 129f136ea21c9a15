"""One writer at a time of one store."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import locked


@contextmanager
def only_one(store: Path | str, patience: float = 0.0) -> Iterator[None]:
    """Holds the lock of the store at that path; `InputError` where another process holds it for
    longer than `patience` seconds. It dies with its process."""
    store = Path(os.path.realpath(store))
    taken = (
        f"{store}: expected one program at a time to write to a store, another one is at work;"
        " wait for it or name another store"
    )
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(store.with_name(f".{store.name}.lock"), taken, patience))
        except OSError as error:
            raise InputError(
                f"{store}: expected a place where a store can be written, got: {reason(error)}"
            ) from None
        yield
