"""The everyday measure of one model over several sets, as a table, a page and JSON."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skedge.bench import page
from skedge.datasets.store import Store
from skedge.edge_runtime.events import stated
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.scoring.everyday import (
    SYNONYMS,
    UNLABELLED,
    Moment,
    Part,
    Watched,
    count,
    curve,
    figures,
    happened,
    interrupted,
    quieter,
    read_for,
    senseless,
    unlabelled,
    watch,
)
from skedge.edge_runtime.scoring.predict import check_synonyms, trained_on, unknown_rate
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import write_json, write_text
from skedge.skeleton.markdown import table

SCHEMA = 1
# Kinds of false events that the report names, the most frequent ones.
NAMED = 12
# False events whose moments the page has.
LISTED = 50
HEAD = (
    "set",
    "performances",
    "recall %",
    "wrong events / min",
    "other movement, h",
    "false events / h of it",
    "precision %",
    "delay s",
    "last answer %",
    "answered %",
)
NOTES = (
    "Recall: the share of performances for which an event with the right label appears.",
    "Wrong events per minute: of another label, while one action is performed throughout.",
    "False events per hour: in recordings in which nothing is done that the model knows.",
    "Delay: the median from a performance's start to its event's announcement.",
    "Last answer: clips of one person whose last answer is right; answered: that got any answer.",
    "everyday.csv: each event and each missed performance, with its recording and seconds in it.",
)
MOMENT = ("set", "recording", "done in it", "event", "outcome", "start", "end", "confidence")


@dataclass(frozen=True)
class Set:
    """Recordings that are measured together: a store or pose recordings at `path`.

    `chose` says that the set trained the model, or chose something of it: then its figures say
    nothing about other people.
    """

    name: str
    path: Path
    chose: bool = False


def sets_of(paths: Sequence[Path], chose: Sequence[str]) -> list[Set]:
    """A set for each path, named by its folder or file; raises `InputError` where two have one
    name, or where a name in `chose` is none of them."""
    names = [path.stem if path.suffix == ".npz" else path.resolve().name for path in paths]
    if len(set(names)) < len(names):
        raise InputError(f"expected sets of different names, got {', '.join(names)}; rename one")
    if strange := set(chose) - set(names):
        raise InputError(
            f"--chose: expected names of the sets ({', '.join(names)}), got"
            f" {', '.join(sorted(strange))}"
        )
    return [Set(name, path, name in chose) for name, path in zip(names, paths, strict=True)]


def measure(
    recognizer: Recognizer,
    sets: Sequence[Set],
    *,
    synonyms: Mapping[str, str] | None,
    part: Part,
    protocol: str,
    most_false: float,
    track: Callable[[Iterable[Any], str], Iterable[Any]],
) -> dict[str, Any]:
    """The figures of every set (`skedge.edge_runtime.scoring.everyday.figures`) with the model's
    own thresholds, the curve over one threshold for all classes, with which thresholds no action
    raises more than `most_false` false events an hour of other movement, all sets together, and
    every event and missed performance (`moments`, rows under `MOMENT`).

    `synonyms` gives the model's names of classes that a set calls otherwise, beside the ones that
    are known. Raises `InputError` as `read_for` and `watch` do.
    """
    check_synonyms(synonyms or {}, recognizer)
    if not most_false >= 0:
        raise InputError(f"--most-false: expected events an hour from 0, got {most_false}")
    names = {**SYNONYMS, **(synonyms or {})}
    rows = []
    moments = []
    every: list[Watched] = []
    for one in sets:
        recordings = read_for(
            recognizer, one.path, names, labels=recognizer.labels, part=part, protocol=protocol
        )
        watched = list(watch(recognizer, track(recordings, one.name)))
        every += watched
        moments += [_row(one.name, moment) for moment in happened(watched, recognizer.rules)]
        problems = {
            each.recording.name: answers.problem
            for each in watched
            for answers in each.people
            if answers.problem
        }
        rows.append(
            {
                "name": one.name,
                "chose": one.chose,
                "notes": (
                    *_of_store(recognizer, one.path, part=part, protocol=protocol),
                    *unlabelled(each.recording for each in watched),
                    *interrupted(each.recording for each in watched),
                    *senseless(problems, len(watched)),
                ),
                **figures(count(watched, recognizer.rules)),
                "curve": curve(watched, recognizer.rules),
            }
        )
    rules = recognizer.rules
    return {
        "schema": SCHEMA,
        "labels": list(recognizer.labels),
        "taught": list(recognizer.taught),
        "thresholds": _stated(
            dict(zip(rules.labels, rules.thresholds.round(4).tolist(), strict=True))
        ),
        "patience": dict(zip(rules.labels, rules.patience.tolist(), strict=True)),
        "lasting": dict(rules.lasting),
        "part": part,
        "sets": rows,
        "quieter": _quieter(every, recognizer, most_false),
        "moments": moments,
    }


def _row(name: str, moment: Moment) -> list[str]:
    """A moment in the set called `name`, under `MOMENT`."""
    times = (_figure(moment.start, 2), _figure(moment.end, 2), _figure(moment.confidence, 4))
    recording = moment.recording
    kind = "" if recording.kind == UNLABELLED else recording.kind
    return [name, recording.name, kind, moment.label, moment.outcome, *times]


def _quieter(
    watched: Sequence[Watched], recognizer: Recognizer, most_false: float
) -> dict[str, Any] | None:
    """Thresholds with which the recordings have at most `most_false` false events an hour of each
    action, those that were given among them, and what all sets together then come to; None where
    no other ones are needed."""
    rules = recognizer.rules
    louder = quieter(watched, rules, most_false)
    if not louder:
        return None
    thresholds = recognizer.given | louder
    kept = ("recall", "false_per_hour_of_other_movement", "hours_of_other_movement")
    before, after = (
        {name: found[name] for name in kept}
        for found in (
            figures(count(watched, one)) for one in (rules, rules.with_thresholds(thresholds))
        )
    )
    return {
        "most": most_false,
        "thresholds": _stated(thresholds),
        "before": before,
        "after": after,
    }


def _stated(thresholds: Mapping[str, float]) -> dict[str, float | None]:
    return {label: stated(one) for label, one in thresholds.items()}


def _advice(found: Mapping[str, Any]) -> str:
    """What to type for fewer false events, and what that costs."""
    single = ",".join(
        f"{label}={'off' if one is None else one}" for label, one in found["thresholds"].items()
    )
    typed = "'" + single.replace("'", "'\\''") + "'"
    before, after = found["before"], found["after"]
    false = "false_per_hour_of_other_movement"
    changes = [f"{before[false]:.1f} false events an hour become {after[false]:.1f}"]
    if before["recall"] is not None:
        changes.append(f"recall of {before['recall']:.1f} % becomes {after['recall']:.1f} %")
    hours = before["hours_of_other_movement"]
    long = f"{hours:.1f} hours" if hours >= 2 else f"{60 * hours:.0f} min"
    return (
        f"Quieter: with --threshold {typed} each action's false events are at most"
        f" {found['most']:g} an hour here; {', '.join(changes)}. It was chosen on these {long}:"
        " on other days it is somewhat worse."
    )


def _of_store(recognizer: Recognizer, path: Path, part: Part, protocol: str) -> list[str]:
    """Notes of a store: clips that trained the model, and a frame rate that is assumed; none of
    pose recordings."""
    if not (path / "store.json").is_file():
        return []
    store = Store(path)
    clips = range(len(store)) if part == "all" else store.split(protocol, part).tolist()
    return [*trained_on(recognizer, store, list(clips)), *unknown_rate(store)]


def rows_of(document: Mapping[str, Any]) -> list[list[str]]:
    """The table's rows under `HEAD`."""
    return [
        [
            one["name"] + (" (chose)" if one["chose"] else ""),
            str(one["performances"]),
            _figure(one["recall"], 1),
            _figure(one["wrong_per_minute"], 2),
            _figure(one["hours_of_other_movement"], 2),
            _figure(one["false_per_hour_of_other_movement"], 1),
            _figure(one["precision"], 1),
            _figure(one["delay"], 2),
            _figure(one["last_answer"], 1),
            _figure(one["answered"], 1),
        ]
        for one in document["sets"]
    ]


