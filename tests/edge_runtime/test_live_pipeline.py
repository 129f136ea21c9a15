"""Camera, pose and action in threads: the newest frame wins, nothing waits for a viewer, all end
together."""

import io
import json
import threading
import time
from collections.abc import Hashable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from skedge.edge_runtime.events import Event
from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.live import Live, LiveError, pulse
from skedge.edge_runtime.live.actions import (
    TOUCHING,
    Actions,
    Answer,
    Happening,
    Observation,
    Outlook,
)
from skedge.edge_runtime.live.crew import Crew
from skedge.edge_runtime.live.mailbox import Mailbox, Newest
from skedge.edge_runtime.live.pipeline import Log
from skedge.edge_runtime.live.terminal import Terminal
from skedge.edge_runtime.live.timing import Timing
from skedge.edge_runtime.recognizer import Recognizer, Result
from skedge.skeleton import InputError, load_layout
from skedge.skeleton.hanging import leg_joints
from tests.edge_runtime.live_fakes import (
    NTU,
    Pictures,
    Pose,
    Skeletons,
    body,
    quick_model,
    quick_recognizer,
)
from tests.edge_runtime.waiting import wait_until


class Watcher:
    """A consumer that remembers what it saw, and breaks when it is told to."""

    def __init__(self, finished_after: int | None = None) -> None:
        self.seen: list[Observation] = []
        self.finished_after = finished_after
        self.breaks: Exception | None = None

    def update(self, observation: Observation) -> Outlook:
        if self.breaks:
            raise self.breaks
        self.seen.append(observation)
        return Outlook(finished=len(self.seen) == self.finished_after)

    def finish(self) -> Outlook:
        return Outlook()


class Unplugged(Skeletons):
    """A camera that is lost after its last frame, and not found again."""

    status = ""

    def __iter__(self) -> Iterator[Frame]:
        yield from super().__iter__()
        self.status = "no picture, trying again"
        while not self.closed:
            time.sleep(0.01)


class Painter:
    problem = ""

    def __init__(self, wanted: bool = True, patient: bool = False) -> None:
        self.wanted, self.patient = wanted, patient
        self.painted: list[float] = []
        self.closed = False
        self.breaks: Exception | None = None

    def paint(self, observation: Observation, answers: tuple[Answer, ...]) -> None:
        if self.breaks:
            raise self.breaks
        self.painted.append(observation.frame.seconds)

    def close(self) -> None:
        self.closed = True


def run(live: Live, seconds: float = 30.0) -> None:
    """Start, wait for the end, close; a live view that hangs fails."""
    live.start()
    assert live.crew.stopping.wait(seconds), "the live view did not end"
    live.close()


def threads() -> set[str]:
    names = {"camera", "pose", "action", "picture", "state", "page", "hook", "stdout", "terminal"}
    return {thread.name for thread in threading.enumerate()} & names


def test_the_newest_frame_wins_and_the_last_one_is_seen() -> None:
    gate, source, watcher = threading.Event(), Pictures(100, rate=None), Watcher()

    class Slow(Pose):
        def estimate(self, frame: Frame) -> tuple[Person, ...]:
            assert gate.wait(30)
            return super().estimate(frame)

    live = Live(source, Slow(), NTU, watcher)
    live.start()
    while source.given < 100:  # the camera does not wait for the pose
        time.sleep(0.001)
    gate.set()
    assert live.crew.stopping.wait(30)
    live.close()
    numbers = [round(observation.frame.seconds * 30) for observation in watcher.seen]
    assert numbers[-1] == 99
    assert numbers == sorted(numbers)
    assert len(numbers) <= 4
    assert sum(live.state()["dropped"].values()) == 100 - len(numbers)
    assert live.state()["dropped"]["pose"] >= 96, "it is the pose that was too slow"


