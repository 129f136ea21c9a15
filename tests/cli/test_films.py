"""Films in a folder for each class become a model by one command."""

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skedge import path
from skedge.cli import main
from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.poses import PoseWriter, read_poses
from skedge.datasets.readers import add_format, import_dataset
from skedge.datasets.store import Store
from skedge.datasets.store.rewrite import merge
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.interfaces import Person
from skedge.edge_runtime.sources import films
from skedge.edge_runtime.sources.films import Shot, open_films, read_shot
from skedge.path import store_of_films
from skedge.skeleton import InputError, load_layout
from tests.skeleton.people import NTU, people

cv2 = pytest.importorskip("cv2", reason="films need OpenCV (the extra live)")

# Somebody stands in dark pictures, and raises the right hand in bright ones.
ESTIMATOR = """
import numpy as np
from skedge.edge_runtime.interfaces import Person
from skedge.skeleton.layout import load_layout

class Bright:
    layout = load_layout("ntu25")

    def __init__(self, people):
        self.frames = np.load({frames!r})

    def estimate(self, frame):
        with open({seen!r}, "a") as file:
            file.write("x")
        body = self.frames[int(frame.image.mean() > 128), round(frame.seconds * 30) % 20]
        return (Person(0, body),)
"""


def _film(path: Path, brightness: int, frames: int = 16) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
    for _ in range(frames):
        film.write(np.full((48, 64, 3), brightness, np.uint8))
    film.release()


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    stand = people()[0][0]
    raised = stand.copy()
    for joint, up in (("elbow", 0.25), ("wrist", 0.5), ("hand", 0.55), ("hand_tip", 0.6)):
        raised[:, NTU.index(f"right_{joint}")] = raised[:, NTU.index("right_shoulder")] + (0, up, 0)
    np.save(tmp_path / "frames.npy", np.stack([stand, raised]))
    source = ESTIMATOR.format(frames=str(tmp_path / "frames.npy"), seen=str(tmp_path / "seen"))
    (tmp_path / "bright.py").write_text(source)
    for number in range(3):
        _film(tmp_path / "films" / "stand" / f"{number}.avi", 10 + number)
        _film(tmp_path / "films" / "raise" / f"{number}.avi", 200 + number)
    (tmp_path / "films" / "raise" / "cut.avi").write_bytes(b"no film")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    return tmp_path


SMALL = (
    "--distill.optim.epochs 1 --distill.optim.least_steps 60 --distill.optim.learning_rate 0.02"
    " --student.widths [8,16] --student.strides [1,1] --input.frames 16"
    " --compute.precision 32-true --compute.accelerator cpu"
)


def test_films_end_in_a_model_and_the_command_that_tries_it(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(f"run --films films --pose bright.py:Bright --out runs {SMALL}".split())
    shown = capsys.readouterr()
    assert "skedge live --model runs/own/student.onnx --pose bright.py:Bright" in shown.out
    assert "note: left out raise/cut.avi: expected a film" in shown.err
    assert "no class for anything else" in shown.err, "a network of its own knows two classes"
    report = json.loads(Path("runs/own/report.json").read_text())
    assert report["recognizer"]["whole clips"]["top1"] == 100
    assert report["events"] is None, "all that anybody does is one of its actions"
    assert Recognizer.load("runs/own/student.onnx").metadata.touching


@pytest.mark.parametrize("persons", [1, 2])
def test_a_network_that_knows_anything_else_is_measured_by_its_events(
    room: Path, persons: int
) -> None:
    """A model of two people gets no figures of events, and its run goes on to the report."""
    (room / "films" / "stand").rename(room / "films" / "other")
    main(f"run --films films --pose bright.py:Bright --input.persons {persons} {SMALL}".split())
    found = json.loads(Path("runs/own/report.json").read_text())["events"]
    assert (found and found["performances"]) == {1: 1, 2: None}[persons]


@pytest.mark.parametrize("command", ["data import films films store", "live --fast --no-page"])
def test_an_estimator_that_breaks_is_one_line_with_its_place(
    room: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """An import of films ended in a traceback through skedge, and the live view did not say where
    it broke."""
    source = Path("bright.py").read_text().replace("body = ", "1 / 0; body = ")
    Path("bright.py").write_text(source)
    camera = ["--source", "films/stand/0.avi"] if command.startswith("live") else []
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), *camera, "--pose", "bright.py:Bright"])
    assert ended.value.code == 1
    line = next(i for i, text in enumerate(source.splitlines(), 1) if "1 / 0" in text)
    assert capsys.readouterr().err.splitlines()[-1] == (
        "skedge: --pose bright.py:Bright: ZeroDivisionError: division by zero"
        f" (bright.py, line {line})"
    )


