"""The everyday measure: what is counted, on answers written by hand."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.datasets.poses import read_poses
from skedge.datasets.store import StoreWriter
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.events import EventRules
from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.live.actions import Actions, Observation
from skedge.edge_runtime.scoring.everyday import (
    RAISED,
    Answers,
    Recording,
    Span,
    Track,
    Watched,
    count,
    curve,
    figures,
    happened,
    quieter,
    read_for,
    read_recordings,
    watch,
)
from skedge.skeleton import InputError, load_layout
from skedge.skeleton.hanging import leg_joints
from tests.edge_runtime.edge_models import STREAMING, write_streaming_model

LABELS = ("wave", "kick", "other", "idle")
RULES = EventRules(LABELS, np.full(4, 0.5), np.full(4, 2), debounce=1.0)


def said(*words: tuple[str, float], rate: float = 10.0) -> Answers:
    """Answers, each a label and its probability, `rate` of them per second."""
    probabilities = np.zeros((len(words), len(LABELS)), np.float32)
    for row, (label, probability) in zip(probabilities, words, strict=True):
        row[:] = (1 - probability) / (len(LABELS) - 1)
        row[LABELS.index(label)] = probability
    return Answers(np.arange(len(words)) / rate, probabilities, 0.0)


def seen(*people: Answers, kind: str, spans: Sequence[Span] = (), duration: float = 6.0) -> Watched:
    layout = load_layout("ntu25")
    return Watched(Recording(kind, kind, layout, (), tuple(spans), duration), people)


WAVING = said(*[("wave", 0.9)] * 20)
KICKING = said(*[("kick", 0.8)] * 20)
NOTHING = said(*[("other", 0.9)] * 20)


def test_a_performance_is_found_by_its_own_event_alone() -> None:
    spans = [Span("wave", 0, 6)]
    right = seen(WAVING, kind="waves", spans=spans)
    wrong = seen(KICKING, kind="waves", spans=spans)
    found = figures(count([right, wrong], RULES))
    assert (found["performances"], found["recall"], found["precision"]) == (2, 50.0, 50.0)
    assert found["wrong_per_minute"] == pytest.approx(1 / 0.2)
    assert found["recall_per_class"] == {"wave": {"performances": 2, "right": 1}}
    assert found["false_events"] == [{"in": "waves", "event": "kick", "number": 1}]


def test_other_movement_counts_every_event_by_the_hour() -> None:
    walks = seen(KICKING, kind="walks", duration=1800)
    stands = seen(NOTHING, kind="stands", duration=1800)
    found = figures(count([walks, stands], RULES))
    assert found["false_per_hour_of_other_movement"] == 1
    assert found["false_per_hour"] == 1
    assert found["recall"] is None
    assert found["wrong_per_minute"] is None


@pytest.mark.parametrize("label", ["other", "idle"])
def test_quiet_classes_are_never_events(label: str) -> None:
    found = count([seen(said(*[(label, 1.0)] * 20), kind="x")], RULES)
    assert found.events == 0


def test_an_event_outside_of_its_interval_is_false() -> None:
    answers = said(*[("other", 0.9)] * 30, *[("wave", 0.9)] * 10, *[("other", 0.9)] * 20)
    early = seen(answers, kind="recording", spans=[Span("wave", 0, 1)])
    there = seen(answers, kind="recording", spans=[Span("wave", 3, 4)])
    assert count([early], RULES).right["wave"] == 0
    assert count([early], RULES).false["recording", "wave"] == 1
    assert count([there], RULES).right["wave"] == 1
    assert not count([there], RULES).false


@pytest.mark.parametrize(("start", "end"), [(3, 6), (0, 3)])
def test_a_recording_of_an_action_at_one_end_is_no_clip_of_it(start: int, end: int) -> None:
    """One that ended with a wave was a clip of waving: all of its minutes were the action's, and
    its last answer counted."""
    day = seen(KICKING, kind="recording", spans=[Span("wave", start, end)])
    clip = seen(KICKING, kind="wave", spans=[Span("wave", 0, 6)])
    expected = figures(count([clip], RULES))
    alone, both = figures(count([day], RULES)), figures(count([day, clip], RULES))
    for name in ("wrong_per_minute", "last_answer", "answered"):
        assert (alone[name], both[name]) == (None, expected[name])


def test_what_happened_is_listed_with_its_moments() -> None:
    """A false event of a day at home could not be looked at: nobody knew where it was."""
    answers = said(*[("other", 0.9)] * 20, *[("kick", 0.9)] * 10, *[("other", 0.9)] * 20)
    spans = [Span("wave", 4, 5), Span("kick", 2, 3), Span("wave", 0, 1)]
    kick = seen(answers, kind="recording", spans=spans)
    listed = list(happened([kick, seen(answers, kind="walks")], RULES))
    assert [(one.recording.kind, one.label, one.outcome) for one in listed] == [
        ("recording", "wave", "missed"),
        ("recording", "kick", "right"),
        ("recording", "wave", "missed"),
        ("walks", "kick", "false"),
    ]
    assert [one.start for one in listed] == pytest.approx([0, 2, 4, 2])
    assert [one.end for one in listed] == pytest.approx([1, 2.9, 5, 2.9])
    assert [one.confidence for one in listed] == [
        None,
        pytest.approx(0.9),
        None,
        pytest.approx(0.9),
    ]


def test_the_delay_is_from_the_start_to_the_announcement() -> None:
    answers = said(*[("other", 0.9)] * 10, *[("wave", 0.9)] * 10)
    found = figures(count([seen(answers, kind="waves", spans=[Span("wave", 0, 6)])], RULES))
    assert found["delay"] == pytest.approx(1.1), "the second answer of a row of two, at 1.1 s"


def test_a_clip_that_ends_before_an_answer_is_not_answered() -> None:
    none = Answers(np.zeros(0), np.zeros((0, 4), np.float32), 0.0)
    spans = [Span("wave", 0, 6)]
    clips = [seen(none, kind="wave", spans=spans), seen(WAVING, kind="wave", spans=spans)]
    found = figures(count(clips, RULES))
    assert (found["answered"], found["last_answer"]) == (50.0, 50.0)


def test_a_higher_threshold_never_finds_more() -> None:
    rng = np.random.default_rng(0)
    watched = [
        seen(
            Answers(np.arange(200) / 10, rng.dirichlet(np.full(4, 0.3), 200), 0.0),
            kind="x",
            spans=[Span("wave", 0, 20)] if i % 2 else (),
            duration=20,
        )
        for i in range(6)
    ]
    points = curve(watched, RULES)
    recalls = [point["recall"] for point in points]
    assert recalls == sorted(recalls, reverse=True)
    assert points[-1]["false_per_hour"] < points[0]["false_per_hour"]


def noise(rng: np.random.Generator, spans: Sequence[Span] = ()) -> Watched:
    """Twenty seconds of anything."""
    answers = rng.dirichlet(np.full(4, 0.1), 200) ** 0.1
    answers /= answers.sum(1, keepdims=True)
    return seen(Answers(np.arange(200) / 10, answers, 0.0), kind="x", spans=spans, duration=20)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 10.0, 100.0, 1000.0]))
def test_no_action_is_louder_than_wanted_nor_quieter_than_need_be(seed: int, most: float) -> None:
    rng = np.random.default_rng(seed)
    rules = replace(
        RULES, thresholds=np.array([0.35, 0.96, 0.5, 0.5]), lasting={"wave": 0.5, "kick": 0.5}
    )
    watched = [noise(rng) for _ in range(4)]
    loud = noise(rng, spans=[Span("wave", 0, 20)])
    found = quieter([*watched, loud], rules, most)
    assert quieter(watched, rules, most) == found, "a performance is no other movement"
    hours = 4 * 20 / 3600

    def false(rules: EventRules, label: str) -> int:
        tally = count(watched, rules)
        return sum(number for (_, one), number in tally.false.items() if one == label)

    for label in ("wave", "kick"):
        own = float(rules.thresholds[LABELS.index(label)])
        assert false(rules.with_thresholds(found), label) <= most * hours
        assert (label in found) == (false(rules, label) > most * hours)
        assert found.get(label, 1) > own, "never louder than it was"
        lower = [one for one in RAISED if own < one < found.get(label, 0)]
        assert all(
            false(rules.with_thresholds({label: one}), label) > most * hours for one in lower
        )


def test_as_many_false_events_as_one_would_bear_are_borne() -> None:
    hour = [seen(KICKING, kind="x", duration=1800)] * 2
    assert quieter(hour, RULES, 2.0) == {}
    assert quieter(hour, RULES, 1.9) == {"kick": 0.9}


def test_less_than_a_minute_of_other_movement_says_nothing() -> None:
    assert quieter([seen(KICKING, kind="x", duration=59)], RULES, 1.0) == {}
    assert quieter([seen(KICKING, kind="x", duration=61)], RULES, 1.0) == {"kick": 0.9}


def test_who_was_away_begins_anew() -> None:
    """Answers before and after an absence were in a row, so two sets of squats were one event."""
    once = said(*[("wave", 0.9)] * 20)
    away = once._replace(seconds=once.seconds + (np.arange(20) >= 10) * 3.0)
    film = seen(away._replace(absences=((0.9, 4.0),)), kind="runs")
    assert figures(count([film], RULES))["false_events"][0]["number"] == 2
    short = seen(once._replace(absences=((0.9, 1.6),)), kind="runs")
    assert figures(count([short], RULES))["false_events"][0]["number"] == 1


def test_the_measure_has_the_events_that_the_live_view_has(dataset: Callable[[str], Path]) -> None:
    recognizer = Recognizer.load("default", taught=False)
    metadata = recognizer.metadata
    films = sorted(dataset("film-poses").glob("*.npz"))
    lost = [file for file in films if file.stem in ("squat_techbusa_034", "squat_dillonloh_036")]
    assert len(lost) == 2, "in these somebody is away in the midst of squats"
    for file in (*lost, *films[::12]):
        (watched,) = watch(
            recognizer,
            read_recordings(file, {}, labels=metadata.labels, part="all", protocol="xsub"),
        )
        tally = count([watched], recognizer.rules)
        recognizer.reset()
        actions = Actions(recognizer)
        (film,) = read_poses(file)
        begun = 0
        for moment in np.unique(film.seconds):
            people = tuple(
                Person(
                    int(film.person[i]),
                    film.joints[i],
                    whole=bool(film.whole[i]),
                    touching=bool(film.touching[i]),
                )
                for i in np.flatnonzero(film.seconds == moment)
            )
            outlook = actions.update(
                Observation(Frame(None, float(moment)), people, film.layout, 0.0)
            )
            begun += sum(not one.event.ended for one in outlook.happenings)
        recognizer.reset()
        assert tally.events == begun, file.name


def test_a_model_that_was_in_use_measures_the_same_and_is_in_use_again(
    streaming_model: Path,
) -> None:
    """What a camera showed before must not be in the figures, nor the recordings in what it shows
    after."""
    layout = load_layout("ntu25")
    joints = np.zeros((60, 25, 3), np.float32)
    joints[20:40, 0, 1] = 9
    film = Recording("day", "day", layout, (Track(5 + np.arange(60) / 20, joints),), (), 8.0)
    recognizer = Recognizer.load(streaming_model)
    ((expected,),) = (one.people for one in watch(recognizer, [film]))
    assert len(expected.seconds) > 10
    assert expected.earliest == 5.0
    for _ in range(2):
        for number, place in enumerate(joints[::-1]):
            recognizer.update(place, number / 20)
        ((found,),) = (one.people for one in watch(recognizer, [film]))
        np.testing.assert_array_equal(found.seconds, expected.seconds)
        np.testing.assert_array_equal(found.probabilities, expected.probabilities)


def test_a_model_of_two_people_is_not_measured_by_one(tmp_path: Path) -> None:
    model = write_streaming_model(tmp_path / "pair.onnx", replace(STREAMING, persons=2))
    with pytest.raises(InputError, match=r"one person, got one of 2; .*`skedge evaluate online`"):
        list(watch(Recognizer.load(model), []))


def test_every_recording_has_its_own_performances(tmp_path: Path) -> None:
    layout = load_layout("ntu25")
    with StoreWriter(tmp_path / "day", name="day", layout=layout, labels=LABELS, rate=10) as writer:
        for name, intervals in (("a", [(0, 0, 20), (3, 20, 40)]), ("b", [(1, 10, 30)])):
            body = np.full((1, 40, 25, 3), 0.5, np.float32)
            writer.add(name, body, label=2, intervals=intervals)
    found = read_recordings(tmp_path / "day", {}, labels=LABELS, part="all", protocol="xsub")
    assert {one.name: one.spans for one in found} == {
        "a": (Span("wave", 0.0, 2.0),),
        "b": (Span("kick", 1.0, 3.0),),
    }


@pytest.mark.parametrize(
    ("folder", "spans"), [("kick", 1), ("idle", 0), ("other", 0), ("dance", 0)]
)
def test_a_film_of_something_quiet_is_no_performance(
    folder: str, spans: int, tmp_path: Path
) -> None:
    """Standing about in a folder `idle` would be a performance that no event can ever fit."""
    (tmp_path / folder).mkdir()
    places = {"picture": range(6), "person": [1] * 6, "joints": np.zeros((6, 33, 3)), "rate": 10.0}
    np.savez(tmp_path / folder / "film.npz", **places)
    (film,) = read_recordings(tmp_path, {}, labels=LABELS, part="all", protocol="xsub")
    assert (film.kind, len(film.spans)) == (folder, spans)


def test_time_without_pictures_is_no_time_in_view(tmp_path: Path) -> None:
    """A clock that was set in the middle of a minute made weeks of it, without false events."""
    places = {"person": [1] * 600, "joints": np.zeros((600, 33, 3)), "rate": 10.0, "label": "wave"}
    picture = np.arange(600)
    seconds = picture / 10 + np.where(picture < 300, 0, 20 * 86_400)
    np.savez(tmp_path / "set.npz", picture=picture, seconds=seconds, **places)
    (film,) = read_recordings(tmp_path, {}, labels=LABELS, part="all", protocol="xsub")
    assert film.duration == pytest.approx(60)
    assert film.off == pytest.approx(20 * 86_400)
    assert film.spans[0].end == pytest.approx(20 * 86_400 + 60), "events are by the film's time"
    np.savez(tmp_path / "set.npz", picture=picture, pictures=28_000_000, **places)
    with pytest.raises(InputError, match=r"set: expected .* month at most, got 32\.4 days"):
        list(read_recordings(tmp_path, {}, labels=LABELS, part="all", protocol="xsub"))


@pytest.mark.parametrize(("upper", "frames"), [(True, 6), (False, 4)])
def test_who_is_seen_from_the_hips_up_is_for_models_that_answer_then(
    upper: bool, frames: int, tmp_path: Path
) -> None:
    """The live view does not ask others, so a recording of a desk gave events that no camera had."""
    layout = load_layout("blazepose33")
    joints = np.zeros((6, 33, 3))
    joints[2:4, list(leg_joints(layout))] = np.nan
    places = {"picture": range(6), "person": [1] * 6, "joints": joints, "rate": 10.0}
    np.savez(tmp_path / "desk.npz", **places)
    (film,) = read_recordings(tmp_path, {}, labels=LABELS, part="all", protocol="xsub", upper=upper)
    assert [len(track.seconds) for track in film.people] == [frames]


@pytest.mark.parametrize(("touching", "frames"), [(False, [3, 3]), (True, [6, 3])])
def test_a_body_that_may_be_that_of_two_is_left_out_but_for_who_knows_such(
    touching: bool, frames: list[int], tmp_path: Path
) -> None:
    hug(tmp_path / "hug.npz", np.zeros((9, 33, 3)))
    (film,) = read_recordings(
        tmp_path, {}, labels=LABELS, part="all", protocol="xsub", touching=touching
    )
    assert [len(track.seconds) for track in film.people] == frames


def hug(path: Path, joints: np.ndarray) -> None:
    """A pose recording in which 2 is lost beside 1 in three of six pictures."""
    pictures = [0, 0, 1, 1, 2, 3, 4, 4, 5]
    person = np.array([1, 2, 1, 2, 1, 1, 1, 2, 1])
    pixels = np.full((9, 33, 2), 100.0)
    pixels[:, [23, 24], 1] = 160
    pixels[..., 0] += 60 * person[:, None]
    np.savez(
        path,
        picture=pictures,
        person=person,
        pixels=pixels,
        joints=joints,
        rate=10.0,
    )


@pytest.mark.parametrize(("knows", "frames"), [(True, [6, 3]), (False, [2, 3])])
def test_a_model_is_shown_the_bodies_that_it_answers_for(
    knows: bool, frames: list[int], tmp_path: Path
) -> None:
    """Studies of thresholds, pace and views showed every model the same ones."""
    joints = np.zeros((9, 33, 3))
    joints[0, list(leg_joints(load_layout("blazepose33")))] = np.nan
    hug(tmp_path / "hug.npz", joints)
    made_of_films = replace(
        STREAMING, provenance={"format": "films"}, upper_body=STREAMING.labels[:1]
    )
    answers = made_of_films if knows else STREAMING
    recognizer = Recognizer.load(write_streaming_model(tmp_path / "model.onnx", answers))
    (film,) = read_for(recognizer, tmp_path, {}, labels=LABELS)
    assert [len(track.seconds) for track in film.people] == frames
