"""New actions taught to an exported model from a few clips and a minute of anything else, and what
they are worth: recall and false events per hour on clips that were left out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skedge.edge_runtime.events import PATIENCE, QUIET, EventRules, find_events
from skedge.edge_runtime.learning import MANY_FALSE, POOR_RECALL, HeldOut, hold_out, learn
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.taught import Taught, beside, taught_by
from skedge.edge_runtime.window import first_answer
from skedge.skeleton.body_check import check_bodies
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import check_file
from skedge.skeleton.retarget import retarget
from skedge.skeleton.text import shortened, typed

if TYPE_CHECKING:
    from skedge.datasets.store import Store

Track = Callable[[list[int]], Iterable[int]]

# Seconds of anything else that are needed, and that are looked at: their embeddings take 0.1 GB an
# hour. Answers that are left out together.
LEAST_OTHER, MOST_OTHER, STRETCH = 60.0, 4 * 3600.0, 50
# As several cameras would bring a clip: every frame, and every second one of a quicker and of a
# slower performance.
PACES = ((1, 1.0), (2, 0.87), (2, 1.15))
# The least threshold of an action that the model knows already.
LEAST_AGAIN = 0.6


@dataclass(frozen=True, eq=False)
class Played:
    """The answers to one clip: `seconds` (T,), `probabilities` (T, K), `embeddings` (T, D)."""

    seconds: np.ndarray
    probabilities: np.ndarray
    embeddings: np.ndarray


def teach(
    model: Path,
    store: Path,
    other: Path | None = None,
    again: Sequence[str] = (),
    out: Path | None = None,
    track: Track = iter,
) -> dict[str, Any]:
    """Teach a model the classes of a store that it does not know, and those in `again`, which it
    knows, as they are done there; what it learned goes to `out`, by default where the model's user
    looks for it (`skedge.edge_runtime.taught.beside`).

    Everything else is the clips labelled `other` or `idle` in that store, those of the other
    classes that the model knows, and the clips of the store `other` that are of none of the taught
    classes: a minute at the least, and at most four hours of each store. What was taught before is
    replaced. `track` goes over clips. The answer says for each class how it did on clips that were
    left out, and what to expect: `warnings`.

    Raises `InputError` for a store without new classes, for classes in `again` that the model or
    the store lacks, for classes with one clip only, for less than a minute of anything else, and
    for bodies that make no sense.
    """
    from skedge.datasets.store import Store

    recognizer = Recognizer.load(model, taught=False)
    recognizer.checks_bodies = False
    path = out or beside(model)
    check_file(path)
    own = Store(store)
    names = _to_teach(recognizer, own, again)
    mine = _clips_to_teach(own, names, model)
    rest, notes = _anything_else(own, other, names)
    for one, numbers in [(own, [i for each in mine.values() for i in each]), *rest]:
        _check(one, numbers)
    clips = _play_all(recognizer, own, mine, track=track)
    seconds = _seconds(rest)
    background = [play(recognizer, one, i) for one, numbers in rest for i in track(numbers)]
    taught, held_out = teach_clips(recognizer, clips, background, seconds=seconds)
    command = _command(model, store, other, again=again, out=out)
    replaced = _replaced(path, [*clips])
    replace(taught, command=command).save(path)
    return {
        "taught": taught.report,
        "other": {"seconds": round(seconds, 1), "stretches": len(held_out.others)},
        "warnings": [
            *replaced,
            *notes,
            *_not_taught_again(recognizer, own, names),
            *_warnings(recognizer, clips, held_out, taught=taught),
            *_missed(recognizer, clips, held_out, taught=taught, store=own, numbers=mine),
            *_taken_for_it(held_out, taught, _names(rest, background)),
        ],
        "file": str(path),
    }


def _to_teach(recognizer: Recognizer, store: "Store", again: Sequence[str]) -> dict[str, str]:
    """The labels of a store that are taught, by what the model will call them."""
    known = {label.casefold(): label for label in recognizer.labels}
    wanted = {label.strip().casefold() for label in again}
    loud = [label for label in recognizer.labels if label not in QUIET]
    if strange := sorted(wanted - {label.casefold() for label in loud}):
        raise InputError(
            f"--again: expected actions of the model ({', '.join(loud)}), got {', '.join(strange)}"
        )
    if absent := sorted(wanted - {label.casefold() for label in _with_clips(store)}):
        record = typed("skedge record --out", store.path, known[absent[0]])
        raise InputError(
            f"{store.path}: expected clips of {', '.join(absent)}, got none; `{record}` adds some"
        )
    return {
        label: known.get(label.casefold(), label)
        for label in _with_clips(store)
        if label.casefold() in wanted or label.casefold() not in {*known, *QUIET}
    }


def _clips_to_teach(store: "Store", names: Mapping[str, str], model: Path) -> dict[str, list[int]]:
    """The numbers of the clips of each class that is taught, by what the model will call it.

    Raises `InputError` for no class at all, and for classes with one clip only.
    """
    clips: dict[str, list[int]] = {}
    for i in _numbers(store, names.__contains__):
        clips.setdefault(names[store.labels[store.index["label"][i]]], []).append(i)
    if not clips:
        there = _with_clips(store)
        known = [label for label in there if label.casefold() not in QUIET]
        more = f"; {typed('--again', known[0])} teaches it once more, as you do it"
        raise InputError(
            f"{store.path}: expected clips of classes that {model} does not know, got only"
            f" {shortened(there)}{more if known else ''}"
        )
    single = [label for label, numbers in clips.items() if len(numbers) < 2]
    if single:
        raise InputError(
            f"{store.path}: expected two clips of each class to teach at the least, five are good,"
            f" got one of {', '.join(single)}"
        )
    return clips


def _play_all(
    recognizer: Recognizer, store: "Store", clips: Mapping[str, Sequence[int]], track: Track
) -> dict[str, list[list[Played]]]:
    """The answers to each clip at several paces, by classes; raises `InputError` for a class with
    fewer than two clips that last long enough for an answer."""
    numbers = [i for own in clips.values() for i in own]
    played = {i: [play(recognizer, store, i, *pace) for pace in PACES] for i in track(numbers)}
    for label, own in clips.items():
        answered = sum(len(played[i][0].seconds) > 0 for i in own)
        if answered < 2:
            raise InputError(
                f"{store.path}: expected two clips of {label} in which somebody is seen long enough"
                f" for an answer ({first_answer(recognizer.metadata):.1f} s), got {answered} of"
                f" {len(own)}; record it again"
            )
    return {label: [played[i] for i in own] for label, own in clips.items()}


def _command(
    model: Path, store: Path, other: Path | None, *, again: Sequence[str], out: Path | None
) -> str:
    """What to type to teach the same once more."""
    flags: list[str | Path] = ["--other", other] if other else []
    flags += ["--again", *again] if again else []
    flags += ["--out", out] if out else []
    return typed("skedge teach", model, store, *flags)


def _anything_else(
    own: "Store", other: Path | None, names: Mapping[str, str]
) -> tuple[list[tuple["Store", list[int]]], list[str]]:
    """Stores, and the numbers of their clips of none of the classes that are taught, `names`, and
    what there is to know about them. Of a store with more than `MOST_OTHER` seconds of them every
    second clip is taken, or fewer.

    Raises `InputError` for less than a minute of them.
    """
    from skedge.datasets.store import Store

    taught = {label.casefold() for label in names}
    stores = [own] if other is None else [own, Store(other)]
    rest = [(one, _numbers(one, lambda label: label.casefold() not in taught)) for one in stores]
    seconds = _seconds(rest)
    if seconds < LEAST_OTHER:
        actions = ", ".join(dict.fromkeys(names.values()))
        record = typed("skedge record other --out", own.path)
        raise InputError(
            f"{own.path}: expected a minute or more of anything else, so that the actions"
            f" ({actions[:80]}) can be told from it, got {int(seconds)} s; move about as usual"
            f" before the camera: `{record}`, or name a store with --other"
        )
    notes = [
        f"{one.path} does not know its frame rate: {one.frame_rate:g} Hz assumed"
        for one in stores
        if one.rate is None
    ]
    for place, (one, numbers) in enumerate(rest):
        every = _seconds([(one, numbers)])
        step = int(np.ceil(every / MOST_OTHER))
        if step > 1:
            rest[place] = one, numbers[::step]
            hours = f"{_seconds(rest[place : place + 1]) / 3600:.1f} of {every / 3600:.1f} hours"
            notes.append(f"{one.path}: {hours} of anything else are looked at: 1 of {step} clips")
    return rest, notes


def _seconds(clips: Iterable[tuple["Store", list[int]]]) -> float:
    """How long all these clips of stores are."""
    return sum(float(one.index["frames"][numbers].sum()) / one.frame_rate for one, numbers in clips)


def teach_clips(
    recognizer: Recognizer,
    clips: Mapping[str, Sequence[Sequence[Played]]],
    background: Sequence[Played],
    seconds: float,
) -> tuple[Taught, HeldOut]:
    """Learn the classes of `clips`, each the answers to it at several paces, the measured one
    first, against a `background` that lasts `seconds`; those that the recognizer has are taught
    again. What was learned, with its report, and how it did on clips that were left out."""
    again = tuple(label for label in clips if label in recognizer.labels)
    negatives = [part for one in background for part in stretches(one.embeddings)]
    by_label = {
        label: [[one.embeddings for one in paces] for paces in own] for label, own in clips.items()
    }
    patience = dict.fromkeys(clips, PATIENCE) | {
        label: recognizer.metadata.patience.get(label, PATIENCE) for label in again
    }
    held_out = hold_out(by_label, negatives, seconds, patience=patience)
    thresholds = {
        label: max(held_out.threshold(label), LEAST_AGAIN if label in again else 0.0)
        for label in clips
    }
    report = {label: held_out.figures(label, thresholds[label]) for label in clips}
    for label in again:
        before = _seen_before(recognizer, clips[label], label)
        false = sum(events_of(recognizer.rules, one).count(label) for one in background)
        seen = before | held_out.seen(label, thresholds[label])
        report[label] |= {
            "recall": round(100 * float(seen.mean()), 1),
            "recall_before": round(100 * float(before.mean()), 1),
            "false_per_hour": round(report[label]["false_per_hour"] + false / (seconds / 3600), 1),
            "false_per_hour_before": round(false / (seconds / 3600), 1),
        }
    flat = {label: [one for paces in own for one in paces] for label, own in by_label.items()}
    taught = replace(
        learn(flat, negatives, recognizer.metadata.weights_sha256),
        clips=tuple(len(own) for own in clips.values()),
        thresholds=thresholds,
        report=report,
        again=again,
    )
    return taught, held_out


def _seen_before(
    recognizer: Recognizer, clips: Sequence[Sequence[Played]], label: str
) -> np.ndarray:
    """In which clips (N,) of an action that the model knows it raises the event untaught."""
    return np.array([label in events_of(recognizer.rules, paces[0]) for paces in clips])


def play(
    recognizer: Recognizer, store: "Store", number: int, step: int = 1, tempo: float = 1.0
) -> Played:
    """The answers to a clip of a store as a camera would bring it: every `step`-th frame, and
    `tempo` times as fast; the joints on the model's layout."""
    clip = store.clip(number)[: recognizer.metadata.persons]
    clip = retarget(clip, store.layout, recognizer.metadata.layout)
    rate = store.frame_rate * tempo
    recognizer.reset()
    results = [
        recognizer.update(clip[:, frame], frame / rate) for frame in range(0, clip.shape[1], step)
    ]
    recognizer.reset()
    answers = [one for one in results if one.fresh and one.embedding is not None]
    if not answers:
        # Shorter than the model's warm-up.
        return Played(np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0)))
    return Played(
        np.array([one.seconds for one in answers]),
        np.array([one.probabilities for one in answers]),
        np.array([one.embedding for one in answers]),
    )