@pytest.mark.parametrize("command", ["data import films films store", "live --fast --no-page"])
@pytest.mark.parametrize("method", ["__init__(self, people)", "estimate(self, frame)"])
def test_an_estimator_that_exits_is_one_line(
    room: Path, capsys: pytest.CaptureFixture[str], command: str, method: str
) -> None:
    """Where it was made skedge ended with 0 and without a word, in a film without its name."""
    Path("exits.py").write_text(
        "import sys\nfrom bright import Bright\nclass Exits(Bright):\n"
        f"    def {method}: sys.exit(3)\n"
    )
    camera = ["--source", "films/stand/0.avi"] if command.startswith("live") else []
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), *camera, "--pose", "exits.py:Exits"])
    assert ended.value.code == (2 if "init" in method else 1)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("skedge: --pose exits.py:Exits: ")
    assert last.endswith("SystemExit: 3 (exits.py, line 4)")


def test_only_films_that_are_new_are_looked_at(room: Path) -> None:
    """The second time none, after one was added that one, and another estimator's all."""

    def looks() -> int:
        seen = Path("seen")
        count = len(seen.read_text()) if seen.exists() else 0
        seen.unlink(missing_ok=True)
        return count

    def names(pose: str = "bright.py:Bright") -> list[str]:
        store = store_of_films(Path("films"), Path("runs"), pose)
        return [str(name) for name in store.index["name"]]

    assert len(names()) == 6
    assert looks() == 6 * 16
    assert len(names()) == 6
    assert looks() == 0
    _film(room / "films" / "stand" / "new.avi", 20)
    assert "stand/new" in names()
    assert looks() == 16
    (room / "films" / "stand" / "new.avi").unlink()
    assert "stand/new" not in names()
    assert looks() == 0
    (room / "other.py").write_text((room / "bright.py").read_text())
    assert len(names("other.py:Bright")) == 6
    assert looks() == 6 * 16
    assert Store("runs/stores/films").rate == 30


def test_two_people_are_both_in_clips_for_a_model_of_two(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each clip had the one who moved most, and training saw a second body of zeros."""
    alone = (room / "bright.py").read_text()
    both = alone.replace("(Person(0, body),)", "(Person(0, body), Person(1, body + 1))")
    (room / "both.py").write_text(both)
    steps: list[path.Steps] = []
    monkeypatch.setattr(path, "_walk", steps.append)
    for persons in (2, 1):
        main(
            f"run --films films --pose both.py:Bright --out runs --input.persons {persons}".split()
        )
        clip = steps[-1].store.clip(0)
        assert clip.shape[0] == persons
        assert np.isfinite(clip).all()


def test_a_store_of_films_is_trained_on_its_only_split(
    room: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The documented `skedge run --data` asked for people's split, which films have not."""
    store_of_films(Path("films"), Path("runs"), "bright.py:Bright")
    steps: list[path.Steps] = []
    monkeypatch.setattr(path, "_walk", steps.append)
    main(["run", "--data", "runs/stores/films", "--recipe", "own"])
    assert steps[0].recipe.input.protocol == "films"
    assert "split: films" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["distill", "--data", "runs/stores/films", "--recipe", "own", "--out", "runs/one"])
    assert "--input.protocol" in capsys.readouterr().err


