import json
import os
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skedge.datasets.store import Store, StoreWriter
from skedge.datasets.store.check import check
from skedge.datasets.store.lock import only_one
from skedge.datasets.store.look import MOST_FRAMES, look
from skedge.datasets.store.odd import odd_clips
from skedge.skeleton import InputError, load_layout
from skedge.skeleton.text import NAMED
from tests.full import no_room_for

NTU = load_layout("ntu25")
LABELS = ("wave", "clap", "bow")


def _writer(path: Path, **changes: Any) -> StoreWriter:
    given: dict[str, Any] = {
        "name": "toy",
        "layout": NTU,
        "labels": LABELS,
        "rate": 30.0,
    }
    writer = StoreWriter(path, **given | changes)
    writer.made_by = {"seed": 1}
    return writer


def _clip(seed: int, persons: int = 1, frames: int = 4) -> np.ndarray:
    joints = np.random.default_rng(seed).normal(size=(persons, frames, 25, 3)).astype(np.float32)
    joints[..., 3, :] = np.nan
    return joints


def _write(path: Path, clips: int = 5, **changes: Any) -> Path:
    with _writer(path, **changes) as writer:
        for i in range(clips):
            writer.add(
                f"clip {i}",
                _clip(i, 1 + i % 2, 3 + i),
                label=i % 3,
                subject=i,
                camera=i % 2,
                setup=7,
            )
        writer.protocol("xsub", lambda index: np.where(index["subject"] % 2 == 0, 1, 3))
        writer.protocol(
            "xview",
            lambda index: np.where(index["camera"] == 0, 1, np.where(index["label"] == 0, 2, 0)),
        )
    return path


clips = st.lists(
    st.tuples(
        st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=40)
        | st.just("å" * 255),
        st.integers(1, 3),
        st.integers(1, 9),
        st.integers(0, 2),
        st.integers(-1, 200),
        st.sampled_from([np.float16, np.float32, np.float64]),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda clip: clip[0],
)


