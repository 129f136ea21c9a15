"""Answers to events: an action begins once and ends once, whatever the answers do."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.edge_runtime.events import NEVER, QUIET, Event, EventDetector, EventRules, find_events
from skedge.skeleton import InputError
from tests.edge_runtime.edge_models import METADATA, STREAMING

HOP = 0.1
LABELS = ("wave", "clap", "idle", "other")
Row = Sequence[tuple[str, float]]
answers = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from([0.4, 0.5, 0.9])), max_size=60
)
debounces = st.sampled_from([0.0, 0.25, 0.55, 2.05])
lags = st.sampled_from([0.0, 0.3, 2.0])


def rules(
    patience: int = 3, debounce: float = 1.0, start: float = 0.0, end: float = 0.0
) -> EventRules:
    return EventRules(
        LABELS, np.full(4, 0.5), np.full(4, patience), debounce, lag_start=start, lag_end=end
    )


def answer(label: str, confidence: float) -> np.ndarray:
    """Probabilities in which that label is the likeliest, with that confidence."""
    probabilities = np.full(4, (1 - confidence) / 3)
    probabilities[LABELS.index(label)] = confidence
    return probabilities


def live(row: Row, how: EventRules) -> tuple[list[Event], EventDetector]:
    detector = EventDetector(how)
    found = [
        event
        for i, one in enumerate(row)
        for event in detector.update(answer(*one), i * HOP, earliest=0.0)
    ]
    return found, detector


def begun(row: Row, how: EventRules) -> list[tuple[int, str]]:
    """(number of the answer, label) of every beginning."""
    return [
        (round(event.announced / HOP), event.label)
        for event in live(row, how)[0]
        if not event.ended
    ]


def test_one_action_begins_and_ends() -> None:
    row = [("idle", 0.9)] * 20 + [("wave", 0.9)] * 30 + [("idle", 0.4)] * 15
    [first, last], detector = live(row, rules(start=0.4, end=0.7))
    assert (first.label, first.end, first.length, first.ended) == ("wave", None, None, False)
    assert (first.announced, first.start) == pytest.approx((2.2, 1.6))
    assert (last.label, last.start, last.confidence) == ("wave", first.start, pytest.approx(0.9))
    # The last wave came at 4.9 s; that it was the last one is known a second later.
    assert (last.end, last.announced, last.length) == pytest.approx((4.2, 5.9, 2.6))
    assert detector.open == ()


def test_what_goes_on_can_be_seen_and_ends_with_the_recording() -> None:
    found, detector = live([("wave", 0.9)] * 200, rules())
    assert [event.ended for event in found] == [False]
    assert [event.label for event in detector.open] == ["wave"]
    [ended] = detector.finish(20.0)
    assert (ended.end, ended.announced) == pytest.approx((19.9, 20))
    assert detector.open == detector.finish() == ()


def test_only_what_has_stopped_before_the_end_has_ended_before_its_last_answer() -> None:
    waving = [("wave", 0.9)] * 30
    for rest, end in (([], 2.9), ([("idle", 0.9)] * 5, 2.9 - 0.7)):
        _, detector = live(waving + rest, rules(end=0.7))
        [ended] = detector.finish(4.0)
        assert ended.end == pytest.approx(end)


def test_an_action_shorter_than_its_answers_are_late_has_a_length() -> None:
    found, _ = live([("idle", 0.9)] * 30 + [("wave", 0.9)] * 5 + [("idle", 0.9)] * 15, rules(end=2))
    [ended] = [event for event in found if event.ended]
    assert (ended.start, ended.end) == pytest.approx((3.0, 3.2))


def test_threshold_is_reached_when_equal() -> None:
    assert begun([("wave", 0.5)] * 3, rules())
    assert begun([("wave", 0.499)] * 30, rules()) == []


def lasting(patience: int = 3) -> EventRules:
    """Rules by which a wave is surer than these tests' answers or lasts 1.8 s."""
    return replace(rules(patience), thresholds=np.full(4, 0.95), lasting={"wave": 1.8})


