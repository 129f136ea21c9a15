"""Sources: what a text opens, time stamps, and cameras that are lost."""

import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.datasets.poses import PoseWriter, read_poses
from skedge.datasets.store import Store
from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.sources import Live, Played, cameras, check_effect, open_source
from skedge.edge_runtime.sources.cameras import open_device, open_pi_camera, without_password
from skedge.edge_runtime.sources.recordings import read_pictures
from skedge.skeleton import InputError, load_layout
from skedge.skeleton.hanging import leg_joints
from skedge.skeleton.retarget import retarget
from tests.edge_runtime.live_fakes import Pictures
from tests.skeleton.people import people

ROOT = Path(__file__).parents[2]
NTU, BLAZEPOSE = load_layout("ntu25"), load_layout("blazepose33")
needs_opencv = pytest.mark.skipif(
    find_spec("cv2") is None, reason="needs OpenCV: pip install 'skedge[live]'"
)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class Unplugged:
    """A camera that gives three pictures and is then pulled out; it comes back at the third try, by
    two ways of failing."""

    opened = 0

    def __init__(self) -> None:
        Unplugged.opened += 1
        if Unplugged.opened % 3 == 2:
            raise InputError("camera 0: gone")
        self.left = 3 if Unplugged.opened % 3 == 1 else 0

    def read(self) -> np.ndarray | None:
        self.left -= 1
        if self.left < 0 and Unplugged.opened % 2:
            raise OSError("no such device")
        return np.zeros((4, 4, 3), np.uint8) if self.left >= 0 else None

    def release(self) -> None: ...


