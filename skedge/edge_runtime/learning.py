"""New classes from a few clips, without training the model: a linear discriminant on embeddings,
frame by frame, against real negatives.

The rule. A class is where its answers differ from those of anything else, measured by how those
scatter: with the means m of its answers and 0 of the negatives and their covariance S, an
embedding x scores m' S^-1 (x - m / 2), of which a share is the logit beside 0 for anything else
(linear discriminant analysis against a background; Hariharan et al., ECCV 2012). The negatives are
many, so S is known well, however few clips there are. Which answers show an action is not known: at
first it is the later part of a clip, then, twice, the half that is surest (multiple-instance
learning; Andrews et al. 2002, mi-SVM).

What a class will do is measured on what its discriminant has not seen: every clip, and every
stretch of the negatives, is left out once. Where no negative reaches a threshold any more, the rate
of false events there is extrapolated from those that come near (an exponential tail of the logits).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from skedge.edge_runtime.taught import Taught, logit
from skedge.skeleton.errors import InputError

# So much of the mean variance is added to every direction's.
RIDGE = 0.3
# So much of the clips' own scatter is added to that of the negatives.
OWN = 0.5
# The share of a score that is a logit: answers scatter more than a Gaussian says.
SHARE = 0.5
# The first share of a clip that is left out at first: the action has hardly begun.
SKIPPED = 0.4
# Then so many times the surest share of its answers is learned from anew.
ROUNDS = 3
SURE = 0.5
FEWEST_ANSWERS = 3
FOLDS = 10
# Thresholds are chosen for so many false events per hour and class, but not where fewer of its own
# clips than `KEPT` would be seen. So many is the upper end of what the negatives allow for,
# `CAREFUL` standard deviations above what they say (95 %): minutes of them are little, and
# strangers differ.
WANTED, KEPT = 5.0, 0.6
CAREFUL = 1.64
LEAST, MOST = 0.3, 0.99
# From there it goes by this share of the way to the least sure of its own clips: none is lost.
APART = 0.5
# Below this recall, and above this many false events per hour, a class is of little use.
POOR_RECALL, MANY_FALSE = 0.5, 20.0
# So many of the surest negatives say how the rate of false events falls.
TAIL = 10

Clips = Sequence[np.ndarray]


def learn(new: Mapping[str, Clips], others: Clips, model: str = "") -> Taught:
    """Make classes of clips by label, each the embeddings (T, D) of its answers, against `others`.

    Raises `InputError` where there is nothing of either.
    """
    if not sum(len(clip) for clip in others):
        raise InputError("expected clips of anything else, got none")
    return _learn(new, _Moments.of(others), model)


def _learn(new: Mapping[str, Clips], others: "_Moments", model: str = "") -> Taught:
    if not new or not all(sum(len(clip) for clip in clips) for clips in new.values()):
        raise InputError("expected clips of at least one new class, with an answer in each class")
    mean, covariance = others.mean, others.covariance
    spread = np.trace(covariance) / len(mean) + mean.var()  # of all numbers, whichever feature's
    scale = np.sqrt(np.diagonal(covariance)) + 1e-3 * np.sqrt(spread) + 1e-12
    background = covariance / np.outer(scale, scale)
    groups = [[(clip - mean) / scale for clip in clips if len(clip)] for clips in new.values()]
    chosen = [[_later(clip) for clip in clips] for clips in groups]
    weights = np.zeros((0, 0))
    bias = np.zeros(0)
    for _ in range(ROUNDS):
        weights, bias = _discriminant(background, groups, chosen)
        chosen = [
            [_surest((clip @ weights + bias)[:, number]) for clip in clips]
            for number, clips in enumerate(groups, 1)
        ]
    counts = tuple(len(clips) for clips in new.values())
    return Taught(
        tuple(new), clips=counts, model=model, mean=mean, scale=scale, weights=weights, bias=bias
    )


@dataclass(frozen=True, eq=False)
class _Moments:
    """Sums over embeddings, less `origin` (D,), so that nothing is lost in rounding: how many,
    their sum (D,) and that of their products (D, D).

    Hours of embeddings need no copy then, and what is left out of them is subtracted.
    """

    origin: np.ndarray
    count: int
    sum: np.ndarray
    products: np.ndarray

    @classmethod
    def of(cls, clips: Clips, origin: np.ndarray | None = None) -> "_Moments":
        """Those of the answers to `clips`, (T, D) each, at least one in all where no `origin` is
        given."""
        clips = [clip for clip in clips if len(clip)]
        origin = clips[0].mean(axis=0, dtype=np.float64) if origin is None else origin
        total, products = np.zeros(len(origin)), np.zeros((len(origin), len(origin)))
        for clip in clips:
            away = clip - origin
            total += away.sum(axis=0)
            products += away.T @ away
        return cls(origin, count=sum(map(len, clips)), sum=total, products=products)

    def without(self, some: "_Moments") -> "_Moments":
        """Those of all but `some` of the embeddings, seen from the same origin."""
        return _Moments(
            self.origin,
            count=self.count - some.count,
            sum=self.sum - some.sum,
            products=self.products - some.products,
        )

    @property
    def mean(self) -> np.ndarray:
        return self.origin + self.sum / self.count

    @property
    def covariance(self) -> np.ndarray:
        mean = self.sum / self.count
        found = self.products / self.count - np.outer(mean, mean)
        np.fill_diagonal(found, np.maximum(found.diagonal(), 0))
        return found


def _later(clip: np.ndarray) -> np.ndarray:
    return np.arange(int(SKIPPED * len(clip)), len(clip))


def _surest(logits: np.ndarray) -> np.ndarray:
    count = max(FEWEST_ANSWERS, int(np.ceil(SURE * len(logits))))
    return np.argsort(-logits, kind="stable")[:count]


def _discriminant(
    background: np.ndarray, groups: list[list[np.ndarray]], chosen: list[list[np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (D, 1 + N) and biases (1 + N,) of the `chosen` answers of every group's clips,
    against negatives of mean 0 and the covariance `background` (D, D)."""
    shown = [
        [clip[place] for clip, place in zip(clips, places, strict=True)]
        for clips, places in zip(groups, chosen, strict=True)
    ]
    means = [np.mean([clip.mean(axis=0) for clip in clips], axis=0) for clips in shown]
    own = np.concatenate(
        [clip - mean for clips, mean in zip(shown, means, strict=True) for clip in clips]
    )
    size = len(background)
    spread = background + OWN * own.T @ own / len(own)
    spread = spread + RIDGE * np.trace(spread) / size * np.eye(size)
    weights = SHARE * np.linalg.solve(spread, np.stack(means, axis=1))
    bias = -0.5 * np.einsum("dn,nd->n", weights, np.stack(means))
    zero = np.zeros((size, 1))
    return np.concatenate([zero, weights], axis=1), np.concatenate([[0.0], bias])


