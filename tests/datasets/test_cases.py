"""What people really have: every test is an input that once came out wrong without a word."""

import json
import pickle
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skedge.datasets.importer import Importing
from skedge.datasets.mending import Mending
from skedge.datasets.picture import draw
from skedge.datasets.poses import PoseWriter, read_poses
from skedge.datasets.readers import FORMATS, import_dataset
from skedge.datasets.store import Store
from skedge.datasets.store.rewrite import merge
from skedge.datasets.store.splits import add_folds, add_validation
from skedge.datasets.store.summary import summarize
from skedge.edge_runtime.interfaces import Person
from skedge.edge_runtime.scoring.predict import understood
from skedge.edge_runtime.sources.films import open_films
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import load_layout
from skedge.skeleton.retarget import retarget
from tests.datasets.own_clips import own_clips
from tests.skeleton.people import NTU, people

COCO = load_layout("coco17")


def _import(folder: Path, format: str = "arrays", **options: Any) -> tuple[Store, dict[str, Any]]:
    if format == "arrays":
        options = {"layout": "ntu25", "rate": 30.0} | options
    out = folder.parent / f"{folder.name}-store"
    how = {name: options.pop(name) for name in ("overwrite", "as_is") if name in options}
    coordinates = {
        one.name: options.pop(one.name) for one in fields(Mending) if one.name in options
    }
    report = import_dataset(
        format, folder, out, how=Importing(**how), mending=Mending(**coordinates), **options
    )
    return Store(out), report


@pytest.mark.parametrize(
    ("make", "options", "said"),
    [
        (lambda c: 1000 * c, {"unit": "mm"}, r"1\d\d\d m tall: are these millimetres\?; --unit mm"),
        (lambda c: 100 * c, {"unit": "cm"}, "centimetres.*--unit cm"),
        (lambda c: c * (1, -1, 1), {"up": "-y"}, "y points down; --up -y"),
        (lambda c: c[..., [0, 2, 1]] * (1, -1, 1), {"up": "z"}, "z points up; --up z"),
        (lambda c: c * (-1, 1, 1), {"flip_x": True}, "x points the other way.*--flip-x"),
    ],
)
def test_wrong_coordinates_are_refused_with_the_flag_that_mends_them(tmp_path, make, options, said):
    right, _ = _import(own_clips(tmp_path / "right", people()))
    wrong = own_clips(tmp_path / "wrong", [make(clip) for clip in people()])
    with pytest.raises(InputError, match=said):
        _import(wrong)
    assert not (tmp_path / "wrong-store").exists()
    mended, report = _import(wrong, **options)
    np.testing.assert_allclose(mended.clip(3), right.clip(3), atol=1e-4)
    assert report["warnings"] == []
    as_is, report = _import(own_clips(tmp_path / "meant", [make(c) for c in people()]), as_is=True)
    assert len(as_is) == 12
    assert report["warnings"]


def test_info_shows_the_height_and_what_is_wrong(tmp_path):
    store, _ = _import(own_clips(tmp_path / "mm", [1000 * clip for clip in people()]), as_is=True)
    shown = summarize(store)
    assert shown["height"] == pytest.approx(1600, abs=200)
    assert shown["looks"][0].endswith("--unit mm")
    good, _ = _import(own_clips(tmp_path / "m", people()))
    assert summarize(good)["looks"] == []
    with pytest.raises(InputError, match=r"mm-store: .*--unit mm"):
        merge([good, store], tmp_path / "both")


def _picture(clip: np.ndarray) -> np.ndarray:
    """A clip (1, T, 25, 3) as COCO's joints in a picture of 640 x 480, (1, T, 17, 2)."""
    flat = retarget(clip, NTU, COCO)[..., :2]
    return (np.array([320, 240]) + flat * np.array([-120, -120])).astype(np.float32)


def test_places_in_a_picture_with_a_score_are_no_metres(tmp_path):
    rng = np.random.default_rng(0)
    clips = [_picture(clip) for clip in people()]
    scored = [np.concatenate([c, rng.uniform(0.4, 1, (*c.shape[:-1], 1))], -1) for c in clips]
    folder = tmp_path / "set"
    folder.mkdir()
    data = np.stack(scored).transpose(0, 4, 2, 3, 1).astype(np.float32)
    np.save(folder / "train_data.npy", data)
    labels = [[f"c{i}" for i in range(12)], [i % 2 for i in range(12)]]
    (folder / "train_label.pkl").write_bytes(pickle.dumps(labels))
    with pytest.raises(InputError, match="x, y and a score; --channels xys"):
        _import(folder, "stgcn", layout="coco17")
    store, _ = _import(folder, "stgcn", layout="coco17", channels="xys")
    shown = summarize(store)
    assert shown["height"] == pytest.approx(1.7, abs=0.2)
    assert shown["looks"] == []
    joints = store.clip(0)
    assert (joints[..., 2] == 0).all()
    nose, ankle = joints[0, 0, COCO.index("nose")], joints[0, 0, COCO.index("left_ankle")]
    assert nose[1] > ankle[1] + 1
    assert joints[0, 0, COCO.index("right_hip"), 0] != 0


