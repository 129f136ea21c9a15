"""Answers to events: threshold, patience, debounce."""

from itertools import groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st

from skedge.edge_runtime.events import Event, EventDetector

HOP = 0.1
answers = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([0.2, 0.5, 0.9])), max_size=60)


def detect(
    row: list[tuple[str, float]], patience: int, debounce: float, threshold: float = 0.5
) -> list[tuple[int, Event]]:
    detector = EventDetector(threshold, patience, debounce)
    found = []
    for i, (label, confidence) in enumerate(row):
        event = detector.update(label, confidence, i * HOP - 1, i * HOP)
        if event:
            found.append((i, event))
    return found


def test_one_event_for_one_action() -> None:
    row = [("idle", 0.4)] * 5 + [("wave", 0.9)] * 30 + [("idle", 0.4)] * 5
    [(i, event)] = detect(row, patience=3, debounce=1.0)
    assert i == 7
    assert event == Event("wave", 0.9, 5 * HOP - 1, 7 * HOP)


def test_threshold_is_reached_when_equal() -> None:
    assert len(detect([("wave", 0.5)] * 3, patience=3, debounce=0)) == 1
    assert detect([("wave", 0.499)] * 30, patience=3, debounce=0) == []


def test_patience_wants_consecutive_answers() -> None:
    assert detect([("wave", 0.9), ("wave", 0.9), ("clap", 0.9)] * 9, patience=3, debounce=0) == []
    assert len(detect([("wave", 0.9)] * 3, patience=3, debounce=0)) == 1
    assert len(detect([("wave", 0.9)], patience=1, debounce=0)) == 1


def test_a_flicker_is_the_same_action() -> None:
    row = ([("wave", 0.9)] * 4 + [("wave", 0.1)] * 2) * 9
    assert len(detect(row, patience=3, debounce=0.5)) == 1
    assert len(detect(row, patience=3, debounce=0.1)) == 9


def test_the_same_action_after_a_pause() -> None:
    row = [("wave", 0.9)] * 4 + [("idle", 0.3)] * 11 + [("wave", 0.9)] * 4
    assert [i for i, _ in detect(row, patience=3, debounce=1.0)] == [2, 17]
    assert [i for i, _ in detect(row, patience=3, debounce=1.5)] == [2]


def test_another_label_is_not_held_back() -> None:
    row = [("wave", 0.9)] * 4 + [("clap", 0.9)] * 4
    assert [(i, event.label) for i, event in detect(row, patience=3, debounce=9)] == [
        (2, "wave"),
        (6, "clap"),
    ]


def test_an_interruption_breaks_the_row() -> None:
    detector = EventDetector(0.5, 2, 1.0)
    assert detector.update("wave", 0.9, 0, 1) is None
    detector.interrupt()
    assert detector.update("wave", 0.9, 8, 9) is None
    assert detector.update("wave", 0.9, 8.1, 9.1) == Event("wave", 0.9, 8, 9.1)


@given(answers, st.integers(1, 4), st.sampled_from([0.0, 0.25, 0.55, 2.05]))
def test_events_follow_the_rules(
    row: list[tuple[str, float]], patience: int, debounce: float
) -> None:
    found = detect(row, patience, debounce)
    for i, event in found:
        held = row[i - patience + 1 : i + 1]
        assert len(held) == patience
        assert all(label == event.label and confidence >= 0.5 for label, confidence in held)
        assert event.start <= event.end == i * HOP
    for label in "ab":
        heard = [i for i, event in found if event.label == label]
        for one, other in pairwise(heard):
            gap = [i for i in range(one, other) if row[i][0] != label or row[i][1] < 0.5]
            assert gap, "the same label was emitted again while it went on"
            assert (other - one) * HOP >= debounce


@given(answers, st.integers(1, 4))
def test_without_debounce_every_long_row_is_one_event(
    row: list[tuple[str, float]], patience: int
) -> None:
    rows = groupby(label if confidence >= 0.5 else None for label, confidence in row)
    expected = [label for label, same in rows if len(list(same)) >= patience and label]
    assert [event.label for _, event in detect(row, patience, 0)] == expected


@given(answers, st.integers(1, 3))
def test_a_long_debounce_lets_every_label_through_once(
    row: list[tuple[str, float]], patience: int
) -> None:
    labels = [event.label for _, event in detect(row, patience, 1e9)]
    assert len(labels) == len(set(labels))
