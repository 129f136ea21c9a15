"""What a look at bodies says: nothing of right ones, and the flag that mends of every wrong one."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skedge.skeleton import anatomy
from skedge.skeleton.body_check import BodyCheck, check_bodies
from skedge.skeleton.doubts import backs, loose_bone, thin_axis
from skedge.skeleton.layout import load_layout
from skedge.skeleton.mend import UNITS, UPWARDS, absent_zeros, mend, off_picture, persons_first
from skedge.skeleton.resample import take
from skedge.skeleton.retarget import retarget
from tests.skeleton.people import NTU, people


def remedies(clips, layout=NTU) -> str:
    return " ".join(fault.remedy for fault in check_bodies(clips, layout).faults)


def test_people_are_found_right_with_their_height():
    report = check_bodies(people(), NTU, rate=30)
    assert report.faults == ()
    assert report.height == pytest.approx(1.6, abs=0.2)
    assert report.seen == 1
    assert not report.flat


@pytest.mark.parametrize("clip", range(12))
def test_a_single_clip_of_a_person_is_found_right(clip):
    assert check_bodies([people()[clip]], NTU).faults == ()


@pytest.mark.parametrize(
    "order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
)
@pytest.mark.parametrize("signs", range(8))
@pytest.mark.parametrize("unit", ["m", "mm"])
def test_the_flags_that_are_named_mend_every_order_and_sign_of_axes(order, signs, unit):
    """What `mend` makes of it stands upright, is as tall, and is no mirror image."""
    sign = np.array([1 - 2 * (signs >> bit & 1) for bit in range(3)])
    wrong = [clip[..., order] * sign / UNITS[unit] for clip in people()]
    found = check_bodies(wrong, NTU)
    assert all(fault.sure for fault in found.faults)
    words = " ".join(fault.remedy for fault in found.faults).split()
    value = dict(pairwise(words))
    mended = [
        mend(
            clip,
            unit=value.get("--unit", "m"),
            up=value.get("--up", "y"),
            flip_x="--flip-x" in words,
        )
        for clip in wrong
    ]
    assert check_bodies(mended, NTU).faults == ()
    turned, right = mended[0].reshape(-1, 3), people()[0].reshape(-1, 3)
    assert np.allclose(turned[:, 1], right[:, 1], atol=1e-6)
    assert np.linalg.det(np.linalg.lstsq(right, turned, rcond=None)[0]) == pytest.approx(1)


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1000), ("cm", 100), ("in", 39.37)])
def test_units_are_named(unit, factor):
    assert remedies([clip * factor for clip in people()]) == f"--unit {unit}"


def test_coordinates_without_a_unit_are_named():
    assert remedies([(clip - clip.mean()) / 10 for clip in people()]) == "--unit any"


def test_a_mirrored_set_is_named_however_people_turn():
    assert remedies([clip * (-1, 1, 1) for clip in people()]) == "--flip-x"
    assert remedies([clip[:, :, NTU.mirror] for clip in people()]) == "--flip-x"


def test_the_order_of_another_layout_is_named():
    kinect, utd, msr = (load_layout(name) for name in ("kinect20", "utd-mhad20", "msr20"))
    for right in (kinect, utd, msr):
        clips = [retarget(clip, NTU, right) for clip in people()]
        for named in (kinect, utd, msr):
            expected = "" if named is right else f"--layout {right.name}"
            assert remedies(clips, named) == expected


@pytest.mark.parametrize("seed", range(6))
def test_an_order_that_no_layout_has_is_said_without_a_name(seed):
    order = np.random.default_rng(seed).permutation(25)
    faults = check_bodies([clip[:, :, order] for clip in people()], NTU).faults
    found = [(fault.remedy, fault.sure) for fault in faults if fault.kind == "layout"]
    assert found == [("--layout FILE.json", False)]


def test_orders_that_can_be_told_are_refused():
    turned = check_bodies([clip[:, :, ::-1] for clip in people()], NTU).sure
    assert [fault.sentence for fault in turned] == ["the joints are in the reverse order"]
    apart = [clip.swapaxes(2, 3).reshape(clip.shape) for clip in people()]
    found = check_bodies(apart, NTU).sure
    assert [fault.remedy for fault in found] == ["give x, y and z of every joint together"]


def _pictured(clip: np.ndarray, depth: float) -> np.ndarray:
    """A clip in the pixels of a picture of 640 x 480, and its depth in other units."""
    far = clip[..., 2:] + 1
    flat = np.array([320, 240]) + np.array([525, -525]) * clip[..., :2] / far
    return np.concatenate([flat, far * depth], axis=-1)


@pytest.mark.parametrize("depth", [1, 1000])
def test_pixels_beside_a_depth_are_named(depth):
    """What depth sensors' other file holds: x and y in the picture, z in metres or millimetres."""
    assert remedies([_pictured(clip, depth) for clip in people()]) == "--channels xy"


