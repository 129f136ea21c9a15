import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.skeleton import InputError, layout_names, load_layout, retarget
from skedge.skeleton.layout import Layout

NAMES = layout_names()


def _rotation(rng: np.random.Generator) -> np.ndarray:
    matrix, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return matrix * np.sign(np.linalg.det(matrix))


@pytest.mark.parametrize(("source", "target"), list(itertools.product(NAMES, NAMES)))
def test_every_layout_to_every_layout(source: str, target: str) -> None:
    one, other = load_layout(source), load_layout(target)
    joints = np.random.default_rng(0).normal(size=(2, 4, len(one), 3)).astype(np.float32)
    placed = retarget(joints, one, other)
    assert placed.shape == (2, 4, len(other), 3)
    assert placed.dtype == np.float32
    assert np.isfinite(placed).all()
    for joint in set(one.joints) & set(other.joints):
        np.testing.assert_array_equal(
            placed[..., other.index(joint), :], joints[..., one.index(joint), :]
        )


@given(pair=st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), seed=st.integers(0, 9999))
def test_a_rigid_motion_before_equals_one_after(pair: tuple[str, str], seed: int) -> None:
    one, other = map(load_layout, pair)
    rng = np.random.default_rng(seed)
    joints = rng.normal(size=(3, len(one), 3))
    rotation, shift = _rotation(rng), rng.normal(scale=3, size=3)
    before = retarget(joints @ rotation.T + shift, one, other)
    np.testing.assert_allclose(before, retarget(joints, one, other) @ rotation.T + shift, atol=1e-4)


@given(pair=st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), seed=st.integers(0, 9999))
def test_left_and_right_are_treated_alike(pair: tuple[str, str], seed: int) -> None:
    one, other = map(load_layout, pair)
    joints = np.random.default_rng(seed).normal(size=(len(one), 3))
    np.testing.assert_allclose(
        retarget(joints[one.mirror], one, other),
        retarget(joints, one, other)[other.mirror],
        atol=1e-6,
    )


def test_the_orders_of_kinect_are_permutations_of_each_other() -> None:
    standard, utd = load_layout("kinect20"), load_layout("utd-mhad20")
    joints = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    np.testing.assert_array_equal(retarget(retarget(joints, standard, utd), utd, standard), joints)


def test_joints_that_are_in_place_stay_as_they_are() -> None:
    """Also where a coordinate alone is missing, and without a copy of a store's clips."""
    pose = load_layout("blazepose33")
    joints = np.random.default_rng(0).normal(size=(2, 33, 3)).astype(np.float32)
    joints[0, 0] = np.nan, 1.0, np.inf
    assert retarget(joints, pose, pose) is joints
    assert retarget(joints.astype(np.float64), pose, pose).dtype == np.float32


def test_an_absent_joint_makes_absent_what_needs_it_and_nothing_else() -> None:
    pose, ntu = load_layout("blazepose33"), load_layout("ntu25")
    joints = np.random.default_rng(0).normal(size=(2, 33, 3))
    joints[0, pose.index("left_hip")] = np.nan
    joints[1, pose.index("left_knee"), 1] = np.inf
    absent = np.isnan(retarget(joints, pose, ntu)).any(axis=-1)
    lost = [{ntu.joints[j] for j in np.flatnonzero(frame)} for frame in absent]
    assert {"left_hip", "hip_center"} <= lost[0]
    assert not {"right_hip", "left_knee", "head", "shoulder_center"} & lost[0]
    assert lost[1] == {"left_knee"}


def test_a_joint_that_no_rule_places_is_named() -> None:
    coco = load_layout("coco17")
    document = coco.to_dict() | {"name": "dog"}
    document["joints"] = [*document["joints"], "tail"]
    document["bones"] = [*document["bones"], ["tail", "left_hip"]]
    dog = Layout.from_dict(document)
    assert retarget(np.ones((18, 3)), dog, coco).shape == (17, 3)
    with pytest.raises(InputError, match=r"cannot retarget coco17 to dog: .* tail$"):
        retarget(np.ones((17, 3)), coco, dog)


def test_a_wrong_joint_count_is_one_line() -> None:
    with pytest.raises(InputError, match=r"expected 33 joints .*got 25"):
        retarget(np.ones((25, 3)), load_layout("blazepose33"), load_layout("ntu25"))


def test_a_neck_lies_nearer_to_the_shoulders_than_to_the_head() -> None:
    kinect, ntu = load_layout("kinect20"), load_layout("ntu25")
    joints = np.zeros((20, 3))
    joints[kinect.index("head"), 1] = 0.3  # above the middle of the shoulders
    assert 0 < retarget(joints, kinect, ntu)[ntu.index("neck"), 1] < 0.15
