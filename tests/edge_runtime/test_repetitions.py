"""How often a movement was repeated: on bodies and people who move a known number of times."""

from collections.abc import Collection, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from skedge.datasets.store import Store
from skedge.datasets.synthetic.actions import ACTIONS
from skedge.datasets.synthetic.synthesize import recording
from skedge.edge_runtime import Recognizer, density, periods, repetitions
from skedge.edge_runtime.claps import Claps, claps
from skedge.edge_runtime.curves import MARGIN
from skedge.edge_runtime.density import CURVES, body_curves
from skedge.edge_runtime.events import QUIET
from skedge.edge_runtime.repetitions import Counter
from skedge.skeleton import InputError
from skedge.skeleton.layout import Layout, load_layout
from skedge.skeleton.retarget import retarget
from tests.edge_runtime.edge_models import STREAMING, write_streaming_model
from tests.edge_runtime.test_guard import FRONT, NTU

RATE = 30.0
HIPS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16, 20, 21, 22, 23, 24]
RIGHT_ARM, LEFT_ARM = [9, 10, 11, 23, 24], [5, 6, 7, 21, 22]


def performed(
    kind: str, times: int, period: float, seed: int = 0, still: float = 1.0
) -> np.ndarray:
    """Somebody who stands, does it so many times, and stands, (T, 25, 3), as a noisy camera sees
    it."""
    rng = np.random.default_rng(seed)
    moving = np.arange(round(times * period * RATE)) / RATE
    share = (1 - np.cos(2 * np.pi * moving / period)) / 2
    joints = np.repeat(FRONT[None], len(moving), axis=0).astype(np.float64)
    if kind == "squat":
        joints[:, HIPS, 1] -= 0.45 * share[:, None]
        joints[:, [13, 17], 2] -= 0.3 * share[:, None]
    elif kind == "jump":
        joints[..., 1] += 0.25 * np.clip(2 * share - 1, 0, 1)[:, None]
        joints[:, HIPS, 1] -= 0.15 * np.clip(1 - 2 * share, 0, 1)[:, None] * (share > 0.05)[:, None]
    elif kind == "clap":
        for arm, side in ((LEFT_ARM, 1), (RIGHT_ARM, -1)):
            joints[:, arm, 1] += 0.45
            joints[:, arm, 2] -= 0.3
            hands = side * (0.03 + 0.14 * (1 - share))
            joints[:, arm, 0] += (hands - joints[0, arm, 0].mean())[:, None]
    else:
        joints[:, RIGHT_ARM, 1] += 0.6
        joints[:, RIGHT_ARM, 0] += 0.35 * (share - 0.5)[:, None]
    rest = np.repeat(FRONT[None], round(still * RATE), axis=0)
    # Nobody's arms are up from one frame to the next.
    raised = np.clip(np.arange(1 - len(rest), 1) / 12 + 1, 0, 1)[:, None, None]
    edges = (joints[0], joints[-1]) if times else (FRONT, FRONT)
    before, after = (rest + raised * (edge - rest) for edge in edges)
    whole = np.concatenate([before, joints, after[::-1]])
    return (whole + rng.normal(0, 0.01, whole.shape) + np.array([0, -0.9, 3])).astype(np.float32)


class Set(NamedTuple):
    """Somebody's action in the midst of other things: joints (T, 25, 3), 30 frames a second, and
    between which seconds it is done, how often."""

    label: str
    joints: np.ndarray
    start: float
    end: float
    times: int


@cache
def sets(people: int = 40) -> tuple[Set, ...]:
    """What invented people did who had no part in training the counter."""
    return tuple(one for subject in range(people) for one in _sets(subject))


def _sets(subject: int) -> Iterator[Set]:
    made, intervals = recording(subject, seed=20_261, actions=0.8)
    for one in intervals:
        if ACTIONS[one.action] not in QUIET and 1 <= one.beats <= 20:
            low = max(0, one.start - 60)
            yield Set(
                ACTIONS[one.action],
                made.joints[low : one.end + 60],
                (one.start - low) / RATE,
                (one.end - low) / RATE,
                one.beats,
            )


def counted(
    clip: np.ndarray,
    start: float,
    end: float,
    rate: float = RATE,
    label: str | None = None,
    arms: Collection[str] = (),
    layout: Layout = NTU,
) -> int | None:
    counter = Counter(layout, arms)
    for number, joints in enumerate(clip):
        counter.push(joints, number / rate)
    return counter.count(start, end, label)