def test_coordinates_of_every_clip_from_0_to_1_are_named():
    clips = []
    for clip in people():
        low, high = clip.min(axis=(0, 1, 2)), clip.max(axis=(0, 1, 2))
        clips.append((clip - low) / (high - low).max())
    assert remedies(clips).startswith("--unit any")


def test_a_third_number_that_never_changes_is_said():
    faults = check_bodies([clip * (1, 1, 0) + (0, 0, 1) for clip in people()], NTU).faults
    assert [(fault.kind, fault.sure) for fault in faults] == [("flat", False)]


def test_minus_one_for_a_joint_nobody_saw_is_no_place():
    clips = [clip.copy() for clip in people()]
    for clip in clips:
        clip[:, :, NTU.index("left_hand")] = -1
    report = check_bodies(clips, NTU, rate=30)
    assert [fault.kind for fault in report.faults] == ["zeros"]
    assert report.zeros == pytest.approx(1 / 25)


def test_pixels_and_a_score_are_named():
    coco = load_layout("coco17")
    rng = np.random.default_rng(1)
    clips = []
    for clip in people():
        flat = retarget(clip, NTU, coco)
        flat[..., :2] = (640, 400) - 200 * flat[..., :2]
        flat[..., 2] = rng.uniform(0.3, 1, flat.shape[:-1])
        clips.append(flat)
    assert remedies(clips, coco) == "--channels xys"
    small = [clip / (1280, 800, 1) for clip in clips]
    assert remedies(small, coco) == "--channels xys"


def test_flat_bodies_in_metres_are_right():
    flat = [clip * (1, 1, 0) for clip in people()]
    report = check_bodies(flat, NTU)
    assert report.flat
    assert report.faults == ()
    assert remedies([clip * (1, -1, 1) for clip in flat]) == "--up -y"


def test_of_many_clips_those_at_the_end_count_as_much_as_those_at_the_beginning():
    """Only some of them are looked at; of a set whose first clips alone are in metres the unit is
    that of the others."""
    check = BodyCheck(NTU)
    for number in range(1500):
        clip = people()[number % 12][:, :3]
        check.add(clip if number < 500 else clip * 1000)
    (fault,) = [fault for fault in check.report().faults if fault.kind == "unit"]
    assert fault.remedy == "--unit mm"


def test_exact_zeros_are_counted_and_are_no_joints():
    clips = [clip.copy() for clip in people()]
    for clip in clips:
        clip[:, 2::4] = 0
    report = check_bodies(clips, NTU)
    assert report.zeros == pytest.approx(0.25)
    assert report.height == pytest.approx(1.6, abs=0.2)
    assert [fault.kind for fault in report.faults] == ["zeros"]
    assert check_bodies([np.zeros((1, 20, 25, 3))], NTU).faults[0].kind == "nobody"


def test_a_centre_that_is_the_origin_is_no_absent_joint():
    centred = people()[0] - people()[0][:, :, :1]
    assert np.isfinite(absent_zeros(centred, NTU)).all()
    centred[0, 3] = 0
    absent = np.isnan(absent_zeros(centred, NTU)).any(axis=-1)
    assert absent[0, 3].all()
    assert not np.delete(absent, 3, axis=1).any()


