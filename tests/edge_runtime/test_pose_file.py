"""`skedge live --record-poses`: what was seen, and nothing else, in a file that other commands
read."""

import errno
import json
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.cli import main
from skedge.datasets.poses import read_poses
from skedge.datasets.store import Store
from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.live.actions import Observation, Outlook
from skedge.edge_runtime.live.pose_file import PoseFile
from skedge.skeleton import InputError
from tests.edge_runtime.live_fakes import NTU, Skeletons, body, quick_model


class Silent:
    """A consumer that has nothing to say."""

    def update(self, observation: Observation) -> Outlook:
        return Outlook(notes=("a note of its own",))

    def finish(self) -> Outlook:
        return Outlook()


def seen_at(seconds: float, *people: Person) -> Observation:
    image = np.full((48, 64, 3), 200, np.uint8)
    return Observation(Frame(image, seconds), people, NTU, 0.0)


def test_the_bodies_are_in_the_file_as_they_were_seen_and_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "seen.npz"
    file = PoseFile(path).before(Silent(), NTU)
    pixels = np.arange(50, dtype=np.float32).reshape(25, 2)
    for number in range(30):
        both = (Person(7, body(number / 30), pixels), Person(2, body(1.0), whole=False))
        file.update(seen_at(1000 + number / 30, *(both if number % 2 else both[:1])))
    file.write()
    (found,) = read_poses(path)
    assert found.layout.joints == NTU.joints
    assert found.duration == pytest.approx(1.0), "times count from the first picture"
    np.testing.assert_allclose(found.joints[found.person == 7][3], body(0.1), atol=1e-6)
    assert (found.person == 2).sum() == 15
    np.testing.assert_array_equal(found.whole, found.person == 7)
    with np.load(path) as arrays:
        assert {name for name, one in arrays.items() if one.dtype == np.uint8} == set()
        np.testing.assert_array_equal(arrays["pixels"][0], pixels)
        assert (int(arrays["width"]), int(arrays["height"])) == (64, 48)


def test_it_says_once_when_no_more_has_room_and_keeps_what_it_has(tmp_path: Path) -> None:
    file = PoseFile(tmp_path / "seen.npz", most=3).before(Silent(), NTU)
    notes = [file.update(seen_at(i / 30, Person(1, body(0.0)))).notes for i in range(6)]
    assert [len(one) for one in notes] == [1, 1, 1, 2, 1, 1]
    file.write()
    (found,) = read_poses(tmp_path / "seen.npz")
    assert len(found.person) == 3


def test_nothing_is_written_over_nor_where_no_picture_came(tmp_path: Path) -> None:
    there = tmp_path / "seen.npz"
    there.write_bytes(b"mine")
    with pytest.raises(InputError, match="exists already"):
        PoseFile(there)
    with pytest.raises(InputError, match="no folder"):
        PoseFile(tmp_path / "none" / "seen.npz")
    assert there.read_bytes() == b"mine"
    PoseFile(tmp_path / "empty.npz").before(Silent(), NTU).write()
    assert not (tmp_path / "empty.npz").exists()


