"""Dropout that costs little on a CPU."""

import torch
from torch import Tensor, nn

LANES, LEVELS = 4, 1 << 16  # in a word of 64 random bits


class Dropout(nn.Dropout):
    """torch's dropout, drawn four entries at a time on a CPU.

    There torch draws a number for every entry, which is a fifth of a training step of ST-GCN
    (docs/results/studies.md, "Throughput of pretraining"). `p` is met to the nearest 65,536th, and
    what stays is scaled for that.
    """

    def forward(self, x: Tensor) -> Tensor:
        gone = round(self.p * LEVELS)
        if not self.training or x.device.type != "cpu" or gone in (0, LEVELS):
            return super().forward(x)
        words = torch.empty(-(-x.numel() // LANES), dtype=torch.int64).random_(-(2**63), None)
        drawn = words.view(torch.int16)[: x.numel()].view(x.shape)
        stays = drawn >= gone - LEVELS // 2
        return x * (stays.to(x.dtype) * (LEVELS / (LEVELS - gone)))