@pytest.mark.parametrize("number", [np.nan, 0, -1])
def test_a_centre_that_is_the_origin_is_none_less_beside_frames_of_nobody(number):
    """One frame of NaN, or a second person who is not there, and the centre was lost in all."""
    centred = people()[0] - people()[0][:, :, :1]
    nobody = np.full_like(centred, number)
    centred[0, 3] = number
    one, other = absent_zeros(np.concatenate([centred, nobody]), NTU)
    assert np.isnan(other).all()
    assert np.isnan(one[3]).all()
    np.testing.assert_array_equal(np.delete(one, 3, axis=0), np.delete(centred[0], 3, axis=0))


def test_persons_and_frames_exchanged_are_named():
    check = BodyCheck(NTU)
    check.add(np.concatenate([people()[0], people()[1]]).transpose(1, 0, 2, 3))
    assert [fault.kind for fault in check.report().faults] == ["axes"]


def test_an_impossible_rate_is_named():
    rng = np.random.default_rng(0)
    clips = [clip + rng.normal(0, 0.05, clip.shape) for clip in people()]
    assert [fault.remedy for fault in check_bodies(clips, NTU, rate=1000).faults] == ["--rate"]
    assert check_bodies(clips, NTU, rate=30).speed < 10


def test_too_little_seen_is_said_nothing_of():
    one = people()[0][:, :3] * 1000
    assert check_bodies([one], NTU).faults == ()
    assert check_bodies([one], NTU).height is None
    hands = np.full_like(people()[0], np.nan)
    hands[:, :, [NTU.index("left_hand"), NTU.index("right_hand")]] = 1000.0
    assert check_bodies([hands], NTU).faults == ()


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.integers(1, 12),
    st.sampled_from(["ntu25", "coco17", "blazepose33"]),
)
def test_whatever_is_there_a_report_comes_out(seed, persons, frames, name):
    layout, rng = load_layout(name), np.random.default_rng(seed)
    clip = rng.normal(0, 10.0 ** rng.integers(-8, 9), (persons, frames, len(layout), 3))
    clip[rng.random(clip.shape[:3]) < rng.random()] = rng.choice([0, np.nan, np.inf])
    report = check_bodies([clip], layout, 30)
    assert 0 <= report.seen <= 1
    assert all(str(fault).isprintable() for fault in report.faults)


def test_every_turn_is_its_axis_up():
    for up in UPWARDS:
        tall = np.zeros(3)
        tall["xyz".index(up[-1])] = -1 if up[0] == "-" else 1
        assert mend(tall, up=up).tolist() == [0, 1, 0]


def kinds(clips) -> list[tuple[str, bool]]:
    return [(fault.kind, fault.sure) for fault in check_bodies(clips, NTU).faults]


@pytest.mark.parametrize("times", [2, 3])
def test_frames_that_are_there_several_times_are_said_with_the_rate(times):
    smooth = [take(clip, np.arange(0, clip.shape[1] - 1, 0.25)) for clip in people()]
    assert check_bodies(smooth, NTU, rate=60).faults == ()
    (found,) = check_bodies([np.repeat(clip, times, axis=1) for clip in smooth], NTU, 60).faults
    assert (found.kind, found.sure) == ("repeated", False)
    assert f"--rate {60 * times}" in found.sentence
    ended = [np.concatenate([clip, np.repeat(clip[:, -1:], 90, axis=1)], 1) for clip in smooth]
    assert kinds(ended) == []  # padding is no repetition


def test_frames_in_another_order_than_that_of_time_are_said():
    way = 0.5 * np.sin(np.arange(77) / 12)[:, None, None] * (1, 0, 0)
    smooth = [take(clip, np.arange(0, clip.shape[1] - 1, 0.25)) + way[:76] for clip in people()]
    assert kinds(smooth) == []
    rng = np.random.default_rng(0)
    assert kinds([rng.permutation(clip, axis=1) for clip in smooth]) == [("mixed", False)]


def test_arms_of_the_other_side_are_refused():
    crossed = np.arange(25)
    for left, right in NTU.pairs:
        if any(
            part in NTU.joints[left] for part in ("shoulder", "elbow", "wrist", "hand", "thumb")
        ):
            crossed[[left, right]] = right, left
    assert ("layout", True) in kinds([clip[:, :, crossed] for clip in people()])
    flat = [clip[:, :, crossed] * (1, 1, 0) for clip in facing()]
    assert "layout" in dict(kinds(flat))


