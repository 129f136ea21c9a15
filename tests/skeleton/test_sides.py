"""Layouts whose pairs, shoulders and bones contradict the names of their joints are named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout, layout_names, load_layout
from skedge.skeleton.sides import contradiction, counterpart, skipped


@pytest.mark.parametrize(
    ("joint", "other"),
    [
        ("left_hand", "right_hand"),
        ("LeftHand", "RightHand"),
        ("LHand", "RHand"),
        ("hand_l", "hand_r"),
        ("hand.R", "hand.L"),
        ("RIGHT_KNEE", "LEFT_KNEE"),
        ("head", ""),
        ("lamp", ""),
        ("Lips", ""),
        ("Rib", ""),
    ],
)
def test_a_name_has_a_counterpart_where_it_has_a_side(joint, other):
    assert counterpart(joint) == other


@given(st.sampled_from(layout_names()), st.data())
def test_counterparts_are_mutual_in_every_layout(name, data):
    joint = data.draw(st.sampled_from(load_layout(name).joints))
    other = counterpart(joint)
    assert not other or counterpart(other) == joint


@pytest.mark.parametrize("name", layout_names())
def test_the_layouts_that_come_with_it_agree_with_their_names(name):
    layout = load_layout(name)
    assert contradiction(layout) == skipped(layout) == ""
    without = {key: value for key, value in layout.to_dict().items() if key != "pairs"}
    assert set(Layout.from_dict(without).pairs) == set(layout.pairs)


def _changed(**changes) -> dict:
    return load_layout("kinect20").to_dict() | changes


def _hand_on(parent: str) -> list[list[str]]:
    """The bones, of which the left hand's is to `parent`."""
    bones = load_layout("kinect20").to_dict()["bones"]
    return [[one, parent if one == "left_hand" else other] for one, other in bones]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (_changed(pairs=[["left_hand", "right_foot"]]), "['left_hand', 'right_hand']"),
        (_changed(pairs=[["right_hand", "left_hand"]]), "['left_hand', 'right_hand']"),
        (_changed(pairs=[["left_hand", "right_hand"]]), "among them, got 1 pairs"),
        (_changed(pairs=[["left_hand", "head"]]), "['left_hand', 'right_hand']"),
        (_changed(shoulders=["right_shoulder", "left_shoulder"]), "shoulders: expected"),
        (_changed(bones=_hand_on("right_wrist")), "['left_hand', 'left_wrist']"),
    ],
)
def test_a_layout_of_ones_own_that_contradicts_its_names_is_refused(tmp_path, document, said):
    file = tmp_path / "layout.json"
    file.write_text(json.dumps(document))
    with pytest.raises(InputError) as raised:
        load_layout(str(file))
    assert said in str(raised.value)


def test_a_bone_that_leaves_a_joint_out_is_told():
    layout = Layout.from_dict(_changed(bones=_hand_on("left_shoulder")))
    assert skipped(layout) == (
        "bones: left_hand hangs on left_shoulder, although left_wrist lies between them"
    )