def test_a_wave_that_is_never_quite_sure_begins_when_it_lasts() -> None:
    assert begun([("wave", 0.62)] * 18, lasting()) == []
    [only], detector = live([("idle", 0.9)] * 5 + [("wave", 0.62)] * 40, lasting())
    assert (only.label, only.confidence) == ("wave", pytest.approx(0.62))
    assert (only.start, only.announced) == pytest.approx((0.5, 2.3))
    [last] = detector.finish()
    assert (last.end, last.confidence) == pytest.approx((4.4, 0.62))
    # With something else in between, or before and after a gap.
    assert begun(([("wave", 0.62)] * 12 + [("clap", 0.62)]) * 5, lasting()) == []
    detector = EventDetector(lasting())
    for i in range(30):
        if i == 15:
            detector.interrupt()
        assert detector.update(answer("wave", 0.62), i * HOP) == ()


def test_what_lasts_is_probable_enough_to_go_on_and_more_so_than_all_else_together() -> None:
    # Half-way from chance to the threshold is 0.6 of four classes.
    assert begun([("wave", 0.59)] * 90, lasting()) == []
    low = replace(lasting(), thresholds=np.full(4, 0.7))
    assert begun([("wave", 0.49)] * 90, low) == []
    assert begun([("wave", 0.51)] * 90, low) == [(18, "wave")]


def test_only_labels_that_have_a_length_begin_by_lasting() -> None:
    assert begun([("clap", 0.9)] * 90, lasting()) == []
    assert begun([("clap", 0.96)] * 90, lasting()) == [(2, "clap")]
    assert begun([("wave", 0.9)] * 90, replace(lasting(), lasting={})) == []


def test_slow_answers_of_what_lasts_need_patience_too() -> None:
    rows = [answer("wave", 0.62)] * 3
    assert find_events(lasting(), rows[:2], [0.0, 2.0]) == []
    assert len(find_events(lasting(), rows, [0.0, 2.0, 4.0])) == 1


def test_one_sure_answer_among_others_is_not_the_confidence_of_what_lasts() -> None:
    row = [("wave", 0.62)] * 9 + [("wave", 0.97)] + [("wave", 0.62)] * 9
    [event], _ = live(row, lasting())
    assert 0.62 <= event.confidence < 0.66


def test_the_confidence_of_what_lasts_is_of_all_its_answers_since() -> None:
    """Where a wave began by lasting, answers below the threshold count from then on, too; the
    page showed how sure its first answer was for as long as it went on."""
    _, detector = live([("wave", 0.62)] * 19 + [("wave", 0.8)] * 19, lasting())
    [goes_on] = detector.open
    [ended] = detector.finish()
    assert goes_on.confidence == ended.confidence == pytest.approx((0.62 + 19 * 0.8) / 20)


def test_every_class_has_its_own_threshold_and_patience() -> None:
    own = replace(rules(), thresholds=np.array([0.8, 0.3, 0, 0]), patience=np.array([2, 5, 1, 1]))
    assert begun([("wave", 0.79)] * 9, own) == []
    assert begun([("wave", 0.81)] * 9, own) == [(1, "wave")]
    assert begun([("clap", 0.4)] * 4, own) == []
    assert begun([("clap", 0.4)] * 9, own) == [(4, "clap")]
    assert begun([("idle", 1.0)] * 9 + [("other", 1.0)] * 9, own) == []


def test_patience_wants_consecutive_answers() -> None:
    row = [("wave", 0.9), ("wave", 0.9), ("clap", 0.9)] * 9
    assert begun(row, rules(debounce=0)) == []
    assert len(begun(row, rules(patience=1, debounce=0))) == 18
    detector = EventDetector(rules(patience=2))
    assert detector.update(answer("wave", 0.9), 1.0) == ()
    detector.interrupt()
    assert detector.update(answer("wave", 0.9), 9.0) == ()
    assert len(detector.update(answer("wave", 0.9), 9.1)) == 1


def test_who_comes_back_after_an_end_needs_a_row_of_answers_anew() -> None:
    """The first answer after somebody was away began the action again, at once."""
    _, detector = live([("wave", 0.9)] * 30, rules())
    assert len(detector.finish(3.5)) == 1
    found = [detector.update(answer("wave", 0.9), 3.6 + i * HOP) for i in range(3)]
    assert [len(events) for events in found] == [0, 0, 1]
    assert found[2][0].start == pytest.approx(3.6), "nobody said since when one is in view"


def test_a_flicker_is_the_same_action() -> None:
    row = ([("wave", 0.9)] * 4 + [("idle", 0.9)] * 2) * 9
    assert len(begun(row, rules(debounce=0.5))) == 1
    assert len(begun(row, rules(debounce=0.1))) == 9


