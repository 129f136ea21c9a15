"""The decoder of SkeletonMAE (Wu et al. 2023, tables 6 to 11)."""

import torch
from torch import Tensor, nn

from skedge.skeleton.errors import InputError
from skedge.teacher.networks.base import sinusoid
from skedge.teacher.networks.sttformer import STTFormer, TupleBlock, TupleMap, tuples

# Output channels of the decoder's blocks at width 256 by its depth, which counts the output layer
# (tables 6 and 9 to 11).
DECODERS = {
    5: (128, 128, 64, 64),
    7: (256, 256, 128, 128, 64, 64),
    9: (256, 256, 256, 128, 128, 64, 64, 64),
    11: (256, 256, 256, 256, 128, 128, 128, 64, 64, 64),
}
# The one plan at width 512 in the paper, of depth 9 (table 7), which is not twice that of 256.
WIDE = (512, 512, 256, 256, 128, 128, 64, 64)


class TupleDecoder(nn.Module):
    """Features where something was seen to coordinates everywhere, (R, out, T, V).

    A learned token takes the place of every masked joint. A sine-cosine embedding is added, half
    of its
    channels of the frame and half of the joint, as MAE's of rows and columns; the paper names
    neither the token nor where features go back. Tuples are the encoder's.
    """

    positions: Tensor

    def __init__(self, encoder: STTFormer, depth: int, *, frames: int, out: int) -> None:
        super().__init__()
        plan = decoder_plan(encoder.features, depth)
        self.tuple_frames = encoder.frames
        self.frames = frames
        self.joints = encoder.joints
        self.token = nn.Parameter(nn.init.trunc_normal_(torch.empty(encoder.features), std=0.02))
        half = encoder.features // 2
        rows = sinusoid(frames, half)[:, :, None].expand(-1, -1, encoder.joints)
        columns = sinusoid(encoder.joints, half)[:, None].expand(-1, frames, -1)
        self.register_buffer("positions", torch.cat([rows, columns]), persistent=False)
        self.blocks = nn.Sequential(
            *(TupleBlock(*block, encoder.frames * encoder.joints) for block in plan)
        )
        self.map = TupleMap(encoder.frames)
        self.outward = nn.Conv2d(plan[-1][1], out, 1)

    def forward(self, features: Tensor, frames: Tensor, joints: Tensor) -> Tensor:
        """Features (R, D, L, K) of joints (R, L, K) in frames (R, L)."""
        at = (
            (frames[:, :, None] * self.joints + joints)
            .flatten(1)[:, None]
            .expand(-1, features.shape[1], -1)
        )
        full = self.token.to(features.dtype)[:, None].expand(
            len(features), -1, self.frames * self.joints
        )
        full = (
            full.scatter(2, at, features.flatten(2)).unflatten(2, (self.frames, self.joints))
            + self.positions
        )
        reconstructed: Tensor = self.outward(self.map(self.blocks(tuples(full, self.tuple_frames))))
        return reconstructed


def decoder_plan(width: int, depth: int) -> list[tuple[int, int, int]]:
    """Channels in, out and of a head's queries of every block (SkeletonMAE, tables 6 to 11; other
    widths scale that of 256)."""
    if depth not in DECODERS:
        raise InputError(
            f"pretrain.skeletonmae.decoder_depth: expected one of {', '.join(map(str, DECODERS))}"
            f" (blocks and the output layer), got {depth}"
        )
    if width == 512 and depth == 9:
        return [(inside, out, out // 4) for inside, out in zip((width, *WIDE), WIDE, strict=False)]
    outs = tuple(out * width // 256 for out in DECODERS[depth])
    return [(inside, out, inside // 4) for inside, out in zip((width, *outs), outs, strict=False)]
