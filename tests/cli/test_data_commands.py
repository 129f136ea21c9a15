"""The commands on data: what is damaged, hostile or interrupted."""

import errno
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skedge.cli.main import main
from skedge.datasets.store import Store, StoreWriter
from skedge.skeleton import load_layout
from tests.cli.conftest import Refused
from tests.cli.typed import ctrl_c_works, skedge
from tests.skeleton.people import people


def test_an_empty_split(tmp_path: Path, refused: Refused) -> None:
    with StoreWriter(
        tmp_path / "store", name="x", layout=load_layout("ntu25"), labels=["a", "b"], rate=30.0
    ) as writer:
        for label in (0, 1):
            writer.add(f"clip {label}", np.zeros((1, 9, 25, 3), np.float32), label=label)
        writer.protocol("xsub", lambda index: np.ones(len(index), np.int8))
    refused(
        "evaluate",
        "ridge",
        "--data",
        tmp_path / "store",
        "--out",
        tmp_path / "x",
        words=["xsub", "test"],
    )


def test_a_pickle_that_runs_code_runs_nothing(tmp_path: Path, refused: Refused) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, (f"touch '{tmp_path}/ran'",)

    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"split": {}, "annotations": [Evil()]}))
    refused(
        "data", "import", "pyskl", tmp_path / "evil.pkl", tmp_path / "store", words=["evil.pkl"]
    )
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("named", [(), (tempfile.gettempdir(),)])
def test_a_full_disk_names_the_store_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused, named: tuple[str, ...]
) -> None:
    """It said `data synth: No space left on device`; and of the folder of what passes, which
    nobody has named, that one could write elsewhere."""

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", *named)

    monkeypatch.setattr("skedge.datasets.store.writer._sync", full)
    store = tmp_path / "store"
    place, other = (
        (named[0], "name another folder in TMPDIR") if named else (store, "write elsewhere")
    )
    said = f"skedge: {place}: No space left on device; make room there, or {other}\n"
    refused("data", "synth", store, "--subjects", 3, "--clips", 1, words=[said])
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_store(store: Path, tmp_path: Path, refused: Refused) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in store.iterdir():
        content = file.read_bytes()
        (copy / file.name).write_bytes(
            content[: len(content) // 2] if file.name == "joints.npy" else content
        )
    refused("data", "info", copy, words=["joints.npy"])
    assert len(Store(store)) == 42


def test_an_import_with_damage_a_check_and_a_split(tmp_path: Path) -> None:
    (tmp_path / "my clips").mkdir()
    names = [f"clip {i}" for i in range(6)]
    for i, name in enumerate(names):
        np.savez(
            tmp_path / "my clips" / f"{name}.npz", np.random.default_rng(i).normal(size=(9, 20, 3))
        )
    (tmp_path / "my clips" / "clip 5.npz").write_bytes(b"PK")
    lines = [
        "file,label,subject",
        *(f"{name}.npz,{'ab'[i % 2]},{i}" for i, name in enumerate(names)),
    ]
    (tmp_path / "my clips" / "clips.csv").write_text("\n".join(lines))
    store = tmp_path / "a store"
    command = ["data", "import", "arrays", tmp_path / "my clips", store, "--layout", "kinect20"]
    strict = skedge(*command, "--strict")
    assert (strict.returncode, len(strict.stderr.splitlines())) == (2, 1)
    assert "clip 5.npz" in strict.stderr
    assert not store.exists()

    done = skedge(*command)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["clips"] == 5
    assert "1 of 6 files left out" in done.stderr
    assert (
        json.loads((store / "import-report.json").read_text())["damaged"][0]["file"] == "clip 5.npz"
    )

    split = skedge("data", "split", store, "half", "--share", "0.5")
    assert json.loads(split.stdout)["protocols"]["half"] == {"train": 2, "test": 2}
    assert skedge("data", "split", store, "x").returncode == 2
    assert "5 clips are as they were written" in skedge("data", "check", store).stdout
    joints = bytearray((store / "joints.npy").read_bytes())
    joints[-3] ^= 1
    (store / "joints.npy").write_bytes(joints)
    checked = skedge("data", "check", store)
    assert (checked.returncode, "clip 4" in checked.stderr) == (2, True)


def test_an_error_is_one_line_whatever_a_folder_is_called(tmp_path: Path) -> None:
    done = skedge("data", "info", tmp_path / "two\nlines\x1b[31m")
    assert done.returncode == 2
    assert done.stderr.startswith("skedge: ")
    assert "two lines\N{REPLACEMENT CHARACTER}[31m: expected a store's folder" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_note_is_one_line_whatever_a_file_is_called(tmp_path: Path) -> None:
    """It was two, and a terminal obeyed what is in such a name."""
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in ("a.npy", "b.npy", "two\nlines\x1b[31m.npy"):
        np.save(clips / name, np.random.default_rng(0).normal(size=(9, 20, 3)))
    (clips / "clips.csv").write_text("file,label\na.npy,wave\nb.npy,clap\nb.npy,\n")
    done = skedge("data", "import", "arrays", clips, tmp_path / "store", "--layout", "kinect20")
    assert done.returncode == 0
    notes = done.stderr.splitlines()
    assert all(note.startswith("note: ") and note.isprintable() for note in notes), notes
    assert any("such as two lines\N{REPLACEMENT CHARACTER}[31m.npy" in note for note in notes)
    assert "note: 1 damaged part of 2 files left out" in done.stderr


def test_ctrl_c_in_an_import_leaves_no_store_and_it_goes_on(tmp_path: Path) -> None:
    source = tmp_path / "raw"
    source.mkdir()
    line = "0.1 0.2 3.0 " + " ".join("1" * 9) + "\n"
    frame = "1\n7 " + " ".join("0" * 9) + "\n25\n" + line * 25
    for i in range(3000):
        (source / f"S001C001P{i // 60 + 1:03}R001A{i % 60 + 1:03}.skeleton").write_text(
            "30\n" + frame * 30
        )
    command = [
        sys.executable,
        "-m",
        "skedge",
        "data",
        "import",
        "ntu60",
        source,
        tmp_path / "store",
        "--processes",
        "2",
    ]
    process = subprocess.Popen(
        list(map(str, command)),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=ctrl_c_works,
    )
    partial = tmp_path / ".store.import.partial" / "joints.npy"
    until = time.monotonic() + 60
    while time.monotonic() < until and not (partial.exists() and partial.stat().st_size > 100_000):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the processes that read get it too
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert (len(stderr.splitlines()), "goes on" in stderr) == (1, True), stderr
    assert not (tmp_path / "store").exists()
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["clips"] == 3000


def test_a_split_that_one_of_merged_stores_lacks_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All clips of that store train in it, also those that test in its own splits; nothing said
    so."""
    one, other = (str(tmp_path / name) for name in ("one", "other"))
    for path, first in ((one, 0), (other, 2)):
        with StoreWriter(
            path, name=path[-3:], layout=load_layout("ntu25"), labels=["a", "b"], rate=30.0
        ) as writer:
            for number, joints in enumerate(people()[first : first + 2]):
                writer.add(f"clip {number}", joints, label=number)
            if path == one:
                writer.protocol("few", lambda index: np.array([1, 3]))
    main(["data", "merge", str(tmp_path / "all"), one, other])
    note = f"note: {other} has no split few: all of its clips train in it\n"
    assert capsys.readouterr().err == note


def test_a_clip_is_drawn_where_nobody_trains(store: Path, tmp_path: Path) -> None:
    """Who looked at a take on a Pi was sent to the extra for training, two gigabytes for a
    picture."""
    blocked = "import sys; sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(',')))"
    command = [sys.executable, "-c", f"{blocked}; from skedge.cli import main; main()"]
    shown = ["data", "show", store, "a01_s01_t01", tmp_path / "wave.gif"]
    trains = "torch,lightning,scipy,sklearn,safetensors,onnx"
    subprocess.run([*command, trains, *shown], check=True, capture_output=True)
    assert (tmp_path / "wave.gif").read_bytes().startswith(b"GIF")
    for missing in ("matplotlib", "PIL"):
        done = subprocess.run([*command, missing, *shown], capture_output=True, text=True)
        assert done.returncode == 2
        assert '[draw]"' in done.stderr
