"""What invented people do is what its label says, and looks like people."""

from collections.abc import Iterator

import numpy as np
import pytest

from skedge.datasets.synthetic import body, everyday, people
from skedge.datasets.synthetic.actions import ACTIONS
from skedge.datasets.synthetic.gait import RATE, Stretch, gait, placed, style, walk_way
from skedge.datasets.synthetic.known import VARIANTS
from skedge.datasets.synthetic.motion import Motion, cut, motion
from skedge.datasets.synthetic.puppet import perform
from skedge.datasets.synthetic.stance import Stance, stance
from skedge.skeleton import load_layout

LAYOUT = load_layout("ntu25")
MANY = 24


def at(joints: np.ndarray, name: str) -> np.ndarray:
    return joints[:, LAYOUT.index(name)]


def acted(action: str, seed: int) -> tuple[np.ndarray, body.Build, Motion]:
    """The joints of the action's own frames."""
    rng = np.random.default_rng([11, seed])
    who = people.person(4, seed)
    shape = people.build(who, people.SENSORS[0], rng)
    made = motion(ACTIONS.index(action), who, shape, rng)
    return body.joints(made.channels[made.start : made.end], shape), shape, made


def hands(joints: np.ndarray, shape: body.Build) -> np.ndarray:
    """How high each hand is above its shoulder, (T, 2) in arm lengths."""
    sides = [at(joints, f"{s}_hand") - at(joints, f"{s}_shoulder") for s in ("left", "right")]
    return np.stack([one[:, 1] for one in sides], -1) / shape.arm


def lean(joints: np.ndarray) -> np.ndarray:
    trunk = at(joints, "shoulder_center") - at(joints, "hip_center")
    return np.degrees(np.arctan2(np.linalg.norm(trunk[:, [0, 2]], axis=1), trunk[:, 1]))


def feet(joints: np.ndarray, shape: body.Build) -> np.ndarray:
    """How high each ankle is above where it stands, (T, 2) in leg lengths."""
    both = np.stack([at(joints, f"{s}_ankle")[:, 1] for s in ("left", "right")], -1)
    return (both - shape.ankle) / shape.leg


@pytest.mark.parametrize("seed", range(MANY))
def test_squats_lower_the_hips_and_come_up_again(seed):
    joints, shape, _ = acted("squat", seed)
    hips = at(joints, "hip_center")[:, 1]
    assert np.ptp(hips) > 0.2 * shape.leg
    assert hips[-1] - hips.min() > 0.15 * shape.leg


@pytest.mark.parametrize("seed", range(MANY))
def test_kicks_lift_one_foot_and_jumps_both(seed):
    joints, shape, _ = acted("kick", seed)
    assert feet(joints, shape).max() > 0.08
    assert feet(joints, shape).min(axis=1).max() < 0.15
    joints, shape, made = acted("jump", seed)
    height = feet(joints, shape).min(axis=1)
    assert height.max() > 0.01
    off = height > 0.5 * height.max()
    landings = np.sum(off[:-1] & ~off[1:])
    assert landings >= made.beats - 1


@pytest.mark.parametrize("seed", range(MANY))
def test_claps_bring_the_hands_together_as_often_as_counted(seed):
    joints, shape, made = acted("clap", seed)
    gap = np.linalg.norm(at(joints, "left_wrist") - at(joints, "right_wrist"), axis=1) / shape.arm
    assert gap.min() < 0.35
    closing = np.diff(np.sign(np.diff(gap)))
    assert np.sum(closing > 0) >= made.beats


@pytest.mark.parametrize("seed", range(MANY))
def test_arms_go_where_their_action_needs_them(seed):
    joints, shape, _ = acted("raise both arms", seed)
    assert hands(joints, shape).min(axis=1).max() > 0.4
    joints, shape, _ = acted("drink", seed)
    mouth = at(joints, "head") - [0, 0.05, 0]
    reach = [np.linalg.norm(at(joints, f"{s}_hand") - mouth, axis=1) for s in ("left", "right")]
    assert np.min(reach) < 0.33
    for action in ("punch", "throw"):
        joints, shape, _ = acted(action, seed)
        out = [
            np.linalg.norm(at(joints, f"{s}_wrist") - at(joints, f"{s}_shoulder"), axis=1)
            for s in ("left", "right")
        ]
        assert max(np.ptp(one) for one in out) > 0.15 * shape.arm, action


