"""Actions taught to the shipped model's frozen encoder: a new head, by logistic regression."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.datasets.store import Store
from skedge.edge_runtime.events import PATIENCE, QUIET
from skedge.edge_runtime.learning import MANY_FALSE, POOR_RECALL, HeldOut, in_a_row
from skedge.edge_runtime.taught import logit
from skedge.recipes.recipe import Recipe
from skedge.student.calibrate import asked
from skedge.student.others import of_others
from skedge.student.shipped import Shipped
from skedge.student.streaming import StreamingClassifier
from skedge.teacher.clips import Windows, tell
from skedge.teacher.protocols.evaluate import Job, Sets, on_protocol, report
from skedge.teacher.protocols.frozen import fold_norm
from skedge.teacher.runs.folder import Run
from skedge.teacher.runs.store_check import OTHER

# The solver ends at so small a gradient: weights are then within a ten-thousandth of the largest.
STEPS, ENOUGH = 300, 1e-5
BATCH = 32
# So much is taken from the logit of other when all is chosen, as from the shipped model's: what
# somebody does as nobody did in training falls to it, and thresholds keep out what must be. Their
# logits go up by half as much: answers are unsure between two actions, too.
LOWERED, RAISED = 2.0, 1.0
# Into so many parts the training clips and the others are divided: each is left out once, to choose
# thresholds.
FOLDS = 5


@dataclass(frozen=True)
class Heading:
    """How a head is learned: half of `decay` times its squared weights, for features of unit
    variance, is added to the loss, of which `others` is the share of what invented people do
    otherwise.

    Chosen on real clips (docs/results/accuracy.md).
    """

    decay: float = 0.05
    others: float = 0.5


@dataclass(frozen=True, eq=False)
class Rows:
    """Clips as a head sees them: the embeddings (T, D) of each one's answers, and its class (N,),
    with the share (N,) of the loss that it has, all together 1."""

    clips: list[Tensor]
    labels: Tensor
    shares: Tensor

    @classmethod
    def of(
        cls, clips: Sequence[Tensor], labels: Tensor, others: Sequence[Tensor], other: int
    ) -> "Rows":
        """Clips with `labels`, each counted alike however long it is, beside `others` of the class
        `other`, every answer of them counted alike."""
        share = Heading.others if others else 0.0
        lengths = torch.tensor([len(one) for one in others], dtype=torch.float64)
        own = torch.full((len(clips),), (1 - share) / len(clips), dtype=torch.float64)
        return cls(
            [*clips, *others],
            torch.cat([labels, torch.full((len(others),), other)]),
            torch.cat([own, share * lengths / lengths.sum()]),
        )


def teach_head(store: Store, folder: Path, recipe: Recipe) -> dict[str, Any]:
    """The metrics of the shipped model with a head of its own for the actions of `store`, and for
    anything else (`other`), which is what invented people do and the store's own clips of it.

    The head is learned from every answer of the training clips behind the warm-up, all clips
    counted alike, and tested by the mean of a clip's answers, as `Recognizer.predict` gives it.
    Thresholds of events are chosen as `skedge teach` does (`skedge.edge_runtime.learning`), on
    clips that were left out; then `other` is lowered. Of the recipe the protocol and its part are
    used, and where the run is written.

    Raises `InputError` for a store whose joints cannot be placed on the shipped model's, or that
    does not know its rate.
    """
    shipped = Shipped()
    run = Run(folder, recipe)
    sets = Sets.read(store, on_protocol(shipped.input, recipe.input), shipped.layout)
    sets = replace(sets, more=() if OTHER in store.labels else (OTHER,))
    # Means alone: with standard deviations 37 of 46 films are right, not 39.
    plan = replace(shipped.plan, pool="mean")
    network = shipped.classifier(len(sets.labels), plan)
    streaming = StreamingClassifier(network)
    train = embeddings(streaming, sets.train)
    others = embeddings(streaming, of_others(store.labels, sets.data, shipped.layout))
    other = sets.labels.index(OTHER)
    assert isinstance(network.head, nn.Linear), "what streams has a linear head"
    fit_head(network.head, Rows.of(train, sets.train.labels, others, other=other))
    assert shipped.input.hz is not None, "the shipped model sees a fixed rate"
    held = leave_out(train, sets.train.labels, others, labels=sets.labels, hz=shipped.input.hz)
    events = {label: _events(held, label) for label in held.labels}
    with torch.no_grad():
        network.head.bias[other] -= LOWERED
    test = embeddings(streaming, sets.test)
    with torch.no_grad():
        means = torch.stack([network.head(one).softmax(1).mean(0) for one in test])
    job: Job[Any] = Job(run, sets, plan, settings=Heading())
    extra = {
        "protocol": "shipped encoder",
        "trained": shipped.metadata.weights_sha256,
        "events": events,
        "thresholds": {label: found["threshold"] for label, found in events.items()},
    }
    for label, found in events.items():
        _warn(label, found)
    seen = {"part": sets.data.part, "stream": sets.data.stream}
    return job.write(network, extra, report(means.log(), sets, run, extra=extra | seen))


@torch.no_grad()
def embeddings(streaming: StreamingClassifier, clips: Any) -> list[Tensor]:
    """The embeddings (T, D) of each clip's answers from the warm-up on, or of its last one."""
    assert isinstance(clips, Windows), "the shipped model sees a fixed rate"
    first = clips.data.warm_up
    each = [clip.transpose(0, 1) for clip in clips.frames.split(clips.lengths.tolist())]
    found: dict[int, Tensor] = {}
    # Clips of about one length at a time: no answer knows of what comes after its frame.
    for some in torch.argsort(clips.lengths, stable=True).split(BATCH):
        longest = int(clips.lengths[some].max())
        padded = torch.stack([_padded(each[number], longest) for number in some.tolist()])
        for number, answers in zip(some.tolist(), streaming(padded)[1], strict=True):
            length = each[number].shape[1]
            found[number] = answers[min(first, length) - 1 : length].clone()
    return [found[number] for number in range(len(each))]


