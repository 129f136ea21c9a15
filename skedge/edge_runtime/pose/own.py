"""A pose estimator of one's own: its people are looked at, and placed in metres where it sees them
in two dimensions."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from skedge.datasets.mending import CHANNELS, PERSON_HEIGHT
from skedge.edge_runtime.interfaces import Frame, Person
from skedge.skeleton.anatomy import height_of
from skedge.skeleton.errors import BROKEN, InputError, OwnCodeError, described
from skedge.skeleton.layout import Layout

# Frames of a person that tell how tall it is in the picture, and how often they are asked.
REMEMBERED, EVERY = 90, 5
# Seconds after which somebody is forgotten.
GONE = 10.0


class OwnPose:
    """What a pose estimator of one's own gives, as bodies in metres.

    Its `channels` say what the numbers of a joint are: xyz (metres, where it has no such
    attribute), xys (a place in the picture in pixels, y down, and a score that is 0 where the joint
    was not seen) or xy. Of places in the picture people are made of `PERSON_HEIGHT`, as `skedge
    data import --channels xys` makes them.

    Raises `InputError` where it is no estimator, and from `estimate` for joints of another shape,
    and `OwnCodeError` where that breaks; all name the estimator.
    """

    def __init__(self, pose: Any, named: str) -> None:
        layout = getattr(pose, "layout", None)
        if not isinstance(layout, Layout) or not callable(getattr(pose, "estimate", None)):
            raise InputError(
                f"{named}: expected it to give a pose estimator, an object with `layout` and"
                " `estimate` as in skedge.edge_runtime.interfaces.PoseEstimator, got"
                f" {type(pose).__name__}"
            )
        self.layout: Layout = layout
        self.channels = str(getattr(pose, "channels", "xyz"))
        if self.channels not in CHANNELS:
            raise InputError(
                f"{named}: expected channels of {', '.join(CHANNELS)}, got {self.channels!r}"
            )
        self._pose = pose
        self._named = named
        self._scales: dict[Any, _Scale] = {}

    @classmethod
    def made_by(cls, make: Callable[..., Any], people: int, named: str) -> "OwnPose":
        """The estimator that `make` gives for a number of people; `InputError` where it fails."""
        try:
            pose = make(people)
        except BROKEN as error:
            raise InputError(
                f"{named}: expected a pose estimator when called with the number of people,"
                f" {people}, got {described(error)}"
            ) from None
        return cls(pose, named)

    def estimate(self, frame: Frame) -> tuple[Person, ...]:
        try:
            found = self._pose.estimate(frame)
            found = tuple(found) if isinstance(found, Iterable) else (found,)
        except BROKEN as error:
            raise OwnCodeError(f"{self._named}: {described(error)}") from error
        people = tuple(map(self._checked, found))
        if len({person.id for person in people}) < len(people):
            ids = ", ".join(str(person.id) for person in people)
            raise InputError(
                f"{self._named}: expected an id of their own for all people in a picture, got {ids}"
            )
        if self.channels == "xyz":
            return people
        placed = tuple(self._placed(person, frame.seconds) for person in people)
        gone = [one for one, scale in self._scales.items() if frame.seconds - scale.last > GONE]
        for one in gone:
            del self._scales[one]
        return placed

    def _checked(self, person: Any) -> Person:
        """A person with joints and pixels as arrays of the shapes they should have."""
        if not isinstance(person, Person):
            raise InputError(
                f"{self._named}: expected `estimate` to give people, each a"
                f" skedge.edge_runtime.interfaces.Person, got {type(person).__name__}"
            )
        if not isinstance(person.id, int | np.integer):
            raise InputError(
                f"{self._named}: expected a whole number as each person's id, got {person.id!r}"
            )
        joints = self._numbers(person.joints)
        self._check(joints.shape)
        pixels = None if person.pixels is None else self._numbers(person.pixels)
        if pixels is not None and pixels.shape != (len(self.layout), 2):
            raise InputError(
                f"{self._named}: expected pixels {(len(self.layout), 2)} of each person, or None,"
                f" got {pixels.shape}"
            )
        return replace(person, joints=joints, pixels=pixels)

    def _numbers(self, array: Any) -> np.ndarray:
        try:
            return np.asarray(array, np.float32)
        except (TypeError, ValueError):
            raise InputError(
                f"{self._named}: expected joints and pixels as arrays of numbers, got"
                f" {type(array).__name__}"
            ) from None

    def _check(self, shape: tuple[int, ...]) -> None:
        wanted = (len(self.layout), len(self.channels))
        if shape == wanted:
            return
        hint = ""
        if shape == (wanted[0], 2) and self.channels != "xy":
            hint = "; one that sees in two dimensions says `channels = 'xy'`, or 'xys' with scores"
        raise InputError(
            f"{self._named}: expected joints {wanted} of each person ({self.channels} of"
            f" {self.layout.name}), got {shape}{hint}"
        )

    def _placed(self, person: Person, seconds: float) -> Person:
        joints = person.joints
        score = joints[:, 2] if self.channels == "xys" else np.ones(len(joints))
        places = np.where((score > 0)[:, None], joints[:, :2], np.nan)
        scale = self._scales.setdefault(person.id, _Scale(self.layout))
        return replace(
            person,
            joints=scale.metres(places, seconds),
            pixels=places if person.pixels is None else person.pixels,
        )


class _Scale:
    """How large one person is in the picture, by the limbs at their longest in the last frames."""

    def __init__(self, layout: Layout) -> None:
        self.last = 0.0
        self._layout = layout
        self._frames: deque[np.ndarray] = deque(maxlen=REMEMBERED)
        self._origin: np.ndarray | None = None
        self._taken = 0
        self._height = float("nan")

    def metres(self, places: np.ndarray, seconds: float) -> np.ndarray:
        """Joints (V, 3) of places (V, 2) in pixels: y up, x as a Kinect gives it, z 0; NaN while no
        limb shows the size."""
        self.last = seconds
        if self._origin is None and np.isfinite(places).any():
            self._origin = np.nanmedian(places, axis=0)
        flat = np.concatenate([places, np.zeros_like(places[:, :1])], axis=1)
        self._frames.append(flat)
        if self._taken % EVERY == 0 or not self._height > 0:
            self._height = height_of(np.stack(self._frames), self._layout, flat=True)
        self._taken += 1
        joints = np.full(flat.shape, np.nan, np.float32)
        seen = np.isfinite(places).all(axis=1)
        if self._origin is not None and self._height > 0:
            # In a picture the right hand of a person who faces the camera is at smaller x.
            joints[seen, :2] = (self._origin - places[seen]) * (PERSON_HEIGHT / self._height)
            joints[seen, 2] = 0
        return joints