@pytest.mark.filterwarnings("error")
def test_a_clip_with_infinities_is_read_without_a_warning_of_numpy() -> None:
    clip = people()[0][0].copy()
    clip[3, 4, 1], clip[5, 6] = np.inf, -np.inf
    joints, notes = understood(clip, NTU, None, "clip")
    assert np.isnan(joints[3, 4]).all()
    assert np.isfinite(joints).all(axis=-1).sum() == clip.shape[0] * 25 - 2
    assert notes == []


def test_places_of_minus_one_are_absent(tmp_path):
    """Promised for three numbers alone; people grew limbs to a corner of the picture."""
    clips = [_picture(clip) for clip in people()]
    clips[0][0, 5, 3] = -1
    store, report = _import(
        own_clips(tmp_path / "set", clips), layout="coco17", channels="xy", as_is=True
    )
    assert np.isnan(store.clip(0)[0, 5, 3]).all()
    assert np.isfinite(store.clip(1)).all()
    assert any("-1" in text for text in report["warnings"])


def test_zeros_are_absent_joints_and_are_counted(tmp_path):
    clips = [clip.copy() for clip in people()]
    for clip in clips:
        clip[:, 2::4] = 0
    store, _ = _import(own_clips(tmp_path / "zeros", clips))
    assert np.isnan(store.clip(0)[0, 2]).all()
    assert np.isfinite(store.clip(0)[0, 1]).all()
    assert summarize(store)["missing"] == pytest.approx(0.25)
    joints, notes = understood(clips[0][0], NTU, None, "clip")
    assert np.isnan(joints[2]).all()
    assert any("exactly zero" in note for note in notes)


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_either_order_of_persons_and_frames_is_read_alike(tmp_path, suffix):
    two = [np.concatenate([people()[i], people()[i + 4]]) for i in range(4)]
    first, _ = _import(own_clips(tmp_path / "mtv", two, suffix=suffix))
    turned, report = _import(
        own_clips(tmp_path / "tmv", [clip.swapaxes(0, 1) for clip in two], suffix=suffix)
    )
    assert first.index["persons"].tolist() == turned.index["persons"].tolist() == [2] * 4
    np.testing.assert_array_equal(first.clip(2), turned.clip(2))
    assert "frames, persons, joints, 3" in report["notes"][0]["note"]
    for clip in (two[0], two[0].swapaxes(0, 1)):
        joints, _ = understood(clip, NTU, None, "clip")
        assert joints.shape[:2] == (20, 2)


@pytest.mark.parametrize("order", [(2, 0, 1), (2, 1, 0), (0, 2, 1), (1, 0, 2), (1, 2, 0)])
def test_axes_in_another_order_are_refused_with_what_turns_them(tmp_path, order):
    """UTD-MHAD's own files, for one, are (joints, 3, frames)."""
    clips = [clip[0][:18].transpose(order) for clip in people()[:4]]
    with pytest.raises(InputError, match=r"of 25 joints, got .* turn it with numpy") as refusal:
        _import(own_clips(tmp_path / "set", clips, suffix=".npy"))
    words = str(refusal.value)
    turn = tuple(map(int, words[words.index("array, (") + 8 : -2].split(",")))
    np.testing.assert_array_equal(clips[0].transpose(turn), people()[0][0][:18])


def test_a_row_of_all_coordinates_for_each_frame_is_read(tmp_path):
    rows = [clip[0].reshape(20, 75) for clip in people()[:4]]
    store, _ = _import(own_clips(tmp_path / "rows", rows, suffix=".npy"))
    np.testing.assert_allclose(store.clip(1), people()[1], rtol=1e-6)


