"""The Barlow Twins loss, right under several processes."""

from typing import Any

import torch
from torch import Tensor, distributed
from torch.autograd import Function

EPSILON = 1e-5


class BarlowLoss(torch.nn.Module):
    """sum_i (1 - C_ii)^2 + lambda sum_{i != j} C_ij^2 for embeddings (N, D) and (N, D).

    C is the cross-correlation over the batch of embeddings standardised per feature (centred,
    biased variance, epsilon 1e-5), Zbontar et al. 2021, as the reference programs compute it; eq. 2
    of PSTL writes it uncentred. Under several processes moments and C are those of all processes'
    embeddings, so loss and embedding gradients are the same as in one process; every process must
    bring equally many.
    """

    def __init__(self, redundancy: float) -> None:
        super().__init__()
        self.redundancy = redundancy

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        with torch.autocast(first.device.type, enabled=False):
            total = len(first) * _processes()
            first, second = _standardise(first.float(), total), _standardise(second.float(), total)
            correlation = first.T @ second / total
            if _processes() > 1:
                # Every process computes the same loss from C, so each already has the whole
                # gradient with respect to it.
                correlation = correlation + (
                    _AllReduce.apply(correlation.detach()) - correlation.detach()
                )
            diagonal = correlation.diagonal()
            off_diagonal = correlation.square().sum() - diagonal.square().sum()
            return (1 - diagonal).square().sum() + self.redundancy * off_diagonal


def _standardise(z: Tensor, total: int) -> Tensor:
    mean = _sum_over_processes(z.sum(0)) / total
    variance = _sum_over_processes((z - mean).square().sum(0)) / total
    return (z - mean) / (variance + EPSILON).sqrt()


def _processes() -> int:
    return (
        distributed.get_world_size()
        if distributed.is_available() and distributed.is_initialized()
        else 1
    )


def _sum_over_processes(x: Tensor) -> Tensor:
    return _AllReduce.apply(x) if _processes() > 1 else x


class _AllReduce(Function):
    """The sum over processes; its gradient is the sum of all processes' gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.clone()
        distributed.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous().clone()
        distributed.all_reduce(gradient)
        return gradient
