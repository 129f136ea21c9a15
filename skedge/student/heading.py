"""Actions taught to the shipped model's frozen encoder: a new head, by logistic regression."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.student.shipped import Shipped
from skedge.student.streaming import StreamingClassifier
from skedge.teacher.clips import Windows
from skedge.teacher.protocols.evaluate import Job, Sets, on_protocol, report
from skedge.teacher.protocols.frozen import fold_norm
from skedge.teacher.runs.folder import Run

STEPS = 300


@dataclass(frozen=True)
class Heading:
    """How a head is learned: half of `decay` times its squared weights, for features of unit
    variance, is added to the loss.

    Chosen on films (docs/results/accuracy.md), where a third and three times as much are a little
    worse.
    """

    decay: float = 0.1


def teach_head(store: Store, folder: Path, recipe: Recipe) -> dict[str, Any]:
    """The metrics of the shipped model with a head of its own for the actions of `store`.

    The head is learned from every answer of the training clips behind the warm-up, all clips
    counted alike, and tested by the mean of a clip's answers, as `Recognizer.predict` gives it. Of
    the recipe the protocol and its part are used, and where the run is written.

    Raises `InputError` for a store whose joints cannot be placed on the shipped model's, or that
    does not know its rate.
    """
    shipped = Shipped()
    run = Run(folder, recipe)
    sets = Sets.read(store, on_protocol(shipped.input, recipe.input), shipped.layout)
    # Means alone: with standard deviations 37 of 46 films are right, not 39.
    plan = replace(shipped.plan, pool="mean")
    network = shipped.classifier(len(store.labels), plan)
    streaming = StreamingClassifier(network)
    train = _embeddings(streaming, sets.train)
    assert isinstance(network.head, nn.Linear), "what streams has a linear head"
    fit_head(network.head, train, sets.train.labels)
    test = _embeddings(streaming, sets.test)
    with torch.no_grad():
        means = torch.stack([network.head(one).softmax(1).mean(0) for one in test])
    job: Job[Any] = Job(run, sets, plan, settings=Heading())
    extra = {"protocol": "shipped encoder", "trained": shipped.metadata.weights_sha256}
    seen = {"part": sets.data.part, "stream": sets.data.stream}
    return job.write(network, extra, report(means.log(), sets, run, extra=extra | seen))


@torch.no_grad()
def _embeddings(streaming: StreamingClassifier, clips: Any) -> list[Tensor]:
    """The embeddings (T, D) of each clip's answers from the warm-up on, or of its last one."""
    assert isinstance(clips, Windows), "the shipped model sees a fixed rate"
    first = clips.data.warm_up
    return [
        streaming(clip.transpose(0, 1)[None])[1][0, min(first, len(clip)) - 1 :]
        for clip in clips.frames.split(clips.lengths.tolist())
    ]


def fit_head(head: nn.Linear, clips: list[Tensor], labels: Tensor) -> None:
    """Fit a linear head to the embeddings (T, D) of clips with `labels` (N,).

    Multinomial logistic regression with a quadratic penalty, in which a clip counts once however
    long it is: convex, and by L-BFGS always the same.
    """
    rows = torch.cat(clips).double()
    lengths = torch.tensor([len(clip) for clip in clips])
    wanted = labels.repeat_interleave(lengths)
    share = (1 / (len(clips) * lengths.double())).repeat_interleave(lengths)
    norm = nn.BatchNorm1d(head.in_features, affine=False)
    mean = share @ rows
    variance = share @ (rows - mean).square()
    norm.running_mean, norm.running_var = mean.float(), variance.float()
    rows = (rows - mean) / (variance + norm.eps).sqrt()
    weight = torch.zeros(head.out_features, head.in_features, dtype=rows.dtype, requires_grad=True)
    bias = torch.zeros(head.out_features, dtype=rows.dtype, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        each = functional.cross_entropy(rows @ weight.T + bias, wanted, reduction="none")
        total = share @ each + Heading.decay / 2 * weight.square().sum()
        total.backward()
        return total

    solver.step(loss)
    with torch.no_grad():
        head.weight.copy_(weight)
        head.bias.copy_(bias)
    fold_norm(norm, head)
