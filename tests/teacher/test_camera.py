"""The cameras that film training's people."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from skedge.recipes.camera_settings import CameraSettings
from skedge.skeleton import load_layout
from skedge.skeleton.normalize import root
from skedge.teacher.camera import Camera

NTU = load_layout("ntu25")
PERFECT = CameraSettings(
    frontal=1.0, pitch=0.0, pitch_spread=0.0, size=0.0, limbs=0.0, wide_hips=0.0,
    arms=(1.0, 1.0), trunk=(1.0, 1.0), legs=(1.0, 1.0), shoulder_drop=0.0, legs_behind=0.0, lost_legs=0.0, one_eyed=0.0, swaps=0.0,
    snaps=0.0, noise=0.0, meeting=0.0, drift=0.0, mirror=0.0,
)  # fmt: skip


def bodies(clips: int = 64, frames: int = 20) -> Tensor:
    """Upright bodies that walk through a room, (N, 1, T, 25, 3)."""
    torch.manual_seed(5)
    spine = {"hip": 0.9, "spine": 1.1, "center": 1.4, "head": 1.7, "knee": 0.5, "ankle": 0.1}
    joints = 0.1 * torch.randn(clips, 1, 1, len(NTU), 3)
    for number, name in enumerate(NTU.joints):
        joints[..., number, 1] = spine.get(name.rsplit("_", 1)[-1], 1.2)
        joints[..., number, 0] += {"left": -0.2, "right": 0.2}.get(name.split("_")[0], 0.0)
    joints[..., NTU.index("hip_center"), 1] = 0.9
    walk = torch.linspace(0, 1, frames)[None, None, :, None, None]
    return joints + walk * torch.tensor([0.5, 0.1, -0.3])


def test_a_perfect_camera_turns_the_room_and_changes_nothing_else() -> None:
    joints = bodies()
    filmed = Camera(PERFECT, NTU)(joints)
    before, after = (torch.cdist(one.flatten(2, 3), one.flatten(2, 3)) for one in (joints, filmed))
    torch.testing.assert_close(after, before, atol=2e-3, rtol=0)


@pytest.mark.parametrize("one_eyed", [0.0, 1.0])
def test_it_errs_anew_for_every_clip_and_stays_plausible(one_eyed: float) -> None:
    joints = bodies()
    camera = Camera(replace(CameraSettings(), one_eyed=one_eyed), NTU)
    filmed, again = camera(joints), camera(joints)
    assert filmed.isfinite().all()
    assert filmed.shape == joints.shape
    assert (filmed - again).abs().mean() > 0.05
    heights = filmed[..., NTU.index("head"), 1] - root(filmed, NTU)[..., 0, 1]
    assert 0.4 < heights.median() < 1.1


def test_mirror_images_exchange_the_sides() -> None:
    joints = bodies()
    filmed = Camera(replace(PERFECT, mirror=1.0), NTU)(joints)
    left, right = NTU.shoulders
    line = filmed[..., right, :] - filmed[..., left, :]
    assert (line[..., 0] > 0).float().mean() > 0.95, "right is where right was"
    plain = Camera(PERFECT, NTU)(joints)
    assert (filmed - plain).abs().max() > 0.05


def test_what_has_no_depth_is_flat() -> None:
    settings = replace(PERFECT, one_eyed=1.0, flat=1.0, depth_error=0.0)
    filmed = Camera(settings, NTU)(bodies(frames=1))
    body = filmed - root(filmed, NTU)
    assert body[..., 2].abs().max() < 1e-5
    assert body[..., 1].abs().max() > 0.5


def test_lost_legs_leave_arms_alone() -> None:
    joints = bodies()
    torch.manual_seed(3)
    whole = Camera(PERFECT, NTU)._legless(joints)
    lost = Camera(replace(PERFECT, lost_legs=1.0), NTU)._legless(joints)
    away = (lost - whole)[..., NTU.index("left_foot"), :].square().mean().sqrt()
    assert away == pytest.approx(0.22, rel=0.15)
    moved = (lost - whole).abs().amax((0, 1, 2, 4)) > 0.01
    assert {name for name, one in zip(NTU.joints, moved, strict=True) if one} == {
        f"{side}_{joint}" for side in ("left", "right") for joint in ("knee", "ankle", "foot")
    }


def test_hands_that_meet_are_found_worse() -> None:
    joints = bodies()
    wrists = [NTU.index("left_wrist"), NTU.index("right_wrist")]
    apart = joints.clone()
    joints[..., wrists, :] = joints[..., NTU.index("spine"), None, :]
    camera = Camera(replace(PERFECT, meeting=0.05), NTU)

    def jitter(body: Tensor) -> float:
        hands = camera(body)[..., wrists, :]
        return float(hands.diff(n=2, dim=2).abs().mean())

    assert jitter(joints) > 5 * jitter(apart)


def test_hands_err_by_the_setting_where_they_meet_and_by_less_apart() -> None:
    """By those metres twice over at most, in each axis; at 18 cm by 1 / e of it."""
    joints = bodies(800)
    hands = [NTU.index("left_wrist"), NTU.index("right_wrist")]
    sizes = {}
    for apart in (0.0, 0.18):
        joints[..., hands[0], :] = joints[..., NTU.index("spine"), :]
        joints[..., hands[1], :] = joints[..., hands[0], :] + torch.tensor([0.0, apart, 0.0])
        plain, found = errors(joints, meeting=0.05)
        sizes[apart] = (found - plain)[..., hands, :].square().mean((1, 2, 3, 4)).sqrt()
    # Of what wanders, 1.2 squared by 2/3, and of noise, 0.4 squared.
    expected = 0.05 * (1.2**2 * 2 / 3 + 0.4**2) ** 0.5
    assert sizes[0.0].mean() == pytest.approx(expected, rel=0.06)
    assert sizes[0.0].max() < 2 * 1.5 * expected
    assert sizes[0.18].mean() == pytest.approx(expected / torch.e, rel=0.06)


def test_everything_is_drawn_where_the_joints_are() -> None:
    joints = bodies().to("meta")
    assert Camera(CameraSettings(), NTU).to("meta")(joints).device.type == "meta"


def errors(joints: Tensor, **changes: Any) -> tuple[Tensor, Tensor]:
    """The same bodies, filmed from the same sides, by a camera without errors and by one with
    these."""
    found = []
    for settings in (PERFECT, replace(PERFECT, **changes)):
        torch.manual_seed(2)
        found.append(Camera(settings, NTU)(joints))
    return found[0], found[1]


def lengthened(joints: Tensor, **changes: Any) -> dict[str, Tensor]:
    """By what factor (N,) each bone comes out longer, by the kind of joint that it ends at."""
    plain, found = errors(joints, **changes)
    parents = torch.from_numpy(NTU.parents)
    long, usual = ((one - one[..., parents, :]).norm(dim=-1)[:, 0, 0] for one in (found, plain))
    return {
        kind: (long / usual)[:, number]
        for number, kind in enumerate(NTU.kinds)
        if number != NTU.center
    }


@pytest.mark.parametrize(
    ("setting", "kinds"),
    [
        ("arms", {"elbow", "wrist", "hand"}),
        ("legs", {"knee", "ankle", "foot"}),
        ("trunk", {"spine", "center"}),
    ],
)
def test_limbs_come_out_longer_by_the_factor_of_their_part(setting: str, kinds: set[str]) -> None:
    """A factor that was passed over, or was another part's, changed no result."""
    for kind, factor in lengthened(bodies(frames=1), **{setting: (1.2, 1.2)}).items():
        wanted = 1.2 if kind in kinds else 1.0
        torch.testing.assert_close(factor, torch.full_like(factor, wanted), atol=2e-3, rtol=0)


