"""New classes from a few clips, without training the model: softmax regression on its embeddings,
frame by frame, against real negatives.

The rule. The embeddings of all answers of the negatives, and of those answers of every new clip in
which the action shows most, are standardised and told apart by one softmax regression (of "anything
else" and the new classes) with a penalty on its weights. Which answers show an action is not known:
at first it is the later part of a clip, then, twice, the half that the regression is surest about
(multiple-instance learning; Andrews et al. 2002, mi-SVM). Classes weigh the same, and "anything
else" as much as all of them.

What a class will do is measured on what its regression has not seen: every clip, and every stretch
of the negatives, is left out once. Where no negative reaches a threshold any more, the rate of
false events there is extrapolated from those that come near (an exponential tail of the logits).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from skedge.edge_runtime.taught import Taught
from skedge.skeleton.errors import InputError

PENALTY = 1e-4
STEPS = 250
SURE, ROUNDS, SKIPPED = 0.5, 3, 0.4
FEWEST_ANSWERS = 3
FOLDS = 10
# Thresholds are chosen for so many false events per hour and class, but not where fewer of its own
# clips than `KEPT` would be seen.
WANTED, KEPT = 5.0, 0.6
LEAST, MOST = 0.3, 0.99
# So many of the surest negatives say how the rate of false events falls.
TAIL = 10

Clips = Sequence[np.ndarray]


def learn(new: Mapping[str, Clips], others: Clips, model: str = "") -> Taught:
    """Make classes of clips by label, each the embeddings (T, D) of its answers, against `others`.

    Raises `InputError` where there is nothing of either.
    """
    if not new or not all(sum(len(clip) for clip in clips) for clips in new.values()):
        raise InputError("expected clips of at least one new class, with an answer in each class")
    if not sum(len(clip) for clip in others):
        raise InputError("expected clips of anything else, got none")
    negatives = np.concatenate([clip for clip in others if len(clip)])
    groups = [[clip for clip in clips if len(clip)] for clips in new.values()]
    everything = np.concatenate([negatives, *(clip for clips in groups for clip in clips)])
    mean, scale = everything.mean(axis=0), everything.std(axis=0)
    scale = (scale + 1e-3 * everything.std() + 1e-12) * np.sqrt(everything.shape[1])

    def taught(weights: np.ndarray) -> Taught:
        counts = tuple(len(clips) for clips in new.values())
        return Taught(tuple(new), counts, model, mean, scale, weights[:-1], weights[-1])

    chosen = [[_later(clip) for clip in clips] for clips in groups]
    found = None
    for _ in range(ROUNDS):
        found = taught(_regression(negatives, groups, chosen, mean, scale))
        chosen = [
            [_surest(found.shares(clip)[:, number]) for clip in clips]
            for number, clips in enumerate(groups, 1)
        ]
    assert found is not None
    return found


def _later(clip: np.ndarray) -> np.ndarray:
    return np.arange(int(SKIPPED * len(clip)), len(clip))


def _surest(shares: np.ndarray) -> np.ndarray:
    count = max(FEWEST_ANSWERS, int(np.ceil(SURE * len(shares))))
    return np.argsort(-shares, kind="stable")[:count]


def _regression(
    negatives: np.ndarray,
    groups: list[list[np.ndarray]],
    chosen: list[list[np.ndarray]],
    mean: np.ndarray,
    scale: np.ndarray,
) -> np.ndarray:
    """Weights (D + 1, 1 + N), the last row the bias, by Nesterov's accelerated gradient."""
    parts, labels, shares = [negatives], [np.zeros(len(negatives), int)], []
    shares.append(np.full(len(negatives), len(groups) / len(negatives)))
    for number, (clips, places) in enumerate(zip(groups, chosen, strict=True), 1):
        for clip, place in zip(clips, places, strict=True):
            parts.append(clip[place])
            labels.append(np.full(len(place), number))
            shares.append(np.full(len(place), 1 / len(place) / len(clips)))
    inputs = (np.concatenate(parts) - mean) / scale
    inputs = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
    share = np.concatenate(shares) / np.sum(np.concatenate(shares))
    wanted = np.eye(len(groups) + 1)[np.concatenate(labels)]
    # No curvature is larger: half of the largest eigenvalue of the weighted second moments.
    step = 1 / (0.5 * np.linalg.norm(inputs.T @ (inputs * share[:, None]), 2) + PENALTY)
    weights = ahead = np.zeros((inputs.shape[1], wanted.shape[1]))
    for number in range(STEPS):
        logits = inputs @ ahead
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = odds / odds.sum(axis=1, keepdims=True) - wanted
        slope = inputs.T @ (error * share[:, None])
        slope[:-1] += PENALTY * ahead[:-1]
        after = ahead - step * slope
        ahead = after + number / (number + 3) * (after - weights)
        weights = after
    return weights


