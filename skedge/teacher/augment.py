"""Random changes of whole batches on their device, drawn per sample."""

import torch
from torch import Tensor
from torch.nn import functional

from skedge.recipes.settings import AugmentSettings
from skedge.skeleton.layout import Layout

DEVIATION = 0.01  # metres
TAPS = 15
SIGMA = (0.1, 2.0)


class Augment:
    """The augmentation of a recipe, for normalised joints (N, M, T, V, 3); absent persons stay
    zeros.

    Shear, rotation, flip and the padded temporal crop are those of AimCLR (Guo et al. 2022, section
    3.2) and PSTL; its extreme augmentations follow them in its program's order: reverse, noise,
    blur, axis mask.
    """

    def __init__(self, settings: AugmentSettings, layout: Layout) -> None:
        self.settings = settings
        self.mirror = torch.from_numpy(layout.mirror)

    def __call__(self, joints: Tensor) -> Tensor:
        s = self.settings
        if s.temporal_padding:
            joints = padded_crop(joints, s.temporal_padding)
        if s.temporal_crop < 1:
            joints = stretched_crop(joints, s.temporal_crop)
        matrix = torch.eye(3, device=joints.device).expand(len(joints), 3, 3)
        if s.shear:
            matrix = matrix @ shear(len(joints), s.shear, joints.device)
        if s.rotation:
            matrix = matrix @ rotation(len(joints), s.rotation, joints.device)
        if s.yaw:
            angles = torch.zeros(len(joints), 3, device=joints.device)
            angles[:, 1] = _uniform(len(joints), -s.yaw, s.yaw, device=joints.device)
            matrix = matrix @ rotation_matrix(angles)
        if s.tilt:
            angles = _uniform((len(joints), 3), -s.tilt, s.tilt, device=joints.device)
            matrix = matrix @ rotation_matrix(angles)
        if s.scale:
            sizes = _uniform(len(joints), 1 - s.scale, 1 + s.scale, device=joints.device)
            matrix = matrix * sizes[:, None, None]
        joints = joints @ matrix[:, None, None]
        if s.flip:
            joints = self._exchange(joints, s.flip, 1.0)
        if s.mirror:
            joints = self._exchange(joints, s.mirror, -1.0)
        if s.reverse:
            joints = torch.where(_chosen(joints, s.reverse), joints.flip(2), joints)
        present = joints.abs().sum((-2, -1), keepdim=True) > 0
        for size, frames in ((s.noise, joints.shape[2]), (s.offset, 1)):
            if size:
                spread = _uniform(len(joints), 0.0, size, device=joints.device).view(-1, 1, 1, 1, 1)
                joints = joints + present * spread * torch.randn_like(joints[:, :, :frames])
        if s.gaussian_noise:
            noise = present * DEVIATION * torch.randn_like(joints)
            joints = torch.where(_chosen(joints, s.gaussian_noise), joints + noise, joints)
        if s.gaussian_blur:
            joints = torch.where(_chosen(joints, s.gaussian_blur), blurred(joints), joints)
        if s.axis_mask:
            axis = torch.randint(0, 3, (len(joints), 1, 1, 1, 1), device=joints.device)
            masked = _chosen(joints, s.axis_mask) & (axis == torch.arange(3, device=joints.device))
            joints = joints.masked_fill(masked, 0.0)
        return joints

    def _exchange(self, joints: Tensor, share: float, x: float) -> Tensor:
        """Exchange left and right, and multiply x by `x`, in a random `share` of the clips."""
        exchanged = joints[..., self.mirror.to(joints.device), :] * joints.new_tensor([x, 1.0, 1.0])
        return torch.where(_chosen(joints, share), exchanged, joints)


def padded_crop(joints: Tensor, padding: float) -> Tensor:
    """Reflect T * padding frames at both ends (edge frame repeated) and cut T frames from a random
    start."""
    frames = joints.shape[2]
    pad = int(frames * padding)
    start = torch.randint(0, 2 * pad + 1, (len(joints),), device=joints.device)
    at = torch.arange(frames, device=joints.device) + start[:, None] - pad
    at = torch.where(at < 0, -1 - at, at)
    return _at(joints, torch.where(at >= frames, 2 * frames - 1 - at, at))


