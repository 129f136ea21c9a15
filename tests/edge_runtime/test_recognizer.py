"""A frame at a time: the same numbers as a whole clip, whatever the camera does."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skedge.edge_runtime import Event, Recognizer, Result
from skedge.edge_runtime.events import NEVER
from skedge.edge_runtime.repetitions import Counter
from skedge.edge_runtime.window import Window
from skedge.skeleton import InputError
from skedge.skeleton.hanging import leg_joints
from skedge.skeleton.metadata import ModelMetadata
from tests.edge_runtime.edge_models import METADATA, metadata, walk, write_model
from tests.skeleton.people import standing

RATE = METADATA.frames / METADATA.seconds
NOBODY = np.full((25, 3), np.nan)


class Echo:
    """A backend whose embedding is its input, and whose probabilities stand in the newest frame's
    first joint."""

    def __init__(self, metadata: ModelMetadata = METADATA) -> None:
        self.metadata = metadata
        self.runs = 0

    def run(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert joints.dtype == np.float32
        assert joints.shape == (self.metadata.persons, self.metadata.frames, 25, 3)
        assert np.isfinite(joints).all()
        self.runs += 1
        return joints[0, -1, 0], joints.ravel()


def feed(
    recognizer: Recognizer, clip: np.ndarray, seconds: np.ndarray, person: object = 0
) -> list[Result]:
    return [
        recognizer.update(frame, moment, person)
        for frame, moment in zip(clip, seconds, strict=True)
    ]


def begun(results: list[Result]) -> list[tuple[int, Event]]:
    """(number of the frame, event) of every beginning."""
    return [
        (i, event) for i, result in enumerate(results) for event in result.events if not event.ended
    ]


def every_frame(**options: float) -> Recognizer:
    return Recognizer(Echo(), hop=0, **options)


def test_masked_joints_are_absent(model: Path) -> None:
    clip = walk(30, RATE)
    clip[3:6] = np.nan
    masked = np.ma.masked_invalid(clip)
    masked.data[3:6] = 7.0
    recognizer = Recognizer.load(model, hop=0)
    np.testing.assert_array_equal(recognizer.predict(masked, RATE), recognizer.predict(clip, RATE))


def test_at_the_models_rate_it_equals_predict(model: Path) -> None:
    recognizer = Recognizer.load(model, hop=0)
    clip = walk(60, RATE)[:, 0]
    for end, result in enumerate(feed(recognizer, clip, 100 + np.arange(60) / RATE), 1):
        if end >= 20:
            window = clip[end - 20 : end]
            np.testing.assert_allclose(result.embedding, recognizer.embed(window), atol=1e-5)
            np.testing.assert_allclose(result.probabilities, recognizer.predict(window), atol=1e-5)
            assert result.label == METADATA.labels[int(recognizer.predict(window).argmax())]
            assert result.confidence == pytest.approx(recognizer.predict(window).max(), abs=1e-5)


@given(rate=st.floats(5, 120), share=st.floats(0.55, 1), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_clip_within_the_window_equals_predict_at_any_rate(
    rate: float, share: float, seed: int
) -> None:
    recognizer = every_frame()
    frames = int(share * METADATA.seconds * rate)
    clip = walk(frames, rate, seed=seed)[:, 0]
    absent = np.random.default_rng(seed).random(clip.shape[:2]) < 0.2
    clip[absent] = np.nan
    clip[frames // 3 : frames // 2] = np.nan
    result = feed(recognizer, clip, np.arange(frames) / rate)[-1]
    assert result.ready is (frames / rate >= 0.5 * METADATA.seconds - 1e-5)
    if result.ready:
        np.testing.assert_allclose(result.embedding, recognizer.embed(clip, rate), atol=1e-4)


@pytest.mark.parametrize("rate", [5, 10, 15, 30, 60, 120])
def test_a_long_clip_equals_predict_on_its_last_window(rate: int) -> None:
    recognizer = every_frame()
    clip = walk(4 * rate, rate)[:, 0]
    result = feed(recognizer, clip, 1.7e9 + np.arange(len(clip)) / rate)[-1]
    # A camera slower than the model: only the window knows what came before the clip's first frame.
    first = 0 if rate >= RATE else 75
    np.testing.assert_allclose(
        result.embedding[first:], recognizer.embed(clip[-2 * rate :])[first:], atol=1e-4
    )


@given(
    steps=st.lists(st.floats(0.02, 0.3), min_size=12, max_size=60),
    dropped=st.sets(st.integers(0, 59), max_size=20),
    doubled=st.sets(st.integers(0, 59), max_size=10),
)
@settings(max_examples=60, deadline=None)
def test_irregular_dropped_and_doubled_frames_are_interpolated(
    steps: list[float], dropped: set[int], doubled: set[int]
) -> None:
    seconds = np.cumsum(steps)[[i for i in range(len(steps)) if i not in dropped]]
    clip = walk(60, 30)[: len(seconds), 0]
    recognizer = every_frame()
    result = Result()
    for i, (frame, moment) in enumerate(zip(clip, seconds, strict=True)):
        if i in doubled:
            recognizer.update(frame + 5, moment)
        result = recognizer.update(frame, moment)
    if len(seconds) == 0:
        return
    gaps = np.flatnonzero(np.diff(seconds) > min(METADATA.seconds, 1.0))
    begin = int(gaps[-1]) + 1 if len(gaps) else 0
    seconds, clip = seconds[begin:], clip[begin:]
    kept = seconds > (seconds[-1] - METADATA.seconds)
    kept[max(int(kept.argmax()) - 1, 0)] = True
    half = np.median(np.diff(seconds[kept])) / 2 if kept.sum() > 1 else 0.0
    end = seconds[-1] + half
    start = max(seconds[kept][0] - half, end - METADATA.seconds)
    if result.fresh:
        moments = start + (np.arange(20) + 0.5) * (end - start) / 20
        flat = clip.reshape(len(clip), -1)
        expected = np.stack([np.interp(moments, seconds, column) for column in flat.T], axis=1)
        np.testing.assert_allclose(result.embedding, expected.ravel(), atol=1e-4)
    else:
        assert (end - start) / METADATA.seconds < 0.5 + 1e-3


def test_dropped_frames_change_little() -> None:
    clip = walk(90, 30)[:, 0]
    seconds = np.arange(90) / 30
    kept = np.random.default_rng(0).random(90) > 0.4
    kept[-1] = True
    whole = feed(every_frame(), clip, seconds)[-1]
    holes = feed(every_frame(), clip[kept], seconds[kept])[-1]
    np.testing.assert_allclose(holes.embedding, whole.embedding, atol=0.03)


def test_persons_do_not_disturb_each_other() -> None:
    clips = {name: walk(80, 30, seed=seed)[:, 0] for seed, name in enumerate(["ann", 7, (1, 2)])}
    offsets = dict(zip(clips, [0.0, 0.011, 0.4], strict=True))
    alone = {
        name: feed(every_frame(), clip, offsets[name] + np.arange(80) / 30)
        for name, clip in clips.items()
    }
    together = every_frame()
    frames = sorted((offsets[name] + i / 30, i, name) for name in clips for i in range(80))
    for moment, i, name in frames:
        result = together.update(clips[name][i], moment, person=name)
        assert result.ready is alone[name][i].ready
        if result.ready:
            np.testing.assert_array_equal(result.embedding, alone[name][i].embedding)


def test_absent_joints_before_the_window_are_remembered_and_then_forgotten() -> None:
    clip = np.ones((300, 25, 3), np.float32)
    clip[:, 3] = 2.0
    clip[10:, 3] = np.nan
    results = feed(every_frame(), clip, np.arange(300) / 30)
    held = [result.embedding.reshape(20, 25, 3)[-1, 3, 0] for result in results if result.ready]
    assert held[0] == 2.0
    assert held[-1] == 1.0
    changes = np.flatnonzero(np.diff(held))
    assert 0 < len(changes) < 10, "first its last value, then, a window later, the body's centre"


def seated(frames: int) -> np.ndarray:
    """Somebody (T, 25, 3) at rest whose legs are out of view, who says "clap" by the first joint
    (`Echo`)."""
    clip = np.repeat(standing()[None], frames, axis=0)
    clip[:, 0] = (0.3, 0.6, 0.1)
    clip[:, list(leg_joints(METADATA.layout))] = np.nan
    return clip


def test_a_model_that_can_is_shown_hanging_legs_and_tells_actions_of_the_arms() -> None:
    recognizer = Recognizer(Echo(metadata(upper_body=("wave",))), hop=0)
    result = feed(recognizer, seated(60), np.arange(60) / 30)[-1]
    assert result.upper
    assert result.label == "idle"
    np.testing.assert_allclose(result.probabilities, (0.3, 0, 0.7), atol=1e-6)
    frame = result.embedding.reshape(20, 25, 3)[-1]
    for name in ("left_knee", "right_ankle"):
        joint = METADATA.layout.index(name)
        assert np.linalg.norm(frame[joint] - standing()[joint]) < 0.15, name
    probabilities, _ = recognizer.predict(seated(60)), recognizer.embed(seated(60))
    assert probabilities.argmax() == 2, "a whole clip is answered alike"


def test_legs_that_went_out_of_view_are_remembered_for_a_window() -> None:
    recognizer = Recognizer(Echo(metadata(upper_body=("wave",))), hop=0)
    clip = seated(150)
    clip[:30, list(leg_joints(METADATA.layout))] = standing()[list(leg_joints(METADATA.layout))]
    results = feed(recognizer, clip, np.arange(150) / 30)
    assert [result.upper for result in results].index(True) / 30 == pytest.approx(3.0, abs=0.1)


def test_a_model_of_whole_bodies_says_nothing_of_legs() -> None:
    result = feed(every_frame(), seated(60), np.arange(60) / 30)[-1]
    assert not result.upper
    assert result.label == "clap"


def test_infinite_coordinates_are_absent() -> None:
    clip = walk(60, 30)[:, 0]
    odd, absent = clip.astype(np.float64), clip.copy()
    odd[20:30, 4, 1] = np.inf
    odd[30:40, 4] = 1e300
    absent[20:40, 4] = np.nan
    seconds = np.arange(60) / 30
    one, other = feed(every_frame(), odd, seconds)[-1], feed(every_frame(), absent, seconds)[-1]
    np.testing.assert_array_equal(one.embedding, other.embedding)


def test_ready_from_half_a_window_on() -> None:
    results = feed(every_frame(), walk(90, 30)[:, 0], np.arange(90) / 30)
    assert [result.ready for result in results] == [False] * 29 + [True] * 61
    first = results[0]
    assert (first.label, first.confidence, first.probabilities, first.events) == (
        None,
        0,
        None,
        (),
    )


def test_runs_every_hop_whatever_the_jitter() -> None:
    rng = np.random.default_rng(0)
    seconds = np.arange(300) / 30 + rng.uniform(-0.01, 0.01, 300)
    recognizer = Recognizer(Echo())
    results = feed(recognizer, walk(300, 30)[:, 0], seconds)
    assert sum(result.fresh for result in results) == recognizer._backend.runs
    assert 86 <= recognizer._backend.runs <= 91
    for result, moment in zip(results, seconds, strict=True):
        if result.ready:
            assert 0 <= moment - result.seconds < 0.15
            assert result.fresh == (moment == result.seconds)
    everything = Recognizer(Echo(), hop=0)
    results = feed(everything, walk(300, 30)[:, 0], seconds)
    assert everything._backend.runs == sum(result.ready for result in results) >= 268


def test_nobody_in_the_frame_runs_nothing_and_expires() -> None:
    recognizer = every_frame()
    clip = walk(60, 30)[:, 0]
    last = feed(recognizer, clip, np.arange(60) / 30)[-1]
    runs = recognizer._backend.runs
    away = feed(recognizer, [NOBODY] * 75, 2 + np.arange(75) / 30)
    assert recognizer._backend.runs == runs
    ready = [result.ready for result in away]
    assert sum(ready) in (29, 30), "a second long"
    assert ready == sorted(ready, reverse=True)
    assert all(not result.fresh for result in away)
    np.testing.assert_array_equal(away[10].probabilities, last.probabilities)
    back = feed(recognizer, clip, 5 + np.arange(60) / 30)
    assert [result.ready for result in back] == [False] * 29 + [True] * 31
    np.testing.assert_allclose(back[-1].embedding, last.embedding, atol=1e-5)


def test_frames_before_anybody_came_count_for_nothing() -> None:
    recognizer = every_frame()
    feed(recognizer, [NOBODY] * 40, np.arange(40) / 30)
    clip = walk(40, 30)[:, 0]
    result = feed(recognizer, clip, 2 + np.arange(40) / 30)[-1]
    np.testing.assert_allclose(result.embedding, recognizer.embed(clip), atol=1e-5)


def test_a_long_gap_starts_anew() -> None:
    recognizer = every_frame(debounce=60)
    clip = walk(60, 30)[:, 0]
    feed(recognizer, clip - 3, np.arange(60) / 30)
    results = feed(recognizer, clip, 10 + np.arange(60) / 30)
    assert not any(result.ready for result in results[:29])
    np.testing.assert_allclose(results[-1].embedding, recognizer.embed(clip), atol=1e-5)


@pytest.mark.parametrize("nobody", [0, 30, 36])
def test_who_was_away_for_longer_than_a_second_starts_anew(nobody: int) -> None:
    """A window of two seconds would hold a movement across the gap that nobody made; it did where
    frames of nobody came meanwhile, as in a store, or up to shortly before the end."""
    recognizer = every_frame(debounce=60)
    clip = walk(60, 30)[:, 0]
    feed(recognizer, clip[:30] - 3, np.arange(30) / 30)
    feed(recognizer, [NOBODY] * nobody, 1 + np.arange(nobody) / 30)
    later = clip[:40].copy()
    later[:, 11] = np.nan  # a hand that is hidden now is not where it was before
    results = feed(recognizer, later, 2.2 + np.arange(40) / 30)
    assert not any(result.ready for result in results[:20])
    np.testing.assert_allclose(results[-1].embedding, recognizer.embed(later), atol=1e-5)


def test_who_is_missed_for_less_than_a_second_needs_no_warm_up_whatever_the_debounce() -> None:
    recognizer = every_frame(debounce=0.0)
    clip = walk(60, 30)[:, 0]
    feed(recognizer, clip[:40], np.arange(40) / 30)
    back = recognizer.update(clip[59], 59 / 30)
    assert back.ready
    assert back.fresh


def scripted(rows: list[tuple[float, float, float]]) -> np.ndarray:
    """Frames that make `Echo` answer with these probabilities, if every frame is an inference's
    newest."""
    clip = np.zeros((len(rows), 25, 3), np.float32)
    clip[:, 0] = rows
    return clip


def test_events_come_once_and_say_when() -> None:
    # At the model's own rate the newest sample of a window is the newest frame.
    rows = [(0.2, 0.2, 0.2)] * 20 + [(0.9, 0.1, 0.0)] * 15 + [(0.1, 0.8, 0.1)] * 12
    recognizer = every_frame(threshold=0.6, patience=4, debounce=1.0)
    results = feed(recognizer, scripted(rows), np.arange(len(rows)) / RATE)
    found = begun(results)
    assert [(i, event.label) for i, event in found] == [(23, "wave"), (38, "clap")]
    wave = found[0][1]
    assert wave.confidence == pytest.approx(0.9)
    assert (wave.end, wave.announced) == (None, pytest.approx(2.3))
    # Half-way sure is an answer of which a quarter of the window of two seconds shows the action.
    assert wave.start == pytest.approx(2.0 - METADATA.seconds / 4)
    [ended] = [event for result in results for event in result.events if event.ended]
    # Another action is seen from 3.5 s on; a second after the last wave at 3.4 s it is over.
    assert (ended.label, ended.start) == ("wave", wave.start)
    assert ended.announced == pytest.approx(4.4, abs=0.11)
    assert [event.label for event in recognizer.open_events] == ["clap"]


@pytest.mark.parametrize(("threshold", "number"), [(0.35, 1), (0.45, 0)])
def test_a_threshold_of_later_holds_for_who_is_in_view(threshold: float, number: int) -> None:
    recognizer = every_frame()
    clip = scripted([(0.4, 0.1, 0.1)] * 80)
    assert begun(feed(recognizer, clip[:40], np.arange(40) / RATE)) == []
    recognizer.set_threshold(threshold)
    assert len(begun(feed(recognizer, clip[40:], np.arange(40, 80) / RATE))) == number


def test_an_action_that_was_turned_off_stays_so_whatever_the_common_threshold() -> None:
    """On the page: a threshold for all actions, then "As in the model" again. With the first,
    actions came back that the owner had turned off by a flag."""
    recognizer = every_frame(threshold={"wave": NEVER})
    waves, claps = scripted([(0.9, 0.1, 0.1)] * 40), scripted([(0.1, 0.9, 0.1)] * 40)
    for number, threshold in enumerate((None, 0.6, None)):
        recognizer.set_threshold(threshold)
        assert recognizer.threshold == threshold
        assert recognizer.given["wave"] == NEVER
        assert recognizer.given.get("clap") == threshold
        assert "idle" not in recognizer.given
        for clip, events, begin in (waves, 0, 60.0 * number), (claps, 1, 60.0 * number + 30):
            recognizer.reset()
            assert len(begun(feed(recognizer, clip, begin + np.arange(40) / RATE))) == events


def test_nothing_begins_by_lasting_below_a_threshold_of_later() -> None:
    model = replace(METADATA, thresholds={"wave": 0.9}, lasting={"wave": 1.0})
    recognizer = Recognizer(Echo(model), hop=0)
    clip = scripted([(0.7, 0.1, 0.1)] * 80)
    for threshold, number in ((0.9, 0), (None, 1)):
        recognizer.set_threshold(threshold)
        times = 60.0 * number + np.arange(80) / RATE
        assert len(begun(feed(recognizer, clip, times))) == number


def test_an_event_stands_in_one_result_only() -> None:
    clip = scripted([(0.9, 0.1, 0.0)] * 120)
    results = feed(Recognizer(Echo(), patience=2), clip, np.arange(120) / 30)
    assert len(begun(results)) == 1
    assert all(result.fresh for result in results if result.events)


def test_debounce_outlasts_the_window() -> None:
    clip, seconds = scripted([(0.9, 0.1, 0.0)] * 60), np.arange(60) / 30
    for debounce, events in ((1.0, 2), (30.0, 1)):
        recognizer = every_frame(debounce=debounce)
        results = feed(recognizer, clip, seconds) + feed(recognizer, clip, seconds + 8)
        assert len(begun(results)) == events


def test_answers_before_and_after_an_absence_are_not_consecutive() -> None:
    clip, seconds = scripted([(0.2, 0.2, 0.2)] * 18 + [(0.9, 0.1, 0.0)] * 2), np.arange(20) / RATE
    recognizer = every_frame(patience=3, debounce=60)
    before, after = (
        feed(recognizer, clip, seconds),
        feed(recognizer, scripted([(0.9, 0.1, 0.0)] * 12), 8 + seconds[:12]),
    )
    assert sum(result.label == "wave" and result.confidence > 0.5 for result in before) == 2
    assert [i for i, _ in begun(after)] == [11], "the third answer after it"


@pytest.mark.parametrize("how", ["nobody in the frame", "no frame", "somebody else's frames"])
def test_events_of_those_who_leave_end(how: str) -> None:
    clip, seconds = scripted([(0.9, 0.1, 0.0)] * 60), np.arange(60) / 30
    recognizer = every_frame()
    [(_, first)] = begun(feed(recognizer, clip, seconds, person="ann"))
    assert (first.person, recognizer.open_events[0].person) == ("ann", "ann")
    if how == "no frame":
        assert recognizer.end_events(2.5) == ()
        events = recognizer.end_events(3.5)
    else:
        frame, who = (NOBODY, "ann") if how.startswith("nobody") else (0 * clip[0], "bob")
        later = feed(recognizer, [frame] * 50, 2 + np.arange(50) / 30, person=who)
        events = tuple(event for result in later for event in result.events if event.ended)
    [event] = events
    assert (event.person, event.label, event.start) == ("ann", "wave", first.start)
    assert event.start < event.end <= 2 < event.announced <= 3.5
    assert recognizer.end_events() == ()


def test_an_action_that_begins_again_is_counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page gave it the number of the one before, for up to two seconds."""
    counted: list[float] = []

    def count(counter: Counter, start: float, *_: object) -> int:
        counted.append(start)
        return 12

    monkeypatch.setattr(Counter, "count", count)
    recognizer = every_frame()
    rows = [(0.9, 0.1, 0.0)] * 49 + [(0.1, 0.8, 0.1)] * 11 + [(0.9, 0.1, 0.0)] * 30
    for joints, seconds in zip(scripted(rows), np.arange(len(rows)) / RATE, strict=True):
        recognizer.update(joints, seconds)
        for event in recognizer.open_events:
            assert event.repetitions == (12 if event.start in counted else None)
    assert len({*counted}) == 2, "both waves, the second of them later than at its beginning"


