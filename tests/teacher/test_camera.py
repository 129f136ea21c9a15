"""The cameras that film training's people."""

from dataclasses import replace

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


def test_everything_is_drawn_where_the_joints_are() -> None:
    joints = bodies().to("meta")
    assert Camera(CameraSettings(), NTU).to("meta")(joints).device.type == "meta"
