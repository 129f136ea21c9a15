"""AimCLR's attention drop."""

from torch import Tensor

ENERGY = 1e-4


def attention_drop(features: Tensor, keep: float) -> Tensor:
    """Features (N, D, T, V) without those that draw most attention, the rest enlarged by as much;
    AimCLR, section 3.3.

    Attention is the sigmoid of the inverse energy of SimAM (Yang et al. 2021, eq. 5). As in
    AimCLR's program, joints go whose mean attention is at least `keep`, then single values whose
    own is, and each time the batch is divided by the share that stays. (There on every person's
    map, here on the persons' mean.)
    """
    apart = (features - features.mean((2, 3), keepdim=True)).square()
    variance = apart.sum((2, 3), keepdim=True) / max(1, features[0, 0].numel() - 1)
    attention = (apart / (4 * (variance + ENERGY)) + 0.5).sigmoid().detach()
    for stays in (attention.mean((1, 2), keepdim=True) < keep, attention < keep):
        features = features * stays / stays.float().mean().clamp(min=ENERGY)
    return features
