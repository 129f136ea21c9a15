"""What a viewer changes on the page: threshold, people, recording, and actions of one's own from the
first clip to the event. Screenshots stay in tmp."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from importlib.resources import files
from inspect import signature
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest

from skedge.datasets.store.lock import only_one
from skedge.edge_runtime.interfaces import Frame, Person
from skedge.skeleton import InputError, load_layout
from tests.edge_runtime.chromium import Chromium, Tab
from tests.edge_runtime.live_fakes import NTU, Pictures, Pose, body, quick_model

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")

from skedge.edge_runtime import Recognizer, teach
from skedge.edge_runtime.live import Live, lessons, model_watch
from skedge.edge_runtime.live.actions import Actions, Observation, Outlook
from skedge.edge_runtime.live.control import MOST_PEOPLE, Control
from skedge.edge_runtime.live.crew import Crew
from skedge.edge_runtime.live.lessons import Lessons
from skedge.edge_runtime.live.mailbox import Newest
from skedge.edge_runtime.live.model_watch import ModelFile, watch
from skedge.edge_runtime.live.picture import Studio
from skedge.edge_runtime.live.segments import Segments
from skedge.edge_runtime.live.server import Feeds, Page
from skedge.edge_runtime.live.view import View
from skedge.edge_runtime.taught import Taught, beside
from tests.edge_runtime.waiting import wait_until
from tests.full import no_room_for

TOKEN = "let-me-in-please"


class Actor(Pose):
    """Sways, or lifts both hands and bends when told to ring."""

    ringing = False

    def estimate(self, frame: Frame) -> tuple[Person, ...]:
        found = super().estimate(frame)
        if not self.ringing:
            return found
        (person,) = found
        joints = person.joints.copy()
        joints[:, 0] = joints[:, 0].mean() + 0.2 * (joints[:, 0] - joints[:, 0].mean())
        joints[[5, 6, 7, 9, 10, 11, 21, 22, 23, 24], 1] += 1.0
        joints[:, 2] += 1.5
        return (Person(person.id, joints, person.pixels, whole=True),)


class Room:
    """A whole live view of which everything may be changed."""

    def __init__(self, folder: Path, token: str | None = None) -> None:
        self.pose = Actor(takes=0.002)
        self.model = quick_model(folder / "m.onnx")
        model = ModelFile(self.model, patience=2)
        self.actions = Actions(model.load(), "the hall")
        notes: list[str] = []
        self.lessons = Lessons(self.actions, model, self.pose.layout, note=notes.append)
        pictures: Newest[bytes] = Newest()
        self.films = folder / "films"
        studio = Studio(pictures, Segments(self.films, seconds=60))
        studio.recording = False
        self.live = Live(Pictures(rate=20), self.pose, self.pose.layout, self.lessons, name="camera 0", painter=studio)  # fmt: skip
        self.notes = notes
        self.live.control = Control(
            self.live.view, self.actions, pose=self.pose, studio=studio, lessons=self.lessons
        )
        crew = self.live.crew
        feeds = Feeds(pictures, self.live.states, self.live.log, change=self.live.control.change)
        self.page = Page(feeds, port=0, token=token)
        crew.start("page", self.page.run, self.page.stop)
        crew.start(
            "model",
            lambda: watch(model, self.actions.use, note=self.live.note, stopping=crew.stopping),
        )
        crew.start("lessons", self.lessons.run, self.lessons.close)
        self.live.start()

    def close(self) -> None:
        self.live.close()


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """With lessons that take seconds, not minutes."""
    for module in (teach, lessons):
        monkeypatch.setattr(module, "LEAST_OTHER", 5.0)
    # Bodies that are none, but for the model of a few numbers.
    monkeypatch.setattr(teach, "_check", lambda store, numbers: None)
    monkeypatch.setattr(lessons, "COUNTDOWN", 0.3)
    monkeypatch.setattr(lessons, "OTHER_SECONDS", 1.0)
    monkeypatch.setattr(lessons, "LOOK_EVERY", 0.1)
    monkeypatch.setattr(model_watch, "SECONDS", 0.1)
    monkeypatch.setattr(model_watch, "SETTLED", 0.05)
    one = Room(tmp_path, TOKEN)
    yield one
    one.close()


def click(tab: Tab, name: str) -> None:
    tab.value(f"document.getElementById('{name}').click()")


def choose(tab: Tab, name: str, value: str) -> None:
    tab.value(
        f"(() => {{ const field = document.getElementById('{name}'); field.value = '{value}';"
        " field.dispatchEvent(new Event('change')); })()"
    )


def test_settings_are_changed_on_the_page(browser: Chromium, room: Room, tmp_path: Path) -> None:
    tab = browser.open(room.page.url)
    tab.wait("document.querySelectorAll('#events .action').length > 1")
    choose(tab, "threshold", "0.95")
    tab.wait("document.getElementById('least').textContent == '95 %'")
    assert room.actions.threshold == 0.95
    click(tab, "own-threshold")
    tab.wait("document.getElementById('least').textContent.includes('own')")
    choose(tab, "number", "3")
    wait_until(lambda: room.pose.people == 3)
    choose(tab, "number", "99")
    tab.wait("document.getElementById('refused').textContent.includes('from 1 to 8')")
    assert room.pose.people == 3
    assert not [*room.films.glob("*.mkv")], "nobody has asked for a film yet"
    click(tab, "record")
    tab.wait("document.getElementById('record').getAttribute('aria-pressed') == 'true'")
    deadline = time.monotonic() + 30
    while not [*room.films.glob("*.mkv")]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    click(tab, "record")
    while not (finished := [one for one in room.films.glob("*.mkv") if ".partial" not in one.name]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert finished[0].stat().st_size > 0
    tab.screenshot(tmp_path / "settings.png")
    refusals = [line for line in tab.complaints() if "400" not in line]
    assert refusals == []
    tab.close()


def test_an_own_action_from_the_first_clip_to_the_event(
    browser: Chromium, room: Room, tmp_path: Path
) -> None:
    tab = browser.open(room.page.url, 1280, 1300)
    tab.wait("document.querySelectorAll('#events .action').length > 0")
    stored = "document.getElementById('stored').textContent"
    assert tab.value("document.getElementById('teach').disabled")
    tab.value("document.getElementById('name').value = 'ring'")
    tab.value("document.getElementById('clips').value = '4'")
    room.pose.ringing = True
    tab.value("document.getElementById('lesson').requestSubmit()")
    tab.wait("document.getElementById('banner').textContent.includes('ring')")
    tab.screenshot(tmp_path / "recording.png")
    tab.wait(f"{stored}.includes('4 clips of ring')")
    room.pose.ringing = False
    click(tab, "other")
    tab.wait(f"{stored}.includes('6 s of anything else')")
    tab.wait("!document.getElementById('teach').disabled")
    click(tab, "teach")
    tab.wait("document.getElementById('taught').textContent.includes('ring is known now')")
    tab.wait("document.getElementById('events').textContent.includes('is used now: 7 classes')")
    room.pose.ringing = True
    tab.wait("document.querySelector('#events .action b') && [...document.querySelectorAll('#events .action b')].some((one) => one.textContent == 'ring')")  # fmt: skip
    tab.screenshot(tmp_path / "taught.png")
    assert room.notes == []
    assert tab.complaints() == []
    tab.close()
    phone = browser.open(room.page.url, 390, 1600, phone=True)
    phone.wait("document.getElementById('video').width == 640")
    assert phone.value("document.documentElement.scrollWidth") <= 390
    phone.screenshot(tmp_path / "phone.png")
    phone.close()


def test_an_action_that_the_model_knows_may_be_taught_as_somebody_does_it(room: Room) -> None:
    """It had to have another name."""
    for label, clips in (("Wave", 3), ("other", 6)):
        room.pose.ringing = label == "Wave"
        room.lessons.record(label, clips)
        wait_until(lambda: not room.lessons.document()["doing"])
    before = room.actions.recognizer.labels
    room.lessons.teach()
    wait_until(lambda: not room.lessons.document()["doing"])
    report = room.lessons.document()["report"]
    assert report is not None, room.notes
    assert "recall_before" in report["taught"]["wave"]
    assert Taught.load(beside(room.model), room.actions.recognizer.metadata).again == ("wave",)
    assert Recognizer.load(room.model).labels == before


def test_anything_else_may_be_called_in_capitals(room: Room) -> None:
    """`Other` was recorded as an action, for which there was then nothing else."""
    room.lessons.record("Other", 1)
    assert room.lessons.document()["doing"] == "recording other"
    room.lessons.stop()


class Alone:
    """Lessons of a model in `folder` without a camera or threads."""

    def __init__(self, folder: Path) -> None:
        self.notes: list[str] = []
        self.pictures = 0
        model = ModelFile(quick_model(folder / "m.onnx"))
        actions = Actions(model.load())
        self.lessons = Lessons(actions, model, NTU, note=self.notes.append)

    def look(self, seconds: float, gone: Callable[[float], bool] = lambda now: False) -> Outlook:
        """What comes of somebody's being in view at 20 frames a second, but while `gone`."""
        for _ in range(round(20 * seconds)):
            self.pictures += 1
            now = self.pictures / 20
            people = () if gone(now) else (Person(1, body(now)),)
            outlook = self.lessons.update(Observation(Frame(None, now), people, NTU, 0.0))
        return outlook