def stretched_crop(joints: Tensor, shortest: float) -> Tensor:
    """Cut a random share, at least `shortest`, of every clip and stretch it back linearly to its T
    frames."""
    frames = joints.shape[2]
    span = frames * _uniform(len(joints), shortest, 1.0, device=joints.device)
    start = torch.rand(len(joints), device=joints.device) * (frames - span)
    steps = (torch.arange(frames, device=joints.device) + 0.5) / frames
    position = (start[:, None] + steps * span[:, None] - 0.5).clamp(0, frames - 1)
    low = position.floor().long()
    share = (position - low)[:, None, :, None, None]
    return _at(joints, low) * (1 - share) + _at(joints, (low + 1).clamp(max=frames - 1)) * share


def shear(samples: int, amplitude: float, device: torch.device) -> Tensor:
    """Matrices (N, 3, 3): unit diagonal, off-diagonals uniform in +-amplitude."""
    factors = _uniform((samples, 3, 3), -amplitude, amplitude, device=device)
    eye = torch.eye(3, device=device)
    return factors * (1 - eye) + eye


def rotation(samples: int, degrees: float, device: torch.device) -> Tensor:
    """Matrices (N, 3, 3) for `joints @ M`: a random main axis turns by up to `degrees`, the others
    by up to one degree.

    M is the transpose of R = Rz Ry Rx (`rotation_matrix`), as in AimCLR's program: about x, then y,
    then z. Angles are never negative there, so that the sense is a part of the augmentation.
    """
    angles = torch.rand(samples, 3, device=device)
    main = torch.randint(0, 3, (samples, 1), device=device)
    turned = rotation_matrix(angles * torch.ones_like(angles).scatter(1, main, degrees))
    return turned.transpose(1, 2)


def rotation_matrix(degrees: Tensor) -> Tensor:
    """R = Rz Ry Rx (N, 3, 3) for angles (N, 3) about x, y, z.

    Rx is [[1, 0, 0], [0, c, s], [0, -s, c]], and so on: for positive angles `joints @ R` turns from
    y to z, from z to x and from x to y.
    """
    cosines = degrees.deg2rad().cos()
    sines = degrees.deg2rad().sin()
    result = torch.eye(3, device=degrees.device).expand(len(degrees), 3, 3)
    for axis in (0, 1, 2):
        c = cosines[:, axis]
        s = sines[:, axis]
        i, j = [(1, 2), (0, 2), (0, 1)][axis]
        matrix = torch.eye(3, device=degrees.device).repeat(len(degrees), 1, 1)
        matrix[:, i, i] = matrix[:, j, j] = c
        matrix[:, i, j], matrix[:, j, i] = (-s, s) if axis == 1 else (s, -s)
        result = matrix @ result
    return result


def blur_kernels(sigma: Tensor) -> Tensor:
    """Gaussian kernels (N, 15) that sum to 1, for deviations (N,) in frames."""
    taps = torch.arange(TAPS, device=sigma.device) - TAPS // 2
    return (-taps.square() / (2 * sigma[:, None].square())).softmax(1)


def blurred(joints: Tensor) -> Tensor:
    """Clips blurred over time, each by a deviation of its own; their first and last frames continue
    them.

    AimCLR's program does not divide by the kernel's sum and takes zeros beyond the ends.
    """
    samples = len(joints)
    frames = joints.shape[2]
    kernels = blur_kernels(_uniform(samples, *SIGMA, device=joints.device))
    rows = joints.permute(0, 1, 3, 4, 2).reshape(samples, -1, frames)
    padded = functional.pad(rows, (TAPS // 2, TAPS // 2), mode="replicate").unfold(2, TAPS, 1)
    rows = torch.einsum("nrtk,nk->nrt", padded, kernels)
    persons, _, size, axes = joints.shape[1:]
    return rows.view(samples, persons, size, axes, frames).permute(0, 1, 4, 2, 3)


def _chosen(joints: Tensor, share: float) -> Tensor:
    """A random `share` of the clips, bool (N, 1, 1, 1, 1)."""
    return torch.rand(len(joints), 1, 1, 1, 1, device=joints.device) < share


def _uniform(
    shape: int | tuple[int, ...], low: float, high: float, *, device: torch.device
) -> Tensor:
    return torch.rand(shape, device=device) * (high - low) + low


def _at(joints: Tensor, frames: Tensor) -> Tensor:
    """Frames (N, L) of joints (N, M, T, V, 3)."""
    samples = torch.arange(len(joints), device=joints.device)[:, None]
    return joints.transpose(1, 2)[samples, frames].transpose(1, 2)
