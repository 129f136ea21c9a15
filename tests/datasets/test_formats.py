"""The readers of PKU-MMD, MSR-Action3D, NW-UCLA, the arrays of ST-GCN and CTR-GCN, and own
clips."""

import codecs
import csv
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skedge.datasets.formats.pku_mmd import LABELS as PKU_LABELS
from skedge.datasets.importer import Importing
from skedge.datasets.readers import import_dataset
from skedge.datasets.store import Store
from skedge.skeleton import InputError, load_layout

RNG = np.random.default_rng(0)


def reasons(report: dict[str, Any]) -> dict[str, tuple[str, int | None]]:
    return {entry["file"]: (entry["reason"], entry["line"]) for entry in report["damaged"]}


# PKU-MMD


def test_pku_instances(dataset: Callable[[str], Path], tmp_path: Path) -> None:
    source = dataset("pku-format-toy")
    report = import_dataset("pku-mmd", source, tmp_path / "store")
    store = Store(tmp_path / "store")
    assert (report["damaged"], [str(name) for name in store.index["name"]]) == (
        [],
        ["0002-L-001", "0002-L-002", "0003-M-001", "0003-M-002"],
    )
    assert (store.index["label"].tolist(), store.index["camera"].tolist()) == (
        [4, 50, 11, 0],
        [1, 1, 2, 2],
    )
    assert store.rate == 30
    assert store.index["frames"].tolist() == [50, 300, 50, 61]
    assert store.codes("xsub").tolist() == store.codes("xview").tolist() == [1, 1, 3, 3]
    rows = (
        np.loadtxt(source / "skeleton" / "0003-M.txt")[199:260]
        .reshape(61, 2, 25, 3)
        .transpose(1, 0, 2, 3)
    )
    got = np.nan_to_num(store.clip(3))
    np.testing.assert_allclose(got, rows[: len(got)], rtol=1e-6)
    assert not rows[len(got) :].any()


def test_pku_recordings(dataset: Callable[[str], Path], tmp_path: Path) -> None:
    import_dataset("pku-mmd", dataset("pku-format-toy"), tmp_path / "store", continuous=True)
    store = Store(tmp_path / "store")
    assert store.index["frames"].tolist() == [400, 300]
    assert store.intervals.tolist() == [
        (0, 4, 9, 59),
        (0, 50, 99, 399),
        (1, 11, 139, 189),
        (1, 0, 199, 260),
    ]
    assert store.index["label"].tolist() == [50, 0], "that of most frames"
    assert store.codes("xview").tolist() == [1, 3]
    assert len(set(PKU_LABELS)) == 51


@pytest.mark.parametrize(
    ("file", "change", "reason", "line", "left"),
    [
        ("skeleton", lambda text: text[:-50], "expected 150 numbers, got 14", 20, 0),
        (
            "skeleton",
            lambda text: text.replace("0.5", "O.5", 1),
            "expected numbers, got 'O.5",
            1,
            0,
        ),
        (
            "skeleton",
            lambda text: text.replace("0.5", "nan", 1),
            "expected numbers, got 'nan",
            1,
            0,
        ),
        ("skeleton", lambda text: "", "got an empty file", None, 0),
        (
            "skeleton",
            lambda text: "0 " * 150 + "\n",
            "expected a body, got none in 1 frame",
            None,
            0,
        ),
        ("label", lambda text: "3,5,22,1\n", "class 3 in 5 to 22", 1, 0),
        (
            "label",
            lambda text: text + "52,1,2,1\n",
            "expected a class from 1 to 51 in frames 1 to 20",
            2,
            1,
        ),
        (
            "label",
            lambda text: "\n3;1;2;1\n" + text + "3,1,2,1\n",
            "expected class,start,end,confidence",
            2,
            2,
        ),
        ("label", lambda text: "\n", "expected labelled instances, got none", None, 0),
    ],
)
@pytest.mark.parametrize("continuous", [False, True])
def test_pku_damage(
    tmp_path: Path,
    file: str,
    change: Callable[[str], str],
    reason: str,
    line: int | None,
    left: int,
    continuous: bool,
) -> None:
    for folder in ("skeleton", "label"):
        (tmp_path / "pku" / folder).mkdir(parents=True)
    frames = (
        "\n".join(" ".join(f"{0.5 + i / 1000:.4f}" for i in range(150)) for _ in range(20)) + "\n"
    )
    for name in ("A01N01-L", "A01N02-R"):
        (tmp_path / "pku" / "skeleton" / f"{name}.txt").write_text(frames)
        (tmp_path / "pku" / "label" / f"{name}.txt").write_text("7,2,20,1\n")
    path = tmp_path / "pku" / file / "A01N02-R.txt"
    path.write_text(change(path.read_text()))
    found = reasons(
        import_dataset("pku-mmd", tmp_path / "pku", tmp_path / "store", continuous=continuous)
    )
    ((name, (got, at)),) = found.items()
    assert name == f"{file}/A01N02-R.txt"
    assert reason in got
    assert line in (None, at)
    assert len(Store(tmp_path / "store")) == 1 + (min(left, 1) if continuous else left)


