"""SkeletonMAE's mask: whole frames go, then joints of the frames that stay."""

import torch
from torch import Tensor

from skedge.recipes.settings import SkeletonMaeSettings
from skedge.teacher.masks.tokens import masked_count
from skedge.teacher.networks.base import check_multiple, keep


def draw(settings: SkeletonMaeSettings, x: Tensor) -> tuple[Tensor, Tensor]:
    """The frames (R, L) that stay of bodies (R, C, T, V), and the joints that stay of each of them,
    (R, L, K); both ascending."""
    rows, _, length, size = x.shape
    frames = _draw((rows, length), settings.frame_ratio, x.device)
    each = frames.shape[1] if settings.joints == "fresh" else 1
    joints = _draw((rows, each, size), settings.joint_ratio, x.device)
    return frames, joints.expand(-1, frames.shape[1], -1)


def visible(x: Tensor, frames: Tensor, joints: Tensor) -> Tensor:
    """The joints (R, L, K) of the frames (R, L) that stay of bodies (R, C, T, V), as (R, C, L,
    K)."""
    return keep(x, frames, 2).gather(3, joints[:, None].expand(-1, x.shape[1], -1, -1))


def check_mask(settings: SkeletonMaeSettings, frames: int, joints: int, *, step: int) -> None:
    """Raise `InputError` for ratios that leave nothing or hide nothing, or frames that make no
    whole tuples."""
    masked_count(joints, settings.joint_ratio)
    stay = frames - masked_count(frames, settings.frame_ratio)
    check_multiple(
        stay,
        step,
        "encoder.sttformer.frames, of the frames that pretrain.skeletonmae.frame_ratio leaves of"
        f" {frames}",
    )


def _draw(shape: tuple[int, ...], ratio: float, device: torch.device) -> Tensor:
    stay = shape[-1] - masked_count(shape[-1], ratio)
    return torch.rand(shape, device=device).argsort(-1)[..., :stay].sort(-1).values