@settings(max_examples=25)
@given(
    st.sampled_from(["squat", "wave"]), st.integers(5, 20), st.floats(0.6, 3.0), st.integers(0, 9)
)
def test_sets_of_five_to_twenty(kind: str, times: int, period: float, seed: int) -> None:
    clip = performed(kind, times, period, seed)
    found = counted(clip, 1.0, 1.0 + times * period)
    assert found is not None
    assert abs(found - times) <= 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("times", [1, 2, 3, 8])
def test_squats_are_counted_exactly(times: int, seed: int) -> None:
    clip = performed("squat", times, 2.2, seed)
    assert counted(clip, 1.0, 1.0 + 2.2 * times) == times
    # From a camera of half the pace, and where an event's bounds are half a second off.
    assert counted(clip[::2], 0.6, 0.7 + 2.2 * times, RATE / 2) == times


def off(found: list[tuple[int | None, int]]) -> np.ndarray:
    """By how many each count is wrong."""
    return np.array([abs((count or 0) - true) for count, true in found])


def test_people_before_a_camera_are_counted() -> None:
    """Invented ones, who had no part in training the counter's network."""
    many = [one for one in sets() if one.times >= 5]
    wrong = off([(counted(*one[1:4], label=one.label), one.times) for one in many])
    assert len(wrong) > 30
    assert (wrong == 0).mean() >= 0.7
    assert (wrong <= 1).mean() >= 0.85


def test_what_is_done_once_is_one() -> None:
    """With the way there and back a throw swings two times or three."""
    once = [one for one in sets() if one.times == 1]
    wrong = off([(counted(*one[1:4], label=one.label), 1) for one in once])
    assert len(wrong) > 100
    assert (wrong == 0).mean() >= 0.95


@pytest.mark.parametrize("name", ["kinect20", "coco17", "blazepose33"])
def test_once_is_one_in_other_layouts_and_from_a_slower_camera(name: str) -> None:
    layout = load_layout(name)
    wrong = off(
        [
            (
                counted(
                    retarget(one.joints[::2], NTU, layout),
                    one.start,
                    one.end,
                    RATE / 2,
                    one.label,
                    layout=layout,
                ),
                1,
            )
            for one in sets()[:80]
            if one.times == 1
        ]
    )
    assert (wrong == 0).mean() >= 0.9


@pytest.mark.parametrize(
    ("action", "label"),
    [("squat", "squat"), ("throw", "throw"), ("sit to stand", "stand up")],
)
def test_what_a_real_person_does_once_is_one(utd_store: Path, action: str, label: str) -> None:
    """With its way there and back, a throw swings two times or three."""
    store = Store(utd_store)
    recognizer = Recognizer.load("default", taught=False)
    found = []
    for number in np.flatnonzero(store.index["label"] == store.labels.index(action))[::2]:
        recognizer.reset()
        clip = retarget(store.clip(int(number))[0], store.layout, recognizer.metadata.layout)
        for frame, joints in enumerate(clip):
            recognizer.update(joints, frame / RATE)
        found += [e.repetitions for e in recognizer.end_events() if e.label == label]
    assert len(found) > 8
    assert set(found) == {1}


@pytest.mark.parametrize(("late", "early"), [(0.6, 0.0), (0.0, 0.6), (0.5, 0.5)])
def test_what_lies_just_beyond_an_event_belongs_to_it(late: float, early: float) -> None:
    clip = performed("wave", 9, 0.6)
    assert counted(clip, 1.0 + late, 6.4 - early) == 9


def remembered(clip: np.ndarray, arms: Collection[str] = ()) -> Counter:
    counter = Counter(NTU, arms)
    for number, joints in enumerate(clip):
        counter.push(joints, number / RATE)
    return counter


@pytest.mark.parametrize(("kind", "times", "period"), [("clap", 9, 0.4), ("wave", 8, 0.5)])
def test_an_event_counts_what_goes_on_beyond_its_bounds(
    kind: str, times: int, period: float
) -> None:
    """Answers come late, and fade before the last repetitions."""
    end = 1.0 + times * period
    counter = remembered(performed(kind, times, period, still=2.0)[30:])
    short = end - 1.2
    [less] = off([(counter.count(1.6, short, kind), times)])
    [more] = off([(counter.count_event(1.6, short, latest=end + 0.2, label=kind), times)])
    assert less > more
    # Hands that go down after the last clap may count as one more.
    assert more <= (kind == "clap")
    # Not what was not of the event any more.
    [within] = off([(counter.count_event(1.6, short, latest=short, label=kind), times)])
    assert within >= 1