def _with_clips(store: "Store") -> list[str]:
    """The labels of which a store has clips."""
    return [store.labels[number] for number in np.unique(store.index["label"])]


def _numbers(store: "Store", wanted: Callable[[str], bool]) -> list[int]:
    return [i for i, one in enumerate(store.index) if wanted(store.labels[one["label"]])]


def _check(store: "Store", numbers: list[int]) -> None:
    faults = check_bodies((store.clip(i) for i in numbers), store.layout, store.rate).sure
    if faults:
        raise InputError(f"{store.path}: {faults[0]}; import or record the clips again")


def stretches(embeddings: np.ndarray) -> list[np.ndarray]:
    """The answers to a long clip in pieces of about five seconds."""
    count = max(1, round(len(embeddings) / STRETCH))
    return [part for part in np.array_split(embeddings, count) if len(part)]


def _replaced(path: Path, new: list[str]) -> list[str]:
    """A warning about actions that the file at `path` had and that are not among the `new` ones."""
    labels, command = taught_by(path)
    if gone := [label for label in labels if label not in new]:
        return [
            f"{', '.join(gone)}: taught before by `{command}`, and replaced now; to have all, teach"
            " one store with the clips of all, as `skedge data merge` makes it"
        ]
    return []


def _not_taught_again(
    recognizer: Recognizer, store: "Store", names: Mapping[str, str]
) -> list[str]:
    """A warning about known actions in the user's store that nobody asked to teach again."""
    known = {label.casefold() for label in recognizer.labels} - QUIET
    left = [one for one in _with_clips(store) if one not in names and one.casefold() in known]
    if not left:
        return []
    return [
        f"{', '.join(left)}: known already, so these clips are part of anything else;"
        f" {typed('--again', *left)} teaches them as they are done here"
    ]


