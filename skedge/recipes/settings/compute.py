"""Settings of the machine that trains."""

from dataclasses import dataclass


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
        """Number of processes that share a batch."""
        return self.devices * self.nodes

    precision: str = "auto"
