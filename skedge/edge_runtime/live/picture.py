"""The picture that viewers and recordings get: the frame, who is in it and what they do. Needs
OpenCV (extra `live`)."""

from typing import Protocol

import cv2
import numpy as np

from skedge.edge_runtime.interfaces import Person
from skedge.edge_runtime.live.actions import Answer, Observation
from skedge.edge_runtime.live.mailbox import Newest
from skedge.edge_runtime.live.view import View
from skedge.skeleton.layout import Layout

WIDEST = 960
CANVAS = (480, 640)
EMPTY = (34, 28, 24)
QUALITY = 80
TALL = 2.6  # metres that the height of an empty canvas shows
LEFT, RIGHT, MIDDLE, FAINT = (80, 190, 255), (255, 180, 70), (235, 235, 235), (120, 120, 120)


class Recording(Protocol):
    """A recording: a `Film`, or `Segments`. `problem` says why nothing is stored at present; it is
    empty while all is well."""

    problem: str

    def add(self, picture: np.ndarray, seconds: float) -> None: ...

    def pause(self) -> None:
        """Note that no picture comes for a while."""
        ...

    def close(self) -> None: ...


class Studio:
    """Draws and encodes an observation once for everybody: JPEG pictures for `viewers`, and a film
    where one is asked for, as the `view` says. Any thread may set whether it is `recording`."""

    def __init__(
        self,
        viewers: Newest[bytes] | None,
        film: Recording | None = None,
        view: View | None = None,
    ) -> None:
        self.viewers = viewers
        self.film = film
        self._view = view or View()
        self.recording = film is not None
        self._running = False
        self._stage = Stage()

    @property
    def wanted(self) -> bool:
        watched = self.viewers is not None and self.viewers.watchers > 0
        return self.recording or self._running or watched

    @property
    def patient(self) -> bool:
        return self.film is not None

    @property
    def problem(self) -> str:
        """Why nothing is recorded although it is wanted, empty while all is well."""
        return self.film.problem if self.film is not None and self.recording else ""

    def paint(self, observation: Observation, answers: tuple[Answer, ...]) -> None:
        if not self.wanted:
            # Whoever looked on has left since.
            return
        picture = draw(observation, answers, self._stage, view=self._view)
        if self.film is not None:
            self._record(self.film, picture, observation.frame.seconds)
        if self.viewers is not None and self.viewers.watchers:
            self.viewers.show(encode(picture))

    def _record(self, film: Recording, picture: np.ndarray, seconds: float) -> None:
        recording = self.recording
        if recording:
            film.add(picture, seconds)
        elif self._running:
            film.pause()
        self._running = recording

    def close(self) -> None:
        if self.viewers is not None:
            self.viewers.close()
        if self.film is not None:
            self.film.close()


class Stage:
    """Where people without pictures are drawn: an empty canvas that follows them softly."""

    def __init__(self) -> None:
        self._center: np.ndarray | None = None
        self._height = TALL

    def place(self, people: tuple[Person, ...]) -> list[np.ndarray]:
        """Every person's joints on the canvas, (V, 2) in pixels, NaN where absent; seen from the
        front."""
        points = (
            np.concatenate([person.joints[:, :2] for person in people])
            if people
            else np.zeros((0, 2))
        )
        points = points[np.isfinite(points).all(axis=1)]
        if len(points):
            low, high = points.min(axis=0), points.max(axis=0)
            center = (low + high) / 2
            self._center = (
                center if self._center is None else self._center + 0.1 * (center - self._center)
            )
            width, height = np.maximum(
                2 * np.abs(np.stack([low, high]) - self._center).max(axis=0) + 0.4, 0
            )
            wanted = min(max(TALL, height, width * CANVAS[0] / CANVAS[1]), 20.0)
            self._height += (1.0 if wanted > self._height else 0.1) * (wanted - self._height)
        center = np.zeros(2) if self._center is None else self._center
        scale = CANVAS[0] / self._height
        middle = np.array([CANVAS[1] / 2, CANVAS[0] / 2])
        return [
            middle + (person.joints[:, :2] - center) * np.array([scale, -scale])
            for person in people
        ]


