"""Events made of answers: an action begins and ends, however long it goes on and however the
answers flicker.

The rule, the same for the camera, for recordings and for choosing thresholds. The likeliest label
of `patience` answers in a row, each at least as probable as the label's threshold, begins an event.
That is meant for ten answers a second (`PACE`): where they come slower, fewer in a row begin it,
but `FEWEST` at least, if they last as long. An event goes on while its label is at least half as
far above chance (`KEPT`; one in the number of classes), likeliest or not, and has ended when that
was not so for `debounce` seconds. A label with `lasting` seconds also begins where all answers of
as long find it probable enough to go on, and more probable than all else together: a wave that is
never quite sure is one when it lasts. The classes in `QUIET` never begin an event.

An answer speaks of a moment before it. `lag_start` is how long before the first answer of its row
an action begins, `lag_end` how long before its last answer it ends; the row of an event begins with
the first of the answers in a row that would have kept it.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from skedge.edge_runtime.window import first_answer
from skedge.skeleton.errors import InputError
from skedge.skeleton.metadata import ModelMetadata

# Nothing happens, or something that is none of the actions.
QUIET = frozenset({"idle", "other"})
THRESHOLD, PATIENCE, DEBOUNCE = 0.5, 3, 1.0
# Answers a second for which a model's patience was chosen, and the fewest of slower ones.
PACE, FEWEST = 10.0, 3
# The threshold of a label that is to begin no event: no answer is as probable.
NEVER = 2.0
# What keeps an event going: this share of the way from chance to the probability that begins one.
KEPT = 0.5
# Above it a label is more probable than all else together.
HALF = 0.5


def cannot_say_no(labels: Iterable[str]) -> tuple[str, ...]:
    """A sentence on a model with these labels, if it has none for what is no action of its own."""
    if not QUIET.isdisjoint(labels):
        return ()
    return (
        "this model has no class for anything else (other, idle): before a camera whatever anybody"
        " does is one of its actions; train it with clips of that in a class called other",
    )


@dataclass(frozen=True)
class Event:
    """An action that has begun (`end` is None) or has ended.

    `start` and `end` are estimates of when the action itself began and ended, `announced` is the
    time stamp at which that was known, all in the seconds of the frames. `confidence` is the mean
    probability of its answers so far that reach the label's threshold; where it began by lasting,
    of those since that are more probable than all else together. `repetitions` says how often the
    movement was repeated (None: not counted). `person` is the name that the frames came under.
    """

    label: str
    confidence: float
    start: float
    end: float | None
    announced: float
    repetitions: int | None = None
    person: Hashable = 0

    @property
    def ended(self) -> bool:
        return self.end is not None

    @property
    def length(self) -> float | None:
        """Seconds from the start to the end; None while it goes on."""
        return None if self.end is None else self.end - self.start


@dataclass(frozen=True, eq=False)
class EventRules:
    """When events of the classes `labels` (K) begin and end (see the module).

    `thresholds` (K,) are probabilities, `patience` (K,) numbers of answers; `debounce`, `lag_start`
    and `lag_end` are seconds, and so is `lasting`, of the labels that begin by lasting, too.
    """

    labels: tuple[str, ...]
    thresholds: np.ndarray
    patience: np.ndarray
    debounce: float = DEBOUNCE
    lag_start: float = 0.0
    lag_end: float = 0.0
    lasting: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def keeping(self) -> np.ndarray:
        """The least probabilities (K,) that keep an event going."""
        chance = 1 / len(self.labels)
        return np.minimum(chance + KEPT * (self.thresholds - chance), self.thresholds)

    @classmethod
    def of(
        cls,
        metadata: ModelMetadata,
        labels: tuple[str, ...] | None = None,
        threshold: float | Mapping[str, float] | None = None,
        patience: int | None = None,
        debounce: float = DEBOUNCE,
        more: Mapping[str, float] | None = None,
    ) -> "EventRules":
        """The rules of a model's file for `labels` (default: its own); `threshold` and `patience`
        replace those of all classes, and a `threshold` of some labels theirs, which may be `NEVER`.
        Nothing less probable than a given threshold begins by lasting.

        `more` holds thresholds of labels that are not the model's own. Raises `InputError` for a
        threshold, patience or debounce that cannot be, and for one of no label.
        """
        if isinstance(threshold, Mapping):
            own = cls.of(metadata, labels, patience=patience, debounce=debounce, more=more)
            return own.with_thresholds(threshold)
        for name, value, fine, expected in (
            ("threshold", threshold, lambda x: 0 <= x <= 1, "a probability from 0 to 1"),
            ("patience", patience, lambda x: x >= 1, "a number of answers from 1"),
            ("debounce", debounce, lambda x: 0 <= x < np.inf, "seconds from 0"),
        ):
            if value is not None and not fine(value):
                raise InputError(f"{name}: expected {expected}, got {value}")
        labels = metadata.labels if labels is None else labels
        known = metadata.thresholds | dict(more or {})
        lag = _lag(metadata)
        return cls(
            labels,
            thresholds=np.array(
                [_given(threshold, known.get(label, THRESHOLD)) for label in labels]
            ),
            patience=np.array(
                [_given(patience, metadata.patience.get(label, PATIENCE)) for label in labels]
            ),
            debounce=debounce,
            # Half of what makes an answer sure is enough to begin the row of an event.
            lag_start=metadata.lags.get("start", KEPT * lag),
            lag_end=metadata.lags.get("end", lag),
            lasting=metadata.lasting if threshold is None else {},
        )

    def with_thresholds(self, single: Mapping[str, float]) -> "EventRules":
        """These rules with other thresholds of some labels, 0 to 1 or `NEVER`; nothing less
        probable begins by lasting. Raises `InputError` for a number or label that cannot be."""
        loud = [label for label in self.labels if label not in QUIET]
        if strange := [label for label in single if label not in loud]:
            raise InputError(
                f"threshold: expected actions of the model ({', '.join(loud)}), got"
                f" {', '.join(strange)}"
            )
        for label, one in single.items():
            if not (0 <= one <= 1 or one == NEVER):
                raise InputError(f"threshold of {label}: expected 0 to 1, or off, got {one}")
        own = zip(self.labels, self.thresholds.tolist(), strict=True)
        return replace(
            self,
            thresholds=np.array([single.get(label, one) for label, one in own]),
            lasting={label: s for label, s in self.lasting.items() if label not in single},
        )


def stated(threshold: float) -> float | None:
    """A threshold as JSON documents give it: None (null) for `NEVER`, which is no probability."""
    return None if threshold == NEVER else threshold


def _given(one: float | None, other: float) -> float:
    return other if one is None else one


def _lag(metadata: ModelMetadata) -> float:
    """The lag of an answer behind the movement that it is about, in seconds, where it was not
    measured.

    In training every clip shows as much of its action as an answer waits for (half a window, or the
    warm-up), and a window's class changes where the new action fills that much of it.
    """
    late = metadata.streaming.delay / metadata.hz if metadata.streaming and metadata.hz else 0.0
    return first_answer(metadata) + late


@dataclass
class _Row:
    """Answers that keep an event of one label: when the first and the last came; how many of them
    reach what begins it, and the sum of their probabilities. `earliest` is the first moment that
    the first of them has seen; `lasted` says that it began by lasting."""

    earliest: float
    first: float
    last: float
    lasted: bool = False
    count: int = 0
    total: float = 0.0

    def add(self, probability: float) -> None:
        self.count += 1
        self.total += probability


@dataclass(eq=False)
class EventDetector:
    """Makes one person's answers into events by `rules`; answers come in the order of time."""

    rules: EventRules
    # The label that is sure, since when, and in how many answers in a row.
    _label: int | None = field(default=None, init=False)
    _sure_since: float = field(default=0.0, init=False)
    _sure: int = field(default=0, init=False)
    # The label that lasts, since when, and in how many answers.
    _lasting: int | None = field(default=None, init=False)
    _since: float = field(default=0.0, init=False)
    _times: int = field(default=0, init=False)
    _rows: dict[int, _Row] = field(default_factory=dict, init=False)
    _open: dict[int, _Row] = field(default_factory=dict, init=False)
    _ended: dict[int, float] = field(default_factory=dict, init=False)
    _loud: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._loud = [n for n, label in enumerate(self.rules.labels) if label not in QUIET]

    @property
    def open(self) -> tuple[Event, ...]:
        """The events that go on, as of their last answers."""
        return tuple(self._event(number, row, row.last) for number, row in self._open.items())

    def interrupt(self) -> None:
        """Answers before and after this moment are not in a row; what goes on goes on."""
        self._label = self._lasting = None
        self._rows = {}

    def update(
        self, probabilities: np.ndarray, seconds: float, earliest: float = -np.inf
    ) -> tuple[Event, ...]:
        """Take the answer (K,) given at `seconds`; the events that have ended or begun by it.

        `earliest` is the first moment that the answer has seen of the person: no event starts
        before it.
        """
        rules = self.rules
        kept = {
            number: float(probabilities[number])
            for number in self._loud
            if probabilities[number] >= rules.keeping[number]
        }
        in_a_row = self._rows
        self._rows = {n: in_a_row.get(n) or _Row(earliest, seconds, seconds) for n in kept}
        events = [
            self._end(number, seconds, lag=rules.lag_end)
            for number, row in [*self._open.items()]
            # Slow answers in a row are one action still.
            if number not in in_a_row or number not in kept
            if seconds - row.last >= rules.debounce
        ]
        for number, probability in kept.items():
            row = self._rows[number] = self._open.get(number, self._rows[number])
            row.last = seconds
            if probability >= (HALF if row.lasted else rules.thresholds[number]):
                row.add(probability)
        best = int(probabilities.argmax())
        sure = self._is_sure(best, kept.get(best, -1.0), seconds)
        lasts = self._lasts(best, kept.get(best, -1.0), seconds)
        if (sure or lasts) and best not in self._open:
            row = self._open[best] = self._rows[best]
            if not sure:
                row.lasted, row.count, row.total = True, 1, kept[best]
            events.append(self._event(best, row, seconds))
        return tuple(events)

    def _is_sure(self, best: int, probability: float, seconds: float) -> bool:
        """Whether the likeliest label has reached its threshold in enough answers in a row."""
        if probability < self.rules.thresholds[best]:
            self._label = None
            return False
        if best != self._label:
            self._label, self._sure_since, self._sure = best, seconds, 0
        self._sure += 1
        patience = self.rules.patience[best]
        as_long = PACE * (seconds - self._sure_since) >= patience - 1 - 1e-6
        return bool(self._sure >= patience or (self._sure >= FEWEST and as_long))

    def _lasts(self, best: int, probability: float, seconds: float) -> bool:
        """Whether the likeliest label has been more probable than all else for long enough."""
        length = self.rules.lasting.get(self.rules.labels[best])
        if length is None or probability < HALF:
            self._lasting = None
            return False
        if best != self._lasting:
            self._lasting, self._since, self._times = best, seconds, 0
        self._times += 1
        return bool(seconds - self._since >= length and self._times >= self.rules.patience[best])

    def finish(self, seconds: float | None = None) -> tuple[Event, ...]:
        """End all events, known at `seconds` (default: when their last answers came): the person
        is away, or the recording is over. What goes on by then lasts until its last answer."""
        goes_on = self._rows
        self.interrupt()
        return tuple(
            self._end(
                number,
                row.last if seconds is None else seconds,
                lag=0.0 if number in goes_on else self.rules.lag_end,
            )
            for number, row in [*self._open.items()]
        )

    def _end(self, number: int, seconds: float, lag: float) -> Event:
        row = self._open.pop(number)
        event = self._event(number, row, seconds)
        # Not before the middle of its answers: an action that was seen has a length.
        middle = event.start + (row.last - row.first) / 2
        end = max(row.last - lag, middle)
        self._ended[number] = end
        return Event(event.label, event.confidence, start=event.start, end=end, announced=seconds)

    def _event(self, number: int, row: _Row, seconds: float) -> Event:
        start = max(
            row.earliest, row.first - self.rules.lag_start, self._ended.get(number, -np.inf)
        )
        return Event(
            self.rules.labels[number],
            row.total / row.count,
            start=start,
            end=None,
            announced=seconds,
        )


def find_events(
    rules: EventRules,
    probabilities: Iterable[np.ndarray],
    seconds: Iterable[float],
    earliest: float = -np.inf,
) -> list[Event]:
    """The events, all ended, of one person's recorded answers (T, K) at the moments (T,).

    `earliest` is when the person came into view.
    """
    detector = EventDetector(rules)
    found = [
        event
        for answer, moment in zip(probabilities, seconds, strict=True)
        for event in detector.update(answer, moment, earliest)
    ]
    return [event for event in (*found, *detector.finish()) if event.ended]
