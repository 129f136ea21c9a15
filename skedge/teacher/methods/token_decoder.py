"""The decoder of masked prediction: from visible tokens to something for every token."""

import torch
from torch import Tensor, nn

from skedge.teacher.networks.transformer import Places, TokenBlock, Transformer, start


class TokenDecoder(nn.Module):
    """From what is visible to `out` channels for every token: a learned token in the place of each
    masked one, then blocks.

    Linear in- and outputs and embeddings of its own, as in MAMP, whose architecture Skeleton2vec
    takes.
    """

    def __init__(self, encoder: Transformer, depth: int, out: int) -> None:
        super().__init__()
        width = encoder.features
        block = encoder.blocks[0]
        assert isinstance(block, TokenBlock)
        heads = block.attention.heads
        hidden = block.hidden
        times = len(encoder.places.time)
        joints = encoder.places.space.shape[1]
        self.inward = nn.Linear(width, width)
        self.token = nn.Parameter(nn.init.trunc_normal_(torch.empty(width), std=0.02))
        self.places = Places(times, joints, width)
        self.blocks = nn.Sequential(*(TokenBlock(width, heads, hidden) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.outward = nn.Linear(width, out)
        start(self)

    def forward(self, x: Tensor, visible: Tensor) -> Tensor:
        """Visible tokens (R, K, D) that stood at `visible` (R, K), to (R, T' * V, out)."""
        x = self.inward(x)
        times = len(self.places.time)
        joints = self.places.space.shape[1]
        full = self.token.to(x.dtype).expand(len(x), times * joints, -1)
        full = full.scatter(1, visible[..., None].expand_as(x), x)
        full = self.places(full.unflatten(1, (times, joints))).flatten(1, 2)
        predicted: Tensor = self.outward(self.norm(self.blocks(full)))
        return predicted
