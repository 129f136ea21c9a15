"""Masked methods."""

from dataclasses import dataclass, field
from typing import Literal

from skedge.recipes.ranges import Count, NotNegative, Positive, Share, ShareBetween


@dataclass
class TokenMaskSettings:
    """The tokens that the student does not see: table 5 of Skeleton2vec, or MAMP's choice.

    Args:
        strategy: multi-tube (joints drawn anew for every few segments), random (for every segment),
            single-tube (once for the whole clip), or motion-softmax (MAMP: any tokens, likelier
            where more moves).
        ratio: share that is masked, m: ceil(V m - 0.5) of V joints, so 22 of 25 at 0.9.
        tube: segments of a tube of multi-tube (alpha).
        beta: weight of motion in a joint's chance: 0.1 in Skeleton2vec, 0 in its rows without
            motion. Not of motion-softmax.
        temperature: temperature of motion-softmax: 0.8 for NTU-60 in MAMP's program.
    """

    strategy: Literal["multi-tube", "random", "single-tube", "motion-softmax"] = "multi-tube"
    ratio: ShareBetween = 0.9
    tube: Count = 5
    beta: NotNegative = 0.1
    temperature: Positive = 0.8


@dataclass
class Skeleton2vecSettings:
    """Skeleton2vec: the student predicts what a slow copy of itself makes of the unmasked clip.

    Args:
        mask: tokens that the student does not see.
        decoder_depth: number of blocks of the decoder.
        ema: share of its weights that the teacher keeps at the first step, tau; it rises linearly
            to 1. By default 0.9999, the paper's, and 0.99 for a training of fewer than 10,000
            steps, in which 0.9999 hardly moves.
    """

    mask: TokenMaskSettings = field(default_factory=TokenMaskSettings)
    decoder_depth: Count = 3
    ema: Share | None = None


@dataclass
class MampSettings:
    """MAMP: the student predicts the motion of what it does not see.

    Args:
        mask: tokens that the student does not see.
        decoder_depth: number of blocks of the decoder: 5 in MAMP, or 3.
        normalized: whether every token's motion is standardised first, as in MAMP's program.
    """

    mask: TokenMaskSettings = field(default_factory=lambda: TokenMaskSettings("motion-softmax"))
    decoder_depth: Count = 5
    normalized: bool = True


@dataclass
class SkeletonMaeSettings:
    """SkeletonMAE: whole frames go, then joints of the frames that stay; the decoder reconstructs
    the clip.

    Args:
        frame_ratio: share of the frames that go: 0.4, 0.5 or 0.6 in the paper.
        joint_ratio: share of the joints that go in every frame that stays.
        joints: how they are drawn: fresh (anew in every frame) or fixed (once for a clip).
        decoder_depth: layers of the decoder with the output layer: 5, 7, 9 or 11.
    """

    frame_ratio: ShareBetween = 0.5
    joint_ratio: ShareBetween = 0.5
    joints: Literal["fresh", "fixed"] = "fresh"
    decoder_depth: Count = 9