def _warnings(
    recognizer: Recognizer,
    clips: Mapping[str, list[list[Played]]],
    held_out: HeldOut,
    taught: Taught,
) -> list[str]:
    """The warnings to a user who relies on it, a sentence each."""
    found = []
    for label, own in clips.items():
        figures = taught.report[label]
        if figures["recall"] < 100 * POOR_RECALL:
            found.append(
                f"{label}: seen in {figures['recall']:g} % of the clips that were left out; the"
                " model can hardly tell it from anything else: record more clips, or choose a"
                " larger movement"
            )
        elif figures["recall"] == figures.get("recall_before"):
            found.append(
                f"{label}: the model sees it in as many of these clips without being taught"
                f" ({figures['recall']:g} %); record those that it misses"
            )
        if figures["false_per_hour"] > MANY_FALSE:
            found.append(
                f"{label}: {figures['false_per_hour']:g} false events per hour are expected"
                f"{_fewer_false(label, figures, recognizer.metadata.thresholds.get(label, 0.0))}"
            )
        for known in recognizer.labels:
            raised = sum(known in events_of(recognizer.rules, paces[0]) for paces in own)
            if raised > len(own) / 2 and known != label:
                found.append(
                    f"{label}: the model takes it for {known!r}, which it knows, in {raised} of"
                    f" {len(own)} clips"
                )
        for another in clips:
            column = held_out.labels.index(another)
            taken = (held_out.mixed[label][:, column] >= taught.thresholds[another]).mean()
            if another != label and taken > 1 / 3:
                found.append(f"{label}: taken for {another!r} in {100 * taken:.0f} % of its clips")
    return found


