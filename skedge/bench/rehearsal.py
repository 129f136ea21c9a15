"""Invented people in invented pictures, whom the pose stage follows at its full cost.

The networks compute on what they are given, as in front of a camera; then each answer is replaced
by a body that stands where the scene has one. So a benchmark needs no film of a person, and every
machine does the same work.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from skedge.edge_runtime.interfaces import Frame
from skedge.edge_runtime.pose.blazepose import BlazePose
from skedge.edge_runtime.pose.detector import Detector
from skedge.edge_runtime.pose.landmarks import LAYOUT, Body, Landmarker
from skedge.edge_runtime.pose.region import Region

# Where a part of somebody who stands is, in shares of the height from the nose to the feet, and
# how far from the middle.
DOWN = {"shoulder": 0.2, "elbow": 0.36, "wrist": 0.5, "hip": 0.52, "knee": 0.76, "ankle": 0.98}
DOWN |= {"heel": 1.0, "foot": 1.0, "pinky": 0.53, "index": 0.53, "thumb": 0.52}
WIDE = 0.1
# Metres from the nose to the feet, and how often a second the arms swing.
TALL, SWING = 1.6, 0.8


class Scene:
    """A number of `people` who stand side by side in pictures of `width` x `height` pixels."""

    def __init__(self, people: int, width: int, height: int, seed: int = 0) -> None:
        self.width = width
        self.height = height
        # Nobody is too wide for the place that there is.
        self.tall = min(0.75 * height, 1.5 * width / people)
        self.places = [(number + 0.5) * width / people for number in range(people)]
        self._first = -1
        self._stand(0.0)
        rng = np.random.default_rng(seed)
        self._wall = rng.integers(60, 200, (height, width, 3), np.uint8)

    def frames(self, count: int, rate: float) -> Iterator[Frame]:
        """Pictures, `rate` a second, each an object of its own as from a camera."""
        for number in range(count):
            seconds = number / rate
            self._stand(seconds)
            image = np.roll(self._wall, number % 8, axis=1)
            yield Frame(image, seconds)

    def nearest(self, region: Region) -> Body:
        """The body whose place is nearest to a region."""
        return min(self._bodies, key=lambda body: abs(body.region.x - region.x))

    def _stand(self, seconds: float) -> None:
        self._bodies = [
            standing(x, 0.15 * self.height, self.tall, seconds=seconds) for x in self.places
        ]

    def regions(self) -> list[Region]:
        """Where the people are, each time another one first, as a detector that sees those who are
        not known yet."""
        self._first = (self._first + 1) % len(self.places)
        places = self.places[self._first :] + self.places[: self._first]
        middle = 0.15 * self.height + DOWN["hip"] * self.tall
        return [Region(x, middle, 1.3 * self.tall, angle=0.0) for x in places]


def _shares() -> np.ndarray:
    """Where the joints (33, 2) of somebody who stands are, in shares of the height, right and
    down from the nose."""
    shares = np.zeros((len(LAYOUT), 2))
    for number, joint in enumerate(LAYOUT.joints):
        side, _, rest = joint.partition("_")
        part = rest.partition("_")[0]
        shares[number] = {"left": WIDE, "right": -WIDE}.get(side, 0.0), DOWN.get(part, 0.0)
    return shares


STANDS = _shares()
HANDS = [
    number
    for number, joint in enumerate(LAYOUT.joints)
    if joint.partition("_")[2] in ("wrist", "pinky", "index", "thumb")
]
SURE = np.full(len(LAYOUT), 0.95)


def standing(x: float, top: float, tall: float, seconds: float) -> Body:
    """Somebody who stands at `x`, nose `top` pixels below the edge, and swings the arms."""
    shares = STANDS.copy()
    shares[HANDS, 1] -= 0.16 * abs(math.sin(2 * math.pi * SWING * seconds))
    pixels = ((x, top) + shares * tall).astype(np.float32)
    world = np.zeros((len(LAYOUT), 3), np.float32)
    world[:, :2] = (shares - (0.0, DOWN["hip"])) * (TALL, -TALL)
    region = Region(x, top + DOWN["hip"] * tall, 1.3 * tall, angle=0.0)
    return Body(0.95, pixels=pixels, world=world, visibility=SURE, presence=SURE, region=region)


class _Landmarker(Landmarker):
    scene: Scene

    def find(self, image: np.ndarray, region: Region) -> Body | None:
        super().find(image, region)
        return self.scene.nearest(region)


class _Detector(Detector):
    scene: Scene

    def detect(self, image: np.ndarray) -> list[Region]:
        super().detect(image)
        # A window is a cut of the picture without its place: everybody is in one that is as high.
        if image.shape[0] < self.scene.height:
            return []
        return self.scene.regions()


class RehearsedPose(BlazePose):
    """BlazePose in front of a `scene`."""

    def __init__(
        self,
        scene: Scene,
        people: int,
        threads: int,
        network: str,
        folder: Path | None = None,
        took: Callable[[str, float], object] = lambda step, seconds: None,
    ) -> None:
        self.scene = scene
        super().__init__(people, threads=threads, network=network, folder=folder, took=took)

    def open_detector(self, path: Path, threads: int) -> Detector:
        detector = _Detector(path, threads)
        detector.scene = self.scene
        return detector

    def open_landmarker(self, path: Path, threads: int) -> Landmarker:
        landmarker = _Landmarker(path, threads)
        landmarker.scene = self.scene
        return landmarker