def test_what_is_repeated_may_have_begun_two_seconds_before_its_event() -> None:
    clip = performed("wave", 12, 0.5, still=3.0)
    assert remembered(clip).count_event(4.7, 9.0, latest=9.2, label="wave") == 12
    # Once, after something else: what was before is not of it.
    once = np.concatenate([performed("wave", 2, 0.5), performed("squat", 1, 2.0, still=0.1)])
    assert remembered(once).count_event(3.2, 5.0, latest=5.2, label="squat") == 1


def test_no_repetition_is_counted_in_two_events() -> None:
    """Answers that fade for a while in the midst of a set end one event and begin another."""
    counter = remembered(performed("wave", 24, 0.5))
    first = counter.count_event(1.0, 5.4, latest=6.7, label="wave")
    second = counter.count_event(7.6, 13.0, latest=13.2, label="wave")
    assert first is not None
    assert second is not None
    # At a bound in the midst of a movement one may be counted on both sides.
    assert 23 <= first + second <= 27


@pytest.mark.parametrize("pause", [0.8, 1.5])
@pytest.mark.parametrize(("kind", "period"), [("clap", 0.4), ("wave", 0.5), ("squat", 2.0)])
def test_an_event_with_a_pause_counts_both_sides_of_it(
    kind: str, period: float, pause: float
) -> None:
    first = performed(kind, 7, period)[: round((1.0 + 7 * period) * RATE)]
    held = np.repeat(first[-1:], round(pause * RATE), axis=0)
    held = held + np.random.default_rng(0).normal(0, 0.01, held.shape).astype(np.float32)
    second = performed(kind, 4, period, seed=1)[round(RATE) :]
    end = 1.0 + 11 * period + pause
    counter = remembered(np.concatenate([first, held, second]))
    [wrong] = off([(counter.count_event(1.0, end, latest=end + 0.5, label=kind), 11)])
    assert wrong <= (kind == "clap")


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("cut", [0.3, 0.6])
def test_slow_waves_of_an_event_are_looked_at_from_their_beginning(times: int, cut: float) -> None:
    """Cut where the network sees the first one under way, their ends were one more."""
    clip = performed("wave", times, 2.0)
    counter = Counter(NTU)
    for number, joints in enumerate(clip):
        counter.push(joints, number / RATE)
    end = 1 + 2.0 * times
    assert counter.count_event(1 + cut, end - cut, latest=end + 0.8) == times


def test_what_trembles_beside_a_pause_is_no_repetition() -> None:
    """Somebody squats three times, and then stands until the event ends."""
    counter = remembered(performed("squat", 3, 2.0, still=5.0))
    assert counter.count_event(5.0, 15.0, latest=15.5, label="squat") == 3
    assert counter.count_event(12.8, 15.0, latest=15.5, label="squat") is None


@pytest.mark.parametrize("seed", range(3))
def test_small_jumps_are_counted(seed: int) -> None:
    """Seven centimetres, and no joint leaves its place by more; who sways by one does nothing."""
    clip = performed("squat", 0, 1.0, seed, still=4)
    leap = np.abs(np.sin(np.pi * np.arange(6 * 15) / 15))
    jumping, swaying = clip.copy(), clip.copy()
    jumping[60:150, :, 1] += 0.07 * leap[:, None]
    swaying[60:150, :, 1] += 0.01 * leap[:, None]
    counter, other = Counter(NTU), Counter(NTU)
    for frame, (one, two) in enumerate(zip(jumping, swaying, strict=True)):
        counter.push(one, frame / RATE)
        other.push(two, frame / RATE)
    assert counter.count(2.0, 5.0, "jump") in (5, 6, 7)
    assert other.count(2.0, 5.0, "jump") is None


@pytest.mark.parametrize("seed", range(3))
def test_small_claps_are_counted(seed: int) -> None:
    """Arms that come nearer by six centimetres each, and nothing else moves; who moves them by one
    centimetre does nothing."""
    clip = performed("squat", 0, 1.0, seed, still=4)
    beats = (1 - np.cos(2 * np.pi * np.arange(7 * 15) / 15)) / 2
    clapping, trembling = Counter(NTU), Counter(NTU)
    for counter, size in ((clapping, 0.06), (trembling, 0.01)):
        body = clip.copy()
        for arm, side in ((LEFT_ARM, 1), (RIGHT_ARM, -1)):
            body[60:165, arm, 0] += (side * size * beats)[:, None]
        for frame, joints in enumerate(body):
            counter.push(joints, frame / RATE)
    count = clapping.count(2.0, 5.5, "clap")
    assert count is not None
    assert abs(count - 7) <= 1
    assert trembling.count(2.0, 5.5, "clap") is None


