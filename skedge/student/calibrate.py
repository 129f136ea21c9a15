"""Thresholds of events and their delays, chosen on validation recordings for a wanted number of
false events an hour."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skedge.edge_runtime.events import PATIENCE, QUIET, Event, EventRules, find_events
from skedge.edge_runtime.recognizer import HOP
from skedge.recipes.online_settings import OnlineSettings
from skedge.skeleton.figures import rounded

THRESHOLDS = (*np.round(np.arange(0.3, 0.95, 0.05), 2), 0.95, 0.97, 0.98, 0.99, 0.995)
# An event may begin and end so many seconds outside of its action.
SLACK = 0.5


@dataclass(frozen=True)
class Span:
    """An action with this label from `start` to `end`, in seconds."""

    label: str
    start: float
    end: float


@dataclass(frozen=True, eq=False)
class Judged:
    """The answers (T, classes) at `hz` to one recording, and what was done in it."""

    probabilities: np.ndarray
    spans: Sequence[Span]
    hz: float

    def events(self, rules: EventRules) -> list[Event]:
        """The events that `rules` make of as many answers a second as a recognizer asks for."""
        answers = asked(len(self.probabilities), self.hz)
        return find_events(rules, self.probabilities[answers], answers / self.hz)


def asked(frames: int, hz: float) -> np.ndarray:
    """Which of the answers to `frames` at `hz` a recognizer asks for."""
    return np.unique(np.ceil(np.arange(0, (frames - 1) / hz, HOP) * hz - 1e-6)).astype(int)


def fits(event: Event, span: Span) -> bool:
    """Whether the event speaks of the action."""
    assert event.end is not None
    overlaps = span.start - SLACK <= event.end and event.start <= span.end + SLACK
    return event.label == span.label and overlaps


def calibrate(
    recordings: Sequence[Judged], labels: tuple[str, ...], settings: OnlineSettings
) -> tuple[EventRules, dict[str, Any]]:
    """The rules, and `thresholds`, `patience`, `lasting` and `lags` as a model's file holds them.

    Each class gets the lowest threshold with which its false events stay within its share of
    `settings.false_events` an hour, if `settings.thresholds` does not name it.
    """
    patience = {
        label: settings.patience.get(label, PATIENCE) for label in labels if label not in QUIET
    }
    rules = EventRules(
        labels,
        thresholds=np.ones(len(labels)),
        patience=np.array([patience.get(label, PATIENCE) for label in labels]),
    )
    thresholds = _quiet_thresholds(recordings, rules, settings.false_events)
    thresholds |= {
        label: settings.thresholds[label] for label in thresholds if label in settings.thresholds
    }
    lasting = {label: settings.lasting[label] for label in patience if label in settings.lasting}
    rules = replace(
        rules,
        thresholds=np.array([thresholds.get(label, 1.0) for label in labels]),
        lasting=lasting,
    )
    lags = _lags(recordings, rules)
    rules = replace(rules, lag_start=lags.get("start", 0.0), lag_end=lags.get("end", 0.0))
    return rules, {
        "thresholds": thresholds,
        "patience": patience,
        "lasting": lasting,
        "lags": lags,
    }


def _quiet_thresholds(
    recordings: Sequence[Judged], rules: EventRules, false_events: float
) -> dict[str, float]:
    """The lowest threshold of each class with which it is quiet enough."""
    loud = [label for label in rules.labels if label not in QUIET]
    hours = sum(len(one.probabilities) / one.hz for one in recordings) / 3600
    allowed = false_events * hours / max(1, len(loud))
    chosen = dict.fromkeys(loud, float(THRESHOLDS[-1]))
    open_ = set(loud)
    for threshold in THRESHOLDS[::-1]:
        rules = replace(rules, thresholds=np.full(len(rules.labels), threshold))
        false = dict.fromkeys(loud, 0)
        for one in recordings:
            for event in one.events(rules):
                false[event.label] += not any(fits(event, span) for span in one.spans)
        open_ = {label for label in open_ if false[label] <= allowed}
        chosen |= dict.fromkeys(open_, float(threshold))
    return chosen


def _lags(recordings: Sequence[Judged], rules: EventRules) -> dict[str, float]:
    """How long after an action's start and end its first and last answer come: medians, in s.

    Empty where no action was found: whoever reads a file without lags estimates them.
    """
    late: dict[str, list[float]] = {"start": [], "end": []}
    for one in recordings:
        for event in one.events(rules):
            for span in one.spans:
                if fits(event, span):
                    assert event.end is not None
                    late["start"].append(event.start - span.start)
                    late["end"].append(event.end - span.end)
    return {name: rounded(np.median(all_), 2) for name, all_ in late.items() if all_}


def judge(recordings: Sequence[Judged], rules: EventRules) -> dict[str, Any]:
    """`recall` in percent, of all actions and `per_class`, and `false_events_per_hour`; the recall
    of what was never done is None."""
    found: dict[str, list[bool]] = {label: [] for label in rules.labels if label not in QUIET}
    false, seconds = 0, 0.0
    for one in recordings:
        events = one.events(rules)
        seconds += len(one.probabilities) / one.hz
        for span in one.spans:
            right = any(fits(event, span) for event in events)
            found[span.label].append(right)
        false += sum(not any(fits(event, span) for span in one.spans) for event in events)
    every = [right for rights in found.values() for right in rights]
    return {
        "recall": _share(every),
        "false_events_per_hour": round(false * 3600 / max(seconds, 1e-9), 2),
        "per_class": {label: _share(rights) for label, rights in sorted(found.items())},
        "recordings": len(recordings),
        "hours": round(seconds / 3600, 3),
    }


def _share(rights: Sequence[bool]) -> float | None:
    return round(100 * float(np.mean(rights)), 2) if rights else None
