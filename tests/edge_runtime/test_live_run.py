"""`skedge live` as a person runs it: what it prints, what it opens, what it writes, how it ends."""

import errno
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest

from skedge import __version__
from skedge.cli import main
from skedge.datasets.poses import read_poses
from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.live.control import MOST_PEOPLE
from skedge.edge_runtime.live.pipeline import Live
from skedge.edge_runtime.live.pose_file import PoseFile
from skedge.edge_runtime.live.run import open_camera
from skedge.edge_runtime.live.server import Feeds, Page
from skedge.edge_runtime.live.signals import as_ctrl_c
from skedge.skeleton import InputError
from tests.edge_runtime.held import SOCKETS
from tests.edge_runtime.live_fakes import NTU, Pictures, Pose, Skeletons, body, quick_model
from tests.edge_runtime.waiting import wait_until

ROOT = Path(__file__).parents[2]
# A process of its own that watches what Python opens, in front of made-up people.
CHILD = (
    SOCKETS
    + """
import json, os, sys
happened = []
def watch(event, arguments):
    if event in ("socket.bind", "socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        happened.append([event, repr(arguments[1:] if event == "socket.bind" else arguments)])
    if event == "open" and isinstance(arguments[0], str) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        happened.append([event, arguments[0]])
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        happened.append([event, repr(arguments)])
sys.addaudithook(watch)
from tests.edge_runtime.live_fakes import *
import skedge.edge_runtime.sources
rate = float(os.environ.get("RATE", 0)) or None
skedge.edge_runtime.sources.open_source = lambda text, fast: Skeletons(lambda seconds: (Person(1, body(seconds)),), int(text), rate)
happened.clear()
from skedge.cli import main
try:
    main(sys.argv[1:])
finally:
    import threading
    with open(os.environ["REPORT"], "w") as file:
        json.dump({"happened": happened[:-1], "threads": [thread.name for thread in threading.enumerate()],
                   "sockets": sockets(),
                   "modules": sorted({name.partition(".")[0] for name in sys.modules})}, file)
"""
)


@pytest.fixture
def room(tmp_path: Path) -> Path:
    quick_model(tmp_path / "m.onnx")
    return tmp_path