def _padded(clip: Tensor, frames: int) -> Tensor:
    """A clip (M, T, V, 3) whose last frame goes on until there are that many."""
    return torch.cat([clip, clip[:, -1:].expand(-1, frames - clip.shape[1], -1, -1)], dim=1)


def fit_head(head: nn.Linear, seen: Rows) -> None:
    """Fit a linear head to what is `seen`.

    Multinomial logistic regression with a quadratic penalty: convex, and by L-BFGS always the same.
    """
    rows = torch.cat(seen.clips).double()
    lengths = torch.tensor([len(clip) for clip in seen.clips])
    wanted = seen.labels.repeat_interleave(lengths)
    share = (seen.shares / lengths).repeat_interleave(lengths)
    norm = nn.BatchNorm1d(head.in_features, affine=False)
    mean = share @ rows
    variance = share @ (rows - mean).square()
    norm.running_mean, norm.running_var = mean.float(), variance.float()
    rows = (rows - mean) / (variance + norm.eps).sqrt()
    weight = torch.zeros(head.out_features, head.in_features, dtype=rows.dtype, requires_grad=True)
    bias = torch.zeros(head.out_features, dtype=rows.dtype, requires_grad=True)
    solver = torch.optim.LBFGS(
        [weight, bias], max_iter=STEPS, tolerance_grad=ENOUGH, line_search_fn="strong_wolfe"
    )

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


def leave_out(
    clips: Sequence[Tensor],
    numbers: Tensor,
    others: Sequence[Tensor],
    *,
    labels: Sequence[str],
    hz: float,
) -> HeldOut:
    """How sure heads are of clips and `others` that they did not learn from: each fifth of a class,
    and of the others, is left out once.

    Embeddings (T, D) at `hz`, of clips with the `numbers` (N,) of their classes among `labels`. A
    clip that is the only one of its class says nothing.
    """
    loud = [number for number, label in enumerate(labels) if label not in QUIET]
    mixed: dict[int, list[np.ndarray]] = {number: [] for number in loud}
    quiet: list[np.ndarray] = []
    left = 0
    place = [int((numbers[:i] == number).sum()) % FOLDS for i, number in enumerate(numbers)]
    for fold in range(FOLDS):
        kept = [i for i, one in enumerate(place) if one != fold]
        if not kept:  # a single clip of each class
            continue
        rest = [one for i, one in enumerate(others) if i % FOLDS != fold]
        head = nn.Linear(clips[0].shape[1], len(labels))
        known = numbers[kept]
        fit_head(head, Rows.of([clips[i] for i in kept], known, rest, other=[*labels].index(OTHER)))

        def reached(clip: Tensor, head: nn.Linear = head) -> np.ndarray:
            with torch.no_grad():
                answers = head(clip).softmax(1).numpy()[asked(len(clip), hz)]
            return np.array([in_a_row(answers[:, number], PATIENCE) for number in loud])

        for i, number in enumerate(numbers.tolist()):
            if place[i] == fold and number in mixed and bool((known == number).any()):
                mixed[number].append(reached(clips[i]))
        own = [c for i, c in enumerate(clips) if place[i] == fold and int(numbers[i]) not in mixed]
        still = [*own, *others[fold::FOLDS]]
        quiet += map(reached, still)
        left += sum(map(len, still))
    return HeldOut(
        tuple(labels[number] for number in loud),
        {labels[number]: np.array(rows).reshape(-1, len(loud)) for number, rows in mixed.items()},
        np.array(quiet),
        seconds=left / hz,
    )


def _events(held: HeldOut, label: str) -> dict[str, float]:
    """The figures of a label's best threshold, and that threshold as it is where other is
    lowered."""
    found = held.figures(label, held.threshold(label))
    raised = 1 / (1 + np.exp(-logit(found["threshold"]) - RAISED))
    return found | {"threshold": float(np.floor(1e4 * raised) / 1e4)}


def _warn(label: str, figures: dict[str, float]) -> None:
    """Say what not to rely on before a camera."""
    if not figures["clips"]:
        tell(
            f"{label}: fewer than two training clips say nothing of how often it is missed; five"
            " are good"
        )
    if figures["recall"] < 100 * POOR_RECALL:
        tell(
            f"{label}: {figures['recall']:g} % of its clips that were left out raise the event; it"
            " can hardly be told from anything else: add more of it, or choose a larger movement"
        )
    if figures["false_per_hour"] > MANY_FALSE:
        tell(
            f"{label}: {figures['false_per_hour']:g} false events per hour are expected; add what"
            f" looks like it and is not, as clips of a class {OTHER!r}"
        )