def test_bones_of_both_sides_vary_alike_and_less_than_those_of_the_middle() -> None:
    """As the setting says: the head's by the deviation, limbs by the mean of two draws."""
    found = lengthened(bodies(2000, frames=1), limbs=0.1)
    assert found["head"].std() == pytest.approx(0.1, rel=0.06)
    assert found["ankle"].std() == pytest.approx(0.1 / 2**0.5, rel=0.06)
    for factor in found.values():
        assert factor.mean() == pytest.approx(1.0, abs=0.01)
    many = lengthened(bodies(2000, frames=1), limbs=0.5)["head"]
    assert (many.min(), many.max()) == pytest.approx((0.7, 1.3), abs=2e-3), "and no farther"
    plain, other = errors(bodies(50, frames=1), limbs=0.1)
    for joint, parent in (("ankle", "knee"), ("wrist", "elbow")):
        left, right = (
            (
                other[..., NTU.index(f"{side}_{joint}"), :]
                - other[..., NTU.index(f"{side}_{parent}"), :]
            ).norm(dim=-1)
            / (
                plain[..., NTU.index(f"{side}_{joint}"), :]
                - plain[..., NTU.index(f"{side}_{parent}"), :]
            ).norm(dim=-1)
            for side in ("left", "right")
        )
        torch.testing.assert_close(left, right, atol=2e-3, rtol=0)