def test_people_in_pictures_from_the_side_have_no_limbs_exchanged():
    """Where left and right lie behind each other, their order was that of noise, and a clip was
    refused."""
    hips = [NTU.index("left_hip"), NTU.index("right_hip")]
    from_side = [clip * (0.05, 1, 0) for clip in facing()]
    for clip in from_side:
        clip[:, :, hips] = clip[:, :, hips[::-1]]
        assert kinds([clip]) == []
        # Some pictures in which noise, or a turn, spreads them do not decide for all others.
        clip[:, 5:12] *= (20, 1, 1)
        assert kinds([clip]) == []


@pytest.mark.filterwarnings("error::RuntimeWarning")
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    angle=st.floats(0, 6.28),
    lost=st.floats(0, 0.5),
    hidden=st.sampled_from([(), ("knee", "ankle", "foot"), ("elbow", "wrist", "hand")]),
    step=st.integers(1, 2),
    many=st.integers(1, 12),
    name=st.sampled_from(["ntu25", "kinect20", "utd-mhad20", "coco17", "blazepose33"]),
    flat=st.booleans(),
)
def test_nothing_is_said_of_people_however_little_of_them_is_seen(
    seed, angle, lost, hidden, step, many, name, flat
):
    """Turned anyhow, anywhere, of any height from 1 to 2 m, at any rate, in noise; but flat people
    who all turn their backs may be mirrored."""
    layout, rng = load_layout(name), np.random.default_rng(seed)
    sin, cos = np.sin(angle), np.cos(angle)
    turn = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]]) * rng.uniform(0.85, 1.15)
    gone = [i for i, joint in enumerate(layout.joints) if any(part in joint for part in hidden)]
    clips = []
    for number in rng.choice(12, many, replace=False):
        clip = retarget(people()[number][:, ::step], NTU, layout) @ turn
        clip += rng.uniform(2, 9, 3) * rng.choice((-1, 1), 3)
        clip += rng.normal(0, rng.uniform(0, 0.02), clip.shape)
        clip[rng.random(clip.shape[:3]) < lost] = np.nan
        clip[:, :, gone] = np.nan
        clips.append(clip * (1, 1, 0) if flat else clip)
    faults = check_bodies(clips, layout, 30 / step).faults
    assert [fault for fault in faults if fault.kind != "mirrored"] == []


def test_joints_beside_the_joint_that_they_hang_on_are_refused():
    beside = [clip - clip[:, :, NTU.parents] for clip in people()]
    assert remedies(beside).startswith("add that joint's place to each")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda c: (c - c.mean((0, 1, 2))) / c.std((0, 1, 2)), "mean 0 and deviation 1"),
        (lambda c: (c - c.min(2, keepdims=True)) / np.ptp(c, 2, keepdims=True), "from 0 to 1"),
        (lambda c: np.round(2 * c), "whole numbers"),
        (lambda c: (c - c.mean((0, 1, 2))) / c.std((0, 1, 2)) * (1, 1, 0), "mean 0"),
        (lambda c: (c - c.min(2, keepdims=True)) / np.ptp(c, 2, keepdims=True) * (1, 1, 0), "to 1"),
    ],
)
def test_numbers_that_were_made_of_coordinates_are_refused(make, said):
    (found,) = check_bodies([make(clip) for clip in people()], NTU).faults
    assert said in found.sentence
    assert found.sure


@pytest.mark.parametrize("axis", [0, 1])
def test_a_score_before_the_places_is_refused(axis):
    first = [clip * (np.arange(3) != axis) + (np.arange(3) == axis) for clip in people()]
    (found,) = check_bodies(first, NTU).faults
    assert (found.kind, found.sure) == ("channels", True)
    assert found.sentence.startswith(f"{'xy'[axis]} is the same for all joints")