def test_pku_instances_in_which_nobody_is_seen_are_damage(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).uniform(0.5, 1, (20, 150)).round(4)
    frames[5:10] = 0
    for folder, rows in (
        ("skeleton", [" ".join(map(str, row)) for row in frames]),
        ("label", ["7,2,5,1", "8,6,10,1", "9,9,12,1"]),
    ):
        (tmp_path / "pku" / folder).mkdir(parents=True)
        (tmp_path / "pku" / folder / "A01N01-L.txt").write_text("\n".join(rows) + "\n")
    report = import_dataset("pku-mmd", tmp_path / "pku", tmp_path / "store")
    assert reasons(report) == {
        "skeleton/A01N01-L.txt": ("expected a body in frames 6 to 10, got none", 6)
    }
    store = Store(tmp_path / "store")
    assert store.index["name"].tolist() == ["A01N01-L-001", "A01N01-L-003"]
    assert store.index["frames"].tolist() == [4, 4]


def test_pku_instances_the_other_way_round_and_both_parts_in_one_folder(tmp_path: Path) -> None:
    frames = (
        "\n".join(" ".join(f"{0.5 + t + i / 1000:.4f}" for i in range(150)) for t in range(20))
        + "\n"
    )
    for part, name in (("v1", "0002-L"), ("v2", "A01N02-R")):
        for folder, content in (("skeleton", frames), ("Label_PKUMMD", "7,12,3,1\n8,14,20,1\n")):
            (tmp_path / "pku" / part / folder).mkdir(parents=True)
            (tmp_path / "pku" / part / folder / f"{name}.txt").write_text(content)
    for split, lines in (
        ("v1/cross_subject", ("0002-L, ", "0003-R")),
        ("v2/cross_subject_v2", ("A01N03-L, ", "A01N02-R")),
    ):
        (tmp_path / "pku" / f"{split}.txt").write_text(
            f"Training\n{lines[0]}\nValidation\n{lines[1]}\n"
        )
    report = import_dataset("pku-mmd", tmp_path / "pku", tmp_path / "store")
    store = Store(tmp_path / "store")
    assert store.index[["label", "frames"]].tolist() == [(6, 10), (7, 7)] * 2
    np.testing.assert_allclose(store.clip(0)[0, :, 0, 0], 0.5 + np.arange(2, 12))
    assert store.codes("xsub").tolist() == [1, 1, 3, 3]
    assert [note["clip"] for note in report["notes"]] == ["0002-L-001", "A01N02-R-001"]


