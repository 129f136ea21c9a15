"""Random changes of clips."""

from dataclasses import dataclass
from typing import Literal

from skedge.recipes.ranges import NotNegative, Share, ShareAboveZero, ShareBelowOne


@dataclass
class AugmentSettings:
    """Random changes of every clip, drawn per sample; all off by default.

    Args:
        temporal_padding: share of a clip's T frames that are added at both ends as reflections,
            before T frames are cut out at random.
        temporal_crop: shortest share of a clip that is cut out at random and stretched back; 1 is
            off.
        shear: amplitude of the off-diagonal shear factors.
        rotation: largest angle in degrees about one random axis; the two others turn by up to one
            degree.
        yaw: largest angle in degrees about the vertical axis, either way.
        tilt: largest angle in degrees about each of the three axes, either way (MAMP, Skeleton2vec:
            0.3 radians in the program).
        scale: largest relative change of the body's size, either way.
        flip: probability of exchanging left and right joints where they are (PSTL, AimCLR).
        mirror: probability of a true mirror image: left and right exchanged and x negated.
        mirror_when: always; or either-side: where labels are learned, only if the training clips
            show people who do an action now with one hand or foot, now with the other.
        noise: largest standard deviation in metres of a clip's white noise; drawn between 0 and it.
        offset: largest standard deviation in metres of a joint's displacement for a whole clip;
            drawn between 0 and it.
        reverse: probability of playing a clip backwards (in AimCLR's paper, off in its program).
        gaussian_noise: probability of white noise of a centimetre's deviation (AimCLR).
        gaussian_blur: probability of a blur over time: 15 taps that sum to 1, sigma from 0.1 to 2
            frames (AimCLR).
        axis_mask: probability that one of x, y and z is 0 throughout (AimCLR).
    """

    temporal_padding: Share = 0.0
    temporal_crop: ShareAboveZero = 1.0
    shear: NotNegative = 0.0
    rotation: NotNegative = 0.0
    yaw: NotNegative = 0.0
    tilt: NotNegative = 0.0
    scale: ShareBelowOne = 0.0
    flip: Share = 0.0
    mirror: Share = 0.0
    mirror_when: Literal["always", "either-side"] = "always"
    noise: NotNegative = 0.0
    offset: NotNegative = 0.0
    reverse: Share = 0.0
    gaussian_noise: Share = 0.0
    gaussian_blur: Share = 0.0
    axis_mask: Share = 0.0