def test_films_of_one_class_are_refused_before_anybody_looks(room: Path) -> None:
    for film in (room / "films" / "stand").iterdir():
        film.unlink()
    with pytest.raises(InputError, match=r"two classes at least, got those of 'raise'"):
        store_of_films(Path("films"), Path("runs"), "bright.py:Bright")
    assert not Path("seen").exists()


def _notes() -> str:
    found = open_films(Path("films"), pose="bright.py:Bright")
    return " ".join(found.notes)


@pytest.mark.parametrize("poses", ["store", "store/poses", "other/../store/poses"])
def test_bodies_are_not_kept_where_the_store_comes(room: Path, poses: str) -> None:
    """It was refused at the end, after hours of films."""
    add_format("films", open_films)
    with pytest.raises(InputError, match=r"--poses .* outside of the store"):
        import_dataset("films", room / "nowhere", "store", poses=Path(poses))
    assert not Path("store").exists()


def test_what_is_no_film_of_a_class_is_told(room: Path) -> None:
    assert _notes() == ""
    _film(room / "films" / "loose.avi", 10)
    _film(room / "films" / "Stand " / "1.avi", 10)
    _film(room / "films" / "stand" / "anna" / "1.avi", 10)
    (room / "films" / "jump").mkdir()
    (room / "films" / "stand" / "._0.avi").write_bytes(b"no film")
    notes = _notes()
    assert "1 film in no class's folder left out, such as loose.avi" in notes
    assert "no film in jump" in notes
    assert "classes 'Stand' and 'stand' differ in their spelling only" in notes
    assert "classes are Stand, raise, stand; folders in theirs (anna) are not" in notes
    names = {shot.name for shot in open_films(Path("films"), pose="bright.py:Bright").sources}
    assert "stand/._0" not in names


def test_a_stretch_in_frames_is_told_by_the_end_of_its_film(room: Path) -> None:
    _film(room / "long.avi", 10, frames=60)
    table = room / "list.csv"
    table.write_text("film;start;end;label\nlong.avi;0;1,5;stand\nlong.avi;0;45;raise\n")
    clips = [
        clip
        for shot in open_films(table).sources
        for clip in read_shot(
            shot,
            labels=["raise", "stand"],
            poses=None,
            pose="bright.py:Bright",
            rate=30.0,
            everyone=False,
        )
    ]
    assert [clip.note for clip in clips] == ["", "to end at 45 s, but the film does at 2.0 s"]
    late = Shot(room / "long.avi", name="long", label="stand", stretch=(10.0, 20.0))
    with pytest.raises(InputError, match=r"to begin at 10 s, but the film ends at 2\.0 s"):
        read_shot(late, ["stand"], poses=None, pose="bright.py:Bright", rate=30.0, everyone=False)


def test_a_table_beside_films_is_named(room: Path) -> None:
    _film(room / "set" / "a.avi", 10)
    (room / "set" / "list.csv").write_text("film,label\na.avi,stand\n")
    with pytest.raises(InputError, match=r"set/list.csv the table\? Name it"):
        open_films(Path("set"))


def _import(table: str, **options: Any) -> Store:
    Path("list.csv").write_text(table)
    Path("store").exists() and shutil.rmtree("store")
    add_format("films", open_films)
    import_dataset("films", "list.csv", "store", poses=Path("kept"), **options)
    return Store("store")


def test_kept_bodies_are_of_the_stretch_the_estimator_and_the_label_that_are_asked_for(
    room: Path,
) -> None:
    """Bodies of another stretch were taken for those of a row that was moved or put before."""
    _film(room / "film.avi", 20, frames=90)
    film = "film,start,end,label\n"

    def looks() -> int:
        count = len(Path("seen").read_text()) if Path("seen").exists() else 0
        Path("seen").unlink(missing_ok=True)
        return count

    def frames(table: str, pose: str = "bright.py:Bright") -> list[int]:
        return [int(one) for one in _import(film + table, pose=pose).index["frames"]]

    first, second = "film.avi,0,1,stand\n", "film.avi,2,2.5,raise\n"
    assert frames(first + second) == [30, 15]
    assert looks() == 31 + 16
    assert frames(first + second) == [30, 15]
    assert looks() == 0
    assert frames("film.avi,0,2,stand\n" + second) == [60, 15]
    assert looks() == 61
    assert frames("film.avi,1,1.5,raise\n" + first + second) == [15, 30, 15]
    (room / "other.py").write_text((room / "bright.py").read_text())
    looks()
    assert frames(first + second, pose="other.py:Bright") == [30, 15]
    assert looks() == 31 + 16
    frames(first.replace("stand", "rest") + second, pose="other.py:Bright")
    assert looks() == 0
    assert {one.name: one.label for one in read_poses(Path("kept"))}["film"] == "rest"


