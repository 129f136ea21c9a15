import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from skedge.skeleton.resample import (
    at_rate,
    at_times,
    newest,
    resize,
    take,
    uniform_sample,
)


def _clip(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, frames, 5, 3)).astype(np.float32)


@given(length=st.integers(1, 120), frames=st.integers(1, 120))
def test_resize_is_torchs_interpolation(length: int, frames: int) -> None:
    clip = _clip(length)
    rows = torch.from_numpy(clip).double().permute(0, 2, 3, 1).reshape(2, 15, length)
    expected = torch.nn.functional.interpolate(
        rows, size=frames, mode="linear", align_corners=False
    )
    result = resize(clip, frames)
    assert result.dtype == np.float32
    np.testing.assert_allclose(
        result, expected.reshape(2, 5, 3, frames).permute(0, 3, 1, 2).numpy(), atol=2e-6
    )


@given(length=st.integers(1, 60))
def test_resize_to_the_same_length_changes_nothing(length: int) -> None:
    np.testing.assert_array_equal(resize(_clip(length), length), _clip(length))


@given(length=st.integers(1, 80), frames=st.integers(1, 80), seed=st.integers(0, 99))
def test_resized_values_stay_between_the_originals(length: int, frames: int, seed: int) -> None:
    clip = _clip(length, seed)
    result = resize(clip, frames)
    assert (result >= clip.min(axis=1, keepdims=True) - 1e-5).all()
    assert (result <= clip.max(axis=1, keepdims=True) + 1e-5).all()


def test_take_between_frames() -> None:
    clip = np.array([0.0, 10.0, 30.0], np.float32)[:, None, None]
    np.testing.assert_allclose(take(clip, np.array([0, 0.5, 1.25, 2]))[:, 0, 0], [0, 5, 15, 30])


@given(
    length=st.integers(1, 60),
    rate=st.sampled_from([15, 25, 29.97, 30, 60]),
    hz=st.sampled_from([10, 15, 29.97, 30, 60]),
    seed=st.integers(0, 9),
)
def test_a_joint_is_absent_where_the_nearer_frame_lacks_it(
    length: int, rate: float, hz: float, seed: int
) -> None:
    """A joint that one frame lacked was lost from its neighbours, too, even at the same rate."""
    clip = _clip(length, seed)
    clip[np.random.default_rng(seed).random(clip.shape[:3]) < 0.3] = np.nan
    read = at_rate(clip, rate, hz)
    at = np.arange(read.shape[1]) * (rate / hz)
    nearer = np.ceil(at - 0.5 - 1e-4).astype(int)  # of two as near the earlier one
    np.testing.assert_array_equal(np.isnan(read), np.isnan(clip[:, nearer]))
    if rate == hz:
        np.testing.assert_array_equal(read, clip)


def test_at_times_follows_the_clock_and_holds_the_edges() -> None:
    seconds = np.array([0.0, 0.1, 0.5])  # a camera that stutters
    clip = (seconds * 60).astype(np.float32)[:, None, None]
    read = at_times(clip, seconds, np.array([-1, 0.05, 0.1, 0.3, 0.5, 9]))[:, 0, 0]
    np.testing.assert_allclose(read, [0, 3, 6, 18, 30, 30], atol=1e-5)


@given(
    length=st.integers(1, 90),
    rate=st.sampled_from([10, 15, 25, 29.97, 30, 60]),
    hz=st.sampled_from([10, 15, 20, 30]),
)
@example(length=42, rate=10, hz=30)  # 4.1 s are 122.99999999999999 thirtieths
def test_a_fixed_rate_reads_every_moment_of_the_clip_and_none_beyond(
    length: int, rate: float, hz: float
) -> None:
    time = (np.arange(length) / rate).astype(np.float32)[:, None, None]
    read = at_rate(time, rate, hz)[:, 0, 0]
    np.testing.assert_allclose(read, np.arange(len(read)) / hz, atol=1e-5)
    assert read[-1] <= time[-1] + 1e-5
    assert len(read) / hz > (length - 1) / rate + 1e-9, "the next one would be too late"
    if rate == hz:
        np.testing.assert_array_equal(at_rate(_clip(length), rate, hz), _clip(length))


def test_before_its_first_frame_a_clip_stood_still() -> None:
    clip = _clip(5)
    np.testing.assert_array_equal(newest(clip, 3), clip[:, 2:])
    np.testing.assert_array_equal(
        newest(clip, 8), np.concatenate([np.repeat(clip[:, :1], 3, axis=1), clip], axis=1)
    )


@given(length=st.integers(1, 40), frames=st.integers(1, 40), seed=st.integers(0, 999))
def test_uniform_sample_in_its_three_regimes(length: int, frames: int, seed: int) -> None:
    at = uniform_sample(length, frames, np.random.default_rng(seed))
    assert at.shape == (frames,)
    assert np.issubdtype(at.dtype, np.integer)
    assert at.min() >= 0
    assert at.max() < length
    if length < frames:
        assert (np.diff(at) % length == 1 % length).all(), "round and round"
    else:
        assert (np.diff(at) >= 1).all(), "forward, no frame twice"
        edges = np.arange(frames + 1) * length // frames
        if length >= 2 * frames:
            assert (at >= edges[:-1]).all()
            assert (at < edges[1:]).all()
        else:
            assert at[0] <= 1, "never two frames skipped in a row, at the start neither"
            assert (np.diff(at) <= 2).all()


@pytest.mark.parametrize(("length", "frames"), [(3, 8), (8, 8), (12, 8), (30, 8)])
def test_uniform_sample_reaches_every_frame(length: int, frames: int) -> None:
    rng = np.random.default_rng(0)
    drawn = np.concatenate([uniform_sample(length, frames, rng) for _ in range(200)])
    assert set(drawn.tolist()) == set(range(length))