def test_a_number_too_many_is_refused_with_what_to_leave_out(tmp_path):
    joints = people()[0][0]
    confident = np.concatenate([joints, np.ones((20, 25, 1))], axis=-1)
    with pytest.raises(InputError, match=r"a confidence, leave it out: array\[\.\.\., :3\]"):
        _import(own_clips(tmp_path / "confident", [confident] * 4, suffix=".npy"))
    folder = own_clips(tmp_path / "timed", [joints] * 4, suffix=".npy")
    for file in folder.glob("*.npy"):
        rows = np.load(file).reshape(20, 75)
        np.savetxt(
            file.with_suffix(".csv"),
            np.insert(rows, 0, np.arange(20) / 30, axis=1),
            delimiter=",",
        )
    listed = folder / "clips.csv"
    listed.write_text(listed.read_text().replace(".npy", ".csv"))
    with pytest.raises(InputError, match=r"got 76; is the first one a frame's number or time\?"):
        _import(folder)


def test_the_actor_is_found_in_the_second_place(tmp_path):
    actor = people()[0].copy()
    actor[0, :, NTU.index("right_hand"), 0] += np.linspace(0, 2, 20)
    empty, ghost = np.full_like(actor, np.nan), np.full_like(actor, np.nan)
    ghost[:, :3] = people()[1][:, :3]
    clips = [np.concatenate([one, actor]) for one in (empty, ghost, people()[1])] + [actor]
    store, report = _import(own_clips(tmp_path / "second", clips))
    assert store.index["persons"].tolist() == [1, 1, 2, 1]
    for number in range(4):
        np.testing.assert_allclose(store.clip(number)[0], actor[0], rtol=1e-5)
    assert len(report["notes"]) == 3


def _pickle(**change: Any) -> dict[str, Any]:
    annotations = [
        {
            "frame_dir": f"clip{i}",
            "label": i % 2,
            "keypoint": _picture(people()[i]),
            "img_shape": (480, 640),
            "total_frames": 20,
        }
        for i in range(4)
    ]
    split: Any = {"xsub_train": ["clip0", "clip1"], "xsub_val": ["clip2", "clip3"]}
    content = {"split": split, "annotations": annotations}
    for name, value in change.items():
        for annotation in annotations:
            annotation[name] = value(annotation) if callable(value) else value
    return content


def _import_pickle(tmp_path: Path, content: Any, **options: Any) -> tuple[Store, dict[str, Any]]:
    (tmp_path / "set.pkl").write_bytes(pickle.dumps(content))
    return _import(tmp_path / "set.pkl", "pyskl", overwrite=True, **options)


def _score(annotation: dict[str, Any]) -> np.ndarray:
    keypoint = annotation["keypoint"]
    return np.concatenate([keypoint, np.full((*keypoint.shape[:-1], 1), 0.9)], axis=-1)


@pytest.mark.parametrize(
    "content",
    [
        _pickle(img_shape=np.array([480, 640])),
        _pickle(img_shape=(480, 640, 3)),
        _pickle(img_shape=[480.0, 640.0]),
        _pickle(label=lambda one: float(one["label"])),
        _pickle(label=lambda one: [one["label"]]),
        _pickle(label=lambda one: str(one["label"])),
        _pickle(img_shape=None, original_shape=(480, 640)),
        _pickle(keypoint=lambda one: list(one["keypoint"][0])),
        _pickle(keypoint=lambda one: list(one["keypoint"].swapaxes(0, 1))),
        _pickle(keypoint=lambda one: one["keypoint"][0]),
        _pickle(keypoint=lambda one: one["keypoint"][0], keypoint_score=np.ones((20, 17))),
        _pickle(keypoint=_score),
        _pickle(keypoint=lambda one: one["keypoint"] / np.float32([640, 480])),
        _pickle(keypoint=lambda one: one["keypoint"] / np.float32([320, 240]) - 1),
        _pickle(frame_inds=np.arange(20), keypoint=lambda one: one["keypoint"][0]),
        _pickle(
            frame_inds=np.arange(20),
            keypoint=lambda one: one["keypoint"][0],
            keypoint_score=np.ones((20, 17)),
        ),
    ],
)
def test_variants_of_pyskl_are_the_same_clips(tmp_path, content):
    expected, _ = _import_pickle(tmp_path, _pickle())
    found, _ = _import_pickle(tmp_path, content)
    assert found.index["label"].tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(found.clip(1), expected.clip(1), atol=1e-3)
    assert found.split("xsub", "test").tolist() == [2, 3]


def test_rows_of_several_persons_are_put_into_their_frames(tmp_path):
    def two(one):
        return np.concatenate([one["keypoint"], one["keypoint"][:, ::-1] + np.float32([40, 5])])

    def rows(one):
        return two(one)[:, ::-1].swapaxes(0, 1).reshape(40, 17, 2)  # the last frame's pair first

    expected, _ = _import_pickle(tmp_path, _pickle(keypoint=two))
    found, _ = _import_pickle(
        tmp_path, _pickle(frame_inds=np.arange(20)[::-1].repeat(2), keypoint=rows)
    )
    assert expected.clip(1).shape[:2] == (2, 20)
    np.testing.assert_array_equal(found.clip(1), expected.clip(1))


