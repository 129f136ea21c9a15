"""Waiting for what another thread does."""

import time
from collections.abc import Callable

# Seconds that a crowded machine may need.
PATIENCE = 60


def wait_until(true: Callable[[], bool]) -> None:
    """Returns as soon as it is `true`; fails where it is not after `PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
