"""What everybody in view is doing: people's joints to answers and events."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skedge.edge_runtime.events import Event
from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.recognizer import Recognizer, Result
from skedge.skeleton.layout import Layout
from skedge.skeleton.retarget import retarget

TOP = 5


@dataclass(frozen=True, eq=False)
class Observation:
    """A frame and the people in it, of `layout`; `taken` is when the camera gave it, in
    `time.monotonic`'s seconds."""

    frame: Frame
    people: tuple[Person, ...]
    layout: Layout
    taken: float


def _plain(number: int | None) -> int | None:
    """A person's number as JSON takes it, whatever integer a pose estimator of one's own gives."""
    return None if number is None else int(number)


@dataclass(frozen=True, eq=False)
class Answer:
    """What is known about one person: `top` the likeliest labels and their probabilities, empty
    before the first answer.

    `whole` is False where no whole body is in view: then there is no action. `id` is None for a
    scene of several people.
    """

    id: int | None
    whole: bool
    top: tuple[tuple[str, float], ...] = ()

    @property
    def text(self) -> str:
        """A few words for the picture."""
        if not self.whole:
            return "no whole body in view"
        return f"{self.top[0][0]} {100 * self.top[0][1]:.0f} %" if self.top else "in view"

    def document(self) -> dict[str, Any]:
        top = [
            {"label": label, "probability": round(probability, 4)}
            for label, probability in self.top
        ]
        return {"id": _plain(self.id), "whole": self.whole, "top": top}


@dataclass(frozen=True)
class Happening:
    """An event and whose it is; `person` is None where the model looks at the scene."""

    event: Event
    person: int | None

    def document(self) -> dict[str, Any]:
        """The event as plain JSON types: what programs get."""
        event = self.event
        return {
            "event": event.label,
            "confidence": round(event.confidence, 4),
            "person": _plain(self.person),
            "start": round(event.start, 3),
            "end": round(event.end, 3),
        }


@dataclass(frozen=True, eq=False)
class Outlook:
    """What came of an observation: answers, events, large words for whoever looks on, and whether
    all is done now."""

    answers: tuple[Answer, ...] = ()
    happenings: tuple[Happening, ...] = ()
    banner: str = ""
    finished: bool = False


class Actions:
    """Gives every person's joints to a recognizer, placed on its layout, and gathers what it
    answers.

    A model made for one person sees each person alone, under that person's id. A model made for two
    sees the scene: people keep their places in it as long as they are in view.
    """

    def __init__(self, recognizer: Recognizer) -> None:
        self.recognizer = recognizer
        self._places: list[int | None] = [None] * recognizer.metadata.persons

    def update(self, observation: Observation) -> Outlook:
        if self.recognizer.metadata.persons > 1:
            return self._scene(observation)
        answers, happenings = [], []
        for person in observation.people:
            if not person.whole:
                answers.append(Answer(person.id, False))
                continue
            joints = self._placed(person, observation.layout)
            result = self.recognizer.update(joints, observation.frame.seconds, person.id)
            answers.append(Answer(person.id, True, self._top(result)))
            if result.event:
                happenings.append(Happening(result.event, person.id))
        return Outlook(tuple(answers), tuple(happenings))

    def _scene(self, observation: Observation) -> Outlook:
        if not observation.people:
            return Outlook()
        whole = {person.id: person for person in observation.people if person.whole}
        if not whole:
            return Outlook((Answer(None, False),))
        self._places = [place if place in whole else None for place in self._places]
        waiting = [id for id in whole if id not in self._places]
        self._places = [
            waiting.pop(0) if place is None and waiting else place for place in self._places
        ]
        joints = np.full(
            (len(self._places), len(self.recognizer.metadata.layout), 3), np.nan, np.float32
        )
        for number, place in enumerate(self._places):
            if place is not None:
                joints[number] = self._placed(whole[place], observation.layout)
        result = self.recognizer.update(joints, observation.frame.seconds)
        happenings = (Happening(result.event, None),) if result.event else ()
        return Outlook((Answer(None, True, self._top(result)),), happenings)

    def _placed(self, person: Person, layout: Layout) -> np.ndarray:
        target = self.recognizer.metadata.layout
        return (
            person.joints
            if layout.joints == target.joints
            else retarget(person.joints, layout, target)
        )

    def _top(self, result: Result) -> tuple[tuple[str, float], ...]:
        if result.probabilities is None:
            return ()
        best = np.argsort(-result.probabilities, kind="stable")[:TOP]
        return tuple((self.recognizer.labels[i], float(result.probabilities[i])) for i in best)