def test_clips_are_counted_and_those_of_anything_else_in_seconds(tmp_path: Path) -> None:
    """The page asks for a minute of anything else, ten seconds a clip, and goes on where it was
    when skedge starts again."""
    alone = Alone(tmp_path)
    for label, clips in (("other", 2), ("ring", 1)):
        alone.lessons.record(label, clips)
        alone.look(40)
        alone.lessons.close()
        alone.lessons.run()
    for one in (alone, Alone(tmp_path)):
        document = one.lessons.document()
        assert (document["clips"], document["other_seconds"]) == ({"ring": 1}, 20.0)
        assert (document["doing"], document["problem"]) == ("", "")


def test_what_somebody_forgets_is_not_shown_as_known(room: Room) -> None:
    """Both files removed, as the documentation says; the page went on counting the clips."""
    store, taught = room.lessons.store, beside(room.model)
    for label, clips in (("ring", 2), ("other", 5)):
        room.pose.ringing = label == "ring"
        room.lessons.record(label, clips)
        wait_until(lambda: not room.lessons.document()["doing"])

    def noted() -> list[str]:
        notes = [one.get("note", "") for _, _, one in room.live.log.since(0)]
        return [note for note in notes if "used now" in note]

    own = len(room.actions.recognizer.labels)
    used = "what was taught to m.onnx has changed and is used now: {} classes".format
    room.lessons.teach()
    wait_until(lambda: noted() == [used(own + 1)])
    wait_until(lambda: room.lessons.document()["report"] is not None)
    assert room.lessons.document()["clips"] == {"ring": 2}
    shutil.rmtree(store)
    taught.unlink()
    wait_until(lambda: noted()[1:] == [used(own)])
    wait_until(lambda: room.lessons.document()["report"] is None)
    document = room.lessons.document()
    assert (document["clips"], document["other_seconds"]) == ({}, 0)