def _pku(folder: Path, **labels: str) -> np.ndarray:
    """Recordings of 60 frames with such label files, as they are named: 0002-L is _0002_L. The
    joints (60, 150)."""
    frames = np.random.default_rng(0).uniform(0.5, 1, (60, 150)).round(4)
    for kind in ("skeleton", "label"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for name, content in labels.items():
        file = f"{name.strip('_').replace('_', '-')}.txt"
        np.savetxt(folder / "skeleton" / file, frames, fmt="%.4f")
        (folder / "label" / file).write_text(content)
    return frames


def test_a_recording_of_pku_has_the_label_of_most_of_its_frames(tmp_path: Path) -> None:
    """And what is odd about its instances is in the report, L, M and R are three cameras, and how
    many recordings both parts have is known."""
    labels = {"_0002_L": "7,1,20,1\n8,50,59,1\n", "A01N01_M": "9,20,3,1\n", "A01N01_R": "9,3,9,1\n"}
    _pku(tmp_path / "pku", **labels)
    report = import_dataset("pku-mmd", tmp_path / "pku", tmp_path / "store", continuous=True)
    store = Store(tmp_path / "store")
    assert store.index["label"].tolist() == [6, 8, 8]
    assert store.index["camera"].tolist() == [1, 2, 3]
    note = "labelled from frame 20 to 3, taken the other way round"
    assert report["notes"] == [{"clip": "A01N01-M", "note": note}]
    assert report["mismatches"] == [f"clips: expected {1076 + 1009} clips, got 3"]


@pytest.mark.parametrize(("name", "published"), [("_0002_L", 1076), ("A01N01_L", 1009)])
def test_how_many_recordings_each_part_of_pku_has_is_known(
    tmp_path: Path, name: str, published: int
) -> None:
    _pku(tmp_path / "pku", **{name: "7,1,20,1\n"})
    report = import_dataset("pku-mmd", tmp_path / "pku", tmp_path / "store", continuous=True)
    assert report["mismatches"] == [f"clips: expected {published} clips, got 1"]


def test_recordings_and_labels_of_pku_that_do_not_belong_together(tmp_path: Path) -> None:
    _pku(tmp_path / "pku", _0002_L="7,1,20,1\n", _0003_L="7,1,20,1\n")
    (tmp_path / "pku/label/0003-L.txt").unlink()
    report = import_dataset("pku-mmd", tmp_path / "pku", tmp_path / "store")
    assert (report["clips"], report["left_out"]) == (1, {"without labels": 1})
    # The labels are those of another part: "all of 0 files are damaged" was all that was said.
    (tmp_path / "pku/label/0002-L.txt").rename(tmp_path / "pku/label/A01N01-L.txt")
    with pytest.raises(InputError, match=r"got 0002-L.txt and A01N01-L.txt: are both of one part"):
        import_dataset("pku-mmd", tmp_path / "pku", tmp_path / "x")
    (tmp_path / "pku/label/A01N01-L.txt").unlink()
    with pytest.raises(InputError, match=r"and a folder of label files, got 2 and 0$"):
        import_dataset("pku-mmd", tmp_path / "pku", tmp_path / "x")


@pytest.mark.parametrize("lines", ["", "Training\n", "Training\n0002-L\nValidation\n"])
def test_a_split_of_pku_that_is_cut_off_is_named(tmp_path: Path, lines: str) -> None:
    _pku(tmp_path / "pku", _0002_L="7,1,20,1\n")
    (tmp_path / "pku/cross-view.txt").write_text(lines)
    with pytest.raises(InputError, match=r"cross-view.txt: expected training names in line 2 and"):
        import_dataset("pku-mmd", tmp_path / "pku", tmp_path / "store")


def test_an_instance_of_pku_of_a_single_frame_is_one(tmp_path: Path) -> None:
    _pku(tmp_path / "pku", _0002_L="7,1,20,1\n8,60,60,1\n")
    report = import_dataset("pku-mmd", tmp_path / "pku", tmp_path / "store")
    assert Store(tmp_path / "store").index["frames"].tolist() == [20, 1]
    assert (report["damaged"], report["notes"]) == ([], [])


def test_files_of_pku_that_an_editor_saved_anew_are_the_same(tmp_path: Path) -> None:
    """Behind its mark the first instance was lost, or all of a recording."""
    frames = _pku(tmp_path / "pku", _0002_L="7,1,20,1\n8,50,59,1\n")
    for file in (tmp_path / "pku").rglob("*.txt"):
        file.write_bytes(codecs.BOM_UTF8 + file.read_bytes().replace(b"\n", b"\r\n"))
    report = import_dataset("pku-mmd", tmp_path / "pku", tmp_path / "store")
    assert (report["damaged"], report["clips"]) == ([], 2)
    expected = frames[:20].reshape(20, 2, 25, 3).swapaxes(0, 1)
    np.testing.assert_allclose(Store(tmp_path / "store").clip(0), expected, rtol=1e-6)


# MSR-Action3D


def test_msr_action3d(dataset: Callable[[str], Path], tmp_path: Path) -> None:
    source = dataset("msr-action3d")
    report = import_dataset("msr-action3d", source, tmp_path / "store")
    store = Store(tmp_path / "store")
    assert (report["clips"], report["damaged"], report["mismatches"]) == (557, [], [])
    assert report["left_out"] == {"not on the list of files used": 10}
    assert (store.rate, store.layout.name, len(store.labels)) == (15.0, "msr20", 20)
    assert set(store.index["subject"][store.split("xsub", "train")].tolist()) == {1, 3, 5, 7, 9}
    assert len(report["notes"]) == int(
        sum(np.isnan(store.clip(i)).any() for i in range(len(store)))
    )
    rows = np.loadtxt(source / "real_world_coordinates" / "a07_s04_e02_skeleton3D.txt")[
        :, :3
    ].reshape(-1, 20, 3)
    np.testing.assert_allclose(store.clip(store.find("a07_s04_e02"))[0], rows, rtol=1e-6)


def test_msr_action3d_without_its_list(dataset: Callable[[str], Path], tmp_path: Path) -> None:
    source = dataset("msr-action3d") / "real_world_coordinates"
    shutil.copytree(source, tmp_path / "clips", ignore=shutil.ignore_patterns("files_used*"))
    report = import_dataset("msr-action3d", tmp_path / "clips", tmp_path / "store")
    assert report["sources"] == 567
    assert all("only zeros" in entry["reason"] for entry in report["damaged"])
    assert len(report["damaged"]) == 1
    assert "clips: expected 557 clips, got 566" in report["mismatches"]


def test_msr_damage(tmp_path: Path) -> None:
    good = "0.1 0.2 0.3 1.0\n" * 40
    for e, content in enumerate(
        (good, good[:-16], good[:-4], good.replace("0.2", "x", 1), "", "0 0 0 0\n" * 40), 1
    ):
        (tmp_path / f"a01_s01_e{e:02}_skeleton3D.txt").write_text(content)
    (tmp_path / "a21_s01_e01_skeleton3D.txt").write_text(good)
    found = reasons(import_dataset("msr-action3d", tmp_path, tmp_path / "store"))
    assert "expected 20 joints a frame, got 39 lines" in found["a01_s01_e02_skeleton3D.txt"][0]
    assert found["a01_s01_e03_skeleton3D.txt"] == (
        "expected 4 numbers, got 3; is it truncated?",
        40,
    )
    assert found["a01_s01_e04_skeleton3D.txt"] == ("expected numbers, got 'x'", 1)
    assert len(found) == 6


# NW-UCLA


def test_nw_ucla(tmp_path: Path) -> None:
    clips = {
        f"a{a:02}_s{s:02}_e00_v0{v}": RNG.normal(size=(7, 20, 3))
        for a in (1, 8, 12)
        for s in (1, 2)
        for v in (1, 2, 3)
    }
    (tmp_path / "all_sqe").mkdir()
    for name, joints in clips.items():
        document = {"file_name": name, "skeletons": joints.tolist(), "label": 3}
        (tmp_path / "all_sqe" / f"{name}.json").write_text(json.dumps(document))
    bad = {
        "truncated": json.dumps({"skeletons": RNG.normal(size=(7, 20, 3)).tolist()})[:500],
        "no key": "{}",
        "a list": "[1]",
        "ragged": '{"skeletons": [[[1, 2, 3]], [[1]]]}',
        "25 joints": json.dumps({"skeletons": np.ones((2, 25, 3)).tolist()}),
        "no frames": '{"skeletons": []}',
        "text": '{"skeletons": [[["a", "b", "c"]]]}',
        "nan": json.dumps({"skeletons": np.full((2, 20, 3), np.nan).tolist()}),
        "deep": "[" * 100_000,
        "large": '{"skeletons": [[[1' + "0" * 5000 + ", 2, 3]]]}",
        "zeros": json.dumps({"skeletons": np.zeros((2, 20, 3)).tolist()}),
    }
    for e, content in enumerate(bad.values(), 1):
        (tmp_path / "all_sqe" / f"a01_s01_e{e:02}_v01.json").write_text(content)
    (tmp_path / "all_sqe" / "a07_s01_e01_v01.json").write_text(
        json.dumps({"skeletons": np.ones((2, 20, 3)).tolist()})
    )
    for other in ("._a01_s01_e00_v01.json", "train_label.pkl", "readme.json"):
        (tmp_path / "all_sqe" / other).write_bytes(b"\0\5\26\7")
    report = import_dataset("nw-ucla", tmp_path, tmp_path / "store")
    store = Store(tmp_path / "store")
    assert len(report["damaged"]) == len(bad) + 1
    assert [store.labels[i] for i in (0, 6, 9)] == ["pick up with one hand", "donning", "carry"]
    assert len(store.labels) == 10
    assert sorted(set(store.index["label"].tolist())) == [0, 6, 9]
    assert (len(store.split("xview", "train")), len(store.split("xview", "test"))) == (12, 6)
    assert set(store.index["camera"][store.split("xview", "test")]) == {3}
    for i, name in enumerate(store.index["name"]):
        np.testing.assert_allclose(store.clip(i)[0], clips[str(name)], rtol=1e-5)
    zipped = shutil.make_archive(str(tmp_path / "all_sqe"), "zip", tmp_path, "all_sqe")
    import_dataset("nw-ucla", Path(zipped), tmp_path / "from a zip", rate=15.0)
    again = Store(tmp_path / "from a zip")
    np.testing.assert_array_equal(again.index, store.index)
    assert (store.rate, again.rate) == (None, 15.0)


def test_names_of_nw_ucla_say_action_person_and_view(tmp_path: Path) -> None:
    """The set has no actions 7 and 10; the others are its ten classes, in their order."""
    named = {
        1: "pick up with one hand",
        2: "pick up with two hands",
        3: "drop trash",
        4: "walk around",
        5: "sit down",
        6: "stand up",
        8: "donning",
        9: "doffing",
        11: "throw",
        12: "carry",
    }
    for action in named:
        content = json.dumps({"skeletons": RNG.normal(size=(1, 20, 3)).tolist()})
        name = f"A{action:02}_S0{action % 3 + 1}_E04_V0{action % 2 + 1}.JSON"
        (tmp_path / name).write_bytes(codecs.BOM_UTF8 + content.encode())
    report = import_dataset(
        "nw-ucla", tmp_path, tmp_path / "store", rate=15.0, how=Importing(as_is=True)
    )
    store = Store(tmp_path / "store")
    assert [store.labels[label] for label in store.index["label"]] == list(named.values())
    assert store.index["subject"].tolist() == [action % 3 + 1 for action in named]
    assert store.index["camera"].tolist() == [action % 2 + 1 for action in named]
    assert report["mismatches"] == [
        "clips: expected 1484 clips, got 10",
        "xview train: expected 1020 clips, got 10",
        "xview test: expected 464 clips, got 0",
    ]


@pytest.mark.parametrize("number", [1e39, -1e300, float("nan"), float("inf"), None])
def test_numbers_of_nw_ucla_that_are_no_places_are_damage(
    tmp_path: Path, number: float | None
) -> None:
    skeletons = RNG.normal(size=(3, 20, 3)).tolist()
    skeletons[1][4][2] = number
    (tmp_path / "a01_s01_e01_v01.json").write_text(json.dumps({"skeletons": skeletons}))
    with pytest.raises(InputError, match="expected coordinates in metres, got NaN or infinity"):
        import_dataset("nw-ucla", tmp_path, tmp_path / "store")


# ST-GCN and CTR-GCN


def padded(count: int, people: int = 1) -> np.ndarray:
    """(N, M, T, V, 3) padded to 12 frames and 2 persons."""
    joints = np.zeros((count, 2, 12, 25, 3), np.float32)
    for i in range(count):
        joints[i, :people, : 4 + i] = RNG.normal(size=(people, 4 + i, 25, 3))
    return joints


def test_stgcn(tmp_path: Path) -> None:
    data = {"train": padded(3), "val": padded(2, 2)}
    names = {
        "train": [f"S001C00{i + 1}P001R001A00{i + 1}.skeleton" for i in range(3)],
        "val": ["one", "two"],
    }
    for part, joints in data.items():
        np.save(tmp_path / f"{part}_data.npy", joints.transpose(0, 4, 2, 3, 1))
        (tmp_path / f"{part}_label.pkl").write_bytes(
            pickle.dumps((names[part], [0, 1, 2][: len(joints)]))
        )
    report = import_dataset("stgcn", tmp_path, tmp_path / "store")
    store = Store(tmp_path / "store")
    assert (report["clips"], report["damaged"], store.labels) == (5, [], ("0", "1", "2"))
    assert [str(name) for name in store.index["name"][2:4]] == ["S001C003P001R001A003", "one"]
    assert store.index[["frames", "persons", "camera"]].tolist() == [
        (4, 1, 1),
        (5, 1, 2),
        (6, 1, 3),
        (4, 2, -1),
        (5, 2, -1),
    ]
    assert store.codes("official").tolist() == [1, 1, 1, 3, 3]
    np.testing.assert_array_equal(store.clip(4), data["val"][1, :, :5])

    data["train"][1, 0, 2, 3] = np.nan
    data["train"][2] = 0
    np.save(tmp_path / "train_data.npy", data["train"].transpose(0, 4, 2, 3, 1))
    damaged = import_dataset("stgcn", tmp_path, tmp_path / "other")["damaged"]
    assert ["only zeros" in one["reason"] for one in damaged] == [True]
    absent = np.isnan(Store(tmp_path / "other").clip(1)).any(axis=-1)
    assert np.argwhere(absent).tolist() == [[0, 2, 3]]
    (tmp_path / "train_data.npy").write_bytes((tmp_path / "train_data.npy").read_bytes()[:3000])
    with pytest.raises(InputError, match=r"train_data.npy: expected an array, .* truncated"):
        import_dataset("stgcn", tmp_path, tmp_path / "x")


def test_ctrgcn(tmp_path: Path) -> None:
    x = {"train": padded(3), "test": padded(2, 2)}
    arrays = {
        f"x_{part}": joints.transpose(0, 2, 1, 3, 4).reshape(len(joints), 12, 150)
        for part, joints in x.items()
    }
    arrays |= {f"y_{part}": np.eye(5)[[3, 1, 4][: len(joints)]] for part, joints in x.items()}
    np.savez(tmp_path / "NTU60_CS.npz", **arrays)
    report = import_dataset("ctrgcn", tmp_path / "NTU60_CS.npz", tmp_path / "store")
    store = Store(tmp_path / "store")
    assert (report["clips"], store.index["label"].tolist()) == (5, [3, 1, 4, 3, 1])
    assert store.rate == 30
    assert store.index[["frames", "persons"]].tolist() == [(4, 1), (5, 1), (6, 1), (4, 2), (5, 2)]
    assert store.codes("official").tolist() == [1, 1, 1, 3, 3]
    np.testing.assert_array_equal(store.clip(4), x["test"][1, :, :5])

    arrays["y_train"][1] = 0
    np.savez_compressed(tmp_path / "bad.npz", **arrays)
    found = import_dataset("ctrgcn", tmp_path / "bad.npz", tmp_path / "other")["damaged"]
    assert len(found) == 1
    assert "one-hot" in found[0]["reason"]
    (tmp_path / "half.npz").write_bytes((tmp_path / "bad.npz").read_bytes()[:2000])
    with pytest.raises(InputError, match=r"half.npz: expected an .npz file"):
        import_dataset("ctrgcn", tmp_path / "half.npz", tmp_path / "x")


# Own clips


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "my clips"
    (folder / "morning").mkdir(parents=True)
    (folder / "layout.json").write_text(
        json.dumps(load_layout("kinect20").to_dict() | {"name": "mine"})
    )
    clips = [np.random.default_rng(i).normal(size=(2, 6, 20, 3)).round(4) for i in range(4)]
    np.savez(folder / "a.npz", clips[0][0])
    np.savez(folder / "b.npz", joints=clips[1], seconds=np.arange(6))
    titles = ",".join(f"joint{v}_{axis}" for v in range(20) for axis in "xyz")
    rows = [",".join(map(str, row.ravel())) for row in clips[2][0]]
    rows[1] = ",,," + rows[1].split(",", 3)[3]
    (folder / "morning" / "c.csv").write_text("\n".join([titles, *rows]) + "\n")
    (folder / "d.csv").write_text(
        "\n".join(",".join(map(str, row.ravel())) for row in clips[3].transpose(1, 0, 2, 3))
    )
    write_list(
        folder,
        [
            ["a.npz", "lift", 1, ""],
            ["b.npz", "carry", 2, 1],
            ["morning/c.csv", "lift", 2, 2],
            ["d.csv", "wait", 3, 2],
        ],
    )
    return folder


def write_list(
    folder: Path,
    rows: list[list[Any]],
    columns: tuple[str, ...] = ("file", "label", "subject", "camera"),
) -> None:
    with open(folder / "clips.csv", "w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([columns, *rows])


def test_own_clips(own: Path, tmp_path: Path) -> None:
    report = import_dataset("arrays", own, tmp_path / "store", rate=25.0)
    store = Store(tmp_path / "store")
    assert (report["damaged"], store.rate, store.layout.name, store.labels) == (
        [],
        25.0,
        "mine",
        ("carry", "lift", "wait"),
    )
    assert [str(name) for name in store.index["name"]] == ["a", "b", "morning/c", "d"]
    assert store.index[["label", "subject", "camera", "persons"]].tolist() == [
        (1, 1, -1, 1),
        (0, 2, 1, 2),
        (1, 2, 2, 1),
        (2, 3, 2, 2),
    ]
    assert store.codes("xsub").tolist() == [1, 3, 3, 1]
    np.testing.assert_array_equal(
        store.clip(1), np.load(own / "b.npz")["joints"].astype(np.float32)
    )
    np.testing.assert_array_equal(
        store.clip(3),
        np.random.default_rng(3).normal(size=(2, 6, 20, 3)).round(4).astype(np.float32),
    )
    assert np.argwhere(np.isnan(store.clip(2)).any(axis=-1)).tolist() == [[0, 1, 0]]


@pytest.mark.parametrize("first", ["", "None", "null", "NaN", "1e0", "-1.5E-1"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_table_without_titles_keeps_its_first_row(
    own: Path, tmp_path: Path, first: str, mark: bytes
) -> None:
    """Spreadsheets put a byte order mark before it; what is absent may stand in it as a word."""
    rows = [[first, *["2.5"] * 59], *([str(i)] * 60 for i in range(2))]
    (own / "d.csv").write_bytes(mark + "\r\n".join(",".join(row) for row in rows).encode())
    write_list(own, [["d.csv", "wait", 3, 2]])
    report = import_dataset("arrays", own, tmp_path / "store", rate=25.0)
    clip = Store(tmp_path / "store").clip(0)
    assert (report["damaged"], clip.shape) == ([], (1, 3, 20, 3))
    joint = clip[0, 0, 0]
    np.testing.assert_array_equal(
        joint, [np.float32(first), 2.5, 2.5] if first[-1:].isdigit() else [np.nan] * 3
    )


def test_labels_of_an_editor_that_marks_its_files(own: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("wait\nlift\ncarry\n", encoding="utf-8-sig")
    report = import_dataset(
        "arrays", own, tmp_path / "store", rate=25.0, labels=tmp_path / "labels.txt"
    )
    assert report["damaged"] == []
    assert Store(tmp_path / "store").labels == ("wait", "lift", "carry")


def test_own_clips_with_a_split_and_labels(own: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("wait\nlift\ncarry\nrun\n")
    rows = [["a.npz", "lift", "train"], ["b.npz", "carry", "val"], ["d.csv", "wait", "test"]]
    write_list(own, rows, ("file", "label", "split"))
    import_dataset("arrays", own, tmp_path / "store", labels=tmp_path / "labels.txt")
    store = Store(tmp_path / "store")
    assert (store.labels, store.protocols) == (("wait", "lift", "carry", "run"), ["official"])
    assert (store.index["label"].tolist(), store.codes("official").tolist()) == (
        [1, 2, 0],
        [1, 2, 3],
    )


def test_a_clip_that_is_listed_twice_stays_in_the_part_of_its_first_row(
    own: Path, tmp_path: Path
) -> None:
    """The first row's clip was imported, and put into the part of the second."""
    rows = [["a.npz", "lift", "train"], ["b.npz", "lift", "test"], ["a.npz", "carry", "test"]]
    write_list(own, rows, ("file", "label", "split"))
    report = import_dataset("arrays", own, tmp_path / "store")
    assert Store(tmp_path / "store").codes("official").tolist() == [1, 3]
    (again,) = report["damaged"]
    assert (again["line"], again["reason"]) == (
        4,
        "expected every clip's name once, a is a.npz already",
    )


def test_damage_in_own_clips(own: Path, tmp_path: Path) -> None:
    np.savez(own / "another layout.npz", np.ones((5, 25, 3)))
    np.savez(own / "objects.npz", np.array([{}, 1], dtype=object))
    np.savez(own / "nothing.npz", np.full((5, 20, 3), np.nan))
    np.savez(own / "two.npz", one=np.ones(3), two=np.ones(3))
    np.save(own / "number.npy", np.float64(3))
    np.save(own / "no frames.npy", np.ones((1, 0, 20, 3)))
    (own / "half.npz").write_bytes((own / "a.npz").read_bytes()[:300])
    (own / "columns.csv").write_text("1,2,3\n4,5,6\n")
    (own / "ragged.csv").write_text("1,2,3\n4,5\n")
    (own / "word.csv").write_text(
        ",".join(["1"] * 59 + ["up"]) + "\n" + ",".join(["1"] * 59 + ["up"]) + "\n"
    )
    shutil.copy(own / "a.npz", tmp_path / "outside.npz")
    (own / "link.npz").symlink_to(tmp_path / "outside.npz")
    names = [
        "another layout.npz",
        "objects.npz",
        "nothing.npz",
        "two.npz",
        "number.npy",
        "no frames.npy",
        "half.npz",
        "columns.csv",
        "ragged.csv",
        "word.csv",
    ]
    rows: list[list[Any]] = [[name, "lift", 1, 1] for name in (*names, "missing.npz")]
    rows += [
        [name, "lift", 1, 1]
        for name in ("../outside.npz", "link.npz", str(tmp_path / "outside.npz"), "a.mat", "")
    ]
    rows += [
        ["a.npz", "lift", "one", 1],
        ["a.npz", "", 1, 1],
        ["a.npz", "lift", 1, 1],
        ["a.npz", "lift", 1, 1],
    ]
    write_list(own, rows)
    report = import_dataset("arrays", own, tmp_path / "store")
    assert (report["clips"], len(report["damaged"])) == (1, len(rows) - 1)
    found = reasons(report)
    assert "got 25; layouts with 25 joints" in found["another layout.npz"][0]
    shape = "expected joints (T, V, 3) or (M, T, V, 3) of 20 joints, got"
    assert found["number.npy"] == (f"{shape} ()", None)
    assert found["no frames.npy"] == (f"{shape} (1, 0, 20, 3)", None)
    assert "array of numbers" in found["objects.npz"][0]
    assert "no joint in 5 frames" in found["nothing.npz"][0]
    assert "expected 60 columns a person" in found["columns.csv"][0]
    assert found["ragged.csv"] == ("expected 60 columns a person (20 joints, x y z), got 3", 1)
    assert found["word.csv"] == ("expected numbers, got 'up'", 2)
    outside = [entry for entry in report["damaged"] if "inside the folder" in entry["reason"]]
    assert [entry["line"] for entry in outside] == [13, 14, 15, 17]


def test_a_list_that_cannot_be_used(own: Path, tmp_path: Path) -> None:
    (own / "clips.csv").write_text("path;class\na.npz;lift\n")
    with pytest.raises(InputError, match=r"clips.csv: expected the columns file and label"):
        import_dataset("arrays", own, tmp_path / "x")
    (own / "clips.csv").write_text("file,label,subject,Label\na.npz,lift,1,drop\n")
    with pytest.raises(InputError, match=r"clips.csv: expected one column label, got several"):
        import_dataset("arrays", own, tmp_path / "x")
    (own / "clips.csv").write_bytes(b"file,label\n\xff\xfe")
    with pytest.raises(InputError, match=r"clips.csv: expected a table in UTF-8"):
        import_dataset("arrays", own, tmp_path / "x")
    (own / "clips.csv").unlink()
    with pytest.raises(InputError, match=r"clips.csv: expected the list of the clips"):
        import_dataset("arrays", own, tmp_path / "x")
    with pytest.raises(InputError, match="unknown layout"):
        import_dataset("arrays", own, tmp_path / "x", layout="kinect21")


def test_a_real_set_is_the_same_by_every_way(utd_store: Path, tmp_path: Path) -> None:
    store = Store(utd_store)
    (tmp_path / "own").mkdir()
    rows: list[list[Any]] = []
    annotations = []
    for i in range(0, len(store), 9):
        name, label, subject = (
            store.index[field][i].item() for field in ("name", "label", "subject")
        )
        np.savez(tmp_path / "own" / f"{name}.npz", store.clip(i))
        rows.append([f"{name}.npz", store.labels[label], subject])
        annotations.append({"frame_dir": name, "label": label, "keypoint": np.array(store.clip(i))})
    write_list(tmp_path / "own", rows, ("file", "label", "subject"))
    (tmp_path / "labels.txt").write_text("\n".join(store.labels))
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"split": {}, "annotations": annotations}))
    how = {"layout": "utd-mhad20", "labels": tmp_path / "labels.txt", "rate": 30.0}
    for format, source in (("arrays", tmp_path / "own"), ("pyskl", tmp_path / "x.pkl")):
        import_dataset(format, source, tmp_path / format, **how)
        again = Store(tmp_path / format)
        assert (again.labels, len(again)) == (store.labels, len(rows))
        for j, i in enumerate(range(0, len(store), 9)):
            assert again.index["label"][j] == store.index["label"][i]
            np.testing.assert_array_equal(again.clip(j), store.clip(i))
    np.testing.assert_array_equal(
        Store(tmp_path / "arrays").codes("xsub"), store.codes("xsub")[::9]
    )


def test_a_coordinate_of_zero_is_a_place(tmp_path: Path) -> None:
    """Only a joint or frame that is zero throughout was not seen: bodies cross the zero of an axis."""
    place = "0 0.2 0.3"
    frame = " ".join([place] * 50)
    for name, content in {
        "msr/a01_s01_e01_skeleton3D.txt": f"{place} 1.0\n" * 40,
        "pku/skeleton/0002-L.txt": f"{frame}\n" * 20,
        "pku/label/0002-L.txt": "7,2,20,1\n",
        "ucla/a01_s01_e00_v01.json": json.dumps({"skeletons": [[[0, 0.2, 0.3]] * 20] * 9}),
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    for format, folder in (("msr-action3d", "msr"), ("pku-mmd", "pku"), ("nw-ucla", "ucla")):
        import_dataset(
            format, tmp_path / folder, tmp_path / f"{folder}-store", how=Importing(as_is=True)
        )
        assert np.isfinite(Store(tmp_path / f"{folder}-store").clip(0)).all(), format
