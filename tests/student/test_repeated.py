"""Invented repetitions and errors, from which the counter learns."""

from itertools import pairwise

import numpy as np
import pytest

from skedge.edge_runtime.curves import RATE
from skedge.edge_runtime.density import CURVES, mirrored
from skedge.student.repeated import LASTS, MOST, THERE_AND_BACK, Stretch, noise, to_and_fro

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


@pytest.mark.parametrize("seed", range(40))
def test_somebody_comes_from_another_pose_and_goes_to_one(poses: Stretch, seed: int) -> None:
    """Within a third of a second to one, next to the action, and without a jump."""
    motion, _, start, end = to_and_fro(poses, poses, np.random.default_rng(seed), margin=MARGIN)
    rest = motion[start]
    for edge in (motion[start::-1], motion[end:]):
        other = edge[-1]
        assert np.abs(poses.motion - other).max(axis=1).min() < 1e-5, "it is one of the poses"
        if np.abs(other - rest).max() < 1e-5:
            assert np.abs(edge - rest).max() < 1e-5
        else:
            way = np.abs(edge - rest).max(axis=1) / np.abs(other - rest).max()
            assert 7 <= np.count_nonzero((way > 1e-4) & (way < 1 - 1e-4)) <= 30
            assert (np.diff(way) > -1e-4).all()
            assert np.diff(way).max() < 0.2


def test_the_margins_are_still_where_there_is_no_other_pose(poses: Stretch) -> None:
    rng = np.random.default_rng(0)
    drawn = [to_and_fro(poses, poses, rng, margin=MARGIN) for _ in range(200)]
    for moves in (
        [np.ptp(one.motion[:MARGIN], axis=0).max() > 0 for one in drawn],
        [np.ptp(one.motion[-MARGIN:], axis=0).max() > 0 for one in drawn],
    ):
        assert np.mean(moves) == pytest.approx(0.6, abs=0.1)


@pytest.mark.parametrize("seed", range(10))
def test_how_far_somebody_goes_does_not_depend_on_where_the_poses_are(
    poses: Stretch, seed: int
) -> None:
    beside = poses._replace(motion=poses.motion + np.float32(5))
    one, other = (
        to_and_fro(poses, another, np.random.default_rng(seed), margin=MARGIN).motion
        for another in (poses, beside)
    )
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_ways_are_as_far_as_was_seen_and_some_are_taken_by_both_sides(poses: Stretch) -> None:
    """From a third of the way between two poses to a third more, by an arm, by its mirror image in
    turns with it in one of seven sets, and by another way back in one of three."""
    arm = np.zeros((90, CURVES), np.float32)
    arm[::2, 4] = 1  # up and down, of a joint that the other side has, too
    other = int(np.abs(mirrored(arm[:1])).argmax())
    rng = np.random.default_rng(0)
    far, turns = [], []
    for _ in range(400):
        moved = to_and_fro(poses, poses._replace(motion=arm), rng, margin=MARGIN)
        size = np.ptp(moved.motion[moved.start : moved.end + 1], axis=0)
        far.append(size[4])
        turns.append(size[other] > 0.05)
        assert not np.delete(size, [4, other]).any()
    assert np.mean(turns) == pytest.approx(0.15, abs=0.05)
    assert 0.15 < min(far) < 0.4
    assert np.median(far) == pytest.approx(0.95, abs=0.15)


def test_a_set_takes_no_longer_than_it_may(poses: Stretch) -> None:
    rng = np.random.default_rng(0)
    drawn = [to_and_fro(poses, poses, rng, margin=MARGIN) for _ in range(300)]
    seconds = [(one.end - one.start) / RATE for one in drawn]
    assert 12 < max(seconds) < 1.3 * LASTS


def test_slow_errors_are_as_large_as_quick_ones() -> None:
    rng = np.random.default_rng(0)
    drawn = [noise(400, rng) for _ in range(300)]
    alike = np.array([float((one[1:] * one[:-1]).mean() / one.var()) for one in drawn])
    size = np.array([float(one.std()) for one in drawn])
    for some in (alike < 0.1, alike > 0.8):
        assert size[some].mean() == pytest.approx(0.025, abs=0.006)
