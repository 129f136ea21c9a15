"""Settings of the optimisation of networks."""

from dataclasses import dataclass
from typing import Literal


@dataclass
class OptimSettings:
    """The optimisation of a network: warm-up, then a cosine, or steps down.

    Args:
        epochs: passes over the training clips.
        batch_size: clips per step, over all devices.
        learning_rate: learning rate after the warm-up.
        weight_decay: weight decay as the optimizer defines it.
        warmup_epochs: epochs in which the learning rate rises linearly; the first step already
            learns.
        optimizer: adam, adamw or sgd (momentum 0.9).
        betas: betas of adam and adamw.
        final_rate: learning rate where the cosine ends.
        milestones: epochs at which the learning rate is divided by ten, in place of the cosine.
    """

    epochs: int = 100
    batch_size: int = 128
    learning_rate: float = 5e-3
    weight_decay: float = 0.0
    warmup_epochs: float = 0.0
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    betas: tuple[float, float] = (0.9, 0.999)
    final_rate: float = 0.0
    milestones: tuple[float, ...] = ()