class TestLive:
    def test_a_camera_that_is_unplugged_a_hundred_times_comes_back(self) -> None:
        clock = Clock()
        Unplugged.opened = 0
        camera = Live("camera 0", Unplugged, clock, clock.sleep)
        seconds = []
        for frame in camera:
            assert camera.status == ""
            seconds.append(frame.seconds)
            if len(seconds) == 303:
                camera.close()
        assert len(seconds) == 303
        assert camera.losses == 100
        assert seconds == sorted(seconds)
        assert seconds[0] == 0
        assert set(clock.waits) == {0.5, 1.0, 2.0}, "back-off begins anew after every return"

    def test_back_off_has_a_bound_and_is_said(self) -> None:
        clock = Clock()
        said = []

        class Gone(Unplugged):
            def __init__(self) -> None: ...

            def read(self) -> None:
                said.append(camera.status)
                if len(clock.waits) == 12:
                    camera.close()

        camera = Live("rtsp://somewhere", Gone, clock, clock.sleep)
        assert list(camera) == []
        assert clock.waits[:4] == [0.5, 1, 2, 4]
        assert max(clock.waits) == 10
        assert set(said[1:]) == {"no picture, trying again"}, "a loss is one note, not one a try"

    def test_a_camera_that_has_frozen_is_opened_again(self) -> None:
        clock, said = Clock(), []
        pictures = np.random.default_rng(0).integers(0, 255, (400, 48, 64, 3)).astype(np.uint8)

        class Freezing(Unplugged):
            opened = 0

            def __init__(self) -> None:
                Freezing.opened += 1
                self.number = 0

            def read(self) -> np.ndarray:
                clock.now += 1
                self.number += 1
                if Freezing.opened == 1:
                    return pictures[min(self.number, 20)]
                said.append(camera.status)
                return pictures[20 if Freezing.opened < 4 else 100 + self.number]

        camera = Live("camera 0", Freezing, clock, clock.sleep)
        given = []
        for frame in camera:
            given.append(frame.image)
            if len(given) == 200:
                camera.close()
        stood = sum((image == pictures[20]).all() for image in given if image is not None)
        assert 55 <= stood <= 65
        assert said[:3] == 3 * ["the picture has frozen, trying again"]
        assert clock.waits[:3] == [0.5, 1, 2]
        assert (camera.losses, camera.status) == (1, "")

    def test_a_dark_room_is_no_frozen_camera(self) -> None:
        clock = Clock()

        class Dark(Unplugged):
            def __init__(self) -> None: ...

            def read(self) -> np.ndarray:
                clock.now += 1
                return np.full((48, 64, 3), 3, np.uint8)

        camera = Live("camera 0", Dark, clock, clock.sleep)
        for number, _ in enumerate(camera):
            if number == 500:
                camera.close()
        assert camera.losses == 0

    def test_a_driver_that_breaks_on_release_breaks_nothing(self) -> None:
        class Broken(Unplugged):
            def __init__(self) -> None: ...

            def read(self) -> np.ndarray:
                return np.zeros((4, 4, 3), np.uint8)

            def release(self) -> None:
                raise RuntimeError("driver")

        camera = Live("camera 0", Broken)
        next(iter(camera))
        camera.close()

    def test_a_camera_that_does_not_open_is_refused_at_once(self) -> None:
        def opener() -> Any:
            raise InputError("camera 7: expected a camera")

        with pytest.raises(InputError, match="camera 7"):
            Live("camera 7", opener)

    def test_a_driver_is_not_released_while_a_picture_is_on_its_way(self) -> None:
        """The page and the camera have threads of their own, and a driver may crash that way."""
        reading, picture, said = threading.Event(), threading.Event(), []

        class Slow(Unplugged):
            def __init__(self) -> None: ...

            def read(self) -> np.ndarray:
                reading.set()
                said.append(picture.wait(20))
                return np.zeros((4, 4, 3), np.uint8)

            def release(self) -> None:
                said.append("released")

        camera = Live("camera 0", Slow)
        looking = threading.Thread(target=lambda: said.append(len(list(camera))))
        looking.start()
        assert reading.wait(20)
        camera.close()
        picture.set()
        looking.join(20)
        assert said == [True, "released", 1]

    @needs_opencv
    @pytest.mark.parametrize("pictures", [None, 5])
    def test_a_stream_that_falls_silent_is_given_up_soon(
        self, pictures: int | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By itself OpenCV waits for half a minute, in which the live view says nothing."""
        monkeypatch.setattr(cameras, "PATIENCE", 1.0)
        with silent_stream(pictures) as address:
            begin = time.monotonic()
            if pictures is None:
                with pytest.raises(InputError, match="expected a stream that can be opened"):
                    cameras.open_stream(address)
            else:
                stream = cameras.open_stream(address)
                given = [stream.read() for _ in range(pictures + 1)]
                assert [picture is None for picture in given] == [False] * pictures + [True]
                stream.release()
        assert time.monotonic() - begin < 15

    @needs_opencv
    def test_a_slow_computer_sees_the_newest_picture_of_a_device(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import cv2

        class Device:
            """Takes a picture a moment, and keeps as many as its driver's queue is long."""

            def __init__(self, device: int, by: int) -> None:
                self.queue = 4

            def isOpened(self) -> bool:
                return True

            def set(self, what: int, value: float) -> None:
                if what == cv2.CAP_PROP_BUFFERSIZE:
                    self.queue = int(value)

            def read(self) -> tuple[bool, np.ndarray]:
                return True, np.full((4, 4, 3), 1 - self.queue, np.int8)

        monkeypatch.setattr(cv2, "VideoCapture", Device)
        picture = cameras.open_device(0).read()
        assert picture is not None
        assert (picture == 0).all(), "how many moments old it is"


@contextmanager
def silent_stream(pictures: int | None) -> Iterator[str]:
    """The address of a camera that sends these pictures and then nothing; None: not even that it
    is one."""
    import cv2

    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    jpeg = cv2.imencode(".jpg", noise)[1].tobytes()
    head = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=x\r\n\r\n"
    part = b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (
        len(jpeg),
        jpeg,
    )
    held: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):  # the server is closed
            while True:
                held.append(server.accept()[0])
                held[-1].recv(4096)
                if pictures is not None:
                    held[-1].sendall(head + pictures * part)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/camera.mjpg"
        for connection in held:
            connection.close()


class TestPlayed:
    def frames(self) -> list[Frame]:
        return [Frame(np.full((2, 2, 3), i, np.uint8), i / 20) for i in range(5)]

    def test_at_its_own_pace(self) -> None:
        clock = Clock()
        played = list(Played(iter(self.frames()), clock=clock, sleep=clock.sleep))
        assert [frame.seconds for frame in played] == [0.0, 0.05, 0.1, 0.15, 0.2]
        assert clock.now == pytest.approx(100.2)

    def test_as_fast_as_it_is_taken(self) -> None:
        clock = Clock()
        assert (
            len(list(Played(iter(self.frames()), fast=True, clock=clock, sleep=clock.sleep))) == 5
        )
        assert clock.waits == []

    def test_who_is_too_slow_misses_none(self) -> None:
        clock = Clock()
        seen = []
        for frame in Played(iter(self.frames()), clock=clock, sleep=clock.sleep):
            clock.now += 1
            seen.append(frame.seconds)
        assert seen == [0.0, 0.05, 0.1, 0.15, 0.2]
        assert clock.waits == []

    def test_closing_ends_it(self) -> None:
        played = Played(iter(self.frames()))
        next(frames := iter(played))
        played.close()
        assert list(frames) == []