@pytest.mark.parametrize("size", [1e-4, 1, 1e3])
@pytest.mark.parametrize("axis", [0, 1])
def test_an_axis_is_thin_beside_the_others_in_any_unit(axis, size):
    """A hundredth of the body's extent, not of a metre."""
    body = np.concatenate([clip[0] for clip in people()])
    extent = np.delete(np.ptp(body, axis=1), axis, axis=1).max(axis=1, keepdims=True)
    for share, thin in ((0.008, axis), (0.015, None)):
        flat = body.copy()
        flat[:, :, axis] = share * extent * (np.arange(25) / 24)
        assert thin_axis(size * flat) == thin


@pytest.mark.parametrize("number", [-1, 999, -9999, 99999, 1e20, -1000, -32768, 3.4028235e38])
def test_numbers_that_stand_for_nothing_are_no_places(number):
    clips = [clip.astype(np.float32) for clip in people()]
    for clip in clips:
        clip[:, 1::5, NTU.index("left_hand")] = number
    assert kinds(clips) == [("zeros", False)]


MARKS = [
    *(0, -1, 999, 9999, 99999, 999999, -999, -9999, -99999, -999999, -1000, -10000, -100000),
    *(-1000000, 32767, -32767, -32768, 65535, 1e20, 3.4028234663852886e38, -3.4028234663852886e38),
]


@pytest.mark.parametrize("number", MARKS)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_such_a_number_is_a_mark_where_it_is_there_three_times(number, kind):
    """Twice it may be a place, as of who is straight before the camera (0, 0, 2)."""
    clip = people()[0].astype(kind)
    joint = NTU.index("left_hand")
    clip[0, 3, joint] = number
    for axis in range(3):
        clip[0, 4 + axis, joint] = np.roll([1.5, number, number], axis)
    absent = np.isnan(absent_zeros(clip, NTU))
    assert absent[0, 3, joint].all()
    assert absent.sum() == 3


@pytest.mark.parametrize("number", [one for one in MARKS if one < 0])
def test_in_a_picture_only_a_negative_mark_is_none(number):
    places = np.array([[number, number], [number, 5], [5, number], [-number, -number], [-2, -2]])
    assert off_picture(places.astype(np.float32)).tolist() == [True] + 4 * [False]


def test_a_bone_that_changes_its_length_is_named():
    names = tuple(f"j{joint}" for joint in range(25))
    foot, hand = NTU.index("left_foot"), NTU.index("right_hand")
    bones = tuple((one, hand if one == foot else other) for one, other in NTU.bones)
    layout = replace(NTU, joints=names, bones=bones)
    waving = [clip.copy() for clip in people()]
    for clip in waving:
        clip[:, 10:, hand] += (0, 0.9, 0)
    (found,) = check_bodies(waving, layout).faults
    assert found.kind == "bones"
    assert f"{names[hand]} " in found.sentence
    for unit in (1e-3, 1e3):
        assert loose_bone([unit * clip[0] for clip in waving], layout) == found.sentence


@pytest.mark.parametrize(("share", "named"), [(0.2, False), (0.3, True)])
def test_a_bone_may_change_by_a_quarter_of_a_body(share, named):
    """The bones of real sets change by an eighth at most, bones that are none by a fifth or more."""
    thumb, parent = NTU.index("left_thumb"), NTU.parents[NTU.index("left_thumb")]
    clips = [clip[0].copy() for clip in people()]
    for clip in clips:
        clip[:, thumb] = clip[:, parent]
        extent = np.median(np.linalg.norm(np.ptp(clip, axis=1), axis=-1))
        inwards = clip[:, NTU.center] - clip[:, parent]
        inwards /= np.linalg.norm(inwards, axis=-1, keepdims=True)
        clip[::2, thumb] += share * extent * inwards[::2]
    assert bool(loose_bone(clips, NTU)) is named


def test_flat_people_who_all_turn_their_backs_are_asked_about():
    flat = [clip * (1, 1, 0) for clip in facing()]
    assert kinds(flat) == []
    assert remedies([clip * (-1, 1, 1) for clip in flat]) == "--flip-x"


def test_people_who_turn_round_for_a_while_are_not_mirrored():
    def turning(part: float) -> list[np.ndarray]:
        clips = [clip[0].copy() for clip in facing()]
        for clip in clips:
            clip[: round(part * len(clip))] *= (-1, 1, -1)
        return clips

    assert backs(turning(0.4), NTU) == ""
    assert "12 of 12 clips" in backs(turning(0.6), NTU)