def test_some_trackers_find_hips_farther_apart_and_bodies_are_of_other_sizes() -> None:
    """As the settings say: up to 2.3 times, alike on both sides, and by up to that share."""
    found = lengthened(bodies(2000, frames=1), wide_hips=1.0)
    hips = found.pop("hip")
    assert hips.min() > 0.998
    assert hips.max() < 2.302
    assert hips.mean() == pytest.approx(1.65, abs=0.03)
    for factor in found.values():
        torch.testing.assert_close(factor, torch.ones_like(factor), atol=2e-3, rtol=0)
    half = lengthened(bodies(2000, frames=1), wide_hips=0.5)["hip"]
    assert (half > 1.002).float().mean() == pytest.approx(0.5, abs=0.05)
    sizes = list(lengthened(bodies(2000, frames=1), size=0.15).values())
    for factor in sizes[1:]:
        torch.testing.assert_close(factor, sizes[0], atol=2e-3, rtol=0)
    assert sizes[0].std() == pytest.approx(0.3 / 12**0.5, rel=0.05)
    assert sizes[0].mean() == pytest.approx(1.0, abs=0.01)


def test_legs_are_found_behind_the_hips() -> None:
    """Ankles by those metres, give or take as many, knees by six tenths of that."""
    plain, found = errors(bodies(2000, frames=1), legs_behind=0.06)
    moved = (found - plain)[:, 0, 0]
    assert moved[..., :2].abs().max() < 1e-6
    ankle, knee = (moved[:, NTU.index(f"left_{name}"), 2] for name in ("ankle", "knee"))
    assert float(ankle.mean()) == pytest.approx(0.06, abs=0.005)
    assert float(ankle.std()) == pytest.approx(0.06, abs=0.005)
    torch.testing.assert_close(knee, 0.6 * ankle, atol=1e-6, rtol=0)
    foot = moved[:, NTU.index("left_foot"), 2]
    torch.testing.assert_close(foot, ankle, atol=1e-6, rtol=0)
    assert moved[:, NTU.index("head")].abs().max() < 1e-6


def test_shoulders_are_found_below_the_upper_end_of_the_trunk() -> None:
    plain, found = errors(bodies(2000, frames=1), shoulder_drop=0.2)
    trunk = (root(plain, NTU) - plain[..., NTU.center, None, :])[:, 0, 0, 0]
    low = (found - plain)[:, 0, 0]
    share = (low[:, NTU.shoulders[0]] * trunk).sum(-1) / trunk.square().sum(-1)
    assert share.min() > -1e-4
    assert share.max() < 0.2001
    assert share.mean() == pytest.approx(0.1, abs=0.01)
    still = [NTU.index(name) for name in ("head", "spine", "left_hip", "right_ankle")]
    assert low[:, still].abs().max() < 1e-5
    arm = low[:, NTU.index("left_wrist")]
    torch.testing.assert_close(arm, low[:, NTU.index("left_shoulder")], atol=1e-5, rtol=0)


