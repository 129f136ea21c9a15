"""Scoring of events by overlap: figures worked out by hand, and what no figure may break."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.edge_runtime.scoring.overlap import (
    Found,
    Interval,
    average_precision,
    distinct,
    match,
    overlap,
    ranked,
    score,
)

WAVE = [Interval(0, "wave", 0, 10), Interval(0, "wave", 20, 30), Interval(1, "wave", 5, 7)]
CLAP = [Interval(0, "clap", 10, 14)]


def found(
    start: float, end: float, sure: float = 0.9, label: str = "wave", recording: int = 0
) -> Found:
    return Found(recording, label, start, end, sure, end)


def moments() -> st.SearchStrategy[float]:
    return st.integers(0, 40).map(lambda tenth: tenth / 2)


@st.composite
def stretches(draw: st.DrawFn) -> tuple[int, str, float, float]:
    start = draw(moments())
    return (
        draw(st.integers(0, 2)),
        draw(st.sampled_from(["wave", "clap", "bow"])),
        start,
        start + draw(moments()) + 0.5,
    )


INTERVALS = st.lists(stretches().map(lambda one: Interval(*one)), min_size=1, max_size=12)
SURE = st.integers(0, 4).map(lambda part: part / 4)
EVENTS = st.lists(
    st.builds(
        lambda one, sure, late: Found(*one, sure, one[2] + late), stretches(), SURE, moments()
    ),
    max_size=12,
)


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ((0, 10), (0, 10), 1),
        ((0, 10), (5, 15), 1 / 3),
        ((0, 10), (2, 7), 0.5),
        ((0, 10), (10, 20), 0),
        ((0, 1), (8, 9), 0),
    ],
)
def test_overlap(one: tuple[float, float], other: tuple[float, float], share: float) -> None:
    assert overlap(found(*one), Interval(0, "wave", *other)) == pytest.approx(share)
    assert overlap(found(*one, recording=1), Interval(0, "wave", *other)) == 0


def test_by_hand() -> None:
    events = [
        found(1, 10, 0.9),  # 9 of 10 seconds: right
        found(2, 10, 0.8),  # the same interval again: false
        found(21, 27, 0.7),  # 6 of 10: right
        found(5, 7, 0.6),  # would be right in the other recording
        found(10, 14, 0.5),  # a clap
        found(10, 18, 0.4, "clap"),  # 4 of 8: just right
        found(4, 5, 0.3, "bow"),  # nowhere at all
    ]
    figures = score(events, WAVE + CLAP, 0.5)
    wave = figures["per_class"]["wave"]
    # Recall of thirds at the ranks 1 and 3, where precision is 1 and 2/3.
    assert wave == {
        "AP": 55.56,
        "precision": 40.0,
        "recall": 66.67,
        "intervals": 3,
        "events": 5,
        "right": 2,
    }
    assert figures["per_class"]["clap"]["AP"] == 100
    bow = {"AP": None, "precision": 0.0, "recall": None, "intervals": 0, "events": 1, "right": 0}
    assert figures["per_class"]["bow"] == bow
    assert figures["mAP"] == pytest.approx((100 * 5 / 9 + 100) / 2, abs=0.01)
    assert (figures["intervals"], figures["events"], figures["right"]) == (4, 7, 3)
    assert (figures["precision"], figures["recall"]) == (pytest.approx(300 / 7, abs=0.01), 75)
    assert figures["delay"] == pytest.approx((10 + 7 + 8) / 3, abs=0.001)


def test_starts_and_ends_are_late_or_off_in_the_median() -> None:
    intervals = [Interval(0, "wave", place, place + 10) for place in (0, 20, 40, 60)]
    events = [found(1, 8), found(19.5, 29.5), found(42, 53), found(60.5, 70), found(80, 90)]
    figures = score(events, intervals, 0.5)
    late = {name: figures[name] for name in ("start", "end", "start_error", "end_error")}
    assert late == {"start": 0.75, "end": -0.25, "start_error": 0.75, "end_error": 1.25}


def test_an_event_that_is_early_by_less_than_a_digit_starts_in_time() -> None:
    """It was late by -0.0 s."""
    figures = score([found(-0.0001, 10)], WAVE[:1], 0.5)
    assert str(figures["start"]) == "0.0"


def test_the_surest_takes_what_it_overlaps_most() -> None:
    near = [Interval(0, "wave", 0, 6), Interval(0, "wave", 4, 10)]
    assert match([found(3, 9, 0.5), found(0, 10, 0.4)], near, 0.5) == [near[1], near[0]]
    assert match([found(3, 9, 0.5), found(0, 10, 0.4)], near, 0.65) == [near[1], None]


def test_nothing_was_found() -> None:
    figures = score([], CLAP, 0.5)
    assert (figures["mAP"], figures["precision"], figures["recall"], figures["delay"]) == (
        0,
        None,
        0,
        None,
    )


def test_equally_sure_events_come_at_once() -> None:
    assert (
        average_precision([0.5, 0.5], [True, False], 1)
        == average_precision([0.5, 0.5], [False, True], 1)
        == 0.5
    )


def test_one_action_on_two_people_is_one_event() -> None:
    pair = [
        found(0, 10, 0.6),
        found(1, 10, 0.9),
        found(9, 12, 0.5),
        found(0, 10, 0.4, "clap"),
        found(0, 10, 0.3, recording=1),
    ]
    assert distinct(pair, 0.5) == [pair[1], pair[2], pair[3], pair[4]]


@given(INTERVALS)
def test_every_interval_found_is_perfect(intervals: list[Interval]) -> None:
    events = [Found(*one, 0.9, one.start) for one in intervals]
    figures = score(events, intervals, 1.0)
    assert (figures["mAP"], figures["precision"], figures["recall"], figures["delay"]) == (
        100,
        100,
        100,
        0,
    )


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.sampled_from([-1, 1]))
def test_shifted_too_far_is_false(lengths: list[int], way: int) -> None:
    # Beyond a third of its length a shifted stretch overlaps by less than a half.
    intervals = [
        Interval(0, "wave", 100.0 * i, 100.0 * i + length) for i, length in enumerate(lengths)
    ]
    for share, right in ((0.34, 0), (0.32, len(intervals))):
        shifts = [way * share * (one.end - one.start) for one in intervals]
        events = [
            found(one.start + by, one.end + by) for one, by in zip(intervals, shifts, strict=True)
        ]
        assert score(events, intervals, 0.5)["right"] == right


@given(EVENTS, INTERVALS, st.randoms(use_true_random=False))
def test_order_changes_nothing(
    events: list[Found], intervals: list[Interval], chance: object
) -> None:
    figures = score(events, intervals, 0.5)
    chance.shuffle(events)
    chance.shuffle(intervals)
    assert score(events, intervals, 0.5) == figures
    assert 0 <= figures["mAP"] <= 100
    assert figures["right"] <= min(figures["events"], figures["intervals"])
    taken = [one for one in match(events, intervals, 0.5) if one is not None]
    assert all(taken.count(one) <= intervals.count(one) for one in taken)
    for one, its in zip(ranked(events), match(events, intervals, 0.5), strict=True):
        assert its is None or (one.label == its.label and overlap(one, its) >= 0.5)


@given(EVENTS, INTERVALS)
def test_less_overlap_is_asked_for_and_more_is_right(
    events: list[Found], intervals: list[Interval]
) -> None:
    # With one interval a class and recording no event can take another's place.
    alone = list({(one.recording, one.label): one for one in intervals}.values())
    right = [score(events, alone, least)["right"] for least in (0.1, 0.5, 0.9)]
    assert right == sorted(right, reverse=True)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30))
def test_average_precision_is_scikit_learns(answers: list[tuple[int, bool]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores, right = [sure / 5 for sure, _ in answers], [hit for _, hit in answers]
    if any(right):
        ours = average_precision(scores, right, sum(right))
        np.testing.assert_allclose(ours, metrics.average_precision_score(right, scores), atol=1e-12)
        assert average_precision(scores, right, 2 * sum(right)) == pytest.approx(ours / 2)
        assert 0 < ours <= 1
