"""The losses of momentum contrast, computed from similarities."""

from typing import Literal

import torch
from torch import Tensor

# A logit that counts for nothing: its exponential is 0 in float32, and 0 times it is 0, unlike with
# infinity.
NOTHING = -1e4


def info_nce(logits: Tensor, positives: Tensor, over: Literal["sum", "mean"] = "sum") -> Tensor:
    """The mean over rows of logits (N, L) of how unlikely their positives, bool (N, L), are.

    sum: minus the logarithm of the sum of the positives' probabilities (CSCLR eq. 2 and 11). mean:
    minus the mean of their log-probabilities (the programs of AimCLR and CrosSCLR). The same for a
    single positive.
    """
    if over == "sum":
        return (logits.logsumexp(1) - logits.masked_fill(~positives, NOTHING).logsumexp(1)).mean()
    return -(logits.log_softmax(1) * positives).sum(1).div(positives.sum(1)).mean()


def ddm(logits: Tensor, target: Tensor) -> Tensor:
    """AimCLR's distributional divergence: the cross entropy of logits (N, L) to the distribution of
    the target's (N, L).

    No gradient goes through the target.
    """
    return -(target.detach().softmax(1) * logits.log_softmax(1)).sum(1).mean()


def nearest(similarities: Tensor, neighbors: int, own: Tensor) -> Tensor:
    """The keys most similar to each query, bool (N, K), for cosines (N, K); never those in `own`,
    bool (N, K)."""
    at = (
        similarities.detach()
        .masked_fill(own, NOTHING)
        .topk(min(neighbors, similarities.shape[1]), dim=1)
        .indices
    )
    return torch.zeros_like(own).scatter(1, at, True) & ~own


def first_and(like: Tensor, mined: Tensor | None) -> Tensor:
    """Positives bool (N, 1 + K): the first column, and `mined` (N, K) of the others; none of them
    for None."""
    others = torch.zeros_like(like) if mined is None else mined
    return torch.cat([torch.ones_like(like[:, :1]), others], dim=1)
