"""What everybody in view is doing: people's joints to answers and events."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from skedge.edge_runtime.events import Event, cannot_say_no
from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.recognizer import Recognizer, Result
from skedge.edge_runtime.window import first_answer
from skedge.skeleton.layout import Layout
from skedge.skeleton.retarget import retarget

TOP = 5
# What the documents of events are called; the number grows when a field changes its meaning.
SCHEMA = "skedge.event/1"
TOUCHING = "too close to somebody else to tell one body from the other"


@dataclass(frozen=True, eq=False)
class Observation:
    """A frame and the people in it, of `layout`; `taken` is when the camera gave it, in
    `time.monotonic`'s seconds."""

    frame: Frame
    people: tuple[Person, ...]
    layout: Layout
    taken: float


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _plain(number: int | None) -> int | None:
    """A person's number as JSON takes it, whatever integer a pose estimator of one's own gives."""
    return None if number is None else int(number)


@dataclass(frozen=True, eq=False)
class Answer:
    """What is known about one person: `top` the likeliest labels and their probabilities, empty
    before the first answer; `doing` the events that go on; `problem` why there is no answer.

    `whole` is False where too little of the body is in view for the model: then there is no action.
    `upper` is True where that is done without the legs. `id` is None for a scene of several people.
    """

    id: int | None
    whole: bool
    top: tuple[tuple[str, float], ...] = ()
    doing: tuple[Event, ...] = ()
    upper: bool = False
    problem: str = ""

    @property
    def waits(self) -> bool:
        """Whether the body can be looked at, and was not in view for long enough yet."""
        return self.whole and not (self.top or self.problem)

    @property
    def text(self) -> str:
        """A few words for the picture."""
        if not self.whole:
            return "no whole body in view"
        if self.problem:
            return self.problem
        words = f"{self.top[0][0]} {100 * self.top[0][1]:.0f} %" if self.top else "in view"
        return f"{words}, upper body" if self.upper else words

    def document(self) -> dict[str, Any]:
        top = [
            {"label": label, "probability": round(probability, 4)}
            for label, probability in self.top
        ]
        doing = [
            {
                "event": event.label,
                "start": round(event.start, 3),
                "length": round(event.announced - event.start, 3),
                "repetitions": event.repetitions,
            }
            for event in self.doing
        ]
        return {
            "id": _plain(self.id),
            "whole": self.whole,
            "upper": self.upper,
            "top": top,
            "doing": doing,
            "problem": self.problem,
        }


@dataclass(frozen=True)
class Happening:
    """An event that has begun or ended, and whose it is; `person` is None where the model looks at
    the scene.

    `number` counts the actions of this run, and is the same when one begins and when it ends.
    `zero` is the time of day (seconds since 1970) at the frames' second 0, `device` a name for who
    tells it.
    """

    event: Event
    person: int | None
    number: int = 0
    zero: float = 0.0
    device: str = ""

    def document(self) -> dict[str, Any]:
        """The event as plain JSON types: what programs get (`docs/events.md`)."""
        event = self.event
        return {
            "schema": SCHEMA,
            "event": event.label,
            "phase": "ended" if event.ended else "begun",
            "id": self.number,
            "person": _plain(self.person),
            "device": self.device,
            "confidence": round(event.confidence, 4),
            "start": round(event.start, 3),
            "end": _rounded(event.end),
            "length": _rounded(event.length),
            "repetitions": event.repetitions,
            "announced": round(event.announced, 3),
            "start_time": self._clock(event.start),
            "end_time": None if event.end is None else self._clock(event.end),
        }

    def _clock(self, seconds: float) -> str:
        return datetime.fromtimestamp(self.zero + seconds, UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, eq=False)
class Outlook:
    """What came of an observation: answers, events, large words for whoever looks on, notes to be
    told once, and whether all is done now. `unless_stopped` are notes for the end of a source that
    nobody broke off."""

    answers: tuple[Answer, ...] = ()
    happenings: tuple[Happening, ...] = ()
    banner: str = ""
    notes: tuple[str, ...] = ()
    finished: bool = False
    unless_stopped: tuple[str, ...] = ()