def test_who_is_missed_in_a_few_pictures_ends_no_event_without_a_debounce() -> None:
    recognizer = every_frame(debounce=0.0)
    feed(recognizer, scripted([(0.9, 0.1, 0.0)] * 60), np.arange(60) / 30)
    assert recognizer.end_events(2.4) == ()
    [event] = recognizer.end_events(2.5)
    assert event.ended


def test_the_end_of_a_recording_ends_its_events() -> None:
    recognizer = every_frame()
    feed(recognizer, scripted([(0.9, 0.1, 0.0)] * 60), np.arange(60) / 30)
    [event] = recognizer.end_events()
    assert event.ended
    assert recognizer.open_events == ()


def test_idling_is_never_an_event() -> None:
    recognizer = every_frame(threshold=0, patience=1)
    results = feed(recognizer, scripted([(0.1, 0.1, 0.8)] * 90), np.arange(90) / 30)
    assert results[-1].label == "idle"
    assert begun(results) == []


def test_reset_forgets_one_or_all() -> None:
    recognizer = every_frame()
    clip, seconds = walk(60, 30)[:, 0], np.arange(60) / 30
    for person in "ab":
        feed(recognizer, clip, seconds, person)
    recognizer.reset("a")
    assert not recognizer.update(clip[0], 0.0, "a").ready
    assert recognizer.update(clip[0], 2.0, "b").ready
    recognizer.reset("never seen")
    recognizer.reset()
    assert not recognizer.update(clip[0], 0.0, "b").ready