@needs_opencv
def test_a_real_film(dataset: Callable[[str], Path]) -> None:
    source = open_source(str(dataset("video") / "arm_wrestling_closeup.mp4"), fast=True)
    frames = []
    for frame in source:
        frames.append(frame)
        if len(frames) == 4:
            source.close()
    assert [frame.image.shape for frame in frames] == [(256, 340, 3)] * 4
    assert frames[0].seconds == 0
    assert np.diff([frame.seconds for frame in frames]) == pytest.approx(1 / 28, abs=0.002)


@needs_opencv
@pytest.mark.parametrize(("rate", "step"), [(25.0, 0.04), (0.0, 1 / 30), (90_000.0, 1 / 30)])
def test_time_stamps_of_a_film_ascend_whatever_the_file_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rate: float, step: float
) -> None:
    """OpenCV reports 0 for the position of some films, and jumps back in others; and not every film
    says its frame rate."""
    import cv2

    class Capture:
        def __init__(self, address: str) -> None:
            self.stamps = iter([0, 0, 0, 130, 90, 200])
            self.stamp = 0.0

        def isOpened(self) -> bool:
            return True

        def read(self) -> tuple[bool, np.ndarray | None]:
            self.stamp = next(self.stamps, -1.0)
            return self.stamp >= 0, np.zeros((2, 2, 3), np.uint8)

        def get(self, name: int) -> float:
            return rate if name == cv2.CAP_PROP_FPS else self.stamp

        def release(self) -> None: ...

    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    (tmp_path / "film.mp4").write_text("")
    seconds = [frame.seconds for frame in open_source(str(tmp_path / "film.mp4"), fast=True)]
    np.testing.assert_allclose(seconds, [0, step, 2 * step, 0.13, 0.13 + step, 0.2])


@needs_opencv
@pytest.mark.parametrize("damaged", [[0], [20, 21, 22], [39], [*range(5, 35)]])
def test_a_film_goes_on_after_damaged_pictures(tmp_path: Path, damaged: list[int]) -> None:
    """It ended at the first one, and what came later was neither shown nor imported."""
    import cv2

    film = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for number in range(40):
        writer.write(np.full((48, 64, 3), 5 * number, np.uint8))
    writer.release()
    content = bytearray(film.read_bytes())
    place = content.index(b"movi")
    for number in range(40):
        place = content.index(b"00dc", place) + 8
        size = int.from_bytes(content[place - 4 : place], "little")
        if number in damaged:
            content[place : place + size] = bytes(size)
        place += size
    film.write_bytes(content)
    frames = list(open_source(str(film), fast=True))
    whole = [number for number in range(40) if number not in damaged]
    assert [round(float(frame.image.mean()) / 5) for frame in frames] == whole
    assert [frame.seconds for frame in frames] == pytest.approx([one / 10 for one in whole])


@needs_opencv
def test_a_camera_at_whose_picture_opencv_breaks_is_a_lost_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ended the live view with OpenCV's words."""
    import cv2

    class Capture(SimpleNamespace):
        def read(self) -> None:
            raise cv2.error("imdecode_: !buf.empty()")

    made = Capture(isOpened=lambda: True, set=lambda *_: None, release=lambda: None)
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: made)
    assert open_device(0).read() is None