@dataclass(frozen=True, eq=False)
class HeldOut:
    """How sure the discriminant was of clips that it had not seen: the probability that the answers
    in a row reach that begin an event, 0 to 1.

    `mixed[label]` (clips, N) are those of all classes in the clips of one, in their order, `others`
    (stretches, N) those of all classes in stretches of the negatives that last `seconds` in all,
    whose numbers are `stretches`.
    """

    labels: tuple[str, ...]
    mixed: dict[str, np.ndarray]
    others: np.ndarray
    seconds: float
    stretches: tuple[int, ...] = ()

    def seen(self, label: str, threshold: float) -> np.ndarray:
        """Which of its own clips (N,) would have raised the event."""
        return np.asarray(self.mixed[label][:, self.labels.index(label)] >= threshold)

    def recall(self, label: str, threshold: float) -> float:
        """The share of its own clips that would have raised the event, 0 to 1; 1 where none could
        be left out: nothing says that one is missed."""
        seen = self.seen(label, threshold)
        return float(np.mean(seen)) if len(seen) else 1.0

    def figures(self, label: str, threshold: float) -> dict[str, float]:
        """What a report says of a label at that threshold, the recall in percent."""
        return {
            "clips": len(self.mixed[label]),
            "threshold": threshold,
            "recall": round(100 * self.recall(label, threshold), 1),
            "false_per_hour": round(self.false_per_hour(label, threshold), 1),
        }

    def false_per_hour(self, label: str, threshold: float, careful: float = 0.0) -> float:
        """False events per hour of the negatives, extrapolated where few are left;
        `careful` standard deviations are added to them."""
        logits = logit(self.others[:, self.labels.index(label)])
        limit = logit(np.array(threshold))
        hours = self.seconds / 3600
        above = int((logits >= limit).sum())
        order = np.sort(logits)[::-1]
        tail = order[: min(TAIL, len(order) // 2)]
        if above > len(tail) // 2 or len(tail) < 2:
            return float((above + careful * np.sqrt(above)) / hours)
        foot, few = tail[-1], len(tail) - 1
        spread = max(float(np.mean(tail[:-1] - foot)), 1e-3) * (1 + careful / np.sqrt(few))
        return float(few * np.exp(-(limit - foot) / spread) / hours)

    def threshold(self, label: str) -> float:
        """The least threshold from which on, carefully estimated, no more false events than wanted
        are expected, or the largest at which enough of the class's own clips are seen; then up by a
        share of the way to the least sure one of those."""
        chosen = LEAST
        for threshold in np.round(np.linspace(LEAST, MOST, 70), 3).tolist():
            if self.recall(label, threshold) < KEPT:
                break
            chosen = threshold
            if self.false_per_hour(label, threshold, CAREFUL) <= WANTED:
                break
        own = self.mixed[label][:, self.labels.index(label)]
        seen = own[own >= chosen]
        if not len(seen):
            return float(chosen)
        low, high = logit(np.array([chosen, seen.min()])).tolist()
        # Rounded down: the clip that it is measured by is still seen.
        return float(np.floor(1e4 / (1 + np.exp(-(low + APART * (high - low))))) / 1e4)


def hold_out(
    new: Mapping[str, Sequence[Clips]],
    others: Clips,
    seconds: float,
    patience: Mapping[str, int],
) -> HeldOut:
    """Leave every clip, and every stretch of the `others`, out once; `patience` is the number of
    answers in a row that begin an event of each class.

    A clip is its answers as several cameras would have brought them, the first of them the measured
    one: [(T, D), ...].
    """
    folds = min(FOLDS, max(2, max(len(clips) for clips in new.values())))
    labels = tuple(new)
    mixed: dict[str, dict[int, np.ndarray]] = {label: {} for label in labels}
    quiet: dict[int, np.ndarray] = {}
    every = _Moments.of(others) if sum(map(len, others)) else None
    for fold in range(folds):
        kept = {
            label: [one for i, clip in enumerate(clips) if i % folds != fold for one in clip]
            for label, clips in new.items()
        }
        if not (every and all(map(len, kept.values()))):
            continue
        rest = every.without(_Moments.of(others[fold::folds], every.origin))
        if not rest.count:
            continue
        taught = _learn(kept, rest)
        for label, clips in new.items():
            for i in range(fold, len(clips), folds):
                mixed[label][i] = _reached(taught, clips[i][0], patience)
        for i in range(fold, len(others), folds):
            quiet[i] = _reached(taught, others[i], patience)
    shape = (-1, len(labels))
    return HeldOut(
        labels,
        {
            label: np.array([rows[i] for i in sorted(rows)]).reshape(shape)
            for label, rows in mixed.items()
        },
        np.array([quiet[i] for i in sorted(quiet)]).reshape(shape),
        seconds=seconds,
        stretches=tuple(sorted(quiet)),
    )


def _reached(taught: Taught, clip: np.ndarray, patience: Mapping[str, int]) -> np.ndarray:
    """The probability (N,) that every class reaches in its `patience` answers in a row of a clip
    (T, D)."""
    if not len(clip):
        return np.zeros(len(taught.labels))
    shares = taught.shares(clip)[:, 1:]
    return np.array(
        [in_a_row(shares[:, n], patience[label]) for n, label in enumerate(taught.labels)]
    )


def in_a_row(shares: np.ndarray, answers: int) -> float:
    """What that number of `answers` in a row reach of the shares (T,), 0 where there are fewer."""
    if len(shares) < answers:
        return 0.0
    return float(np.lib.stride_tricks.sliding_window_view(shares, answers).min(axis=1).max())