@pytest.mark.parametrize("seed", range(MANY))
def test_bows_lean_and_chairs_are_sat_on(seed):
    joints, shape, _ = acted("bow", seed)
    assert lean(joints).max() > 12
    for action, sign in (("sit down", -1), ("stand up", 1)):
        joints, shape, _ = acted(action, seed)
        hips = at(joints, "hip_center")[:, 1]
        assert sign * (hips[-1] - hips[0]) > 0.2 * shape.leg


@pytest.mark.parametrize("seed", range(MANY))
def test_whoever_walks_gets_on_with_feet_that_stay_where_they_stand(seed):
    rng = np.random.default_rng([12, seed])
    who = people.person(4, seed)
    shape = people.build(who, people.SENSORS[0], rng)
    speed = rng.uniform(0.6, 1.6)
    channels = gait([Stretch(4, speed)], 120, style(rng), shape, rng)
    joints = body.joints(channels, shape)
    way = np.linalg.norm(np.diff(at(joints, "hip_center")[[0, -1]][:, [0, 2]], axis=0))
    assert way == pytest.approx(4 * speed, rel=0.1)
    # Whichever foot is lower carries the body, and hardly moves.
    low = feet(joints, shape)
    steps = np.stack(
        [
            np.linalg.norm(np.diff(at(joints, f"{s}_ankle")[:, [0, 2]], axis=0), axis=1)
            for s in ("left", "right")
        ],
        -1,
    )
    carrying = np.take_along_axis(steps, low[1:].argmin(axis=1)[:, None], 1)
    assert np.median(carrying) * RATE < 0.35 * speed
    assert low.min() > -0.02
    assert low.min(axis=1).max() < 0.1


@pytest.mark.parametrize(
    "kind", ["walk", "curve", "there and back", "turn", "aside", "march", "jog"]
)
def test_ways_of_every_kind_keep_the_body_in_one_piece(kind):
    for seed in range(6):
        rng = np.random.default_rng([13, seed])
        who = people.person(4, seed)
        shape = people.build(who, people.SENSORS[seed % 3], rng)
        channels = gait(walk_way(rng, 4.0, kind), 130, style(rng), shape, rng)
        joints = body.joints(placed(channels, 40.0), shape)
        assert np.linalg.norm(np.diff(joints, axis=0), axis=-1).max() < 0.5
        middle = at(joints, "hip_center")[:, [0, 2]]
        assert np.abs(middle.min(axis=0) + middle.max(axis=0)).max() < 0.5
        moves = np.ptp(middle, axis=0).max()
        assert (moves > 0.25) == (kind not in ("turn", "march"))


def test_a_placed_motion_faces_and_stands_where_it_should():
    rng = np.random.default_rng(1)
    shape = people.build(people.person(0, 0), people.SENSORS[0], rng)
    walked = gait([Stretch(2, 1.0)], 60, style(rng), shape, rng)
    joints = body.joints(placed(walked, 90.0, np.array([2.0, 3.0])), shape)
    middle = at(joints, "hip_center")
    # To the right of who faces negative z.
    np.testing.assert_allclose(middle[0, [0, 2]], [2, 3], atol=0.1)
    assert middle[-1, 0] > 3.5
    assert abs(middle[-1, 2] - 3) < 0.2


def test_nothing_begun_and_left_is_the_whole_action():
    finished = 0
    for seed in range(60):
        rng = np.random.default_rng([14, seed])
        who = people.person(4, seed)
        shape = people.build(who, people.SENSORS[0], rng)
        variant, share = everyday.unfinished(rng)
        made = perform(variant, who, shape, stance(who, rng), rng)
        if share == 1:
            assert not variant.beat
            continue
        poses = made.poses[0] + share * (made.poses - made.poses[0])
        joints = body.joints(poses, shape)
        hips = at(joints, "hip_center")[:, 1] / shape.leg
        finished += np.ptp(hips) > 0.28 or feet(joints, shape).max() > 0.4
        finished += hands(joints, shape).min(axis=1).max() > 0.6
    assert finished == 0


