from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch

from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    ContrastSettings,
    EncoderSettings,
    InputSettings,
    MaskSettings,
    PretrainSettings,
    SttformerSettings,
    TransformerSettings,
)
from skedge.skeleton import InputError, load_layout
from skedge.teacher.masks.joints import (
    Mask,
    draw_joints,
    drop_frames,
    joint_weights,
    motion_of_frames,
)
from skedge.teacher.methods.registry import make_method
from skedge.teacher.methods.skeletonclr import SkeletonCLR

NTU = load_layout("ntu25")
DEGREES = torch.from_numpy(NTU.degrees)
DATA = InputSettings(frames=50)


@pytest.mark.parametrize("masked", [1, 9, 24])
def test_joints_that_stay_are_different_and_ascending(masked: int) -> None:
    torch.manual_seed(0)
    kept = draw_joints(DEGREES, masked, 50)
    assert kept.shape == (50, 25 - masked)
    assert (kept.diff(dim=1) > 0).all()
    assert kept.min() >= 0
    assert kept.max() < 25


def _gone(kept: torch.Tensor) -> np.ndarray:
    """How often every joint was masked, in shares."""
    return 1 - np.bincount(kept.flatten().numpy(), minlength=25) / len(kept)


def test_one_joint_goes_in_proportion_to_its_degree() -> None:
    torch.manual_seed(1)
    draws = 20_000
    share = DEGREES.numpy() / 48
    chi_square = (draws * (_gone(draw_joints(DEGREES, 1, draws)) - share) ** 2 / share).sum()
    assert chi_square < 51, "24 degrees of freedom: above this in 1 of 1,000 fair draws"


def test_nine_joints_are_drawn_one_after_the_other() -> None:
    torch.manual_seed(2)
    random = np.random.default_rng(0)
    share, draws, expected = DEGREES.numpy() / 48, 4000, np.zeros(25)
    for _ in range(draws):
        expected[random.choice(25, 9, replace=False, p=share)] += 1 / draws
    np.testing.assert_allclose(_gone(draw_joints(DEGREES, 9, 20_000)), expected, atol=0.04)


def test_a_mask_a_sample_or_one_for_the_batch() -> None:
    torch.manual_seed(0)
    own = draw_joints(DEGREES, 9, 16)
    assert len({tuple(row) for row in own.tolist()}) > 8
    common = draw_joints(DEGREES, 9, 16, per_sample=False)
    assert common.shape == (16, 16)
    assert (common == common[0]).all()
    again = draw_joints(DEGREES, 9, 16, per_sample=False)
    assert (again != common).any()


def _motion_by_hand(clip: np.ndarray) -> list[list[float]]:
    result = []
    for sample in clip:
        channels, frames, joints, persons = sample.shape
        motion = []
        for t in range(frames):
            total = 0.0
            for c in range(channels):
                for m in range(persons):
                    for v in range(joints):
                        total += (
                            float(sample[c, t + 1, v, m] - sample[c, t, v, m]) ** 2
                            if t + 1 < frames
                            else 0.0
                        )
            motion.append(total / (channels * joints * persons))
        result.append(motion)
    return result


def test_the_frames_of_largest_motion_go() -> None:
    torch.manual_seed(0)
    clip = torch.randn(3, 3, 50, 5, 2) * torch.rand(3, 1, 50, 1, 1)
    kept = drop_frames(motion_of_frames(clip, "squared"), 10, 0)
    for row, motion in zip(kept, _motion_by_hand(clip.numpy()), strict=True):
        largest = sorted(range(50), key=lambda t: -motion[t])[:10]
        assert row.tolist() == sorted(set(range(50)) - set(largest))
        assert 49 in row, "the last frame has no motion"


def test_ten_more_go_at_positions_that_the_batch_shares() -> None:
    clip = torch.randn(6, 3, 50, 25, 1)
    attended = drop_frames(motion_of_frames(clip, "squared"), 10, 0)
    seen = set()
    for seed in range(5):
        torch.manual_seed(seed)
        kept = drop_frames(motion_of_frames(clip, "squared"), 10, 10)
        assert kept.shape == (6, 30)
        assert (kept.diff(dim=1) > 0).all()
        places = {tuple(torch.searchsorted(attended[i], kept[i]).tolist()) for i in range(6)}
        for i in range(6):
            assert set(kept[i].tolist()) <= set(attended[i].tolist())
        assert len(places) == 1
        seen |= places
    assert len(seen) == 5


@pytest.mark.parametrize(
    ("choice", "weight"),
    [
        ("high-degree", lambda d: d / 48),
        ("low-degree", lambda d: (1 - d / 48) / 24),
        ("inverse-degree", lambda d: 1 / d),
        ("random", lambda d: 1.0),
    ],
)
def test_which_joints_a_choice_prefers(choice: str, weight: Callable[[float], float]) -> None:
    weights = joint_weights(DEGREES.float(), choice)
    expected = np.array([weight(float(d)) for d in DEGREES])
    np.testing.assert_allclose(weights / weights.sum(), expected / expected.sum(), rtol=1e-6)