@pytest.mark.parametrize("name", ["seen.npz", "seen"])
def test_a_recording_is_one_programs(tmp_path: Path, name: str) -> None:
    """The second program that recorded to a file wrote over what the first had seen."""
    first = PoseFile(tmp_path / name).before(Silent(), NTU)
    first.update(seen_at(0.0, Person(1, body(0.0))))
    with pytest.raises(InputError, match="another program that runs"):
        PoseFile(tmp_path / name)
    first.write()
    assert not list(tmp_path.rglob("*.lock"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock after which files of a folder are named, in seconds since 1970."""
    at = [0.0]
    now = SimpleNamespace(now=lambda zone: datetime.fromtimestamp(at[0], zone))
    monkeypatch.setattr("skedge.edge_runtime.live.pose_file.datetime", now)

    def turn(seconds: float) -> None:
        at[0] = seconds

    return turn


def follow(
    file: PoseFile, clock: Callable[[float], None], until: int, away: Sequence[range] = ()
) -> list[str]:
    """A picture every ten seconds, of one person but while she is away; what is noted."""
    notes = []
    for second in range(0, until, 10):
        clock(second)
        people = () if any(second in one for one in away) else (Person(1, body(second / 100)),)
        notes += file.update(seen_at(second, *people)).notes
    file.write()
    return [note for note in notes if note != "a note of its own"]


def bodies(folder: Path) -> list[int]:
    return [len(one.person) for one in read_poses(folder)]


def test_a_folder_has_a_file_for_every_stretch_with_somebody_in_view(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    file = PoseFile(tmp_path / "seen").before(Silent(), NTU)
    away = (range(700, 750), range(2000, 3500))
    assert follow(file, clock, 4000, away) == []
    # One ends where she leaves after ten minutes; those while she is away are not there.
    found = list(read_poses(tmp_path / "seen"))
    assert [len(one.person) for one in found] == [70, 125, 50]
    expected = [body(s / 100) for s in range(0, 4000, 10) if not any(s in one for one in away)]
    np.testing.assert_allclose(
        np.concatenate([one.joints for one in found]), np.stack(expected), atol=1e-6
    )
    assert found[1].seconds[0] == 50, "from the first picture, in which nobody was"
    files = sorted((tmp_path / "seen").iterdir())
    assert [one.name for one in files][:2] == [
        "1970-01-01T00-00-00Z.npz",
        "1970-01-01T00-11-40Z.npz",
    ]
    assert {one.stat().st_mode & 0o777 for one in files} == {0o600}
    assert (tmp_path / "seen").stat().st_mode & 0o777 == 0o700


def test_a_file_of_a_folder_ends_after_an_hour_or_when_it_is_full(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    assert follow(PoseFile(tmp_path / "hours").before(Silent(), NTU), clock, 8000) == []
    assert bodies(tmp_path / "hours") == [360, 360, 80]
    small = PoseFile(tmp_path / "small", most=3).before(Silent(), NTU)
    assert follow(small, clock, 80) == [], "nothing is left out"
    assert bodies(tmp_path / "small") == [3, 3, 2]


def test_no_file_of_a_folder_is_written_over(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    """Two that begin at one time: a clock that was set back, or a film that plays fast."""
    for _ in range(3):
        follow(PoseFile(tmp_path / "seen").before(Silent(), NTU), clock, 50)
    assert bodies(tmp_path / "seen") == [5, 5, 5]


def test_a_folder_goes_on_after_a_disk_that_was_full(
    tmp_path: Path, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [50 * 2**20, 200 * 2**20, 200 * 2**20]
    usage = SimpleNamespace(disk_usage=lambda path: SimpleNamespace(free=free.pop(0)))
    monkeypatch.setattr("skedge.edge_runtime.live.pose_file.shutil", usage)
    (note,) = follow(PoseFile(tmp_path / "seen").before(Silent(), NTU), clock, 9000)
    assert note.endswith(".npz: less than 100 MB are left on the disk: 360 bodies are lost")
    assert bodies(tmp_path / "seen") == [360, 180]


def test_a_file_that_is_lost_as_the_live_view_ends_is_said(
    tmp_path: Path, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was noted with the next picture, which never came."""
    ending = threading.Event()

    def full(path: Path) -> SimpleNamespace:
        assert ending.wait(10)
        return SimpleNamespace(free=0)

    monkeypatch.setattr(
        "skedge.edge_runtime.live.pose_file.shutil", SimpleNamespace(disk_usage=full)
    )
    file = PoseFile(tmp_path / "seen", most=2).before(Silent(), NTU)
    for second in range(3):
        file.update(seen_at(second, Person(1, body(0.0))))
    ending.set()
    lost = r"Z\.npz: less than 100 MB are left on the disk: {} lost"
    with pytest.raises(
        InputError, match=f"{lost.format('2 bodies are')}; .*{lost.format('1 body is')}"
    ):
        file.write()


def test_a_folder_that_was_moved_away_is_made_anew(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    """Every later file was lost."""
    file = PoseFile(tmp_path / "seen", most=2).before(Silent(), NTU)
    file.update(seen_at(0, Person(1, body(0.0))))
    (tmp_path / "seen").rename(tmp_path / "mine")
    assert follow(file, clock, 30) == []
    assert bodies(tmp_path / "seen") == [2, 2]
    assert (tmp_path / "seen").stat().st_mode & 0o777 == 0o700


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([1.0, 40.0, 700.0, 4000.0, -90.0])),
        max_size=40,
    ),
    st.integers(2, 9),
)
def test_every_body_is_in_one_file_in_the_order_in_which_it_was_seen(
    pictures: list[tuple[int, float]], most: int
) -> None:
    """Whoever comes and goes, and whatever the clock does."""
    with TemporaryDirectory() as folder:
        file = PoseFile(Path(folder, "seen"), most).before(Silent(), NTU)
        seconds, number = 0.0, 0
        for people, later in pictures:
            seconds += later
            who = [Person(one, body((number + one) / 100)) for one in range(people)]
            number += people
            assert file.update(seen_at(seconds, *who)).notes == ("a note of its own",)
        file.write()
        names = sorted(Path(folder, "seen").iterdir(), key=_order)
        found = [next(iter(read_poses(name))) for name in names]
    assert all(0 < len(one.person) <= most and one.seconds.min() >= 0 for one in found)
    joints = [joints for one in found for joints in one.joints]
    assert len(joints) == number
    if number:
        expected = np.stack([body(one / 100) for one in range(number)])
        np.testing.assert_allclose(np.stack(joints), expected, atol=1e-6)


def _order(path: Path) -> tuple[str, int]:
    """By the time in its name, then by the number of those of one second."""
    time, _, number = path.stem.partition("Z")
    return time, -int(number or -1)