def test_nobody_moving_is_not_counted() -> None:
    assert counted(performed("squat", 0, 1.0, still=3), 0, 6) is None
    assert counted(np.full((90, 25, 3), np.nan, np.float32), 0, 3) is None
    assert Counter(NTU).count(0, 1) is None
    for label in ("clap", "squat"):  # an event without a frame in it
        assert counted(performed("squat", 3, 1.0), 2.01, 2.01, label=label) is None


def test_minutes_of_one_action_are_counted_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done more than two minutes ago was forgotten, and every count of such a time took
    longer than a small computer may let a frame wait."""
    clip = performed("squat", 60, 3.0)
    looked: list[float] = []

    def curves(frames: np.ndarray, moments: np.ndarray, layout: Layout) -> np.ndarray | None:
        looked.append(moments[-1] - moments[0])
        return body_curves(frames, moments, layout)

    monkeypatch.setattr(repetitions, "body_curves", curves)
    counter = Counter(NTU)
    said = []
    for number, joints in enumerate(clip):
        counter.push(joints, number / RATE)
        if number % 300 == 299:
            said.append(counter.count(1.0, number / RATE, "squat"))
    expected = np.minimum((np.arange(1, len(said) + 1) * 10 - 1) / 3.0, 60)
    np.testing.assert_allclose(np.array(said, float), expected, atol=1.5)
    found = counter.count_event(1.0, 181.0, latest=181.5, label="squat")
    assert found is not None
    assert abs(found - 60) <= 2
    assert max(looked) < 2 * repetitions.PIECE + 2 * MARGIN + 2
    assert counter.count(200.0, 201.0, "squat") is None, "another one begins at nothing"
    assert counter.count(150.0, np.inf, "squat") == pytest.approx(31 / 3, abs=1.5)
    assert counter.count(-np.inf, np.inf) is not None
    assert Counter(NTU).count(-np.inf, np.inf) is None


def test_a_clip_of_minutes_is_counted_whole(tmp_path: Path) -> None:
    recognizer = Recognizer.load(write_streaming_model(tmp_path / "m.onnx", STREAMING))
    found = recognizer.repetitions(performed("squat", 60, 3.0), RATE)
    assert found is not None
    assert abs(found - 60) <= 2


@pytest.mark.parametrize(("kind", "times", "period"), [("squat", 6, 1.0), ("wave", 8, 0.5)])
def test_a_clip_that_was_cut_to_its_movement_is_counted_from_its_first_frame(
    tmp_path: Path, kind: str, times: int, period: float
) -> None:
    recognizer = Recognizer.load(write_streaming_model(tmp_path / "m.onnx", STREAMING))
    assert recognizer.repetitions(performed(kind, times, period, still=0.0), RATE) == times


def test_gaps_and_absent_joints_change_nothing() -> None:
    clip = performed("squat", 6, 2.0)
    clip[:, [21, 22, 23, 24]] = np.nan
    clip[40:44] = np.nan
    assert counted(clip, 1, 13) == 6


@pytest.mark.parametrize("joint", ["head", "right_wrist", "left_knee"])
def test_a_joint_that_is_found_elsewhere_for_a_moment_is_no_movement(joint: str) -> None:
    clip = performed("squat", 5, 1.2)
    clip[50, NTU.index(joint)] += 40
    assert counted(clip, 1.0, 7.0) == 5


def test_an_event_that_has_ended_says_how_often(tmp_path: Path) -> None:
    recognizer = Recognizer.load(write_streaming_model(tmp_path / "m.onnx", STREAMING))
    clip = performed("squat", 5, 2.0)
    clip[30:330, :, 0] += 6  # the model says "wave" to whoever is far to the right
    events = [
        event
        for number, joints in enumerate(clip)
        for event in recognizer.update(joints, number / RATE).events
    ]
    events += recognizer.end_events()
    [begun, ended] = events
    assert begun.repetitions is None
    assert ended.repetitions == 5
    assert recognizer.repetitions(performed("squat", 7, 1.5), RATE) == 7


def test_an_action_that_goes_on_for_half_a_minute_is_counted_from_its_beginning(
    tmp_path: Path,
) -> None:
    recognizer = Recognizer.load(write_streaming_model(tmp_path / "m.onnx", STREAMING))
    clip = performed("squat", 12, 2.5)
    clip[30:, :, 0] += 6  # the model says "wave" to whoever is far to the right
    for number, joints in enumerate(clip):
        recognizer.update(joints, number / RATE)
    [ended] = recognizer.end_events()
    assert ended.repetitions == 12


def test_a_clip_that_is_none_is_not_counted(tmp_path: Path) -> None:
    recognizer = Recognizer.load(write_streaming_model(tmp_path / "m.onnx", STREAMING))
    clip = performed("squat", 3, 1.5)
    for wrong, rate, expected in (
        (clip[:, :20], RATE, "expected 25 joints"),
        (clip[..., :2], RATE, "expected shape"),
        (clip[0], RATE, "expected shape"),
        (clip, 0.0, "rate: expected"),
        ("clip", RATE, "array of coordinates"),
    ):
        with pytest.raises(InputError, match=expected):
            recognizer.repetitions(wrong, rate)


def test_repetitions_may_go_on_until_the_last_answer_of_an_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event ends before it, by how much answers lag."""
    asked: list[tuple[float, float, float, str | None]] = []
    monkeypatch.setattr(
        Counter,
        "count_event",
        lambda _, *given, **named: asked.append((*given, *named.values())) or 4,
    )
    recognizer = Recognizer.load(write_streaming_model(tmp_path / "m.onnx", STREAMING))
    clip = performed("squat", 5, 2.0)
    clip[30:330, :, 0] += 6
    events = [
        event
        for number, joints in enumerate(clip)
        for event in recognizer.update(joints, number / RATE).events
    ]
    [_, ended] = events
    lag = recognizer.rules.lag_end
    assert lag > 0
    assert ended.repetitions == 4
    assert asked == [(ended.start, ended.end, pytest.approx((ended.end or 0) + lag), "wave")]