@settings(max_examples=40)
@given(described=clips, seed=st.integers(0, 999))
def test_what_is_written_is_read(
    described: list, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("stores") / "a store"
    rng = np.random.default_rng(seed)
    written = []
    with _writer(path) as writer:
        for name, persons, frames, label, subject, dtype in described:
            joints = rng.normal(size=(persons, frames, 25, 3)).astype(dtype)
            joints[rng.random(joints.shape[:3]) < 0.2] = np.nan
            writer.add(name, joints, label=label, subject=subject)
            written.append(joints.astype(np.float32))
        writer.protocol("drawn", lambda index: rng.integers(0, 4, len(index)))
    store = Store(path)
    assert len(store) == len(described)
    assert [str(name) for name in store.index["name"]] == [clip[0] for clip in described]
    assert store.index["label"].tolist() == [clip[3] for clip in described]
    assert store.index["subject"].tolist() == [clip[4] for clip in described]
    for i, joints in enumerate(written):
        np.testing.assert_array_equal(store.clip(i), joints)
        assert store.clip(i).dtype == np.float32
        assert store.index[i]["crc32"] == zlib.crc32(store.clip(i).tobytes())
        assert store.find(described[i][0]) == i
    parts = [store.codes("drawn") == code for code in range(4)]
    for part, code in (("train", 1), ("val", 2), ("test", 3)):
        if parts[code].any():
            np.testing.assert_array_equal(store.split("drawn", part), np.flatnonzero(parts[code]))
        else:
            with pytest.raises(InputError, match=f"{part} of protocol 'drawn' is empty"):
                store.split("drawn", part)


def test_what_a_store_says(tmp_path: Path) -> None:
    store = Store(_write(tmp_path / "my store"))
    assert (store.name, store.rate, store.labels, store.made_by) == (
        "toy",
        30.0,
        LABELS,
        {"seed": 1},
    )
    assert store.layout.to_dict() == NTU.to_dict()
    assert store.protocols == ["xsub", "xview"]
    assert store.split("xsub", "train").tolist() == [0, 2, 4]
    assert store.split("xsub", "train").dtype == np.int64
    assert store.split("xview", "val").tolist() == [3]
    assert (store.index["setup"] == 7).all()
    assert store.class_index("bow") == 2
    assert sorted(file.name for file in store.path.iterdir()) == [
        "index.npy",
        "joints.npy",
        "splits.npy",
        "store.json",
    ]


def test_clips_are_views_of_the_file_that_cannot_be_written(tmp_path: Path) -> None:
    store = Store(_write(tmp_path / "store"))
    assert np.shares_memory(store.clip(2), store.joints)
    with pytest.raises(ValueError, match="read-only"):
        store.clip(2)[0, 0] = 0


def test_a_store_travels_to_another_process_as_its_path(tmp_path: Path) -> None:
    store = Store(_write(tmp_path / "store", clips=50))
    carried = pickle.dumps(store)
    assert len(carried) < 1000
    np.testing.assert_array_equal(pickle.loads(carried).clip(7), store.clip(7))


def test_a_store_without_protocols_or_rate(tmp_path: Path) -> None:
    with _writer(tmp_path / "our clips", rate=None) as writer:
        writer.add("one", _clip(0), label=0)
    store = Store(tmp_path / "our clips")
    assert store.rate is None
    assert store.protocols == []
    with pytest.raises(
        InputError,
        match="unknown protocol 'xsub'; this store's protocols: none; `skedge data split"
        f" '{store.path}' mine --folds 5` makes",
    ):
        store.split("xsub", "train")


def test_the_unknown_is_answered_with_the_known(tmp_path: Path) -> None:
    store = Store(_write(tmp_path / "store"))
    with pytest.raises(
        InputError, match="unknown protocol 'xset'; this store's protocols: xsub, xview"
    ):
        store.split("xset", "train")
    with pytest.raises(
        InputError,
        match=r"val of protocol 'xsub' is empty; it has train \(3\), test \(2\); .*; add clips",
    ):
        store.split("xsub", "val")
    with pytest.raises(
        InputError, match="expected one of train, val, test of protocol 'xsub', got 'dev'"
    ):
        store.split("xsub", "dev")
    with pytest.raises(InputError, match="unknown class 'jump'; its 3 classes: wave, clap, bow"):
        store.class_index("jump")
    with pytest.raises(InputError, match="no clip is called 'nobody'"):
        store.find("nobody")


def test_of_many_classes_a_message_names_some(tmp_path: Path) -> None:
    labels = [f"action {number:03d}" for number in range(120)]
    store = Store(_write(tmp_path / "store", labels=labels))
    with pytest.raises(
        InputError, match=r"its 120 classes: action 000, .* and \d+ more$"
    ) as raised:
        store.class_index("jump")
    assert str(raised.value).count("action ") == NAMED
    assert f"and {120 - NAMED} more" in str(raised.value)


def test_the_fingerprint_is_the_contents(tmp_path: Path) -> None:
    one, same = Store(_write(tmp_path / "a")), Store(_write(tmp_path / "b"))
    assert one.fingerprint == same.fingerprint
    assert len(one.fingerprint) == 64
    others = [Store(_write(tmp_path / "c", clips=4)), Store(_write(tmp_path / "d", rate=15.0))]
    with _writer(tmp_path / "e") as writer:
        for i in range(5):
            joints = _clip(i, 1 + i % 2, 3 + i)
            joints[0, 0, 0, 0] += i == 4  # one number differs: the index's checksum shows it
            writer.add(f"clip {i}", joints, label=i % 3, subject=i, camera=i % 2, setup=7)
        writer.protocol("xsub", lambda index: np.where(index["subject"] % 2 == 0, 1, 3))
        writer.protocol(
            "xview",
            lambda index: np.where(index["camera"] == 0, 1, np.where(index["label"] == 0, 2, 0)),
        )
    others.append(Store(tmp_path / "e"))
    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 4


class _Interrupted(Exception):
    pass


def _interrupted(opened: StoreWriter, error: type[BaseException]) -> None:
    """A store that gets one clip before its program ends."""
    with opened as writer:
        writer.add("one", _clip(0), label=0)
        raise error


@pytest.mark.parametrize("error", [_Interrupted, KeyboardInterrupt, InputError])
def test_an_exception_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        _interrupted(_writer(tmp_path / "store"), error)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_too_long_leaves_no_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="place where a store can be written, got: File name too"),
        _writer(tmp_path / "stores" / ("x" * 250)),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


