"""Where a movement begins, ends and pauses, by how many repetitions are under way."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skedge.edge_runtime.curves import RATE
from skedge.edge_runtime.stretch import SETTLE, stretches

SECONDS = np.arange(0, 20, 1 / RATE)


def under_way(*spans: tuple[float, float], density: float = 0.1) -> np.ndarray:
    found = np.zeros(len(SECONDS))
    for start, end in spans:
        found[(start <= SECONDS) & (end >= SECONDS)] = density
    return found


def test_bounds_move_out_to_where_the_movement_begins_and_ends() -> None:
    [(start, end)] = stretches(under_way((4, 9)), SECONDS, start=5.0, end=8.0)
    assert start == pytest.approx(4 - SETTLE, abs=0.1)
    assert end == pytest.approx(9 + SETTLE, abs=0.1)
    # Never in: what an event says is kept.
    assert stretches(under_way((6, 7)), SECONDS, start=5.0, end=8.0) == [(5.0, 8.0)]


def test_where_nothing_is_under_way_bounds_stay() -> None:
    assert stretches(under_way((1, 19), density=1e-3), SECONDS, start=5.0, end=8.0) == [(5.0, 8.0)]


def test_other_movement_is_left_out() -> None:
    """Something slower, beside it or after a break."""
    slower = under_way((5, 8)) + under_way((2, 4.9), (8.1, 12), density=0.03)
    [(start, end)] = stretches(slower, SECONDS, start=5.0, end=8.0)
    assert (start, end) == (pytest.approx(5, abs=0.5), pytest.approx(8, abs=0.5))
    assert stretches(under_way((5, 8), (9, 12)), SECONDS, start=5.2, end=7.9)[-1][1] < 8.6


def test_a_pause_parts_it_and_a_short_break_does_not() -> None:
    [first, second] = stretches(under_way((4, 6), (7.5, 10)), SECONDS, start=4.0, end=10.0)
    assert first[1] == second[0] == pytest.approx(6.75, abs=0.1)
    assert len(stretches(under_way((4, 6), (6.5, 10)), SECONDS, start=4.0, end=10.0)) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 0.3), min_size=2, max_size=600),
    st.floats(0, 20),
    st.floats(0.1, 20),
)
def test_stretches_cover_the_event_in_turn(
    values: list[float], start: float, length: float
) -> None:
    """Whatever the density: without gaps, and no farther than it is known."""
    moments = np.arange(len(values)) / RATE
    found = stretches(np.array(values), moments, start=start, end=start + length)
    assert found[0][0] <= start
    assert found[-1][1] >= start + length or found[-1][1] == moments[-1]
    assert all(one[1] == two[0] for one, two in pairwise(found))
    assert all(one[0] <= one[1] for one in found)
    assert found[0][0] >= min(start, moments[0])
    assert found[-1][1] <= max(start + length, moments[-1])