def test_the_same_action_after_a_pause() -> None:
    row = [("wave", 0.9)] * 4 + [("idle", 0.3)] * 11 + [("wave", 0.9)] * 4
    assert begun(row, rules(debounce=1.0)) == [(2, "wave"), (17, "wave")]
    assert begun(row, rules(debounce=1.5)) == [(2, "wave")]


def test_another_label_is_not_held_back() -> None:
    row = [("wave", 0.9)] * 4 + [("clap", 0.9)] * 4
    assert begun(row, rules(debounce=9)) == [(2, "wave"), (6, "clap")]


def test_slow_answers_do_not_end_what_goes_on() -> None:
    """Two seconds between answers, one of debounce: only another answer ends it."""
    detector = EventDetector(rules(patience=2))
    found = [
        event for i in range(9) for event in detector.update(answer("wave", 0.9), 2.0 * i, 0.0)
    ]
    assert [event.ended for event in found] == [False]


@pytest.mark.parametrize(
    ("pace", "patience", "needed"),
    [(30, 7, 7), (10, 7, 7), (5, 7, 4), (5, 5, 3), (5, 3, 3), (5, 2, 2), (2, 7, 3), (2, 1, 1)],
)
def test_slow_answers_are_awaited_no_longer_than_fast_ones(
    pace: float, patience: int, needed: int
) -> None:
    """Seven answers in a row were 0.6 s at ten a second, and 1.2 s before a camera of five, when a
    throw is over."""
    for other in (0, 3):  # a row begins anew after something else
        rows = [answer("idle", 0.9)] * other + [answer("wave", 0.9)] * needed
        moments = 100 + np.arange(len(rows)) / pace
        assert find_events(rules(patience), rows[:-1], moments[:-1]) == []
        assert len(find_events(rules(patience), rows, moments)) == 1


@given(answers, st.integers(1, 9), st.lists(st.sampled_from([0.05, 0.1, 0.15]), min_size=60))
def test_patience_is_a_number_of_answers_at_the_usual_pace(
    row: Row, patience: int, waits: list[float]
) -> None:
    """However a camera's jitter spreads them, as long as none is more than half an answer late."""
    lateness, moments = 0.0, []
    for number, wait in enumerate(waits[: len(row)]):
        lateness = min(max(lateness + wait - HOP, 0.0), HOP / 2)
        moments.append(number * HOP + lateness)
    how = rules(patience, debounce=0)
    late = find_events(how, [answer(*one) for one in row], moments)
    exact = find_events(how, [answer(*one) for one in row], [i * HOP for i in range(len(row))])
    assert [event.label for event in late] == [event.label for event in exact]


@given(answers, st.integers(1, 4), debounces, lags, lags)
def test_events_follow_the_rules(
    row: Row, patience: int, debounce: float, start: float, end: float
) -> None:
    how = rules(patience, debounce, start, end)
    found, detector = live(row, how)
    announced = [event.announced for event in found]
    assert announced == sorted(announced)
    goes_on: dict[str, Event] = {}
    finished: dict[str, float] = {}
    for event in found:
        assert event.label not in QUIET
        assert 0 <= event.start <= event.announced
        if event.end is None:
            assert event.label not in goes_on, "it began twice"
            assert event.start >= finished.get(event.label, 0), "it overlaps the one before"
            i = round(event.announced / HOP)
            held = row[i - patience + 1 : i + 1]
            assert len(held) == patience
            assert all(label == event.label and sure >= 0.5 for label, sure in held)
            goes_on[event.label] = event
        else:
            assert event.start <= event.end <= event.announced
            assert event.start == goes_on.pop(event.label).start, "it ended without a beginning"
            finished[event.label] = event.end
    assert {event.label for event in detector.open} == set(goes_on)
    for one, other in pairwise(event for event in found if not event.ended):
        if one.label == other.label:
            assert other.announced - one.announced >= debounce


