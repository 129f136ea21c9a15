import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skedge.datasets.importer import Importing
from skedge.datasets.mending import Mending
from skedge.datasets.readers import import_dataset
from skedge.datasets.store import Store
from skedge.skeleton import InputError
from tests.skeleton.people import NTU, people


def _annotation(name: str, label: int, **changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(label)
    keypoint = rng.normal(size=(2, 6, 25, 3)).astype(np.float16)
    return {"frame_dir": name, "label": label, "total_frames": 6, "keypoint": keypoint} | changes


def _content(**changes: Any) -> dict[str, Any]:
    names = ["S001C002P003R001A001", "S017C001P040R002A003", "S005C003P009R001A002"]
    return {
        "split": {
            "xsub_train": names[:2],
            "xsub_val": names[2:],
            "xview_train": names[1:],
            "xview_val": names[:1],
        },
        "annotations": [
            _annotation(name, label) for name, label in zip(names, (0, 2, 1), strict=True)
        ],
    } | changes


def _import(content: Any, folder: Path, **options: Any) -> Store:
    (folder / "ntu 60.pkl").write_bytes(pickle.dumps(content))
    import_dataset(
        "pyskl", folder / "ntu 60.pkl", folder / "a store", how=Importing(strict=True), **options
    )
    return Store(folder / "a store")


def test_ntu_in_three_dimensions(tmp_path: Path) -> None:
    content = _content()
    content["annotations"][0]["keypoint"][0, 2, 5] = 0
    content["annotations"][1]["keypoint"][1] = 0
    store = _import(content, tmp_path)
    assert (store.layout.name, store.rate, store.labels, store.name) == (
        "ntu25",
        30.0,
        ("0", "1", "2"),
        "ntu 60",
    )
    assert store.index["label"].tolist() == [0, 2, 1]
    assert store.index[["setup", "camera", "subject"]].tolist() == [
        (1, 2, 3),
        (17, 1, 40),
        (5, 3, 9),
    ]
    assert store.split("xsub", "train").tolist() == [0, 1]
    assert store.split("xsub", "test").tolist() == [2]
    assert store.split("xview", "test").tolist() == [0]
    expected = content["annotations"][2]["keypoint"].astype(np.float32)
    np.testing.assert_array_equal(store.clip(2), expected)
    assert np.argwhere(np.isnan(store.clip(0)).any(axis=-1)).tolist() == [[0, 2, 5]]
    assert np.isnan(store.clip(1)[1]).all()
    assert not np.isnan(store.clip(1)[0]).any()


# A person 200 pixels from eyes to ankles, facing the camera in an image of 640 x 480, who raises an
# arm above the head.
FACING = {
    "left_eye": (330, 100), "right_eye": (310, 100), "nose": (320, 110), "left_ear": (340, 105), "right_ear": (300, 105),
    "left_shoulder": (350, 150), "right_shoulder": (290, 150), "left_elbow": (360, 100), "right_elbow": (280, 190),
    "left_wrist": (360, 40), "right_wrist": (280, 230), "left_hip": (335, 220), "right_hip": (305, 220),
    "left_knee": (335, 260), "right_knee": (305, 260), "left_ankle": (335, 300), "right_ankle": (305, 300),
}  # fmt: skip
# Its twelve limbs over their shares of a body's height (Winter, 2009) say in the median how many
# pixels tall it is: those of a person of 1.70 m.
TALL = np.median(
    [np.hypot(10, 50) / 0.155, np.hypot(10, 40) / 0.155, 60 / 0.14, 40 / 0.14, 40 / 0.255, 40 / 0.255, 40 / 0.225,
     40 / 0.225, np.hypot(15, 70) / 0.25, np.hypot(15, 70) / 0.25, 30 / 0.11, 60 / 0.2]
)  # fmt: skip
METRES = 1.70 / TALL


def _pixels(frames: int = 6) -> tuple[np.ndarray, tuple[str, ...]]:
    from skedge.skeleton import load_layout

    joints = load_layout("coco17").joints
    return (
        np.tile(np.array([FACING[joint] for joint in joints], np.float16), (1, frames, 1, 1)),
        joints,
    )


def test_two_dimensions_become_metres(tmp_path: Path) -> None:
    pixels, joints = _pixels()
    score = np.ones((1, 6, 17), np.float16)
    score[0, 3, 0] = 0
    annotation = _annotation(
        "v_wave", 0, keypoint=pixels, keypoint_score=score, img_shape=(480, 640)
    )
    store = _import({"split": {}, "annotations": [annotation]}, tmp_path, rate=25.0)
    assert (store.layout.name, store.rate, store.protocols) == ("coco17", 25.0, [])
    clip = store.clip(0)
    at = {joint: clip[0, 0, i] for i, joint in enumerate(joints)}
    assert at["left_eye"][1] - at["left_ankle"][1] == pytest.approx(200 * METRES, abs=1e-5)
    assert at["left_wrist"][1] > at["left_eye"][1] > at["left_hip"][1], "y points up"
    assert at["right_shoulder"][0] > at["left_shoulder"][0], "as with a Kinect"
    assert at["nose"][0] == pytest.approx(0, abs=1e-6), "the middle of the image"
    assert at["left_eye"][1] == pytest.approx((240 - 100) * METRES, abs=1e-5)
    assert not np.nan_to_num(clip[..., 2]).any()
    assert np.argwhere(np.isnan(clip).any(axis=-1)).tolist() == [[0, 3, 0]]


def test_the_scale_does_not_depend_on_the_image(tmp_path: Path) -> None:
    pixels, _ = _pixels()
    small = _annotation("small", 0, keypoint=pixels, img_shape=(480, 640))
    large = _annotation("large", 0, keypoint=pixels * 2, img_shape=(960, 1280))
    store = _import({"split": {}, "annotations": [small, large]}, tmp_path)
    np.testing.assert_allclose(store.clip(0), store.clip(1), atol=1e-5)


@pytest.mark.parametrize("places", ["shares", "from the middle"])
def test_shares_of_the_picture_are_the_same_people_as_pixels(tmp_path: Path, places: str) -> None:
    """People are as wide as they are only where width and height are taken apart."""
    pixels = _pixels()[0].astype(np.float32)
    pixels[..., 0] += 90
    shares = pixels / (640, 480)
    written = shares if places == "shares" else 2 * shares - 1
    one = _annotation("pixels", 0, keypoint=pixels, img_shape=(480, 640))
    other = _annotation("others", 0, keypoint=written, img_shape=(480, 640))
    store = _import({"split": {}, "annotations": [one, other]}, tmp_path)
    np.testing.assert_allclose(store.clip(1), store.clip(0), atol=1e-5)


def test_one_scale_for_all_persons_of_a_clip(tmp_path: Path) -> None:
    pixels, _ = _pixels()
    child = pixels / 2 + 100
    annotation = _annotation(
        "two", 0, keypoint=np.concatenate([child, pixels]), img_shape=(480, 640)
    )
    clip = _import({"split": {}, "annotations": [annotation]}, tmp_path).clip(0)
    child_height, height = np.ptp(clip[:, 0, [1, 15], 1], axis=-1)
    assert height == pytest.approx(200 * METRES, abs=1e-5)
    assert child_height == pytest.approx(100 * METRES, abs=1e-5)


def test_other_splits_and_labels(tmp_path: Path) -> None:
    annotations = [_annotation(name, i) for i, name in enumerate("abc")]
    split = {
        "train1": ["a"],
        "test1": ["b", "not there"],
        "train": ["a"],
        "val": ["c"],
        "x_y_train": ["a"],
        "x_y_val": ["b"],
    }
    split |= {"x_y_test": ["c"]}
    (tmp_path / "labels.txt").write_text("stand\nsit down\nfall\njump\n\n")
    store = _import(
        {"split": split, "annotations": annotations}, tmp_path, labels=tmp_path / "labels.txt"
    )
    assert store.labels == ("stand", "sit down", "fall", "jump")
    assert store.rate is None
    for field in ("subject", "camera", "setup"):
        assert (store.index[field] == -1).all()
    assert {name: store.codes(name).tolist() for name in store.protocols} == {
        "split1": [1, 3, 0],
        "official": [1, 0, 3],
        "x_y": [1, 2, 3],
    }


def test_a_layout_by_name(tmp_path: Path) -> None:
    annotation = _annotation("a", 0, keypoint=np.ones((1, 4, 20, 3), np.float32))
    with pytest.raises(
        InputError, match=r"17 \(coco17\) or 25 \(ntu25\) joints, got 20; name a layout"
    ):
        _import({"annotations": [annotation]}, tmp_path)
    assert (
        _import({"annotations": [annotation]}, tmp_path, layout="kinect20").layout.name
        == "kinect20"
    )


def test_a_wrong_joint_count_names_the_layouts(tmp_path: Path) -> None:
    content = _content()
    content["annotations"][2]["keypoint"] = np.ones((1, 4, 17, 3), np.float32)
    with pytest.raises(
        InputError,
        match=r"S005C003P009R001A002: expected 25 joints \(ntu25\), got 17; layouts .*coco17",
    ):
        _import(content, tmp_path)
    assert not (tmp_path / "a store").exists()


def _with(**changes: Any) -> dict[str, Any]:
    return {"split": {}, "annotations": [_annotation("good", 0), _annotation("bad", 1) | changes]}


def _without_keypoint() -> dict[str, Any]:
    content = _with()
    del content["annotations"][1]["keypoint"]
    return content


PIXELS = {"keypoint": np.ones((1, 4, 25, 2), np.float32)}
DAMAGE = {
    "a list": ([1, 2], "expected PYSKL's pickle"),
    "no annotations": ({"split": {}}, "expected PYSKL's pickle"),
    "empty annotations": ({"annotations": []}, "expected PYSKL's pickle"),
    "an annotation that is none": ({"annotations": [3]}, "expected keypoint .*, got -1"),
    "no keypoint": (_without_keypoint(), "bad: .* missing: keypoint"),
    "splits that are no lists": (_content(split={"xsub_train": "abc"}), "expected PYSKL's pickle"),
    "a strange split": (_content(split={"holidays": []}), "expected splits called like xsub_train"),
    "a label in words": (_with(label="jump"), "bad: expected a class number"),
    "a negative label": (_with(label=-1), "bad: expected a class number"),
    "a huge label": (_with(label=10**9), "bad: expected a class number"),
    "a truth": (_with(label=True), "bad: expected a class number"),
    "keypoint as a list": (_with(keypoint=[[1]]), "bad: expected keypoint as numbers .* got list"),
    "keypoint as text": (_with(keypoint=np.array(["a"])), "bad: expected keypoint as numbers"),
    "keypoint flat": (_with(keypoint=np.zeros((4, 25, 3))), "bad: expected keypoint"),
    "four coordinates": (_with(keypoint=np.zeros((1, 4, 25, 4))), "bad: expected keypoint"),
    "nothing seen": (
        _with(keypoint=np.zeros((1, 4, 25, 3))),
        "bad: expected coordinates, got no joint in 4 frames",
    ),
    "no frames": (
        _with(keypoint=np.zeros((1, 0, 25, 3))),
        "bad: expected coordinates, got no joint in 0 frames",
    ),
    "a score of another shape": (
        _with(keypoint_score=np.ones((1, 2, 3))),
        "bad: expected keypoint_score",
    ),
    "a score that is no array": (_with(keypoint_score=1), "bad: expected keypoint_score"),
    "pixels without an image": (_with(**PIXELS), "bad: expected img_shape"),
    "pixels in a strange image": (_with(**PIXELS, img_shape=(0, "x")), "bad: expected img_shape"),
    "pixels in one point": (_with(**PIXELS, img_shape=(480, 640)), "more than one pixel's height"),
    "a point that moves": (
        _with(
            keypoint=np.full((1, 40, 25, 2), 50.0) + np.arange(40)[:, None, None],
            img_shape=(480, 640),
        ),
        "more than one pixel's height, 10 at least, got 0.0",
    ),
    "a name twice": (_with(frame_dir="good"), "got it twice"),
    "labels in lists of several lengths": (_with(label=[[1], [1, 2]]), "expected a class number"),
    "an image in lists of several lengths": (
        _with(**PIXELS, img_shape=[[480], [1, 2]]),
        "bad: expected img_shape",
    ),
    "rows of nobody": (
        _with(keypoint=np.ones((0, 25, 3)), frame_inds=np.zeros(0, int)),
        "bad: expected bodies, got none",
    ),
    "a frame that is no number": (
        _with(keypoint=np.ones((2, 25, 3)), frame_inds=np.array([0, np.nan])),
        "bad: expected a frame for each of 2 bodies",
    ),
    "a frame too late": (
        _with(keypoint=np.ones((2, 25, 3)), frame_inds=np.array([0, 10**6])),
        "bad: expected a frame for each of 2 bodies",
    ),
    "a crowd in one frame and one body much later": (
        _with(keypoint=np.ones((2001, 25, 3)), frame_inds=np.array([0] * 2000 + [99_999])),
        "bad: expected frames times persons up to 1,000,000, got 200,000,000",
    ),
    "one frame for all": (
        _with(keypoint=np.ones((2, 25, 3)), frame_inds=np.array(5)),
        "bad: expected a frame for each of 2 bodies",
    ),
    "frames in a column": (
        _with(keypoint=np.ones((2, 25, 3)), frame_inds=np.array([[0], [1]])),
        "bad: expected a frame for each of 2 bodies",
    ),
    "scores of other rows": (
        _with(
            keypoint=np.ones((2, 25, 3)), frame_inds=np.arange(2), keypoint_score=np.ones((3, 25))
        ),
        r"bad: expected keypoint_score as numbers of shape \(2, 25\)",
    ),
    "a file's name with a NUL": (
        {
            "split": {},
            "annotations": [
                _annotation("good", 0),
                {"frame_dir": "bad", "label": 0, "raw_file": "a\0b"},
            ],
        },
        "bad: expected its keypoints in",
    ),
    "code": ({"annotations": [os.getcwd]}, "nothing was run"),
}


@pytest.mark.parametrize(("content", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_pickle_is_one_line_and_leaves_no_store(
    tmp_path: Path, content: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        _import(content, tmp_path)
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["ntu 60.pkl"]


def test_a_split_that_is_none_does_not_refuse_the_others(tmp_path: Path) -> None:
    content = _content()
    content["split"]["all"] = [one["frame_dir"] for one in content["annotations"]]
    store = _import(content, tmp_path)
    assert store.protocols == ["xsub", "xview"]
    report = (store.path / "import-report.json").read_text()
    assert "left out the split 'all'" in report


def test_a_place_of_minus_one_was_not_seen(tmp_path: Path) -> None:
    """It was a corner of the picture, and people had limbs that reached there."""
    keypoint = np.random.default_rng(0).uniform(50, 400, (1, 6, 17, 2)).astype(np.float32)
    keypoint[0, 2, 3] = -1
    keypoint[0, 4, 5] = 99, 99
    annotation = {"keypoint": keypoint, "img_shape": (480, 640), "total_frames": 6}
    content = {"annotations": [{"frame_dir": "one", "label": 0} | annotation]}
    clip = _import(content, tmp_path, rate=30.0).clip(0)
    assert np.isnan(clip[0, 2, 3]).all()
    assert np.isfinite(clip).all(-1).sum() == 6 * 17 - 1


def test_a_joint_in_the_middle_of_the_picture_is_seen(tmp_path: Path) -> None:
    """There coordinates become zero, which elsewhere means that nobody saw it: wrists that crossed
    the middle were lost there."""
    pixels, joints = _pixels()
    wrist, nose = joints.index("left_wrist"), joints.index("nose")
    pixels[0, 2, wrist] = 320, 240
    pixels[0, 4, nose] = 0
    annotation = _annotation("one", 0, keypoint=pixels, img_shape=(480, 640))
    store = _import({"split": {}, "annotations": [annotation]}, tmp_path, rate=30.0)
    clip = store.clip(0)
    np.testing.assert_array_equal(clip[0, 2, wrist], 0)
    assert np.argwhere(np.isnan(clip).any(axis=-1)).tolist() == [[0, 4, nose]]


def test_bodies_around_one_of_their_joints_keep_it(tmp_path: Path) -> None:
    """As with the arrays of ST-GCN: a pickle of centred bodies had none of their middle joints."""
    body = people()[0].astype(np.float32)
    body -= body[:, :, [NTU.center]]
    body[0, 3, 7] = 0
    store = _import({"annotations": [_annotation("one", 0, keypoint=body)]}, tmp_path, rate=30.0)
    clip = store.clip(0)
    assert np.argwhere(np.isnan(clip).any(axis=-1)).tolist() == [[0, 3, 7]]
    np.testing.assert_array_equal(clip[0, :, NTU.center], 0)


def test_a_report_says_which_clip_is_damaged_and_nothing_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "set.pkl").write_bytes(pickle.dumps(_with(label=-1)))
    report = import_dataset("pyskl", tmp_path / "set.pkl", tmp_path / "store")
    assert [one["file"] for one in report["damaged"]] == ["bad"]
    assert str(tmp_path) not in (tmp_path / "store/import-report.json").read_text()


def test_numbers_beyond_float32_are_absent_without_a_warning_of_numpy(tmp_path: Path) -> None:
    body = people()[0].astype(float)
    body[0, 3, 7, 1] = 1e300
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = _import({"annotations": [_annotation("one", 0, keypoint=body)]}, tmp_path)
    assert np.argwhere(np.isnan(store.clip(0)).any(axis=-1)).tolist() == [[0, 3, 7]]


def test_labels_that_do_not_suffice(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("one\ntwo\n")
    with pytest.raises(
        InputError, match=r"labels.txt: expected at least 3 classes, one a line, got 2"
    ):
        _import(_content(), tmp_path, labels=tmp_path / "labels.txt")
    with pytest.raises(InputError, match=r"none.txt: expected a text file"):
        _import(_content(), tmp_path, labels=tmp_path / "none.txt")


def test_a_real_set_through_pyskls_format_is_the_same(utd_store: Path, tmp_path: Path) -> None:
    utd = Store(utd_store)
    annotations = [
        {
            "frame_dir": str(entry["name"]),
            "label": int(entry["label"]),
            "keypoint": np.array(utd.clip(i)),
        }
        for i, entry in enumerate(utd.index)
    ]
    names = utd.index["name"]
    split = {f"xsub_{part}": names[utd.split("xsub", part)].tolist() for part in ("train", "test")}
    store = _import({"split": split, "annotations": annotations}, tmp_path, layout="utd-mhad20")
    np.testing.assert_array_equal(store.joints, utd.joints)
    np.testing.assert_array_equal(store.index["label"], utd.index["label"])
    np.testing.assert_array_equal(store.codes("xsub"), utd.codes("xsub"))


def test_no_split_is_a_store_without_splits(tmp_path: Path) -> None:
    store = _import(_content(split=None), tmp_path)
    assert (len(store), store.protocols) == (3, [])


def test_a_person_who_bends_down_for_most_of_a_clip_is_as_tall_as_upright(tmp_path: Path) -> None:
    pixels, joints = _pixels(20)
    eye, ankle = joints.index("left_eye"), joints.index("left_ankle")
    pixels[:, 5:, :, 1] = pixels[:, 5:, [ankle], 1] - 50
    pixels[:, 5:, ankle, 1] += 50
    annotation = _annotation("bow", 0, keypoint=pixels, img_shape=(480, 640))
    clip = _import({"split": {}, "annotations": [annotation]}, tmp_path).clip(0)
    height = clip[0, 0, eye, 1] - clip[0, 0, ankle, 1]
    assert height == pytest.approx(200 * METRES, abs=1e-5)


@pytest.mark.parametrize("legs", [True, False], ids=["whole", "at a desk"])
def test_people_are_as_large_as_those_of_arrays_and_of_a_camera(tmp_path: Path, legs: bool) -> None:
    """A pickle's were made as tall as what was seen of them: half a body as a whole one, so that a
    model that had learned from a pickle was shown others by `skedge live`."""
    pixels, joints = _pixels()
    score = np.ones(pixels.shape[:3], np.float32)
    low = [i for i, joint in enumerate(joints) if joint.endswith(("knee", "ankle"))]
    score[..., low] = float(legs)
    annotation = _annotation("one", 0, keypoint=pixels, keypoint_score=score, img_shape=(480, 640))
    pickled = _import({"split": {}, "annotations": [annotation]}, tmp_path).clip(0)
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "clips.csv").write_text("file,label\none.npy,wave\n")
    np.save(
        tmp_path / "clips" / "one.npy",
        np.concatenate([pixels, score[..., None]], axis=-1)[0].astype(np.float32),
    )
    how = Mending(channels="xys")
    import_dataset(
        "arrays", tmp_path / "clips", tmp_path / "arrays", layout="coco17", rate=30.0, mending=how
    )
    listed = Store(tmp_path / "arrays").clip(0)
    for clip in (pickled, listed):
        assert np.isnan(clip[0, 0, low]).all() != legs
    span = [
        np.nanmax(clip, axis=(0, 1, 2)) - np.nanmin(clip, axis=(0, 1, 2))
        for clip in (pickled, listed)
    ]
    np.testing.assert_allclose(*span, rtol=1e-5)