@pytest.mark.parametrize("period", [0.3, 0.4, 0.7])
@pytest.mark.parametrize("times", [5, 12])
def test_claps_are_counted_on_the_hands_also_quick_ones(times: int, period: float) -> None:
    clip = performed("clap", times, period)
    end = 1.0 + times * period
    assert counted(clip, 1.0, end, label="clap") == times
    # A few frames without the hands hide one clap, which lies between its neighbours all the same.
    hidden = round((1 + 2.5 * period) * RATE)
    reach = round(0.4 * period * RATE)
    clip[hidden - reach : hidden + reach, [*LEFT_ARM, *RIGHT_ARM]] = np.nan
    assert counted(clip, 1.0, end, label="clap hands") == times


@pytest.mark.parametrize("seed", range(4))
def test_hands_that_are_lost_where_they_meet_do_not_clap_twice(seed: int) -> None:
    """Hands that hide each other are found anywhere about the place, on the wrong side as well;
    elbows are not."""
    clip = performed("clap", 8, 0.8)
    rng = np.random.default_rng(seed)
    meet = np.linalg.norm(clip[:, 7] - clip[:, 11], axis=-1) < 0.25
    for hand in (7, 11):
        clip[meet, hand] += rng.normal(0, 0.12, (int(meet.sum()), 3))
    assert counted(clip, 1.0, 1.0 + 8 * 0.8, label="clap") == 8


def test_a_few_claps_are_counted_where_elbows_rest() -> None:
    """Three are too few to say on which joints they are most even."""
    clip = performed("clap", 3, 0.7)
    clip[:, [5, 9]] = clip[0, [5, 9]]
    assert counted(clip, 1.0, 1.0 + 3 * 0.7, label="clap") == 3


def test_claps_are_counted_without_shoulders() -> None:
    """Where the camera has none, the plain distance between the arms serves."""
    clip = performed("clap", 7, 0.6)
    clip[:, [4, 8]] = np.nan
    assert counted(clip, 1.0, 1.0 + 7 * 0.6, label="clap") == 7


@pytest.mark.parametrize(
    ("network", "period", "given"),
    [(1, 9, 1), (2, 9, 2), (3, 14, 3), (11, 1, 11), (10, 12, 10), (8, None, 8)],
)
def test_which_count_is_given(
    monkeypatch: pytest.MonkeyPatch, network: int, period: int | None, given: int
) -> None:
    """The network's, where it sees the same from all sides."""
    monkeypatch.setattr(repetitions, "counts", lambda motion, weights: [network + 0.2] * 4)
    monkeypatch.setattr(repetitions, "times", lambda parts, inside: period)
    assert counted(performed("squat", 2, 2.0), 1, 5) == given


