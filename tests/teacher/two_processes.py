"""What two processes make of the same clips and embeddings; started by test_distributed.py, writes
a file of each process beside every training."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    AsmaSettings,
    AugmentSettings,
    ComputeSettings,
    ContrastSettings,
    MaskSettings,
    PretrainSettings,
)
from skedge.skeleton import load_layout
from skedge.teacher.clips import Clips
from skedge.teacher.methods.barlow import BarlowLoss
from skedge.teacher.methods.pstl import SkeletonBT
from skedge.teacher.methods.registry import make_method
from skedge.teacher.methods.skeletonclr import SkeletonCLR
from skedge.teacher.networks.encoders import STGCN
from skedge.teacher.runs.folder import Run
from skedge.teacher.training import fit, seeded
from tests.teacher.masked_tiny import DATA, STTFORMER, TRANSFORMER
from tests.teacher.tiny import COMPUTE, INPUT, PLAN, motion, optim, randomise, tiny_mask

LAYOUT = load_layout("ntu25")
CLIPS = 8


class Plain(SkeletonBT):
    """SkeletonBT whose batch norms do not depend on the batch, with two fixed views: one or two
    processes do the same."""

    def on_train_start(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()

    def loss(self, joints: Tensor) -> Tensor:
        first, second = (
            self.projector(self.encoder(self.clip(view))) for view in (joints, joints.flip(2))
        )
        return self.barlow(first, second)


class PlainContrast(SkeletonCLR):
    """SkeletonCLR with batch norms that stand still."""

    def on_train_start(self) -> None:
        Plain.on_train_start(self)


def clips(frames: int = INPUT.frames) -> Clips:
    joints = torch.stack(
        [torch.from_numpy(motion(LAYOUT, i % 3, i, frames))[None] for i in range(CLIPS)]
    )
    return Clips(joints, torch.arange(CLIPS))


@dataclass
class Kept(Callback):
    """A callback with which every process writes what it holds when a training begins and ends."""

    folder: Path

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.first = {name: p.detach().clone() for name, p in pl_module.named_parameters()}

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        rank = trainer.global_rank
        found: dict[str, Any] = {
            "first": self.first,
            "last": {name: p.detach() for name, p in pl_module.named_parameters()},
            "queues": {
                name: b
                for name, b in pl_module.named_buffers()
                if name.endswith(("keys", "owners", "pointer"))
            },
            "loss": float(trainer.callback_metrics["loss"]),
            "steps": trainer.global_step,
            "draws": torch.rand(4),
        }
        if trainer.world_size > 1:
            found["barlow"] = barlow(*(z[5 * rank : 5 * rank + 5] for z in embeddings()))
        torch.save(found, self.folder / f"rank{rank}.pt")


def kept(folder: Path, rank: int = 0) -> dict[str, Any]:
    """What a process held when its training into `folder` began and ended."""
    found: dict[str, Any] = torch.load(folder / f"rank{rank}.pt", weights_only=True)
    return found


def run_of(folder: Path, devices: int) -> Run:
    compute = ComputeSettings(seed=3, accelerator="cpu", devices=devices, precision="32-true")
    return Run(folder, Recipe(compute=compute))


def train_plain(folder: Path, devices: int) -> None:
    """Two steps of gradient descent, each on all clips."""
    seeded(COMPUTE)
    settings = PretrainSettings(
        projector=8, augment=AugmentSettings(), optim=optim(optimizer="sgd", learning_rate=1e-3)
    )
    recipe = Recipe(input=INPUT, encoder=PLAN, pretrain=settings)
    module = Plain(STGCN(LAYOUT, PLAN), LAYOUT, recipe)
    randomise(module)
    module.projector[-1].weight.data *= 30  # embeddings far larger than the loss's epsilon
    loader = clips().loader(100, devices, drop_last=True)
    fit(module, loader, run_of(folder, devices), title="Plain", callbacks=[Kept(folder)])


def train_contrast(folder: Path, devices: int) -> None:
    """Three steps of gradient descent, each on all clips, with room for the keys of two of them."""
    seeded(COMPUTE)
    contrast = ContrastSettings(
        features=6, queue=2 * CLIPS, momentum=0.5, temperature=0.5, normal=AugmentSettings()
    )
    settings = PretrainSettings(
        "skeletonclr", contrast=contrast, optim=optim(optimizer="sgd", learning_rate=0.5, epochs=3)
    )
    recipe = Recipe(input=INPUT, encoder=PLAN, pretrain=settings)
    module = PlainContrast({"joint": STGCN(LAYOUT, PLAN)}, LAYOUT, recipe)
    randomise(module)
    moco = module.streams["joint"]
    moco.keys.copy_(nn.functional.normalize(moco.keys, dim=1))
    loader = clips().loader(100, devices, drop_last=True)
    fit(module, loader, run_of(folder, devices), title="Contrast", callbacks=[Kept(folder)])


# Every method's clips and encoder.
METHODS = {
    "pstl": (INPUT, PLAN), "asma": (INPUT, PLAN), "csclr": (replace(INPUT, stream="three"), PLAN),
    "skeleton2vec": (DATA, TRANSFORMER), "mamp": (DATA, TRANSFORMER), "skeletonmae": (DATA, STTFORMER),
}  # fmt: skip


def train(method: Any, folder: Path) -> None:
    seeded(COMPUTE)
    data, plan = METHODS[method]
    asma = AsmaSettings(
        theta=MaskSettings(masked_frames=3),
        phi=MaskSettings("low-degree", "high-motion", masked_frames=3),
    )
    contrast = ContrastSettings(features=6, queue=3 * CLIPS, stages=(1, 1, 1))
    settings = PretrainSettings(
        method, projector=8, pstl=tiny_mask(), asma=asma, contrast=contrast, optim=optim(epochs=6)
    )
    module = make_method(LAYOUT, Recipe(input=data, encoder=plan, pretrain=settings))
    loader = clips(data.frames).loader(CLIPS, 2, drop_last=True)
    fit(module, loader, run_of(folder, 2), title=method, callbacks=[Kept(folder)])


def embeddings() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    first = torch.randn(10, 6, generator=generator) + 1
    return first, 0.5 * first + torch.randn(10, 6, generator=generator)


def barlow(first: Tensor, second: Tensor) -> dict[str, Any]:
    first, second = first.clone().requires_grad_(), second.clone().requires_grad_()
    loss = BarlowLoss(0.3)(first, second)
    loss.backward()
    return {"loss": loss.detach(), "first": first.grad, "second": second.grad}


def main(folder: Path) -> None:
    train_plain(folder / "plain", 2)
    train_contrast(folder / "contrast", 2)
    for method in METHODS:
        train(method, folder / method)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