def _notes(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What the columns mean, and what is measured beside the model's file."""
    taught = ", ".join(document["taught"])
    return (*NOTES, f"With what `skedge teach` has added: {taught}.") if taught else NOTES


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def markdown(document: Mapping[str, Any]) -> str:
    """The table, the recall of each class, and what raised the false events."""
    lines = [table(HEAD, rows_of(document)), "", *(f"- {note}" for note in _notes(document))]
    for one in document["sets"]:
        lines += ["", f"## {one['name']}"]
        lines += [line for sentence in _sentences(one) for line in ("", sentence)]
    if document["quieter"]:
        lines += ["", _advice(document["quieter"])]
    return "\n".join(lines) + "\n"


def _sentences(one: Mapping[str, Any]) -> list[str]:
    """What was found and what was false in a set, and its notes."""
    shares = [
        f"{label} {found['right']} of {found['performances']}"
        for label, found in one["recall_per_class"].items()
    ]
    often, others = one["false_events"][:NAMED], one["false_events"][NAMED:]
    false = [f"{each['event']} in {each['in']} {each['number']}" for each in often]
    false += [f"others {sum(each['number'] for each in others)}"] if others else []
    return [
        f"Recall: {', '.join(shares) or 'nothing known'}.",
        f"False events: {', '.join(false) or 'none'}.",
        *(f"{note}." for note in one["notes"]),
    ]


def html(document: Mapping[str, Any], title: str) -> str:
    """One page with the table, the curve of misses against false events per hour, what was found
    and what was false in each set, and when the first false events were."""
    series = []
    for one in document["sets"]:
        points = [
            (point["false_per_hour"], 100 - point["recall"])
            for point in one["curve"]
            if point["recall"] is not None and point["false_per_hour"]
        ]
        if points:
            series.append(page.Series(one["name"], points))
    body = [f"<h1>{page.escape(title)}</h1>", page.table(HEAD, rows_of(document))]
    if series:
        labels = ("false events per hour", "misses %")
        drawn = page.plot("Misses against false events", *labels, series, log_x=True)
        body += ['<div class="plots">', drawn, "</div>"]
    for one in document["sets"]:
        body += [f"<h2>{page.escape(one['name'])}</h2>", *_paragraphs(_sentences(one))]
    false = [row for row in document["moments"] if row[MOMENT.index("outcome")] == "false"]
    if false:
        more = f", the first {LISTED} of {len(false)}" if len(false) > LISTED else ""
        body += [f"<h2>False events{more}</h2>", page.table(MOMENT, false[:LISTED])]
    advice = [_advice(document["quieter"])] if document["quieter"] else []
    return page.page(title, [*body, *_paragraphs([*advice, *_notes(document)])])


def _paragraphs(sentences: Iterable[str]) -> list[str]:
    return [f'<p class="note">{page.escape(sentence)}</p>' for sentence in sentences]


def write(document: Mapping[str, Any], folder: Path, title: str) -> None:
    """Write everyday.json, everyday.csv (of the moments), everyday.md and everyday.html to
    `folder`."""
    figures = {name: value for name, value in document.items() if name != "moments"}
    write_json(folder / "everyday.json", figures)
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows([MOMENT, *document["moments"]])
    write_text(folder / "everyday.csv", lines.getvalue())
    write_text(folder / "everyday.md", markdown(document))
    write_text(folder / "everyday.html", html(document, title))
