"""Training on labels: the linear layer of a probe, or a whole classifier."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_confusion_matrix

from skedge.recipes.settings import OptimSettings
from skedge.skeleton import InputError
from skedge.teacher.training import Trained


class Classification(Trained):
    """Cross entropy on what `network` makes of a batch's inputs.

    With `layer_decay` below 1 the rate falls by that factor from each block to the one before it
    (`depths`).
    """

    def __init__(
        self,
        network: nn.Module,
        logits: Callable[[Tensor], Tensor],
        optim: OptimSettings,
        label_smoothing: float = 0.0,
        layer_decay: float = 1.0,
    ) -> None:
        super().__init__(optim)
        if not 0 < layer_decay <= 1:
            raise InputError(
                f"finetune.layer_decay: expected a factor above 0, up to 1, got {layer_decay:g}"
            )
        self.network = network
        self.logits = logits
        self.label_smoothing = label_smoothing
        self.layer_decay = layer_decay

    def parameter_groups(self) -> list[dict[str, Any]]:
        if self.layer_decay == 1:
            return super().parameter_groups()
        groups: dict[int, list[nn.Parameter]] = {}
        learned = {
            name: parameter
            for name, parameter in self.network.named_parameters()
            if parameter.requires_grad
        }
        for name, depth in depths(list(learned)).items():
            groups.setdefault(depth, []).append(learned[name])
        top = max(groups)
        rate = self.optim.learning_rate
        return [
            {"params": own, "lr": rate * self.layer_decay ** (top - depth)}
            for depth, own in sorted(groups.items())
        ]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        inputs, labels = batch
        loss = functional.cross_entropy(
            self.logits(inputs), labels, label_smoothing=self.label_smoothing
        )
        self.log("loss", loss)
        return loss


def depths(names: Sequence[str]) -> dict[str, int]:
    """The distance of every named parameter of a classifier from the input: what comes before the
    blocks 0, block i i + 1.

    Head and last norm come behind all blocks.
    """
    blocks = {name: re.search(r"(?:^|\.)(?:blocks|importance)\.(\d+)", name) for name in names}
    top = 1 + max((int(found[1]) + 1 for found in blocks.values() if found), default=0)

    def depth(name: str) -> int:
        found = blocks[name]
        return (
            int(found[1]) + 1
            if found
            else top
            if re.search(r"(?:^|\.)(?:head|map|norm)\.", name)
            else 0
        )

    return {name: depth(name) for name in names}


def score(logits: Tensor, labels: Tensor) -> dict[str, Any]:
    """Top-1, top-5 and per-class accuracy of logits (N, classes), in percent, the confusions
    [truth][answer], and N.

    A class without clips has None; one whose logit is -inf is no answer, also among the first five.
    """
    classes = logits.shape[1]
    confusion = multiclass_confusion_matrix(logits, labels, classes)
    first, answers = logits.topk(min(5, classes))
    among = ((answers == labels[:, None]) & (first > -torch.inf)).any(1)
    right = confusion.diagonal().tolist()
    clips = confusion.sum(1).tolist()
    return {
        "top1": round(
            100 * multiclass_accuracy(logits, labels, classes, average="micro").item(), 2
        ),
        "top5": round(100 * among.float().mean().item(), 2),
        "per_class": [
            round(100 * hit / count, 2) if count else None
            for hit, count in zip(right, clips, strict=True)
        ],
        "confusion": confusion.tolist(),
        "clips": len(labels),
    }