@pytest.mark.parametrize("rotation", [0, 90])
def test_from_camera_to_answer_is_all_that_a_picture_waited_for(rotation: int) -> None:
    """The second one for the pose of the first, also where pictures are turned."""
    source = Pictures(3, rate=None)

    class Slow(Pose):
        def estimate(self, frame: Frame) -> tuple[Person, ...]:
            if not self.calls:
                wait_until(lambda: source.given == 3)  # the second one was taken
                time.sleep(0.2)
            return super().estimate(frame)

    live = Live(source, Slow(), NTU, Watcher(), every_frame=True)
    live.view = replace(live.view, rotation=rotation)
    run(live)
    assert live.state()["latencies"]["camera to answer"]["p50"] >= 200


def test_every_frame_of_a_film_where_that_is_asked_for() -> None:
    watcher = Watcher()
    run(Live(Pictures(50, rate=None), Pose(takes=0.001), NTU, watcher, every_frame=True))
    assert [round(observation.frame.seconds * 30) for observation in watcher.seen] == list(
        range(50)
    )


def test_a_recording_that_fails_is_said_until_it_goes_on() -> None:
    """Then it said that the camera was back, which had never been away."""
    painter = Painter()
    live = Live(Pictures(rate=50), Pose(), NTU, Watcher(), name="camera 0", painter=painter)
    live.start()
    try:
        painter.problem = "the disk is full"
        wait_until(lambda: live.problems() == ["recording: the disk is full"])
        painter.problem = ""
        wait_until(lambda: live.problems() == [])
        notes = [document["note"] for _, _, document in live.log.since(0)]
        assert notes == ["camera 0: recording: the disk is full", "camera 0: all is well again"]
    finally:
        live.close()


def test_a_recording_of_a_film_has_every_frame_but_a_viewer_never_holds_it_up() -> None:
    painter = Painter(patient=True)
    run(Live(Pictures(40, rate=None), Pose(), NTU, Watcher(), painter=painter, every_frame=True))
    assert len(painter.painted) == 40
    assert painter.closed

    class Stuck(Painter):
        def paint(self, observation: Observation, answers: tuple[Answer, ...]) -> None:
            super().paint(observation, answers)
            assert enough.wait(30)

    enough, stuck, watcher = threading.Event(), Stuck(), Watcher()
    live = Live(Pictures(40, rate=None), Pose(), NTU, watcher, painter=stuck, every_frame=True)
    live.start()
    deadline = time.monotonic() + 30
    while len(watcher.seen) < 40:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    enough.set()
    assert live.crew.stopping.wait(30)
    live.close()
    assert len(stuck.painted) <= 2


def test_nothing_is_painted_that_nobody_wants() -> None:
    painter = Painter(wanted=False)
    run(Live(Pictures(20, rate=None), Pose(), NTU, Watcher(), painter=painter, every_frame=True))
    assert painter.painted == []


def test_recorded_skeletons_need_no_pose_estimator() -> None:
    watcher = Watcher()
    source = Skeletons(lambda seconds: (Person(7, body(seconds)),), 30)
    run(Live(source, None, NTU, watcher, every_frame=True))
    assert {person.id for observation in watcher.seen for person in observation.people} == {7}
    assert source.closed