def test_bodies_kept_without_a_note_are_of_whole_films_by_the_usual_estimator(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of an estimator of one's own left all films out, as of the wrong number of joints."""
    _film(room / "film.avi", 20)
    looked: list[Shot] = []

    def look_at(shot: Shot, pose: str | None) -> tuple[PoseWriter, tuple[int, int]]:
        looked.append(shot)
        return _bodies("blazepose33"), (64, 48)

    monkeypatch.setattr(films, "look_at", look_at)
    for layout, looks in (("blazepose33", 0), ("ntu25", 1)):
        shot = Shot(room / "film.avi", name=layout, label="stand")
        for label in ("stand", "rest"):
            _bodies(layout).write(room / f"{layout}.npz", label=label)
            looked.clear()
            (clip,) = read_shot(shot, ["stand"], poses=room, pose=None, rate=30.0, everyone=False)
            assert clip.joints.shape[2] == 33
            assert len(looked) == looks


def test_kept_bodies_are_of_one_film_only(room: Path) -> None:
    """A film of the same name in another folder got the bodies of the first."""
    for folder, brightness in (("monday", 20), ("tuesday", 200)):
        _film(room / folder / "wave" / "a.avi", brightness, frames=20 + brightness // 100)
        _film(room / folder / "rest" / "b.avi", brightness, frames=30)

    def hand(folder: str) -> float:
        shutil.rmtree("store", ignore_errors=True)
        import_dataset("films", folder, "store", poses=Path("kept"), pose="bright.py:Bright")
        store = Store("store")
        return float(store.clip([*store.index["name"]].index("wave/a"))[0, :, 11, 1].mean())

    add_format("films", open_films)
    low = hand("monday")
    kept = {file: file.stat().st_mtime_ns for file in Path("kept").rglob("*.npz")}
    assert hand("tuesday") > low + 0.3
    assert hand("monday") == low
    shutil.move("monday", "moved")
    assert hand("moved") == low
    assert all(file.stat().st_mtime_ns == time for file, time in kept.items()), "none was replaced"
    assert len([*Path("kept").rglob("*.npz")]) == 4
    _film(room / "tuesday" / "wave" / "a.avi", 20, frames=25)
    assert hand("tuesday") < low + 0.3, "the film is another one now"
    assert len([*Path("kept").rglob("*.npz")]) == 4


def test_films_of_a_table_have_names_of_their_own_within_the_folder(room: Path) -> None:
    """One called a-2 shared its name with the second stretch of a, and bodies of films in another
    folder were written beside them, outside of the folder for bodies."""
    for name in ("a", "a-2", "day/b"):
        _film(room / f"{name}.avi", 20, frames=90)
    rows = [
        "a.avi,0,1,stand",
        "a.avi,1,2,raise",
        "a-2.avi,0,1,stand",
        f"{room}/day/b.avi,0,1,stand",
    ]
    (room / "lists").mkdir()
    table = room / "lists" / "list.csv"
    table.write_text(
        "\n".join(["film,start,end,label", *(f"../{row}" for row in rows[:3]), rows[3]])
    )
    names = [shot.name for shot in open_films(table, pose="bright.py:Bright").sources]
    assert names == ["a", "a-3", "a-2", f"{room}/day/b"[1:]]


def test_kept_stretches_divide_as_their_films_do(room: Path) -> None:
    """`data import poses` tested on stretches of films whose others it trained on, and every stretch
    had the film's time before it, with nobody in it."""
    rows = []
    for number in range(6):
        _film(room / f"{number}.avi", 20, frames=60 + number)
        rows += [f"{number}.avi,0,1,stand", f"{number}.avi,1,2,raise"]
    of_films = _import("\n".join(["film,start,end,label", *rows]) + "\n", pose="bright.py:Bright")
    import_dataset("poses", "kept", "of-poses")
    of_poses = Store("of-poses")
    parts = [
        dict(zip(map(str, store.index["name"]), store.codes("films").tolist(), strict=True))
        for store in (of_films, of_poses)
    ]
    assert parts[0] == parts[1]
    assert [one.duration for one in read_poses(Path("kept"))] == pytest.approx([1] * 12, abs=0.1)


def _bodies(layout: str) -> PoseWriter:
    writer = PoseWriter(load_layout(layout))
    for number in range(16):
        joints = np.full((len(writer.layout), 3), number, np.float32)
        writer.add(number / 30, [Person(1, joints)])
    return writer


def test_stretches_of_one_film_train_or_test_together(room: Path) -> None:
    """Half of what was tested on came from films that were trained on."""
    rows = []
    for number in range(6):
        _film(room / f"{number}.avi", 20, frames=60)
        rows += [f"{number}.avi,0,1,stand", f"{number}.avi,1,2,raise"]
    table = "\n".join(["film,start,end,label", *rows]) + "\n"
    store = _import(table, pose="bright.py:Bright")
    codes = dict(zip(map(str, store.index["name"]), store.codes("films").tolist(), strict=True))
    assert codes["4"] == codes["4-2"] == 3
    assert sorted(codes.values()) == [1] * 10 + [3] * 2
    for part in (1, 2):
        import_dataset(
            "films", "list.csv", f"part-{part}", poses=Path("kept"), shard=f"{part}/2",
            pose="bright.py:Bright",
        )  # fmt: skip
    whole = merge([Store("part-1"), Store("part-2")], "whole")
    assert dict(zip(map(str, whole.index["name"]), whole.codes("films"), strict=True)) == codes
    alone = _import(
        "film,start,end,label\n0.avi,0,1,stand\n0.avi,1,2,raise\n", pose="bright.py:Bright"
    )
    assert "all stretches are of one film" in (alone.path / "import-report.json").read_text()


def _divided(rows: dict[str, str]) -> tuple[list[int], list[str]]:
    """The split of a table with two stretches of each film for every label, and its notes; by film,
    a letter for each label."""
    lines = ["film,start,end,label"]
    for name, labels in rows.items():
        Path(f"{name}.avi").touch()
        lines += [f"{name}.avi,{i},{i + 1},{one}" for i, one in enumerate(labels * 2)]
    Path("list.csv").write_text("\n".join(lines) + "\n")
    found = open_films(Path("list.csv"), pose="bright.py:Bright")
    names = [(one.name, found.labels.index(one.label)) for one in found.sources]
    index = np.array(names, [("name", "U9"), ("label", int)])
    return found.protocols["films"](index).tolist(), found.notes


def test_a_table_of_a_film_for_each_class_has_something_to_test_on(room: Path) -> None:
    """Nothing tested, and nobody was told: an accuracy of no clips."""
    codes, notes = _divided({"a": "w", "b": "c"})
    assert codes == [1, 3, 1, 3]
    assert notes == [
        "too few films to test on others than those trained on: what is tested on was beside what"
        " is trained on"
    ]


def test_a_class_of_one_film_trains_and_the_others_test_on_films_of_their_own(room: Path) -> None:
    codes, notes = _divided({"a": "w", "b": "w", "c": "c"})
    assert codes == [1, 1, 3, 3, 1, 1]
    assert notes == ["too few films of c: all train, none tests"]
    codes, notes = _divided({"a": "w", "b": "wc"})
    assert codes == [3, 3, 1, 1, 1, 1], "c is seen in b alone, which trains"
    assert notes == ["too few films of c: all train, none tests"]
    assert _divided({"a": "wc", "b": "wc"}) == ([1] * 4 + [3] * 4, [])


def test_a_table_names_the_parts_of_its_split_as_lists_of_clips_do(room: Path) -> None:
    """Films for `Training` and `testing` were left out."""
    _film(room / "film.avi", 20, frames=90)
    rows = ["film\tstart\tend\tlabel\tsplit", "film.avi\t0\t1\tstand\tTraining"]
    rows += ["film.avi\t1\t2\tstand\ttesting", "film.avi\t2\t3\tstand\tvalid"]
    store = _import("\n".join(rows), pose="bright.py:Bright")
    assert store.codes("official").tolist() == [1, 3, 2]


def _opened(*rows: str) -> Dataset:
    Path("list.csv").write_text("\n".join(["film,start,end,label,subject,split", *rows]) + "\n")
    return open_films(Path("list.csv"), pose="bright.py:Bright")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("film.avi,2,1,stand,,", "expected a start before the end, got 2.0 and 1.0"),
        ("film.avi,1,1,stand,,", "expected a start before the end, got 1.0 and 1.0"),
        ("film.avi,-1,1,stand,,", "expected a start before the end, got -1.0 and 1.0"),
        ("film.avi,nan,1,stand,,", "expected a start before the end, got nan and 1.0"),
        ("film.avi,0:01,2,stand,,", "expected start and end in seconds, got '0:01' and '2'"),
        ("film.avi,,,,,", "expected a film and a label, got 'film.avi'"),
        (",0,1,stand,,", "expected a film and a label, got ''"),
        ("none.avi,,,stand,,", "expected the film 'none.avi', found none"),
        ("films,,,stand,,", "expected the film 'films', found none"),
        ("film.avi,,,stand,,some", "expected a split of train, val, test, got 'some'"),
    ],
)
def test_a_row_that_cannot_be_is_left_out_with_its_line(room: Path, row: str, said: str) -> None:
    _film(room / "film.avi", 20)
    found = _opened("film.avi,0,0.5,stand,,", row)
    assert [(str(one), one.line) for one in found.damaged] == [(f"list.csv: line 3: {said}", 3)]
    assert [shot.stretch for shot in found.sources] == [(0.0, 0.5)]


