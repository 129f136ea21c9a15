"""A model replaced in its place: the old one or the new one, whatever happens, and a way back."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.live import model_watch
from skedge.edge_runtime.live.actions import Actions, Observation
from skedge.edge_runtime.live.model_watch import ModelFile, watch
from skedge.edge_runtime.model_info import model_info
from skedge.edge_runtime.models import find
from skedge.edge_runtime.taught import beside
from skedge.edge_runtime.update import before, load_or_before, update
from skedge.skeleton import InputError
from tests.edge_runtime.edge_models import metadata, write_model
from tests.edge_runtime.live_fakes import NTU, Skeletons, quick_model, stroll
from tests.edge_runtime.waiting import wait_until

OLD, NEW = ("wave", "clap", "idle"), ("jump", "bow", "idle")


def model(path: Path, labels: tuple[str, ...]) -> Path:
    return write_model(path, metadata(labels=labels))


def labels(path: Path) -> tuple[str, ...]:
    return Recognizer.load(path).labels


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return model(tmp_path / "m.onnx", OLD)


def test_the_new_one_is_there_and_the_old_one_is_kept(place: Path, tmp_path: Path) -> None:
    found = update(model(tmp_path / "new.onnx", NEW), place)
    assert found["labels"] == list(NEW)
    assert found["before"] == str(before(place))
    assert found["checksum"] == model_info(tmp_path / "new.onnx")["checksum"]
    assert (
        found["checksum"] == model_info(place)["checksum"] != model_info(before(place))["checksum"]
    )
    assert (labels(place), labels(before(place))) == (NEW, OLD)
    update(before(place), place)  # back
    assert (labels(place), labels(before(place))) == (OLD, NEW)
    assert {one.name for one in tmp_path.iterdir()} == {"m.onnx", "new.onnx", "m.before.onnx"}


def test_a_first_model_is_put_in_place(tmp_path: Path) -> None:
    found = update("default", tmp_path / "folder" / "m.onnx")
    assert found["before"] is None
    assert (tmp_path / "folder" / "m.onnx").read_bytes() == find("default").read_bytes()


def test_a_damaged_taught_file_is_told_and_does_not_deny_the_update(
    place: Path, tmp_path: Path
) -> None:
    """It was an error without a report, although the model had been replaced."""
    beside(place).write_text("{")
    found = update(model(tmp_path / "new.onnx", NEW), place)
    assert found["labels"] == list(NEW)
    assert found["before"] == str(before(place))
    (note,) = found["notes"]
    assert note.startswith(f"{beside(place)}: expected a file that `skedge teach` wrote")


def damaged(path: Path) -> Path:
    content = bytearray(model(path, NEW).read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


def nonsense(path: Path) -> Path:
    return write_model(path, matrix=np.full((3, 20 * 25 * 3), np.nan, np.float32))


@pytest.mark.parametrize("make", [damaged, nonsense])
def test_a_model_that_does_not_work_changes_nothing(
    make: Callable[[Path], Path], place: Path, tmp_path: Path
) -> None:
    update(model(tmp_path / "new.onnx", NEW), place)
    with pytest.raises(InputError, match=r"checksum is wrong|NaN") as caught:
        update(make(tmp_path / "bad.onnx"), place)
    assert "\n" not in str(caught.value)
    assert ".m.onnx." not in str(caught.value), "a draft's name helps nobody"
    assert (labels(place), labels(before(place))) == (NEW, OLD)
    assert len([*tmp_path.iterdir()]) == 4


def test_a_good_one_before_is_not_lost_to_a_bad_one(place: Path, tmp_path: Path) -> None:
    new = model(tmp_path / "new.onnx", NEW)
    update(new, place)
    place.write_bytes(b"the disk is old")
    assert update(new, place)["before"] is None
    assert (labels(place), labels(before(place))) == (NEW, OLD)


def test_the_one_before_is_used_where_the_new_one_does_not_load(
    place: Path, tmp_path: Path
) -> None:
    update(model(tmp_path / "new.onnx", NEW), place)
    place.write_bytes(place.read_bytes()[:-1])
    recognizer = load_or_before(place, Recognizer.load)
    assert recognizer.labels == OLD
    (note,) = recognizer.notes
    assert "checksum is wrong" in note
    assert str(before(place)) in note
    assert beside(before(place)) == beside(place), "what was taught is found again"
    before(place).write_bytes(b"")
    with pytest.raises(InputError, match=r"m\.onnx: .*checksum is wrong"):
        load_or_before(place, Recognizer.load)


def test_a_folder_for_a_model_is_one_line() -> None:
    """`skedge live --model .`, or with a variable that is not set, ended in a traceback."""
    for folder in ("", ".", "/"):
        with pytest.raises(InputError, match="expected a model file, found a folder"):
            load_or_before(folder, Recognizer.load)


def test_wrong_places_are_one_line(place: Path, tmp_path: Path) -> None:
    for where, words in (
        (tmp_path / "m.tflite", "expected a file like the one it replaces"),
        (find("default"), "one of skedge itself"),
        (tmp_path / "none" / "x.onnx", "found none"),
    ):
        with pytest.raises(InputError, match=words):
            update(tmp_path / "nowhere.onnx" if "none" in str(where) else place, where)


def test_a_live_view_takes_a_new_model_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_watch, "SECONDS", 0.02)
    monkeypatch.setattr(model_watch, "SETTLED", 0.05)
    place = quick_model(tmp_path / "m.onnx")
    file = ModelFile(place, threshold=0.0, patience=1)
    actions, notes, stopping = Actions(file.load()), [], threading.Event()
    watching = threading.Thread(target=watch, args=(file, actions.use, notes.append, stopping))
    watching.start()
    frames = iter(Skeletons(stroll, 100_000))

    def look(count: int = 60) -> set[str]:
        seen = set()
        for frame, _ in zip(frames, range(count), strict=False):
            assert frame.people is not None
            outlook = actions.update(Observation(frame, frame.people, NTU, time.monotonic()))
            seen |= {one.event.label for one in outlook.happenings}
        return seen

    try:
        assert look() & {"wave", "clap", "throw", "jump", "squat"}
        update(quick_model(tmp_path / "new.onnx", labels=("one", "two", "three")), place)
        wait_until(lambda: len(notes) == 1)
        assert notes == ["m.onnx has changed and is used now: 3 classes"]
        look(1)  # what went on has ended by this
        actions.threshold = 1.0
        assert look() <= {"one", "two", "three"}
        assert (actions.recognizer.rules.thresholds == 1.0).all(), "the page's threshold is lost"
        place.write_bytes(b"half a mod")
        wait_until(lambda: len(notes) == 2)
        assert notes[1].endswith("the model in use stays")
        assert actions.recognizer.labels == ("one", "two", "three")
    finally:
        stopping.set()
        watching.join()


def test_a_model_that_is_still_being_copied_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of it would be said to be damaged."""
    place = quick_model(tmp_path / "m.onnx")
    whole = place.read_bytes()
    file = ModelFile(place)
    file.load()
    place.write_bytes(whole[:100])
    with monkeypatch.context() as copying:
        copying.setattr(model_watch.time, "sleep", lambda _: place.write_bytes(whole[:200]))
        assert file.reload() is None
    place.write_bytes(whole)
    assert file.reload() is not None