LONG = "x" * 200


def _large(path: Path, file: str, **changes: Any) -> None:
    """Write a store whose largest file is that one."""
    wordy = [*LABELS, *(f"{number}{LONG}" for number in range(180))]
    labels = wordy if file == "store.json" else LABELS
    with _writer(path, labels=labels, **changes) as writer:
        for i in range(len(writer.names), 4):
            name = f"{i}{LONG}" if file == "index.npy" else f"clip {i}"
            many = [(0, 0, 1)] * 200 if file == "intervals.npy" else []
            frames = 40 if file == "joints.npy" else 1
            writer.add(name, _clip(i, frames=frames), label=0, intervals=many)
            writer.checkpoint("")
        writer.protocol("all", lambda index: np.ones(len(index), np.int8))
        writer.attach("more.json", lambda: LONG * 50 if file == "more.json" else "")


@pytest.mark.parametrize("resume", [None, "four clips"])
@pytest.mark.parametrize(
    "file", ["joints.npy", "index.npy", "intervals.npy", "more.json", "store.json"]
)
def test_a_full_disk_names_the_store_and_leaves_nothing_but_what_goes_on(
    tmp_path: Path, file: str, resume: str | None
) -> None:
    """It read `data synth: No space left on device`, and a hidden folder stayed on the full disk.
    Of an index NumPy wrote what had room, and said nothing. An import began anew after the rest
    of its files had no room."""
    _large(tmp_path / "whole", file)
    sizes = {one.name: one.stat().st_size for one in (tmp_path / "whole").iterdir()}
    assert file == max(sizes, key=lambda name: sizes[name])
    store = tmp_path / "stores" / "store"
    with pytest.raises(OSError, match="File too large") as refused, no_room_for(sizes[file]):
        _large(store, file, resume=resume)
    assert refused.value.filename == str(store)
    left = [one.name for one in tmp_path.glob("stores/*")]
    assert left == ([".store.import.partial"] if resume else [])
    assert store.parent.exists() == bool(resume)
    if resume:
        with _writer(store, resume=resume) as writer:
            done = 3 if file == "joints.npy" else 4
            assert len(writer.restored) == done
            writer.add("another", _clip(9), label=0)
        assert len(Store(store)) == done + 1


@pytest.mark.parametrize(("frames", "read"), [(400, False), (1, True)])
def test_a_clip_that_has_no_room_names_the_store(tmp_path: Path, frames: int, read: bool) -> None:
    """A long clip is written at once, a short one where it is read again."""
    store = tmp_path / "store"

    def write() -> None:
        with no_room_for(200), _writer(store) as writer:
            writer.add("clip", _clip(0, frames=frames), label=0)
            assert read
            writer.clip(0)

    with pytest.raises(OSError, match="File too large") as refused:
        write()
    assert refused.value.filename == str(store)
    assert list(tmp_path.iterdir()) == []


def test_nothing_stands_at_the_path_until_the_end(tmp_path: Path) -> None:
    with _writer(tmp_path / "store") as writer:
        writer.add("one", _clip(0), label=0)
        assert not (tmp_path / "store").exists()
    assert [file.name for file in tmp_path.iterdir()] == ["store"]


def test_a_protocol_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def write(parts: Callable[[Any], Any]) -> None:
        with _writer(tmp_path / "store") as writer:
            writer.add("one", _clip(0), label=0)
            writer.protocol("xsub", parts)

    for parts in (
        lambda index: np.full(len(index), 4),
        lambda index: np.ones(len(index) + 1),
        lambda index: 1 / 0,
    ):
        with pytest.raises((InputError, ZeroDivisionError)):
            write(parts)
        assert list(tmp_path.iterdir()) == []


def test_a_store_without_clips_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected at least one clip"), _writer(tmp_path / "store"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_stands_at_the_path_stays(tmp_path: Path) -> None:
    old = Store(_write(tmp_path / "store")).fingerprint
    with pytest.raises(InputError, match="nothing is yet"):
        _writer(tmp_path / "store")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(InputError):
            _writer(tmp_path / "folder", overwrite=overwrite)
    assert (tmp_path / "folder" / "thesis.txt").exists()
    assert Store(tmp_path / "store").fingerprint == old