def test_a_row_may_say_only_where_its_stretch_begins_or_ends(room: Path) -> None:
    """Else the whole film would be of its class."""
    _film(room / "film.avi", 20)
    found = _opened("film.avi,,0.2,stand,,", "film.avi,0.2,,raise,,", "film.avi,,,stand,,")
    assert [shot.stretch for shot in found.sources] == [(0, 0.2), (0.2, np.inf), None]


def test_people_of_a_table_train_or_test_and_nobody_knows_who_does_neither(room: Path) -> None:
    """Every other person tests, as in the lists of clips."""
    _film(room / "film.avi", 20)
    people = ["Bo", "", "Al", "Cy", "Bo", "?"]
    found = _opened(*(f"film.avi,{i},{i + 1},stand,{one}," for i, one in enumerate(people)))
    index = np.array([(one.subject,) for one in found.sources], [("subject", int)])
    assert index["subject"].tolist() == [1, -1, 0, 2, 1, -1]
    assert [*found.protocols] == ["xsub"]
    assert found.protocols["xsub"](index).tolist() == [3, 0, 1, 1, 3, 0]
    one = _opened("film.avi,0,1,stand,Al,", "film.avi,1,2,stand,,")
    assert [*one.protocols] == ["films"], "one person cannot be on both sides"


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1:2", "1/2/3", "1"])
def test_a_part_that_is_none_is_refused(room: Path, shard: str) -> None:
    with pytest.raises(InputError, match=f"expected a shard like 3/16, got '{shard}'"):
        open_films(Path("films"), pose="bright.py:Bright", shard=shard)


