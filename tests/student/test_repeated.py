"""Invented repetitions and errors, from which the counter learns."""

from itertools import pairwise

import numpy as np
import pytest

from skedge.edge_runtime.density import CURVES
from skedge.student.repeated import MOST, THERE_AND_BACK, Stretch, noise, to_and_fro

MARGIN = 45


@pytest.fixture(scope="module")
def poses() -> Stretch:
    motion = np.random.default_rng(0).normal(0, 0.5, (90, CURVES)).astype(np.float32)
    return Stretch(motion, np.array([30, 60]), start=30, end=60)


@pytest.mark.parametrize("seed", range(40))
def test_somebody_is_back_at_every_mark_and_away_in_between(poses: Stretch, seed: int) -> None:
    motion, marks, start, end = to_and_fro(poses, poses, np.random.default_rng(seed), margin=MARGIN)
    assert motion.dtype == np.float32
    assert (start, end, len(motion)) == (marks[0], marks[-1], marks[-1] + MARGIN)
    assert start == MARGIN
    assert 1 <= len(marks) - 1 <= MOST
    rest = motion[start]
    np.testing.assert_allclose(motion[marks], np.tile(rest, (len(marks), 1)), atol=1e-5)
    for one, after in pairwise(marks):
        assert np.abs(motion[one:after] - rest).max() > 0.05
        assert after - one >= 4
        if after - one >= 20:
            left = np.abs(motion[after - 1] - rest).max()
            assert left < 0.5 * np.abs(motion[one:after] - rest).max(), "else it jumps back"
    assert np.diff(marks).max() / 30 < 2 * 1.6 * THERE_AND_BACK[1]


@pytest.mark.parametrize("seed", range(20))
def test_poses_are_apart_where_somebody_mostly_holds_still(poses: Stretch, seed: int) -> None:
    motion = poses.motion.copy()
    motion[:60] = 0
    still = poses._replace(motion=motion)
    moved = to_and_fro(still, still, np.random.default_rng(seed), margin=MARGIN)
    assert np.ptp(moved.motion[moved.start : moved.end], axis=0).max() > 0.1


def test_sets_of_one_and_of_many_are_drawn(poses: Stretch) -> None:
    rng = np.random.default_rng(0)
    drawn = [len(to_and_fro(poses, poses, rng, margin=MARGIN).marks) - 1 for _ in range(300)]
    assert {1, 2, 3, 5, 10} <= set(drawn)
    assert max(drawn) >= 15


def test_errors_are_small_and_some_of_them_slow() -> None:
    rng = np.random.default_rng(0)
    drawn = [noise(200, rng) for _ in range(60)]
    assert all(one.shape == (200, CURVES) and one.dtype == np.float32 for one in drawn)
    assert 0.02 < max(float(one.std()) for one in drawn) < 0.06
    # How alike a frame and the next one are.
    alike = [float((one[1:] * one[:-1]).mean() / one.var()) for one in drawn]
    assert min(alike) < 0.1
    assert max(alike) > 0.8