def views(**changes: Any) -> Tensor:
    """What (N, 3, 3) cameras make of the directions of a body: to its left, up, and away."""
    torch.manual_seed(4)
    return Camera(replace(PERFECT, **changes), NTU)._views(4000)[:, 0, 0]


def test_cameras_look_down_on_a_body_so_that_its_head_comes_out_nearer() -> None:
    """Degrees that were passed over, or turned the other way, changed no result."""
    up = views(pitch=20.0)[:, 1]
    tilt = torch.atan2(-up[:, 2], up[:, 1]).rad2deg()
    assert tilt.median() == pytest.approx(20.0, abs=0.5)
    assert tilt.std() < 1
    up = views(pitch=20.0, pitch_spread=8.0)[:, 1]
    tilt = torch.atan2(-up[:, 2], up[:, 1]).rad2deg()
    assert tilt.mean() == pytest.approx(20.0, abs=0.6)
    assert tilt.std() == pytest.approx(7.8, abs=0.5), "cut off at 2.5 deviations"
    # A roll of a few degrees changes it by little.
    assert (tilt.min(), tilt.max()) == pytest.approx((0.0, 40.0), abs=1.0)


@pytest.mark.parametrize(("frontal", "expected"), [(1.0, 0.954), (0.45, 0.54), (0.0, 0.2)])
def test_a_share_of_cameras_sees_a_person_from_the_front(frontal: float, expected: float) -> None:
    """Within 36 degrees of it: two deviations of those in front, a fifth of all sides."""
    left = views(frontal=frontal)[:, 0]
    yaw = torch.atan2(left[:, 2], left[:, 0]).rad2deg()
    assert (yaw.abs() < 36).float().mean() == pytest.approx(expected, abs=0.03)


def test_noise_is_a_centimetre_at_the_trunk_and_twice_that_at_a_hand() -> None:
    plain, found = errors(bodies(400), noise=1.0)
    by_joint = (found - plain).square().mean((0, 1, 2, 4)).sqrt()
    assert by_joint[NTU.index("spine")] == pytest.approx(0.01, rel=0.2)
    hand = by_joint[NTU.index("left_hand")] / by_joint[NTU.index("spine")]
    assert hand == pytest.approx(1.8 / 0.65, rel=0.1)
    for name, loose in (("left_hand_tip", 2.0), ("right_thumb", 2.0), ("left_knee", 1.2)):
        share = by_joint[NTU.index(name)] / by_joint[NTU.index("spine")]
        assert share == pytest.approx(loose / 0.65, rel=0.1)
    by_clip = (found - plain).square().mean((1, 2, 3, 4)).sqrt()
    assert by_clip.min() / by_clip.max() == pytest.approx(0.1 / 1.6, abs=0.02)
    twice = errors(bodies(400), noise=2.0)[1] - plain
    torch.testing.assert_close(twice, 2 * (found - plain), atol=1e-4, rtol=0)


def test_a_share_of_clips_has_a_limb_that_is_found_elsewhere_for_a_while() -> None:
    plain, found = errors(bodies(100, frames=100), snaps=1.0)
    moved = (found - plain).abs().amax(-1)[:, 0] > 1e-6
    frames = moved.any(-1).sum(-1).float()
    assert (frames > 0).float().mean() > 0.99
    assert frames.max() <= 124, "two limbs, each for 62 frames at most"
    assert 15 < frames.mean() < 45
    some = errors(bodies(1000, frames=20), snaps=0.2)
    share = ((some[1] - some[0]).abs().amax((1, 2, 3, 4)) > 1e-6).float().mean()
    assert share == pytest.approx(1 - 0.8**2, abs=0.05), "twice drawn"


