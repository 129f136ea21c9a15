"""How much the manner of movement varies in training, as recipes spell it; free of torch."""

from dataclasses import dataclass

from skedge.recipes.ranges import NotNegative


@dataclass
class StyleSettings:
    """Random manners of movement, one a clip; see `skedge.teacher.style`.

    Args:
        pose: how far limbs are turned for a whole clip; 1 is 8 degrees at an upper arm.
        sway: how far they are turned by an angle that wanders.
        swing: the standard deviation of the logarithm of how much wider limbs swing.
        pace: the standard deviation of the logarithm of how much quicker they are for a while.
    """

    pose: NotNegative = 1.0
    sway: NotNegative = 0.5
    swing: NotNegative = 0.2
    pace: NotNegative = 0.15
