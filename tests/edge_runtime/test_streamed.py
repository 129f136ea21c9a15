"""Models that remember: a frame in, an answer out, whatever the camera does."""

from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skedge.edge_runtime import Recognizer, Result
from skedge.edge_runtime.scoring.predict import predict_store
from skedge.skeleton import InputError
from skedge.skeleton.resample import at_rate
from tests.edge_runtime.edge_models import STREAMING, metadata, walk, write_streaming_model
from tests.edge_runtime.test_predict import write_store
from tests.edge_runtime.test_recognizer import NOBODY, Echo, feed

HZ = 10.0


@pytest.fixture
def recognizer(streaming_model: Path) -> Recognizer:
    return Recognizer.load(streaming_model, hop=0)


def remembered(frames: np.ndarray) -> np.ndarray:
    """The last four of a person's frames (T, V, 3) as the model's embedding holds them; before the
    first it stood still."""
    last = frames[np.maximum(np.arange(len(frames) - 4, len(frames)), 0)]
    return last.transpose(1, 0, 2).ravel()


def test_at_the_models_rate_every_frame_has_its_answer(recognizer: Recognizer) -> None:
    clip = walk(20, HZ)[:, 0]
    results = feed(recognizer, clip, 1.7e9 + np.arange(20) / HZ)
    assert [result.ready for result in results] == [False] * 3 + [True] * 17, "from the warm-up on"
    assert [result.fresh for result in results] == [result.ready for result in results]
    for n, result in enumerate(results[3:], 3):
        np.testing.assert_allclose(result.embedding, remembered(clip[: n + 1]), atol=1e-6)
        assert result.probabilities.argmax() == clip[n, 0].argmax()


def test_before_the_first_frame_the_person_stood_still(tmp_path: Path) -> None:
    """A model that answers at once has no zeros in its memory."""
    recognizer = Recognizer.load(
        write_streaming_model(tmp_path / "eager.onnx", replace(STREAMING, warm_up=1)), hop=0
    )
    clip = walk(3, HZ)[:, 0]
    for n, result in enumerate(feed(recognizer, clip, np.arange(3) / HZ)):
        np.testing.assert_allclose(result.embedding, remembered(clip[: n + 1]), atol=1e-6)
    answers = [remembered(clip[: n + 1]) for n in range(3)]
    np.testing.assert_allclose(recognizer.embed(clip, HZ), np.mean(answers, axis=0), atol=1e-6)
    np.testing.assert_allclose(recognizer.embed(clip[:1], HZ), answers[0], atol=1e-6)


@given(
    steps=st.lists(st.floats(0.001, 0.5), min_size=2, max_size=50),
    doubled=st.sets(st.integers(0, 49), max_size=10),
    gap=st.integers(0, 80),
)
@settings(max_examples=60)
def test_irregular_cameras_are_resampled(
    streaming_model: Path, steps: list[float], doubled: set[int], gap: int
) -> None:
    """Slow, fast, jittery, with frames twice, and with a gap that starts everything anew."""
    seconds = np.cumsum(steps)
    seconds[gap:] += 5
    clip = walk(50, 30)[: len(steps), 0]
    recognizer = Recognizer.load(streaming_model, hop=0)
    result = Result()
    for n, (frame, moment) in enumerate(zip(clip, seconds, strict=True)):
        result = recognizer.update(frame, moment)
        if n in doubled:
            assert not recognizer.update(frame, moment).fresh
    begin = gap if 0 < gap < len(steps) else 0
    seconds, flat = seconds[begin:], clip[begin:].reshape(len(clip) - begin, -1)
    moments = seconds[0] + np.arange(int((seconds[-1] - seconds[0] + 1e-6) * HZ) + 1) / HZ
    seen = np.stack([np.interp(moments, seconds, column) for column in flat.T], axis=1).reshape(
        -1, 25, 3
    )
    assert result.ready is (len(moments) >= STREAMING.warm_up)
    if result.fresh:
        np.testing.assert_allclose(result.embedding, remembered(seen.astype(np.float32)), atol=1e-4)


@pytest.mark.parametrize(("rate", "fresh"), [(40, 15), (10, 61), (2.5, 63)])
def test_a_fast_camera_has_an_answer_at_the_models_rate_a_slow_one_at_its_own(
    recognizer: Recognizer, rate: float, fresh: int
) -> None:
    """64 frames; without an answer stay those of the warm-up of 0.3 seconds."""
    results = feed(recognizer, walk(64, rate)[:, 0], np.arange(64) / rate)
    assert sum(result.fresh for result in results) == pytest.approx(fresh, abs=2)


