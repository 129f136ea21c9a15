"""How well events in time fit the labelled intervals of recordings: matching by overlap, precision,
recall, mean AP."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from skedge.skeleton.figures import rounded


class Interval(NamedTuple):
    """A labelled stretch of a recording, in seconds since it began."""

    recording: int
    label: str
    start: float
    end: float


class Found(NamedTuple):
    """An event's stretch of a recording, in seconds; `announced` is when it was known, `score` how
    sure it was then, 0 to 1."""

    recording: int
    label: str
    start: float
    end: float
    score: float
    announced: float


def overlap(one: Interval | Found, other: Interval | Found) -> float:
    """Temporal intersection over union, 0 to 1; 0 for different recordings and where neither lasts
    at all."""
    if one.recording != other.recording:
        return 0.0
    shared = min(one.end, other.end) - max(one.start, other.start)
    union = max(one.end, other.end) - min(one.start, other.start)
    return shared / union if shared > 0 else 0.0


def ranked(found: Sequence[Found]) -> list[Found]:
    """The surest first; equally sure ones in an order of their own, so that the order they come in
    changes nothing."""
    return sorted(found, key=lambda one: (-one.score, one))


def distinct(found: Sequence[Found], least: float) -> list[Found]:
    """Of events with the same label that overlap by `least` or more only the surest: one action
    seen on two people.

    Non-maximum suppression, since the intervals of a recording do not say who acts.
    """
    kept: list[Found] = []
    for one in ranked(found):
        if not any(one.label == other.label and overlap(one, other) >= least for other in kept):
            kept.append(one)
    return kept


def match(
    found: Sequence[Found], intervals: Sequence[Interval], least: float
) -> list[Interval | None]:
    """The interval that each event of `ranked(found)` is right about, None where it is false.

    In that order, each takes what it overlaps most of the intervals with its label that are not
    taken yet, and is right if that is by `least` or more (as in Liu et al., PKU-MMD, 2017, and the
    PASCAL VOC devkit for boxes).
    """
    free: dict[tuple[int, str], list[Interval]] = {}
    for interval in sorted(intervals):
        free.setdefault((interval.recording, interval.label), []).append(interval)
    matches: list[Interval | None] = []
    for one in ranked(found):
        left = free.get((one.recording, one.label), [])
        best = max(left, key=lambda interval: overlap(one, interval), default=None)
        if best is not None and overlap(one, best) >= least:
            left.remove(best)
            matches.append(best)
        else:
            matches.append(None)
    return matches


def average_precision(scores: Sequence[float], right: Sequence[bool], intervals: int) -> float:
    """The area under the precision-recall curve, 0 to 1, of events that are right or not, for so
    many intervals (from 1).

    All points, without interpolation: the sum over distinct scores of precision there times what
    recall has gained, as in scikit-learn's `average_precision_score`; intervals without an event
    only lower it.
    """
    if len(scores) == 0:
        return 0.0
    order = np.argsort(-np.asarray(scores, float), kind="stable")
    sorted_scores = np.asarray(scores, float)[order]
    hits = np.cumsum(np.asarray(right, float)[order])
    last = np.append(np.diff(sorted_scores) != 0, True)  # equally sure events come at once
    precision, recall = hits[last] / (np.flatnonzero(last) + 1), hits[last] / intervals
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def score(found: Sequence[Found], intervals: Sequence[Interval], least: float) -> dict[str, Any]:
    """The figures of events against intervals (at least one): in percent, and times in seconds,
    None where no event is right.

    Of the right events, `delay` is the mean from the interval's start to the announcement;
    `start` and `end` are the medians of how late the event's are (below 0: early), `start_error`
    and `end_error` the medians of how far off. `mAP` is the
    mean over the classes that have intervals; a class without any has AP None, and its events lower
    `precision` only.
    """
    order = ranked(found)
    matches = match(found, intervals, least)
    pairs = [(one, its) for one, its in zip(order, matches, strict=True) if its is not None]
    per_class = {}
    precisions = []
    for label in sorted({one.label for one in order} | {one.label for one in intervals}):
        own = [
            (one.score, its is not None)
            for one, its in zip(order, matches, strict=True)
            if one.label == label
        ]
        there = sum(interval.label == label for interval in intervals)
        per_class[label] = {"AP": None, **_counts(len(own), sum(hit for _, hit in own), there)}
        if there:
            precisions.append(
                average_precision([sure for sure, _ in own], [hit for _, hit in own], there)
            )
            per_class[label]["AP"] = _percent(precisions[-1])
    return {
        "mAP": _percent(float(np.mean(precisions))),
        **_counts(len(order), len(pairs), len(intervals)),
        "delay": _rounded(np.mean, [one.announced - its.start for one, its in pairs]),
        "start": _rounded(np.median, [one.start - its.start for one, its in pairs]),
        "end": _rounded(np.median, [one.end - its.end for one, its in pairs]),
        "start_error": _rounded(np.median, [abs(one.start - its.start) for one, its in pairs]),
        "end_error": _rounded(np.median, [abs(one.end - its.end) for one, its in pairs]),
        "per_class": per_class,
    }


def _counts(found: int, right: int, there: int) -> dict[str, Any]:
    precision, recall = right / found if found else None, right / there if there else None
    counts = {"intervals": there, "events": found, "right": right}
    return {"precision": _percent(precision), "recall": _percent(recall), **counts}


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)


def _rounded(average: Callable[[list[float]], Any], seconds: list[float]) -> float | None:
    return rounded(average(seconds), 3) if seconds else None