class Actions:
    """Gives every person's joints to a recognizer, placed on its layout, and gathers what it
    answers.

    A model made for one person sees each person alone, under that person's id. A model made for two
    sees the scene: people keep their places in it as long as they are in view. `device` is the name
    that events are told under.

    `threshold`, which is that of the recognizer at first, may be set by any thread, and so may
    another recognizer be given to `use`: both hold from the next frame on.
    """

    def __init__(self, recognizer: Recognizer, device: str = "") -> None:
        self.recognizer = recognizer
        self.device = device
        self.threshold = recognizer.threshold
        self._next: Recognizer | None = None
        # Of what goes on: its number, and the time of the day at second 0 as of its beginning.
        self._going: dict[tuple[Any, str, float], tuple[int, float]] = {}
        self._begun = 0
        self._noted: set[str] = set()
        self._frames = 0
        self._met = self._looked_at = self._waited = self._answered = False
        self._first_words = _first_words(recognizer)
        self._zero = 0.0
        # Who is in each of the model's places, and who was in it last.
        self._places: list[int | None] = [None] * recognizer.metadata.persons
        self._owners = [*self._places]

    def use(self, recognizer: Recognizer) -> None:
        """Use another recognizer from the next frame on; actions that are going on end there."""
        self._next = recognizer

    def update(self, observation: Observation) -> Outlook:
        before = self._take_over()
        age = time.monotonic() - observation.taken
        self._zero = time.time() - age - observation.frame.seconds
        see = self._scene if self.recognizer.metadata.persons > 1 else self._each
        answers, events = see(observation)
        events += self.recognizer.end_events(observation.frame.seconds)
        self._frames += 1
        self._met |= len(answers) > 0
        self._looked_at |= any(answer.whole for answer in answers)
        self._waited |= any(answer.waits for answer in answers)
        self._answered |= any(answer.top for answer in answers)
        return Outlook(answers, before + self._happenings(events), notes=self._notes(answers))

    def _take_over(self) -> tuple[Happening, ...]:
        """Change to the recognizer and threshold that are wanted now; returns what that ends."""
        ended: tuple[Happening, ...] = ()
        following = self._next
        self._next = None
        if following is not None:
            ended = self._happenings(self.recognizer.end_events())
            self.recognizer = following
            self._first_words = _first_words(following)
            self._places = [None] * following.metadata.persons
            self._owners = [*self._places]
        wanted = self.threshold
        if wanted != self.recognizer.threshold:
            self.recognizer.set_threshold(wanted)
        return ended

    def _notes(self, answers: tuple[Answer, ...]) -> tuple[str, ...]:
        """What there is to know about the recognizer, and what is wrong with somebody's body, each
        kind of it once."""
        new = {note: note for note in self._first_words}
        self._first_words = ()
        for answer in answers:
            kind = "".join(filter(str.isalpha, answer.problem))
            if kind and kind not in self._noted:
                new[kind] = answer.problem
        self._noted.update(new)
        return tuple(new.values())

    def finish(self) -> Outlook:
        """End all events that go on: no frame will come any more, or none for a while. Says so if
        nobody was ever in view whose body the model could look at, or not for long enough, or if
        nothing could move."""
        notes: tuple[str, ...] = ()
        short: tuple[str, ...] = ()
        if self._frames == 1:
            notes = ("a single picture, in which nothing moves",)
        elif self._frames > 0 and not self._looked_at:
            who = "nobody's whole body" if self._met else "nobody"
            notes = (f"{who} was in view in {self._frames} frames",)
        elif self._waited and not self._answered:
            seconds = first_answer(self.recognizer.metadata)
            short = (f"nobody was in view for long enough: the first answer takes {seconds:.2g} s",)
        happenings = self._happenings(self.recognizer.end_events())
        return Outlook(happenings=happenings, notes=notes, unless_stopped=short)

    def _happenings(self, events: Iterable[Event]) -> tuple[Happening, ...]:
        scene = self.recognizer.metadata.persons > 1
        found = []
        for event in events:
            key = (event.person, event.label, event.start)
            if not event.ended:
                self._begun += 1
                self._going[key] = (self._begun, self._zero)
            number, zero = self._going.pop(key) if event.ended else self._going[key]
            person: Any = None if scene else event.person
            found.append(Happening(event, person, number=number, zero=zero, device=self.device))
        return tuple(found)

    def _each(self, observation: Observation) -> tuple[tuple[Answer, ...], list[Event]]:
        answers: list[Answer] = []
        events: list[Event] = []
        for person in observation.people:
            if not (person.whole or (person.upper and self.recognizer.metadata.upper_body)):
                answers.append(Answer(person.id, False))
                continue
            if person.touching and not self.recognizer.metadata.touching:
                answers.append(Answer(person.id, True, problem=TOUCHING))
                continue
            joints = retarget(person.joints, observation.layout, self.recognizer.metadata.layout)
            result = self.recognizer.update(joints, observation.frame.seconds, person.id)
            answers.append(
                Answer(
                    person.id,
                    True,
                    top=self._top(result),
                    doing=self._doing(person.id),
                    upper=result.upper,
                    problem=result.problem,
                )
            )
            events += result.events
        return tuple(answers), events

    def _scene(self, observation: Observation) -> tuple[tuple[Answer, ...], list[Event]]:
        if not observation.people:
            return (), []
        whole = {person.id: person for person in observation.people if person.whole}
        if not whole:
            return (Answer(None, False),), []
        self._places = [place if place in whole else None for place in self._places]
        waiting = [id for id in whole if id not in self._places]
        self._places = [
            waiting.pop(0) if place is None and waiting else place for place in self._places
        ]
        events: list[Event] = []
        if any(
            None not in (was, now) and was != now
            for was, now in zip(self._owners, self._places, strict=True)
        ):
            # The limbs that are filled in would be those of who was in that place before.
            events += self.recognizer.end_events()
            self.recognizer.reset(0)
            self._owners = [None] * len(self._places)
        self._owners = [
            was if now is None else now for was, now in zip(self._owners, self._places, strict=True)
        ]
        target = self.recognizer.metadata.layout
        joints = np.full((len(self._places), len(target), 3), np.nan, np.float32)
        for number, place in enumerate(self._places):
            if place is not None:
                joints[number] = retarget(whole[place].joints, observation.layout, target)
        result = self.recognizer.update(joints, observation.frame.seconds)
        return (
            Answer(None, True, top=self._top(result), doing=self._doing(0), problem=result.problem),
        ), [*events, *result.events]

    def _doing(self, person: int) -> tuple[Event, ...]:
        return tuple(event for event in self.recognizer.open_events if event.person == person)

    def _top(self, result: Result) -> tuple[tuple[str, float], ...]:
        if result.probabilities is None:
            return ()
        best = np.argsort(-result.probabilities, kind="stable")[:TOP]
        return tuple((self.recognizer.labels[i], float(result.probabilities[i])) for i in best)


def _first_words(recognizer: Recognizer) -> tuple[str, ...]:
    return (*recognizer.notes, *cannot_say_no(recognizer.labels))