@pytest.mark.parametrize(
    ("network", "hands", "unevenness", "given"),
    [
        (2, 9, 0.0, 2),
        (7, 2, np.inf, 2),
        (3, 9, 0.0, 3),
        (9, 7, 0.1, 7),
        (5, 6, 0.1, 6),
        (5, 3, np.inf, 3),
        (9, 7, 0.3, 9),
        (5, 6, 0.2, 5),
        (7, 4, 0.3, 4),
    ],
)
def test_which_count_of_claps_is_given(
    monkeypatch: pytest.MonkeyPatch, network: int, hands: int, unevenness: float, given: int
) -> None:
    clapped = Claps(hands, unevenness)
    monkeypatch.setattr(repetitions, "counts", lambda motion, weights: [network + 0.2] * 4)
    monkeypatch.setattr(repetitions, "claps", lambda apart, inside: clapped)
    assert counted(performed("clap", 2, 2.0), 1, 5, label="clap") == given


def test_hands_are_the_fifth_to_count_uneven_claps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repetitions, "counts", lambda motion, weights: [8.6, 10.2, 9.4, 11.3])
    for hands, middle in ((9, 9), (8, 9), (10, 10), (12, 10)):
        clapped = Claps(hands, 0.3)
        monkeypatch.setattr(repetitions, "claps", lambda apart, inside, one=clapped: one)
        assert counted(performed("clap", 2, 2.0), 1, 5, label="clap") == middle


def test_a_period_speaks_where_the_network_sees_another_count_from_each_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repetitions, "counts", lambda motion, weights: [8.6, 10.2, 9.4, 11.3])
    monkeypatch.setattr(repetitions, "times", lambda parts, inside: 9)
    assert counted(performed("squat", 2, 2.0), 1, 5) == 9
    monkeypatch.setattr(repetitions, "times", lambda parts, inside: 11)
    assert counted(performed("squat", 2, 2.0), 1, 5) == 10


@pytest.mark.parametrize("period", [0.5, 1.2, 2.0])
@pytest.mark.parametrize("times", [4, 9, -4, -9])
def test_the_period_counts_what_leaves_rest_and_comes_back(times: int, period: float) -> None:
    """Between the ways there lies one way back fewer, which must not be taken for the count. And a
    motion without any noise lost a way at each end."""
    length = abs(times) * period
    seconds = np.arange(-1, length + 1, 1 / RATE)
    moving = (seconds >= 0) & (seconds < length)
    bend = np.where(moving, 0.5 - 0.5 * np.cos(2 * np.pi * seconds / period), 0)
    part = np.sign(times) * np.outer(bend, [0.4, 0.3, 0.0])
    assert periods.times([part], moving) == abs(times)
    assert periods.times([part + np.array([0.5, -1.0, 0.3])], moving) == abs(times), (
        "wherever it is"
    )


def bent(seconds: np.ndarray, start: float, times: int, period: float) -> np.ndarray:
    """Who bends a number of times from a start on, and else rests: a curve (T, 3) in torso lengths that
    swings by half of one, somewhere beside the anchor."""
    moving = (seconds >= start) & (seconds < start + times * period)
    bend = np.where(moving, 0.5 - 0.5 * np.cos(2 * np.pi * (seconds - start) / period), 0)
    return np.outer(bend, [0.4, 0.3, 0.0]) + np.array([0.5, -1.0, 0.3])


@pytest.mark.parametrize(("size", "times"), [(0.4, 6), (0.1, None)])
def test_the_period_needs_a_movement_of_some_size(size: float, times: int | None) -> None:
    """A fifth of a torso length, not a twentieth."""
    seconds = np.arange(-1, 7, 1 / RATE)
    inside = (seconds >= 0) & (seconds < 6)
    assert periods.times([size * bent(seconds, 0, 6, 1.0)], inside) == times


@pytest.mark.parametrize("period", [0.5, 1.2, 2.0])
@pytest.mark.parametrize(("late", "early"), [(1, 0), (0, 1), (1, 1)])
def test_the_period_counts_what_an_event_begins_behind_and_ends_before(
    period: float, late: int, early: int
) -> None:
    seconds = np.arange(-1, 6 * period + 1, 1 / RATE)
    inside = (seconds >= late * period) & (seconds < (6 - early) * period)
    assert periods.times([bent(seconds, 0, 6, period)], inside) == 6


def right_in_noise(period: float, quick: int, noise: float) -> float:
    """The share of right counts of who bends, or stretches, and rests before and after, as a noisy
    camera sees it; `quick` bends leave more rest between them."""
    right = []
    for times, side, seed in product((3, 4, 6, 9), (1, -1), range(6)):
        seconds = np.arange(-1, times * period + 1, 1 / RATE)
        inside = (seconds >= 0) & (seconds < times * period)
        bend = np.where(inside, 0.5 - 0.5 * np.cos(2 * np.pi * seconds / period), 0) ** quick
        part = side * np.outer(bend, [0.4, 0.3, 0.0])
        part += np.random.default_rng(seed).normal(0, noise, part.shape)
        right.append(periods.times([part], inside) == times)
    return float(np.mean(right))