@needs_opencv
def test_a_folder_of_pictures_goes_by_numbers_and_leaves_out_damaged_ones(tmp_path: Path) -> None:
    import cv2

    for number in (1, 2, 9, 10, 11):
        cv2.imwrite(str(tmp_path / f"shot{number}.png"), np.full((2, 2, 3), number, np.uint8))
    (tmp_path / "shot9.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("not asked")
    (tmp_path / "._shot1.png").write_bytes(b"what a Mac leaves")
    found = list(read_pictures(tmp_path, rate=10.0))
    assert [int(frame.image[0, 0, 0]) for frame in found] == [1, 2, 10, 11]
    assert [frame.seconds for frame in found] == pytest.approx([0, 0.1, 0.3, 0.4])
    (tmp_path / "shot1.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"shot1\.png: expected a picture"):
        open_source(str(tmp_path))


@needs_opencv
def test_a_picture_that_is_larger_than_opencv_reads_is_left_out(tmp_path: Path) -> None:
    """It ended the live view with OpenCV's words."""
    import cv2

    for number in (1, 2, 3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((2, 2, 3), np.uint8))
    head = struct.pack(">4sIIBBBBB", b"IHDR", 100_000, 100_000, 8, 2, 0, 0, 0)
    content = (tmp_path / "2.png").read_bytes()
    huge = content[:12] + head + struct.pack(">I", zlib.crc32(head)) + content[33:]
    (tmp_path / "2.png").write_bytes(huge)
    assert [frame.seconds for frame in read_pictures(tmp_path, rate=10.0)] == [0, 0.2]


@needs_opencv
@pytest.mark.parametrize("name", ["12:30.mkv", "pipe:1.avi", "two\nlines.mp4", "100 %d.mkv"])
def test_a_film_may_have_any_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg took the 12 of 12:30.mkv for a protocol, so it could be neither read nor recorded."""
    from skedge.edge_runtime.live.film import Film

    monkeypatch.chdir(tmp_path)
    film = Film(Path(name))
    for number in range(3):
        film.add(Pictures().picture(number), number / 20)
    film.close()
    assert len(list(open_source(name, fast=True))) == 3


@needs_opencv
@pytest.mark.parametrize("suffix", [".mkv", ".jpg"])
def test_a_name_in_another_encoding_is_no_crash(suffix: str, tmp_path: Path) -> None:
    """OpenCV ended the process with a segmentation fault."""
    name = tmp_path / f"caf\udce9{suffix}"
    name.write_bytes(b"picture")
    code = f"import skedge.edge_runtime.sources as s; s.open_source({str(name)!r}, fast=True)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "expected a name in UTF-8, got one in another encoding" in done.stderr


def test_recorded_skeletons(tmp_path: Path) -> None:
    joints = np.random.default_rng(0).normal(size=(6, 2, 25, 3)).astype(np.float32)
    joints[3:, 1] = np.nan
    np.save(tmp_path / "clip.npy", joints)
    source = open_source(str(tmp_path / "clip.npy"), fast=True)
    assert source.layout.joints == NTU.joints
    frames = list(source)
    assert [len(frame.people or ()) for frame in frames] == [2, 2, 2, 1, 1, 1]
    assert np.array_equal(frames[2].people[1].joints, joints[2, 1])
    assert frames[5].seconds == pytest.approx(5 / 30)


@given(
    st.lists(st.lists(st.integers(0, 3), max_size=3, unique=True), min_size=1, max_size=20),
    st.lists(st.floats(0.02, 0.5), min_size=20, max_size=20),
)
def test_bodies_that_were_recorded_come_again_as_they_came(
    seen: list[list[int]], steps: list[float]
) -> None:
    """`skedge live --record-poses`, and its file as the source: what raised an event can be looked
    at. Pictures in which nobody was are there too, as events end in them."""
    times = np.cumsum(steps[: len(seen)]).tolist()
    writer = PoseWriter(BLAZEPOSE)
    for seconds, ids in zip(times, seen, strict=True):
        writer.add(seconds, [_body_of(person, seconds) for person in ids])
    with TemporaryDirectory() as room:
        writer.write(Path(room) / "seen.npz")
        source = open_source(f"{room}/seen.npz", fast=True)
    assert source.layout.joints == BLAZEPOSE.joints
    frames = list(source)
    assert [[one.id for one in frame.people or ()] for frame in frames] == seen
    for frame, seconds in zip(frames, times, strict=True):
        for person in frame.people or ():
            assert frame.seconds == pytest.approx(seconds - times[0])
            there = _body_of(person.id, seconds)
            np.testing.assert_array_equal(person.joints, there.joints)
            assert person.whole is (person.id in (0, 1))
            assert person.upper is (person.id == 2)
    assert (np.diff([frame.seconds for frame in frames]) >= 0).all()


def _body_of(person: int, seconds: float) -> Person:
    """A body of BlazePose's joints; the third person's is seen from the hips up, the fourth's not
    even so far."""
    joints = np.full((len(BLAZEPOSE), 3), seconds, np.float32) + person
    if person >= 2:
        joints[list(leg_joints(BLAZEPOSE))] = np.nan
    return Person(person, joints, whole=person < 3)


def test_what_two_who_touch_do_is_known_in_a_recording_too(dataset: Callable[[str], Path]) -> None:
    """The same bodies are left out as in `skedge evaluate everyday`."""
    film = dataset("film-poses") / "hugging_ut1_055.npz"
    (recording,) = read_poses(film)
    frames = [frame.people or () for frame in open_source(str(film), fast=True)]
    assert 0 < sum(one.touching for people in frames for one in people) < sum(map(len, frames))
    assert sum(one.touching for people in frames for one in people) == recording.touching.sum()
    assert len(frames) == recording.pictures


def test_a_pose_recording_has_its_own_rate_and_layout(tmp_path: Path) -> None:
    writer = PoseWriter(BLAZEPOSE)
    writer.add(0.0, [_body_of(0, 0.0)])
    writer.write(tmp_path / "seen.npz")
    for told in ({"rate": 15.0}, {"layout": "ntu25"}):
        with pytest.raises(InputError, match="a pose recording, which has its own; leave them out"):
            open_source(str(tmp_path / "seen.npz"), **told)


@pytest.mark.parametrize(
    ("late", "words"),
    [
        ({"pictures": 10**12}, "expected a day at most, got .* hours"),
        ({"duration": 1e9}, "expected a day at most, got .* hours"),
        ({"picture": [0, 1, 10**12]}, "expected a day at most, got .* hours"),
        ({"picture": [0.0, 1.0, 1e300]}, r"expected numbers of pictures as picture, got 1e\+300"),
    ],
)
def test_a_pose_recording_of_years_is_refused(
    tmp_path: Path, late: dict[str, Any], words: str
) -> None:
    """It went on for ever without anybody in view, and a huge number was an error of NumPy's."""
    some = {"picture": [0, 1, 2], "person": [0, 0, 0], "rate": 30.0, "duration": 0.1, "pictures": 3}
    some["seconds"] = [0.0, 0.03, 0.06]
    np.savez(tmp_path / "seen.npz", joints=np.ones((3, 33, 3)), **some | late)
    with pytest.raises(InputError, match=words):
        open_source(str(tmp_path / "seen.npz"), fast=True)


def test_bodies_come_in_the_order_of_time_whoever_is_stored_first(tmp_path: Path) -> None:
    """Other programs store one person behind the other, and clocks of their own for each."""
    joints = np.arange(1.0, 5.0)[:, None, None] * np.ones((4, 33, 3))
    np.savez(
        tmp_path / "seen.npz",
        picture=[0, 2, 1, 2],
        person=[7, 7, 9, 9],
        seconds=[0.0, 0.2, 0.3, 0.4],
        joints=joints,
        rate=10.0,
        pictures=7,
        duration=0.9,
    )
    frames = list(open_source(str(tmp_path / "seen.npz"), fast=True))
    came = [[(one.id, one.joints[0, 0]) for one in frame.people or ()] for frame in frames]
    assert came == [[(7, 1)], [(9, 3)], [(7, 2), (9, 4)], [], [], [], []]
    # From the last time that is known to when the film's last picture began.
    times = [0.0, 0.3, 0.3, 0.425, 0.55, 0.675, 0.8]
    assert [frame.seconds for frame in frames] == pytest.approx(times)


def test_bodies_behind_the_last_picture_that_is_counted_come_too(tmp_path: Path) -> None:
    joints = np.ones((2, 33, 3))
    np.savez(tmp_path / "seen.npz", picture=[0, 5], person=[0, 0], joints=joints, rate=30.0,
             pictures=3)  # fmt: skip
    frames = list(open_source(str(tmp_path / "seen.npz"), fast=True))
    assert [len(frame.people or ()) for frame in frames] == [1, 0, 0, 0, 0, 1]


def _played(path: Path, **told: Any) -> Played:
    source = open_source(str(path), True, **told)
    assert isinstance(source, Played)
    return source


def _rate_of(source: Played) -> float:
    first, second = list(source)[:2]
    return float(1 / (second.seconds - first.seconds))


def test_skeletons_play_at_the_rate_they_were_taken_at(tmp_path: Path) -> None:
    """A throw at 120 frames a second was once watched in slow motion, without a word."""
    path = tmp_path / "clip.npy"
    np.save(path, people()[0][0])
    assumed = _played(path)
    assert _rate_of(assumed) == pytest.approx(30)
    assert "30 frames a second are assumed, see --rate" in assumed.notes[0]
    told = _played(path, rate=120)
    assert _rate_of(told) == pytest.approx(120)
    assert told.notes == ()
    assert _rate_of(_played(path, rate=1000)) == pytest.approx(1000)
    for rate in (0, -1, float("nan"), 1000.1, 1e6):
        with pytest.raises(InputError, match="--rate: expected frames a second"):
            open_source(str(path), rate=rate)


def test_what_is_recorded_plays_at_its_own_pace_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "clip.npy", people()[0][0])
    monkeypatch.setattr("skedge.edge_runtime.sources.Played", lambda *_, fast, **__: fast)
    assert open_source(str(tmp_path / "clip.npy")) is False
    assert open_source(str(tmp_path / "clip.npy"), True) is True


@pytest.mark.parametrize("told", [{"rate": 15.0}, {"rate": 0.0}, {"layout": "ntu25"}])
@pytest.mark.parametrize("source", ["0", "picamera", "film.mp4", "stores/utd#clip", "rtsp://a:b@c"])
def test_a_rate_or_layout_of_what_has_its_own_is_refused(source: str, told: dict[str, Any]) -> None:
    """A store's clip played at its own rate, and a camera at its own, whatever was asked for."""
    with pytest.raises(
        InputError, match=r"\.npy or \.npz file beside --rate or --layout"
    ) as refused:
        open_source(source, **told)
    assert "a:b" not in str(refused.value)


@pytest.mark.parametrize("name", ["kinect20", "utd-mhad20", "msr20", "coco17"])
def test_joints_of_a_number_that_several_layouts_have_are_known_by_their_limbs(
    name: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "clip.npy", retarget(people()[0], NTU, load_layout(name))[0])
    found = _played(tmp_path / "clip.npy", rate=30)
    assert found.layout == load_layout(name)
    assert f"taken for {name}'s" in found.notes[0]
    told = _played(tmp_path / "clip.npy", rate=30, layout=name)
    assert (told.layout, told.notes) == (load_layout(name), ())
    noise = np.random.default_rng(0).normal(size=(20, len(load_layout(name)), 3))
    np.save(tmp_path / "noise.npy", noise)
    with pytest.raises(InputError, match=f"{name}.*name the layout of the joints with --layout"):
        open_source(str(tmp_path / "noise.npy"))
    with pytest.raises(InputError, match=r"clip\.npy"):
        open_source(str(tmp_path / "clip.npy"), layout="ntu25")


def test_openposes_joints_are_known_and_a_kinects_need_no_note(tmp_path: Path) -> None:
    """Both have 25, and a body that is hardly seen is taken for the usual one's."""
    for name, said in (("openpose25", "taken for openpose25's"), ("ntu25", "")):
        np.save(tmp_path / "clip.npy", retarget(people()[0], NTU, load_layout(name))[0])
        found = _played(tmp_path / "clip.npy", rate=30)
        assert found.layout == load_layout(name)
        assert said in " ".join(found.notes)
        assert bool(found.notes) == bool(said)


def test_skeletons_in_a_file_are_read_as_predict_reads_them(tmp_path: Path) -> None:
    """Persons before frames or behind them, and nobody where all is zero."""
    two = np.concatenate([people()[0], people()[1]])
    two[1, 5:] = 0
    for clip, note in (
        (two, ["read as (persons, frames, joints, 3), 2 persons"]),
        (two.swapaxes(0, 1), []),
    ):
        np.savez(tmp_path / "clip.npz", joints=clip)
        played = _played(tmp_path / "clip.npz")
        assert [said for said in played.notes if "persons" in said] == note
        frames = list(played)
        assert [len(frame.people or ()) for frame in frames] == [2] * 5 + [1] * 15
        np.testing.assert_allclose((frames[2].people or ())[1].joints, two[1, 2], atol=1e-5)


def test_a_clip_of_a_store(utd_store: Path) -> None:
    store = Store(utd_store)
    name = str(store.index["name"][0])
    first = next(iter(open_source(f"{utd_store}#{name}", fast=True)))
    assert np.array_equal(first.people[0].joints, store.clip(0)[0, 0])
    with pytest.raises(InputError, match="nobody"):
        open_source(f"{utd_store}#nobody")
    with pytest.raises(InputError, match="one clip of this store"):
        open_source(str(utd_store))


@needs_opencv
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing.mp4", "found nothing at that path"),
        ("empty", "expected a folder of pictures"),
        ("text.mp4", "expected a film that OpenCV reads"),
        ("seen", r"none in it; name one file in it, such as .*seen/1\.npz"),
        ("films", r"none in it; name one file in it, such as .*films/a\.MKV"),
        ("odd.npy", r"joints, got an array \(4, 7, 3\)"),
        ("words.npy", "expected"),
    ],
)
def test_what_is_not_a_source(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no film")
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.MKV").touch()
    (tmp_path / "seen").mkdir()
    for number in "21":
        np.savez(tmp_path / "seen" / f"{number}.npz", joints=np.zeros((4, 25, 3)))
    np.save(tmp_path / "odd.npy", np.zeros((4, 7, 3)))
    np.save(tmp_path / "words.npy", np.array(["a"] * 75).reshape(1, 25, 3))
    with pytest.raises(InputError, match=words):
        open_source(str(tmp_path / name))


@needs_opencv
@pytest.mark.parametrize("source", ["text.mp4", "rtsp://127.0.0.1:9/way", "/dev/video7431"])
def test_opencv_and_ffmpeg_keep_their_own_words_to_themselves(source: str, tmp_path: Path) -> None:
    """In a process of its own: FFmpeg asks once how much it may say."""
    (tmp_path / "text.mp4").write_text("no film")
    command = [sys.executable, "-m", "skedge", "live", "--source", source, "--no_page"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith(f"skedge: {source}: expected")


@pytest.mark.parametrize("number", ["4000000000", "99999999999999999999", "picamera:12345678901"])
def test_a_number_that_no_camera_has_is_one_line(number: str) -> None:
    """It was a traceback, and with --wait a camera that would be tried for ever."""
    with pytest.raises(InputError, match="expected a camera's number, such as 0, got one of"):
        open_source(number, wait=True)


@needs_opencv
@pytest.mark.parametrize("device", ["7431", "/dev/video7431"])
def test_a_camera_that_is_not_there_says_where_to_look(device: str) -> None:
    with pytest.raises(
        InputError, match=r"there is no /dev/video7431; is it plugged in"
    ) as refused:
        open_source(device)
    name = {"7431": "camera 7431"}.get(device, device)
    assert str(refused.value).startswith(f"{name}: expected a camera")
    waiting = open_source(device, wait=True)
    assert waiting.status.startswith("expected a camera"), "the page has the name before it"
    waiting.close()


@needs_opencv
@pytest.mark.parametrize(
    ("may", "reason"),
    [
        (False, "may not be read; add yourself to the group video"),
        (True, "gives no pictures; is another program using it?"),
    ],
)
def test_a_camera_that_is_there_and_does_not_open_says_why(
    may: bool, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "video0"
    device.write_text("")
    monkeypatch.setattr("skedge.edge_runtime.sources.cameras.sys.platform", "linux")
    monkeypatch.setattr("os.access", lambda path, mode: may)
    with pytest.raises(InputError, match=re.escape(f"but {device} {reason}")):
        open_device(str(device))


@pytest.mark.parametrize("name", ["film.mp4", "clip.npy"])
def test_a_file_in_memory_is_no_camera(name: str) -> None:
    """Whoever spares the card of a Pi was asked whether another program uses the film."""
    with pytest.raises(InputError, match="STORE#CLIP, found nothing at that path"):
        open_source(f"/dev/shm/nothing-of-skedge/{name}", fast=True)
    check_effect(f"/dev/shm/nothing-of-skedge/{name}", ["fast"])


@needs_opencv
@pytest.mark.parametrize("device", ["7431", "/dev/video7431"])
def test_a_mac_is_not_sent_to_the_devices_of_linux(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a Mac's user had not allowed the terminal to use the camera, he read of a
    /dev/video0."""
    monkeypatch.setattr("skedge.edge_runtime.sources.cameras.sys.platform", "darwin")
    with pytest.raises(InputError, match=r"but it cannot; .* Privacy & Security") as refused:
        open_source(device)
    assert "ls /dev" not in str(refused.value)


def test_a_source_without_a_name_is_not_this_folder() -> None:
    """Where a unit's variable was not set, pictures were looked for in the current folder."""
    with pytest.raises(InputError, match="expected a source, such as 0 or picamera, got an empty"):
        open_source("")


@needs_opencv
def test_a_streams_password_is_not_shown() -> None:
    with pytest.raises(
        InputError, match=r"^rtsp://me:\.\.\.@127\.0\.0\.1:9/way: expected a stream"
    ):
        open_source("rtsp://me:secret@127.0.0.1:9/way")
    assert without_password("http://host/a?b") == "http://host/a?b"


@needs_opencv
def test_a_stream_that_is_waited_for_is_not_named_in_its_status() -> None:
    """It came twice where it has a password: whoever shows the status has the name before it."""
    camera = open_source("rtsp://me:secret@127.0.0.1:9/way", wait=True)
    assert camera.status == "expected a stream that can be opened, it cannot; is the address right?"
    shown = []

    def no_time(_: float) -> None:
        shown.append(camera.status)
        camera.close()

    camera._sleep = no_time
    assert list(camera) == []
    assert shown[0].endswith("; is the address right? trying again")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://10.0.0.4/video.cgi?user=admin&pwd=secret", "http://10.0.0.4/video.cgi?user=...&pwd=..."),
        ("rtsp://10.0.0.4/user=admin&password=secret&channel=1", "rtsp://10.0.0.4/user=...&password=...&channel=..."),
        ("rtsp://me:secret@host/way?key=secret#a", "rtsp://me:...@host/way?key=...#a"),
        ("films/day=1/a.mp4", "films/day=1/a.mp4"),
        ("rtsp://me:1/secret@host/way", "rtsp://...@host/way"),
        ("rtsp://me:p@s/secret@host/way", "rtsp://...@host/way"),
        ("rtsp://me:1?secret@host/way", "rtsp://...@host/way"),
        ("rtsp://me:1#secret@host/way", "rtsp://...@host/way"),
        ("http://host/a?mail=a@b", "http://host/a?mail=..."),
    ],
)  # fmt: skip
def test_a_password_that_a_camera_takes_in_its_address_is_not_shown(
    address: str, shown: str
) -> None:
    """Only the one before the @ was hidden: notes, the log and the page had the other."""
    assert without_password(address) == shown


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://[fe80::1/x",
        "rtsp://me:secret@[fe80::1/x.mp4",
        "rtsp://me:secret@fe80::1]",
        "rtsp://me:secret@host:999999/x",
        "rtsp://me:my/secret@host/x",
        "rtsp://",
        "rtsp://:554/x",
        "http:///a.mp4",
        "://",
    ],
)
def test_an_address_that_cannot_be_read_is_one_line(address: str) -> None:
    """It was a traceback; one without a host was looked for, with --wait for ever."""
    with pytest.raises(InputError, match="expected an address such as rtsp://") as caught:
        open_source(address, wait=True)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