@given(
    st.lists(
        st.tuples(st.sampled_from(LABELS), st.sampled_from([0.5, 0.62, 0.96]), st.integers(1, 30)),
        max_size=9,
    ),
    st.integers(1, 4),
)
def test_events_begin_with_sure_answers_or_what_lasts(
    held: list[tuple[str, float, int]], patience: int
) -> None:
    row = [(label, sure) for label, sure, times in held for _ in range(times)]
    for number, label in begun(row, lasting(patience)):
        sure = row[max(0, number - patience + 1) : number + 1]
        long = row[max(0, number - 18) : number + 1]
        assert (len(sure) == patience and all(one == (label, 0.96) for one in sure)) or (
            label == "wave" and len(long) == 19 and all(one == label and p > 0.6 for one, p in long)
        )


@given(answers, st.integers(1, 4), debounces, lags, lags)
def test_recorded_answers_give_the_same_events_as_live_ones(
    row: Row, patience: int, debounce: float, start: float, end: float
) -> None:
    how = rules(patience, debounce, start, end)
    found, detector = live(row, how)
    expected = [event for event in (*found, *detector.finish()) if event.ended]
    moments = [i * HOP for i in range(len(row))]
    assert find_events(how, [answer(*one) for one in row], moments, earliest=0.0) == expected


@pytest.mark.parametrize("labels", [LABELS[:3], LABELS])
def test_an_answer_that_knows_nothing_keeps_no_event_going(labels: tuple[str, ...]) -> None:
    """By chance alone each of three classes is more likely than half of the threshold."""
    size = len(labels)
    how = EventRules(labels, np.full(size, 0.5), np.full(size, 3))
    sure, nothing = np.eye(size)[0], np.full(size, 1 / size)
    rows = [sure] * 5 + [nothing] * 30
    [event] = find_events(how, rows, np.arange(len(rows)) * HOP)
    assert event.end == pytest.approx(0.4)


@given(answers, st.integers(1, 4))
def test_without_debounce_every_row_is_an_event(row: Row, patience: int) -> None:
    """An event goes on with an unlikely label (0.4), but none begins."""
    sides = groupby(row, key=lambda one: one[0])
    stretches = [(label, [sure >= 0.5 for _, sure in side]) for label, side in sides]
    expected = [
        label
        for label, sure in stretches
        if label not in QUIET
        and any(all(sure[i : i + patience]) for i in range(len(sure) - patience + 1))
    ]
    assert [label for _, label in begun(row, rules(patience, debounce=0))] == expected


def test_an_action_lasts_longer_than_the_answers_that_are_sure_of_it() -> None:
    """It begins with the first answer that takes it for half as sure, and ends with the last: at
    0.375, half-way from the chance of four classes to 0.5."""
    unsure = np.array([0.4, 0.1, 0.0, 0.5])
    other = answer("other", 0.9)
    detector = EventDetector(rules())
    rows = [other] * 5 + [unsure] * 4 + [answer("wave", 0.9)] * 3 + [unsure] * 6 + [other] * 11
    found = [event for i, one in enumerate(rows) for event in detector.update(one, i * HOP, 0.0)]
    [first, last] = found
    assert (first.announced, first.start, first.end) == pytest.approx((1.1, 0.5, None))
    assert (last.start, last.end) == pytest.approx((0.5, 1.7))
    # Alone they begin nothing, and what was unsure before a gap is of another action.
    assert [*find_events(rules(), [unsure] * 50, np.arange(50) * HOP)] == []
    detector = EventDetector(rules())
    gap = [unsure] * 4 + [other] + [answer("wave", 0.9)] * 3
    [event] = [event for i, one in enumerate(gap) for event in detector.update(one, i * HOP, 0.0)]
    assert event.start == pytest.approx(0.5)


def test_rules_come_from_the_models_file() -> None:
    own = EventRules.of(
        replace(
            STREAMING,
            thresholds={"clap": 0.8},
            patience={"wave": 5},
            lasting={"wave": 1.8},
            lags={"start": 0.7, "end": 0.9},
        )
    )
    assert own.thresholds.tolist() == [0.5, 0.8, 0.5]
    assert own.patience.tolist() == [5, 3, 3]
    assert own.lasting == {"wave": 1.8}
    assert (own.lag_start, own.lag_end) == (0.7, 0.9)
    # Where nobody measured lags: the warm-up of four frames at 10 Hz, half a stretched window.
    assert EventRules.of(STREAMING).lag_end == pytest.approx(0.4)
    assert EventRules.of(METADATA).lag_end == pytest.approx(1.0)
    # An answer that speaks of three frames ago lags by those as well.
    assert STREAMING.streaming is not None
    later = replace(STREAMING, streaming=replace(STREAMING.streaming, delay=3))
    assert EventRules.of(later).lag_end == pytest.approx(0.7)
    # Half of that is enough for the answer that begins the row of an event.
    assert EventRules.of(METADATA).lag_start == pytest.approx(0.5)
    assert EventRules.of(STREAMING).lag_start == pytest.approx(0.2)
    # A window of a fixed rate answers from its warm-up on, too, and speaks of no moment before.
    assert EventRules.of(replace(STREAMING, streaming=None)).lag_end == pytest.approx(0.4)