@pytest.mark.parametrize("where", ["camera", "pose", "action", "picture", "state"])
def test_an_error_in_any_thread_ends_all_with_one_line(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, pose, watcher, painter = Pictures(rate=200), Pose(), Watcher(), Painter()
    live = Live(source, pose, NTU, watcher, painter=painter)
    broken = RuntimeError("the roof\nis on fire")
    if where == "state":
        monkeypatch.setattr("skedge.edge_runtime.live.pipeline.health", lambda: 1 / 0)
    else:
        {"camera": source, "pose": pose, "action": watcher, "picture": painter}[
            where
        ].breaks = broken
    live.start()
    assert live.crew.stopping.wait(30)
    with pytest.raises(
        LiveError, match=f"^{where}: (RuntimeError: the roof is on fire|ZeroDivisionError: .*)$"
    ):
        live.close()
    assert source.closed.is_set()
    assert not threads()


def test_what_broke_first_is_told_where_the_recording_breaks_too() -> None:
    class Partial(Painter):
        def close(self) -> None:
            raise FileNotFoundError("walk.partial.mp4")

    source, painter = Pictures(rate=200), Partial()
    painter.breaks = InputError("--record: no codec")
    live = Live(source, Pose(), NTU, Watcher(), painter=painter)
    live.start()
    assert live.crew.stopping.wait(30)
    with pytest.raises(InputError, match=r"^--record: no codec$"):
        live.close()


@pytest.mark.parametrize("hangs", [True, False])
def test_a_source_that_does_not_close_leaves_the_recording_whole(
    monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    """Only SIGKILL ended it, and a film was left as .partial."""
    if hangs:
        monkeypatch.setattr("skedge.edge_runtime.live.pipeline.CLOSING", 0.1)
    opened = threading.Event()

    class Bad(Pictures):
        def close(self) -> None:
            super().close()
            if not hangs:
                raise OSError("the bus is gone")
            opened.wait()

    source, painter = Bad(rate=200), Painter()
    live = Live(source, Pose(), NTU, Watcher(), painter=painter, name="camera 0")
    live.start()
    said = "^camera 0: it does not close within 0.1 s" if hangs else "^camera: OSError: the bus"
    with pytest.raises(LiveError, match=said):
        live.close()
    assert painter.closed
    opened.set()
    wait_until(lambda: not threads())


def test_persons_numbers_of_any_integer_kind_are_plain_json() -> None:
    numbers: Any = np.array([4, 5])
    answer, happening = (
        Answer(numbers[0], True),
        Happening(Event("wave", 0.9, 0.0, None, 1.0), numbers[1]),
    )
    assert json.loads(json.dumps(answer.document()))["id"] == 4
    assert json.loads(json.dumps(happening.document()))["person"] == 5


def test_nothing_waits_for_a_thread_that_the_system_had_no_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The live view waited for its page for ever, and for Ctrl-C in vain."""
    crew, woken = Crew(), []
    crew.start("camera", crew.stopping.wait, lambda: woken.append("camera"))

    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refused)
        with pytest.raises(LiveError, match=r"^page: can't start new thread$"):
            crew.start("page", crew.stopping.wait, lambda: woken.append("page"))
    crew.stop()
    assert woken == ["camera"]
    assert crew.join(30) == []


def test_what_an_input_error_says_comes_through_as_it_is() -> None:
    source = Pictures()
    source.breaks = InputError("camera 0: expected a camera, got none")
    live = Live(source, Pose(), NTU, Watcher())
    live.start()
    assert live.crew.stopping.wait(30)
    with pytest.raises(InputError, match=r"^camera 0: expected a camera, got none$"):
        live.close()


def test_a_reader_of_the_log_gets_every_entry_once() -> None:
    log = Log()
    listened: list[str] = []
    log.tell("note", lambda document: listened.append(document["note"]))
    for number in range(1, 5):
        log.add("note", {"note": f"note {number}"})
    seen = log.since(2)
    assert [(number, document["note"]) for number, _, document in seen] == [
        (3, "note 3"),
        (4, "note 4"),
    ]
    assert log.since(seen[-1][0]) == []
    assert len(listened) == 4


def test_pictures_without_a_pose_estimator_are_refused() -> None:
    live = Live(Pictures(), None, NTU, Watcher(), name="film.mp4")
    live.start()
    assert live.crew.stopping.wait(30)
    with pytest.raises(InputError, match=r"film\.mp4"):
        live.close()


def test_closing_in_the_middle_joins_all_threads() -> None:
    live = Live(Pictures(), Pose(takes=0.01), NTU, Watcher(), painter=Painter())
    live.start()
    time.sleep(0.1)
    live.close()
    assert not threads()


def test_a_consumer_that_is_done_ends_an_endless_source() -> None:
    watcher = Watcher(finished_after=5)
    run(Live(Pictures(rate=None), Pose(), NTU, watcher))
    assert len(watcher.seen) == 5


def test_a_lost_camera_is_shown_and_noted() -> None:
    source, notes = Pictures(rate=100), []
    live = Live(source, Pose(), NTU, Watcher(), name="camera 0")
    live.tell("note", notes.append)
    live.start()
    for status in ("lost, trying again", ""):
        source.status = status
        deadline = time.monotonic() + 30
        while live.state()["status"] != status or not notes:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    live.close()
    assert [note["note"] for note in notes] == [
        "camera 0: lost, trying again",
        "camera 0: all is well again",
    ]


def test_a_lost_camera_that_is_tried_again_for_long_does_not_hang(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The service manager would begin the live view anew for as long as the camera is away."""
    monkeypatch.setattr(pulse, "PATIENCE", 0.05)
    source = Unplugged(lambda seconds: (), 2)
    live = Live(source, None, NTU, Watcher(), name="camera 0")
    live.start()
    try:
        wait_until(lambda: live.pulse.hangs() == ["camera"])
        assert live.hanging() == []
        wait_until(lambda: live.problems() == ["no picture, trying again"])
        source.status = ""
        assert live.hanging() == ["camera"]
        wait_until(lambda: live.problems() == ["camera hangs"])
    finally:
        live.close()


def test_nobodys_answer_stays_when_the_camera_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skedge.edge_runtime.live.pipeline.STALE_SECONDS", 0.3)
    source = Pictures(rate=100)
    live = Live(source, Pose(), NTU, Actions(quick_recognizer(tmp_path / "m.onnx")))
    live.start()
    deadline = time.monotonic() + 30
    while not live.state()["people"]:
        assert time.monotonic() < deadline
    source.rate = 0.01  # it stands still
    while live.state()["people"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    live.close()
    assert not threads()


def test_the_state_says_what_a_viewer_needs(tmp_path: Path) -> None:
    began = time.monotonic()
    live = Live(
        Pictures(40, rate=None),
        Pose(2),
        NTU,
        Actions(quick_recognizer(tmp_path / "m.onnx")),
        painter=Painter(),
        every_frame=True,
    )
    run(live)
    state = json.loads(json.dumps(live.state()))
    assert state["looking"]
    assert [person["id"] for person in state["people"]] == [1, 2]
    for person in state["people"]:
        shares = [answer["probability"] for answer in person["top"]]
        assert len(shares) == 5
        assert shares == sorted(shares, reverse=True)
    assert set(state["rates"]) == {"camera", "pose", "action"}
    assert set(state["latencies"]) == {"pose", "action", "picture", "camera to answer"}
    took = time.monotonic() - began
    assert all(0 <= one["p50"] <= one["p95"] <= 1000 * took for one in state["latencies"].values())
    assert 0 <= state["uptime"] <= took + 0.1
    assert set(state["health"]) == {"temperature", "throttled", "rss", "available", "total", "cpu"}
    assert live.log.since(0)


class TestActions:
    """People's joints to answers."""

    def observe(self, *people: Person, seconds: float = 0.0, layout: str = "ntu25") -> Observation:
        return Observation(Frame(None, seconds, people), people, load_layout(layout), 0.0)

    def test_everybody_gets_an_answer_of_ones_own(self, tmp_path: Path) -> None:
        actions, alone = (
            Actions(quick_recognizer(tmp_path / "m.onnx")),
            Recognizer.load(quick_model(tmp_path / "n.onnx")),
        )
        for number in range(40):
            seconds = number / 30
            left, right = body(seconds, -0.8), body(seconds + 1, 0.8)
            outlook = actions.update(
                self.observe(Person(4, left), Person(9, right), seconds=seconds)
            )
            expected = alone.update(right, seconds)
        assert [answer.id for answer in outlook.answers] == [4, 9]
        assert outlook.answers[1].top[0] == (expected.label, pytest.approx(expected.confidence))
        assert outlook.answers[0].top[0] != outlook.answers[1].top[0]

    def test_no_whole_body_gives_no_action(self, tmp_path: Path) -> None:
        actions = Actions(quick_recognizer(tmp_path / "m.onnx"))
        for number in range(60):
            outlook = actions.update(
                self.observe(Person(1, body(number / 30), whole=False), seconds=number / 30)
            )
            assert outlook.happenings == ()
        assert outlook.answers[0].text == "no whole body in view"
        assert outlook.answers[0].document() == {
            "id": 1,
            "whole": False,
            "upper": False,
            "top": [],
            "doing": [],
            "problem": "",
        }

    @pytest.mark.parametrize(
        ("people", "frames", "notes"),
        [
            ((), 9, ("nobody was in view in 9 frames",)),
            (
                (Person(1, body(0.0), whole=False),),
                9,
                ("nobody's whole body was in view in 9 frames",),
            ),
            (
                (Person(1, body(0.0)),),
                9,
                ("nobody was in view for long enough: the first answer takes 0.5 s",),
            ),
            ((Person(1, body(0.0)),), 20, ()),
            ((Person(1, body(0.0)),), 1, ("a single picture, in which nothing moves",)),
            ((), 1, ("a single picture, in which nothing moves",)),
        ],
    )
    def test_a_film_without_anybody_does_not_end_in_silence(
        self, tmp_path: Path, people: tuple[Person, ...], frames: int, notes: tuple[str, ...]
    ) -> None:
        """Of a photo of somebody it said that nobody was in view, as it takes a moment to be, and
        nothing at all where an estimator sees somebody at once."""
        actions = Actions(quick_recognizer(tmp_path / "m.onnx"))
        assert actions.finish().notes == ()  # before the first frame there is nothing to say
        for number in range(frames):
            assert actions.update(self.observe(*people, seconds=number / 30)).notes == ()
        last = actions.finish()
        assert last.notes + last.unless_stopped == notes

    def test_a_model_that_cannot_say_no_is_said_to_be_one_once(self, tmp_path: Path) -> None:
        """Its events in front of a camera look like errors: whatever anybody does is one of them."""
        first = Recognizer.load(quick_model(tmp_path / "a.onnx", labels=("wave", "clap", "jump")))
        other = Recognizer.load(quick_model(tmp_path / "b.onnx", labels=("wave", "clap", "other")))
        actions = Actions(first)

        def said(start: int) -> list[str]:
            seen = (
                self.observe(Person(1, body(0.0)), seconds=n / 30) for n in range(start, start + 5)
            )
            return [note for one in seen for note in actions.update(one).notes]

        (note,) = said(0)
        assert note.startswith("this model has no class for anything else (other, idle): ")
        actions.use(other)
        assert said(5) == []
        actions.use(first)
        assert said(10) == [note], "an update is another model"

    def test_who_was_in_view_all_along_but_too_close_to_somebody_is_told_that_alone(
        self, tmp_path: Path
    ) -> None:
        actions = Actions(quick_recognizer(tmp_path / "m.onnx"))
        said = []
        for number in range(60):
            person = Person(1, body(number / 30), touching=True)
            said += actions.update(self.observe(person, seconds=number / 30)).notes
        last = actions.finish()
        assert (*said, *last.notes, *last.unless_stopped) == (TOUCHING,)

    @pytest.mark.parametrize("stopped", [False, True])
    def test_who_stops_it_at_once_is_not_told_that_it_was_too_short(
        self, tmp_path: Path, stopped: bool
    ) -> None:
        watched, notes = threading.Event(), []

        def people(seconds: float) -> tuple[Person, ...]:
            if stopped and seconds == 0.2:
                watched.set()
                live.crew.stopping.wait(60)
            return (Person(1, body(seconds)),)

        actions = Actions(quick_recognizer(tmp_path / "m.onnx"))
        live = Live(Skeletons(people, 9), None, NTU, actions, every_frame=True)
        live.tell("note", notes.append)
        live.start()
        if stopped:
            assert watched.wait(60)
            live.crew.stop()
        assert live.crew.stopping.wait(60)
        live.close()
        assert [one["note"][:18] for one in notes] == ([] if stopped else ["nobody was in view"])

    @pytest.mark.parametrize("told", [(), ("wave", "clap")])
    def test_who_is_seen_from_the_hips_up_gets_answers_where_the_model_can(
        self, tmp_path: Path, told: tuple[str, ...]
    ) -> None:
        recognizer = Recognizer.load(
            quick_model(tmp_path / "m.onnx", upper_body=told), threshold=0.0, patience=1, debounce=0
        )
        actions = Actions(recognizer)
        said, raised = set(), set()
        for number in range(90):
            joints = body(number / 30)
            joints[list(leg_joints(load_layout("ntu25")))] = np.nan
            person = Person(1, joints, whole=False, upper=True)
            outlook = actions.update(self.observe(person, seconds=number / 30))
            said.add(outlook.answers[0].text.partition(",")[2])
            raised |= {happening.event.label for happening in outlook.happenings}
        assert raised == {*told}
        assert said == ({" upper body"} | {""} if told else {""})
        assert outlook.answers[0].whole == bool(told)
        assert outlook.answers[0].document()["upper"] == bool(told)

    @pytest.mark.parametrize("learned_from", ["utd-mhad", "films", "utd-mhad, films", None])
    def test_who_may_be_two_gets_no_answer_but_from_a_model_that_has_seen_such(
        self, tmp_path: Path, learned_from: str | None
    ) -> None:
        provenance = {} if learned_from is None else {"format": learned_from}
        recognizer = Recognizer.load(
            quick_model(tmp_path / "m.onnx", provenance=provenance),
            threshold=0.0,
            patience=1,
            debounce=0,
        )
        actions = Actions(recognizer)
        begun, notes = [], []
        for number in range(90):
            person = Person(1, body(number / 30), touching=number >= 45)
            outlook = actions.update(self.observe(person, seconds=number / 30))
            begun += [one.event.announced for one in outlook.happenings if not one.event.ended]
            notes += outlook.notes
        [answer] = outlook.answers
        assert begun
        if "films" in (learned_from or ""):
            assert (answer.problem, notes) == ("", [])
            assert max(begun) > 2
        else:
            assert answer.text.startswith("too close to somebody else")
            assert notes == [answer.problem]
            assert max(begun) < 1.5

    @pytest.mark.parametrize(
        ("upper", "words"), [(False, "wave 62 %"), (True, "wave 62 %, upper body")]
    )
    def test_the_picture_has_the_likeliest_label(self, upper: bool, words: str) -> None:
        top = (("wave", 0.62), ("clap", 0.31), ("kick", 0.05))
        assert Answer(1, True, top=top, upper=upper).text == words
        assert Answer(1, True, upper=upper).text == words.replace("wave 62 %", "in view")

    def test_events_say_whose_they_are(self, tmp_path: Path) -> None:
        actions = Actions(quick_recognizer(tmp_path / "m.onnx"))
        happenings = []
        for number in range(90):
            happenings += actions.update(
                self.observe(Person(3, body(number / 30)), seconds=number / 30)
            ).happenings
        assert len({happening.event.label for happening in happenings}) > 2
        assert {happening.document()["person"] for happening in happenings} == {3}

    def test_what_programs_get(self, tmp_path: Path) -> None:
        """The schema of `docs/events.md`: whoever changes it counts its number up."""
        recognizer = quick_recognizer(tmp_path / "m.onnx")
        actions = Actions(recognizer, "hall")
        found, doing = [], []
        for number in range(90):
            people = (Person(3, body(number / 30)),) if number < 60 else ()
            outlook = actions.update(self.observe(*people, seconds=number / 30))
            found += [happening.document() for happening in outlook.happenings]
            going = [event for one in outlook.answers for event in one.document()["doing"]]
            for one in going:
                assert 0 <= one["length"] <= number / 30 - one["start"] + 0.002
            doing += going
        found += [happening.document() for happening in actions.finish().happenings]
        begun = {one["id"]: one for one in found if one["phase"] == "begun"}
        ended = {one["id"]: one for one in found if one["phase"] == "ended"}
        assert list(begun) == list(range(1, len(begun) + 1))
        assert set(ended) == set(begun), "what has begun has an end"
        for number, one in ended.items():
            first = begun[number]
            assert one["schema"] == first["schema"] == "skedge.event/1"
            assert (one["device"], one["person"]) == ("hall", 3)
            for name in ("event", "person", "device", "start", "start_time"):
                assert one[name] == first[name]
            assert first["end"] is first["length"] is first["end_time"] is None
            assert one["length"] == pytest.approx(one["end"] - one["start"], abs=0.002)
            took = datetime.fromisoformat(one["end_time"]) - datetime.fromisoformat(
                one["start_time"]
            )
            assert took.total_seconds() == pytest.approx(one["length"], abs=0.2)
        assert {(one["event"], one["start"]) for one in doing} == {
            (one["event"], one["start"]) for one in begun.values()
        }

    def test_a_threshold_holds_from_the_next_frame_on(self, tmp_path: Path) -> None:
        actions = Actions(quick_recognizer(tmp_path / "m.onnx"))
        begun = []
        for number in range(180):
            if number % 60 == 0:
                actions.threshold = (1.0, 0.0, 1.0)[number // 60]
            outlook = actions.update(
                self.observe(Person(1, body(number / 30)), seconds=number / 30)
            )
            begun += [number for one in outlook.happenings if not one.event.ended]
        assert begun
        assert {number // 60 for number in begun} == {1}

    def test_the_time_of_the_day_is_that_of_the_action(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A picture of second 1 taken at 12:00:10: second 0 was at 12:00:09, however late it is
        now."""
        noon = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()
        monkeypatch.setattr(time, "time", lambda: noon + 15)
        monkeypatch.setattr(time, "monotonic", lambda: 1005.0)
        actions = Actions(quick_recognizer(tmp_path / "m.onnx"))
        for number in range(31):
            moment = number / 30
            person = Person(1, body(moment))
            frame = Frame(None, moment, (person,))
            outlook = actions.update(Observation(frame, (person,), NTU, 999 + moment))
            for happening in outlook.happenings:
                document = happening.document()
                clock = datetime.fromisoformat(document["start_time"]).timestamp()
                assert clock == pytest.approx(noon + 9 + document["start"], abs=0.002)
        assert happening.device == ""

    def test_joints_are_placed_on_the_models_layout(self, tmp_path: Path) -> None:
        actions = Actions(quick_recognizer(tmp_path / "m.onnx"))
        rng = np.random.default_rng(0)
        for number in range(40):
            joints = rng.normal(size=(33, 3)).astype(np.float32)
            outlook = actions.update(
                self.observe(Person(1, joints), seconds=number / 30, layout="blazepose33")
            )
        assert outlook.answers[0].top

    def test_a_model_for_two_sees_the_scene_and_people_keep_their_places(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recognizer = Recognizer.load(quick_model(tmp_path / "m.onnx", persons=2))
        seen: list[np.ndarray] = []
        update = recognizer.update

        def recorded(joints: np.ndarray, seconds: float, person: Hashable = 0) -> Result:
            seen.append(joints)
            return update(joints, seconds, person)

        monkeypatch.setattr(recognizer, "update", recorded)
        actions = Actions(recognizer)
        one, two, three = (Person(id, np.full((25, 3), id, np.float32)) for id in (1, 2, 3))
        for number, people in enumerate(
            [(one, two), (two, one), (two,), (two, three), (three, two, one)]
        ):
            outlook = actions.update(self.observe(*people, seconds=number / 30))
            assert [answer.id for answer in outlook.answers] == [None]
        places = [[float(person[0, 0]) for person in given] for given in seen]
        np.testing.assert_equal(places, [[1, 2], [1, 2], [np.nan, 2], [3, 2], [3, 2]])

    def test_a_scene_that_everybody_leaves_has_no_answer(self, tmp_path: Path) -> None:
        actions = Actions(Recognizer.load(quick_model(tmp_path / "m.onnx", persons=2)))
        for number, here in enumerate((False, True, False)):
            people = (Person(1, body(0.0)),) if here else ()
            outlook = actions.update(self.observe(*people, seconds=number / 30))
            assert [answer.id for answer in outlook.answers] == [None] * here

    def test_who_takes_a_place_in_the_scene_does_not_get_the_limbs_of_who_was_there(
        self, tmp_path: Path
    ) -> None:
        recognizer = Recognizer.load(
            quick_model(tmp_path / "m.onnx", persons=2), threshold=0.0, patience=1, debounce=0
        )
        actions = Actions(recognizer)
        phases: list[str] = []
        for number in range(90):
            seconds = number / 30
            people = [Person(1 if number < 45 else 3, body(seconds, -0.8))]
            people += [Person(2, body(seconds, 0.8))] if number % 7 else []  # lost for a moment
            outlook = actions.update(self.observe(*people, seconds=seconds))
            phases += [one.document()["phase"] for one in outlook.happenings]
            if number in (44, 89):
                assert outlook.answers[0].top
            if number == 45:
                assert not outlook.answers[0].top, "the scene begins anew"
                assert phases.count("begun") == phases.count("ended")

    def test_frames_of_nobody_come_at_the_cameras_pace_too(self, tmp_path: Path) -> None:
        """A passer-by every five seconds was told that the time stamps are milliseconds."""
        actions = Actions(quick_recognizer(tmp_path / "m.onnx"))
        actions.recognizer.checks_bodies = True
        for number in range(1800):
            here = (Person(1, body(number / 30)),) if number % 150 < 2 else ()
            outlook = actions.update(self.observe(*here, seconds=number / 30))
            assert outlook.notes == ()
            assert [answer.problem for answer in outlook.answers] == [""] * len(here)


class TestQueues:
    """What lies between threads."""

    @given(st.lists(st.sampled_from(["put", "take"]), max_size=40))
    def test_a_mailbox_holds_the_newest(self, steps: list[str]) -> None:
        box, newest, put, taken = Mailbox[int](), None, 0, 0
        for step in steps:
            if step == "put":
                put += 1
                newest = put
                box.put(put)
            elif newest is not None:
                assert box.take() == newest
                newest, taken = None, taken + 1
        assert box.dropped == put - taken - (newest is not None)
        box.close()
        assert box.take() == newest
        assert box.take() is None
        box.put(99)
        assert box.take() is None

    def test_a_slow_reader_gets_the_newest_and_others_do_not_wait(self) -> None:
        board = Newest[int]()
        board.watch(1)
        for item in (1, 2, 3):
            board.put(item)
        assert board.next(0, 1.0) == (3, 3)
        assert board.next(3, 0.01) == (3, None)
        board.put(4)
        assert board.next(3, 1.0) == (4, 4)
        board.close()
        assert board.next(4, 1.0) == (-1, None)

    def test_what_was_put_for_the_last_reader_is_not_shown_to_the_next(self) -> None:
        board = Newest[int]()
        board.watch(1)
        board.put(1)
        board.watch(-1)
        board.watch(1)
        assert board.next(0, 0.01) == (0, None)


def test_timing_gives_medians_and_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    timing, now = Timing(), [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for number in range(1, 101):
        timing.took("pose", number / 1000)
    for _ in range(31):
        timing.happened("camera")
        now[0] += 0.1
    assert timing.latencies() == {"pose": {"p50": 50.5, "p95": 95.05}}
    assert timing.rates()["camera"] == pytest.approx(10, abs=0.4)
    now[0] += 10
    assert timing.rates() == {"camera": 0.0}


def test_what_goes_on_when_the_camera_is_lost_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wave went on until the camera was back: all night, for Home Assistant."""
    monkeypatch.setattr("skedge.edge_runtime.live.pipeline.STALE_SECONDS", 0.3)
    recognizer = Recognizer.load(
        quick_model(tmp_path / "m.onnx"), threshold=0.0, patience=1, debounce=0.0
    )
    source = Unplugged(lambda seconds: (Person(1, body(seconds)),), 60)
    live = Live(source, None, NTU, Actions(recognizer), name="camera 0", every_frame=True)
    told: list[dict[str, Any]] = []
    live.tell("action", told.append)
    live.start()
    try:
        wait_until(lambda: source.status)
        wait_until(lambda: told and told[-1]["phase"] == "ended")
        begun, ended = (
            sorted(one["id"] for one in told if one["phase"] == phase)
            for phase in ("begun", "ended")
        )
        assert begun == ended != []
        assert not live.crew.stopping.is_set()
        wait_until(lambda: not live.state()["looking"])
        shown = io.StringIO()
        console = Console(width=100, file=shown)
        console.print(Terminal(live, console).render())
        assert "waiting for pictures" in shown.getvalue()
        assert "nobody in view" not in shown.getvalue(), "somebody may be there"
    finally:
        live.close()
    assert len(told) == 2 * len(begun), "each ends once"
