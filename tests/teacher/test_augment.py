import math
from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import Tensor

from skedge.recipes.settings import AugmentSettings, PretrainSettings
from skedge.skeleton import load_layout
from skedge.teacher.augment import (
    Augment,
    blur_kernels,
    padded_crop,
    rotation,
    rotation_matrix,
    shear,
    stretched_crop,
)
from tests.skeleton.people import NTU_FLIP

NTU = load_layout("ntu25")
CPU = torch.device("cpu")
EVERYTHING = {
    "temporal_padding": 1 / 6, "temporal_crop": 0.6, "shear": 1.0, "rotation": 30.0, "yaw": 40.0, "tilt": 20.0, "scale": 0.2,
    "flip": 0.5, "mirror": 0.5, "noise": 0.01, "offset": 0.01, "reverse": 0.5, "gaussian_noise": 0.5,
    "gaussian_blur": 0.5, "axis_mask": 0.5,
}  # fmt: skip


def scenes(samples: int = 4, persons: int = 2, frames: int = 20, joints: int = 25) -> Tensor:
    return torch.randn(
        samples, persons, frames, joints, 3, generator=torch.Generator().manual_seed(9)
    )


def test_nothing_is_changed_by_default() -> None:
    joints = scenes()
    # `mirror_when` says when `mirror` counts, and changes nothing itself.
    assert {*EVERYTHING, "mirror_when"} == set(asdict(AugmentSettings())), "a new setting: add it"
    torch.testing.assert_close(Augment(AugmentSettings(), NTU)(joints), joints, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", [*EVERYTHING, "all"])
def test_every_change_is_drawn_per_sample_seeded_and_leaves_absent_persons_alone(name: str) -> None:
    settings = AugmentSettings(**(EVERYTHING if name == "all" else {name: EVERYTHING[name]}))
    augment = Augment(settings, NTU)
    joints = scenes(1).expand(8, -1, -1, -1, -1).clone()
    joints[:, 1] = 0
    given = joints.clone()
    torch.manual_seed(0)
    first = augment(joints)
    torch.manual_seed(0)
    assert torch.equal(first, augment(joints)), "the same seed"
    assert not torch.equal(first, augment(joints)), "another seed"
    assert torch.equal(joints, given), "the input is left alone"
    assert first.shape == joints.shape
    assert first.dtype == joints.dtype
    assert first.isfinite().all()
    assert (first[:, 1] == 0).all()
    assert (first[:, 0] != joints[:, 0]).any()
    assert any(not torch.equal(first[0], other) for other in first[1:])


def _rotation_by_hand(x: float, y: float, z: float) -> np.ndarray:
    """R = Rz Ry Rx of methods.md, in degrees."""
    c, s = math.cos(math.radians(x)), math.sin(math.radians(x))
    rx = np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
    c, s = math.cos(math.radians(y)), math.sin(math.radians(y))
    ry = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    c, s = math.cos(math.radians(z)), math.sin(math.radians(z))
    rz = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    return rz @ ry @ rx


def test_rotation_matrices() -> None:
    angles = np.random.default_rng(0).uniform(-180, 180, (20, 3))
    matrices = rotation_matrix(torch.from_numpy(angles).float()).numpy()
    for got, (x, y, z) in zip(matrices, angles, strict=True):
        np.testing.assert_allclose(got, _rotation_by_hand(x, y, z), atol=1e-5)
        np.testing.assert_allclose(got @ got.T, np.eye(3), atol=1e-5)
        assert np.linalg.det(got) == pytest.approx(1, abs=1e-5)


def test_a_random_axis_turns_most() -> None:
    torch.manual_seed(0)
    matrices = rotation(3000, 30.0, CPU)
    angle = torch.rad2deg(
        torch.arccos(((matrices.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1))
    )
    assert angle.max() < 31.5
    assert angle.max() > 28
    assert angle.mean() == pytest.approx(15, abs=1), "uniform from 0 to 30 degrees"
    turns = torch.stack([-matrices[:, 1, 2], matrices[:, 0, 2], -matrices[:, 0, 1]], 1)
    main = turns.abs().argmax(1)
    assert (turns.amax(1)[angle > 5] > 0).all(), "no angle is negative, in the sense of the program"
    shares = torch.bincount(main[angle > 5], minlength=3) / (angle > 5).sum()
    torch.testing.assert_close(shares, torch.full((3,), 1 / 3), atol=0.04, rtol=0)


def test_a_rotation_turns_as_aimclrs_program() -> None:
    """Its `seq @ R.T` for each axis: about x a point on y goes to -z, about y one on z to -x, about
    z one on x to -y."""
    torch.manual_seed(3)
    matrices = rotation(200, 90.0, CPU)
    for start, end in ((1, 2), (2, 0), (0, 1)):
        gone = torch.eye(3)[start] @ matrices
        most = gone[:, end].abs().argmax()
        assert gone[most, end] < -0.9


def test_a_rotation_keeps_lengths() -> None:
    joints = scenes()
    turned = Augment(AugmentSettings(rotation=30.0, yaw=90.0), NTU)(joints)
    torch.testing.assert_close(turned.norm(dim=-1), joints.norm(dim=-1), atol=1e-5, rtol=1e-5)


def test_yaw_is_about_the_vertical_axis() -> None:
    joints = scenes()
    turned = Augment(AugmentSettings(yaw=90.0), NTU)(joints)
    torch.testing.assert_close(turned[..., 1], joints[..., 1], atol=1e-6, rtol=0)
    assert (turned[..., 0] - joints[..., 0]).abs().max() > 0.1


def test_shear_has_a_unit_diagonal_and_uniform_factors() -> None:
    torch.manual_seed(0)
    matrices = shear(4000, 0.5, CPU)
    assert (matrices.diagonal(dim1=1, dim2=2) == 1).all()
    factors = matrices[:, ~torch.eye(3, dtype=torch.bool)]
    assert factors.shape == (4000, 6)
    assert factors.abs().max() <= 0.5
    torch.testing.assert_close(factors.mean(0), torch.zeros(6), atol=0.02, rtol=0)
    torch.testing.assert_close(
        factors.std(0), torch.full((6,), 0.5 / math.sqrt(3)), atol=0.01, rtol=0
    )
    torch.testing.assert_close(torch.corrcoef(factors.T), torch.eye(6), atol=0.06, rtol=0)


def test_flip_exchanges_left_and_right_without_mirroring() -> None:
    joints = scenes(200, frames=2)
    assert torch.allclose(
        Augment(AugmentSettings(flip=1.0), NTU)(joints), joints[..., NTU_FLIP, :], atol=1e-6
    )
    torch.manual_seed(0)
    half = Augment(AugmentSettings(flip=0.5), NTU)(joints)
    flipped = torch.isclose(half, joints[..., NTU_FLIP, :], atol=1e-6).flatten(1).all(1)
    kept = torch.isclose(half, joints, atol=1e-6).flatten(1).all(1)
    assert (flipped ^ kept).all(), "the whole clip or nothing of it"
    assert 70 < flipped.sum() < 130


def test_padded_crop_gives_reflected_frames() -> None:
    frames, pad = 50, 8
    joints = (
        torch.arange(frames, dtype=torch.float32)
        .view(1, 1, frames, 1, 1)
        .expand(3000, 2, frames, 4, 3)
    )
    padded = [*range(pad - 1, -1, -1), *range(frames), *range(frames - 1, frames - 1 - pad, -1)]
    possible = {tuple(padded[start : start + frames]) for start in range(2 * pad + 1)}
    torch.manual_seed(0)
    cut = padded_crop(joints, 1 / 6)
    assert cut.shape == joints.shape
    assert (cut == cut[:, :1, :, :1, :1]).all(), "every joint and person from the same frame"
    assert {tuple(int(t) for t in row) for row in cut[:, 0, :, 0, 0]} == possible


def test_stretched_crop() -> None:
    frames = 30
    clock = (
        torch.arange(frames, dtype=torch.float32)
        .view(1, 1, frames, 1, 1)
        .expand(2000, 1, frames, 1, 3)
    )
    torch.testing.assert_close(stretched_crop(clock, 1.0), clock, atol=1e-4, rtol=0)
    torch.manual_seed(0)
    times = stretched_crop(clock, 0.5)[:, 0, :, 0, 0]
    assert times.min() >= 0
    assert times.max() <= frames - 1
    steps = times.diff(dim=1)
    assert (steps >= -1e-5).all()
    tempo = steps[:, 10:20].mean(1)
    assert tempo.min() >= 0.5 - 1e-4
    assert tempo.max() <= 1 + 1e-4
    assert tempo.min() < 0.52
    assert tempo.max() > 0.98
    even = times[:, 15:16] + (torch.arange(frames) - 15) * tempo[:, None]
    torch.testing.assert_close(times, even.clamp(0, frames - 1), atol=1e-3, rtol=0)
    assert times[:, 0].min() < 0.5, "from the clip's start"
    assert times[:, -1].max() > frames - 1.5, "to its end"


def test_scale_and_noise_have_their_size() -> None:
    joints = scenes(500, frames=3)
    torch.manual_seed(0)
    factor = (Augment(AugmentSettings(scale=0.2), NTU)(joints) / joints).flatten(1)
    torch.testing.assert_close(factor, factor[:, :1].expand_as(factor), atol=1e-3, rtol=1e-3)
    assert 0.8 <= factor[:, 0].min() < 0.81
    assert 1.19 < factor[:, 0].max() <= 1.2
    noise = (Augment(AugmentSettings(noise=0.03), NTU)(joints) - joints).flatten(1)
    assert noise.std().item() == pytest.approx(0.03 / 3**0.5, rel=0.1), (
        "the strength is uniform from 0 to 0.03"
    )
    assert noise.std(1).min() < 0.003
    assert noise.std(1).max() > 0.027
    offset = Augment(AugmentSettings(offset=0.03), NTU)(joints) - joints
    torch.testing.assert_close(offset, offset[:, :, :1].expand_as(offset), atol=1e-6, rtol=0)
    assert offset.std().item() == pytest.approx(0.03 / 3**0.5, rel=0.1)


@pytest.mark.parametrize("name", ["noise", "offset", "gaussian_noise"])
def test_noise_is_of_every_joint_of_who_is_in_view(name: str) -> None:
    """The centre at the origin gets noise too, and nobody does before somebody comes into view."""
    joints = 0.01 * scenes(8, frames=40)
    joints[..., NTU.center, :] = 0
    joints[:, 1, :15] = 0
    settings = AugmentSettings(**{name: 1.0 if name == "gaussian_noise" else 0.05})
    torch.manual_seed(0)
    noise = Augment(settings, NTU)(joints) - joints
    assert (noise[:, 1, :15] == 0).all()
    assert (noise[:, 0].abs().amax((1, 3)) > 0).all(), "every joint"
    assert (noise[:, 1, 15:].abs().amax((2, 3)) > 0).all(), "every frame"


def test_mirror_is_what_a_mirror_shows() -> None:
    joints = scenes(3)
    shown = Augment(AugmentSettings(mirror=1.0), NTU)(joints)
    left, right = NTU.index("left_wrist"), NTU.index("right_wrist")
    torch.testing.assert_close(shown[..., left, 1:], joints[..., right, 1:])
    torch.testing.assert_close(shown[..., left, 0], -joints[..., right, 0])
    torch.testing.assert_close(
        torch.cdist(shown, shown), torch.cdist(joints, joints)[..., NTU.mirror, :][..., NTU.mirror]
    )


def test_pstl_augments_as_published() -> None:
    assert asdict(PretrainSettings().augment) == asdict(
        AugmentSettings(temporal_padding=1 / 6, shear=1.0, rotation=30.0, flip=0.5)
    )


def test_aimclr_s_blur_keeps_the_size_and_is_a_gaussian_of_every_clip_s_own() -> None:
    kernels = blur_kernels(torch.tensor([0.1, 0.7, 2.0])).double().numpy()
    taps = np.arange(-7, 8)
    for kernel, sigma in zip(kernels, (0.1, 0.7, 2.0), strict=True):
        expected = np.exp(-(taps**2) / (2 * sigma**2))
        np.testing.assert_allclose(kernel, expected / expected.sum(), atol=1e-6)
    np.testing.assert_allclose(kernels.sum(1), 1, atol=1e-6)

    still = scenes(6, 2, 1).expand(-1, -1, 20, -1, -1)
    blur = Augment(AugmentSettings(gaussian_blur=1.0), NTU)
    torch.testing.assert_close(
        blur(still),
        still,
        atol=1e-5,
        rtol=0,
        msg="a body that stands still keeps its place, ends too",
    )
    pulse = torch.zeros(64, 1, 41, 25, 3)
    pulse[:, :, 20] = 1.0
    rows = blur(pulse)[:, 0, :, 3, 1]
    torch.testing.assert_close(rows.sum(1), torch.ones(64))
    torch.testing.assert_close(rows, rows.flip(1), atol=1e-6, rtol=0)
    assert 0.19 < rows[:, 20].min() < 0.25, "sigma goes up to 2"
    assert rows[:, 20].max() > 0.9, "and down to 0.1"


def test_aimclr_s_noise_axis_mask_and_reverse() -> None:
    joints = scenes(400, 1)
    noise = Augment(AugmentSettings(gaussian_noise=0.5), NTU)(joints) - joints
    changed = noise.abs().amax((1, 2, 3, 4)) > 0
    assert 0.4 < changed.float().mean() < 0.6
    assert noise[changed].std().item() == pytest.approx(0.01, rel=0.02)

    masked = Augment(AugmentSettings(axis_mask=0.5), NTU)(joints)
    gone = (masked == 0).all(dim=3).all(dim=2).all(dim=1)
    assert gone.sum(1).max() == 1, "one axis of a clip"
    assert 0.4 < gone.any(1).float().mean() < 0.6
    assert (gone.float().mean(0) > 0.1).all(), "each of the three"
    assert torch.equal(
        masked[~gone[:, None, None, None].expand_as(masked)],
        joints[~gone[:, None, None, None].expand_as(masked)],
    )

    torch.testing.assert_close(Augment(AugmentSettings(reverse=1.0), NTU)(joints), joints.flip(2))
