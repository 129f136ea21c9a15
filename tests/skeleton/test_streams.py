import numpy as np
import pytest
import torch

from skedge.skeleton import layout_names, load_layout
from skedge.skeleton.streams import bone, motion, stream


def _joints(name: str = "ntu25", *leading: int) -> np.ndarray:
    shape = (*leading, 2, 7, len(load_layout(name)), 3)
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("name", layout_names())
def test_a_bone_is_a_joint_less_its_parent(name: str) -> None:
    layout, joints = load_layout(name), _joints(name)
    bones = bone(joints, layout)
    for child, parent in layout.bones:
        np.testing.assert_array_equal(
            bones[..., child, :], joints[..., child, :] - joints[..., parent, :]
        )
    assert not bones[..., layout.center, :].any()
    assert bones.shape == joints.shape


def test_bones_of_ntu25_by_number() -> None:
    joints = np.zeros((1, 1, 25, 3), np.float32)
    joints[..., 0] = np.arange(25) ** 2
    pairs = (
        "0-1 1-20 2-20 3-2 4-20 5-4 6-5 7-6 8-20 9-8 10-9 11-10 12-0 13-12 14-13 15-14 16-0 17-16"
        " 18-17 19-18"
    )
    expected = np.zeros(25)
    for pair in f"{pairs} 21-22 22-7 23-24 24-11".split():
        child, parent = map(int, pair.split("-"))
        expected[child] = child**2 - parent**2
    np.testing.assert_array_equal(bone(joints, load_layout("ntu25"))[0, 0, :, 0], expected)


def test_motion_looks_ahead_or_back() -> None:
    joints = _joints()
    ahead, back = motion(joints), motion(joints, look_back=True)
    np.testing.assert_array_equal(ahead[:, 2], joints[:, 3] - joints[:, 2])
    np.testing.assert_array_equal(back[:, 3], joints[:, 3] - joints[:, 2])
    assert not ahead[:, -1].any()
    np.testing.assert_array_equal(stream(joints, load_layout("ntu25"), "motion"), ahead)
    np.testing.assert_array_equal(
        stream(joints, load_layout("ntu25"), "motion", look_back=True), back
    )
    assert not back[:, 0].any()
    np.testing.assert_array_equal(ahead[:, :-1], back[:, 1:])


def test_looking_back_is_causal() -> None:
    joints = _joints()
    np.testing.assert_array_equal(
        motion(joints, look_back=True)[:, :4], motion(joints[:, :4], look_back=True)
    )


def test_motion_of_one_frame_is_zero() -> None:
    for look_back in (False, True):
        assert not motion(_joints()[:, :1], look_back=look_back).any()


@pytest.mark.parametrize("name", ["joint", "bone", "motion"])
def test_numpy_equals_torch(name: str) -> None:
    layout, joints = load_layout("ntu25"), _joints("ntu25", 3)
    by_torch = stream(torch.from_numpy(joints), layout, name, torch)
    np.testing.assert_array_equal(stream(joints, layout, name), by_torch.numpy())


def test_streams_do_not_know_where_the_body_stands() -> None:
    layout, joints = load_layout("ntu25"), _joints()
    moved = joints + np.float32([4, -2, 8])
    np.testing.assert_allclose(bone(moved, layout), bone(joints, layout), atol=1e-5)
    np.testing.assert_allclose(motion(moved), motion(joints), atol=1e-5)
    np.testing.assert_array_equal(stream(moved, layout, "joint"), moved)