def facing() -> list[np.ndarray]:
    """People whose left shoulder is where a Kinect sees it of somebody who faces it."""
    left, right = NTU.shoulders
    clips = []
    for clip in people():
        across = (clip[..., right, :] - clip[..., left, :]).mean(axis=(0, 1))
        clips.append(clip if across[0] > 0 else clip * (-1, 1, -1))
    return clips


@pytest.mark.parametrize("many", [2, 3])
@pytest.mark.parametrize("centred", [False, True])
def test_people_below_each_other_are_told(many, centred):
    """A table with a row for each person and frame was a clip of one who is here and there."""
    clips = []
    for one in people():
        both = []
        for i, angle in enumerate(np.arange(many) * 2 * np.pi / many):
            sin, cos = np.sin(angle), np.cos(angle)
            turned = np.roll(one[0], 7 * i, axis=0) @ np.array(
                [[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]]
            )
            both.append(turned - turned[:, :1] if centred else turned + np.array([i, 0, 0]))
        clips.append(np.stack(both, axis=1).reshape(1, -1, *one.shape[2:]))
    told = [fault for fault in check_bodies(clips, NTU, 30).faults if "take turns" in str(fault)]
    assert [fault.sure for fault in told] == [True]
    assert str(told[0]).startswith(f"{many} bodies take turns")


@pytest.mark.parametrize("step", [1, 2, 4])
def test_one_person_at_any_rate_does_not_take_turns(step):
    clips = [np.asarray(one)[:, ::step] for one in people()]
    assert not any("take turns" in str(fault) for fault in check_bodies(clips, NTU, 30).faults)


@pytest.mark.parametrize("frames", [4, 7, 10])
@pytest.mark.parametrize("frames_first", [False, True])
@pytest.mark.parametrize("others", ["nobody", "nobody as NaN", "copies", "people"])
def test_persons_of_short_clips_are_told_from_frames(frames, frames_first, others):
    """Seven frames of ten places, nine of them empty, were seven persons."""
    one = np.asarray(people()[0])[0, 5 : 5 + frames]
    rest = {"nobody": one * 0, "nobody as NaN": one * np.nan, "copies": one}
    places = np.stack([one, *(rest.get(others, one + 0.5 * number) for number in range(1, 6))])
    for array, turned in ((places, False), (places.swapaxes(0, 1), True)):
        found, other = persons_first(array, frames_first)
        np.testing.assert_array_equal(found, places)
        assert other is (turned != frames_first)


def test_persons_and_frames_that_nothing_tells_apart_are_as_the_caller_says():
    noise = np.random.default_rng(0).normal(size=(2, 3, 4, 25, 3))
    for clip in (*noise, noise[0].swapaxes(0, 1)):
        found, other = persons_first(clip)
        assert found.shape == clip.shape
        assert not other
    for clip in (noise[0], noise[1], noise[1].swapaxes(0, 1)):
        np.testing.assert_array_equal(persons_first(clip, True)[0], clip.swapaxes(0, 1))
        assert not persons_first(clip, True)[1]


@pytest.mark.parametrize("rows", [0, 1, 2, 7, 40])
@pytest.mark.parametrize("percent", [50, 90])
def test_the_percentiles_of_limbs_are_numpys(rows: int, percent: float) -> None:
    rng = np.random.default_rng(rows)
    values = np.where(rng.random((rows, 12)) < 0.3, np.nan, rng.normal(size=(rows, 12)))
    values[:, 3] = np.nan
    expected = np.full(12, np.nan)
    for column in np.flatnonzero(np.isfinite(values).any(axis=0)):
        expected[column] = np.nanpercentile(values[:, column], percent)
    np.testing.assert_allclose(anatomy._percentile(values, percent), expected, atol=1e-12)


def test_the_columns_of_percentiles_are_not_gone_through_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []
    real = np.sort
    monkeypatch.setattr(np, "sort", lambda of, axis: calls.append(of.shape[1]) or real(of, axis))
    for name in ("percentile", "nanpercentile"):
        monkeypatch.delattr(np, name)
    anatomy._percentile(np.ones((9, 20)), 50)
    assert calls == [20]