def _missed(
    recognizer: Recognizer,
    clips: Mapping[str, Sequence[Sequence[Played]]],
    held_out: HeldOut,
    *,
    taught: Taught,
    store: "Store",
    numbers: Mapping[str, Sequence[int]],
) -> list[str]:
    """Which clips are not known again by the others of their action, where most are; `numbers` are
    those of each action's clips in the store."""
    found = []
    for label, own in clips.items():
        seen = held_out.seen(label, taught.thresholds[label])
        if label in taught.again:
            seen = seen | _seen_before(recognizer, own, label)
        if POOR_RECALL <= seen.mean() < 1:
            missed = [str(name) for name in store.index["name"][numbers[label]][~seen]]
            take_out = typed("skedge data remove", store.path, missed[0])
            found.append(
                f"{label}: not known again by the other clips: {shortened(missed)}; `skedge data"
                f" show` draws a clip, `{take_out}` takes out one that went wrong"
            )
    return found


def _names(rest: Iterable[tuple["Store", list[int]]], background: Iterable[Played]) -> list[str]:
    """What the clip is called that a stretch of the `background` is of, for each stretch; with the
    store where there are several (`STORE#CLIP`)."""
    rest = list(rest)
    names = [
        f"{one.path}#{name}" if len(rest) > 1 else str(name)
        for one, numbers in rest
        for name in one.index["name"][numbers]
    ]
    return [
        name
        for name, played in zip(names, background, strict=True)
        for _ in stretches(played.embeddings)
    ]


def _taken_for_it(held_out: HeldOut, taught: Taught, names: Sequence[str]) -> list[str]:
    """Which clips of anything else are taken for an action; `names` are those of the clips that the
    stretches are of."""
    found = []
    for number, label in enumerate(held_out.labels):
        raised = held_out.others[:, number] >= taught.thresholds[label]
        where = dict.fromkeys(names[held_out.stretches[i]] for i in np.flatnonzero(raised))
        if where:
            found.append(
                f"{label}: taken for it in anything else: {shortened(where)}; if it is done in one"
                " of these, take that out, else record more like them"
            )
    return found


def _fewer_false(label: str, figures: Mapping[str, float], threshold: float) -> str:
    """What to do about many false events of a class, which the model's file gives that threshold:
    more clips of anything else change only what is taught, not the model's own answers."""
    before = figures.get("false_per_hour_before", 0.0)
    if before <= figures["false_per_hour"] / 2:
        return "; record more of anything else, above all what looks like it"
    higher = max(0.99, 1 - (1 - threshold) / 5)
    return (
        f", {before:g} of them without being taught; a higher threshold makes them fewer, such as"
        f" {typed('--threshold', f'{label}={higher:.6g}')}: `skedge evaluate everyday` says"
        " which one"
    )


def events_of(rules: EventRules, clip: Played) -> list[str]:
    """The labels of a clip's events."""
    events = find_events(rules, clip.probabilities, clip.seconds.tolist())
    return [event.label for event in events]


__all__ = ["Played", "Taught", "events_of", "play", "stretches", "teach", "teach_clips"]
