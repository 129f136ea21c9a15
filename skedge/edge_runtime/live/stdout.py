"""Standard output for JSON lines alone, whatever else runs in the process."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TextIO

LAST_WORDS = 1.0


@contextmanager
def lines_alone() -> Iterator[TextIO]:
    """The standard output, to write lines to. What prints within the block goes to stderr: a hook
    or a pose estimator of the user's own, and programs that they start."""
    stdout = sys.stdout
    try:
        number, instead = stdout.fileno(), sys.stderr.fileno()
    except (AttributeError, OSError):  # something that takes their place, as in a notebook
        with redirect_stdout(sys.stderr):
            yield stdout
        return
    stdout.flush()
    kept = os.dup(number)
    os.dup2(instead, number)
    # JSON is UTF-8; what is no character becomes JSON's own escape. Closed below, by a thread.
    lines = open(os.dup(kept), "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    try:
        with redirect_stdout(sys.stderr):
            yield lines
    finally:
        os.dup2(kept, number)
        os.close(kept)
        # In a thread, as nobody may read what is still being written.
        closing = threading.Thread(target=_close, args=(lines,), daemon=True)
        closing.start()
        closing.join(LAST_WORDS)


def _close(lines: TextIO) -> None:
    with suppress(OSError):
        lines.close()
