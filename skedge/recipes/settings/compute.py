"""Settings of the machine that trains."""

from dataclasses import dataclass
from typing import Literal

from skedge.recipes.ranges import Count, Seed


@dataclass
class ComputeSettings:
    """Machine and precision of training.

    Args:
        seed: seed of weights, order, augmentation and masks.
        accelerator: what it runs on: auto, cpu or gpu.
        devices: number of devices on every node.
        nodes: number of machines, started by torchrun or SLURM.
        strategy: strategy of Lightning, for example ddp; auto is right for one device and for
            several.
        precision: 32-true, bf16-mixed, 16-mixed, or auto: mixed on a GPU, and on a CPU
            that multiplies bfloat16, else 32-true.
    """

    seed: Seed = 0
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: Count = 1
    nodes: Count = 1
    strategy: str = "auto"

    @property
    def processes(self) -> int:
        """Number of processes that share a batch."""
        return self.devices * self.nodes

    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