def test_lists_of_mmaction2_and_files_of_kinetics_are_read(tmp_path):
    content = _pickle()
    expected, _ = _import_pickle(tmp_path, content)
    alone, _ = _import_pickle(tmp_path, content["annotations"])
    np.testing.assert_array_equal(alone.clip(0), expected.clip(0))
    both = tmp_path / "both"
    both.mkdir()
    for part, some in (("train", slice(0, 2)), ("val", slice(2, 4))):
        (both / f"xsub_{part}.pkl").write_bytes(pickle.dumps(content["annotations"][some]))
    store, _ = _import(both, "pyskl")
    assert store.split("xsub", "test").tolist() == [2, 3]
    (tmp_path / "kpfiles").mkdir()
    for number, annotation in enumerate(content["annotations"]):
        kept = {"keypoint": annotation.pop("keypoint")}
        (tmp_path / "kpfiles" / f"{number}.pkl").write_bytes(pickle.dumps(kept))
        annotation["raw_file"] = f"kpfiles/{number}.pkl"
    raw, _ = _import_pickle(tmp_path, content)
    np.testing.assert_array_equal(raw.clip(3), expected.clip(3))
    content["annotations"][0]["raw_file"] = "kpfiles/other.pkl"
    _, report = _import_pickle(tmp_path, content)
    assert "kpfiles/other.pkl beside the pickle, found none" in report["damaged"][0]["reason"]


def test_labels_that_are_words_name_their_classes(tmp_path):
    words = _pickle(label=lambda one: ("wave", "jump")[one["label"]])
    store, _ = _import_pickle(tmp_path, words)
    assert store.labels == ("jump", "wave")
    assert store.index["label"].tolist() == [1, 0, 1, 0]
    (tmp_path / "labels.txt").write_text("wave\nclap\njump\n")
    store, _ = _import_pickle(tmp_path, words, labels=tmp_path / "labels.txt")
    assert store.index["label"].tolist() == [0, 2, 0, 2]


@pytest.mark.parametrize("first", ["xsub_train", "xsub_test"])
def test_a_clip_of_both_parts_tests_and_that_is_told(tmp_path, first):
    """Where the pickle named the test part first, such a clip trained."""
    content = _pickle()
    parts = {"xsub_train": ["clip0", "clip1", "clip2"], "xsub_test": ["clip2", "clip3"]}
    content["split"] = {first: parts[first]} | parts
    store, report = _import_pickle(tmp_path, content, rate=30.0)
    assert store.split("xsub", "train").tolist() == [0, 1]
    assert report["warnings"] == ["xsub: 1 clip is in train and in test; it only tests"]


@pytest.mark.parametrize("absent", [0.0, np.nan])
def test_the_origin_of_padded_arrays_is_a_joint(tmp_path, absent):
    """Clips around a joint, as ST-GCN's own scripts place them, keep it: only whole zeros are
    padding."""
    folder = tmp_path / "set"
    folder.mkdir()
    clips = [clip - clip[:, :, NTU.center, None] for clip in people()[:4]]
    data = np.pad(np.stack(clips), ((0, 0), (0, 1), (0, 5), (0, 0), (0, 0)), constant_values=absent)
    np.save(folder / "train_data.npy", data.transpose(0, 4, 2, 3, 1).astype(np.float32))
    (folder / "train_label.pkl").write_bytes(pickle.dumps((list("abcd"), [0, 1, 0, 1])))
    store, report = _import(folder, "stgcn", rate=None)
    np.testing.assert_allclose(store.clip(2), clips[2], atol=1e-6)
    assert report["warnings"] == ["30 frames a second are assumed; --rate"]


def test_a_split_whose_names_are_no_clips_is_an_error(tmp_path):
    content = _pickle()
    content["split"]["xsub_val"] = ["clip2.avi", "clip3.avi"]
    with pytest.raises(InputError, match=r"xsub_val: .*none in 2 \(such as 'clip2.avi'; clips"):
        _import_pickle(tmp_path, content)
    content["split"]["xsub_val"] = np.array(["clip2", "clip9"])
    store, report = _import_pickle(tmp_path, content, rate=30.0)
    assert report["warnings"] == ["xsub_val: 1 of 2 names are clips"]
    assert store.split("xsub", "test").tolist() == [2]


