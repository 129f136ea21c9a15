"""The machinery of every import: damage, order, processes, breaks, the lock."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skedge.datasets import importer
from skedge.datasets.importer import Clip, Dataset, Importing, run_import
from skedge.datasets.parsing.damage import DamagedError, damaged
from skedge.datasets.persons import choose
from skedge.datasets.readers import import_dataset
from skedge.datasets.store import Store
from skedge.datasets.store.check import check
from skedge.datasets.store.lock import only_one
from skedge.skeleton import InputError, load_layout

NTU = load_layout("ntu25")


def read(number: int, bad: tuple[int, ...] = ()) -> list[Clip]:
    if number in bad:
        damaged(f"file {number}", "expected something else", 7)
    joints = np.random.default_rng(number).normal(size=(1, 3 + number % 5, 25, 3))
    note = "odd" if number == 2 else ""
    return [Clip(f"clip {number}", joints, number % 2, subject=number % 3, note=note)]


def dataset(count: int, read: Any = read, **changes: Any) -> Dataset:
    protocols = {"xsub": lambda index: np.where(index["subject"] == 0, 1, 3)}
    return Dataset(
        "toy", NTU, ("a", "b"), 30.0, range(count), read, Path("toys"), protocols, **changes
    )


def files_of(store: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(store.iterdir())}


def test_the_report_lists_damage_and_the_store_holds_the_rest(tmp_path: Path) -> None:
    expected = {"clips": 9, "xsub": {"train": 4, "test": 5}}
    listed = DamagedError(Path("toys/list.txt"), "expected a name", 3)
    made = dataset(
        9,
        partial(read, bad=(2, 5)),
        expected=expected,
        left_out={"on a list": 3},
        damaged=[listed],
    )
    report = run_import(made, tmp_path / "store", made_by={"format": "toy"})
    assert report == json.loads((tmp_path / "store" / "import-report.json").read_text())
    assert (report["format"], report["sources"], report["clips"], report["left_out"]) == (
        "toy",
        9,
        7,
        {"on a list": 3},
    )
    assert report["sources_damaged"] == 2
    assert report["damaged"] == [
        {"file": "list.txt", "reason": "expected a name", "line": 3},
        *(
            {"file": f"file {number}", "reason": "expected something else", "line": 7}
            for number in (2, 5)
        ),
    ]
    assert report["mismatches"] == [
        "clips: expected 9 clips, got 7",
        "xsub train: expected 4 clips, got 3",
        "xsub test: expected 5 clips, got 4",
    ]
    store = Store(tmp_path / "store")
    assert [str(name) for name in store.index["name"]] == [
        f"clip {number}" for number in (0, 1, 3, 4, 6, 7, 8)
    ]
    assert check(store) == []
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_strict_makes_damage_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="file 2: line 7: expected something else"):
        run_import(
            dataset(9, partial(read, bad=(2,))),
            tmp_path / "store",
            made_by={},
            how=Importing(strict=True),
        )
    assert not list(tmp_path.iterdir())


def test_nothing_but_damage(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="all of 2 files are damaged; file 0: expected something else"
    ):
        run_import(dataset(2, partial(read, bad=(0, 1))), tmp_path / "store", made_by={})
    assert not list(tmp_path.iterdir())


def test_a_name_twice_is_damage(tmp_path: Path) -> None:
    report = run_import(
        dataset(3, lambda number: read(number // 2)), tmp_path / "store", made_by={}
    )
    assert [entry["file"] for entry in report["damaged"]] == ["clip 0"]
    assert "got it twice" in report["damaged"][0]["reason"]


def test_processes_change_nothing(tmp_path: Path) -> None:
    made = dataset(150, partial(read, bad=(3, 70, 149)))
    run_import(made, tmp_path / "one", made_by={}, how=Importing(processes=1))
    run_import(made, tmp_path / "two", made_by={}, how=Importing(processes=2))
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_what_was_not_seen_is_in_no_other_place_at_another_rate(tmp_path: Path) -> None:
    """A joint that a program wrote as zeros was found half-way to the camera."""
    joints = np.random.default_rng(0).uniform(1, 2, (1, 9, 25, 3))
    joints[0, 4, 7], joints[0, 2, 9] = 0, -1

    def twice_as_fast(number: int) -> list[Clip]:
        return [Clip("clip", joints, 0, rate=15.0)]

    report = run_import(dataset(1, twice_as_fast), tmp_path / "store", made_by={})
    clip = Store(tmp_path / "store").clip(0)
    assert clip.shape[1] == 17
    assert np.nanmin(clip) >= 1
    assert np.isnan(clip[0, 8, 7]).all()
    assert np.isnan(clip[0, 4, 9]).all()
    assert "2 joints are exactly 0" in report["warnings"][-1]


def test_a_rate_that_nobody_knows_is_said(tmp_path: Path) -> None:
    unknown = dataset(3)
    unknown.rate = None
    report = run_import(unknown, tmp_path / "store", made_by={})
    assert any("frames a second are not known" in text for text in report["warnings"])


def test_a_clip_of_zeros_alone_is_damage(tmp_path: Path) -> None:
    """Nobody was seen in it: it would be a clip of nobody, which is trained on."""

    def zeros(number: int) -> list[Clip]:
        (clip,) = read(number)
        return [replace(clip, joints=clip.joints * (number != 1))]

    report = run_import(dataset(3, zeros), tmp_path / "store", made_by={})
    assert report["damaged"] == [
        {"file": "clip 1", "reason": "nobody is seen in any of 4 frames", "line": None}
    ]
    assert Store(tmp_path / "store").index["name"].tolist() == ["clip 0", "clip 2"]


@pytest.mark.parametrize("nobody", [0.0, np.nan])
def test_frames_of_nobody_before_and_after_a_clip_are_padding(
    tmp_path: Path, nobody: float
) -> None:
    """Clips that were padded to 300 frames counted as ten seconds of somebody in view."""
    joints = np.random.default_rng(0).normal(size=(1, 30, 25, 3))
    joints[:, [0, 1, 15, 28, 29]] = nobody

    def padded(number: int) -> list[Clip]:
        return [Clip("clip", joints, 0)]

    run_import(dataset(1, padded, padded=True), tmp_path / "store", made_by={})
    clip = Store(tmp_path / "store").clip(0)
    assert clip.shape[1] == 26
    assert np.isnan(clip[0, 13]).all(), "who is away in between stays away"


@given(
    st.lists(
        st.tuples(st.integers(0, 80), st.sampled_from([0.01, 0.012, 0.1])), min_size=1, max_size=5
    ),
    st.booleans(),
)
@example([(0, 0.01), (0, 0.01), (12, 0.01), (54, 0.1), (54, 0.1)], False)
@example([(40, 0.01), (11, 0.01)], False)
@example([(33, 0.01), (11, 0.01)], False)
@example([(3, 0.01), (1, 0.01)], False)
@example([(80, 0.01), (80, 0.024)], False)
@example([(80, 0.01), (80, 0.019)], False)
def test_whoever_is_seen_long_enough_stays_who_he_is(
    places: list[tuple[int, float]], chosen: bool
) -> None:
    """Of places for several people only empty ones and glimpses go, and who moves ten times as far
    as the first comes before him."""
    joints = np.full((len(places), 80, 25, 3), np.nan, np.float32)
    way = np.sin(np.arange(80))[:, None, None]
    for place, (frames, motion) in enumerate(places):
        joints[place, :frames] = place + motion * way[:frames]
    found, note = choose(joints, chosen)
    seen = [frames for frames, _ in places]
    kept = [int(np.round(person[0, 0, 0])) for person in found if np.isfinite(person).any()]
    if not any(seen):
        np.testing.assert_array_equal(found, joints)
        return
    if chosen:
        first = next(place for place, frames in enumerate(seen) if frames)
        np.testing.assert_array_equal(found, joints[first:])
        assert note.count("nobody is in place") == (first > 0)
        return
    long = [
        place
        for place, frames in enumerate(seen)
        if frames and (frames >= 12 or 3 * frames >= max(seen))
    ]
    assert sorted(kept) == long
    for place, person in zip(kept, found, strict=True):
        np.testing.assert_array_equal(person, joints[place])
    variance = [np.nanvar(person, axis=0).sum() for person in found]
    if kept[0] != long[0]:
        # Two may move equally far but for the rounding of where they are.
        assert variance[0] == pytest.approx(max(variance), rel=1e-3)
        assert variance[0] > 4 * variance[kept.index(long[0])] * 0.999
        assert f"person {kept[0] + 1} moves most and comes first" in note
    else:
        assert max(variance) <= 4 * variance[0] * 1.001
    assert kept[1:] == [place for place in long if place != kept[0]]


def test_notes_about_persons_say_who_is_meant_and_nothing_else() -> None:
    """The report's notes are read by people: an empty second place is usual, and who stands still
    does not move most."""
    still = np.ones((1, 20, 25, 3), np.float32)
    nobody = np.full_like(still, np.nan)
    glimpse = np.concatenate([still[:, :2], nobody[:, 2:]], axis=1)
    for places, kept, note in (
        ([still, nobody], [0], ""),
        ([still, 2 * still], [0, 1], ""),
        ([nobody, nobody, still], [2], "nobody is in place 1, 2"),
        ([still, glimpse, nobody, glimpse], [0], "left out 2 seen for less than 12 frames"),
    ):
        found, said = choose(np.concatenate(places))
        np.testing.assert_array_equal(found, np.concatenate([places[i] for i in kept]))
        assert said == note


def test_somebody_of_whom_a_joint_is_never_seen_is_no_ghost() -> None:
    """A hand behind the body would have lost a clip its second person."""
    joints = np.random.default_rng(0).normal(size=(2, 40, 25, 3)).astype(np.float32)
    joints[1, :, 7] = np.nan
    found, note = choose(joints)
    np.testing.assert_array_equal(found, joints)
    assert note == ""


def test_an_import_goes_on_with_the_same_files_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that were mended after a break were read as to one half."""
    monkeypatch.setattr(importer, "_SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    files = [tmp_path / f"{number}.txt" for number in range(4)]

    def read_one(file: Path, breaks: bool) -> list[Clip]:
        if breaks and file == files[2]:
            raise KeyboardInterrupt
        joints = np.full((1, 3, 25, 3), float(file.read_text()))
        return [Clip(file.stem, joints, 0, subject=1)]

    def take(depth: float, breaks: bool) -> None:
        for number, file in enumerate(files):
            file.write_text(str(depth + number))
        made = dataset(4, partial(read_one, breaks=breaks))
        made.sources = files
        run_import(made, tmp_path / "store", made_by={}, how=Importing(as_is=True))

    with pytest.raises(KeyboardInterrupt):
        take(1, breaks=True)
    take(11, breaks=False)
    store = Store(tmp_path / "store")
    assert [float(store.clip(i)[0, 0, 0, 0]) for i in range(4)] == [11, 12, 13, 14]


def _four_clips(format: str, first: int, folder: Path) -> None:
    """A source of four clips, written at a time of its own; the first one's label is given."""
    labels = [first, 1, 0, 1]
    joints = np.random.default_rng(0).normal(size=(4, 1, 12, 25, 3)).astype(np.float32)
    if format == "stgcn":
        np.save(folder / "train_data.npy", joints.transpose(0, 4, 2, 3, 1))
        (folder / "train_label.pkl").write_bytes(pickle.dumps((list("abcd"), labels)))
    elif format == "pyskl":
        clips = [
            {"frame_dir": name, "label": label, "keypoint": one}
            for name, label, one in zip("abcd", labels, joints, strict=True)
        ]
        (folder / "train.pkl").write_bytes(pickle.dumps(clips))
    else:
        for place in ("skeleton", "label"):
            (folder / place).mkdir(exist_ok=True)
        for number, one in enumerate(joints):
            name = f"A01N0{number + 1}-L.txt"
            frames = np.concatenate([one[0], 0 * one[0]], axis=1).reshape(12, 150)
            np.savetxt(folder / "skeleton" / name, frames)
            (folder / "label" / name).write_text(f"{labels[number] + 1},1,12,1\n")
    for file in folder.rglob("*.*"):
        os.utime(file, (first, first))


@pytest.mark.parametrize("format", ["stgcn", "pyskl", "pku-mmd"])
def test_labels_that_were_mended_after_a_break_are_those_of_all_clips(
    format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clips from before the break kept their wrong ones."""
    source, as_is = tmp_path / "set", Importing(as_is=True)
    source.mkdir()

    def broken_off(outcomes: Any, *_: Any, **__: Any) -> Iterator[Any]:
        yield next(iter(outcomes))
        raise KeyboardInterrupt

    _four_clips(format, 0, source)
    with monkeypatch.context() as once:
        once.setattr(importer, "progress", broken_off)
        with pytest.raises(KeyboardInterrupt):
            import_dataset(format, source, tmp_path / "store", how=as_is)
    assert (tmp_path / ".store.import.partial").is_dir()
    _four_clips(format, 1, source)
    import_dataset(format, source, tmp_path / "store", how=as_is)
    assert Store(tmp_path / "store").index["label"].tolist() == [1, 1, 0, 1]


@pytest.mark.parametrize("seconds", [0.0, 1000.0])
def test_a_break_and_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(importer, "_SECONDS_BETWEEN_CHECKPOINTS", seconds)
    seen: list[int] = []

    def broken(number: int, until: int) -> list[Clip]:
        if number == until:
            raise KeyboardInterrupt
        seen.append(number)
        return read(number, bad=(1, 8))

    for until in (4, 10):
        with pytest.raises(KeyboardInterrupt):
            run_import(
                dataset(12, partial(broken, until=until)), tmp_path / "store", made_by={"x": 1}
            )
        assert not (tmp_path / "store").exists()
    run_import(dataset(12, partial(broken, until=99)), tmp_path / "store", made_by={"x": 1})
    assert seen == list(range(12)), "no source is read twice"
    run_import(dataset(12, partial(read, bad=(1, 8))), tmp_path / "whole", made_by={"x": 1})
    assert files_of(tmp_path / "store") == files_of(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "whole"]


@pytest.mark.parametrize("where", ["list", "file"])
def test_damage_before_a_break_is_damage_after_it(tmp_path: Path, where: str) -> None:
    """What was found while listing was forgotten; who is strict the second time has no store in
    which clips are left out."""
    listed = [DamagedError(Path("toys/list 1"), "expected something else", 7)] * (where == "list")

    def take(breaks: bool, strict: bool) -> dict[str, Any]:
        def one(number: int) -> list[Clip]:
            if breaks and number == 4:
                raise KeyboardInterrupt
            return read(number, bad=(1,) if where == "file" else ())

        made = dataset(6, one, damaged=listed)
        return run_import(made, tmp_path / "store", made_by={}, how=Importing(strict=strict))

    with pytest.raises(KeyboardInterrupt):
        take(breaks=True, strict=False)
    with pytest.raises(InputError, match=f"{where} 1: line 7: expected something else"):
        take(breaks=False, strict=True)
    with pytest.raises(KeyboardInterrupt):
        take(breaks=True, strict=False)
    report = take(breaks=False, strict=False)
    assert [damage["file"] for damage in report["damaged"]] == [f"{where} 1"]
    assert report["notes"] == [{"clip": "clip 2", "note": "odd"}]


def test_ctrl_c_loses_nothing_and_is_the_programs_own_again_afterwards(tmp_path: Path) -> None:
    seen: list[int] = []

    def stopped(number: int, at: int) -> list[Clip]:
        seen.append(number)
        if number == at:
            os.kill(os.getpid(), signal.SIGINT)
        return read(number)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run_import(dataset(6, partial(stopped, at=3)), tmp_path / "store", made_by={})
    assert signal.getsignal(signal.SIGINT) is before
    # A page may import in a thread, which gets no signals.
    last = partial(run_import, dataset(6, partial(stopped, at=-1)), tmp_path / "store", made_by={})
    with ThreadPoolExecutor() as pool:
        assert pool.submit(last).result()["clips"] == 6
    assert seen == list(range(6))
    run_import(dataset(3), tmp_path / "other", made_by={})
    assert signal.getsignal(signal.SIGINT) is before


def broken(number: int) -> list[Clip]:
    if number == 4:
        raise KeyboardInterrupt
    return read(number)


def test_a_break_of_another_import_is_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "_SECONDS_BETWEEN_CHECKPOINTS", 0.0)

    with pytest.raises(KeyboardInterrupt):
        run_import(dataset(12, broken), tmp_path / "store", made_by={"bodies": "first-two"})
    report = run_import(dataset(3), tmp_path / "store", made_by={"bodies": "denoise"})
    assert report["clips"] == 3
    assert check(Store(tmp_path / "store")) == []


def test_a_torn_journal_loses_no_more_than_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "_SECONDS_BETWEEN_CHECKPOINTS", 0.0)

    with pytest.raises(KeyboardInterrupt):
        run_import(dataset(6, broken), tmp_path / "store", made_by={})
    (partial_store,) = tmp_path.iterdir()
    journal = partial_store / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    run_import(dataset(6), tmp_path / "store", made_by={})
    run_import(dataset(6), tmp_path / "whole", made_by={})
    assert files_of(tmp_path / "store") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("lost", [1, 100, 400])
def test_joints_that_a_power_cut_took_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    """Up to 128 bytes that were lost became zeros, and after a second break the clips before it
    were missing."""
    monkeypatch.setattr(importer, "_SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    joints = tmp_path / ".store.import.partial" / "joints.npy"
    for cut in (lost, 0):
        with pytest.raises(KeyboardInterrupt):
            run_import(dataset(6, broken), tmp_path / "store", made_by={})
        os.truncate(joints, joints.stat().st_size - cut)
    run_import(dataset(6), tmp_path / "store", made_by={})
    run_import(dataset(6), tmp_path / "whole", made_by={})
    assert files_of(tmp_path / "store") == files_of(tmp_path / "whole")


def test_two_imports_at_once(tmp_path: Path) -> None:
    with only_one(tmp_path / "store"), pytest.raises(InputError, match="another one is at work"):
        run_import(dataset(3), tmp_path / "store", made_by={})
    run_import(dataset(3), tmp_path / "store", made_by={})
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_checking_finds_a_changed_byte(tmp_path: Path) -> None:
    run_import(dataset(5), tmp_path / "store", made_by={})
    store = Store(tmp_path / "store")
    joints = tmp_path / "store" / "joints.npy"
    content = bytearray(joints.read_bytes())
    content[len(content) - len(store.joints) * 300 + int(store.index["offset"][3]) * 300 + 5] ^= 1
    joints.write_bytes(content)
    assert check(Store(tmp_path / "store")) == ["clip 3"]


def test_a_killed_import_leaves_no_store_and_goes_on(tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(
        "import sys, time\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from tests.datasets.test_import import dataset, read\n"
        "from skedge.datasets import importer\n"
        "importer._SECONDS_BETWEEN_CHECKPOINTS = 0.0\n"
        "def slow(number):\n"
        "    time.sleep(0.02)\n"
        "    return read(number)\n"
        "importer.run_import(dataset(1000, slow), sys.argv[1], made_by={})\n"
    )
    process = subprocess.Popen(
        [sys.executable, script, tmp_path / "store", Path(__file__).parents[2]],
        stderr=subprocess.PIPE,
    )
    journal = tmp_path / ".store.import.partial" / "journal.jsonl"
    until = time.monotonic() + 60
    while time.monotonic() < until and not (
        journal.exists() and journal.read_bytes().count(b"\n") > 5
    ):
        time.sleep(0.05)
    with pytest.raises(InputError, match="another one is at work"):
        run_import(dataset(1000), tmp_path / "store", made_by={})
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "store").exists()
    done = journal.read_bytes().count(b"\n") - 1
    seen: list[int] = []
    report = run_import(
        dataset(1000, lambda number: [seen.append(number), *read(number)][1:]),
        tmp_path / "store",
        made_by={},
    )
    assert report["clips"] == 1000
    assert len(seen) == 1000 - done
    assert check(Store(tmp_path / "store")) == []
