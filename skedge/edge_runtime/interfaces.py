"""What passes between camera, pose estimator and recognizer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from skedge.skeleton.layout import Layout


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source: `image` (H, W, 3) uint8, blue green red; `seconds` since the source
    began, ascending.

    A source of recorded skeletons brings `people` instead of an image.
    """

    image: np.ndarray | None
    seconds: float
    people: "tuple[Person, ...] | None" = None


@dataclass(frozen=True, eq=False)
class Person:
    """One body in a frame: `joints` (V, 3) float32 in metres, y up, NaN where absent; `pixels` (V,
    2) in the image, or None.

    `id` stays the same while the person is in view. `whole` is False where the body is not seen
    down to its knees. `upper` is True where it is seen from the hips up at least, and its legs are
    NaN: some models still recognise actions of the arms. `touching` is True where the body may be
    that of two people who touch.
    """

    id: int
    joints: np.ndarray
    pixels: np.ndarray | None = None
    confidence: float = 1.0
    whole: bool = True
    upper: bool = False
    touching: bool = False


class Source(Protocol):
    """A camera, a film, a folder of images, or recorded skeletons."""

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...


class PoseEstimator(Protocol):
    """Anything that finds people in a picture; `layout` names the joints of what it gives."""

    layout: Layout

    def estimate(self, frame: Frame) -> tuple[Person, ...]: ...
