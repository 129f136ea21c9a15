"""A recording that goes on: films that survive the program's end, room on the disk, and nobody else
who may look."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.live.actions import Observation
from skedge.edge_runtime.live.mailbox import Newest
from skedge.skeleton import InputError
from tests.edge_runtime.live_fakes import NTU, Pictures, body

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")

import cv2

from skedge.edge_runtime.live import picture, segments
from skedge.edge_runtime.live.film import Film
from skedge.edge_runtime.live.segments import GIGABYTE, Segments, check_bounds
from skedge.edge_runtime.live.view import View

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("SKEDGE_KILLS", "3"))
CHILD = """
import sys, time
from pathlib import Path
from skedge.edge_runtime.live.segments import Segments
from tests.edge_runtime.live_fakes import Pictures
there = Segments(Path(sys.argv[1]), seconds=1)
print("recording", flush=True)
pictures, number = Pictures(), 0
while True:
    there.add(pictures.picture(number), number / 20)
    number += 1
"""


def frames(film: Path) -> int:
    capture = cv2.VideoCapture(str(film))
    count = 0
    while capture.read()[0]:
        count += 1
    capture.release()
    return count


def films(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.name != ".lock")


def record(there: Segments, seconds: float, begin: float = 0.0) -> None:
    for number in range(int(seconds * 20)):
        there.add(Pictures().picture(number), begin + number / 20)


def test_a_film_a_minute(tmp_path: Path) -> None:
    there = Segments(tmp_path / "films", seconds=2)
    record(there, 5.0)
    there.close()
    found = films(tmp_path / "films")
    assert sorted(frames(film) for film in found) == [20, 40, 40]
    assert all(film.stat().st_mode & 0o777 == 0o600 for film in found)
    assert (tmp_path / "films").stat().st_mode & 0o777 == 0o700
    again = Segments(tmp_path / "films", seconds=2)  # as after a restart
    record(again, 1.0)
    again.close()
    assert set(found) < set(films(tmp_path / "films"))


def test_every_film_survives_being_killed(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    random.seed(0)
    finished: set[Path] = set()
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path / "films")], env=environment, stdout=subprocess.PIPE
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"recording\n"
        time.sleep(random.uniform(0, 1.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        there = {film for film in films(tmp_path / "films") if ".partial" not in film.name}
        assert finished <= there
        assert all(frames(film) > 0 for film in there - finished)
        finished = there
    Segments(tmp_path / "films").close()
    after = films(tmp_path / "films")
    assert not [film for film in after if ".partial" in film.name]
    assert all(frames(film) > 0 for film in after)
    assert after


def cut_off(folder: Path) -> Path:
    """The name of a film in `folder` that a power cut left unfinished, as it was to be called."""
    there = Segments(folder, seconds=2)
    record(there, 1.0)
    there.close()
    [film] = films(folder)
    film.rename(film.with_suffix(".partial.mkv"))
    return film


def test_what_an_earlier_run_left_is_kept_in_a_folder_of_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg could read nothing of one with a colon, so the films were removed."""
    monkeypatch.chdir(tmp_path)
    folder = Path("12:30")
    cut_off(folder)
    Segments(folder).close()
    [kept] = films(folder)
    assert ".partial" not in kept.name
    assert frames(kept.absolute()) == 20


def test_a_film_that_a_power_cut_left_keeps_the_name_of_its_time(tmp_path: Path) -> None:
    """It was called -2, as if it were the second film of that second."""
    folder = tmp_path / "films"
    film = cut_off(folder)
    Segments(folder).close()
    assert films(folder) == [film]
    film.with_suffix(".partial.mkv").write_bytes(film.read_bytes())
    Segments(folder).close()
    assert films(folder) == [film.with_stem(f"{film.stem}-2"), film]


def test_what_holds_no_picture_is_removed_and_the_rest_kept(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "2025-11-29T14-03-11Z.partial.mkv").write_bytes(b"")
    (folder / "2025-11-29T14-03-11Z-2.partial.mkv").write_bytes(b"nonsense" * 1000)
    Segments(folder).close()
    assert films(folder) == []


