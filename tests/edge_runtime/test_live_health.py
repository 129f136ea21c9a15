"""A live view that is left alone: a stage that hangs is told from one that has nothing to do, the
service manager hears of it, and a camera may come later."""

import json
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.live import Live, pipeline, pulse
from skedge.edge_runtime.live.actions import Actions
from skedge.edge_runtime.live.pulse import Pulse
from skedge.edge_runtime.live.systemd import Manager
from skedge.edge_runtime.live.telling import Telling
from skedge.edge_runtime.sources import live as live_source
from skedge.skeleton import InputError
from tests.edge_runtime.live_fakes import Pictures, Pose, quick_recognizer
from tests.edge_runtime.test_live_server import Served
from tests.edge_runtime.waiting import wait_until

ROOT = Path(__file__).parents[2]


class HangingPose(Pose):
    """Never answers until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def estimate(self, frame: Frame) -> tuple[Person, ...]:
        self.go.wait(60)
        return super().estimate(frame)


def test_a_stage_hangs_when_it_is_at_one_thing_for_long() -> None:
    now = [0.0]
    one = Pulse(lambda: now[0])
    for _ in range(100):  # busy is not hanging
        with one.work("pose"):
            now[0] += 1
            assert one.hangs() == []
    now[0] += 1000  # nor is waiting for something to do
    assert one.hangs() == []
    with one.work("pose"), one.work("camera"):
        now[0] += pulse.PATIENCE + 1
        assert one.hangs() == ["pose", "camera"]
    with pytest.raises(RuntimeError), one.work("pose"):
        raise RuntimeError
    now[0] += 1000
    assert one.hangs() == [], "what broke is not at work"


def test_a_stage_is_not_judged_by_a_look_that_comes_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the computer was suspended two notes said that the camera hangs, and that all is well
    again."""
    monkeypatch.setattr(pulse, "PATIENCE", 0.05)
    monkeypatch.setattr(pipeline, "HELD_UP", -1.0)  # all looks are late
    pose = HangingPose()
    recognizer = quick_recognizer(tmp_path / "m.onnx")
    live = Live(Pictures(rate=50), pose, pose.layout, Actions(recognizer), name="the hall")
    states: list[bytes] = []
    monkeypatch.setattr(live.states, "put", states.append)
    live.start()
    try:
        wait_until(lambda: live.hanging() == ["pose"])
        seen = len(states)
        wait_until(lambda: len(states) >= seen + 3)
        assert live.problems() == []
        monkeypatch.setattr(pipeline, "HELD_UP", 60.0)
        wait_until(lambda: live.problems() == ["pose hangs"])
    finally:
        pose.go.set()
        live.close()


def test_a_hanging_pose_turns_the_status_red_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "PATIENCE", 0.2)
    pose = HangingPose()
    recognizer = quick_recognizer(tmp_path / "m.onnx")
    live = Live(Pictures(rate=50), pose, pose.layout, Actions(recognizer), name="the hall")
    live.start()
    try:
        wait_until(lambda: live.problems() == ["pose hangs"])
        assert live.state()["status"] == "pose hangs"
        monkeypatch.setattr(pulse, "PATIENCE", 30.0)
        pose.go.set()
        wait_until(lambda: live.problems() == [])
        notes = [entry[2]["note"] for entry in live.log.since(0) if entry[1] == "note"]
        assert notes == ["the hall: pose hangs", "the hall: all is well again"]
    finally:
        pose.go.set()
        live.close()


def test_the_service_manager_hears_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "PATIENCE", 0.3)
    pose = HangingPose()
    pose.go.set()
    live = Live(Pictures(rate=50), pose, pose.layout, Actions(quick_recognizer(tmp_path / "m.onnx")), name="hall")  # fmt: skip
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hears:
        hears.bind(str(tmp_path / "notify"))
        hears.settimeout(30)
        manager = Manager({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "100000"})
        assert manager.interval == 0.05
        live.start()
        live.crew.start("service manager", lambda: manager.follow(live))
        assert hears.recv(1000) == b"READY=1\nSTATUS=hall: running"
        assert hears.recv(1000) == b"WATCHDOG=1\nSTATUS=hall: running"
        pose.go.clear()
        wait_until(lambda: hears.recv(1000) == b"STATUS=pose hangs")
        pose.go.set()
        monkeypatch.setattr(pulse, "PATIENCE", 30.0)
        wait_until(lambda: hears.recv(1000) == b"WATCHDOG=1\nSTATUS=hall: running")
        live.crew.stop()
        wait_until(lambda: hears.recv(1000) == b"STOPPING=1")
    live.close()


