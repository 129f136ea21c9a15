"""Pictures, films, hooks, and what the board tells."""

import asyncio
import io
import itertools
import json
import shutil
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.live import Live
from skedge.edge_runtime.live.actions import Actions, Answer, Observation
from skedge.edge_runtime.live.crew import Crew
from skedge.edge_runtime.live.machine import health, temperature, throttled
from skedge.edge_runtime.live.mailbox import Newest
from skedge.edge_runtime.live.outlets import HELD, Outlet, json_lines, load_hook
from skedge.edge_runtime.live.run import open_camera
from skedge.edge_runtime.live.telling import Telling, deliver_all, say_given_up, tell
from skedge.skeleton import InputError, load_layout
from tests.edge_runtime.live_fakes import NTU, Pictures, Pose, body, quick_recognizer
from tests.edge_runtime.waiting import wait_until


class TestMachine:
    """Temperature and throttling as a Raspberry Pi tells them."""

    def board(self, root: Path, throttled: str | None = None, **zones: str) -> Path:
        for name, text in zones.items():
            zone = root / "sys/class/thermal" / name
            zone.mkdir(parents=True)
            kind, _, degrees = text.partition(" ")
            (zone / "type").write_text(f"{kind}\n")
            (zone / "temp").write_text(f"{degrees}\n")
        if throttled is not None:
            folder = root / "sys/devices/platform/soc/soc:firmware"
            folder.mkdir(parents=True)
            (folder / "get_throttled").write_text(throttled)
        return root

    def test_the_cpus_zone_is_read(self, tmp_path: Path) -> None:
        assert (
            temperature(
                self.board(tmp_path, thermal_zone0="gpu 70000", thermal_zone1="cpu-thermal 48312")
            )
            == 48.3
        )

    def test_another_zone_is_better_than_none(self, tmp_path: Path) -> None:
        assert temperature(self.board(tmp_path, thermal_zone0="acpitz 27800")) == 27.8

    @pytest.mark.parametrize("text", ["cpu ", "cpu nonsense", "cpu 4e4"])
    def test_what_is_no_number_is_no_temperature(self, tmp_path: Path, text: str) -> None:
        assert temperature(self.board(tmp_path, thermal_zone0=text)) is None

    @pytest.mark.parametrize(
        ("bits", "reasons"),
        [("0", []), ("50005", ["under-voltage", "throttled"]), ("80000", ["temperature limit earlier"]),
         ("20002", ["frequency capped"]), ("50000", ["under-voltage earlier", "throttled earlier"])],
    )  # fmt: skip
    def test_throttling_is_told_with_its_reasons(
        self, tmp_path: Path, bits: str, reasons: list[str]
    ) -> None:
        assert throttled(self.board(tmp_path, throttled=bits)) == reasons

    @pytest.mark.parametrize(
        ("said", "reasons"),
        [("echo throttled=0x50005", ["under-voltage", "throttled"]), ("echo throttled=0x0", []),
         ("echo error=1 error_msg=VCHI", None), ("exit 1", None)],
    )  # fmt: skip
    def test_an_older_board_is_asked_by_its_program(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, reasons: list[str] | None
    ) -> None:
        program = tmp_path / "vcgencmd"
        program.write_text(f'#!/bin/sh\n[ "$1" = get_throttled ] && {said}\n')
        program.chmod(0o700)
        monkeypatch.setattr("skedge.edge_runtime.live.machine._vcgencmd", lambda: str(program))
        assert throttled(tmp_path) == reasons

    def test_a_board_that_tells_nothing(self, tmp_path: Path) -> None:
        found = health(tmp_path)
        assert found["temperature"] is None
        assert found["throttled"] is None
        assert 0 < found["rss"] < found["total"]


