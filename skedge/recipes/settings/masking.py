"""Masks of joints and frames."""

from dataclasses import dataclass, field
from typing import Literal

from skedge.recipes.ranges import WholeNumber


@dataclass
class MaskSettings:
    """The two masks of an encoder's views: one leaves joints out, the other frames.

    Args:
        joints: high-degree, low-degree (nearly uniform, as ASMa defines it), inverse-degree,
            random, or none.
        frames: high-motion, low-motion, random, or none.
        masked_joints: number of joints that go.
        masked_frames: number of frames that go by this choice.
        random_frames: number of further frames that go at random.
        motion: a frame's motion is the mean of squared (PSTL) or absolute (ASMa) differences.
        per: sample (one mask per clip) or batch (one for all, as in the reference programs).
    """

    joints: Literal["high-degree", "low-degree", "inverse-degree", "random", "none"] = "high-degree"
    frames: Literal["high-motion", "low-motion", "random", "none"] = "low-motion"
    masked_joints: WholeNumber = 9
    masked_frames: WholeNumber = 10
    random_frames: WholeNumber = 0
    motion: Literal["squared", "absolute"] = "absolute"
    per: Literal["sample", "batch"] = "sample"


def pstl_mask() -> MaskSettings:
    """PSTL's central spatial and motion attention temporal masking."""
    return MaskSettings("high-degree", "high-motion", random_frames=10, motion="squared")


@dataclass
class AsmaSettings:
    """ASMa: two encoders with opposite masks.

    Args:
        encoders: both, or one of them alone.
        theta: masks of encoder theta: high-degree joints, low-motion frames.
        phi: masks of encoder phi: low-degree joints, high-motion frames.
    """

    encoders: tuple[Literal["theta", "phi"], ...] = ("theta", "phi")
    theta: MaskSettings = field(default_factory=MaskSettings)
    phi: MaskSettings = field(default_factory=lambda: MaskSettings("low-degree", "high-motion"))


@dataclass
class ViewMasks:
    """ASMa's masks as the views of a contrastive method (ASMa, table 10).

    The paper does not say which view gets which mask. Here query and key get opposite ones, as
    ASMa's two encoders do, and the extreme query lacks what is richest: high-degree joints and
    high-motion frames.

    Args:
        query: masks of the query: theta's.
        key: masks of the key: phi's.
        extreme: masks of AimCLR's and CSCLR's extreme query.
    """

    query: MaskSettings = field(default_factory=MaskSettings)
    key: MaskSettings = field(default_factory=lambda: MaskSettings("low-degree", "high-motion"))
    extreme: MaskSettings = field(
        default_factory=lambda: MaskSettings("high-degree", "high-motion")
    )