def test_flags_replace_what_the_file_says() -> None:
    given_ = EventRules.of(
        replace(METADATA, thresholds={"clap": 0.8}, lasting={"clap": 1.8}),
        threshold=0.3,
        patience=1,
        debounce=2.0,
    )
    assert given_.thresholds.tolist() == [0.3] * 3
    assert given_.lasting == {}  # nothing less probable than what is asked for
    assert given_.patience.tolist() == [1] * 3
    assert given_.debounce == 2
    more = EventRules.of(METADATA, (*METADATA.labels, "knock"), more={"knock": 0.7})
    assert more.thresholds.tolist() == [0.5, 0.5, 0.5, 0.7]


def test_a_threshold_of_one_label_leaves_the_others_as_they_are() -> None:
    model = replace(METADATA, thresholds={"clap": 0.8}, lasting={"clap": 1.8, "wave": 2.0})
    own = EventRules.of(model, threshold={"wave": 0.97})
    assert own.thresholds.tolist() == [0.97, 0.8, 0.5]
    assert own.lasting == {"clap": 1.8}, "nothing less probable than what is asked for"
    more = EventRules.of(
        model, (*METADATA.labels, "knock"), threshold={"knock": 0.9}, more={"knock": 0.7}
    )
    assert more.thresholds.tolist() == [0.5, 0.8, 0.5, 0.9], "what was taught has one, too"


def test_an_action_that_is_off_never_begins() -> None:
    quiet = rules(1).with_thresholds({"wave": NEVER})
    sure = [answer("wave", 1.0)] * 20 + [answer("clap", 1.0)] * 20
    found = [*find_events(quiet, sure, np.arange(40) * HOP)]
    assert [event.label for event in found] == ["clap"]
    lasts = replace(rules(1), lasting={"wave": 0.5}).with_thresholds({"wave": NEVER})
    assert [*find_events(lasts, sure[:20], np.arange(20) * HOP)] == []


@given(answers, st.integers(1, 4), debounces, st.sampled_from([0.3, 0.5, 0.9, 1.0, NEVER]))
def test_a_threshold_of_one_label_changes_no_event_of_another(
    row: Row, patience: int, debounce: float, threshold: float
) -> None:
    """And its own are those that it has where the threshold is that of all."""
    own = replace(rules(patience, debounce, start=0.3, end=0.3), lasting={"wave": 1, "clap": 1})
    single = own.with_thresholds({"wave": threshold})

    def of(label: str, how: EventRules) -> list[Event]:
        return [event for event in live(row, how)[0] if event.label == label]

    assert of("clap", single) == of("clap", own)
    same = replace(own, thresholds=np.full(4, threshold), lasting={})
    assert of("wave", single) == of("wave", same)
    assert all(event.confidence >= threshold for event in of("wave", single))


@pytest.mark.parametrize(
    ("single", "message"),
    [
        ({"wafe": 0.5}, "expected actions of the model (wave, clap), got wafe"),
        ({"other": 0.5}, "expected actions of the model (wave, clap), got other"),
        ({"wave": 1.5}, "threshold of wave: expected 0 to 1, or off, got 1.5"),
        ({"wave": np.nan}, "threshold of wave: expected 0 to 1, or off, got nan"),
    ],
)
def test_a_threshold_that_cannot_be_is_refused(single: dict[str, float], message: str) -> None:
    model = replace(METADATA, labels=("wave", "clap", "other"))
    with pytest.raises(InputError, match=re.escape(message)):
        EventRules.of(model, threshold=single)


@pytest.mark.parametrize(
    ("name", "value"),
    [("threshold", 1.5), ("patience", 0), ("debounce", -1), ("threshold", np.nan)],
)
def test_impossible_settings_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"{name}: expected"):
        EventRules.of(METADATA, **{name: value})
