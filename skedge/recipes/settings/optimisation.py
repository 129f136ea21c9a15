"""Settings of the optimisation of networks."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from skedge.recipes.ranges import Count, NotNegative, ShareBelowOne, WholeNumber


@dataclass
class OptimSettings:
    """The optimisation of a network: warm-up, then a cosine, or steps down.

    Args:
        epochs: passes over the training clips.
        batch_size: clips per step, over all devices.
        learning_rate: learning rate after the warm-up.
        weight_decay: weight decay as the optimizer defines it, for all parameters, norms and biases
            too.
        warmup_epochs: epochs in which the learning rate rises linearly; the first step already
            learns.
        optimizer: adam, adamw or sgd (momentum 0.9).
        betas: betas of adam and adamw.
        final_rate: learning rate where the cosine ends.
        milestones: epochs at which the learning rate is divided by ten, in place of the cosine.
        least_steps: least number of steps; a small set gets more epochs, and a longer warm-up.
        most_steps: largest number of steps; a large set gets fewer epochs. 0 is no limit.
    """

    epochs: WholeNumber = 100
    batch_size: Count = 128
    learning_rate: NotNegative = 5e-3
    weight_decay: NotNegative = 0.0
    warmup_epochs: NotNegative = 0.0
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    betas: tuple[ShareBelowOne, ShareBelowOne] = (0.9, 0.999)
    final_rate: NotNegative = 0.0
    milestones: tuple[NotNegative, ...] = ()
    least_steps: WholeNumber = 0
    most_steps: WholeNumber = 0

    def for_clips(self, clips: int, *, whole_batches: bool = False) -> "OptimSettings":
        """These settings with as many epochs of so many clips as the least and the most steps
        ask; an epoch of `whole_batches` leaves out the clips that fill none."""
        batch = max(1, min(self.batch_size, clips))
        each = max(1, clips // batch) if whole_batches else math.ceil(clips / batch)
        epochs = max(self.epochs, math.ceil(self.least_steps / each))
        if self.most_steps:
            epochs = min(epochs, max(1, self.most_steps // each))
        if epochs == self.epochs or self.epochs <= 0:
            return self
        share = epochs / self.epochs
        return replace(
            self,
            epochs=epochs,
            warmup_epochs=self.warmup_epochs * share,
            milestones=tuple(milestone * share for milestone in self.milestones),
        )
