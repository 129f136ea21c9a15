"""From a row of answers to events: one for every action, however long it goes on and however it
flickers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """An action was recognised.

    `confidence` is its probability in the inference that settled it, at `end` (seconds). `start`
    (seconds) is where the window of the first inference that saw it begins: the action lies between
    the two, and may go on after `end`.
    """

    label: str
    confidence: float
    start: float
    end: float


class EventDetector:
    """Emits a label whose probability is at least `threshold` in `patience` consecutive inferences.

    The label is then not emitted again while it goes on: until it has been below the threshold (or
    another label was the likeliest) for `debounce` seconds and at least one inference.
    """

    def __init__(self, threshold: float, patience: int, debounce: float) -> None:
        self.threshold, self.patience, self.debounce = threshold, patience, debounce
        self._label: str | None = None
        self._count = 0
        self._start = 0.0
        self._goes_on = False
        self._last: dict[str, float] = {}

    def interrupt(self) -> None:
        """The person was away: inferences before and after it are not consecutive."""
        self._label = None

    def update(self, label: str, confidence: float, start: float, end: float) -> Event | None:
        """Take the likeliest label of one inference on the window from `start` to `end`, in
        seconds."""
        if confidence < self.threshold:
            self._label = None
            return None
        if label != self._label:
            self._label, self._count, self._start = label, 0, start
            self._goes_on = label in self._last and end - self._last[label] < self.debounce
        self._count += 1
        emit = self._count >= self.patience and not self._goes_on
        self._goes_on = self._goes_on or emit
        if self._goes_on:
            self._last[label] = end
        return Event(label, confidence, self._start, end) if emit else None