@pytest.fixture
def fake_sources(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands in for cameras: `open_source` gives what lies in `source`."""
    fake = SimpleNamespace(source=None, asked=[])

    def open_source(text: str, fast: bool) -> object:
        fake.asked.append(text)
        if fake.source is None:
            raise InputError(f"{text}: expected a camera, got none")
        return fake.source

    monkeypatch.setattr("skedge.edge_runtime.sources.open_source", open_source)
    return fake


def start(
    room: Path,
    *arguments: object,
    stderr: int = subprocess.PIPE,
    ignored: signal.Signals | None = None,
    code: str = CHILD,
    **more: str,
) -> subprocess.Popen[str]:
    keep = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "LANG")
    }
    home = room / "home"
    home.mkdir(exist_ok=True)
    environment = keep | {
        "HOME": str(home), "TMPDIR": str(home), "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PYTHONDONTWRITEBYTECODE": "1", "REPORT": str(room / "report.json"), **more,
    }  # fmt: skip
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command,
        env=environment,
        cwd=room,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        preexec_fn=lambda: ctrl_c_works(ignored),
    )


def ctrl_c_works(ignored: signal.Signals | None) -> None:
    """What a shell runs in the background, such as a test suite, starts with SIGINT ignored, and
    with nohup SIGHUP."""
    for one in (signal.SIGINT, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN if one == ignored else signal.SIG_DFL)


def report(room: Path) -> dict[str, list]:
    return dict(json.loads((room / "report.json").read_text()))


EVENTS = ("--threshold", 0, "--patience", 1, "--debounce", 0)


def test_events_are_lines_of_json_and_nothing_is_opened_or_written(room: Path) -> None:
    process = start(
        room,
        "live",
        "--source",
        200,
        "--model",
        room / "m.onnx",
        "--no_page",
        "--every_frame",
        *EVENTS,
    )
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    assert len(events) > 5
    assert all(event["schema"] == "skedge.event/1" for event in events)
    begun, ended = (
        [event["id"] for event in events if event["phase"] == phase] for phase in ("begun", "ended")
    )
    assert sorted(begun) == sorted(ended), "also what goes on when the recording is over"
    assert events[0]["device"] == socket.gethostname()
    assert err == ""
    found = report(room)
    assert found["happened"] == []
    assert found["sockets"] == []
    assert found["threads"] == ["MainThread"]
    assert list((room / "home").iterdir()) == []
    assert not {"torch", "cv2", "scipy", "lightning", "pandas", "matplotlib"} & set(
        found["modules"]
    )


def test_the_page_binds_to_this_computer_only_and_nothing_is_written(room: Path) -> None:
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")
    process = start(
        room,
        "live",
        "--source",
        100_000,
        "--model",
        room / "m.onnx",
        "--port",
        0,
        "--no_browser",
        RATE="100",
        DISPLAY=":99",
    )
    assert process.stderr is not None
    said = process.stderr.readline()
    assert said.startswith("the page: http://127.0.0.1:")
    url = said.removeprefix("the page: ").strip()
    with urlopen(url, timeout=30) as page, urlopen(f"{url}stream", timeout=30) as stream:
        assert b"skedge" in page.read()
        assert b"image/jpeg" in stream.read(100)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err == ""
    found = report(room)
    assert [one for one in found["happened"] if one[0] != "open"] == [
        ["socket.bind", "(('127.0.0.1', 0),)"]
    ]
    assert [one for one in found["happened"] if one[0] == "open"] == []
    assert found["threads"] == ["MainThread"]
    assert list((room / "home").iterdir()) == []


def test_what_the_page_says_is_in_the_log_of_the_device(room: Path) -> None:
    """Its address broke the JSON lines on stderr, and wrong tokens were noted on the page alone."""
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")
    camera = ("--source", 100_000, "--model", room / "m.onnx", "--no_browser", "--port", 0)
    process = start(room, "live", *camera, "--json-notes", RATE="100", SKEDGE_TOKEN="correct-horse")
    assert process.stderr is not None
    first = json.loads(process.stderr.readline())
    assert {"schema", "device", "time"} <= first.keys()
    said = first["note"]
    assert said.startswith("the page: http://127.0.0.1:")
    assert said.endswith("/?token=...")
    guess = said.removeprefix("the page: ").replace("/?token=...", "/state?token=wrong-horse")
    with pytest.raises(HTTPError, match="401"):
        urlopen(guess, timeout=30)
    note = json.loads(process.stderr.readline())
    assert note["note"] == "page: a wrong token from 127.0.0.1"
    assert {"schema", "device", "time"} <= note.keys()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_one_line_for_each_action(room: Path) -> None:
    model = ("--model", room / "m.onnx", "--no_page", "--every_frame", *EVENTS)
    process = start(room, "live", "--source", 200, *model, "--ended_only", "--device", "the hall")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["phase"] for event in events] == ["ended"] * len(events)
    assert len({event["id"] for event in events}) == len(events) > 3
    assert {event["device"] for event in events} == {"the hall"}


@pytest.mark.parametrize("device", ["大厅", "hall\udcff"])
def test_events_are_utf8_whatever_the_terminal_speaks(room: Path, device: str) -> None:
    """A name of a device or an action in another script, or none at all, ended the live view."""
    model = ("--model", room / "m.onnx", "--no_page", "--every_frame", *EVENTS)
    process = start(
        room, "live", "--source", 60, *model, "--device", device, PYTHONIOENCODING="latin-1"
    )
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert {json.loads(line)["device"] for line in out.splitlines()} == {device}


def endless(room: Path, *more: object, **how: Any) -> subprocess.Popen[str]:
    """A live view without a page, of a thousand seconds."""
    arguments = ("--source", 100_000, "--model", room / "m.onnx", "--no_page", *more, *EVENTS)
    return start(room, "live", *arguments, RATE="100", **how)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_cleanly_when_asked_to(room: Path, how: signal.Signals) -> None:
    process = endless(room, "--record-poses", room / "seen.npz")
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    events = [first, *map(json.loads, out.splitlines())]
    phases = {
        phase: [one["id"] for one in events if one["phase"] == phase]
        for phase in ("begun", "ended")
    }
    assert sorted(phases["begun"]) == sorted(phases["ended"]), "what goes on has ended"
    assert err == ""
    (seen,) = read_poses(room / "seen.npz")
    assert len(seen.person) > 1, "what was seen before the first event, and after it"
    assert not [path for path in room.iterdir() if path.name.startswith(".seen")]
    assert report(room)["threads"] == ["MainThread"]


@pytest.fixture
def stopped_in(
    room: Path, fake_sources: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Has a live view of 60 frames asked to stop, by a signal, just before it calls a method."""

    def run(owner: Any, method: str, how: signal.Signals, *recorded: str) -> None:
        called = getattr(owner, method)

        def interrupted(self: Any) -> None:
            os.kill(os.getpid(), how)
            called(self)

        monkeypatch.setattr(owner, method, interrupted)
        fake_sources.source = Skeletons(lambda seconds: (Person(1, body(seconds)),), 60)
        before = signal.signal(how, signal.SIG_DFL)
        try:
            main(["live", "--model", str(room / "m.onnx"), "--no_page", "--every_frame", *recorded])
        finally:
            signal.signal(how, before)

    return run


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_pose_file_is_written_whoever_asks_to_stop_meanwhile(
    room: Path,
    stopped_in: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    how: signal.Signals,
) -> None:
    """All bodies were lost: the half of a file was removed."""
    stopped_in(PoseFile, "write", how, "--record-poses", str(room / "seen.npz"))
    assert f"note: {room / 'seen.npz'} is being written" in capsys.readouterr().err
    (seen,) = read_poses(room / "seen.npz")
    assert len(seen.person) == 60


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_film_is_finished_however_often_somebody_asks_to_stop(
    room: Path,
    stopped_in: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    how: signal.Signals,
) -> None:
    """A second Ctrl-C broke off the end: an .mp4 was left as .partial, which nothing reads."""
    stopped_in(Live, "close", how, "--record", str(room / "seen.mp4"))
    assert "note: it is ending; wait" in capsys.readouterr().err
    assert [film.name for film in room.glob("seen*")] == ["seen.mp4"]


@pytest.fixture
def hears_ctrl_c() -> Iterator[None]:
    """What a shell starts in the background ignores it, these tests' own process among them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears_ctrl_c")
def test_a_wish_to_stop_that_comes_twice_at_once_is_one() -> None:
    """A terminal and the program that started skedge both passed Ctrl-C on, and the second broke
    off the end before anything was stored."""
    with as_ctrl_c():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.usefixtures("hears_ctrl_c")
def test_a_wish_to_stop_that_was_lost_may_be_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with as_ctrl_c():
        for seconds in (100.0, 101.5):
            monkeypatch.setattr("time.monotonic", lambda seconds=seconds: seconds)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)


def test_nohup_outlives_its_terminal(room: Path) -> None:
    process = endless(room, ignored=signal.SIGHUP)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())
    process.send_signal(signal.SIGHUP)
    for _ in range(5):
        assert json.loads(process.stdout.readline()), "events go on"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_terminal_that_closes_leaves_the_bodies_that_were_seen(room: Path) -> None:
    """It hangs up twice, as the kernel and a shell do, and takes no more words."""
    terminal, there = os.openpty()
    process = endless(room, "--record-poses", room / "seen.npz", stderr=there)
    os.close(there)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())
    os.close(terminal)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.05)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    (seen,) = read_poses(room / "seen.npz")
    assert len(seen.person) > 1


def test_who_reads_the_events_may_leave(room: Path) -> None:
    process = endless(room)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_a_service_may_have_no_standard_streams(room: Path, closed: tuple[int, ...]) -> None:
    """It ended in a traceback, and a file that was opened had what should go to stderr."""
    (room / "heard.py").write_text(
        "def on_event(event):\n    with open('heard', 'a') as file:\n        file.write('x')\n"
    )
    arguments = ["--model", str(room / "m.onnx"), "--no_page", "--every_frame", *map(str, EVENTS)]
    code = f"import os\nfor one in {closed}: os.close(one)\n{CHILD}"
    process = start(
        room, "live", "--source", 200, *arguments, "--hook", "heard:on_event", code=code
    )
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert err == ""
    heard = len((room / "heard").read_text())
    assert heard > 5
    assert len(out.splitlines()) == (heard if closed == (2,) else 0)


def test_a_hook_gets_events_and_may_break(room: Path, fake_sources: SimpleNamespace, capsys: pytest.CaptureFixture[str],
                                          monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "path", sys.path.copy())
    (room / "lamp.py").write_text(
        "seen = []\ndef on_event(event):\n    seen.append(event)\n    if len(seen) == 2: raise"
        " OSError('the lamp is out')\n"
    )
    fake_sources.source = Skeletons(lambda seconds: (Person(1, body(seconds)),), 200)
    main(["live", "--source", "film.npz", "--model", str(room / "m.onnx"), "--no_page", "--every_frame",
          "--hook", f"{room / 'lamp.py'}:on_event", *map(str, EVENTS)])  # fmt: skip
    shown = capsys.readouterr()
    assert fake_sources.asked == ["film.npz"]
    assert sys.modules["lamp"].seen == [json.loads(line) for line in shown.out.splitlines()]
    assert "note: hook: OSError: the lamp is out" in shown.err
    assert fake_sources.source.closed


def test_what_a_hook_and_its_programs_print_is_not_among_the_events(room: Path) -> None:
    """A program that reads the events as JSON lines ended at the hook's first `print`."""
    (room / "lamp.py").write_text(
        "import os\nprint('imported')\ndef on_event(event):\n    print('light on')\n"
        "    os.system('echo from a program')\n"
    )
    model = ("--model", room / "m.onnx", "--no_page", "--every_frame", *EVENTS)
    process = start(room, "live", "--source", 200, *model, "--hook", "lamp:on_event")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    assert len(events) > 5
    said = err.splitlines()
    assert said.count("imported") == 1
    assert said.count("light on") == said.count("from a program") == len(events)


SLOW = """
import os, time
def on_event(event):
    time.sleep(SECONDS)
    with open("heard", "a") as file:
        file.write("x")
"""


def test_a_slow_hook_gets_all_events_of_a_film(room: Path) -> None:
    """Those that waited for it when the film was over were lost, and nothing said so."""
    # Longer than an end waits for threads otherwise.
    (room / "slow.py").write_text(SLOW.replace("SECONDS", "0 if os.path.exists('heard') else 10"))
    model = ("--model", room / "m.onnx", "--no_page", "--every_frame", *EVENTS)
    process = start(room, "live", "--source", 200, *model, "--hook", "slow:on_event")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert len((room / "heard").read_text()) == len(out.splitlines()) > 5


def test_events_that_a_hook_has_not_taken_are_counted_at_ctrl_c(room: Path) -> None:
    (room / "slow.py").write_text(SLOW.replace("SECONDS", "30"))
    process = endless(room, "--hook", "slow:on_event")
    assert process.stdout is not None
    for _ in range(4):
        assert json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert re.search(r"note: hook: \d+ events were not taken before the end", err)


@pytest.mark.parametrize("where", ["", "def on_event(event): "])
def test_a_hook_that_exits_is_told_of(room: Path, where: str) -> None:
    """At its import skedge ended with 0 and without a word, at an event with `SystemExit: 3`."""
    (room / "exits.py").write_text(f"import sys\n{where}sys.exit(3)\n")
    model = ("--model", room / "m.onnx", "--no_page", "--every_frame", *EVENTS)
    process = start(room, "live", "--source", 200, *model, "--hook", "exits:on_event")
    out, err = process.communicate(timeout=120)
    assert "SystemExit: 3 (exits.py, line 2)" in err
    assert (process.returncode, len(out.splitlines()) > 5) == ((0, True) if where else (2, False))


def test_who_stops_it_before_it_has_begun_sees_no_error(
    room: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`systemctl stop` while a stream is being opened."""

    def stopped(text: str, fast: bool) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    monkeypatch.setattr("skedge.edge_runtime.sources.open_source", stopped)
    main(["live", "--source", "rtsp://there/", "--model", str(room / "m.onnx"), "--no_page"])
    assert capsys.readouterr().err == ""


def test_an_address_that_may_come_later_is_worth_another_try(
    room: Path, fake_sources: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """A device may be up before its network: the service manager starts it again after code 1."""
    fake_sources.source = Skeletons(lambda seconds: (Person(1, body(seconds)),), 10)
    with pytest.raises(SystemExit) as ended:
        main(["live", "--model", str(room / "m.onnx"), "--host", "203.0.113.7", "--port", "0"])
    assert ended.value.code == 1
    assert "expected an address of this computer" in capsys.readouterr().err
    assert fake_sources.source.closed


class Full(io.StringIO):
    """A file on a disk that is full."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_events_on_a_full_disk_are_lost_and_nothing_else(
    room: Path, fake_sources: SimpleNamespace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "path", sys.path.copy())
    (room / "heard.py").write_text("seen = []\non_event = seen.append\n")
    fake_sources.source = Skeletons(lambda seconds: (Person(1, body(seconds)),), 200)
    arguments = ["--no_page", "--every_frame", "--hook", f"{room / 'heard.py'}:on_event"]
    monkeypatch.setattr(sys, "stdout", Full())
    main(["live", "--model", str(room / "m.onnx"), *arguments, *map(str, EVENTS)])
    said = capsys.readouterr().err
    assert said.count("note: stdout: No space left on device: events are lost there") == 1
    assert len(sys.modules["heard"].seen) > 2


def test_a_film_is_stored_only_where_that_is_asked_for(
    room: Path, fake_sources: SimpleNamespace
) -> None:
    cv2 = pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")
    for arguments in ([], ["--record", str(room / "film.avi")]):
        fake_sources.source = Skeletons(lambda seconds: (Person(1, body(seconds)),), 60)
        before = set(room.iterdir())
        main(["live", "--model", str(room / "m.onnx"), "--no_page", "--every_frame", *arguments])
        assert {path.name for path in set(room.iterdir()) - before} == {
            Path(argument).name for argument in arguments[1:]
        }
    before = set(room.iterdir())
    for name in ("later.avi", "later"):
        fake_sources.source = Skeletons(lambda seconds: (Person(1, body(seconds)),), 60)
        main(["live", "--model", str(room / "m.onnx"), "--port", "0", "--every_frame",
              "--record", str(room / name), "--record-later"])  # fmt: skip
        assert set(room.iterdir()) == before, "nobody has pressed Record"
    capture = cv2.VideoCapture(str(room / "film.avi"))
    read, picture = capture.read()
    assert read
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10


def test_a_model_that_is_replaced_is_used_and_clips_of_ones_own_are_kept(
    room: Path, fake_sources: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `watch` and `Lessons` do, in the command that a person starts."""
    monkeypatch.setattr("skedge.edge_runtime.live.model_watch.SECONDS", 0.05)
    monkeypatch.setattr("skedge.edge_runtime.live.model_watch.SETTLED", 0.02)
    monkeypatch.setattr("skedge.edge_runtime.live.lessons.COUNTDOWN", 0.1)
    begun: list[Live] = []
    start = Live.start
    monkeypatch.setattr(Live, "start", lambda live: begun.append(live) or start(live))

    class Endless(Skeletons):
        def __iter__(self) -> Iterator[Frame]:
            (live,) = begun
            assert live.control is not None
            notes: list[dict[str, Any]] = []
            actions: list[dict[str, Any]] = []
            live.tell("note", notes.append)
            live.tell("action", actions.append)
            os.replace(quick_model(room / "new.onnx", labels=("ring", "bow")), room / "m.onnx")
            live.control.change({"lesson": {"record": "bell", "clips": 1}})
            deadline = time.monotonic() + 60
            for number in count():
                assert time.monotonic() < deadline, "no new model or no clip"
                time.sleep(0.002)
                yield Frame(None, number / 30, self.people(number / 30))
                kept = live.control.document()["lessons"]["clips"] == {"bell": 1}
                used = {"ring", "bow"} & {one["event"] for one in actions}
                if kept and used and "is used now: 2 classes" in str(notes):
                    return

    fake_sources.source = Endless(lambda seconds: (Person(1, body(seconds)),), 0)
    main(["live", "--model", str(room / "m.onnx"), "--no_page", "--every_frame"])


def test_an_error_of_the_camera_is_one_line(
    room: Path, fake_sources: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_sources.source = Skeletons(lambda seconds: 1 / 0, 60)
    with pytest.raises(SystemExit) as ended:
        main(["live", "--model", str(room / "m.onnx"), "--no_page"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == "skedge: camera: ZeroDivisionError: division by zero\n"


def test_a_system_without_room_for_a_thread_is_one_line(
    room: Path,
    fake_sources: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It was a traceback that threads can only be joined once they have begun."""
    start = threading.Thread.start

    def refused(thread: threading.Thread) -> None:
        if thread.name == "pose":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refused)
    fake_sources.source = Skeletons(lambda seconds: (Person(1, body(seconds)),), 60)
    with pytest.raises(SystemExit) as ended:
        main(["live", "--model", str(room / "m.onnx"), "--no_page", "--every_frame"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == "skedge: pose: can't start new thread\n"
    assert fake_sources.source.closed


def test_a_camera_that_does_not_close_is_one_line(
    room: Path,
    fake_sources: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("skedge.edge_runtime.live.pipeline.CLOSING", 0.1)
    closes = threading.Event()
    fake_sources.source = Skeletons(lambda seconds: (Person(1, body(seconds)),), 60)
    fake_sources.source.close = closes.wait
    with pytest.raises(SystemExit) as ended:
        main(["live", "--model", str(room / "m.onnx"), "--no_page", "--every_frame"])
    closes.set()
    assert ended.value.code == 1
    said = "skedge: 0: it does not close within 0.1 s; if nothing can open it again, unplug it\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("breaks", ["pose", "page"])
def test_a_camera_that_does_not_close_hides_no_error_before_the_view_begins(
    room: Path,
    fake_sources: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    breaks: str,
) -> None:
    """It was waited for without a limit, and nothing was said."""

    def refuse(*_: object, **__: object) -> None:
        raise InputError(f"{breaks}: expected another one")

    monkeypatch.setattr("skedge.edge_runtime.live.pipeline.CLOSING", 0.1)
    where = {"pose": "_blazepose", "page": "Page"}[breaks]
    monkeypatch.setattr(f"skedge.edge_runtime.live.run.{where}", refuse)
    closes, ended_late = threading.Event(), threading.Event()
    fake_sources.source = Pictures() if breaks == "pose" else Skeletons(lambda seconds: (), 60)
    fake_sources.source.close = lambda: closes.wait(20) or ended_late.set()
    with pytest.raises(SystemExit) as ended:
        main(["live", "--model", str(room / "m.onnx"), *(["--no_page"] * (breaks == "pose"))])
    closes.set()
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"skedge: {breaks}: expected another one\n"
    assert not ended_late.is_set()


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("breaks", ["camera", "page"])
def test_a_view_that_cannot_begin_leaves_no_folder_of_films(
    room: Path,
    fake_sources: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    breaks: str,
    there: bool,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise InputError("expected another port")

    if breaks == "page":
        fake_sources.source = Skeletons(lambda seconds: (), 60)
        monkeypatch.setattr("skedge.edge_runtime.live.run.Page", refuse)
    films = room / "films" / "of today"
    if there:
        films.mkdir(parents=True)
    with pytest.raises(SystemExit) as ended:
        main(["live", "--model", str(room / "m.onnx"), "--record", str(films)])
    assert ended.value.code == 2
    assert films.exists() == there
    assert (room / "films").exists() == there
    assert not there or not list(films.iterdir())


def test_a_camera_that_is_not_there_is_one_line(room: Path, fake_sources: SimpleNamespace,
                                                capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        main(["live", "--source", "9", "--model", str(room / "m.onnx"), "--no_page"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "skedge: 9: expected a camera, got none\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--port", "70000"], "--port"), (["--host", "0.0.0.0", "--token", "short"], "--token"), (["--hook", "x"], "--hook"),
     (["--record", "film.gif"], "--record"), (["--record-poses", "seen.txt"], "--record-poses"),
     (["--patience", "0"], "patience"), (["--taught", "none.json"], "none.json"),
     (["--host", "no address", "--port", "0"], "--host"), (["--host", "", "--port", "0"], "--host"),
     (["--host", "küche..local", "--port", "0"], "--host"),
     (["--people", "-3"], "--people"), (["--people", "0"], "--people"), (["--people", "9"], "--people"),
     (["--record", "film.avi", "--segment", "0"], "--segment"),
     (["--record", "film.avi", "--record-limit", "0"], "--record-limit")],
)  # fmt: skip
def test_wrong_settings_are_one_line_and_leave_the_camera_alone(
    room: Path,
    fake_sources: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    if words in ("--record", "--segment", "--record-limit", "--host"):
        pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")
    fake_sources.source = Skeletons(lambda seconds: (), 10)
    with pytest.raises(SystemExit) as ended:
        main(["live", "--model", str(room / "m.onnx"), *arguments])
    shown = capsys.readouterr().err
    assert ended.value.code == 2
    assert len(shown.splitlines()) == 1
    assert words in shown
    assert fake_sources.asked == [] or fake_sources.source.closed


def test_pictures_go_through_the_pose_estimator(
    room: Path, fake_sources: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pose = Pose()
    asked: list[int] = []
    monkeypatch.setattr(
        "skedge.edge_runtime.live.run._blazepose", lambda people, *_: asked.append(people) or pose
    )
    for arguments in ([], ["--people", "3"]):
        fake_sources.source = Pictures(10, rate=None)
        main(["live", "--model", str(room / "m.onnx"), "--no_page", "--every_frame", *arguments])
    assert pose.calls == 20
    assert asked == [1, 3]
    assert fake_sources.source.closed.is_set()


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        ({}, (1, 2, "suits 2")),
        ({"people": 3, "estimator": "full"}, (3, 2, "full")),
        ({"threads": 4}, (1, 4, "suits 4")),
        ({"threads": 0}, (1, 0, "suits 1")),
    ],
)
def test_blazepose_gets_the_cores_and_the_network_that_suit_or_were_asked_for(
    fake_sources: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    asked: dict[str, Any],
    made: tuple[int, int, str],
) -> None:
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")
    room = "skedge.edge_runtime.pose"
    found: list[tuple[int, int, str]] = []
    monkeypatch.setattr(f"{room}.choice.free_threads", lambda: 2)
    monkeypatch.setattr(f"{room}.choice.suitable_network", lambda threads: f"suits {threads}")
    monkeypatch.setattr(
        f"{room}.blazepose.BlazePose", lambda *one: found.append(one) or SimpleNamespace(layout=NTU)
    )
    fake_sources.source = Pictures()
    camera = open_camera("0", **asked)
    assert found == [made]
    assert (camera.name, camera.layout, camera.notes) == ("0", NTU, ())
    assert camera.pose is not None


def test_a_model_of_more_people_than_are_looked_for_runs_all_the_same(
    room: Path, fake_sources: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was refused for a `--people 9` that nobody had typed."""
    asked: list[int] = []
    monkeypatch.setattr(
        "skedge.edge_runtime.live.run._blazepose", lambda people, *_: asked.append(people) or Pose()
    )
    fake_sources.source = Pictures(1, rate=None)
    model = quick_model(room / "crowd.onnx", persons=9)
    main(["live", "--model", str(model), "--no_page", "--every_frame"])
    assert asked == [MOST_PEOPLE]


@pytest.mark.parametrize(("arguments", "people"), [([], 9), (["--people", "20"], 20)])
def test_an_estimator_of_ones_own_may_find_as_many_people_as_it_likes(
    room: Path, fake_sources: SimpleNamespace, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], people: int,
) -> None:  # fmt: skip
    asked: list[int] = []
    monkeypatch.setattr(
        "skedge.edge_runtime.live.run.load_hook",
        lambda *_, **__: lambda people: asked.append(people) or Pose(),
    )
    fake_sources.source = Pictures(1, rate=None)
    model = quick_model(room / "crowd.onnx", persons=9)
    main(["live", "--model", str(model), "--no_page", "--every_frame", "--pose", "mine:Mine",
          *arguments])  # fmt: skip
    assert asked == [people]


def test_a_token_is_made_said_and_asked_for(room: Path, fake_sources: SimpleNamespace, capsys: pytest.CaptureFixture[str],
                                            monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")
    monkeypatch.setenv("SKEDGE_TOKEN", "from-the-environment")
    fake_sources.source = Skeletons(lambda seconds: (), 10, rate=30)
    main(
        [
            "live",
            "--model",
            str(room / "m.onnx"),
            "--host",
            "0.0.0.0",
            "--port",
            "0",
            "--no_browser",
        ]
    )
    said = capsys.readouterr().err
    assert "/?token=...\n" in said
    assert "from-the-environment" not in said
    assert "0.0.0.0" not in said
    monkeypatch.delenv("SKEDGE_TOKEN")
    tokens = set()
    for _ in range(2):
        fake_sources.source = Skeletons(lambda seconds: (), 2)
        main(
            [
                "live",
                "--model",
                str(room / "m.onnx"),
                "--host",
                "0.0.0.0",
                "--port",
                "0",
                "--no_browser",
            ]
        )
        tokens.add(capsys.readouterr().err.splitlines()[0].partition("?token=")[2])
    assert len(tokens) == 2
    assert all(len(token) >= 16 for token in tokens)


@pytest.mark.parametrize(
    ("command", "more"), [(["live"], {"threshold": 0.3}), (["record", "ring", "--out", "mine"], {})]
)
def test_the_page_changes_the_picture_and_in_a_live_view_the_threshold(
    room: Path,
    fake_sources: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    more: dict[str, float],
) -> None:
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")
    pages: list[Feeds] = []
    states: list[dict[str, Any]] = []

    class Kept(Page):
        def __init__(self, feeds: Feeds, *where: Any, **how: Any) -> None:
            super().__init__(feeds, *where, **how)
            pages.append(feeds)

    def people(seconds: float) -> tuple[Person, ...]:
        if seconds == 1:
            pages[0].change({"mirrored": True})
            if more:
                pages[0].change(more)
        return (Person(1, body(seconds)),)

    def state(live: Live) -> dict[str, Any]:
        states.append(seen(live))
        return states[-1]

    seen = Live.state
    monkeypatch.setattr(Live, "state", state)
    monkeypatch.setattr("skedge.edge_runtime.live.run.Page", Kept)
    monkeypatch.chdir(room)
    fake_sources.source = Skeletons(people, 200)
    every = ["--model", str(room / "m.onnx"), "--port", "0", "--no-browser", "--every-frame"]
    main([*command, *every, *(["--clips", "1"] if len(command) > 1 else [])])
    assert states[-1]["view"]["mirrored"]
    assert not more or states[-1]["control"]["threshold"] == 0.3


def test_the_page_of_the_command_reaches_all_of_it(
    room: Path, fake_sources: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Health, metrics, the number of people and the recording, which the command puts together."""
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")
    pytest.importorskip("prometheus_client", reason="needs the extra home")
    pages: list[Feeds] = []
    pose = Pose()

    class Kept(Page):
        def __init__(self, feeds: Feeds, *where: Any, **how: Any) -> None:
            super().__init__(feeds, *where, **how)
            pages.append(feeds)

    class Used(Pictures):
        def __iter__(self) -> Iterator[Frame]:
            (feeds,) = pages
            assert feeds.metrics is not None
            assert feeds.change is not None
            assert feeds.followed is not None
            assert not feeds.followed.is_set()
            frames = super().__iter__()
            yield next(frames)
            known = f'model="m.onnx",version="{__version__}"'.encode()
            assert known in feeds.metrics()
            assert feeds.problems() == []
            wait_until(lambda: b'"rotation": 90' in (feeds.states.newest or b""))
            feeds.change({"people": 3})
            assert pose.people == 3
            assert not (room / "film.avi").exists()
            feeds.change({"recording": True})
            self.status = "no picture, trying again"
            wait_until(lambda: feeds.problems() == [self.status])
            yield from frames

    monkeypatch.setattr("skedge.edge_runtime.live.run._blazepose", lambda *_: pose)
    monkeypatch.setattr("skedge.edge_runtime.live.run.Page", Kept)
    fake_sources.source = Used(20, rate=None)
    film = ["--record", str(room / "film.avi"), "--record-later", "--rotate", "90"]
    every = ["--every_frame", "--port", "0", "--no_browser"]
    main(["live", "--model", str(room / "m.onnx"), *every, *film])
    assert (room / "film.avi").exists()
    assert pages[0].followed is not None
    assert pages[0].followed.is_set(), "else the page's viewers miss the last events"


def test_the_command_says_what_it_assumed_and_that_it_is_ready(
    room: Path,
    fake_sources: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A service manager that hears nothing ends the service."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(60)
        manager.bind(str(room / "manager"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(room / "manager"))

        def people(seconds: float) -> tuple[Person, ...]:
            if seconds == 0:
                assert manager.recv(1000).startswith(b"READY=1\n")
            return (Person(1, body(seconds)),)

        fake_sources.source = Skeletons(people, 20)
        fake_sources.source.notes = ("taken as 30 a second",)
        every = ["--no_page", "--every_frame", "--rotate", "90"]  # there is no picture to turn
        main(["live", "--model", str(room / "m.onnx"), *every])
    assert "note: taken as 30 a second" in capsys.readouterr().err.splitlines()


def test_the_browser_is_opened_where_there_is_a_display(room: Path, fake_sources: SimpleNamespace,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> list[str]:
        opened.clear()
        fake_sources.source = Skeletons(lambda seconds: (), 5)
        main(["live", "--model", str(room / "m.onnx"), "--port", "0", *arguments])
        return opened

    assert run() == []
    monkeypatch.setenv("DISPLAY", ":0")
    assert len(run()) == 1
    assert opened[0].startswith("http://127.0.0.1:")
    assert run("--no_browser") == []
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
    assert run() == []


def test_the_terminal_shows_what_the_page_shows(room: Path) -> None:
    from rich.console import Console

    from skedge.edge_runtime.live import Live
    from skedge.edge_runtime.live.actions import Actions
    from skedge.edge_runtime.live.terminal import Terminal, _people
    from skedge.edge_runtime.recognizer import Recognizer

    recognizer = Recognizer.load(room / "m.onnx", threshold=0.0, patience=1, debounce=0.0)
    live = Live(
        Pictures(60, rate=None),
        Pose(2),
        Pose.layout,
        Actions(recognizer),
        name="camera 0",
        every_frame=True,
    )
    live.start()
    assert live.crew.stopping.wait(60)
    live.close()
    live.note("the lamp is out")
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(Terminal(live, console, "http://127.0.0.1:8080/").render())
    console.print(
        _people(
            [
                {
                    "id": 7,
                    "whole": True,
                    "upper": True,
                    "top": [{"label": "wave [/left]", "probability": 1.0}],
                    "problem": "",
                    "doing": [{"event": "wave", "length": 2.0, "repetitions": 3}],
                }
            ]
        )
    )
    shown = console.export_text()
    assert "wave [/left]" in shown
    assert "person 7 (upper body)" in shown
    assert "wave goes on:  2.0 s  3 times" in shown
    for words in (
        "camera 0",
        "http://127.0.0.1:8080/",
        "person 1",
        "person 2",
        "the lamp is out",
        "p50/p95",
        "memory",
        "%",
    ):
        assert words in shown
    assert sum(event in shown for event in recognizer.labels) >= 5


def test_the_terminal_keeps_the_end_of_what_went_on_at_the_end(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stayed on the screen said that the action goes on, and lacked the notes of the end."""
    from rich.console import Console

    from skedge.edge_runtime.live.actions import Actions
    from skedge.edge_runtime.live.terminal import Terminal
    from skedge.edge_runtime.recognizer import Recognizer

    actions = Actions(Recognizer.load(room / "m.onnx"))
    live = Live(Pictures(1), Pose(), Pose.layout, actions, name="camera 0")
    event = {"id": 1, "event": "wave", "person": 1, "length": None, "repetitions": 1,
             "phase": "begun", "confidence": 0.9}  # fmt: skip
    live.log.add("action", event)
    console = Console(width=100, file=io.StringIO(), force_terminal=True)
    live.crew.stop()
    asked: list[float] = []

    def wait(seconds: float) -> None:
        asked.append(seconds)
        live.log.add("action", event | {"length": 1.0, "phase": "ended"})
        live.note("a single picture")

    monkeypatch.setattr(live.followed, "wait", wait)
    Terminal(live, console).run()
    assert asked == [5.0], "a busy Pi counts what went on for more than one"
    last = console.file.getvalue().rpartition("camera 0")[2]
    assert "has ended" in last
    assert "1.0 s" in last
    assert "a single picture" in last
    assert "1 times" not in last


def test_the_terminal_shows_nobody_and_a_crowd() -> None:
    from rich.console import Console

    from skedge.edge_runtime.live.terminal import _people

    def shown(count: int) -> str:
        console = Console(width=100, record=True, file=io.StringIO())
        person = {"whole": False, "upper": False, "top": [], "problem": "", "doing": []}
        console.print(_people([person | {"id": number} for number in range(1, count + 1)]))
        return console.export_text()

    assert shown(0).strip() == "nobody in view"
    assert [line.split() for line in shown(4).splitlines()] == [
        ["person", str(number), "no", "whole", "body", "in", "view"] for number in range(1, 5)
    ]
    assert "person 5" not in shown(6)
    assert shown(6).splitlines()[-1].strip() == "and 2 more"


def test_the_terminals_log_says_who_and_replaces_a_beginning_by_its_end() -> None:
    from skedge.edge_runtime.live.terminal import _log

    def event(id: int, label: str, person: int | None, length: float | None) -> tuple:
        document = {"id": id, "event": label, "person": person, "length": length, "repetitions": 2,
                    "phase": "begun" if length is None else "ended", "confidence": 0.9,
                    "time": "2026-11-30T12:00:00.000+00:00"}  # fmt: skip
        return id, "action", document

    events = [event(1, "wave", 7, None), event(2, "hug", None, None), event(1, "wave", 7, 3.0)]
    lines = [line.partition("  ")[2] for line in _log(events).plain.splitlines()]
    assert lines == ["hug  0.90  2 times", "wave  0.90  3.0 s  2 times  person 7"]


def test_a_frozen_driver_does_not_keep_the_program_alive(room: Path) -> None:
    from skedge.edge_runtime.live import Live
    from skedge.edge_runtime.live.actions import Actions
    from skedge.edge_runtime.recognizer import Recognizer

    class Frozen(Pictures):
        def __iter__(self):
            yield from Pictures(3, rate=None)
            self.closed.wait(60)

    source = Frozen()
    live = Live(source, Pose(), Pose.layout, Actions(Recognizer.load(room / "m.onnx")))
    live.start()
    time.sleep(0.1)
    before = time.monotonic()
    live.close()
    assert time.monotonic() - before < 30
    assert "camera" not in {thread.name for thread in threading.enumerate()}
