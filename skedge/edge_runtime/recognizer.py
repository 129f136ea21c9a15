"""One object that turns skeletons into actions: a frame at a time, or a whole clip."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from skedge.edge_runtime.backends.backend import Backend, load_backend
from skedge.edge_runtime.events import DEBOUNCE, QUIET, Event, EventDetector, EventRules
from skedge.edge_runtime.guard import Guard, Pace, check_clip, too_slow
from skedge.edge_runtime.models import find
from skedge.edge_runtime.repetitions import Counter
from skedge.edge_runtime.stream import Stream
from skedge.edge_runtime.taught import OutdatedError, Taught, beside, taught_by
from skedge.edge_runtime.window import Window, longest_gap
from skedge.skeleton.errors import InputError
from skedge.skeleton.hanging import hanging, leg_joints
from skedge.skeleton.layout import check_joint_count
from skedge.skeleton.metadata import LARGEST, ModelMetadata
from skedge.skeleton.prepare import prepare, seen, unmasked
from skedge.skeleton.resample import TOLERANCE, at_rate, newest

HOP = 0.1
# Seconds between two counts of what goes on.
COUNTED = 2.0
# A person not seen for the debounce, and for these seconds at the least, is away.
AWAY = 0.5


@dataclass(frozen=True, eq=False)
class Result:
    """The answer for one person (or scene) as of the inference at `seconds`.

    `fresh` says whether the model ran on this very frame; if not, everything but `events` is the
    last inference's. Before `ready` there is no answer: `label`, `probabilities` (classes,) and
    `embedding` (features,) are None, `confidence` 0. `label` is the likeliest, however unsure.

    `events` are those that have begun or ended by this frame (see
    `skedge.edge_runtime.events.Event`); each beginning and each end is in one result only. The ends
    of other people's events are among them once those people have gone.

    `upper` says that the legs are out of view: only the labels in `metadata.upper_body` and taught
    ones are told apart then, and what else is likely counts as `other`.

    `problem` says why a frame makes no sense (see `skedge.edge_runtime.guard`): too few
    joints, a body of impossible size, upside down or mirrored, time stamps that are no seconds.
    Such a frame counts as one with nobody in it.
    """

    ready: bool = False
    fresh: bool = False
    label: str | None = None
    confidence: float = 0.0
    probabilities: np.ndarray | None = None
    embedding: np.ndarray | None = None
    seconds: float | None = None
    events: tuple[Event, ...] = ()
    upper: bool = False
    problem: str = ""


@dataclass
class _Person:
    window: Window | Stream
    events: EventDetector
    guard: Guard
    counter: Counter
    # By the label and the start of what goes on.
    counts: dict[tuple[str, float], int | None] = field(default_factory=dict)
    counted: float = -np.inf
    seconds: float = -np.inf
    seen: float = -np.inf
    due: float = -np.inf
    result: Result = field(default_factory=Result)


class Recognizer:
    """Recognises actions with an exported model.

    >>> recognizer = Recognizer.load("default")
    >>> for joints, seconds in skeletons:  # (V, 3) in metres, NaN where a joint is absent
    ...     result = recognizer.update(joints, seconds)
    ...     for event in result.events:
    ...         print(event)

    The model runs at most every `hop` seconds (0: every frame; by default 0.1 s: ten answers a
    second, so that a patience of 3 is a reaction within a third of a second); a streaming model
    runs at its own rate, and is asked as often. `threshold` (of all actions, or of some by their
    labels), `patience` (None: those in the model's file, class by class) and `debounce` (seconds)
    make events of answers: see `skedge.edge_runtime.events`. Not safe for use by several threads at
    once.

    `notes` are what its user should know about it, `file` is where it came from. What makes no
    sense gets no answer but a sentence, unless `checks_bodies` is set to False: then any numbers
    are answered.
    """

    checks_bodies = True

    def __init__(
        self,
        backend: Backend,
        hop: float | None = None,
        threshold: float | Mapping[str, float] | None = None,
        patience: int | None = None,
        debounce: float = DEBOUNCE,
        taught: Taught | None = None,
    ) -> None:
        self._backend = backend
        self._taught = taught
        self.hop = HOP if hop is None else hop
        if not 0 <= self.hop < np.inf:
            raise InputError(f"hop: expected seconds from 0, got {self.hop}")
        added = taught.new if taught else ()
        limits = taught.thresholds if taught else {}
        self._more = {label: limits[label] for label in added if label in limits}
        self.threshold = None if isinstance(threshold, Mapping) else threshold
        self._single = threshold if isinstance(threshold, Mapping) else {}
        self.rules = EventRules.of(
            self.metadata,
            labels=self.labels,
            threshold=threshold,
            patience=patience,
            debounce=debounce,
            more=self._more,
        )
        self.notes: tuple[str, ...] = ()
        self.file: Path | None = None
        self._persons: dict[Hashable, _Person] = {}
        self._pace = Pace()
        told = {*self.metadata.upper_body, *QUIET, *added}
        self._of_legs = np.array([label not in told for label in self.labels])
        quiet = [label for label in ("other", "idle") if label in self.labels]
        self._rest = self.labels.index(quiet[0]) if quiet else None

    @classmethod
    def load(
        cls,
        path: str | Path,
        threads: int = 1,
        hop: float | None = None,
        threshold: float | Mapping[str, float] | None = None,
        patience: int | None = None,
        debounce: float = DEBOUNCE,
        taught: str | Path | bool = True,
    ) -> "Recognizer":
        """Open a model that `skedge export` made, or `default` or `default.tflite`, the ones that
        come with skedge; and with it what `skedge teach` added to its classes.

        That is looked for where `skedge teach` puts it (True), nowhere (False), or in the file
        `taught`. What was taught to another model is left aside, and `notes` say so, unless that
        file was asked for. Raises `InputError` if a file is not what it should be.
        """
        path = find(path)
        backend = load_backend(path, threads)
        file = beside(path) if isinstance(taught, bool) else Path(taught)
        there = file.exists() if taught is True else taught is not False
        more = None
        notes = []
        try:
            more = Taught.load(file, backend.metadata) if there else None
        except OutdatedError as error:
            if taught is not True:
                raise
            notes.append(str(error))
            if isinstance(threshold, Mapping):
                gone = {*taught_by(file)[0]} - {*backend.metadata.labels}
                threshold = {label: one for label, one in threshold.items() if label not in gone}
        made = cls(
            backend, hop, threshold=threshold, patience=patience, debounce=debounce, taught=more
        )
        made.notes = tuple(notes)
        made.file = path
        return made

    @property
    def metadata(self) -> ModelMetadata:
        return self._backend.metadata

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's own, then those that were taught to it: the order of the probabilities."""
        return self.metadata.labels + (self._taught.new if self._taught else ())

    @property
    def taught(self) -> dict[str, int]:
        """What `skedge teach` has added, or taught again, and from how many clips."""
        return (
            dict(zip(self._taught.labels, self._taught.clips, strict=True)) if self._taught else {}
        )

    @property
    def identity(self) -> dict[str, str]:
        """Which model this is: the `file`'s name and the first digits of its checksum."""
        name = "" if self.file is None else self.file.name
        return {"file": name, "checksum": self.metadata.checksum}

    @property
    def given(self) -> dict[str, float]:
        """The thresholds that were asked for, by the labels of their actions."""
        if self.threshold is None:
            return dict(self._single)
        common = {label: self.threshold for label in self.labels if label not in QUIET}
        return common | dict(self._single)

    def set_threshold(self, threshold: float | None) -> None:
        """Replace the least probability of an event, of all classes but those that this was made
        with one for; None: by those in the files.

        It holds from the next answer on. Raises `InputError` for what is no probability.
        """
        wanted = EventRules.of(
            self.metadata, labels=self.labels, threshold=threshold, more=self._more
        ).with_thresholds(self._single)
        self.threshold = threshold
        self.rules = replace(self.rules, thresholds=wanted.thresholds, lasting=wanted.lasting)
        for state in self._persons.values():
            state.events.rules = self.rules

    def update(self, joints: np.ndarray, seconds: float, person: Hashable = 0) -> Result:
        """Take one frame of one person, (V, 3) in metres, NaN where a joint is absent, seen at the
        time stamp `seconds`.

        Time stamps come from one clock for all persons, at any rate and regularity; a second frame
        with the same stamp replaces the first (but a streaming model may have run on that one). The
        model sees the last `metadata.seconds`. It answers when as much has been seen as was shown
        to it in training: from half a window on, then stretching what there is, or, with a fixed
        rate, from `metadata.warm_up` frames on. A model made for two persons takes the scene, (2,
        V, 3).

        A frame with nobody in it returns the last result; who was not seen for longer than a
        second, or than a shorter window, starts anew, whether frames came meanwhile or none.
        `person` is any hashable name; persons of whom no frame came for a window are forgotten.
        Events of a person who is away end; with nobody in view any more, `end_events` ends them.

        Raises `InputError` for a wrong number of joints or persons, and for time stamps that go
        backwards or are NaN.
        """
        frame = self._frame(joints)
        moment = _moment(seconds)
        state = self._persons.get(person)
        if state is not None and moment < state.seconds:
            raise InputError(
                f"expected time stamps in seconds that do not go backwards, got {moment} after"
                f" {state.seconds} for person {person!r}; call reset() before another recording"
            )
        events = [*self.end_events(moment)]
        self._forget(moment)
        state = self._persons.get(person)
        if state is None:
            streaming = self.metadata.streaming is not None
            window = (
                Stream(self.metadata, self._backend.stepper())
                if streaming
                else Window(self.metadata)
            )
            layout = self.metadata.layout
            state = self._persons[person] = _Person(
                window,
                EventDetector(self.rules),
                Guard(layout),
                counter=Counter(layout, self.metadata.upper_body),
            )
        problem = ""
        if self.checks_bodies:
            frame = state.guard.look(frame, moment)
            paced = self._pace.look(moment)
            problem = state.guard.problem or paced
            frame = np.full_like(frame, np.nan) if problem else frame
        self._push(state, frame, moment)
        if seen(frame).any():
            state.seen = moment
            state.counter.push(frame[0], moment)
            if moment >= state.due - TOLERANCE and state.window.ready:
                events += self._infer(state, person, moment)
        if problem:
            return Result(events=tuple(events), problem=problem)
        return replace(state.result, events=tuple(events)) if events else state.result

    def end_events(self, seconds: float | None = None) -> tuple[Event, ...]:
        """End the events of everybody who is away at `seconds`, or (None) of all: the recording is
        over.

        To be called where frames may come with nobody in them, for whom there is no `update`, and
        at the end. Away is who was not seen for the debounce, half a second at the least.
        """
        if seconds is not None:
            # Frames of nobody come at the camera's pace, too.
            self._pace.look(seconds)
        away = max(self.rules.debounce, AWAY)
        return tuple(
            self._whole(event, state, person)
            for person, state in self._persons.items()
            if seconds is None or seconds - state.seen >= away
            for event in state.events.finish(seconds)
        )

    @property
    def open_events(self) -> tuple[Event, ...]:
        """The events that go on: everybody's; their repetitions are counted every other second."""
        return tuple(
            replace(event, person=person, repetitions=state.counts.get((event.label, event.start)))
            for person, state in self._persons.items()
            for event in state.events.open
        )

    def predict(self, clip: np.ndarray, rate: float = 30) -> np.ndarray:
        """Probabilities (classes,) of a whole clip (T, V, 3) or (T, M, V, 3) in metres, NaN where
        absent.

        The clip is prepared exactly as in training. Models that stretch a clip to their frames have
        no use for `rate` (Hz); one of fixed rate sees the clip's end, and a streaming one every
        frame: the mean of its answers from the warm-up on, or the last one where the clip is
        shorter.

        Raises `InputError` for a wrong shape, for a clip in which nothing was seen, and for bodies
        that make no sense.
        """
        return self._run_clip(self.checked(clip, rate), rate)[0]

    def embed(self, clip: np.ndarray, rate: float = 30) -> np.ndarray:
        """The embedding (features,) of a whole clip; otherwise as `predict`."""
        return self._run_clip(self.checked(clip, rate), rate)[1]

    def repetitions(
        self, clip: np.ndarray, rate: float = 30, label: str | None = None
    ) -> int | None:
        """How often the movement in a clip (T, V, 3) of one person, in metres, is repeated; None
        where nothing moves.

        Of a clip (T, M, V, 3) the first person counts. `label` says which action it is. Raises
        `InputError` as `predict` does.
        """
        joints = self.checked(clip, rate)[0]
        counter = Counter(self.metadata.layout, self.metadata.upper_body)
        for number, frame in enumerate(joints):
            counter.push(frame, number / rate)
            counter.advance(0, number / rate, label)
        return counter.count(0, len(joints) / rate, label)

    def checked(self, clip: np.ndarray, rate: float = 30) -> np.ndarray:
        """A clip (T, V, 3) or (T, M, V, 3) as (M, T, V, 3), float32, with NaN where there is no
        body.

        Raises `InputError` for what `predict` gives no answer to.
        """
        joints = _numbers(clip, "the clip")
        if joints.ndim not in (3, 4) or joints.shape[-1] != 3:
            raise InputError(
                "the clip: expected shape (frames, joints, 3) or (frames, persons, joints, 3), got"
                f" {joints.shape}"
            )
        if joints.ndim == 4 and joints.shape[1] > LARGEST["persons"]:
            raise InputError(
                f"the clip: expected (frames, persons, joints, 3), got {joints.shape}, which are"
                f" {joints.shape[1]} persons; swap the first two axes of a store's clip:"
                " clip.swapaxes(0, 1)"
            )
        if not 0 < rate < np.inf:
            raise InputError(f"rate: expected frames a second, more than 0, got {rate}")
        whole = joints[None] if joints.ndim == 3 else joints.transpose(1, 0, 2, 3)
        check_joint_count(whole.shape[2], self.metadata.layout, "the clip")
        if not self.checks_bodies:
            return whole
        if self.metadata.hz is not None and (slow := too_slow(1 / rate)):
            raise InputError(f"rate: {slow}")
        return check_clip(whole, self.metadata.layout)

    def reset(self, person: Hashable | None = None) -> None:
        """Forget one person, or everybody: the next frame starts anew, at any time stamp."""
        if person is None:
            self._persons.clear()
            self._pace = Pace()
        else:
            self._persons.pop(person, None)

    def _run_clip(self, clip: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
        """The answer to a clip (M, T, V, 3) and its embedding, without what cannot be seen."""
        metadata = self.metadata
        legs = list(leg_joints(metadata.layout)) if metadata.upper_body else []
        if legs and not seen(clip[..., legs, :]).any():
            probabilities, embedding = self._answers(hanging(clip, metadata.layout), rate)
            return self._without_legs(probabilities), embedding
        return self._answers(clip, rate)

    def _answers(self, clip: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
        """The answer and the embedding of a clip (M, T, V, 3)."""
        metadata = self.metadata
        if metadata.hz is None:
            return self._with_taught(
                *self._backend.run(
                    prepare(clip, metadata.layout, metadata.persons, frames=metadata.frames)
                )
            )
        clip = at_rate(prepare(clip, metadata.layout, metadata.persons), rate, metadata.hz)
        if metadata.streaming is None:
            return self._with_taught(*self._backend.run(newest(clip, metadata.frames)))
        stepper = self._backend.stepper()
        stepper.start(clip[:, 0])
        answers = [
            self._with_taught(*(part.copy() for part in stepper.step(clip[:, t])))
            for t in range(clip.shape[1])
        ]
        ready = answers[min(metadata.warm_up, len(answers)) - 1 :]
        probabilities, embedding = (np.mean(parts, axis=0) for parts in zip(*ready, strict=True))
        return probabilities, embedding

    def _with_taught(
        self, probabilities: np.ndarray, embedding: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        if not (np.isfinite(probabilities).all() and np.isfinite(embedding).all()):
            raise InputError(
                "the model: expected numbers as its answer, got NaN or infinity for a body that"
                " makes sense; its file is damaged, export it again"
            )
        if self._taught is not None:
            probabilities = self._taught.combine(probabilities, embedding, self.metadata)
        return probabilities, embedding

    def _without_legs(self, probabilities: np.ndarray) -> np.ndarray:
        """Probabilities without those of actions that nobody can see; `other` gets them."""
        told = np.where(self._of_legs, 0, probabilities).astype(probabilities.dtype)
        if self._rest is not None:
            told[self._rest] += probabilities[self._of_legs].sum()
        return told

    def _frame(self, joints: np.ndarray) -> np.ndarray:
        """One frame as (persons, V, 3) float32, checked."""
        frame = _numbers(joints, "the frame")
        persons, layout = self.metadata.persons, self.metadata.layout
        frame = frame[None] if frame.ndim == 2 else frame
        if frame.ndim != 3 or frame.shape[-1] != 3 or not 1 <= frame.shape[0] <= persons:
            expected = f"({len(layout)}, 3)" if persons == 1 else f"({persons}, {len(layout)}, 3)"
            raise InputError(
                f"the frame: expected joints of shape {expected}, got {np.shape(joints)}; other"
                " persons go by `person`"
            )
        check_joint_count(frame.shape[1], layout, "the frame")
        if len(frame) == persons:
            return frame
        return np.concatenate(
            [frame, np.full((persons - len(frame), *frame.shape[1:]), np.nan, np.float32)]
        )

    def _forget(self, moment: float) -> None:
        """Drop whoever has no more say: an empty window by now, and no event that may go on."""
        limit = moment - max(self.metadata.seconds, self.rules.debounce, AWAY)
        for person in [person for person, state in self._persons.items() if state.seconds < limit]:
            del self._persons[person]

    def _push(self, state: _Person, frame: np.ndarray, moment: float) -> None:
        if state.result.fresh:
            state.result = replace(state.result, fresh=False)
        state.seconds = moment
        state.window.push(frame, moment)
        if len(state.window) == 0 or moment - state.seen > longest_gap(self.metadata):
            state.result = Result()
            state.events.interrupt()

    def _whole(self, event: Event, state: _Person, person: Hashable) -> Event:
        """An event with whose it is and, once it has ended, how often the movement was repeated."""
        count = None
        if event.end is not None:
            # The last answer that kept it came so much later at the most.
            latest = event.end + self.rules.lag_end
            count = state.counter.count_event(
                event.start, event.end, latest=latest, label=event.label
            )
        return replace(event, person=person, repetitions=count)

    def _infer(self, state: _Person, person: Hashable, moment: float) -> list[Event]:
        """Let the model answer, unless it has nothing new; the events of it."""
        start, _ = state.window.bounds()
        if isinstance(state.window, Stream):
            answer = state.window.take()
            if answer is None:
                return []
            probabilities, embedding = self._with_taught(*(part.copy() for part in answer))
        else:
            probabilities, embedding = self._with_taught(*self._backend.run(state.window.read()))
        upper = state.window.legless
        probabilities = self._without_legs(probabilities) if upper else probabilities
        # The next one is due a hop after this one was, not after it came: a camera's jitter must
        # not slow the answers down.
        state.due = state.due + self.hop if moment - state.due < self.hop else moment + self.hop
        best = int(probabilities.argmax())
        label = self.labels[best]
        confidence = float(probabilities[best])
        state.result = Result(
            True,
            fresh=True,
            label=label,
            confidence=confidence,
            probabilities=probabilities,
            embedding=embedding,
            seconds=moment,
            upper=upper,
        )
        events = state.events.update(probabilities, moment, start)
        found = [self._whole(event, state, person) for event in events]
        if moment - state.counted >= COUNTED:
            state.counted = moment
            state.counts = {
                (one.label, one.start): state.counter.count(one.start, moment, one.label)
                for one in state.events.open
            }
        return found


def _moment(seconds: float) -> float:
    try:
        moment = float(seconds)
    except (TypeError, ValueError):
        moment = np.nan
    if not np.isfinite(moment):
        raise InputError(f"expected a time stamp in seconds, got {seconds!r}")
    return moment


def _numbers(joints: Any, source: str) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):
            return np.asarray(unmasked(joints), dtype=np.float32)
    except (TypeError, ValueError):
        raise InputError(
            f"{source}: expected an array of coordinates in metres, got {type(joints).__name__}"
        ) from None