def test_every_kind_of_everyday_movement_can_be_carried_out():
    for name, (_, variants) in everyday.KINDS.items():
        for i, variant in enumerate(variants):
            rng = np.random.default_rng([15, i])
            who = people.person(4, i)
            shape = people.build(who, people.SENSORS[0], rng)
            posture = "seated" if variant.seated == 1 else "standing"
            made = perform(variant, who, shape, stance(who, rng, posture), rng)
            joints = body.joints(made.poses, shape)
            assert np.isfinite(joints).all(), name
            assert at(joints, "head")[:, 1].min() > 0.3, name
            assert made.seconds[-1] < 25, name


def carried_out(name: str) -> Iterator[tuple[np.ndarray, body.Build]]:
    """The key poses' joints (K, 25, 3) of every variant of a kind of everyday movement."""
    for i, variant in enumerate(everyday.KINDS[name][1]):
        rng = np.random.default_rng([17, i])
        shape = people.build(people.person(4, i), people.SENSORS[0], rng)
        made = perform(variant, people.person(4, i), shape, at=upright(), rng=rng)
        yield body.joints(made.poses, shape), shape


def upright() -> Stance:
    """Standing with hanging hands."""
    who = people.person(4, 0)
    made = stance(who, np.random.default_rng(0))
    made.rest_hands(np.random.default_rng(0), 0.0)
    return made


def test_figures_in_the_air_are_drawn_by_one_hand_while_the_other_hangs():
    for joints, shape in carried_out("draw in the air"):
        ways = [np.ptp(at(joints, f"{s}_hand"), axis=0).max() / shape.arm for s in body.SIDES]
        assert max(ways) > 0.5
        assert hands(joints, shape).min(axis=1).max() < -0.7


def test_crossed_arms_bring_each_hand_to_the_other_side():
    crossed = 0
    for joints, _ in carried_out("cross the arms"):
        gap = at(joints, "right_hand")[:, 0] - at(joints, "left_hand")[:, 0]
        crossed += gap.min() < 0
    assert crossed == 3


def test_every_action_but_the_last_has_its_variants():
    assert list(VARIANTS) == list(ACTIONS[:-1])
    assert ACTIONS[-1] == "other"
    for variants in VARIANTS.values():
        assert everyday.possible(variants, seated=True) or everyday.possible(variants, seated=False)


def test_repetitions_are_like_one_another():
    spread = []
    for seed in range(30):
        joints, shape, made = acted("squat", seed)
        hips = at(joints, "hip_center")[:, 1] / shape.leg
        if made.beats > 1:
            inner = (
                (hips[1:-1] < hips[:-2])
                & (hips[1:-1] <= hips[2:])
                & (hips[1:-1] < 0.8 * hips.max())
            )
            spread.append(np.ptp(hips[1:-1][inner]))
    assert len(spread) > 5
    assert np.median(spread) < 0.12


def test_cuts_keep_what_they_are_labelled_as():
    for seed in range(40):
        rng = np.random.default_rng([16, seed])
        whole = Motion(np.arange(200)[:, None], 40, 160, 1)
        made = cut(whole, rng)
        first = int(made.channels[0, 0])
        assert (made.channels[:, 0] == np.arange(first, first + len(made.channels))).all()
        assert made.start + first >= 40
        assert made.end + first <= 160
        assert made.end - made.start > 0.55 * 120


def test_each_side_of_a_body_is_on_its_side_and_feet_step_outwards():
    """Hips that are exchanged, or feet that step across, passed every test."""
    shape = people.build(people.person(4, 0), people.SENSORS[0], np.random.default_rng(0))
    still = np.zeros((1, len(body.CHANNELS)))
    wide = still.copy()
    for side in body.SIDES:
        wide[0, body.CHANNELS.index(f"{side}_foot_out")] = 0.2
    narrow, apart = body.joints(still, shape), body.joints(wide, shape)
    for name in ("shoulder", "hip", "knee", "ankle", "foot"):
        assert at(narrow, f"left_{name}")[0, 0] < 0 < at(narrow, f"right_{name}")[0, 0], name
    for side, sign in body.SIDES.items():
        moved = at(apart, f"{side}_ankle") - at(narrow, f"{side}_ankle")
        assert sign * moved[0, 0] > 0.1