def test_a_store_is_replaced_at_the_end_and_never_before(tmp_path: Path) -> None:
    old = Store(_write(tmp_path / "store")).fingerprint
    with pytest.raises(_Interrupted):
        _interrupted(_writer(tmp_path / "store", overwrite=True), _Interrupted)
    assert Store(tmp_path / "store").fingerprint == old
    with _writer(tmp_path / "store", overwrite=True) as writer:
        writer.add("one", _clip(0), label=0)
        assert Store(tmp_path / "store").fingerprint == old
    assert len(Store(tmp_path / "store")) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["store"]


@given(
    st.lists(
        st.tuples(
            st.integers(1, 3),
            st.sampled_from([0, 1, 100, 500]),
            st.sampled_from([0, 1, 300]),
            st.booleans(),
        ),
        min_size=1,
        max_size=3,
    )
)
@settings(max_examples=40)
def test_however_often_work_is_cut_off_the_store_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, breaks: list[tuple[int, int, int, bool]]
) -> None:
    """After any number of clips, with the ends of what was written lost."""
    folder = tmp_path_factory.mktemp("breaks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)  # nearly all of the time
        _break_off(folder, breaks)


def _break_off(folder: Path, breaks: list[tuple[int, int, int, bool]]) -> None:
    def write(path: Path, until: int = 6, lost: bool = False) -> None:
        with _writer(path, resume="six clips") as writer:
            assert writer.restored == writer.names, "a note for each clip that is there"
            for i in range(len(writer.names), 6):
                if i >= until:
                    raise KeyboardInterrupt
                intervals = [(1, 0, 2)] * (i % 2)
                writer.add(f"clip {i}", _clip(i, 1 + i % 2), label=0, intervals=intervals)
                if not (lost and i == until - 1):
                    writer.checkpoint(f"clip {i}")

    done = 0
    partial = folder / ".store.import.partial"
    for more, joints, journal, lost in breaks:
        done = min(done + more, 5)
        with pytest.raises(KeyboardInterrupt):
            write(folder / "store", done, lost)
        for name, bytes_lost in (("joints.npy", joints), ("journal.jsonl", journal)):
            size = (partial / name).stat().st_size
            os.truncate(partial / name, max(size - bytes_lost, 0))
    write(folder / "store")
    write(folder / "whole")
    for name in ("joints.npy", "index.npy", "intervals.npy"):
        assert (folder / "store" / name).read_bytes() == (folder / "whole" / name).read_bytes()


@pytest.mark.parametrize("fails", [False, True])
def test_a_store_is_never_lost_where_folders_cannot_change_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """As on network drives: the old one is moved away, and back if the new one cannot come."""
    path = _write(tmp_path / "store", 3)
    monkeypatch.setattr("skedge.datasets.store.writer.exchange", lambda one, other: False)
    rename = os.rename

    def refused(old: Path, new: Path) -> None:
        if new == path and old.suffix == ".partial":
            raise PermissionError(13, "not allowed")
        rename(old, new)

    if fails:
        monkeypatch.setattr(os, "rename", refused)
        with pytest.raises(InputError, match="cannot put the finished store there: not allowed"):
            _write(path, 5, overwrite=True)
    else:
        _write(path, 5, overwrite=True)
    assert len(Store(path)) == (3 if fails else 5)
    assert [file.name for file in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("swaps", [True, False])
def test_what_others_put_into_a_stores_folder_stays_where_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swaps: bool
) -> None:
    path = _write(tmp_path / "store", 3)
    (path / "notes.txt").write_text("whose clips these are")
    (path / "films").mkdir()
    (path / "films" / "wave.mp4").write_bytes(b"a film")
    (path / "import-report.json").write_text("{}")  # of an earlier import
    (path / "more.json").write_text("old")
    if not swaps:
        monkeypatch.setattr("skedge.datasets.store.writer.exchange", lambda one, other: False)
    with _writer(path, overwrite=True) as writer:
        writer.add("one", _clip(0), label=0)
        writer.attach("more.json", lambda: "new")
    assert len(Store(path)) == 1
    assert "new" in (path / "more.json").read_text(), "what is written anew is not the old one"
    assert (path / "notes.txt").read_text() == "whose clips these are"
    assert (path / "films" / "wave.mp4").read_bytes() == b"a film"
    assert not (path / "import-report.json").exists()
    assert [file.name for file in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("swaps", [True, False])
def test_what_cannot_be_moved_to_a_new_store_is_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swaps: bool
) -> None:
    """As a folder of another user's: it, and all that was not moved yet, went with the old store."""
    path = _write(tmp_path / "store", 3)
    for name in ("films", "notes"):
        (path / name).mkdir()
        (path / name / "one.txt").write_text("mine")
    if not swaps:
        monkeypatch.setattr("skedge.datasets.store.writer.exchange", lambda one, other: False)
    rename = os.rename

    def refused(old: Path, new: Path) -> None:
        if new.parent == path:
            raise PermissionError(13, "not allowed")
        rename(old, new)

    monkeypatch.setattr(os, "rename", refused)
    with pytest.raises(
        InputError, match=r"the new store is there, but .* \(not allowed\)"
    ) as error:
        _write(path, 5, overwrite=True)
    assert len(Store(path)) == 5
    (left,) = (file for file in tmp_path.iterdir() if file != path)
    assert str(left) in str(error.value)
    for name in ("films", "notes"):
        assert (left / name / "one.txt").read_text() == "mine"


def test_a_store_behind_a_link_is_replaced_where_it_lies(tmp_path: Path) -> None:
    """As on a larger disk: the link was replaced, and the store behind it left as it was."""
    (tmp_path / "disk").mkdir()
    real = _write(tmp_path / "disk" / "real", 3)
    link = tmp_path / "link"
    link.symlink_to(real)
    with only_one(link), pytest.raises(InputError, match="one program at a time"), only_one(real):
        pass
    _write(link, 5, overwrite=True)
    assert len(Store(real)) == len(Store(link)) == 5
    assert sorted(file.name for file in tmp_path.iterdir()) == ["disk", "link"]
    assert link.is_symlink()


def test_of_two_writers_to_one_path_the_second_is_refused(tmp_path: Path) -> None:
    slow = _writer(tmp_path / "store").__enter__()
    slow.add("slow", _clip(0), label=0)
    _write(tmp_path / "store")
    with pytest.raises(InputError, match="nothing is yet"):
        slow.__exit__(None, None, None)
    assert len(Store(tmp_path / "store")) == 5
    assert [file.name for file in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joints": np.zeros((4, 25, 3))}, "expected joints"),
        ({"joints": np.zeros((1, 0, 25, 3))}, "expected joints"),
        ({"joints": np.zeros((1, 4, 20, 3))}, "kinect20"),
        ({"label": 3}, "expected a label from 0 to 2, got 3"),
        ({"label": "walk"}, "expected a label as a whole number, got 'walk'"),
        ({"subject": "anna"}, "expected a subject as a whole number, got 'anna'"),
        ({"subject": 1.5}, "expected a subject as a whole number, got 1.5"),
        ({"subject": float("nan")}, "expected a subject as a whole number, got nan"),
        ({"label": -1}, "expected a label"),
        ({"intervals": [(3, 0, 1)]}, "expected intervals .* inside 4 frames, got others"),
        ({"intervals": [(0, 0, 1), (2, 3, 5)]}, "expected intervals"),
        ({"intervals": [(0, -1, 1)]}, "expected intervals"),
        ({"intervals": [(0, 2, 2)]}, "expected intervals"),
        ({"name": "clip 0"}, "got it twice"),
        ({"name": ""}, "name of 1 to 255"),
        ({"name": "x" * 256}, "name of 1 to 255"),
        ({"name": "two\nlines"}, "name of 1 to 255"),
    ],
)
def test_a_bad_clip_is_one_line(tmp_path: Path, changes: dict, message: str) -> None:
    arguments = {"name": "bad", "joints": _clip(0), "label": 0} | changes

    def write() -> None:
        with _writer(tmp_path / "store") as writer:
            writer.add("clip 0", _clip(0), label=0)
            writer.add(**arguments)

    with pytest.raises(InputError, match=message):
        write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("label", ["", "x" * 251, "two\nlines", "left\u202eright"])