class TestPiCamera:
    """picamera2 itself runs on a Raspberry Pi only: a stand-in takes its place."""

    def test_without_picamera2_it_says_how_to_get_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "picamera2", None)
        with pytest.raises(InputError, match=r"python3-picamera2.*--system-site-packages"):
            open_source("picamera")

    @pytest.fixture
    def camera(self, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
        """Keeps what is done to it; `breaks` is raised where it is opened or read."""
        fake = SimpleNamespace(done=[], breaks={})

        class Picamera2:
            def __init__(self, number: int) -> None:
                self.do("open", number)

            def do(self, what: str, *how: object) -> None:
                fake.done.append((what, *how))
                if what in fake.breaks:
                    raise fake.breaks[what]

            def create_video_configuration(self, main: dict) -> dict:
                return main

            def configure(self, configuration: dict) -> None:
                self.do("configure", configuration["format"])

            def start(self) -> None:
                self.do("start")

            def capture_array(self, name: str, wait: bool) -> "Picamera2":
                return self

            def get_result(self, timeout: float) -> np.ndarray:
                self.do("read")
                return np.ones((4, 4, 3), np.uint8)

            def close(self) -> None:
                self.do("close")

        monkeypatch.setitem(sys.modules, "picamera2", SimpleNamespace(Picamera2=Picamera2))
        return fake

    def test_it_gives_pictures_and_is_closed(self, camera: SimpleNamespace) -> None:
        source = open_source("picamera:1")
        frame = next(frames := iter(source))
        assert frame.image is not None
        assert frame.image.shape == (4, 4, 3)
        source.close()
        assert list(frames) == []
        # What libcamera calls RGB888 is blue, green, red in memory.
        assert camera.done == [
            ("open", 1),
            ("configure", "RGB888"),
            ("start",),
            ("read",),
            ("close",),
        ]

    def test_one_that_nobody_has_looked_through_is_closed_too(
        self, camera: SimpleNamespace
    ) -> None:
        """As where the page's port is taken: another program could not open it."""
        open_source("picamera").close()
        assert camera.done[-1] == ("close",)

    def test_one_that_does_not_answer_counts_as_lost(self, camera: SimpleNamespace) -> None:
        camera.breaks["read"] = TimeoutError()
        clock = Clock()
        source = Live("picamera", lambda: open_pi_camera(0), clock, lambda seconds: source.close())
        assert list(source) == []
        assert source.losses == 1

    @pytest.mark.parametrize("error", [IndexError("list index out of range"), RuntimeError("busy")])
    def test_one_that_is_not_there_is_one_line(
        self, camera: SimpleNamespace, error: Exception
    ) -> None:
        camera.breaks["open"] = error
        with pytest.raises(
            InputError, match=r"^picamera: expected camera 0 .*rpicam-hello --list-cameras"
        ):
            open_source("picamera")

    def test_a_system_of_another_numpy_is_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(name: str, *how: object) -> object:
            if name == "picamera2":
                raise ValueError("numpy.dtype size changed, may indicate binary incompatibility")
            return imported(name, *how)

        imported = __import__
        monkeypatch.setattr("builtins.__import__", refuse)
        with pytest.raises(InputError, match=r"numpy\.dtype size changed.*docs/on-the-pi\.md"):
            open_pi_camera(0)