def test_a_layout_without_an_estimator_of_ones_own_is_refused(room: Path) -> None:
    with pytest.raises(InputError, match=r"--layout: expected --pose beside it"):
        open_films(Path("films"), layout="ntu25")


def test_a_film_of_nobody_is_left_out_and_none_is_kept(room: Path) -> None:
    source = Path("bright.py").read_text().replace("(Person(0, body),)", "()")
    Path("empty.py").write_text(source)
    shot = Shot(room / "films" / "stand" / "0.avi", name="0", label="stand")
    with pytest.raises(InputError, match="expected somebody in view in 64 x 48 pixels, got nobody"):
        read_shot(
            shot, ["stand"], poses=room / "kept", pose="empty.py:Bright", rate=30, everyone=False
        )
    assert not (room / "kept").exists()


def test_a_kept_stretch_says_what_it_is_of(room: Path) -> None:
    """The size of the pictures, and where a film ended before its stretch did: in the film's
    seconds, whether it was looked at or read again."""
    _film(room / "film.avi", 20, frames=60)
    shot = Shot(room / "film.avi", name="film", label="stand", stretch=(0.5, 45.0))

    def read() -> Clip:
        (clip,) = read_shot(
            shot, ["rest", "stand"], poses=room, pose="bright.py:Bright", rate=10, everyone=False
        )
        return clip

    for _ in range(2):
        clip = read()
        assert clip.note == "to end at 45 s, but the film does at 2.0 s"
        assert (clip.label, clip.joints.shape[1]) == (1, 15)
    with np.load(room / "film.npz") as kept:
        assert (kept["width"], kept["height"]) == (64, 48)
    assert len(Path("seen").read_text()) == 45
    # Its middle may be another one: only its beginning, its end and its size are compared.
    later = (room / "film.npz").stat().st_mtime + 1
    os.utime(room / "film.avi", (later, later))
    read()
    assert len(Path("seen").read_text()) == 90, "a film that was changed since is looked at again"


