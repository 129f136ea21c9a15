import json
from pathlib import Path

import numpy as np
import pytest

from skedge.skeleton import InputError, layout_names, load_layout
from skedge.skeleton.layout import Layout, check_joint_count
from tests.skeleton.people import NTU_FLIP


def test_ntu25_is_the_papers() -> None:
    ntu = load_layout("ntu25")
    assert len(ntu) == 25
    assert ntu.center == 20
    assert ntu.degrees.tolist() == [
        3,
        2,
        2,
        1,
        2,
        2,
        2,
        2,
        2,
        2,
        2,
        2,
        2,
        2,
        2,
        1,
        2,
        2,
        2,
        1,
        4,
        1,
        2,
        1,
        2,
    ]
    assert ntu.mirror.tolist() == NTU_FLIP
    assert {part: sorted(joints) for part, joints in ntu.parts.items()} == {
        "right_arm": [8, 9, 10, 11, 23, 24],
        "left_arm": [4, 5, 6, 7, 21, 22],
        "right_leg": [16, 17, 18, 19],
        "left_leg": [12, 13, 14, 15],
        "torso": [0, 1, 2, 3, 20],
    }
    assert (ntu.anchors["hip"], ntu.anchors["spine"], ntu.anchors["chest"], ntu.shoulders) == (
        (0,),
        (1,),
        (20,),
        (4, 8),
    )


@pytest.mark.parametrize("name", layout_names())
def test_every_layout_is_a_tree_with_two_sides(name: str) -> None:
    layout = load_layout(name)
    assert layout.name == name
    assert len(layout.bones) == len(layout) - 1
    at = np.arange(len(layout))
    for _ in range(len(layout)):
        at = layout.parents[at]
    assert (at == layout.center).all()
    assert (layout.mirror[layout.mirror] == np.arange(len(layout))).all()
    sided = [i for i, joint in enumerate(layout.joints) if joint.startswith(("left_", "right_"))]
    assert sorted(joint for pair in layout.pairs for joint in pair) == sided
    for left, right in layout.pairs:
        assert layout.joints[left].removeprefix("left_") == layout.joints[right].removeprefix(
            "right_"
        )
    parted = [joint for joints in layout.parts.values() for joint in joints]
    assert sorted(parted) == list(range(len(layout))), "every joint belongs to one body part"
    assert layout.joints[layout.shoulders[0]] == "left_shoulder"
    assert layout.joints[layout.shoulders[1]] == "right_shoulder"


@pytest.mark.parametrize("name", layout_names())
def test_the_mirror_maps_bones_to_bones(name: str) -> None:
    layout = load_layout(name)
    bones = {frozenset(bone) for bone in layout.bones}
    assert {frozenset(layout.mirror[list(bone)].tolist()) for bone in bones} == bones


def test_utd_mhad_has_its_own_joint_order() -> None:
    utd = load_layout("utd-mhad20")
    assert utd.joints[:4] == ("head", "shoulder_center", "spine", "hip_center")
    assert load_layout("kinect20").joints[:4] == ("hip_center", "spine", "shoulder_center", "head")
    assert sorted(utd.joints) == sorted(load_layout("kinect20").joints)


def _same(one: Layout, other: Layout) -> bool:
    return one.to_dict() == other.to_dict()


@pytest.mark.parametrize("name", layout_names())
def test_a_layout_comes_back_from_its_document(name: str) -> None:
    layout = load_layout(name)
    again = Layout.from_dict(json.loads(json.dumps(layout.to_dict())))
    assert _same(layout, again)
    assert again.bones == layout.bones
    assert again.anchors == layout.anchors


def test_a_layout_from_a_file(tmp_path: Path) -> None:
    document = load_layout("coco17").to_dict() | {"name": "mine"}
    (tmp_path / "my layout.json").write_text(json.dumps(document))
    mine = load_layout(str(tmp_path / "my layout.json"))
    assert mine.name == "mine"
    assert mine.bones == load_layout("coco17").bones


def _broken(**changes: object) -> dict:
    return load_layout("coco17").to_dict() | changes


DAMAGE = {
    "a list": [1, 2],
    "nothing": None,
    "no joints": {"name": "x"},
    "an unknown center": _broken(center="tail"),
    "an unknown bone": _broken(bones=[["tail", "nose"]]),
    "a cycle": _broken(
        bones=[
            ["left_eye", "right_eye"],
            ["right_eye", "left_eye"],
            *load_layout("coco17").to_dict()["bones"][2:],
        ]
    ),
    "a bone too few": _broken(bones=load_layout("coco17").to_dict()["bones"][1:]),
    "a joint twice": _broken(joints=[*load_layout("coco17").joints[:-1], "nose"]),
    "no anchors": _broken(anchors={}),
    "an empty anchor": _broken(anchors={"hip": [], "spine": ["nose"], "chest": ["nose"]}),
    "one shoulder": _broken(shoulders=["left_shoulder"]),
    "a joint in two pairs": _broken(pairs=[["left_eye", "right_eye"], ["left_eye", "right_ear"]]),
    "a pair of three": _broken(pairs=[["left_eye", "right_eye", "nose"]]),
    "bones as numbers": _broken(bones=3),
    "pairs under another name": _broken(mirror=[["left_eye", "right_eye"]]),
}


@pytest.mark.parametrize("document", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_layout_is_one_line(document: object, tmp_path: Path) -> None:
    path = tmp_path / "layout.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="expected") as caught:
        load_layout(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_layout_lists_the_known() -> None:
    with pytest.raises(InputError, match=r"unknown layout 'ntu26'.*coco17.*ntu25"):
        load_layout("ntu26")


@pytest.mark.parametrize("content", [b"\xff\xfe{", b"[" * 200_000, b"9" * 5000])
def test_a_file_that_is_no_json(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "layout.json").write_bytes(content)
    with pytest.raises(InputError, match="expected a layout in JSON"):
        load_layout(str(tmp_path / "layout.json"))


def test_a_wrong_joint_count_says_which_layouts_fit() -> None:
    check_joint_count(25, load_layout("ntu25"), "clip.npz")
    with pytest.raises(
        InputError,
        match=(
            r"clip.npz: expected 25 joints \(ntu25\), got 17; layouts with 17 joints:"
            r" coco17.*--layout"
        ),
    ):
        check_joint_count(17, load_layout("ntu25"), "clip.npz")
    with pytest.raises(InputError, match="no built-in layout has 99 joints"):
        check_joint_count(99, load_layout("ntu25"), "clip.npz")


def test_a_layout_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    """Editors on Windows write one; the layout was refused."""
    path = tmp_path / "layout.json"
    path.write_text(json.dumps(load_layout("sbu15").to_dict()), encoding="utf-8-sig")
    assert load_layout(str(path)).joints == load_layout("sbu15").joints


def test_openpose_has_its_joints_at_the_published_places() -> None:
    """BODY_25 in OpenPose's documentation of its output."""
    joints = load_layout("openpose25").joints
    for number, joint in {0: "nose", 1: "shoulder_center", 2: "right_shoulder", 4: "right_wrist",
                          7: "left_wrist", 8: "hip_center", 11: "right_ankle", 14: "left_ankle",
                          15: "right_eye", 18: "left_ear", 19: "left_foot_index",
                          21: "left_heel", 24: "right_heel"}.items():  # fmt: skip
        assert joints[number] == joint