def test_two_programs_do_not_write_over_each_others_files(tmp_path: Path) -> None:
    """Two that ended a file in the same second left one of them."""
    first = PoseFile(tmp_path / "seen").before(Silent(), NTU)
    with pytest.raises(InputError, match="seen is the recording of another program that runs"):
        PoseFile(tmp_path / "seen")
    first.write()
    assert list((tmp_path / "seen").iterdir()) == []
    PoseFile(tmp_path / "seen").before(Silent(), NTU).write()


def test_a_path_that_is_neither_a_file_nor_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.npz, or a folder \(no suffix\), got .*csv"):
        PoseFile(tmp_path / "seen.csv")
    (tmp_path / "seen").write_text("mine")
    with pytest.raises(InputError, match="seen is no folder that can be made: File exists"):
        PoseFile(tmp_path / "seen")


@pytest.mark.parametrize("room", ["a-file", "nowhere"])
def test_a_place_that_takes_no_file_is_refused_before_anybody_is_seen(
    tmp_path: Path, room: str
) -> None:
    """A file in the place of the folder was found out after the recording, whose bodies were
    lost."""
    (tmp_path / "a-file").write_text("mine")
    with pytest.raises(InputError, match=f"{room} is no folder that can be written to"):
        PoseFile(tmp_path / room / "seen.npz")


def test_a_disk_that_is_full_at_the_end_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It read `live: No space left on device`."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("skedge.datasets.poses.PoseWriter.write", full)
    source = Skeletons(lambda seconds: (Person(1, body(seconds)),), 12)
    monkeypatch.setattr("skedge.edge_runtime.sources.open_source", lambda text, fast: source)
    model, path = quick_model(tmp_path / "m.onnx"), tmp_path / "seen.npz"
    with pytest.raises(SystemExit):
        main(
            [
                "live",
                "--model",
                str(model),
                "--no_page",
                "--every_frame",
                "--record-poses",
                str(path),
            ]
        )
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"skedge: {path}: No space left on device: 12 bodies are lost"


def test_other_commands_read_what_the_live_view_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_model(tmp_path / "m.onnx")
    source = Skeletons(lambda seconds: (Person(1, body(seconds)),), 120)
    monkeypatch.setattr("skedge.edge_runtime.sources.open_source", lambda text, fast: source)
    path, store = tmp_path / "stretching" / "seen.npz", tmp_path / "store"
    path.parent.mkdir()
    quiet = ["--model", str(tmp_path / "m.onnx"), "--no_page", "--every_frame"]
    main(["live", *quiet, "--record-poses", str(path)])
    assert path.stat().st_mode & 0o777 == 0o600, "as films, for their owner only"
    main(["data", "import", "poses", str(path.parent), str(store), "--layout", "ntu25"])
    assert Store(store).clip(0).shape == (1, 120, 25, 3)
    main(
        ["evaluate", "everyday", "--model", str(tmp_path / "m.onnx"), "--data", str(path),
         "--out", str(tmp_path / "report")]
    )  # fmt: skip
    document = json.loads((tmp_path / "report" / "everyday.json").read_text())
    assert document["sets"], "four seconds of somebody who does nothing in particular"


def test_a_recording_replaces_nothing_that_came_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What somebody put at the path of a recording while it went on was lost at its end."""
    pytest.importorskip("cv2")
    film, bodies = tmp_path / "seen.mkv", tmp_path / "seen.npz"

    def people(seconds: float) -> tuple[Person, ...]:
        if seconds > 1:
            film.write_bytes(b"precious")
            bodies.write_bytes(b"precious")
        return (Person(1, body(seconds)),)

    model = quick_model(tmp_path / "m.onnx")
    monkeypatch.setattr(
        "skedge.edge_runtime.sources.open_source", lambda text, fast: Skeletons(people, 60)
    )
    main(["live", "--model", str(model), "--no_page", "--every_frame", "--record", str(film),
          "--record-poses", str(bodies)])  # fmt: skip
    assert film.read_bytes() == bodies.read_bytes() == b"precious"
    said = capsys.readouterr().err
    for kind, one in (("recording is", film), ("bodies are in", bodies)):
        beside = one.with_stem("seen-2")
        assert f"note: the {kind} {beside}: something else is at {one} by now\n" in said
        assert beside.stat().st_size > 100


def test_what_broke_leaves_the_bodies_that_were_seen_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def people(seconds: float) -> tuple[Person, ...]:
        if seconds > 1:
            raise OSError("unplugged")
        return (Person(1, body(seconds)),)

    quick_model(tmp_path / "m.onnx")
    source = Skeletons(people, 60)
    monkeypatch.setattr("skedge.edge_runtime.sources.open_source", lambda text, fast: source)
    with pytest.raises(SystemExit):
        main(["live", "--model", str(tmp_path / "m.onnx"), "--no_page", "--every_frame",
              "--record-poses", str(tmp_path / "seen.npz")])  # fmt: skip
    (found,) = read_poses(tmp_path / "seen.npz")
    assert len(found.person) >= 25
