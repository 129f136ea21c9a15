"""The plans of encoders."""

from dataclasses import dataclass, field
from typing import Literal

from skedge.recipes.ranges import Count, ShareBelowOne
from skedge.skeleton.graph import Distances

Fusion = Literal["one", "theta", "phi", "mean", "alignment"]
Pool = Literal["mean", "max", "deviation", "statistics"]


@dataclass
class TransformerSettings:
    """The encoder of MAMP and Skeleton2vec: a token is one joint over a few frames.

    Args:
        width: channels of a token.
        depth: number of blocks.
        heads: heads of every attention; they divide the width.
        hidden: width of the feed-forward networks, in widths of a token.
        segment: frames of a token: 3 in Skeleton2vec, 4 in MAMP; input.frames is a multiple of it.
    """

    width: Count = 256
    depth: Count = 8
    heads: Count = 8
    hidden: Count = 4
    segment: Count = 3


@dataclass
class SttformerSettings:
    """STTFormer, the encoder of SkeletonMAE: attention between all joints of a tuple of frames.

    Args:
        width: channels of the last blocks: 256 is STTFormer, 128 and 512 are SkeletonMAE's tables;
            others scale 256's plan.
        frames: frames of a tuple: 6 in STTFormer; SkeletonMAE does not say (2 here); input.frames
            is a multiple of it.
        instance_norm: whether every clip is standardised first: each joint about its mean over the
            frames, in the deviation of the whole body, of joints that are then hidden as well (by
            masks, or partial-body); not in STTFormer.
        layer_norm: whether a layer norm over channels follows the last block; not in STTFormer.
    """

    width: Count = 256
    frames: Count = 6
    instance_norm: bool = False
    layer_norm: bool = False


@dataclass
class EncoderSettings:
    """The plan of an encoder.

    Args:
        widths: output channels of every block.
        strides: temporal stride of every block.
        dropout: dropout in every block but the first.
        distances: distances in st-gcn: one-hop (the partition behind the published numbers) or true
            hops along the bones.
        backbone: how joints are mixed: st-gcn (along the bones), tcn (all at once: the whole body
            is one node), gin (along the bones, summed), dgcnn (near in feature space), transformer
            (attention over the whole clip) or sttformer (within tuples of frames); the last two
            have plans of their own, and neither widths nor strides.
        fusion: one, or how ASMa's two encoders are joined: theta, phi, mean or alignment (theta or
            phi alone, the mean of both, both aligned by cross attention).
        causal: temporal kernels look back only, so that a live model answers without delay; else
            they are centred.
        padding: clips are continued by zeros, as the papers do it; without it only those frames
            count around which the kernels see frames, 8 fewer per block: a clip then gives what a
            live model makes of it.
        head: head of a finetuned classifier: linear, or mlp (Skeleton2vec, which does not say of
            what width).
        joints: names of the joints that a backbone along the bones, or tcn, looks at; none is all.
        pool: pooling over frames and joints, by mean, max, deviation or statistics; max is for
            transformer and sttformer, and keeps what a few joints do for a moment and a mean over
            160 tokens drowns; deviation is for the same two: the standard deviation over frames and
            joints, for clips that are standardised first, whose mean is 0 for all that is linear in
            them; statistics is for st-gcn, tcn, gin and dgcnn: mean over joints, then mean and
            standard deviation over frames side by side (Snyder et al., ICASSP 2018, section 3.1),
            by which a hand that moves differs from one that is held.
        all_blocks: features of all blocks side by side, not of the last block alone, which drops
            what its own classes do not need; other actions are told apart better by all of them;
            for st-gcn, tcn, gin and dgcnn with strides of 1.
        transformer: plan of that backbone.
        sttformer: plan of that backbone.
    """

    widths: tuple[Count, ...] = (16, 16, 16, 16, 32, 32, 32, 64, 64, 256)
    strides: tuple[Count, ...] = (1, 1, 1, 1, 2, 1, 1, 2, 1, 1)
    dropout: ShareBelowOne = 0.5
    distances: Distances = "one-hop"
    backbone: Literal["st-gcn", "tcn", "gin", "dgcnn", "transformer", "sttformer"] = "st-gcn"
    fusion: Fusion = "one"
    causal: bool = False
    padding: bool = True
    head: Literal["linear", "mlp"] = "linear"
    joints: tuple[str, ...] = ()
    pool: Pool = "mean"
    all_blocks: bool = False
    transformer: TransformerSettings = field(default_factory=TransformerSettings)
    sttformer: SttformerSettings = field(default_factory=SttformerSettings)