def test_the_oldest_films_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "notes.txt").write_text("somebody's own")
    old = ["2025-11-29T14-03-11Z", *(f"2025-11-29T14-03-11Z-{number}" for number in range(2, 6))]
    old = [f"{name}.mkv" for name in old]
    for number, name in enumerate(old):
        (folder / name).write_bytes(bytes(4_000_000))
        os.utime(folder / name, (number, number))
    there = Segments(folder, limit=12_000_000)
    record(there, 0.5)
    there.close()
    names = [film.name for film in films(folder)]
    assert [*names[:3], *names[4:]] == [*old[2:], "notes.txt"]
    free = iter([0, 0, 10**12])
    monkeypatch.setattr(
        segments.shutil, "disk_usage", lambda path: type("Usage", (), {"free": next(free, 10**12)})
    )
    there = Segments(folder)
    record(there, 0.5)
    there.close()
    assert old[3] not in [film.name for film in films(folder)]
    assert old[4] in [film.name for film in films(folder)]


@pytest.mark.parametrize("missing", [0, 1])
def test_room_is_made_where_less_than_200_mb_are_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    there = Segments(tmp_path / "films")
    record(there, 0.5)
    there.close()
    disk = Usage()
    disk.free = 200 * 2**20 - missing
    monkeypatch.setattr("shutil.disk_usage", disk)
    there = Segments(tmp_path / "films")
    record(there, 0.5)
    there.close()
    assert len(films(tmp_path / "films")) == 2 - missing


def test_a_film_that_somebody_removes_meanwhile_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    gone = [folder / f"2025-11-29T14-03-11Z-{number}.mkv" for number in (2, 3)]
    gone[1].write_bytes(bytes(11_000_000))
    monkeypatch.setattr(Segments, "_named", lambda self, suffix: gone if suffix == ".mkv" else [])
    disk = Usage()

    def full_once(_: Path) -> Usage:
        """Full until somebody has removed the other, too."""
        disk.free = 0 if gone[1].exists() else 10**12
        gone[1].unlink(missing_ok=True)
        return disk

    monkeypatch.setattr("shutil.disk_usage", full_once)
    there = Segments(folder)
    record(there, 0.5)
    there.close()
    assert there.problem == ""
    assert [frames(film) for film in films(folder)] == [10]


def test_a_pause_finishes_the_film(tmp_path: Path) -> None:
    """It can be watched at once, and has no gap."""
    there = Segments(tmp_path / "films")
    record(there, 0.5)
    there.pause()
    (first,) = films(tmp_path / "films")
    assert frames(first) == 10
    record(there, 0.5, begin=3.0)
    there.close()
    assert [frames(film) for film in films(tmp_path / "films")] == [10, 10]


def test_the_least_and_the_most_that_films_may_be() -> None:
    for seconds, limit in ((1, GIGABYTE / 100), (86400, GIGABYTE)):
        check_bounds(seconds, limit)
    for seconds, limit in ((0.9, GIGABYTE), (86401, GIGABYTE), (60, 0.995 * GIGABYTE / 100)):
        with pytest.raises(InputError, match=r"--segment|--record-limit"):
            check_bounds(seconds, limit)


def test_films_of_ones_own_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    """They were deleted to make room, and the folder was closed to everybody else."""
    folder = tmp_path / "videos"
    folder.mkdir()
    folder.chmod(0o755)
    own = ["2025-01-01.mkv", "half.partial.mkv", "wedding.mkv"]
    for name in own:
        (folder / name).write_bytes(bytes(8_000_000))
        os.utime(folder / name, (0, 0))
    there = Segments(folder, limit=12_000_000)
    record(there, 0.5)
    there.close()
    assert {film.name for film in films(folder)} > set(own)
    assert folder.stat().st_mode & 0o777 == 0o755


class Usage:
    """A disk that others fill and empty."""

    free = 10**12
    asked = 0

    def __call__(self, path: Path) -> "Usage":
        self.asked += 1
        return self


