"""How the cameras err that training films its people with, as recipes spell it; free of torch."""

from dataclasses import dataclass

from skedge.recipes.ranges import Finite, NotNegative, Positive, Share, ShareBelowOne


@dataclass
class CameraSettings:
    """Random cameras, one a clip; see `skedge.teacher.camera`.

    Args:
        frontal: the share that sees a person from the front; others from any side.
        pitch: degrees by which cameras look down on a body, so that its head comes out nearer.
        pitch_spread: its standard deviation in degrees.
        size: bodies come out by up to this share larger or smaller.
        limbs: the standard deviation of a bone's length, as a share of it; bones that are left and
            right get the mean of two draws, which deviates by 0.7 of that.
        wide_hips: the share of trackers that find hips up to 2.3 times as far apart.
        arms: by what factor arms come out longer, from and to.
        trunk: by what factor the trunk does.
        legs: by what factor the legs do.
        shoulder_drop: up to what share of the trunk shoulders are found below its upper end.
        legs_behind: metres by which ankles are found behind the hips, and its standard deviation.
        lost_legs: the share of clips whose legs are out of view.
        one_eyed: the share of pose estimators that guess depth; the others measure it.
        flat: the share of those that give no depth at all.
        depth: the least share of the depth that the others give.
        depth_error: metres by which a guessed depth errs.
        swaps: the share of one-eyed clips in which left and right are confused for a while.
        snaps: the share of clips in which a limb is found elsewhere for a while; twice drawn.
        noise: the size of the joints' noise; 1 is a centimetre at the trunk, twice that at a hand.
        meeting: metres by which hands err that are close to each other.
        drift: the size of what a place in the room wanders; 1 is a hand-held camera's.
        mirror: the probability of a mirror image, left and right exchanged.
    """

    frontal: Share = 0.45
    pitch: Finite = 9.0
    pitch_spread: NotNegative = 8.0
    size: ShareBelowOne = 0.15
    limbs: NotNegative = 0.1
    wide_hips: Share = 0.3
    arms: tuple[Positive, Positive] = (0.8, 1.12)
    trunk: tuple[Positive, Positive] = (0.78, 1.2)
    legs: tuple[Positive, Positive] = (0.84, 1.22)
    shoulder_drop: Share = 0.2
    legs_behind: NotNegative = 0.06
    lost_legs: Share = 0.12
    one_eyed: Share = 0.5
    flat: Share = 0.15
    depth: NotNegative = 0.5
    depth_error: NotNegative = 0.05
    swaps: Share = 0.15
    snaps: Share = 0.18
    noise: NotNegative = 1.0
    meeting: NotNegative = 0.025
    drift: NotNegative = 1.0
    mirror: Share = 0.5