def test_a_manager_that_has_gone_ends_nothing() -> None:
    assert not Manager({}).listens
    Manager({"NOTIFY_SOCKET": "/nowhere/at/all"}).tell("READY=1")
    Manager({"NOTIFY_SOCKET": "@nobody listens here"}).tell("READY=1")


def test_monitors_are_told_without_the_token_and_without_the_reason() -> None:
    served = Served("correct-horse")
    try:
        answer = served.ask("/healthz")
        assert (answer.status, answer.read()) == (200, b"ok\n")
        served.problems.append("the camera of the bedroom is lost")
        answer = served.ask("/healthz")
        assert (answer.status, answer.read()) == (503, b"not well\n")
    finally:
        served.close()


class Later:
    """A camera that is plugged in after some tries."""

    tries = 0

    def __init__(self) -> None:
        Later.tries += 1
        if Later.tries < 4:
            raise InputError("camera 0: there is no /dev/video0")

    def read(self) -> np.ndarray:
        return np.zeros((4, 4, 3), np.uint8)

    def release(self) -> None: ...


def test_a_camera_that_is_missing_at_boot_is_waited_for() -> None:
    Later.tries = 0
    waits: list[float] = []
    said: list[str] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        said.append(camera.status)

    with pytest.raises(InputError, match="no /dev/video0"):
        live_source.Live("camera 0", Later)
    Later.tries = 0
    camera = live_source.Live("camera 0", Later, sleep=sleep, wait=True)
    assert camera.status == "there is no /dev/video0"
    assert next(iter(camera)).seconds == 0
    assert waits == [0.5, 1.0, 2.0]
    assert set(said) == {"there is no /dev/video0, trying again"}
    assert (camera.status, camera.losses) == ("", 0)
    camera.close()


@pytest.mark.parametrize("device", ["", " "])
def test_events_of_a_device_without_a_name_are_refused(device: str) -> None:
    with pytest.raises(InputError, match="--device: expected a name"):
        Telling(device=device)


def test_notes_are_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    telling = Telling(device="the hall", json_notes=True)
    telling.say({"note": "camera 0: is back", "time": "2026-11-26T08:00:00.000+00:00"})
    Telling().say({"note": "camera 0: is back"})
    first, second = capsys.readouterr().err.splitlines()
    assert json.loads(first) == {
        "schema": "skedge.note/1", "device": "the hall", "note": "camera 0: is back", "time": "2026-11-26T08:00:00.000+00:00",
    }  # fmt: skip
    assert second == "note: camera 0: is back"


def test_words_of_a_file_cannot_paint_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Telling().say({"note": "two\nlines \x1b]0;title\x07.npz is being written"})
    assert capsys.readouterr().err == "note: two lines �]0;title�.npz is being written\n"


def test_words_of_a_device_cannot_paint_the_terminal(tmp_path: Path) -> None:
    pose = Pose()
    live = Live(Pictures(count=1), pose, pose.layout, Actions(quick_recognizer(tmp_path / "m.onnx")), name="\x1b[31mred")  # fmt: skip
    live.note("two\nlines \x1b]0;title\x07")
    assert live.name == "\N{REPLACEMENT CHARACTER}[31mred"
    assert live.log.since(0)[0][2]["note"] == "two lines �]0;title�"
    live.close()


def test_the_unit_file_is_hardened_and_its_command_is_one() -> None:
    unit = (ROOT / "examples" / "skedge.service").read_text()
    (command,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    words = command.partition("skedge live ")[2].split()
    from skedge.cli.main import parse

    assert parse("live", words).wait
    if (analyze := shutil.which("systemd-analyze")) is None:
        return  # the lines above hold everywhere; the score needs systemd's own program
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", "--threshold=30", str(ROOT / "examples" / "skedge.service")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


def test_no_watchdog_without_a_manager() -> None:
    """A socket that nobody asked for is none."""
    code = "from skedge.edge_runtime.live.systemd import Manager; import sys; sys.exit(Manager().listens)"
    assert subprocess.run([sys.executable, "-c", code], env={}, check=False).returncode == 0