def test_a_film_of_a_camera_whose_clock_is_ahead_is_looked_at_once(room: Path) -> None:
    """Such as one in another time zone: an import that went on looked at all films again."""
    _film(room / "film.avi", 20, frames=60)
    tomorrow = time.time() + 86400
    os.utime(room / "film.avi", (tomorrow, tomorrow))
    looked = []
    for label in ("rest", "stand", "stand"):
        shot = Shot(room / "film.avi", name="film", label=label)
        labels = ["rest", "stand"]
        read_shot(shot, labels, poses=room, pose="bright.py:Bright", rate=10, everyone=False)
        looked.append(len(Path("seen").read_text()))
    assert looked[0] == looked[1] == looked[2] > 0


def test_a_row_that_no_file_can_be_called_like_is_left_out_alone(room: Path) -> None:
    """A quote that was never closed made the rest of the table one name, and the import ended with
    that name and "File name too long"."""
    _film(room / "film.avi", 20)
    rows = ["film,start,end,label", "film.avi,,,stand", *[f'"{"x" * 300}.avi,,,stand'] * 2]
    store = _import("\n".join(rows), pose="bright.py:Bright")
    assert store.index["name"].tolist() == ["film"]
    report = (store.path / "import-report.json").read_text()
    assert f"expected the film '{'x' * 80}', found none" in report


def test_a_film_that_cannot_be_read_any_more_is_left_out_alone(room: Path) -> None:
    """A film that was gone, or nobody's to read, ended the import of all others."""
    found = open_films(Path("films"), pose="bright.py:Bright")
    (room / "films" / "stand" / "1.avi").unlink()
    gone = next(shot for shot in found.sources if shot.name == "stand/1")
    with pytest.raises(InputError, match=r"expected a film that can be read, got: No such file"):
        found.read(gone)


def test_hidden_folders_are_no_classes(room: Path) -> None:
    _film(room / "films" / ".thumbs" / "0.avi", 20)
    _film(room / "films" / "stand" / ".cache" / "0.avi", 20)
    found = open_films(room / "films", pose="bright.py:Bright")
    assert found.labels == ["raise", "stand"]
    assert len(found.sources) == 7
    assert {shot.subject for shot in found.sources} == {-1}, "folders do not say who it is"