def test_every_clip_that_is_left_out_is_counted(tmp_path):
    _, report = _import_pickle(tmp_path, _pickle(frame_dir="one") | {"split": {}})
    assert (report["clips"], report["sources"]) == (1, 4)
    assert (len(report["damaged"]), report["sources_damaged"]) == (3, 3)


def test_names_in_both_parts_stay_in_their_part(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    for part, some in (("train", people()[:2]), ("val", people()[2:4])):
        data = np.stack(some).transpose(0, 4, 2, 3, 1).astype(np.float32)
        np.save(folder / f"{part}_data.npy", data)
        (folder / f"{part}_label.pkl").write_bytes(pickle.dumps((["0", "1"], [0, 1])))
    store, report = _import(folder, "stgcn")
    assert store.index["name"].tolist() == ["train-0", "train-1", "test-0", "test-1"]
    assert store.codes("official").tolist() == [1, 1, 3, 3]
    assert report["damaged"] == []


TABLES = {
    "titles in capitals": "File,Label,Subject\nc0.npz,wave,1\nc1.npz,jump,2\n",
    "semicolons": "file;label;subject\nc0.npz;wave;1\nc1.npz;jump;2\n",
    "numbers as pandas writes them": "file,label,subject\nc0.npz,wave,1.0\nc1.npz,jump,2.0\n",
    "subjects with names": "file,label,subject\nc0.npz,wave,P01\nc1.npz,jump,P02\n",
    "tabs": "file\tlabel\tsubject\nc0.npz\twave\t1\nc1.npz\tjump\t2\n",
    "line ends of an old Mac": "file,label,subject\rc0.npz,wave,1\rc1.npz,jump,2\r",
    "parts in capitals": "file,label,split,subject\nc0.npz,wave,Train,1\nc1.npz,jump,testing,2\n",
}


@pytest.mark.parametrize("table", TABLES)
def test_tables_of_other_programs_are_read(tmp_path, table):
    store, report = _import(own_clips(tmp_path / "set", people()[:2], TABLES[table]))
    assert report["damaged"] == []
    assert store.labels == ("jump", "wave")
    assert store.index["subject"].tolist() == [1, 2]


def test_a_table_in_two_bytes_a_letter_and_words_for_unknown_people(tmp_path):
    folder = own_clips(tmp_path / "set", people()[:2])
    table = "file\tlabel\tsubject\nc0.npz\twave\tNaN\nc1.npz\tjump\tnone\n"
    (folder / "clips.csv").write_bytes(table.encode("utf-16"))
    store, report = _import(folder)
    assert store.labels == ("jump", "wave")
    assert store.index["subject"].tolist() == [-1, -1]
    assert report["damaged"] == []


@pytest.mark.parametrize(("mark", "point"), [(";", "."), (";", ","), ("\t", "."), (" ", ".")])
def test_numbers_between_other_marks_are_the_same_numbers(tmp_path, mark, point):
    clip = people()[0].copy()
    clip[0, 3, 5] = np.nan
    folder = tmp_path / "set"
    folder.mkdir()
    words = [[f"{x:.6f}".replace(".", point) for x in frame.ravel()] for frame in clip[0]]
    (folder / "c0.csv").write_text("\n".join(mark.join(row) for row in words) + "\n")
    (folder / "clips.csv").write_text("file,label\nc0.csv,wave\n")
    store, _ = _import(folder)
    np.testing.assert_allclose(store.clip(0), clip, atol=1e-5)


def test_what_else_a_file_holds_is_told(tmp_path):
    folder = own_clips(tmp_path / "set", people()[:2])
    np.savez(folder / "c0.npz", joints=people()[0], rate=30.0)
    _, report = _import(folder)
    assert [note["clip"] for note in report["notes"]] == ["c0"]
    assert "not rate" in report["notes"][0]["note"]


def _sentinel(clip: np.ndarray) -> np.ndarray:
    clip = clip.copy()
    clip[:, 4:7, 7] = 777.0
    return clip


@pytest.mark.parametrize(
    ("make", "clips", "said"),
    [
        (lambda c: 1000 * c, 1, r"c3: 1\d{3} times as large as the others"),
        (lambda c: c * (1, -1, 1), 1, "c3: upside down"),
        (lambda c: c * (-1, 1, 1), 5, "c3: mirrored"),
        (_sentinel, 1, r"c3: with joints \d\d\d body sizes away: write NaN"),
        (lambda c: np.concatenate([c[:, :9], 2.2 * c[:, 9:]], 1), 1, r"c3: with limbs 2\.\d times"),
        (lambda c: c[:, :1], 1, "c3: without any movement"),
        (lambda _: people()[0], 1, "c3: copies of other clips"),
    ],
)
def test_some_clips_of_another_kind_are_named(tmp_path, make, clips, said):
    """What is wrong with a few clips only is drowned in the look at all of them."""
    mixed = [make(c) if 3 <= n < 3 + clips else c for n, c in enumerate(people())]
    store, report = _import(own_clips(tmp_path / "set", mixed))
    assert len(report["warnings"]) == 1
    assert re.match(f"{clips} of 12 clips, such as {said}", report["warnings"][0])
    assert report["warnings"][0] in summarize(store)["looks"]


def test_one_word_in_two_forms_is_one_class_and_two_spellings_are_told(tmp_path):
    table = (
        "file,label\nc0.npz,gr\u00fc\u00dfen\nc1.npz,gru\u0308\u00dfen\nc2.npz,Wave\nc3.npz,wave\n"
    )
    store, report = _import(own_clips(tmp_path / "set", people()[:4], table))
    assert len(store.labels) == 3
    assert "classes 'Wave' and 'wave' differ in their spelling only" in report["warnings"][0]


@pytest.mark.parametrize("lines", ["wave\n\njump\n", "# classes\nwave\njump\n", "wave\nju\tmp\n"])
def test_a_line_of_labels_is_a_class(tmp_path, lines):
    (tmp_path / "labels.txt").write_text(lines)
    with pytest.raises(InputError, match=r"labels.txt: line [12]: expected"):
        _import_pickle(tmp_path, _pickle(), labels=tmp_path / "labels.txt")


@pytest.mark.parametrize("rate", [0.0, -1.0, 1e9, float("nan")])
def test_a_rate_that_is_none_is_refused(tmp_path, rate):
    with pytest.raises(InputError, match="expected a rate"):
        _import(own_clips(tmp_path / "set", people()[:2]), rate=rate)


def test_what_is_odd_about_a_single_clip_is_told():
    clip = people()[0]
    half = np.concatenate([clip[:, :9], 2.2 * clip[:, 9:]], axis=1)
    for odd, said in ((half, "limbs are 2.3 times longer"), (clip[:, :1], "a single frame")):
        _, notes = understood(odd.swapaxes(0, 1), NTU, None, "clip.npy")
        assert any(said in note for note in notes)
    with pytest.raises(InputError, match=r"clip.npy: expected .* of some frames, got \(0, 25, 3\)"):
        understood(clip[0, :0], NTU, None, "clip.npy")


def test_joints_of_another_number_are_named_by_their_limbs():
    for name in ("kinect20", "utd-mhad20", "msr20"):
        clip = retarget(people()[0], NTU, load_layout(name))
        joints, notes = understood(clip[0], NTU, None, "clip")
        assert joints.shape == (20, 25, 3)
        assert notes[0] == f"the joints are taken for {name}'s; name another one by --layout"
    with pytest.raises(InputError, match="kinect20, msr20, utd-mhad20"):
        understood(np.random.default_rng(0).normal(size=(20, 20, 3)), NTU, None, "clip")


def test_numbers_of_different_sets_are_no_common_classes(tmp_path):
    one, _ = _import_pickle(tmp_path, _pickle(), rate=30.0)
    (tmp_path / "named").mkdir()
    other, _ = _import(own_clips(tmp_path / "named" / "set", people()[:4]))
    with pytest.raises(InputError, match="expected classes with names, got numbers"):
        merge([one, other], tmp_path / "both")


def test_a_validation_part_lies_inside_the_training_part(tmp_path):
    store, _ = _import(own_clips(tmp_path / "set", people()))
    add_validation(store.path, "choose", "xsub", 0.34, by="subject")
    add_folds(store.path, "fold", 3, by="subject", of="xsub")
    found = Store(store.path)
    test = found.codes("xsub") == 3
    assert (found.codes("choose")[test] == 3).all()
    subjects = {
        part: set(found.index["subject"][found.codes("choose") == code].tolist())
        for part, code in (("train", 1), ("val", 2))
    }
    assert subjects["val"]
    assert subjects["train"]
    assert not subjects["train"] & subjects["val"]
    for fold in ("fold-1", "fold-2", "fold-3"):
        assert (found.codes(fold)[test] == 0).all()


def test_ten_minutes_are_shown_in_as_many_pictures_as_one_can_wait_for(tmp_path, monkeypatch):
    """18 000 frames once took more than five minutes and left an empty file."""
    image = pytest.importorskip("PIL.Image", reason="pictures need matplotlib and Pillow")
    monkeypatch.setattr("skedge.datasets.picture.MOST_PICTURES", 6)
    long = np.tile(people()[0], (1, 90, 1, 1))
    draw(long, NTU, tmp_path / "long.gif", rate=30)
    with image.open(tmp_path / "long.gif") as shown:
        assert shown.n_frames == 6

    def full(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("PIL.Image.Image.save", full)
    with pytest.raises(OSError, match="disk full"):
        draw(long, NTU, tmp_path / "none.gif", rate=30)
    assert [file.name for file in tmp_path.iterdir()] == ["long.gif"]


@pytest.mark.parametrize(
    ("frames", "rate", "got"),
    [(100_001, "30", "100001"), (60_000, "15", "120000"), (60_000, "60", "")],
)
def test_a_clip_that_is_too_long_is_refused_with_the_length(tmp_path, frames, rate, got):
    hours = np.zeros((frames, 1, 3), np.float16)
    hours[0] = 1
    folder = own_clips(tmp_path / "set", [*people()[:2]])
    np.save(folder / "c2.npy", np.broadcast_to(hours, (frames, 25, 3)).astype(np.float16))
    table = f"file,label,fps\nc0.npz,wave,30\nc1.npz,jump,30\nc2.npy,wave,{rate}\n"
    (folder / "clips.csv").write_text(table)
    _, report = _import(folder, as_is=True)
    reasons = [f"expected at most 100000 frames a clip, got {got}"] * bool(got)
    assert [damage["reason"] for damage in report["damaged"]] == reasons


@pytest.mark.parametrize(("start", "end", "kept"), [(0, 80, 80), (30, 101, 71), (90, 20, 71)])
def test_labels_of_pku_mmd_that_pass_the_ends_are_cut_to_the_recording(tmp_path, start, end, kept):
    """Frames that are counted from 0, or up to one past the end, once lost the instance."""
    for kind in ("label", "skeleton"):
        (tmp_path / "set" / kind).mkdir(parents=True)
    rows = np.tile(people()[0][0].reshape(20, 75), (5, 1))
    lines = [" ".join(f"{value:.4f}" for value in [*row, *np.zeros(75)]) for row in rows]
    (tmp_path / "set" / "skeleton" / "0002-L.txt").write_text("\n".join(lines))
    (tmp_path / "set" / "label" / "0002-L.txt").write_text(f"12,{start},{end},1\n3,5,40,1\n")
    store, report = _import(tmp_path / "set", "pku-mmd")
    assert report["damaged"] == []
    assert sorted(store.index["frames"].tolist()) == [36, kept]
    assert report["notes"][0]["note"].startswith(f"labelled from frame {start} to {end}")


def _people_of(clip: np.ndarray) -> Iterator[tuple[Person, ...]]:
    for joints in clip[0]:
        whole = retarget(joints, NTU, load_layout("blazepose33"))
        yield (Person(7, whole, np.ones((33, 2), np.float32), 0.9, True),)


def test_a_pose_recording_is_read_as_it_was_written(tmp_path):
    writer = PoseWriter(load_layout("blazepose33"))
    for number, persons in enumerate(_people_of(people()[0])):
        writer.add(number / 25, persons if number % 5 else ())
    writer.write(tmp_path / "wave" / "a.npz", (640, 480), "wave")
    found = next(iter(read_poses(tmp_path / "wave" / "a.npz")))
    direct = writer.recording("a", "wave")
    assert (found.label, found.rate, found.layout.name) == ("wave", 25, "blazepose33")
    assert found.duration == pytest.approx(20 / 25)
    np.testing.assert_array_equal(found.joints, direct.joints)
    np.testing.assert_array_equal(found.seconds, direct.seconds)
    assert len(found.seconds) == 16


def test_pose_recordings_become_clips_of_those_wholly_in_view(tmp_path):
    for number, clip in enumerate(people()[:10]):
        writer = PoseWriter(load_layout("blazepose33"))
        for at, persons in enumerate(_people_of(clip)):
            seen = tuple(Person(p.id, p.joints, p.pixels, 1.0, number != 9) for p in persons)
            writer.add(at / 30, seen)
        writer.write(tmp_path / "set" / ("wave", "jump")[number % 2] / f"{number}.npz")
    store, report = _import(tmp_path / "set", "poses")
    assert store.labels == ("jump", "wave")
    assert (report["clips"], report["sources_damaged"]) == (9, 1)
    assert "wholly in view" in report["damaged"][0]["reason"]
    assert store.index["frames"].tolist() == [20] * 9
    assert store.split("films", "test").tolist() == [3, 8]


def test_pose_recordings_say_their_layout_themselves(tmp_path):
    """What `skedge live --record-poses` writes of a camera of 25 joints was refused."""
    for number, layout in enumerate((NTU, NTU, load_layout("kinect20"))):
        writer = PoseWriter(layout)
        for at, joints in enumerate(people()[number][0]):
            body = retarget(joints, NTU, layout) if layout is not NTU else joints
            writer.add(at / 30, (Person(1, body),))
        writer.write(tmp_path / "set" / ("wave", "jump")[number % 2] / f"{number}.npz")
    store, report = _import(tmp_path / "set", "poses")
    assert (store.layout.name, len(store)) == ("ntu25", 2)
    assert "20 joints" in report["damaged"][0]["reason"]


ESTIMATOR = """
import numpy as np
from skedge.edge_runtime.interfaces import Person
from skedge.skeleton.layout import load_layout

class Still:
    layout = load_layout("ntu25")
    def estimate(self, frame):
        return (Person(0, np.load({joints!r})[int(frame.seconds * 30) % 20]),)

def make(people):
    return Still()
"""


def test_films_become_clips_by_ones_own_estimator(tmp_path, monkeypatch):
    cv2 = pytest.importorskip("cv2", reason="films need OpenCV (the extra live)")
    for label in ("wave", "jump"):
        for number in range(2):
            path = tmp_path / "films" / label / f"{number}.avi"
            path.parent.mkdir(parents=True, exist_ok=True)
            film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
            for _ in range(16):
                film.write(np.zeros((48, 64, 3), np.uint8))
            film.release()
    (tmp_path / "films" / "wave" / "cut.avi").write_bytes(b"no film")
    np.save(tmp_path / "joints.npy", people()[0][0])
    source = ESTIMATOR.format(joints=str(tmp_path / "joints.npy"))
    (tmp_path / "still.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    options: dict[str, Any] = {"pose": "still.py:make", "layout": "ntu25"}
    kept = tmp_path / "kept"
    dataset = open_films(tmp_path / "films", poses=kept, **options)
    assert [str(one.name) for one in dataset.sources] == [
        "jump/0", "jump/1", "wave/0", "wave/1", "wave/cut",
    ]  # fmt: skip
    clip = dataset.read(dataset.sources[0])[0]
    assert clip.joints.shape == (1, 16, 25, 3)
    with pytest.raises(InputError, match="expected a film"):
        dataset.read(dataset.sources[4])
    (tmp_path / "still.py").write_text("def make(people): raise RuntimeError")
    again = dataset.read(dataset.sources[0])[0]
    np.testing.assert_array_equal(again.joints, clip.joints)
    halves = [open_films(tmp_path / "films", shard=f"{i}/2", **options).sources for i in (1, 2)]
    assert sorted(one.name for half in halves for one in half) == sorted(
        one.name for one in dataset.sources
    )
    (tmp_path / "still.py").write_text(source)
    monkeypatch.setitem(FORMATS, "films", open_films)
    import_dataset("films", tmp_path / "films", tmp_path / "whole", poses=kept, **options)
    for i in (1, 2):
        (tmp_path / f"on-{i}").mkdir()
        shard = tmp_path / f"on-{i}" / "films"
        import_dataset("films", tmp_path / "films", shard, poses=kept, shard=f"{i}/2", **options)
    whole, merged = (
        Store(tmp_path / "whole"),
        merge([Store(tmp_path / f"on-{i}" / "films") for i in (2, 1)], tmp_path / "merged"),
    )
    assert merged.index.tolist() == whole.index.tolist()
    np.testing.assert_array_equal(merged.joints, whole.joints)
    assert merged.codes("films").tolist() == whole.codes("films").tolist() == [1, 3, 1, 3]
    twice = [Store(tmp_path / "on-1" / "films")] * 2
    with pytest.raises(InputError, match="expected every shard once, got the clip jump/0 twice"):
        merge(twice, tmp_path / "twice")
    table = "film,start,end,label,subject\nfilms/wave/0.avi,0,0.3,wave,A\nfilms/wave/0.avi,0.2,,wave,B\n"
    (tmp_path / "list.csv").write_text(table + "films/none.avi,,,jump,A\n")
    listed = open_films(tmp_path / "list.csv", **options)
    assert [(one.name, one.stretch, one.subject) for one in listed.sources] == [
        ("films/wave/0", (0.0, 0.3), 0),
        ("films/wave/0-2", (0.2, float("inf")), 1),
    ]
    assert listed.damaged[0].line == 4
    assert json.loads(json.dumps(list(listed.labels))) == ["wave"]