def draw(
    observation: Observation,
    answers: tuple[Answer, ...],
    stage: Stage,
    view: View | None = None,
) -> np.ndarray:
    """A new picture (H, W, 3) uint8, blue green red, at most 960 pixels wide, of the frame with
    skeletons and words on it, as the `view` says."""
    view = view or View()
    image = observation.frame.image
    picture: np.ndarray
    if image is None:
        picture = np.full((*CANVAS, 3), EMPTY, np.uint8)
        places: list[np.ndarray | None] = list(stage.place(observation.people))
    else:
        picture = shrunk(image)
        if view.bodies_only:
            picture = np.full_like(picture, EMPTY)
        elif view.mirrored:
            picture = np.ascontiguousarray(picture[:, ::-1])
        shrink = picture.shape[1] / image.shape[1]
        places = [
            None if person.pixels is None else person.pixels * shrink
            for person in observation.people
        ]
    if view.mirrored:
        right = picture.shape[1] - 1
        places = [None if one is None else one * (-1, 1) + (right, 0) for one in places]
    thick = max(2, picture.shape[0] // 200)
    known = {answer.id: answer for answer in answers}
    for person, pixels in zip(observation.people, places, strict=True):
        if pixels is None:
            continue
        answer = known.get(person.id, Answer(person.id, person.whole))
        _skeleton(picture, pixels, layout=observation.layout, whole=answer.whole, thick=thick)
        text = f"{person.id}: {answer.text}" if person.id in known or not answer.whole else ""
        _label(picture, pixels, text or f"{person.id}", thick=thick)
    return picture


def shrunk(image: np.ndarray) -> np.ndarray:
    """A copy of a picture (H, W, 3), at most 960 pixels wide.

    By a whole factor first, over all pixels, and by less than two with linear interpolation, which
    takes a quarter of the time that the mean over parts of pixels does.
    """
    height, width = image.shape[:2]
    factor = max(1, width // WIDEST)
    if factor > 1:
        whole = (width // factor, max(1, height // factor))
        image = cv2.resize(image, whole, interpolation=cv2.INTER_AREA)
    if image.shape[1] > WIDEST:
        size = (WIDEST, max(1, round(height * WIDEST / width)))
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR))
    return image if factor > 1 else image.copy()


def encode(picture: np.ndarray) -> bytes:
    """A picture as JPEG."""
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


def _skeleton(
    picture: np.ndarray, pixels: np.ndarray, layout: Layout, whole: bool, thick: int
) -> None:
    left, right = {pair[0] for pair in layout.pairs}, {pair[1] for pair in layout.pairs}
    known = np.isfinite(pixels).all(axis=1)
    # Far outside lies what no driver draws: numbers too large for it.
    points = np.clip(np.where(known[:, None], pixels, 0), -10_000, 10_000).round().astype(int)

    def color(joint: int) -> tuple[int, int, int]:
        return (
            FAINT if not whole else LEFT if joint in left else RIGHT if joint in right else MIDDLE
        )

    for child, parent in layout.bones:
        if known[child] and known[parent]:
            cv2.line(
                picture,
                tuple(points[child].tolist()),
                tuple(points[parent].tolist()),
                color(child),
                thick,
                cv2.LINE_AA,
            )
    for joint in np.flatnonzero(known):
        cv2.circle(
            picture, tuple(points[joint].tolist()), thick + 1, color(int(joint)), -1, cv2.LINE_AA
        )


def _label(picture: np.ndarray, pixels: np.ndarray, text: str, thick: int) -> None:
    known = pixels[np.isfinite(pixels).all(axis=1)]
    if len(known):
        scale = max(0.5, picture.shape[0] / 900)
        (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        x = int(np.clip(known[:, 0].mean() - width / 2, 4, max(4, picture.shape[1] - width - 4)))
        y = int(
            np.clip(
                known[:, 1].min() - 6 * thick, height + 8, max(height + 8, picture.shape[0] - 8)
            )
        )
        cv2.rectangle(picture, (x - 4, y - height - 5), (x + width + 4, y + 6), (30, 26, 22), -1)
        cv2.putText(
            picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1, cv2.LINE_AA
        )