def test_a_store_has_no_label_that_no_model_can_have(tmp_path: Path, label: str) -> None:
    """The file that was exported at the end, after training, was called damaged."""
    with pytest.raises(InputError, match="expected labels of 1 to 250") as refused:
        _writer(tmp_path / "store", labels=["wave", label])
    assert str(refused.value).isprintable()
    _writer(tmp_path / "store", labels=["wave", "x" * 250])


def test_whole_numbers_of_a_table_are_taken_as_they_come(tmp_path: Path) -> None:
    """A row of a table in Python often holds 3.0 for 3."""
    with _writer(tmp_path / "store") as writer:
        writer.add("one", _clip(0), label=np.float64(2), subject=3.0, camera=np.int32(4))
    one = Store(tmp_path / "store").index[0]
    assert (one["label"], one["subject"], one["camera"]) == (2, 3, 4)


@pytest.mark.parametrize(
    ("changes", "got"),
    [({"labels": ["wave", 1]}, "a class called 1"), ({"rate": 0.0}, "0.0 frames a second")],
)
def test_a_store_that_nobody_could_open_is_not_written(
    tmp_path: Path, changes: dict, got: str
) -> None:
    """All clips were written first; then the store was called damaged."""
    with pytest.raises(InputError, match=f"expected classes as text and a rate above 0, got {got}"):
        StoreWriter(
            tmp_path / "store",
            **{"name": "toys", "layout": NTU, "labels": ["wave"], "rate": 30.0} | changes,
        )


