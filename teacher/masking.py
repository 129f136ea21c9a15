"""Which joints and frames stay: PSTL's two masks. Both return ascending indices of what is kept."""

import torch
from torch import Tensor


def central_spatial_mask(degrees: Tensor, masked: int, samples: int, per_sample: bool = True) -> Tensor:
    """Joints that stay, (samples, V - masked): central spatial masking of PSTL.

    `masked` different joints go, drawn without replacement in proportion to their degree (V,); one draw a sample, or one
    for the whole batch. (The paper draws with probability degree / sum; its program draws eight tokens from a list in
    which a joint stands degree-many times, so that a joint can be drawn twice.)
    """
    weights = degrees.float().expand(samples if per_sample else 1, -1)
    gone = torch.multinomial(weights, masked, replacement=False)
    return _kept(gone, weights.shape[1]).expand(samples, -1)


def motion_attention_mask(clip: Tensor, masked: int, random: int) -> Tensor:
    """Frames that stay, (N, T - masked - random): motion attention temporal masking of PSTL.

    The motion of frame t is the mean over coordinates, joints and persons of (x[t+1] - x[t])^2 of clip (N, C, T, V, M); the
    last frame has none. The `masked` frames of largest motion go, then `random` more at positions that all samples share.
    """
    motion = (clip[:, :, 1:] - clip[:, :, :-1]).square().mean((1, 3, 4))
    motion = torch.cat([motion, torch.zeros_like(motion[:, :1])], dim=1)
    kept = _kept(motion.topk(masked, dim=1).indices, motion.shape[1])
    stay = torch.randperm(kept.shape[1], device=kept.device)[random:].sort().values
    return kept[:, stay]


def _kept(gone: Tensor, size: int) -> Tensor:
    """The indices below `size` that are not in gone (N, K), ascending, (N, size - K)."""
    stays = torch.ones(len(gone), size, dtype=torch.bool, device=gone.device).scatter(1, gone, False)
    return stays.nonzero()[:, 1].view(len(gone), -1)
