"""A camera, a pose estimator and recorded people that need no hardware and no network."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.recognizer import Recognizer
from skedge.skeleton import load_layout
from skedge.skeleton.layout import Layout
from tests.edge_runtime.edge_models import metadata, walk, write_model

NTU = load_layout("ntu25")
# A standing body of NTU's 25 joints, in metres.
BODY = np.array([
    (0, .9, 0), (0, 1.15, 0), (0, 1.5, 0), (0, 1.65, 0), (-.2, 1.4, 0), (-.35, 1.15, 0), (-.4, .9, 0), (-.42, .82, 0),
    (.2, 1.4, 0), (.35, 1.15, 0), (.4, .9, 0), (.42, .82, 0), (-.1, .88, 0), (-.12, .48, 0), (-.13, .08, 0), (-.16, .02, -.1),
    (.1, .88, 0), (.12, .48, 0), (.13, .08, 0), (.16, .02, -.1), (0, 1.4, 0), (-.43, .74, 0), (-.38, .8, 0), (.43, .74, 0),
    (.38, .8, 0),
], np.float32)  # fmt: skip


def body(seconds: float, place: float = 0.0) -> np.ndarray:
    """(25, 3): somebody who sways to and fro and lifts the left arm every other second."""
    joints = BODY + 0.03 * np.sin(3 * seconds + 7 * BODY + place)
    raised = np.clip(np.sin(np.pi * seconds + place), 0, 1)
    for joint, share in zip((5, 6, 7, 21, 22), (0.5, 1, 1.1, 1.2, 1.15), strict=True):
        joints[joint, 1] += 0.9 * share * raised
    joints[:, 0] += place + 0.5 * np.sin(2 * seconds + place)
    return joints.astype(np.float32)


class Pictures:
    """A source of `count` pictures (None: endless) at `rate` a second of real time (None: as fast
    as they are taken).

    A white square wanders through a grey room, its place tells the picture's number.
    """

    def __init__(
        self,
        count: int | None = None,
        rate: float | None = 30.0,
        size: tuple[int, int] = (480, 640),
    ) -> None:
        self.count, self.rate, self.size = count, rate, size
        self.given = 0
        self.closed = threading.Event()
        self.status = ""
        self.breaks: Exception | None = None

    def __iter__(self) -> Iterator[Frame]:
        began = time.monotonic()
        while (self.count is None or self.given < self.count) and not self.closed.is_set():
            if self.breaks:
                raise self.breaks
            seconds = self.given / (self.rate or 30.0)
            if self.rate:
                self.closed.wait(max(0.0, began + seconds - time.monotonic()))
            self.given += 1
            yield Frame(self.picture(self.given), seconds)

    def picture(self, number: int) -> np.ndarray:
        height, width = self.size
        image = np.full((height, width, 3), 70, np.uint8)
        image[: height // 2] = np.linspace(60, 110, width, dtype=np.uint8)[:, None]
        x = 4 * number % (width - 40)
        image[height - 60 : height - 20, x : x + 40] = 255
        return image

    def close(self) -> None:
        self.closed.set()


class Skeletons:
    """A source that brings people without pictures: `people(seconds)`, `count` times, 30 a second
    or as fast as possible."""

    layout: Layout = NTU

    def __init__(
        self, people: Callable[[float], tuple[Person, ...]], count: int, rate: float | None = None
    ) -> None:
        self.people, self.count, self.rate = people, count, rate
        self.closed = False

    def __iter__(self) -> Iterator[Frame]:
        for number in range(self.count):
            if self.rate:
                time.sleep(1 / self.rate)
            yield Frame(None, number / 30, self.people(number / 30))

    def close(self) -> None:
        self.closed = True


class Pose:
    """Finds `people` in every picture after `takes` seconds, counts its calls, and breaks when it
    is told to."""

    layout: Layout = NTU

    def __init__(self, people: int = 1, takes: float = 0.0, whole: bool = True) -> None:
        self.people, self.takes, self.whole = people, takes, whole
        self.calls = 0
        self.breaks: Exception | None = None

    def estimate(self, frame: Frame) -> tuple[Person, ...]:
        self.calls += 1
        time.sleep(self.takes)
        if self.breaks:
            raise self.breaks
        assert frame.image is not None
        height, width = frame.image.shape[:2]
        found = []
        for number in range(self.people):
            joints = body(frame.seconds, number - (self.people - 1) / 2)
            pixels = np.stack(
                [
                    width / 2 + joints[:, 0] * height / 2.2,
                    height * 0.9 - joints[:, 1] * height / 2.2,
                ],
                axis=1,
            )
            found.append(Person(number + 1, joints, pixels.astype(np.float32), whole=self.whole))
        return tuple(found)


def quick_model(
    path: Path,
    persons: int = 1,
    labels: tuple[str, ...] = ("wave", "clap", "idle", "throw", "jump", "squat"),
    upper_body: tuple[str, ...] = (),
    provenance: dict[str, str] | None = None,
) -> Path:
    """A tiny model of one second whose answer goes round with a body that sways: by where it is and
    where it goes."""
    angles = 2 * np.pi * np.arange(len(labels)) / len(labels)
    matrix = np.zeros((len(labels), persons, 4, 25, 3))
    matrix[..., 0] += 8 * np.cos(angles)[:, None, None, None] / 100
    turn = np.array([-1, 0, 0, 1])[:, None]
    matrix[..., 0] += 10 * np.sin(angles)[:, None, None, None] * turn / 25
    return write_model(
        path,
        metadata(
            labels=labels,
            frames=4,
            seconds=1.0,
            persons=persons,
            upper_body=upper_body,
            provenance=provenance or {},
        ),
        matrix=matrix.reshape(len(labels), -1),
    )


def quick_recognizer(path: Path, **settings: float) -> Recognizer:
    """Its events come with every change of the likeliest label."""
    return Recognizer.load(
        quick_model(path), **({"threshold": 0.0, "patience": 1, "debounce": 0.0} | settings)
    )


def stroll(seconds: float) -> tuple[Person, ...]:
    return (Person(1, walk(1, 30, seed=int(seconds * 2))[0, 0]),)