def test_a_scene_of_two() -> None:
    recognizer = Recognizer(Echo(metadata(persons=2)), hop=0)
    clip = walk(60, 30, persons=2)
    clip[:20, 1] = np.nan
    result = feed(recognizer, clip, np.arange(60) / 30)[-1]
    np.testing.assert_allclose(result.embedding, recognizer.embed(clip), atol=1e-5)
    recognizer.reset()
    alone = feed(recognizer, clip[:, 0], np.arange(60) / 30)[-1]
    np.testing.assert_allclose(alone.embedding, recognizer.embed(clip[:, 0]), atol=1e-5)
    recognizer.reset()
    clip[30:, 1] = np.nan
    later = feed(recognizer, np.concatenate([clip, clip[30:], clip[30:]]), np.arange(120) / 30)[-1]
    assert (later.embedding.reshape(2, 20, 25, 3)[1, -1] == 0).all(), (
        "who is gone for a window is zeros again"
    )


def test_memory_stays_bounded() -> None:
    recognizer = Recognizer(Echo(), hop=1.0)
    clip = walk(100, 30)[:, 0]

    def run(start: int, frames: int) -> None:
        for i in range(start, start + frames):
            recognizer.update(clip[i % 100], i / 60, person=i // 900)

    run(0, 4000)
    # Counted by allocation: the test process is as large as all tests before made it.
    tracemalloc.start()
    try:
        run(4000, 20000)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 500_000, "20,000 frames are 6 MB"
    assert len(recognizer._persons) <= 2


@pytest.mark.parametrize("rate", [1.0, 30.0, 1e3, 1e6])
def test_the_window_has_a_limit_at_any_rate(rate: float) -> None:
    window = Window(METADATA)
    frame = walk(1, 30)[0]
    for i in range(5000):
        window.push(frame + np.float32(i / rate), 50 + i / rate)
    assert len(window) <= 2 * 16 * METADATA.frames + 2
    if rate < 1e6:
        assert window.share() == pytest.approx(1)
        expected = window.bounds()[1] - METADATA.seconds / METADATA.frames / 2 - 50
        assert window.read()[0, -1, 0, 0] - frame[0, 0, 0] == pytest.approx(
            min(expected, 4999 / rate), abs=0.01
        )


def refused(recognizer: Recognizer, *arguments: object) -> str:
    with pytest.raises(InputError) as caught:
        recognizer.update(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_wrong_frames() -> None:
    recognizer = every_frame()
    frame = np.zeros((25, 3))
    message = refused(recognizer, np.zeros((20, 3)), 0.0)
    assert "expected 25 joints (ntu25), got 20" in message
    assert "kinect20" in message
    assert "(25, 3)" in refused(recognizer, np.zeros((2, 25, 3)), 0.0)
    assert "(25, 3)" in refused(recognizer, np.zeros((25, 2)), 0.0)
    assert "(25, 3)" in refused(recognizer, np.zeros(75), 0.0)
    assert "array of coordinates" in refused(recognizer, "frame", 0.0)
    assert "array of coordinates" in refused(recognizer, [[1, 2], [3]], 0.0)
    for moment in (np.nan, np.inf, None, "soon"):
        assert "time stamp in seconds" in refused(recognizer, frame, moment)
    assert recognizer._persons == {}, "a refused frame leaves no trace"


def test_time_does_not_go_backwards() -> None:
    recognizer = every_frame()
    clip, seconds = walk(60, 30)[:, 0], np.arange(60) / 30
    before = feed(recognizer, clip, seconds)[-1]
    message = refused(recognizer, clip[0], 1.0)
    assert "do not go backwards" in message
    assert "reset()" in message
    again = recognizer.update(clip[-1], seconds[-1])
    np.testing.assert_array_equal(again.embedding, before.embedding)
    recognizer.update(clip[0], 1.0, person="another")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("hop", -0.1),
        ("hop", np.nan),
        ("threshold", 1.5),
        ("threshold", np.nan),
        ("patience", 0),
        ("debounce", -1),
    ],
)
def test_wrong_settings(option: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{option}: expected"):
        Recognizer(Echo(), **{option: value})


def test_a_stores_clip_is_not_taken_for_a_frame_of_many_persons(model: Path) -> None:
    """A store has persons first: `recognizer.predict(store.clip(0))` answered for its first frame
    alone."""
    recognizer = Recognizer.load(model)
    clip = walk(50, 30)
    with pytest.raises(InputError, match=r"50 persons; swap.*clip\.swapaxes\(0, 1\)"):
        recognizer.predict(clip[:, 0][None])
    recognizer.predict(clip[:, 0][None].swapaxes(0, 1))


def test_a_taught_file_may_be_named_in_words(model: Path, tmp_path: Path) -> None:
    """A model's path was taken as a string, and that of a taught file ended in a traceback."""
    with pytest.raises(InputError, match=r"nothing\.json: expected a file"):
        Recognizer.load(str(model), taught=str(tmp_path / "nothing.json"))


def test_wrong_clips(model: Path) -> None:
    recognizer = Recognizer.load(model)
    for clip, expected in (
        (np.zeros((30, 20, 3)), "expected 25 joints"),
        (np.full((30, 25, 3), np.nan), "NaN everywhere"),
        (np.zeros((0, 25, 3)), "no finite joint in 0 frames"),
        (np.zeros((25, 3)), "(frames, joints, 3)"),
        (np.zeros((30, 25, 2)), "(frames, joints, 3)"),
        ("clip", "array of coordinates"),
    ):
        with pytest.raises(InputError) as caught:
            recognizer.predict(clip)
        assert expected in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="rate: expected"):
        recognizer.predict(walk(30, 30), rate=0)


def test_two_recognizers_share_nothing(tmp_path: Path) -> None:
    one, other = (Recognizer.load(write_model(tmp_path / f"{i}.onnx"), hop=0) for i in range(2))
    feed(one, walk(60, 30)[:, 0], np.arange(60) / 30)
    assert not other.update(walk(1, 30)[0, 0], 0.0).ready
