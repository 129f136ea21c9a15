"""Random changes of clips."""

from dataclasses import dataclass


@dataclass
class AugmentSettings:
    """Random changes of every clip, drawn per sample; all off by default.

    Args:
        temporal_padding: a clip of T frames gets T * this reflected frames at both ends, then a
            random cut of T frames.
        temporal_crop: the shortest share of a clip that is cut out at random and stretched back; 1
            is off.
        shear: the amplitude of the off-diagonal shear factors.
        rotation: degrees: a random axis by up to this, the two others by up to one degree.
        yaw: degrees: about the vertical axis by up to this, either way.
        tilt: degrees: about each of the three axes by up to this, either way (MAMP, Skeleton2vec:
            0.3 radians in the program).
        scale: the body's size times 1 - this to 1 + this.
        flip: the probability of exchanging left and right joints where they are (PSTL, AimCLR).
        mirror: the probability of a true mirror image: left and right exchanged and x negated.
        noise: metres: every clip gets white noise of a standard deviation drawn from 0 to this.
        offset: metres: every joint is displaced for the whole clip, by a standard deviation drawn
            from 0 to this.
        reverse: the probability of playing a clip backwards (in AimCLR's paper, off in its
            program).
        gaussian_noise: the probability of white noise of a centimetre's deviation (AimCLR).
        gaussian_blur: the probability of a blur over time: 15 taps that sum to 1, sigma from 0.1 to
            2 frames (AimCLR).
        axis_mask: the probability that one of x, y and z is 0 throughout (AimCLR).
    """

    temporal_padding: float = 0.0
    temporal_crop: float = 1.0
    shear: float = 0.0
    rotation: float = 0.0
    yaw: float = 0.0
    tilt: float = 0.0
    scale: float = 0.0
    flip: float = 0.0
    mirror: float = 0.0
    noise: float = 0.0
    offset: float = 0.0
    reverse: float = 0.0
    gaussian_noise: float = 0.0
    gaussian_blur: float = 0.0
    axis_mask: float = 0.0