def test_damage_of_the_clips_is_shown_for_as_long_as_it_is_there(room: Room) -> None:
    room.lessons.record("ring", 1)
    wait_until(lambda: not room.lessons.document()["doing"])
    index = room.lessons.store / "index.npy"
    whole = index.read_bytes()
    index.write_bytes(b"")
    (room.lessons.store / "store.json").touch()
    wait_until(lambda: "a damaged store" in room.lessons.document()["problem"])
    index.write_bytes(whole)
    (room.lessons.store / "store.json").touch()
    wait_until(lambda: room.lessons.document()["problem"] == "")
    assert room.lessons.document()["clips"] == {"ring": 1}


def test_who_is_never_in_view_for_long_may_record_something_else(tmp_path: Path) -> None:
    """The page says why it gave up, and takes the next wish; the clips that were done were lost."""
    alone = Alone(tmp_path)
    alone.lessons.record("ring", 2)
    alone.look(100, gone=lambda now: now > 7 and now % 1 > 0.4)
    alone.lessons.close()
    alone.lessons.run()
    document = alone.lessons.document()
    assert document["clips"] == {"ring": 1}
    assert document["doing"] == ""
    assert "expected a whole body in view" in document["problem"]
    assert alone.notes == [f"own actions: {document['problem']}"]
    alone.lessons.record("bow", 1)
    assert alone.lessons.document()["problem"] == ""


