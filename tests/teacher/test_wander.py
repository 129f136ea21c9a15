"""Numbers that change smoothly with time."""

import pytest
import torch

from skedge.teacher.wander import wander


def test_they_go_straight_from_knot_to_knot_of_which_each_comes_within_the_pace() -> None:
    torch.manual_seed(1)
    found = wander(4, 41, (2, 5, 3), pace=10)
    assert found.shape == (4, 2, 41, 5, 3)
    bent = found.diff(n=2, dim=2).abs().amax((0, 1, 3, 4)) > 1e-4
    assert (torch.nonzero(bent)[:, 0] + 1).tolist() == [8, 16, 24, 32]
    short = wander(4, 5, (1, 1), pace=10)
    assert short.diff(n=2, dim=2).abs().max() < 1e-5, "a clip shorter than the pace has two knots"


def test_they_are_about_unit_in_size() -> None:
    torch.manual_seed(2)
    found = wander(500, 90, (1, 25, 3), pace=15)
    assert found.mean() == pytest.approx(0, abs=0.02)
    assert found.std() == pytest.approx(1.2 * (2 / 3) ** 0.5, abs=0.03)