def test_hop_is_how_often_it_answers_not_how_often_it_runs(streaming_model: Path) -> None:
    clip = walk(40, HZ)[:, 0]
    every = feed(Recognizer.load(streaming_model, hop=0), clip, np.arange(40) / HZ)
    some = feed(Recognizer.load(streaming_model, hop=0.5), clip, np.arange(40) / HZ)
    fresh = [n for n, result in enumerate(some) if result.fresh]
    assert set(np.diff(fresh)) == {5}
    for n in fresh:
        np.testing.assert_array_equal(some[n].embedding, every[n].embedding)


def test_persons_do_not_disturb_each_other(streaming_model: Path) -> None:
    clips: dict[Hashable, np.ndarray] = {
        name: walk(40, 30, seed=seed)[:, 0] for seed, name in enumerate(["ann", 7, (1, 2)])
    }
    offsets = dict(zip(clips, [0.0, 0.011, 0.4], strict=True))
    alone = {
        name: feed(
            Recognizer.load(streaming_model, hop=0), clip, offsets[name] + np.arange(40) / 30
        )
        for name, clip in clips.items()
    }
    together = Recognizer.load(streaming_model, hop=0)
    for moment, n, name in sorted(
        ((offsets[name] + n / 30, n, name) for name in clips for n in range(40)), key=lambda x: x[0]
    ):
        result = together.update(clips[name][n], moment, person=name)
        assert result.ready is alone[name][n].ready
        if result.ready:
            np.testing.assert_array_equal(result.embedding, alone[name][n].embedding)


@given(ends=st.lists(st.integers(1, 15), min_size=1, max_size=6))
@settings(max_examples=20)
def test_reset_starts_anew(streaming_model: Path, ends: list[int]) -> None:
    recognizer = Recognizer.load(streaming_model, hop=0)
    clip = walk(15, HZ)[:, 0]
    for end in ends:
        results = feed(recognizer, clip[:end], np.arange(end) / HZ)
        assert [result.ready for result in results] == [n >= 3 for n in range(end)]
        if end > 3:
            np.testing.assert_allclose(results[-1].embedding, remembered(clip[:end]), atol=1e-6)
        recognizer.reset()


def test_an_answer_is_kept_when_the_next_one_comes(recognizer: Recognizer) -> None:
    clip = walk(10, HZ)[:, 0]
    results = feed(recognizer, clip, np.arange(10) / HZ)
    np.testing.assert_allclose(results[4].embedding, remembered(clip[:5]), atol=1e-6)
    np.testing.assert_allclose(results[4].probabilities.sum(), 1, atol=1e-6)


def test_nobody_in_the_frame_stands_still_and_expires(recognizer: Recognizer) -> None:
    clip = walk(10, HZ)[:, 0]
    last = feed(recognizer, clip, np.arange(10) / HZ)[-1]
    away = feed(recognizer, [NOBODY] * 20, 1 + np.arange(20) / HZ)
    assert not any(result.fresh for result in away)
    ready = [result.ready for result in away]
    assert sum(ready) in (9, 10), "a second long"
    assert ready == sorted(ready, reverse=True)
    np.testing.assert_array_equal(away[3].probabilities, last.probabilities)
    back = feed(recognizer, clip, 5 + np.arange(10) / HZ)
    assert [result.ready for result in back] == [False] * 3 + [True] * 7

    # Back sooner: what the model saw in between is the last pose.
    recognizer.reset()
    feed(recognizer, clip, np.arange(10) / HZ)
    feed(recognizer, [NOBODY] * 2, 1 + np.arange(2) / HZ)
    result = recognizer.update(clip[0], 1.2)
    np.testing.assert_allclose(
        result.embedding, remembered(np.concatenate([clip, clip[[9, 9, 0]]])), atol=1e-6
    )


@pytest.mark.parametrize("nobody", [0, 10, 12])
def test_who_was_away_for_longer_than_a_second_starts_anew(
    recognizer: Recognizer, nobody: int
) -> None:
    """Frames of nobody, as a store has them, held somebody still until a whole window was over."""
    clip = walk(10, HZ)[:, 0]
    feed(recognizer, clip - 3, np.arange(10) / HZ)
    feed(recognizer, [NOBODY] * nobody, 1 + np.arange(nobody) / HZ)
    back = feed(recognizer, clip, 2.2 + np.arange(10) / HZ)
    assert [result.ready for result in back] == [False] * 3 + [True] * 7
    np.testing.assert_allclose(back[-1].embedding, remembered(clip), atol=1e-6)


def test_absent_joints_take_their_last_value(recognizer: Recognizer) -> None:
    clip = walk(12, HZ)[:, 0]
    holes = clip.copy()
    holes[6:9, 4] = np.nan
    filled = clip.copy()
    filled[6:9, 4] = clip[5, 4]
    result = feed(recognizer, holes[:10], np.arange(10) / HZ)[-1]
    np.testing.assert_allclose(result.embedding, remembered(filled[:10]), atol=1e-6)


