"""Where training runs, and how exactly."""

from dataclasses import dataclass


@dataclass
class ComputeSettings:
    """Where and how exactly training runs.

    Args:
        seed: of weights, order, augmentation and masks.
        accelerator: auto, cpu, gpu.
        devices: how many on every node.
        nodes: how many machines, started by torchrun or SLURM.
        strategy: Lightning's, for example ddp; auto is right for one device and for several.
        precision: 32-true, bf16-mixed, 16-mixed, or auto: mixed where the device multiplies
            bfloat16, else 32-true.
    """

    seed: int = 0
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"

    @property
    def processes(self) -> int:
        """How many share a batch."""
        return self.devices * self.nodes

    precision: str = "auto"
