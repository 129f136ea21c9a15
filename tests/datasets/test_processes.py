"""Work shared out to processes: the same results in the same order, and what happens when one of
them ends."""

import os
import signal

import pytest

from skedge.datasets.processes import in_order
from skedge.skeleton.errors import InputError


def doubled(number: int) -> int:
    if number < 0:
        raise InputError(f"expected a number from 0, got {number}")
    return 2 * number


def ended(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("processes", [1, 2])
def test_results_are_in_order(processes: int) -> None:
    found = in_order(doubled, range(23), processes, chunk=3)
    assert list(found) == list(range(0, 46, 2))


@pytest.mark.parametrize("processes", [1, 2])
def test_what_the_work_raises_is_raised_here(processes: int) -> None:
    found = in_order(doubled, [1, 2, -3, 4], processes, chunk=1)
    with pytest.raises(InputError, match="got -3"):
        list(found)


def test_a_process_that_was_ended_is_told() -> None:
    with pytest.raises(ChildProcessError, match="ended from outside"):
        list(in_order(ended, [1, 2, 3], 2, chunk=1))
