"""Clips of one's own action from the camera: a countdown, so many seconds of moving, and again."""

import numpy as np

from skedge.datasets.store.rewrite import Clip
from skedge.edge_runtime.interfaces import Person
from skedge.edge_runtime.live.actions import Answer, Observation, Outlook
from skedge.skeleton.errors import InputError
from skedge.skeleton.resample import at_times
from skedge.skeleton.text import counted

RATE = 30.0
FEWEST = 8
LONGEST_GAP = 0.5
TRIES = 4
# A clip's name is the label and its number, in at most 255 characters.
LONGEST_LABEL = 240


class Takes:
    """Gathers `count` clips of `seconds` each, with a countdown of so many seconds before every
    one; `clips` holds them.

    The person in a clip is the one who takes up most of the picture when it begins, and must stay
    in view, as a whole or from the hips up: a take with a gap of more than half a second is done
    again. Observations must be given in the order of their time stamps. Clips are (1, T, V, 3) at
    30 frames a second, in the pose estimator's layout.

    Raises `InputError` for a label or a subject that no store takes, and from `update` when four
    times as many takes were made and still clips are missing.
    """

    def __init__(
        self, label: str, count: int, seconds: float, countdown: float = 3.0, subject: int = -1
    ) -> None:
        label = label.strip()
        for name, value, least in (
            ("--clips", count, 1),
            ("--seconds", seconds, 0.5),
            ("--countdown", countdown, 0),
        ):
            if not least <= value < 1000:
                raise InputError(f"{name}: expected from {least} to 1000, got {value}")
        if not 0 < len(label) <= LONGEST_LABEL or not label.isprintable():
            raise InputError(
                f"expected a label of 1 to {LONGEST_LABEL} printable characters, got {label[:80]!r}"
            )
        if not -1 <= subject < 2**31:
            raise InputError(f"--subject: expected from -1 to {2**31 - 1}, got {subject}")
        self.clips: list[Clip] = []
        self.count = count
        self.label = label
        self._seconds = seconds
        self._countdown = countdown
        self._subject = subject
        self._tries = 0
        self._began: float | None = None
        self._person: int | None = None
        self._frames: list[np.ndarray] = []
        self._times: list[float] = []
        self._complaint = ""

    @property
    def complete(self) -> bool:
        return len(self.clips) == self.count

    def update(self, observation: Observation) -> Outlook:
        banner = self._follow(observation)
        return Outlook(
            tuple(Answer(one.id, one.whole or one.upper) for one in observation.people),
            banner=banner,
            finished=self.complete,
        )

    def finish(self) -> Outlook:
        return Outlook()

    def _follow(self, observation: Observation) -> str:
        """What to tell the person, after taking note of what was seen."""
        now = observation.frame.seconds
        whole = [person for person in observation.people if person.whole or person.upper]
        if self._began is None:
            if not whole:
                return "no whole body in view: step back"
            self._began = now + self._countdown
        if now < self._began:
            again = f"{self._complaint}, again: " if self._complaint else ""
            return (
                f"{again}{self.label} {len(self.clips) + 1} of {self.count} in"
                f" {np.ceil(self._began - now):.0f}"
            )
        if not self._times and self._person is None and whole:
            self._person = max(whole, key=_size).id
        person = next((person for person in whole if person.id == self._person), None)
        if person is not None:
            self._frames.append(person.joints)
            self._times.append(now)
        if now < self._began + self._seconds:
            return f"{self.label} {len(self.clips) + 1} of {self.count}: now"
        self._finish(now)
        return self._complaint or f"{len(self.clips)} of {self.count} done"

    def _finish(self, now: float) -> None:
        assert self._began is not None
        self._tries += 1
        moments = [self._began, *self._times, now]
        if len(self._times) < FEWEST or np.diff(moments).max() > LONGEST_GAP:
            self._complaint = "not in view all the time"
            if self._tries >= TRIES * self.count:
                raise InputError(
                    f"expected a whole body in view during {self._seconds:g} s, got"
                    f" {counted(len(self.clips), 'such take')} of {self._tries}; step back, or look"
                    " at the camera's pace"
                )
        else:
            self._complaint = ""
            moments_wanted = self._began + (np.arange(round(self._seconds * RATE)) + 0.5) / RATE
            joints = at_times(np.stack(self._frames)[None], np.array(self._times), moments_wanted)
            self.clips.append(Clip(self.label, joints, self._subject))
        self._began = None
        self._person = None
        self._frames = []
        self._times = []


def _size(person: Person) -> float:
    """How much of the picture, or of the room where there is none, the person takes up."""
    points = person.joints[:, :2] if person.pixels is None else person.pixels
    points = points[np.isfinite(points).all(axis=1)]
    return float(np.prod(np.ptp(points, axis=0))) if len(points) else 0.0