def test_clips_that_have_no_room_are_said_to_have_none_and_where(tmp_path: Path) -> None:
    """It read `own actions: No space left on device`."""
    alone = Alone(tmp_path)
    alone.lessons.record("ring", 1)
    alone.look(20)
    alone.lessons.close()
    with no_room_for(1000):
        alone.lessons.run()
    assert alone.notes == [f"own actions: {alone.lessons.store}: File too large"]
    assert not alone.lessons.store.exists()


def test_clips_that_are_done_are_kept_when_skedge_ends_before_the_others(tmp_path: Path) -> None:
    """As `skedge record` keeps them; they were lost."""
    alone = Alone(tmp_path)
    alone.lessons.record("ring", 3)
    alone.look(14)
    alone.lessons.close()
    alone.look(10)
    alone.lessons.close()  # as the crew does, several times
    alone.lessons.run()
    assert Alone(tmp_path).lessons.document()["clips"] == {"ring": 2}


def test_clips_wait_for_another_program_at_their_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were lost."""
    alone, other = Alone(tmp_path), ExitStack()
    waiting = SimpleNamespace(monotonic=time.monotonic, sleep=lambda seconds: other.close())
    monkeypatch.setattr("skedge.skeleton.files.time", waiting)
    alone.lessons.record("ring", 1)
    alone.look(14)
    other.enter_context(only_one(alone.lessons.store))
    alone.lessons.close()
    alone.lessons.run()
    assert alone.lessons.document()["clips"] == {"ring": 1}
    assert alone.notes == []


def test_clips_do_not_wait_for_longer_than_the_view_does_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were lost without a word."""
    alone, passed = Alone(tmp_path), [0.0]
    waiting = SimpleNamespace(
        monotonic=lambda: passed[-1], sleep=lambda _: passed.append(len(passed))
    )
    monkeypatch.setattr("skedge.skeleton.files.time", waiting)
    alone.lessons.record("ring", 1)
    alone.look(14)
    with only_one(alone.lessons.store):
        alone.lessons.close()
        alone.lessons.run()
    (note,) = alone.notes
    assert "expected one program at a time to write to a store" in note
    assert 1 < passed[-1] < signature(Crew.join).parameters["patience"].default


def test_clips_are_kept_when_skedge_ends_as_the_last_one_is_done(tmp_path: Path) -> None:
    """They were lost where the end came between the last picture and the order to store them."""
    alone = Alone(tmp_path)

    class Jobs(SimpleQueue[Any]):
        def put(self, job: Any, *_: Any, **__: Any) -> None:
            if job is not None:
                ending.start()
                ending.join(0.2)
            super().put(job)

    ending = threading.Thread(target=alone.lessons.close)
    alone.lessons._jobs = Jobs()
    alone.lessons.record("ring", 1)
    alone.look(14)
    ending.join()
    alone.lessons.run()
    assert alone.lessons.document()["clips"] == {"ring": 1}


def test_what_goes_on_ends_when_a_recording_begins_and_nothing_begins_in_it(tmp_path: Path) -> None:
    alone = Alone(tmp_path)
    alone.lessons._actions.threshold = 0.0
    alone.look(5)
    going = alone.lessons._actions.recognizer.open_events
    assert going
    alone.lessons.record("ring", 1)
    outlook = alone.look(0.05)
    assert [one.event.label for one in outlook.happenings] == [event.label for event in going]
    assert all(one.event.ended for one in outlook.happenings)
    assert alone.look(3).happenings == ()


def test_a_recording_may_be_given_up(room: Room) -> None:
    room.lessons.record("ring", 50)
    with pytest.raises(InputError, match="wait for the end of this: recording ring"):
        room.lessons.record("bow", 2)
    with pytest.raises(InputError, match="wait for the end"):
        room.lessons.teach()
    room.lessons.stop()
    assert room.lessons.document()["doing"] == ""
    assert not room.lessons.store.exists()
    room.lessons.teach()
    deadline = time.monotonic() + 30
    while not room.notes:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert room.notes == [
        "own actions: expected clips of a new action, got none; record some first"
    ]


