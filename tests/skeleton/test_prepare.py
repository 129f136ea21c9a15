import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.skeleton import InputError, load_layout, prepare
from skedge.skeleton.prepare import fill, last_seen, seen
from skedge.skeleton.resample import resize

NTU = load_layout("ntu25")


def _clip(seed: int, absent: float = 0.5) -> np.ndarray:
    """A clip with holes: joints, whole frames and now and then a whole person."""
    rng = np.random.default_rng(seed)
    joints = rng.normal(size=(2, 9, 25, 3)).astype(np.float32)
    joints[rng.random((2, 9, 25)) < absent] = np.nan
    joints[rng.random((2, 9)) < absent / 2] = np.nan
    joints[rng.random(2) < absent / 3] = np.nan
    one_coordinate = rng.random(joints.shape) < absent / 20
    joints[one_coordinate] = rng.choice([np.nan, np.inf, -np.inf], one_coordinate.sum())
    return joints


def _by_hand(joints: np.ndarray) -> np.ndarray:
    out = np.zeros_like(joints)
    for m, person in enumerate(joints):
        held: dict[int, np.ndarray] = {}
        for t, frame in enumerate(person):
            held |= {v: joint for v, joint in enumerate(frame) if np.isfinite(joint).all()}
            if held:
                center = held.get(NTU.center, np.mean(list(held.values()), axis=0))
                out[m, t] = [held.get(v, center) for v in range(25)]
    return out


holes = st.floats(0, 1)
seeds = st.integers(0, 9999)


@given(seed=seeds, absent=holes)
def test_fill_against_loops(seed: int, absent: float) -> None:
    joints = _clip(seed, absent=absent)
    filled = fill(joints, NTU)
    assert filled.dtype == np.float32
    assert np.isfinite(filled).all()
    np.testing.assert_allclose(filled, _by_hand(joints), atol=1e-6)


@given(seed=seeds, cut=st.integers(1, 8))
def test_fill_is_causal(seed: int, cut: int) -> None:
    joints = _clip(seed)
    np.testing.assert_array_equal(fill(joints, NTU)[:, :cut], fill(joints[:, :cut], NTU))


@given(seed=seeds, cuts=st.sets(st.integers(1, 8)))
def test_fill_in_pieces_equals_the_whole(seed: int, cuts: set[int]) -> None:
    joints = _clip(seed)
    last, pieces = None, []
    for piece in np.split(joints, sorted(cuts), axis=1):
        pieces.append(fill(piece, NTU, last))
        last = last_seen(piece, last)
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), fill(joints, NTU))
    np.testing.assert_array_equal(last, last_seen(joints))


@given(seed=seeds)
def test_fill_twice_is_fill_once(seed: int) -> None:
    once = fill(_clip(seed), NTU)
    np.testing.assert_array_equal(fill(once, NTU), once)


@given(seed=seeds)
def test_fill_keeps_what_was_seen(seed: int) -> None:
    joints = _clip(seed)
    np.testing.assert_array_equal(fill(joints, NTU)[seen(joints)], joints[seen(joints)])


def test_fill_does_not_write_into_its_input() -> None:
    joints = _clip(3)
    before = joints.copy()
    fill(joints, NTU)
    np.testing.assert_array_equal(joints, before)


@given(seed=seeds, persons=st.integers(1, 3), frames=st.one_of(st.none(), st.integers(1, 70)))
def test_prepare_gives_what_a_model_takes(seed: int, persons: int, frames: int | None) -> None:
    joints = _clip(seed, absent=0.4)
    there = seen(joints[:persons]).any(axis=(0, 2))
    if not there.any():
        with pytest.raises(InputError):
            prepare(joints, NTU, persons, frames)
        return
    result = prepare(joints, NTU, persons, frames)
    first, last = np.flatnonzero(there)[[0, -1]]
    assert result.shape == (persons, frames or last - first + 1, 25, 3)
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    filled = fill(joints[:persons, first : last + 1], NTU)
    expected = filled if frames is None else resize(filled, frames)
    np.testing.assert_array_equal(result[: len(expected)], expected)
    assert not result[2:].any(), "missing persons are zeros"


def test_prepare_drops_empty_frames_at_the_ends_only() -> None:
    joints = np.full((1, 10, 25, 3), np.nan, np.float32)
    joints[:, [2, 3, 6]] = 1
    assert prepare(joints, NTU, 1).shape[1] == 5


@pytest.mark.parametrize("shape", [(2, 9, 25), (2, 9, 25, 2), (9, 25, 3)])
def test_prepare_says_what_shape_it_takes(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        InputError, match=r"wave.npz: expected joints of shape \(persons, frames, joints, 3\), got"
    ):
        prepare(np.zeros(shape, np.float32), NTU, 1, source="wave.npz")


def test_prepare_says_which_layouts_have_that_many_joints() -> None:
    with pytest.raises(
        InputError,
        match=r"wave.npz: expected 25 joints \(ntu25\), got 20; .*kinect20.*utd-mhad20.*--layout",
    ):
        prepare(np.zeros((1, 9, 20, 3)), NTU, 1, source="wave.npz")


@pytest.mark.parametrize(
    "joints",
    [np.full((1, 9, 25, 3), np.nan), np.full((1, 9, 25, 3), np.inf), np.zeros((1, 0, 25, 3))],
)
def test_prepare_refuses_a_clip_without_anybody(joints: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"no finite joint in \d frames"):
        prepare(joints, NTU, 2)