def test_a_share_of_one_eyed_clips_confuses_left_and_right_for_a_while() -> None:
    """Legs alone in six of ten, else everything; without depth, that the rest is as it was."""
    guessed = {"one_eyed": 1.0, "flat": 1.0, "depth_error": 0.0}
    plain, found = (errors(bodies(400, 40), **guessed, swaps=swaps)[1] for swaps in (0.0, 0.5))
    moved = (found - plain).abs().amax(-1)[:, 0] > 1e-6
    clips, frames = moved.any((1, 2)), moved.any(-1).sum(-1)
    assert clips.float().mean() == pytest.approx(0.5, abs=0.07)
    assert frames.max() <= 22
    arms = moved[clips][..., NTU.index("left_elbow")].any(-1)
    assert arms.float().mean() == pytest.approx(0.4, abs=0.1)
    legs = moved[clips][..., NTU.index("left_ankle")].any(-1)
    assert legs.all()


def test_where_a_person_walks_to_is_guessed_in_depth_alone() -> None:
    """The way towards the camera is foreshortened to a fifth, or a fifth too long."""
    guessed = {"one_eyed": 1.0, "flat": 0.0, "depth_error": 0.0}
    plain, found = (root(one, NTU)[:, 0, -1, 0] for one in errors(bodies(2000), **guessed))
    torch.testing.assert_close(found[:, :2], plain[:, :2], atol=1e-5, rtol=0)
    deep = plain[:, 2].abs() > 0.05
    share = (found[:, 2] / plain[:, 2])[deep]
    assert 0.199 < share.min() < 0.21
    assert 1.19 < share.max() < 1.201
    assert share.mean() == pytest.approx(0.7, abs=0.02)


def test_guessed_depth_is_a_share_of_what_there_is() -> None:
    guessed = {"one_eyed": 1.0, "flat": 0.0, "depth": 0.5, "depth_error": 0.0}
    plain, found = errors(bodies(2000, frames=1), **guessed)
    plain, found = (one - root(one, NTU) for one in (plain, found))
    head = NTU.index("head")
    grown = (found[..., head, 1] / plain[..., head, 1]).flatten()
    assert grown.std() == pytest.approx(0.036, rel=0.15)
    hips = NTU.index("left_wrist")
    deep = plain[:, 0, 0, hips, 2].abs() > 0.05
    share = (found[..., hips, 2] / plain[..., hips, 2]).flatten()[deep] / grown[deep]
    assert share.min() > 0.499
    assert share.max() < 1.151
    assert share.mean() == pytest.approx(0.825, abs=0.02)
    wandering = errors(bodies(2000, frames=1), **guessed | {"depth_error": 0.05})[1]
    error = (wandering - errors(bodies(2000, frames=1), **guessed)[1])[..., head, :]
    assert error[..., :2].abs().max() < 1e-6
    assert error[..., 2].std() == pytest.approx(0.05 * (1 + 1.2**2) ** 0.5, rel=0.1)


def test_a_drifting_camera_moves_all_joints_alike() -> None:
    plain, found = errors(bodies(2000), drift=1.0)
    moved = (found - plain)[:, 0]
    assert (moved - moved[:, :, :1]).abs().max() < 1e-5
    size = moved[:, :, 0].square().mean((0, 1)).sqrt()
    slow = torch.tensor([0.06, 0.03, 0.1]) * (0.5 * 1.5**2 / 3) ** 0.5
    quick = 0.004 * (4 / 3) ** 0.5
    torch.testing.assert_close(size, (slow**2 + quick**2).sqrt(), rtol=0.15, atol=0)
    steps = moved[:, :, 0].diff(dim=1).square().mean((1, 2)).sqrt()
    assert steps.min() < 0.0005, "some cameras are held still"