def test_a_disk_that_others_have_filled_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Usage()
    monkeypatch.setattr("shutil.disk_usage", disk)
    there = Segments(tmp_path / "films", seconds=2)
    record(there, 1.0)
    disk.free = 1000
    before = disk.asked
    record(there, 8.0, begin=1.0)
    assert disk.asked - before < 40, "it is asked when a film is due, not at every picture"
    assert there.problem.startswith("less than 100 MB are left for ")
    named = "with the next film's name each try was another note, one a minute for ever"
    assert there.problem.endswith(f" for {tmp_path / 'films'}"), named
    assert films(tmp_path / "films") == [], "the oldest made room, and none is without pictures"
    disk.free = 10**12
    record(there, 3.0, begin=9.0)
    assert there.problem == ""
    there.close()
    found = films(tmp_path / "films")
    assert len(found) >= 1
    assert all(frames(film) > 0 for film in found)


def test_a_disk_that_takes_no_more_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old memory card turns read-only: events go on, and the status says so."""
    there = Segments(tmp_path / "films", seconds=1)
    record(there, 0.5)
    monkeypatch.setattr("skedge.edge_runtime.live.film.takes_files", lambda folder: False)
    studio = picture.Studio(None, there)
    for number in range(60):
        seen = Observation(Frame(Pictures().picture(number), 0.5 + number / 20), (), NTU, 0.0)
        studio.paint(seen, ())
    assert "no folder that can be written to" in studio.problem
    studio.recording = False
    assert studio.problem == ""
    studio.close()


def test_a_disk_that_fails_leaves_what_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The film stayed .partial, which no later one makes room for, until skedge was started again,
    and the status had the system's number and no folder."""
    folder = tmp_path / "films"
    there = Segments(folder, seconds=60)
    record(there, 5.0)

    def broken(path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("shutil.disk_usage", broken)
    there.add(Pictures().picture(0), 5.0)
    (film,) = films(folder)
    assert there.problem == f"{film}: Input/output error"
    assert ".partial" not in film.name
    assert frames(film) == 100
    there.close()


def test_a_film_that_was_killed_is_kept_when_the_next_begins(tmp_path: Path) -> None:
    notes: list[str] = []
    killed = Film(tmp_path / "film.mkv")
    for number in range(200):
        killed.add(Pictures().picture(number), number / 20)
    killed._writer.release()
    killed._writer = None  # as kill -9 leaves it: never called by its name
    killed._held.close()
    again = Film(tmp_path / "film.mkv", notes.append)
    again.add(Pictures().picture(0), 0.0)
    again.close()
    assert frames(tmp_path / "film.mkv") == 1
    assert frames(tmp_path / "film-2.mkv") == 200
    assert notes == [
        f"{tmp_path}/film-2.mkv is what an earlier run has recorded before it was killed"
    ]


def test_a_film_is_one_programs(tmp_path: Path) -> None:
    """Where two programs recorded to one path, the first lost its film, and the second found no
    file at its end."""
    film = tmp_path / "film.mp4"
    first, at_once = Film(film), Film(film)
    for number in range(40):
        first.add(Pictures().picture(number), number / 20)
    with pytest.raises(InputError, match="another program that runs; name another file"):
        at_once.add(Pictures().picture(0), 0.0)
    with pytest.raises(InputError, match="another program that runs; name another file"):
        Film(film)
    at_once.close()
    first.close()
    assert frames(film) == 40
    assert [one.name for one in tmp_path.iterdir()] == ["film.mp4"]


def test_a_film_whose_disk_fails_at_its_end_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line was `live: Input/output error`."""

    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    film = Film(tmp_path / "film.mkv")
    film.add(Pictures().picture(0), 0.0)
    monkeypatch.setattr("os.fsync", broken)
    with pytest.raises(OSError, match="Input/output error") as failed:
        film.close()
    assert failed.value.filename == str(tmp_path / "film.mkv")
    assert [one.name for one in tmp_path.iterdir()] == ["film.partial.mkv"], "for the next run"


def test_a_film_replaces_nothing_that_came_while_it_was_recorded(tmp_path: Path) -> None:
    """A film that somebody copied to its path meanwhile was lost at its end."""
    path, notes = tmp_path / "film.mkv", list[str]()
    film = Film(path, notes.append)
    film.add(Pictures().picture(0), 0.0)
    path.write_bytes(b"precious")
    film.close()
    assert path.read_bytes() == b"precious"
    assert frames(tmp_path / "film-2.mkv") == 1
    assert notes == [f"the recording is {tmp_path}/film-2.mkv: something else is at {path} by now"]


def test_a_folder_is_one_programs(tmp_path: Path) -> None:
    first = Segments(tmp_path / "films")
    with pytest.raises(InputError, match="another program that runs"):
        Segments(tmp_path / "films")
    first.close()
    Segments(tmp_path / "films").close()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="no folder that can be written to"):
        Segments(tmp_path / "file")
    with pytest.raises(InputError, match="--segment: expected from 1"):
        Segments(tmp_path / "films", seconds=0)
    with pytest.raises(InputError, match=r"--record-limit: expected from 0\.01 GB"):
        Segments(tmp_path / "films", limit=float("nan"))


def test_a_clock_that_was_put_back_keeps_the_newest_films(tmp_path: Path) -> None:
    """A Pi has no clock of its own: where it began in 1970, each film was removed by the next one,
    and last year's stayed."""
    folder = tmp_path / "films"
    folder.mkdir()
    later = time.time() + 1e9
    for number in range(3):
        film = folder / f"2060-01-01T00-00-0{number}Z.mkv"
        film.write_bytes(bytes(4_000_000))
        os.utime(film, (later + number, later + number))
    there = Segments(folder, seconds=1, limit=12_000_000)
    record(there, 3.0)
    there.close()
    names = [film.name for film in films(folder)]
    assert [name for name in names if name.startswith("2060")] == [
        f"2060-01-01T00-00-0{number}Z.mkv" for number in (1, 2)
    ]
    assert len(names) == 5


def test_films_that_made_room_are_forgotten(tmp_path: Path) -> None:
    """In a year there are half a million."""
    there = Segments(tmp_path / "films", seconds=1)
    there._limit = 0
    record(there, 4.0)
    assert len(there._made) == 1
    there.close()
    assert films(tmp_path / "films") == there._made


def test_a_camera_that_begins_anew_begins_a_film(tmp_path: Path) -> None:
    there = Segments(tmp_path / "films")
    record(there, 0.5, begin=100.0)
    record(there, 0.5, begin=0.0)
    there.close()
    assert [frames(film) for film in films(tmp_path / "films")] == [10, 10]


def test_without_pictures_bodies_alone_are_seen(tmp_path: Path) -> None:
    """On the page and in the film: nothing of the room is left, and the body stays in its place."""
    joints = body(0.0)
    pixels = np.stack([320 + 200 * joints[:, 0], 460 - 200 * joints[:, 1]], axis=1)
    room = np.random.default_rng(0).integers(100, 255, (480, 640, 3)).astype(np.uint8)
    person = Person(1, joints, pixels.astype(np.float32))
    seen, there = (Newest[bytes](), Segments(tmp_path / "films"))
    studio = picture.Studio(seen, there, View(private=True))
    seen.watch(1)
    for number in range(5):
        studio.paint(Observation(Frame(room, number / 20), (person,), NTU, 0.0), ())
    jpeg = cv2.imdecode(np.frombuffer(seen.newest or b"", np.uint8), cv2.IMREAD_COLOR)
    studio.close()
    (film,) = films(tmp_path / "films")
    _, stored = cv2.VideoCapture(str(film)).read()
    for shown in (jpeg, stored):
        assert np.abs(shown[:100, :100].astype(int) - picture.EMPTY).max() < 12, "the room is seen"
        x, y = pixels[0].round().astype(int)
        assert shown[y - 3 : y + 4, x - 3 : x + 4].max() > 150, "the body is not where it was"
