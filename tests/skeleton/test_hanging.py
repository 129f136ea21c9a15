"""What hangs where nobody sees it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.skeleton.hanging import hanging, leg_joints
from skedge.skeleton.layout import layout_names, load_layout
from tests.skeleton.people import NTU as LAYOUT
from tests.skeleton.people import standing


def joint(joints: np.ndarray, name: str) -> np.ndarray:
    return joints[..., LAYOUT.index(name), :]


@given(st.sets(st.integers(0, 24)))
def test_what_is_seen_stays_where_it_is(absent: set[int]) -> None:
    body = standing()
    body[list(absent)] = np.nan
    before = body.copy()
    found = hanging(body, LAYOUT)
    seen = np.isfinite(body).all(axis=-1)
    assert np.array_equal(found[seen], body[seen])
    assert np.array_equal(body, before, equal_nan=True), "the caller's array is not changed"


def test_legs_hang_where_those_of_somebody_who_stands_are() -> None:
    body = standing()
    half = body.copy()
    half[list(leg_joints(LAYOUT))] = np.nan
    found = hanging(half, LAYOUT)
    for name in ("left_knee", "right_knee", "left_ankle", "right_ankle"):
        assert np.linalg.norm(joint(found, name) - joint(body, name)) < 0.15, name


def test_hips_hang_below_the_shoulders_whichever_way_somebody_faces() -> None:
    for degrees in (0, 90, 180, 250):
        turn = np.radians(degrees)
        cos, sin = np.cos(turn), np.sin(turn)
        body = standing() @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
        half = body.copy()
        half[[LAYOUT.index("left_hip"), LAYOUT.index("right_hip"), *leg_joints(LAYOUT)]] = np.nan
        found = hanging(half, LAYOUT)
        for name in ("left_hip", "right_hip", "left_ankle"):
            assert np.linalg.norm(joint(found, name) - joint(body, name)) < 0.25, (name, degrees)
        hips, shoulders = (
            joint(found, f"left_{part}") - joint(found, f"right_{part}")
            for part in ("hip", "shoulder")
        )
        assert np.linalg.norm(hips) == pytest.approx(0.19), "however broad the shoulders"
        assert hips @ shoulders > 0, "the left hip below the left shoulder"


def test_without_shoulders_nothing_is_placed() -> None:
    body = standing()
    body[[*LAYOUT.shoulders, LAYOUT.index("left_hip"), LAYOUT.index("left_knee")]] = np.nan
    found = hanging(body, LAYOUT)
    assert np.isnan(joint(found, "left_hip")).all()
    assert np.isnan(joint(found, "left_knee")).all()


@pytest.mark.parametrize("name", layout_names())
def test_every_layout_has_legs(name: str) -> None:
    layout = load_layout(name)
    legs = [layout.joints[i] for i in leg_joints(layout)]
    assert {"left_knee", "right_knee", "left_ankle", "right_ankle"} <= {*legs}
    assert not any(word in one for one in legs for word in ("hip", "wrist", "shoulder", "head"))
