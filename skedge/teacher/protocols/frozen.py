"""Training on the features of a frozen encoder."""

from typing import Any

import torch
from torch import Tensor, nn

from skedge.recipes.settings import OptimSettings
from skedge.skeleton import InputError
from skedge.teacher.clips import Clips
from skedge.teacher.networks.classifier import Classifier, View, freeze
from skedge.teacher.networks.dual import DualEncoder, describe
from skedge.teacher.protocols.classify import Classification
from skedge.teacher.protocols.evaluate import Job
from skedge.teacher.training import fit, forward_all


def train_on_frozen(
    job: Job[Any],
    classifier: Classifier,
    optim: OptimSettings,
    *,
    title: str,
    batch_norm: bool = False,
) -> None:
    """Train the head, and the alignment of two encoders, on the frozen encoder's features of
    unaugmented clips.

    A batch norm in front of the head becomes part of it.
    """
    if batch_norm and optim.batch_size < 2:
        raise InputError(
            "linear.optim.batch_size: expected at least 2 with linear.batch_norm, got"
            f" {optim.batch_size}"
        )
    freeze(classifier)
    compute = job.run.recipe.compute
    train = job.sets.train
    module = _Described(classifier.view, classifier.encoder)
    described = [forward_all(module, joints, compute) for joints in train.samplings()]
    encoder = classifier.encoder
    norm = nn.BatchNorm1d(encoder.features, affine=False)
    parts = [encoder.fuse] if isinstance(encoder, DualEncoder) else []
    learned = nn.Sequential(*parts, *([norm] if batch_norm else []), classifier.head)
    learned.requires_grad_(True)
    clips = Clips(torch.cat(described), train.labels.repeat(len(described)))
    loader = clips.loader(optim.batch_size, compute.processes)
    if batch_norm and len(clips) % (loader.batch_size or 1) == 1:  # a single row has no variance
        loader = clips.loader(optim.batch_size, compute.processes, drop_last=len(clips) > 1)
    fit(Classification(learned, learned, optim), loader, job.run, title=title)
    if batch_norm:
        assert isinstance(classifier.head, nn.Linear)
        fold_norm(norm.cpu(), classifier.head.cpu())


@torch.no_grad()
def fold_norm(norm: nn.BatchNorm1d, layer: nn.Linear) -> None:
    """Make the layer alone do what norm, without an affine part, and layer do in evaluation."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    layer.weight /= (norm.running_var + norm.eps).sqrt()
    layer.bias.sub_(layer.weight @ norm.running_mean)


class _Described(nn.Module):
    def __init__(self, view: View, encoder: nn.Module) -> None:
        super().__init__()
        self.view = view
        self.encoder = encoder

    def forward(self, joints: Tensor) -> Tensor:
        return describe(self.encoder, self.view(joints))