class TestHook:
    """A function of the user's own."""

    def write(self, folder: Path, text: str) -> Path:
        path = folder / "lights.py"
        path.write_text(text)
        return path

    def test_it_is_found_by_path_and_in_the_current_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "path", sys.path.copy())
        (tmp_path / "neighbour.py").write_text("seen = []")
        path = self.write(
            tmp_path,
            "from neighbour import seen\ndef on_event(event):\n    seen.append(event)\n    return"
            " seen",
        )
        assert load_hook(f"{path}:on_event")({"event": "wave"}) == [{"event": "wave"}]
        monkeypatch.chdir(tmp_path)
        assert load_hook("lights:on_event")({"event": "clap"}) == [
            {"event": "wave"},
            {"event": "clap"},
        ]

    @pytest.mark.parametrize("name", ["typing", "numpy", "turtle", "later", "__main__"])
    def test_it_may_be_called_like_what_others_import(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """skedge got the hook where it imported typing or numpy once more: a traceback."""
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "later.py").write_text("")  # as OpenCV, which nothing has imported yet
        monkeypatch.setattr(sys, "path", [*sys.path, str(elsewhere)])
        monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)  # as in a script
        before = sys.modules.get(name)
        path = tmp_path / f"{name}.py"
        path.write_text("class Told:\n    pass\ndef on_event(event):\n    return Told()\n")
        told = load_hook(f"{path}:on_event")({})
        assert sys.modules.get(name) is before
        assert type(sys.modules[type(told).__module__].Told()) is type(told)
        assert sys.path.index(str(tmp_path)) == len(sys.path) - 1

    @pytest.mark.parametrize(
        "text",
        ["lights", "lights:", ":on_event", "lights:on-event", "nowhere:on_event", "lights:missing"],
    )
    def test_what_names_no_function_is_one_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        self.write(tmp_path, "on_event = print")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", sys.path.copy())
        with pytest.raises(InputError, match="--hook"):
            load_hook(text)

    def test_a_wrong_estimator_is_told_of_those_that_there_are(self) -> None:
        """`--pose ful` was asked for a function such as lights:on_event."""
        with pytest.raises(InputError, match=r"--pose: expected lite, full or .*mine:Mine, got"):
            open_camera("0", estimator="ful")

    def test_a_module_that_breaks_is_one_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "path", sys.path.copy())
        path = self.write(tmp_path, "\n\nimport nothing_of_that_name")
        with pytest.raises(InputError, match=rf"ModuleNotFoundError: .*\({path.name}, line 3\)"):
            load_hook(f"{path}:on_event")

    def test_its_name_may_have_a_dot(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "path", sys.path.copy())
        path = tmp_path / "lights.v2.py"
        path.write_text("def on_event(event):\n    return event\n")
        assert load_hook(f"{path}:on_event")({"event": "wave"}) == {"event": "wave"}

    @pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, asyncio.CancelledError])
    def test_it_may_raise_and_goes_on(self, error: type[BaseException]) -> None:
        """The last two are no `Exception`, and ended the live view."""
        crew, told, broken = Crew(), [], []

        def deliver(document: dict[str, object]) -> None:
            told.append(document["event"])
            if document["event"] == 1:
                raise error("no such lamp")

        outlet = Outlet("hook", deliver, broken.append)
        outlet.start(crew)
        for number in range(3):
            outlet.put({"event": number})
        crew.stop()
        assert crew.join(30) == []
        assert told == [0, 1, 2]
        assert [type(one) for one in broken] == [error]
        crew.raise_error()

    def test_however_slow_it_is_nobody_waits(self) -> None:
        crew, gate, told = Crew(), threading.Event(), []

        def deliver(document: dict[str, object]) -> None:
            assert gate.wait(30)
            told.append(document["event"])

        outlet = Outlet("hook", deliver, lambda error: None)
        outlet.start(crew)
        outlet.put({"event": -1})
        time.sleep(0.05)
        for number in range(HELD + 500):
            outlet.put({"event": number})
        assert outlet.dropped == 500
        gate.set()
        crew.stop()
        assert crew.join(30) == []
        assert told == [-1, *range(500, HELD + 500)]

    def test_events_come_at_once_and_those_of_the_very_end_too(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What goes on when the live view ends is an event only after it was told to end."""
        monkeypatch.setattr("skedge.edge_runtime.live.outlets.LAST_WORDS", 30.0)
        crew, followed, told = Crew(), threading.Event(), []
        outlet = Outlet("hook", told.append, lambda error: None, after=[followed])
        idle = Outlet("idle", told.append, lambda error: None)
        for one in (outlet, idle):
            one.start(crew)
        outlet.put({"event": 1})
        wait_until(lambda: told == [{"event": 1}])
        time.sleep(0.05)  # it has nothing to do, and must be woken
        crew.stop()
        time.sleep(0.05)
        assert not outlet.ended.is_set()
        outlet.put({"event": 2})
        followed.set()
        assert outlet.ended.wait(10)
        assert idle.ended.wait(10)
        assert told == [{"event": 1}, {"event": 2}]

    def test_what_takes_long_to_count_at_the_end_comes_too(self) -> None:
        """A busy Pi counts the repetitions of what went on in a second; stdout, the hook and the
        broker waited for one at the most, and `systemctl stop` lost the end of the action."""
        crew, followed, told = Crew(), threading.Event(), []
        outlet = Outlet("stdout", told.append, lambda error: None, after=[followed])
        outlet.start(crew)
        crew.stop()
        assert not outlet.ended.wait(1.5)
        outlet.put({"event": "wave"})
        followed.set()
        assert outlet.ended.wait(10)
        assert told == [{"event": "wave"}]

    def test_several_that_are_stuck_are_waited_for_together(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or the last notes come after all threads were given up."""
        monkeypatch.setattr("skedge.edge_runtime.live.outlets.LAST_WORDS", 0.2)
        ticks = itertools.count(step=0.15)
        clock = SimpleNamespace(monotonic=lambda: next(ticks))
        monkeypatch.setattr("skedge.edge_runtime.live.outlets.time", clock)
        asked: list[float] = []
        stuck: Any = [SimpleNamespace(wait=asked.append)] * 3
        crew = Crew()
        outlet = Outlet("stderr", lambda note: None, lambda error: None, after=stuck)
        outlet.start(crew)
        crew.stop()
        assert outlet.ended.wait(10)
        assert asked == pytest.approx([0.05, 0.0, 0.0])

    def test_what_a_stuck_hook_loses_is_said_once_and_counted(self, tmp_path: Path) -> None:
        """Nothing mentioned it: neither a note nor the metrics."""
        gate, pose = threading.Event(), Pose()
        actions = Actions(quick_recognizer(tmp_path / "m.onnx"))
        live = Live(Pictures(rate=20), pose, pose.layout, actions)
        tell(live, Telling(), lambda document: gate.wait(30), lines=sys.stdout)
        assert live.lost["hook"] == 0
        said_at: dict[str, int] = {}
        live.tell("note", lambda note: said_at.update({note["note"][:4]: live.lost["hook"]}))
        for number in range(HELD + 5):
            live.log.add("action", {"event": number, "phase": "begun"})
        notes = [one["note"] for _, kind, one in live.log.since(0) if kind == "note"]
        lost = live.lost["hook"]
        gate.set()
        live.followed.set()
        live.close()
        assert 4 <= lost <= 5
        assert [note for note in notes if note.startswith("hook")] == [
            f"hook: too slow: {HELD} events wait, and the oldest are lost"
        ]
        assert said_at["hook"] == 1

    @pytest.mark.parametrize(
        ("events", "lost", "waiting"),
        [
            (
                1,
                "1 event was not taken before the end",
                "1 event waits for it; Ctrl-C gives it up",
            ),
            (
                2,
                "2 events were not taken before the end",
                "2 events wait for it; Ctrl-C gives them up",
            ),
        ],
    )
    def test_who_waits_for_a_slow_hook_is_told_so(
        self, monkeypatch: pytest.MonkeyPatch, events: int, lost: str, waiting: str
    ) -> None:
        monkeypatch.setattr("skedge.edge_runtime.live.telling.PATIENCE", 0.1)
        crew, gate, said = Crew(), threading.Event(), []
        outlet = Outlet("hook", lambda document: gate.wait(30), lambda error: None)
        outlet.start(crew)
        for _ in range(events):
            outlet.put({})
        crew.stop()

        def say(document: dict[str, Any]) -> None:
            said.append(document["note"])
            gate.set()

        say_given_up([outlet], lambda document: said.append(document["note"]))
        deliver_all([outlet], say)
        deliver_all([outlet], say)
        say_given_up([outlet], say)
        assert said == [f"hook: {lost}", f"hook: {waiting}"]

    def test_nothing_is_said_of_a_last_event_that_is_still_counted(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """\"0 events wait for it; Ctrl-C gives them up\", and Ctrl-C gave up the one to come."""
        monkeypatch.setattr("skedge.edge_runtime.live.telling.PATIENCE", 0.1)
        said: list[str] = []
        left = iter([0, 1, 1, 1])

        class Counting:
            name = "hook"
            ended = threading.Event()

            @property
            def left(self) -> int:
                """What waits: nothing at first, then the last event."""
                return next(left)

        def say(document: dict[str, Any]) -> None:
            said.append(document["note"])
            Counting.ended.set()

        deliver_all([Counting()], say)
        assert said == ["hook: 1 event waits for it; Ctrl-C gives it up"]

    def test_events_are_lines_of_json(self) -> None:
        stream = io.StringIO()
        deliver = json_lines(stream)
        deliver({"event": "a\nb", "person": None})
        deliver({"event": "größer"})
        assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [
            "a\nb",
            "größer",
        ]


class TestPictures:
    """What is drawn, and what is stored."""

    @pytest.fixture(autouse=True)
    def needs_opencv(self) -> None:
        pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")

    def observe(self, number: int = 5, **changes: object) -> Observation:
        frame = Frame(Pictures().picture(number), number / 30)
        return Observation(frame, Pose().estimate(frame), NTU, 0.0)

    def test_the_skeleton_is_drawn_where_the_person_is(self) -> None:
        from skedge.edge_runtime.live.picture import Stage, draw

        observation = self.observe()
        before = observation.frame.image.copy()
        picture = draw(observation, (Answer(1, True, (("wave", 0.9),)),), Stage())
        assert picture.shape == before.shape
        np.testing.assert_array_equal(observation.frame.image, before)  # others look at it too
        pixels = observation.people[0].pixels
        for x, y in pixels.astype(int):
            assert (picture[y, x] != before[y, x]).any()
        changed = np.argwhere((picture != before).any(axis=-1))
        assert changed[:, 1].min() > pixels[:, 0].min() - 150
        assert changed[:, 1].max() < pixels[:, 0].max() + 150

    def test_the_words_say_how_sure_it_is(self) -> None:
        top = (("wave", 0.934), ("clap", 0.05))
        assert Answer(1, True, top).text == "wave 93 %"
        assert Answer(1, True, top, upper=True).text == "wave 93 %, upper body"

    def test_words_change_the_picture(self) -> None:
        from skedge.edge_runtime.live.picture import Stage, draw

        observation = self.observe()
        pictures = [
            draw(observation, (), Stage()),
            draw(observation, (Answer(1, True, (("wave", 0.9),)),), Stage()),
            draw(observation, (Answer(1, False),), Stage()),
        ]
        for i, one in enumerate(pictures):
            for other in pictures[:i]:
                assert (one != other).any()

    def test_a_large_picture_becomes_smaller_and_people_stay_where_they_are(self) -> None:
        from skedge.edge_runtime.live.picture import Stage, draw

        pixels = np.full((25, 2), np.nan, np.float32)
        pixels[0] = 1500, 900
        frame = Frame(np.zeros((1080, 1920, 3), np.uint8), 0.0)
        picture = draw(Observation(frame, (Person(1, body(0.0), pixels),), NTU, 0.0), (), Stage())
        assert picture.shape == (540, 960, 3)
        assert picture[450, 750].any()

    @pytest.mark.parametrize("layout", ["ntu25", "blazepose33", "coco17", "kinect20"])
    def test_people_without_a_picture_are_drawn_whole(self, layout: str) -> None:
        from skedge.edge_runtime.live.picture import CANVAS, Stage, draw

        rng, stage = np.random.default_rng(0), Stage()
        chosen = load_layout(layout)
        people = tuple(
            Person(
                id,
                (rng.uniform(-1, 1, (len(chosen), 3)) + np.array([3 * id, 5, 0])).astype(
                    np.float32
                ),
            )
            for id in (1, 2)
        )
        for _ in range(30):
            places = stage.place(people)
        for pixels in places:
            assert (pixels > 0).all()
            assert (pixels < CANVAS[::-1]).all()
        picture = draw(Observation(Frame(None, 0.0, people), people, chosen, 0.0), (), stage)
        assert picture.shape == (*CANVAS, 3)

    @pytest.mark.parametrize("strange", [np.nan, np.inf, 1e30, -1e30])
    def test_strange_joints_draw_nothing_and_break_nothing(self, strange: float) -> None:
        from skedge.edge_runtime.live.picture import Stage, draw, encode

        joints = np.full((25, 3), strange, np.float32)
        person = Person(1, joints, joints[:, :2])
        with_image = Observation(Frame(np.zeros((48, 64, 3), np.uint8), 0.0), (person,), NTU, 0.0)
        without = Observation(Frame(None, 0.0, (person,)), (person,), NTU, 0.0)
        for observation in (with_image, without):
            assert encode(draw(observation, (), Stage())).startswith(b"\xff\xd8")

    def test_one_drawing_and_encoding_for_all_who_look(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from skedge.edge_runtime.live import picture

        viewers: Newest[bytes] = Newest()
        studio = picture.Studio(viewers)
        assert not studio.wanted
        viewers.watch(1)
        viewers.watch(1)
        assert studio.wanted
        encoded = []
        monkeypatch.setattr(picture, "encode", lambda image: encoded.append(1) or b"jpeg")
        studio.paint(self.observe(), ())
        assert encoded == [1]
        assert viewers.next(0, 1.0)[1] == b"jpeg"

    def test_who_comes_next_sees_no_picture_of_before(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The last viewer left while it was encoded: it stayed for the next one, hours later."""
        from skedge.edge_runtime.live import picture

        def encode(image: np.ndarray) -> bytes:
            viewers.watch(-1)
            return b"old"

        viewers: Newest[bytes] = Newest()
        monkeypatch.setattr(picture, "encode", encode)
        viewers.watch(1)
        picture.Studio(viewers).paint(self.observe(), ())
        viewers.watch(1)
        assert viewers.next(0, 0.0) == (0, None)

    @pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
    def test_a_film_lasts_as_long_as_what_it_shows(self, tmp_path: Path, suffix: str) -> None:
        import cv2

        from skedge.edge_runtime.live.film import RECORDED_RATE, Film

        path = tmp_path / f"film{suffix}"
        film = Film(path)
        for number in range(30):  # three seconds, ten pictures a second
            film.add(Pictures().picture(number), 5 + number / 10)
        assert not path.exists()
        film.close()
        assert [one.name for one in tmp_path.iterdir()] == [path.name]
        capture = cv2.VideoCapture(str(path))
        frames = 0
        while capture.read()[0]:
            frames += 1
        assert frames == pytest.approx(2.9 * RECORDED_RATE + 1, abs=1)

    def test_a_picture_that_turns_is_whole_and_round_in_the_film(self, tmp_path: Path) -> None:
        """Rotate on the page cut off its bottom and stretched the rest."""
        import cv2

        from skedge.edge_runtime.live.film import Film

        film = Film(tmp_path / "film.avi")
        film.add(np.zeros((481, 641, 3), np.uint8), 0.0)
        turned = np.zeros((641, 481, 3), np.uint8)
        cv2.circle(turned, (240, 520), 100, (255, 255, 255), -1)
        film.add(turned, 0.05)
        film.close()
        capture = cv2.VideoCapture(str(tmp_path / "film.avi"))
        _, first = capture.read()
        _, last = capture.read()
        assert first.shape == last.shape == (480, 640, 3)
        rows, columns = np.nonzero(last.mean(axis=2) > 128)
        size = 201 * 480 / 641
        assert np.ptp(rows) == pytest.approx(size, abs=3)
        assert np.ptp(columns) == pytest.approx(size, abs=3)
        assert columns.mean() == pytest.approx(320, abs=2)

    def test_the_odd_row_and_column_are_left_out(self) -> None:
        from skedge.edge_runtime.live.film import fitted

        picture = np.random.default_rng(0).integers(0, 255, (481, 641, 3)).astype(np.uint8)
        np.testing.assert_array_equal(fitted(picture, 640, 480), picture[:480, :640])

    def test_a_film_goes_where_nothing_is(self, tmp_path: Path) -> None:
        from skedge.edge_runtime.live.film import Film

        (tmp_path / "there.mp4").write_bytes(b"precious")
        for path in (
            tmp_path / "there.mp4",
            tmp_path / "film.gif",
            tmp_path / "nowhere" / "film.mp4",
            tmp_path / "there.mp4" / "film.mp4",
        ):
            with pytest.raises(InputError, match="--record"):
                Film(path)
        with pytest.raises(InputError, match=r"or a folder \(no suffix\), got .*films\.2026"):
            Film(tmp_path / "films.2026")
        Film(tmp_path / "unused.mp4").close()
        assert [one.name for one in tmp_path.iterdir()] == ["there.mp4"]

    @pytest.mark.parametrize("rate", [10, 30])
    def test_a_film_ends_before_the_disk_is_full(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: float
    ) -> None:
        from skedge.edge_runtime.live import film as films

        notes: list[str] = []
        film = films.Film(tmp_path / "film.avi", notes.append)
        film.add(Pictures().picture(0), 0.0)
        monkeypatch.setattr(
            films.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000})
        )
        for number in range(1, 300):
            film.add(Pictures().picture(number), number / rate)
        film.close()
        assert len(notes) == 1
        assert (tmp_path / "film.avi").exists()

    def test_a_film_whose_disk_is_pulled_out_ends_alone(self, tmp_path: Path) -> None:
        """It ended the live view, and no event came any more."""
        from skedge.edge_runtime.live.film import Film

        notes: list[str] = []
        (tmp_path / "stick").mkdir()
        film = Film(tmp_path / "stick" / "film.avi", notes.append)
        film.add(Pictures().picture(0), 0.0)
        shutil.rmtree(tmp_path / "stick")
        for number in range(1, 300):
            film.add(Pictures().picture(number), number / 20)
        assert notes == [f"recording ended: {film.path}: No such file or directory"]
        assert film.problem in notes[0]
        with pytest.raises(FileNotFoundError):
            film.close()

    def test_a_film_that_cannot_be_written_says_so_and_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from skedge.edge_runtime.live import film as films

        monkeypatch.setitem(films.SUFFIXES, ".mp4", "????")
        film = films.Film(tmp_path / "film.mp4")
        with pytest.raises(InputError, match=r"--record: .* try one that ends in \.avi"):
            film.add(Pictures().picture(0), 0.0)
        film.close()
        assert list(tmp_path.iterdir()) == []