@dataclass(frozen=True, eq=False)
class HeldOut:
    """How sure the regression was of clips that it had not seen: the probability that `PATIENCE`
    answers in a row reach, 0 to 1.

    `own[label]` (clips,) is that of the class in its own clips, `mixed[label]` (clips, N) those of
    all classes in them, `others` (stretches, N) those of all classes in stretches of the negatives
    that last `seconds` in all.
    """

    labels: tuple[str, ...]
    mixed: dict[str, np.ndarray]
    others: np.ndarray
    seconds: float

    def recall(self, label: str, threshold: float) -> float:
        """The share of its own clips that would have raised the event, 0 to 1."""
        return float(np.mean(self.mixed[label][:, self.labels.index(label)] >= threshold))

    def false_per_hour(self, label: str, threshold: float) -> float:
        """False events per hour of the negatives, extrapolated where few are left."""
        logits = _logit(self.others[:, self.labels.index(label)])
        limit, hours = _logit(np.array(threshold)), self.seconds / 3600
        above = int((logits >= limit).sum())
        order = np.sort(logits)[::-1]
        tail = order[: min(TAIL, len(order) // 2)]
        if above > len(tail) // 2 or len(tail) < 2:
            return above / hours
        foot = tail[-1]
        spread = max(float(np.mean(tail[:-1] - foot)), 1e-3)
        return float((len(tail) - 1) * np.exp(-(limit - foot) / spread) / hours)

    def threshold(self, label: str) -> float:
        """The least threshold from which on no more false events than wanted are expected, or the
        largest at which enough of the class's own clips are seen."""
        chosen = LEAST
        for threshold in np.round(np.linspace(LEAST, MOST, 70), 3).tolist():
            if self.recall(label, threshold) < KEPT:
                break
            chosen = threshold
            if self.false_per_hour(label, threshold) <= WANTED:
                break
        return float(chosen)


def _logit(share: np.ndarray) -> np.ndarray:
    share = np.clip(share, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(share / (1 - share)))


def hold_out(
    new: Mapping[str, Sequence[Clips]], others: Clips, seconds: float, patience: int
) -> HeldOut:
    """Leave every clip, and every stretch of the `others`, out once.

    A clip is its answers as several cameras would have brought them, the first of them the measured
    one: [(T, D), ...].
    """
    folds = min(FOLDS, max(2, max(len(clips) for clips in new.values())))
    labels = tuple(new)
    mixed: dict[str, list[np.ndarray]] = {label: [] for label in labels}
    quiet: list[np.ndarray] = []
    for fold in range(folds):
        kept = {
            label: [one for i, clip in enumerate(clips) if i % folds != fold for one in clip]
            for label, clips in new.items()
        }
        rest = [clip for i, clip in enumerate(others) if i % folds != fold]
        if not all(map(len, kept.values())) or not rest:
            continue
        taught = learn(kept, rest)
        for label, clips in new.items():
            mixed[label] += [
                _reached(taught, clip[0], patience)
                for i, clip in enumerate(clips)
                if i % folds == fold
            ]
        quiet += [
            _reached(taught, clip, patience) for i, clip in enumerate(others) if i % folds == fold
        ]
    shape = (-1, len(labels))
    return HeldOut(
        labels,
        {label: np.array(rows).reshape(shape) for label, rows in mixed.items()},
        np.array(quiet).reshape(shape),
        seconds,
    )


def _reached(taught: Taught, clip: np.ndarray, patience: int) -> np.ndarray:
    """What every class reaches in `patience` answers in a row of a clip (T, D), (N,)."""
    if len(clip) < patience:
        return np.zeros(len(taught.labels))
    shares = taught.shares(clip)[:, 1:]
    rows = np.lib.stride_tricks.sliding_window_view(shares, patience, axis=0)
    return np.asarray(rows.min(axis=-1).max(axis=0))
