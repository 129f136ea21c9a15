"""The lite network's differences are found in pictures of one person and added as they were seen."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")

from skedge.bench.studies.pose_events import Seen, differences, disturbed, read
from skedge.edge_runtime.interfaces import Person
from skedge.skeleton import InputError

PLACES = np.stack([np.arange(33.0), np.arange(33.0)], axis=1)


def person(joints: np.ndarray, at: float = 0.0) -> Person:
    return Person(0, joints, pixels=PLACES + at)


def test_a_joint_differs_from_the_hips_on_in_pictures_of_the_same_person() -> None:
    body = np.random.default_rng(0).normal(size=(33, 3))
    moved = body + 3.0
    moved[0, 1] += 0.5
    half = body.copy()
    half[5] = np.nan
    usual: Seen = [(person(body),), (person(body),), (person(body),), (), (person(body),)]
    other: Seen = [(person(moved),), (), (person(body, at=90.0),), (person(body),), (person(half),)]
    found = differences(usual, other, height=480)
    assert found.shape == (1, 33, 3), "not of one missed, of somebody elsewhere, nor half in view"
    expected = np.zeros((33, 3))
    expected[0, 1] = 0.5
    np.testing.assert_allclose(found[0], expected, atol=1e-12)
    with pytest.raises(InputError, match="both networks follow"):
        differences(usual[1:2], other[1:2], height=480)


def test_bodies_are_disturbed_in_the_order_of_pictures_and_nothing_else_is() -> None:
    changes = np.arange(1.0, 5.0)[:, None, None] * np.ones((1, 33, 3))
    recording = {
        "picture": np.array([0, 0, 1, 2, 3, 4]),
        "person": np.array([0, 1, 0, 0, 0, 0]),
        "rate": np.array(15.0),
        "joints": np.zeros((6, 33, 3), np.float32),
    }
    recording["joints"][0, 3] = np.nan
    found = disturbed(recording, changes, seed=1)
    assert {name: found[name] is recording[name] for name in recording} == {
        "picture": True,
        "person": True,
        "rate": True,
        "joints": False,
    }
    assert np.isnan(found["joints"][0, 3]).all(), "what was not seen stays unseen"
    assert not recording["joints"][1:].any(), "the recording itself stays as it was"
    # To and fro, and of pictures at 15 a second every other one.
    course = [1, 2, 3, 4, 4, 3, 2, 1]
    own = found["joints"][[0, 2, 3, 4, 5], 0, 0].tolist()
    assert own in [[course[(at + 2 * n) % 8] for n in range(5)] for at in range(8)]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no recording"])
def test_another_file_is_told_in_a_line(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "walk.npz"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"walk\.npz: expected bodies as"):
        read(file)
    np.savez(file, joints=np.zeros((2, 25, 3)), person=[0, 0], picture=[0, 1], rate=30.0)
    with pytest.raises(InputError, match=r"walk\.npz: expected bodies as"):
        read(file)
