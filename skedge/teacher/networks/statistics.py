"""The statistics of batch norms that nothing has trained."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

BATCH = 64
MOMENTUM = 0.1  # torch's


def batch_norms(module: nn.Module) -> list[_BatchNorm]:
    return [part for part in module.modules() if isinstance(part, _BatchNorm)]


@torch.no_grad()
def with_statistics(encoder: nn.Module, view: nn.Module, joints: Tensor) -> Any:
    """A copy of the encoder whose batch norms hold the mean statistics of one pass over joints (N,
    M, T, V, 3), as they come; nothing is learned, and nothing dropped."""
    encoder = copy.deepcopy(encoder).eval()
    for norm in batch_norms(encoder):
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over batches
        norm.train()
    for batch in joints.split(BATCH):
        encoder(view(batch))
    for norm in batch_norms(encoder):
        norm.momentum = MOMENTUM
    return encoder.eval()
