"""Training on labels: the linear layer of a probe, or a whole classifier."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_confusion_matrix

from teacher.settings import OptimSettings
from teacher.training import Trained


class Classification(Trained):
    """Cross entropy on what `network` makes of a batch's inputs."""

    def __init__(
        self, network: nn.Module, logits: Callable[[Tensor], Tensor], optim: OptimSettings, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(optim)
        self.network, self.logits, self.label_smoothing = network, logits, label_smoothing

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        inputs, labels = batch
        loss = functional.cross_entropy(self.logits(inputs), labels, label_smoothing=self.label_smoothing)
        self.log("loss", loss)
        return loss


def score(logits: Tensor, labels: Tensor) -> dict[str, Any]:
    """Top-1, top-5 and per-class accuracy of logits (N, classes), in percent, the confusions [truth][answer], and N."""
    classes = logits.shape[1]
    per_class = multiclass_accuracy(logits, labels, classes, average="none")
    return {
        "top1": round(100 * multiclass_accuracy(logits, labels, classes, average="micro").item(), 2),
        "top5": round(100 * multiclass_accuracy(logits, labels, classes, average="micro", top_k=min(5, classes)).item(), 2),
        "per_class": [round(100 * share, 2) for share in torch.nan_to_num(per_class).tolist()],
        "confusion": multiclass_confusion_matrix(logits, labels, classes).tolist(),
        "clips": len(labels),
    }
