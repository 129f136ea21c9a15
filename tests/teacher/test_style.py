"""Other manners of the same movement."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from skedge.recipes.style_settings import StyleSettings
from skedge.skeleton import load_layout
from skedge.skeleton.layout import Layout
from skedge.teacher.style import Style

NTU = load_layout("ntu25")
SAME = StyleSettings(pose=0.0, sway=0.0, swing=0.0, pace=0.0)


def waving(clips: int = 32, frames: int = 90) -> Tensor:
    """Bodies whose right forearm swings while they turn round, (N, 1, T, 25, 3)."""
    torch.manual_seed(3)
    joints = 0.1 * torch.randn(1, 1, 1, len(NTU), 3).expand(clips, 1, frames, -1, -1).clone()
    for number, name in enumerate(NTU.joints):
        joints[..., number, 0] += {"left": -0.2, "right": 0.2}.get(name.split("_")[0], 0.0)
    swing = torch.sin(torch.arange(frames) / 5)
    for name in ("right_wrist", "right_hand", "right_hand_tip", "right_thumb"):
        joints[..., NTU.index(name), 0] += 0.2 * swing
    angle = torch.arange(frames) / 30
    turn = torch.zeros(frames, 3, 3)
    turn[:, 0, 0] = turn[:, 2, 2] = angle.cos()
    turn[:, 0, 2], turn[:, 2, 0] = angle.sin(), -angle.sin()
    turn[:, 1, 1] = 1
    return joints @ turn + torch.tensor([1.0, 1.2, 3.0])


def bones(joints: Tensor, layout: Layout = NTU) -> Tensor:
    return joints - joints[..., torch.from_numpy(layout.parents), :]


@pytest.mark.parametrize("settings", [StyleSettings(), replace(SAME, swing=0.5)])
def test_limbs_move_otherwise_and_keep_their_lengths(settings: StyleSettings) -> None:
    joints = waving()
    other = Style(settings, NTU)(joints)
    torch.testing.assert_close(bones(other).norm(dim=-1), bones(joints).norm(dim=-1))
    away = (other - joints).norm(dim=-1).mean((0, 1, 2))
    assert away[NTU.index("right_wrist")] > 0.01
    trunk = [NTU.index(name) for name in ("hip_center", "spine", "left_hip", "right_shoulder")]
    assert away[trunk].max() < 1e-5
    assert (other[0] - other[1]).abs().max() > 0.02, "every clip has its own manner"


def swing_only(joints: Tensor, layout: Layout) -> Tensor:
    """Bodies that swing wider or less, whose bones are as long as before."""
    other = Style(replace(SAME, swing=0.5), layout)(joints)
    before, after = (bones(one, layout).norm(dim=-1) for one in (joints, other))
    torch.testing.assert_close(after, before)
    return other


def test_people_whose_hips_nobody_saw_keep_their_arms() -> None:
    """At a desk both are where the body's centre is: all limbs became vertical lines."""
    joints = waving()
    for name in ("left_hip", "right_hip"):
        joints[..., NTU.index(name), :] = joints[..., NTU.center, :]
    other = swing_only(joints, NTU)
    still = [NTU.index(name) for name in ("spine", "left_shoulder", "right_shoulder", "left_hip")]
    torch.testing.assert_close(other[..., still, :], joints[..., still, :])
    assert (other - joints)[..., NTU.index("right_wrist"), :].abs().max() > 0.01


def test_a_layout_without_two_hips_has_manners_too() -> None:
    """It was a traceback after the recordings had been read."""
    lower = ("left_hip", "right_hip", "knee", "ankle", "foot")
    names = [name for name in NTU.joints if not name.endswith(lower)]
    upper = NTU.subset(names)
    joints = waving()[..., [NTU.index(name) for name in names], :]
    other = swing_only(joints, upper)
    assert (other - joints)[..., upper.index("right_wrist"), :].abs().max() > 0.01


def test_without_variety_nothing_changes() -> None:
    joints = waving()
    torch.testing.assert_close(Style(SAME, NTU)(joints), joints)


def test_a_limb_swings_wider_as_the_body_sees_it() -> None:
    """The forearm's swing has another size; the body's turn, which is no swing of it, has not."""
    joints = waving()
    other = Style(replace(SAME, swing=0.5), NTU)(joints)
    still = [NTU.index(name) for name in ("left_elbow", "left_wrist", "left_knee", "head")]
    torch.testing.assert_close(other[..., still, :], joints[..., still, :], atol=1e-4, rtol=0)
    wrist, elbow = NTU.index("right_wrist"), NTU.index("right_elbow")
    shoulder = NTU.index("right_shoulder")

    def swing(one: Tensor) -> Tensor:
        forearm = one[..., wrist, :] - one[..., elbow, :]
        upper = one[..., elbow, :] - one[..., shoulder, :]
        return torch.cosine_similarity(forearm, upper, dim=-1).std(-1)[:, 0]

    sizes = swing(other) / swing(joints)
    assert sizes.min() < 0.8
    assert sizes.max() > 1.2


def test_each_joint_turns_its_bone_by_degrees_of_its_own() -> None:
    """By 8, 10, 4, 4 and 5 about every axis; what a joint nearer to the trunk turns is added."""
    joints = waving(2000, frames=1)
    other = Style(replace(SAME, pose=0.5), NTU)(joints)
    cosine = torch.cosine_similarity(bones(joints), bones(other), dim=-1).clamp(-1, 1)
    turned = (cosine.arccos().rad2deg().square().mean((0, 1, 2)) / 2).sqrt()
    for name, degrees in (
        ("left_elbow", 8.0),
        ("left_wrist", (8.0**2 + 10.0**2) ** 0.5),
        ("right_knee", 4.0),
        ("right_ankle", (4.0**2 + 4.0**2) ** 0.5),
        ("head", 5.0),
    ):
        assert turned[NTU.index(name)] == pytest.approx(0.5 * degrees, rel=0.05)
    swaying = Style(replace(SAME, sway=0.5), NTU)(joints)
    cosine = torch.cosine_similarity(bones(joints), bones(swaying), dim=-1).clamp(-1, 1)
    elbow = cosine[..., NTU.index("left_elbow")].arccos().rad2deg().square().mean().div(2).sqrt()
    assert elbow == pytest.approx(0.5 * 1.2 * 8.0, rel=0.05), "a single frame is a knot"


def test_what_hangs_on_a_limb_goes_with_it() -> None:
    """The hand keeps its angle to the forearm, which the elbow and the wrist have turned."""
    joints = waving()
    other = Style(replace(SAME, pose=3.0), NTU)(joints)
    forearm, hand = NTU.index("right_wrist"), NTU.index("right_hand")
    before, after = (
        torch.cosine_similarity(bones(one)[..., forearm, :], bones(one)[..., hand, :], dim=-1)
        for one in (joints, other)
    )
    torch.testing.assert_close(after, before, atol=1e-4, rtol=0)
    turned = torch.cosine_similarity(
        bones(joints)[..., hand, :], bones(other)[..., hand, :], dim=-1
    )
    assert turned.mean() < 0.95
