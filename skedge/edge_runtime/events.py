"""Events made of answers: an action begins and ends, however long it goes on and however the
answers flicker.

The rule, the same for the camera, for recordings and for choosing thresholds. The likeliest label
of `patience` answers in a row, each at least as probable as the label's threshold, begins an event.
It goes on while that label is at least half as far above chance (`KEPT`; one in the number of
classes), likeliest or not, and has ended when that was not so for `debounce` seconds. The classes
in `QUIET` never begin an event.

An answer speaks of a moment before it. `lag_start` is how long before the first answer of its row
an action begins, `lag_end` how long before its last answer it ends; the row of an event begins with
the first of the answers in a row that would have kept it.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from skedge.edge_runtime.window import READY
from skedge.skeleton.errors import InputError
from skedge.skeleton.metadata import ModelMetadata

# Nothing happens, or something that is none of the actions.
QUIET = frozenset({"idle", "other"})
THRESHOLD, PATIENCE, DEBOUNCE = 0.5, 3, 1.0
# What keeps an event going: this share of the way from chance to the probability that begins one.
KEPT = 0.5


@dataclass(frozen=True)
class Event:
    """An action that has begun (`end` is None) or has ended.

    `start` and `end` are estimates of when the action itself began and ended, `announced` is the
    time stamp at which that was known, all in the seconds of the frames. `confidence` is the mean
    probability of its answers so far that reach the label's threshold. `repetitions` says how often
    the movement was repeated (None: not counted). `person` is the name that the frames came under.
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
    and `lag_end` are seconds.
    """

    labels: tuple[str, ...]
    thresholds: np.ndarray
    patience: np.ndarray
    debounce: float = DEBOUNCE
    lag_start: float = 0.0
    lag_end: float = 0.0

    @classmethod
    def of(
        cls,
        metadata: ModelMetadata,
        labels: tuple[str, ...] | None = None,
        threshold: float | None = None,
        patience: int | None = None,
        debounce: float = DEBOUNCE,
        more: Mapping[str, float] | None = None,
    ) -> "EventRules":
        """The rules of a model's file for `labels` (default: its own); `threshold` and `patience`
        replace those of all classes.

        `more` holds thresholds of labels that are not the model's own. Raises `InputError` for a
        threshold, patience or debounce that cannot be.
        """
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
        )


def _given(one: float | None, other: float) -> float:
    return other if one is None else one


def _lag(metadata: ModelMetadata) -> float:
    """The lag of an answer behind the movement that it is about, in seconds, where it was not
    measured.

    In training every clip shows as much of its action as an answer waits for (half a window, or the
    warm-up), and a window's class changes where the new action fills that much of it.
    """
    if metadata.hz is None:
        return READY * metadata.seconds
    delay = metadata.streaming.delay if metadata.streaming else 0
    return (metadata.warm_up + delay) / metadata.hz


@dataclass
class _Row:
    """Answers that keep an event of one label: when the first and the last came; how many of them
    reach its threshold, and the sum of their probabilities. `earliest` is the first moment that the
    first of them has seen."""

    earliest: float
    first: float
    last: float
    count: int = 0
    total: float = 0.0

    def add(self, probability: float) -> None:
        self.count += 1
        self.total += probability


@dataclass(eq=False)
class EventDetector:
    """Makes one person's answers into events by `rules`; answers come in the order of time."""

    rules: EventRules
    _label: int | None = field(default=None, init=False)
    _sure: int = field(default=0, init=False)
    _rows: dict[int, _Row] = field(default_factory=dict, init=False)
    _open: dict[int, _Row] = field(default_factory=dict, init=False)
    _ended: dict[int, float] = field(default_factory=dict, init=False)
    _loud: list[int] = field(init=False)
    _keeping: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        rules = self.rules
        self._loud = [n for n, label in enumerate(rules.labels) if label not in QUIET]
        chance = 1 / len(rules.labels)
        half_way = chance + KEPT * (rules.thresholds - chance)
        self._keeping = np.minimum(half_way, rules.thresholds)

    @property
    def open(self) -> tuple[Event, ...]:
        """The events that go on, as of their last answers."""
        return tuple(self._event(number, row, row.last) for number, row in self._open.items())

    def interrupt(self) -> None:
        """Answers before and after this moment are not in a row; what goes on goes on."""
        self._label = None
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
            if probabilities[number] >= self._keeping[number]
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
            if probability >= rules.thresholds[number]:
                row.add(probability)
        best = int(probabilities.argmax())
        if kept.get(best, -1.0) < rules.thresholds[best]:
            self._label = None
            return tuple(events)
        self._sure = self._sure + 1 if best == self._label else 1
        self._label = best
        if self._sure >= rules.patience[best] and best not in self._open:
            row = self._open[best] = self._rows[best]
            events.append(self._event(best, row, seconds))
        return tuple(events)

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