def test_the_page_offers_as_many_people_as_may_be_looked_for() -> None:
    page = files("skedge.edge_runtime.live.page").joinpath("index.html").read_text("utf-8")
    assert f'id="number" type="number" min="1" max="{MOST_PEOPLE}"' in page


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"threshold": 1.5}, "from 0 to 1"),
        ({"threshold": True}, "from 0 to 1"),
        ({"threshold": "0.5"}, "from 0 to 1"),
        ({"people": 0}, "from 1 to 8"),
        ({"people": 9}, "from 1 to 8"),
        ({"people": 2.0}, "from 1 to 8"),
        ({"recording": 1}, "true or false"),
        ({"lesson": "teach"}, "expected an object"),
        ({"lesson": {"record": "ring"}}, "expected record and clips"),
        ({"lesson": {"record": " ", "clips": 1}}, "a name of 1 to 40"),
        ({"lesson": {"record": "a\x1bb", "clips": 5}}, "printable"),
        ({"lesson": {"record": "ring", "clips": 51}}, "from 1 to 50"),
        ({"lesson": {"record": "ring", "clips": 0}}, "from 1 to 50"),
        ({"lesson": {"record": "ring", "clips": True}}, "expected record and clips"),
        ({"rotation": 45}, "rotation"),
        (
            {"unknown": 1},
            "expected one of threshold, people, recording, lesson, or some of rotation",
        ),
        ({"threshold": 0.5, "mirrored": True}, "expected one of"),
        ([], "expected one of"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(room: Room, wanted: object, message: str) -> None:
    assert room.live.control is not None
    with pytest.raises(InputError, match=message) as caught:
        room.live.control.change(json.loads(json.dumps(wanted)))
    assert "\n" not in str(caught.value)
    assert room.lessons.document()["doing"] == ""


def test_whatever_a_viewer_may_want_is_done(room: Room) -> None:
    """The first and the last number that are allowed, all of the view at once, and an end."""
    control = room.live.control
    assert control is not None
    for name, values in (
        ("threshold", (0, 1, 0.5, None)),
        ("people", (1, MOST_PEOPLE)),
        ("recording", (True, False)),
    ):
        for value in values:
            control.change({name: value})
            assert control.document()[name] == value
    view = {"rotation": 270, "mirrored": True, "bodies_only": True}
    control.change(view)
    assert view.items() <= room.live.view.document().items()
    control.change({"lesson": {"record": "ring", "clips": 50}})
    assert room.lessons.document()["doing"] == "recording ring"
    control.change({"lesson": {"stop": True}})
    assert room.lessons.document()["doing"] == ""
    control.change({"lesson": {"teach": True}})
    wait_until(lambda: room.notes)
    assert "expected clips of a new action" in room.notes[0]


def test_what_there_is_not_cannot_be_changed(tmp_path: Path) -> None:
    recognizer = ModelFile(quick_model(tmp_path / "m.onnx")).load()
    one = Control(View(), Actions(recognizer))
    assert one.document() == {"threshold": None, "people": None, "recording": None, "lessons": None}
    for wanted in ({"people": 2}, {"recording": True}, {"lesson": {"teach": True}}):
        with pytest.raises(InputError):
            one.change(wanted)


def test_clips_that_cannot_be_stored_are_not_recorded(room: Room) -> None:
    room.lessons.store = room.films / ".lock" / "clips"  # in a file
    with pytest.raises(InputError, match="a place where a store can be written"):
        room.lessons.record("ring", 5)
    assert room.lessons.document()["doing"] == ""


def test_clips_of_another_pose_estimator_are_refused_with_what_the_page_can_do(
    tmp_path: Path,
) -> None:
    """Its viewers cannot name another store, which was all that it said."""
    alone = Alone(tmp_path)
    alone.lessons.record("ring", 1)
    alone.look(20)
    alone.lessons.close()
    alone.lessons.run()
    alone.lessons._layout = load_layout("coco17")
    with pytest.raises(InputError, match=r"m\.clips: .* layout coco17.* delete this one"):
        alone.lessons.record("ring", 1)


def test_a_change_needs_the_token(room: Room) -> None:
    def ask(**headers: str) -> int:
        connection = HTTPConnection("127.0.0.1", room.page.port, timeout=30)
        connection.request("POST", "/view", '{"threshold": 0.1}', headers)
        return connection.getresponse().status

    assert ask() == 401
    assert room.actions.threshold is None
    assert ask(Authorization=f"Bearer {TOKEN}") == 204
    assert room.actions.threshold == 0.1
