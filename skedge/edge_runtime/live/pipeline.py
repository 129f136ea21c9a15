"""Camera, pose and action side by side: the picture never waits for anything but the pose, and
nothing waits for a viewer."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np

from skedge.edge_runtime.interfaces import Frame, PoseEstimator, Source
from skedge.edge_runtime.live.actions import Answer, Observation, Outlook
from skedge.edge_runtime.live.control import Control
from skedge.edge_runtime.live.crew import Crew, LiveError
from skedge.edge_runtime.live.machine import health
from skedge.edge_runtime.live.mailbox import Mailbox, Newest
from skedge.edge_runtime.live.pulse import Pulse
from skedge.edge_runtime.live.timing import Timing
from skedge.edge_runtime.live.view import View
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout
from skedge.skeleton.text import one_line, printable

REMEMBERED = 100
STATE_SECONDS = 0.1
FIGURES_SECONDS = 1.0
# Seconds between two looks at the stages after which all of them were held up, as where the process
# or the computer was suspended: none is judged before it has gone on.
HELD_UP = 5.0
# Answers this old are nobody's any more: the camera was lost, or stands still.
STALE_SECONDS = 2.0
# What a driver may take to close a camera; some never return.
CLOSING = 5.0


class Consumer(Protocol):
    """What becomes of observations: actions (`Actions`), or clips for a store."""

    def update(self, observation: Observation) -> Outlook: ...

    def finish(self) -> Outlook:
        """The last events and notes: no observation will come any more, or none for a while."""
        ...


class Painter(Protocol):
    """Makes one picture of an observation for all who look; called in a thread of its own, only
    while `wanted`."""

    @property
    def wanted(self) -> bool: ...

    @property
    def patient(self) -> bool:
        """Whether no frame may be left out, where the source waits (a recording of a film)."""
        ...

    @property
    def problem(self) -> str:
        """Why it cannot record, empty while all is well."""
        ...

    def paint(self, observation: Observation, answers: tuple[Answer, ...]) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, eq=False)
class _Shot:
    frame: Frame
    taken: float


class Live:
    """Runs a source through a pose estimator into a consumer, each in a thread of its own with a
    queue of one between them.

    The newest frame wins: what a slower stage cannot take is left out, and the time stamps tell the
    recognizer so. With `every_frame` stages wait for each other instead, as suits a film or
    recorded skeletons. The `view` may be changed while it runs; `control` says what else may, and
    `model` which model answers.

    `states` is the newest state as JSON, made ten times a second, once for all viewers (see
    `state`); `log` keeps the last 100 events and notes, each with a number. `lost` counts events
    that came to nobody, by where they were to go; whoever tells them keeps it. `followed` is set
    when no event comes any more. Functions given to `tell` are called in the thread where something
    happens: they must not take long.
    """

    def __init__(
        self,
        source: Source,
        pose: PoseEstimator | None,
        layout: Layout,
        consumer: Consumer,
        *,
        name: str = "",
        painter: Painter | None = None,
        every_frame: bool = False,
    ) -> None:
        self.crew = Crew()
        self.timing = Timing()
        self.pulse = Pulse()
        self.states: Newest[bytes] = Newest()
        self.log = Log()
        self.lost: dict[str, int] = {}
        self.followed = threading.Event()
        self.name = printable(name)
        self.view = View()
        self.control: Control | None = None
        self.model: Callable[[], dict[str, str]] | None = None
        self._source = source
        self._pose = pose
        self._layout = layout
        self._consumer = consumer
        self._painter = painter
        self._frames: Mailbox[_Shot] = Mailbox(wait=every_frame)
        self._observations: Mailbox[Observation] = Mailbox(wait=every_frame)
        self._pictures: Mailbox[Observation] = Mailbox(
            wait=every_frame and painter is not None and painter.patient
        )
        self._outlook = Outlook()
        self._began = time.monotonic()
        self._answered = -np.inf
        self._figures: dict[str, Any] = {"rates": {}, "latencies": {}, "health": {}}
        self._at_work = {"action", "picture"}
        self._lock = threading.Lock()
        self._status = ""

    def tell(self, kind: str, listener: Callable[[dict[str, Any]], None]) -> None:
        """Give a function every document of a kind, action or note; an error in it ends the live
        view."""
        self.log.tell(kind, listener)

    def note(self, text: str) -> None:
        """Say something to whoever looks on."""
        self.log.add("note", {"note": one_line(text)})

    def start(self) -> None:
        crew = self.crew
        crew.start("camera", self._film, self._frames.close)
        crew.start("pose", self._find, self._observations.close)
        crew.start("action", self._follow)
        crew.start("picture", self._show, self._pictures.close)
        crew.start("state", self._publish)

    def wait(self) -> None:
        """Wait until the source ends, the crew is stopped or a thread fails."""
        while not self.crew.stopping.wait(0.2):
            pass

    def close(self) -> None:
        """End all threads, then the source and the recording. Raises the error of a thread, if
        there was one, and `LiveError` where the source does not close within `CLOSING` seconds."""
        self.crew.stop()
        late = self.crew.join(1.0)
        try:
            # Only a camera's driver can still be at work: closing the source is what may free it.
            close_source(self._source, self.name)
            if late:
                self.crew.join()
        finally:
            try:
                if self._painter is not None:
                    self._painter.close()
            finally:
                # What broke first says more than what it left the recording in.
                self.crew.raise_error()

    def state(self) -> dict[str, Any]:
        """The present state as plain JSON types: answers, rates (Hz), latencies (ms), dropped
        frames, the computer's health. Where it is not `looking`, as no picture was answered lately,
        who is in view is not known."""
        now = time.monotonic()
        looking = now - self._answered < STALE_SECONDS
        outlook = self._outlook if looking else Outlook()
        return {
            "source": self.name,
            "status": self._status,
            "time": clock(),
            "uptime": round(now - self._began, 1),
            "looking": looking,
            "people": [answer.document() for answer in outlook.answers],
            "banner": outlook.banner,
            "model": None if self.model is None else self.model(),
            "view": self.view.document(),
            "control": None if self.control is None else self.control.document(),
            "dropped": {"pose": self._frames.dropped, "action": self._observations.dropped},
            **self._figures,
        }

    def hanging(self) -> list[str]:
        """Stages that have been at one frame for ten seconds. A camera that is lost and said to be
        so is none: it is tried again."""
        status = getattr(self._source, "status", "")
        return [stage for stage in self.pulse.hangs() if stage != "camera" or not status]

    def problems(self) -> list[str]:
        """What keeps events from coming or films from being stored, in a few words each; empty
        while all is well."""
        return [self._status] if self._status else []

    def _film(self) -> None:
        frames = iter(self._source)
        while True:
            with self.pulse.work("camera"):
                frame = next(frames, None)
            if frame is None:
                break
            if self.crew.stopping.is_set():
                return
            self.timing.happened("camera")
            self._frames.put(_Shot(frame, time.monotonic()))
        self._frames.close()

    def _find(self) -> None:
        while (shot := self._frames.take()) is not None and not self.crew.stopping.is_set():
            start = time.monotonic()
            if shot.frame.image is not None and self.view.rotation:
                turned = replace(shot.frame, image=self.view.turned(shot.frame.image))
                shot = _Shot(turned, shot.taken)
            people = shot.frame.people
            if people is None:
                if self._pose is None:
                    raise InputError(
                        f"{self.name}: expected recorded skeletons, got pictures and no pose"
                        " estimator"
                    )
                with self.pulse.work("pose"):
                    people = self._pose.estimate(shot.frame)
                self.timing.took("pose", time.monotonic() - start)
            self.timing.happened("pose")
            observation = Observation(shot.frame, people, self._layout, taken=shot.taken)
            self._observations.put(observation)
            if self._painter is not None and self._painter.wanted:
                self._pictures.put(observation)
        self._observations.close()
        self._pictures.close()

    def _follow(self) -> None:
        while not (self._observations.ended or self.crew.stopping.is_set()):
            observation = self._observations.take(STALE_SECONDS)
            if observation is not None:
                self._answer(observation)
            elif getattr(self._source, "status", ""):
                # The camera is lost, maybe for hours: nobody goes on waving meanwhile.
                self._announce(Outlook(happenings=self._consumer.finish().happenings))
        stopped = self.crew.stopping.is_set()
        last = self._consumer.finish()
        self._announce(last if stopped else replace(last, notes=last.notes + last.unless_stopped))
        self.followed.set()
        self._done("action")

    def _answer(self, observation: Observation) -> None:
        start = time.monotonic()
        with self.pulse.work("action"):
            self._outlook = outlook = self._consumer.update(observation)
        self._answered = now = time.monotonic()
        self.timing.took("action", now - start)
        self.timing.took("camera to answer", now - observation.taken)
        self.timing.happened("action")
        self._announce(outlook)
        if outlook.finished:
            self.crew.stop()

    def _announce(self, outlook: Outlook) -> None:
        for happening in outlook.happenings:
            self.log.add("action", happening.document())
        for note in outlook.notes:
            self.note(note)

    def _show(self) -> None:
        while (
            observation := self._pictures.take()
        ) is not None and not self.crew.stopping.is_set():
            start = time.monotonic()
            assert self._painter is not None
            with self.pulse.work("picture"):
                self._painter.paint(observation, self._outlook.answers)
            self.timing.took("picture", time.monotonic() - start)
        self._done("picture")

    def _done(self, name: str) -> None:
        """Note that a stage is done with all that the source gave; the last one stops the crew."""
        with self._lock:
            self._at_work.discard(name)
        if not self._at_work:
            self.crew.stop()

    def _publish(self) -> None:
        due = 0.0
        looked = time.monotonic()
        while True:
            last = self.crew.stopping.is_set()
            now = time.monotonic()
            if now >= due or last:
                figures = {
                    "rates": self.timing.rates(),
                    "latencies": self.timing.latencies(),
                    "health": health(),
                }
                self._figures = figures
                due = now + FIGURES_SECONDS
            if now - looked < HELD_UP:
                self._listen_to_source()
            looked = now
            self.states.put(json.dumps(self.state()).encode())
            if last:
                return
            self.crew.stopping.wait(STATE_SECONDS)

    def _listen_to_source(self) -> None:
        """Sources that can lose their camera have a `status`: a few words, empty while all is
        well. A stage that hangs is worse, a recording that fails is not as bad."""
        recording = "" if self._painter is None else self._painter.problem
        status = str(getattr(self._source, "status", "") or "")
        status = printable(status or (recording and f"recording: {recording}"))
        hanging = self.hanging()
        if hanging:
            status = f"{' and '.join(hanging)} hangs"
        if status != self._status:
            self._status = status
            self.note(f"{self.name}: {status or 'all is well again'}")


def close_source(source: Source, name: str) -> None:
    """Close a source; raises `LiveError` where that fails, or takes longer than `CLOSING`
    seconds."""
    ending = Crew()
    ending.start("camera", source.close)
    if ending.join(CLOSING):
        raise LiveError(
            f"{name}: it does not close within {CLOSING:g} s; if nothing can open it again, unplug"
            " it"
        )
    ending.raise_error()


@contextmanager
def closed_on_error(source: Source, name: str) -> Iterator[None]:
    """Closes a source where the `with` block breaks. What broke there is raised, since it says more
    than a source that does not close either."""
    try:
        yield
    except BaseException:
        with suppress(Exception):
            close_source(source, name)
        raise


def clock() -> str:
    """The time of the day, as events and notes carry it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Log:
    """The last 100 events and notes, numbered from 1, for readers that come and go, and for
    listeners, who get each as it comes."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[dict[str, Any]], None]]] = {
            "action": [],
            "note": [],
        }
        self._entries: deque[tuple[int, str, dict[str, Any]]] = deque(maxlen=REMEMBERED)
        self._number = 0
        self._lock = threading.Lock()

    def tell(self, kind: str, listener: Callable[[dict[str, Any]], None]) -> None:
        """Give a function every document of a kind, action or note, from now on."""
        self._listeners[kind].append(listener)

    def add(self, kind: str, document: dict[str, Any]) -> None:
        """Log a document of a kind, action or note, with the time of the day in it."""
        with self._lock:
            self._number += 1
            stamped = document | {"time": clock()}
            self._entries.append((self._number, kind, stamped))
        for listener in self._listeners[kind]:
            listener(stamped)

    def since(self, number: int) -> list[tuple[int, str, dict[str, Any]]]:
        """Entries with a greater number, oldest first: (number, kind, document)."""
        with self._lock:
            return [entry for entry in self._entries if entry[0] > number]