def test_the_period_counts_from_the_side_of_rest_in_noise() -> None:
    """The fewer of both sides' swings lack one where noise hides it."""
    assert right_in_noise(0.5, quick=1, noise=0.04) >= 0.92


@pytest.mark.parametrize("period", [1.2, 2.0])
def test_the_period_leaves_out_swings_of_noise_at_rest(period: float) -> None:
    assert right_in_noise(period, quick=4, noise=0.03) >= 0.85


@pytest.mark.parametrize("period", [0.5, 1.2, 2.0])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("times", [4, 9])
def test_the_period_leaves_out_a_larger_movement_before_or_behind(
    period: float, before: bool, times: int
) -> None:
    """Three times as large, such as the way down to the floor."""
    length = times * period
    seconds = np.arange(-1, length + 2.5, 1 / RATE)
    part = bent(seconds, 1.5 if before else 0, times, period)
    part += 3 * bent(seconds, 0 if before else length, 1, 1.5)
    inside = (seconds >= 0) & (seconds < length + 1.5)
    assert periods.times([part], inside) == times


@pytest.mark.parametrize("period", [0.5, 1.2, 2.0])
@pytest.mark.parametrize("before", [True, False])
def test_the_period_leaves_out_a_movement_long_before_or_behind(
    period: float, before: bool
) -> None:
    """Two periods apart from the others, in an event that begins too early or ends too late."""
    seconds = np.arange(-1, 9 * period + 1, 1 / RATE)
    part = bent(seconds, 3 * period if before else 0, 6, period)
    part += bent(seconds, 0 if before else 8 * period, 1, period)
    inside = (seconds >= 0) & (seconds < 9 * period)
    assert periods.times([part], inside) == 6


def test_the_period_of_the_arms_is_not_that_of_the_legs() -> None:
    """Legs in whose steps something repeats itself more often than in the arms."""
    seconds = np.arange(-1, 13, 1 / RATE)
    moving = (seconds >= 0) & (seconds < 12)
    clip = np.repeat(FRONT[None], len(seconds), axis=0).astype(np.float64)
    clip[moving, 9:12, 1] += 0.15 * (1 - np.cos(2 * np.pi * seconds[moving]))[:, None]
    clip[moving, 13:16, 1] += 0.3 * (1 - np.cos(4 * np.pi * seconds[moving]))[:, None]

    def swings(legs: bool) -> int | None:
        return periods.times(periods.body_parts(clip, NTU, size=0.5, legs=legs), moving)

    assert (swings(legs=True), swings(legs=False)) == (24, 12)


def test_who_waves_while_she_walks_has_waved() -> None:
    """A small wave, and legs that swing more slowly and wider: without what the model knows of the
    arms' actions the steps are counted."""
    clip = performed("wave", 10, 0.6)
    rest = clip[0, RIGHT_ARM]
    clip[:, RIGHT_ARM] = rest + 0.3 * (clip[:, RIGHT_ARM] - rest)
    swing = np.sin(2 * np.pi * np.arange(len(clip)) / (1.5 * RATE))
    for leg, side in (([13, 14, 15], 1), ([17, 18, 19], -1)):
        clip[:, leg, 2] += 0.5 * side * swing[:, None]
    assert counted(clip, 1.0, 7.0, label="wave") != 10
    assert counted(clip, 1.0, 7.0, label="wave", arms=("wave",)) == 10


@pytest.mark.parametrize("seed", range(4))
def test_quick_small_waves_are_not_smoothed_away(seed: int) -> None:
    clip = performed("wave", 9, 0.23, seed)
    rest = clip[0, RIGHT_ARM]
    clip[:, RIGHT_ARM] = rest + 0.5 * (clip[:, RIGHT_ARM] - rest)
    end = 1.0 + 9 * 0.23
    assert counted(clip, 1.0, end, label="wave", arms=("wave",)) == 9


@pytest.mark.parametrize("times", [3, 5, 12])
def test_hands_that_stay_together_have_clapped_once_more(times: int) -> None:
    """Who rests with the hands folded opens them so many times, and ends where she began."""
    still = np.full(20, 0.35)
    beats = 0.8 - 0.3 * np.cos(2 * np.pi * np.arange(times * 15) / 15)
    apart = np.concatenate([still, beats, still])
    inside = np.zeros(len(apart), bool)
    inside[16:-16] = True
    assert claps([apart], inside).times == times