@pytest.mark.parametrize("rate", [10.0, 30.0, 4.0])
def test_predict_is_the_mean_of_the_ready_answers(recognizer: Recognizer, rate: float) -> None:
    clip = walk(40, rate)[:, 0]
    seen = at_rate(clip, rate, HZ)
    embeddings = [remembered(seen[: n + 1]) for n in range(3, len(seen))]
    np.testing.assert_allclose(recognizer.embed(clip, rate), np.mean(embeddings, axis=0), atol=1e-5)
    live = [result for result in feed(recognizer, clip, np.arange(40) / rate) if result.fresh]
    if rate >= HZ:
        np.testing.assert_allclose(
            recognizer.predict(clip, rate),
            np.mean([result.probabilities for result in live], axis=0),
            atol=1e-6,
        )
    short = clip[:1]
    np.testing.assert_allclose(recognizer.embed(short, rate), remembered(short), atol=1e-6)


def test_a_scene_of_two(tmp_path: Path) -> None:
    recognizer = Recognizer.load(
        write_streaming_model(tmp_path / "pair.onnx", replace(STREAMING, persons=2)), hop=0
    )
    clip = walk(12, HZ, persons=2)
    clip[:4, 1] = np.nan
    result = feed(recognizer, clip, np.arange(12) / HZ)[-1]
    expected = [remembered(np.nan_to_num(clip[:, person])) for person in range(2)]
    np.testing.assert_allclose(result.embedding, np.concatenate(expected), atol=1e-6)


def test_a_store_frame_by_frame_by_the_last_answer_and_by_the_mean(
    streaming_model: Path, tmp_path: Path
) -> None:
    lengths = tuple(range(40, 64, 2))
    store = write_store(tmp_path / "store", STREAMING.labels, rate=30, lengths=lengths)
    report = predict_store(streaming_model, store, "all", frame_by_frame=True)
    whole = predict_store(streaming_model, store, "all")
    for n, (live, clip) in enumerate(zip(report.predictions, whole.predictions, strict=True)):
        seen = at_rate(walk(lengths[n], 30, seed=n)[:, 0], 30, HZ)[3:, 0]
        answers = np.exp(seen) / np.exp(seen).sum(axis=1, keepdims=True)
        assert live.label == STREAMING.labels[answers[-1].argmax()]
        assert live.mean_label == clip.label == STREAMING.labels[answers.mean(axis=0).argmax()]
    assert any(live.label != live.mean_label for live in report.predictions), (
        "else the two could not be told apart"
    )
    assert report.accuracy == np.mean([live.label == live.truth for live in report.predictions])
    assert (
        report.mean_accuracy
        == whole.accuracy
        == np.mean([live.mean_label == live.truth for live in report.predictions])
    )
    assert whole.mean_accuracy is None


def test_states_that_contradict_the_metadata_are_refused(tmp_path: Path) -> None:
    other = replace(STREAMING.streaming, states={"state_other": 3})
    uneven = replace(STREAMING.streaming, states={"state_memory": 2})
    for model in (
        write_streaming_model(tmp_path / "name.onnx", replace(STREAMING, streaming=other)),
        write_streaming_model(tmp_path / "frames.onnx", replace(STREAMING, streaming=uneven)),
        write_streaming_model(tmp_path / "columns.onnx", columns=6),
    ):
        with pytest.raises(
            InputError, match=r"expected the state state_\w+ of \d frames"
        ) as caught:
            Recognizer.load(model)
        assert str(caught.value).startswith(str(model))
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="one input joints"):
        Recognizer.load(
            write_streaming_model(tmp_path / "clip.onnx", replace(STREAMING, streaming=None))
        )


FIXED = metadata(time="rate", hz=10.0, warm_up=6)


@pytest.mark.parametrize("rate", [10, 30])
def test_a_clip_model_of_fixed_rate_sees_its_window_and_before_it_the_first_pose(rate: int) -> None:
    recognizer = Recognizer(Echo(FIXED), hop=0)
    clip = walk(4 * rate, rate)[:, 0]
    results = feed(recognizer, clip, np.arange(len(clip)) / rate)
    ready = [result.ready for result in results]
    assert ready == sorted(ready)
    assert ready.index(True) == pytest.approx(0.6 * rate, abs=1)
    for n in range(ready.index(True), len(clip)):
        at = np.maximum(n - np.arange(19, -1, -1) * rate // 10, 0)
        np.testing.assert_allclose(results[n].embedding, clip[at].ravel(), atol=1e-4)
    last = (len(clip) - 1) // (rate // 10) * (rate // 10)
    np.testing.assert_allclose(recognizer.embed(clip, rate), results[last].embedding, atol=1e-4)