def test_infinite_means_absent(tmp_path: Path) -> None:
    joints = np.ones((1, 2, 25, 3))
    joints[0, 0, 1, 2], joints[0, 1, 4, 0] = np.inf, 1e300
    with _writer(tmp_path / "store") as writer:
        writer.add("one", joints, label=0)
    clip = Store(tmp_path / "store").clip(0)
    assert np.isnan(clip[0, 0, 1, 2])
    assert np.isnan(clip[0, 1, 4, 0])
    assert np.isnan(clip).sum() == 2


def _truncate(path: Path, share: float) -> None:
    os.truncate(path, int(path.stat().st_size * share))


def _overwrite(path: Path, old: bytes, new: bytes) -> None:
    path.write_bytes(path.read_bytes().replace(old, new, 1))


def _save_interval(path: Path, **changes: int) -> None:
    """One interval in place of those at `path`: right, but for the changes."""
    intervals = np.load(path)[:1]
    for field, value in changes.items():
        intervals[field] = value
    np.save(path, intervals)


def _change(path: Path, **changes: Any) -> None:
    document = json.loads((path / "store.json").read_text()) | changes
    (path / "store.json").write_text(json.dumps(document))


DAMAGE = {
    "joints truncated": (
        lambda path: _truncate(path / "joints.npy", 0.9),
        "joints.npy: a damaged store: it is truncated",
    ),
    "joints cut to nothing": (
        lambda path: _truncate(path / "joints.npy", 0),
        "joints.npy: a damaged store",
    ),
    "joints cut in the header": (
        lambda path: os.truncate(path / "joints.npy", 20),
        "joints.npy: a damaged store",
    ),
    "index truncated": (
        lambda path: _truncate(path / "index.npy", 0.9),
        "index.npy: a damaged store",
    ),
    "splits truncated": (
        lambda path: _truncate(path / "splits.npy", 0.99),
        "splits.npy: a damaged store",
    ),
    "joints missing": (
        lambda path: (path / "joints.npy").unlink(),
        "joints.npy: a damaged store: it is missing",
    ),
    "splits missing": (
        lambda path: (path / "splits.npy").unlink(),
        "splits.npy: a damaged store: it is missing",
    ),
    "an index with a damaged header": (
        lambda path: _overwrite(path / "index.npy", b"{", b"("),
        "index.npy: a damaged store",
    ),
    "joints with a damaged header": (
        lambda path: _overwrite(path / "joints.npy", b"}", b"{"),
        "joints.npy: a damaged store",
    ),
    "a name that is no text": (
        lambda path: _overwrite(path / "index.npy", "clip 3".encode("utf-32le"), b"\xff" * 24),
        "index.npy: a damaged store: a clip's name is no text",
    ),
    "a name with half a letter": (
        lambda path: _overwrite(path / "index.npy", "clip 3".encode("utf-32le"), b"\0\xd8\0\0" * 6),
        "index.npy: a damaged store: a clip's name is no text",
    ),
    "another index": (
        lambda path: np.save(path / "index.npy", np.zeros(5)),
        "index.npy: a damaged store",
    ),
    "an index of no clip": (
        lambda path: (
            np.save(path / "index.npy", np.load(path / "index.npy")[:0]),
            np.save(path / "splits.npy", np.load(path / "splits.npy")[:0]),
            _change(path, clips=0),
        ),
        "index.npy: a damaged store: it does not fit",
    ),
    "an index of texts": (
        lambda path: np.save(
            path / "index.npy",
            (index := np.load(path / "index.npy")).astype(
                [(field, "<U9") for field in index.dtype.names]
            ),
        ),
        "index.npy: a damaged store: it does not fit",
    ),
    "other joints": (
        lambda path: np.save(path / "joints.npy", np.zeros((2, 25, 3), "f4")),
        "does not fit",
    ),
    "an index of objects": (
        lambda path: np.save(path / "index.npy", np.array([None] * 5), allow_pickle=True),
        "index.npy: a damaged store",
    ),
    "no document": (lambda path: (path / "store.json").unlink(), "folder without store.json"),
    "a broken document": (
        lambda path: _truncate(path / "store.json", 0.5),
        "store.json: a damaged store",
    ),
    "a list": (lambda path: (path / "store.json").write_text("[1]"), "store.json: a damaged store"),
    "a newer version": (
        lambda path: _change(path, version=2),
        r"version 2 is newer than .* \(1\); upgrade skedge",
    ),
    "a version of infinity": (
        lambda path: _change(path, version=float("inf")),
        "store.json: a damaged store",
    ),
    "no labels": (lambda path: _change(path, labels=None), "wrong kind: labels"),
    "a label that is none": (
        lambda path: _change(path, labels=["wave", None]),
        "class called None",
    ),
    "a label that is lost": (
        lambda path: _change(path, labels=["wave"]),
        "index.npy: a damaged store: it has classes that store.json does not name",
    ),
    "a label that is there twice": (
        lambda path: _change(path, labels=["wave", "kick", "wave"]),
        "store.json: a damaged store: a class is there twice",
    ),
    "no frames a second": (lambda path: _change(path, rate=0), "0 frames a second"),
    "frames of no rate": (lambda path: _change(path, rate=float("nan")), "nan frames a second"),
    "a rate in words": (lambda path: _change(path, rate="fast"), "wrong kind: rate"),
    "a damaged layout": (lambda path: _change(path, layout={}), "layout: expected a layout"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_store_is_one_line(tmp_path: Path, damage: Any, message: str) -> None:
    path = _write(tmp_path / "store")
    damage(path)
    with pytest.raises(InputError, match=message) as caught:
        Store(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@given(
    st.integers(0, 3),
    st.sampled_from(["offset", "frames", "persons", "crc32"]),
    st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 30),
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_check_names_the_clip_whose_place_is_damaged(
    tmp_path: Path, number: int, field: str, value: int
) -> None:
    if not (tmp_path / "store").exists():
        _write(tmp_path / "store")
    store = Store(tmp_path / "store")
    store.index = np.array(store.index)
    before = int(store.index[field][number])
    store.index[field][number] = value % 2**32 if field == "crc32" else value
    changed = int(store.index[field][number]) != before
    assert check(store) == [f"clip {number}"] * changed


def test_what_is_broken_off_at_the_very_end_leaves_nothing_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its list of clips is gone by then, so nothing could go on with it."""

    def interrupted(writer: StoreWriter) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(StoreWriter, "_publish", interrupted)

    def write() -> None:
        with _writer(tmp_path / "store", resume="toy") as writer:
            writer.add("morning", _clip(0), label=0)
            writer.checkpoint(0)

    with pytest.raises(KeyboardInterrupt):
        write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("field", "value"), [("offset", -1), ("offset", 30), ("frames", 0), ("frames", 99)]
)
def test_a_clip_outside_of_the_file_is_one_line(tmp_path: Path, field: str, value: int) -> None:
    path = _write(tmp_path / "store")
    index = np.load(path / "index.npy")
    index[field][1] = value
    np.save(path / "index.npy", index)
    store = Store(path)
    assert store.clip(0).shape == (1, 3, 25, 3)
    with pytest.raises(InputError, match=r"index\.npy: .* clip 1 lies outside of joints\.npy"):
        store.clip(1)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: _truncate(path, 0.9), "it is truncated"),
        (lambda path: np.save(path, np.zeros(3)), "does not fit"),
        (lambda path: _save_interval(path, clip=1), "does not fit"),
        (lambda path: _save_interval(path, clip=-1), "does not fit"),
        (lambda path: _save_interval(path, label=3), "does not fit"),
        (lambda path: _save_interval(path, label=-1), "does not fit"),
        (lambda path: _save_interval(path, start=-1), "does not fit"),
        (lambda path: _save_interval(path, start=2), "does not fit"),
        (lambda path: _save_interval(path, end=5), "does not fit"),
    ],
)
def test_damaged_intervals_are_one_line(tmp_path: Path, damage: Any, words: str) -> None:
    with _writer(tmp_path / "store") as writer:
        writer.add("day", _clip(0), label=0, intervals=[(1, 0, 2), (2, 2, 4)])
    assert Store(tmp_path / "store").intervals.tolist() == [(0, 1, 0, 2), (0, 2, 2, 4)]
    damage(tmp_path / "store" / "intervals.npy")
    with pytest.raises(InputError, match=f"intervals.npy: a damaged store: .*{words}"):
        _ = Store(tmp_path / "store").intervals


@pytest.mark.parametrize("name", ["joints.npy", "index.npy", "intervals.npy"])
@pytest.mark.parametrize("lengths", [(4, 5, 6), (4, 4)])
def test_a_store_that_is_replaced_while_it_is_opened_is_read_anew(
    tmp_path: Path, lengths: tuple[int, ...], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was called damaged, or had the classes of one and the clips of the other."""

    def write(labels: tuple[str, ...], *lengths: int) -> None:
        with _writer(tmp_path / "toy", labels=labels, overwrite=True) as writer:
            for number, frames in enumerate(lengths):
                writer.add(f"{number}", _clip(number, frames=frames), label=number % len(labels),
                           intervals=[(0, 0, frames)])  # fmt: skip

    write(LABELS, 4, 4)
    replaced: list[str] = []
    load = np.load

    def loaded(path: Path, **how: Any) -> np.ndarray:
        if path.name == name and not replaced:
            replaced.append(name)
            write(("jump", "run"), *lengths)
        return load(path, **how)

    monkeypatch.setattr(np, "load", loaded)
    store = Store(tmp_path / "toy")
    assert replaced
    assert store.labels == ("jump", "run")
    assert len(store) == len(store.intervals) == len(lengths)
    assert [store.clip(number).shape[1] for number in range(len(store))] == [*lengths]


def test_what_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="got a file"):
        Store(tmp_path / "file")
    with pytest.raises(InputError, match="got nothing"):
        Store(tmp_path / "nowhere")


def test_labels_are_unique(tmp_path: Path) -> None:
    for labels in ((), ("wave", "wave")):
        with pytest.raises(InputError, match="at least one label"):
            _writer(tmp_path / "store", labels=labels)


def test_of_a_recording_of_hours_minutes_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    joints = np.zeros((1, 3 * MOST_FRAMES, 25, 3), np.float32)
    joints[0, :, :, 0] = np.arange(3 * MOST_FRAMES)[:, None]
    seen: list[np.ndarray] = []
    monkeypatch.setattr(
        "skedge.datasets.store.look.check_bodies", lambda clips, *_: seen.extend(clips)
    )
    monkeypatch.setattr(
        "skedge.datasets.store.odd._look", lambda clip, _: seen.append(clip) or [0] * 7
    )
    monkeypatch.setattr(
        "skedge.datasets.store.paces._pace", lambda person: seen.append(person[None]) or 0
    )
    look(lambda _: joints, 1, NTU, rate=30.0)
    odd_clips(lambda _: joints, ["day"], NTU, labels=np.zeros(1, int))
    assert [clip.shape[1] for clip in seen] == [MOST_FRAMES] * 3
    assert all(clip[0, 0, 0, 0] == MOST_FRAMES for clip in seen)  # the middle
    seen.clear()
    look(lambda _: joints[:, :MOST_FRAMES], 1, NTU, rate=30.0)
    assert seen[0].shape[1] == MOST_FRAMES