@pytest.mark.parametrize("pause", [60, 150])
def test_in_a_pause_nobody_has_clapped(pause: int) -> None:
    """Two seconds and five with the hands apart, in which claps of half a second would be unseen."""
    still = np.full(20, 1.0)
    beats = 0.7 + 0.3 * np.cos(2 * np.pi * np.arange(6 * 15) / 15)
    apart = np.concatenate([still, beats, np.full(pause, 1.0), beats, still])
    inside = np.zeros(len(apart), bool)
    inside[16:-16] = True
    assert claps([apart], inside).times == 12


@pytest.mark.parametrize("times", [3, 5, 12])
def test_arms_that_come_up_from_the_side_have_not_clapped_there(times: int) -> None:
    """A dip on the way out is no clap: the hands are far apart."""
    still = np.full(20, 1.0)
    dip = 1.0 - 0.25 * np.sin(np.pi * np.arange(12) / 12)
    beats = 0.7 + 0.3 * np.cos(2 * np.pi * np.arange(times * 15) / 15)
    apart = np.concatenate([still, dip, beats, still])
    inside = np.zeros(len(apart), bool)
    inside[16:-16] = True
    assert claps([apart], inside).times == times


@settings(max_examples=30)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(8, 60), st.just(25), st.just(3)),
        elements=st.floats(-1e6, 1e6, width=32) | st.just(float("nan")),
    )
)
def test_whatever_a_camera_says_gives_a_number_or_nothing(joints: np.ndarray) -> None:
    count = counted(joints, 0, 2)
    assert count is None or count >= 1


def test_the_curves_are_of_the_body_not_of_its_place_or_size() -> None:
    """Torso lengths about the median, whoever stands wherever."""
    one = sets()[0]
    moments = np.arange(len(one.joints)) / RATE
    here = body_curves(one.joints, moments, NTU)
    there = body_curves(one.joints * 1.3 + np.array([2, 0.5, 4], np.float32), moments, NTU)
    assert here is not None
    assert there is not None
    assert here.shape[1] == CURVES
    assert np.abs(here - there).max() < 1e-3


def test_the_network_sees_a_body_from_other_sides_as_if_it_stood_so() -> None:
    clip = performed("wave", 3, 0.9)
    moments = np.arange(len(clip)) / RATE
    motion = body_curves(clip, moments, NTU)
    assert motion is not None
    angle = 2.0
    across, ahead = clip[..., 0], clip[..., 2]
    about = clip.copy()
    about[..., 0] = np.cos(angle) * across + np.sin(angle) * ahead
    about[..., 2] = np.cos(angle) * ahead - np.sin(angle) * across
    found = body_curves(about, moments, NTU)
    np.testing.assert_allclose(density.turned(motion, angle), found, atol=0.02)
    sides = [
        NTU.index(name.replace("left", "RIGHT").replace("right", "left").lower())
        for name in NTU.joints
    ]
    other = clip[:, sides] * np.array([-1, 1, 1], np.float32)
    found = body_curves(other, moments, NTU)
    np.testing.assert_allclose(density.mirrored(motion), found, atol=1e-4)
    assert np.abs(density.mirrored(motion) - motion).max() > 0.2


def test_the_network_counts_from_four_sides_and_not_the_same_from_each() -> None:
    clip = performed("squat", 6, 2.0)
    motion = body_curves(clip, np.arange(len(clip)) / RATE, NTU)
    assert motion is not None
    assert density.counts(motion, density.shipped()) == pytest.approx([6] * 4, abs=1)
    third = 2 * np.pi / 3
    views = [motion, *(density.turned(motion, angle) for angle in (third, -third))]
    expected = [density.density(view, density.shipped()).sum() for view in views]
    expected += [density.density(density.mirrored(motion), density.shipped()).sum()]
    assert density.counts(motion, density.shipped()) == pytest.approx(expected)
    assert len(set(expected)) == 4


@pytest.mark.parametrize("bytes_left", [None, 0, 10, 60_000])
def test_a_counter_without_its_network_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_left: int | None
) -> None:
    damaged = tmp_path / "counter.npz"
    if bytes_left is not None:
        damaged.write_bytes(density.WEIGHTS.read_bytes()[:bytes_left])
    monkeypatch.setattr(density, "WEIGHTS", damaged)
    density.shipped.cache_clear()
    with pytest.raises(InputError, match="install skedge again"):
        counted(sets()[0].joints, 1, 4)
    density.shipped.cache_clear()