def test_low_degree_is_nearly_uniform_as_the_paper_defines_it() -> None:
    weights = joint_weights(DEGREES.float(), "low-degree")
    shares = weights / weights.sum()
    assert float(shares.max()) == pytest.approx(0.0408, abs=5e-5)
    assert float(shares.min()) == pytest.approx(0.0382, abs=5e-5)


def test_low_motion_drops_the_stillest_frames_but_never_the_last() -> None:
    clips = torch.randn(4, 3, 50, 25, 1) * torch.rand(4, 1, 50, 1, 1)
    kept = Mask(MaskSettings("none", "low-motion", masked_frames=10), NTU, DATA).frames(clips)
    assert kept is not None
    for row, clip in zip(kept.tolist(), clips.numpy(), strict=True):
        motion = np.abs(np.diff(clip, axis=1)).mean((0, 2, 3))
        stillest = sorted(range(49), key=lambda t: motion[t])[:10]
        assert row == sorted(set(range(50)) - set(stillest))


def test_absolute_and_squared_motion_choose_differently() -> None:
    jump, tremble = np.zeros((3, 4, 25)), np.zeros((3, 4, 25))
    jump[:, 1:, 0], tremble[:, 1:, :] = 1.0, 0.09
    clips = torch.from_numpy(np.stack([jump, tremble])).float().unsqueeze(-1)
    assert (motion_of_frames(clips, "absolute")[:, 0].diff() > 0).all(), (
        "all joints by a little: the larger mean"
    )
    assert (motion_of_frames(clips, "squared")[:, 0].diff() < 0).all(), (
        "one joint by a lot: the larger mean square"
    )


def test_random_frames_and_no_mask() -> None:
    clips = torch.zeros(30, 3, 50, 25, 1)
    mask = Mask(MaskSettings("random", "random", 5, 8, 2), NTU, DATA)
    frames, joints = mask.frames(clips), mask.joints(clips)
    assert frames is not None
    assert joints is not None
    assert frames.shape == (30, 40)
    assert joints.shape == (30, 20)
    assert len({tuple(row) for row in frames.tolist()}) > 20
    common = Mask(MaskSettings("random", "random", 5, 8, 0, per="batch"), NTU, DATA)
    assert len({tuple(row) for row in common.frames(clips).tolist()}) == 1
    nothing = Mask(MaskSettings("none", "none", 99, 99), NTU, DATA)
    assert nothing.frames(clips) is None
    assert nothing.joints(clips) is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (MaskSettings(masked_joints=25), ["0 to 24 of 25 joints", "25"]),
        (MaskSettings(masked_frames=40, random_frames=10), ["0 to 49 of 50 frames", "50"]),
        (
            MaskSettings(masked_frames=40, random_frames=10),
            ["masked_frames 40 and random_frames 10", "input.frames"],
        ),
    ],
)
def test_a_mask_that_leaves_nothing_is_refused(settings: MaskSettings, words: list[str]) -> None:
    with pytest.raises(InputError) as error:
        Mask(settings, NTU, DATA)
    assert all(word in str(error.value) for word in words)


UNPADDED = {"padding": False, "strides": (1, 1)}


@pytest.mark.parametrize("method", ["skeleton-bt", "pstl", "asma", "skeletonclr", "aimclr"])
@pytest.mark.parametrize("backbone", get_args(get_type_hints(EncoderSettings)["backbone"]))
@pytest.mark.parametrize("changes", [{}, UNPADDED, {"joints": ("head", "left_wrist")}])
@pytest.mark.parametrize("frames", [12, 24, 40])
def test_what_cannot_do_without_what_is_masked_is_refused_before_it_trains(
    method: str, backbone: Any, changes: dict[str, Any], frames: int
) -> None:
    """Frames that stay and are too few for blocks without padding ended in a traceback in the first
    step, and a tcn, whose body is one node, was refused only there."""
    small = {
        "widths": (4, 8),
        "strides": (1, 2),
        "transformer": TransformerSettings(8, 1, 2, 2, 2),
        "sttformer": SttformerSettings(16, 2),
    }
    contrast = ContrastSettings(features=4, queue=8, views="masks")
    recipe = Recipe(
        input=InputSettings(frames=frames),
        encoder=EncoderSettings(backbone=backbone, **small | changes),
        pretrain=PretrainSettings(method, projector=8, contrast=contrast),
    )
    try:
        module: Any = make_method(NTU, recipe)
    except InputError:
        return
    joints = torch.randn(2, 1, frames, 25, 3)
    if isinstance(module, SkeletonCLR):
        module.embed(joints, torch.arange(2))
    else:
        assert torch.isfinite(module.loss(joints))


def test_how_it_is_refused() -> None:
    plan = EncoderSettings(widths=(4, 8), strides=(1, 1), padding=False)
    for encoder, frames, words in (
        (plan, 16, "frames: expected more than the 16 that 2 blocks without padding lose, got 16"),
        (
            plan,
            24,
            "frames: expected more than the 16 .* got 4; ask for more frames, or mask fewer",
        ),
        (EncoderSettings(backbone="tcn"), 50, "a graph of all joints is needed .* expected st-gcn"),
    ):
        recipe = Recipe(
            input=InputSettings(frames=frames), encoder=encoder, pretrain=PretrainSettings("pstl")
        )
        with pytest.raises(InputError, match=words):
            make_method(NTU, recipe)
