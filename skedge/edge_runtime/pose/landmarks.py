"""The second stage of BlazePose: 33 landmarks of the body in a region (Bazarevsky et al., CVPRW
2020, section 2.2)."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from skedge.edge_runtime.pose.network import Network
from skedge.edge_runtime.pose.region import Region, around_body
from skedge.skeleton.layout import load_layout

LAYOUT = load_layout("blazepose33")
_SIDES = ("left", "right")
NOSE = LAYOUT.index("nose")
SHOULDERS, HIPS, KNEES = (
    [LAYOUT.index(f"{side}_{part}") for side in _SIDES] for part in ("shoulder", "hip", "knee")
)
MAIN = [
    *SHOULDERS,
    *HIPS,
    *KNEES,
    *(LAYOUT.index(f"{side}_{part}") for part in ("elbow", "wrist", "ankle") for side in _SIDES),
]

SIDE = 256
JOINTS = len(LAYOUT)
# Behind the 33 landmarks of the body come two that describe its circle, hips' centre and top, and
# four that nobody uses.
POINTS = 39
HEAT = 64
KERNEL = 7
SURE = 0.5
# Coordinates of the world: the network's x grows to the picture's right, its y downwards, its z
# away from the camera.
TO_Y_UP = np.array([-1, -1, 1], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Body:
    """What the network says of one region.

    `score`, 0 to 1, that a body is there; `pixels` (33, 2) in the picture; `world` (33, 3) in
    metres from the hips' centre, as a Kinect's camera would give it: y up, z away from the camera,
    x to the camera's left (a right-handed system, so that left stays left); `visibility` (33,) 0 to
    1 that a landmark is not hidden, `presence` (33,) that it lies in the region. `region` is where
    to look in the next picture.
    """

    score: float
    pixels: np.ndarray
    world: np.ndarray
    visibility: np.ndarray
    presence: np.ndarray
    region: Region


class Landmarker:
    """Finds the landmarks of one body with the network in a file. Not for several threads at once.

    Raises `InputError` where the file is not that network.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        outputs = {
            "points": (1, 5 * POINTS),
            "score": (1, 1),
            "heat": (1, HEAT, HEAT, POINTS),
            "world": (1, 3 * POINTS),
        }
        self._network = Network(path, threads, outputs)

    def find(self, image: np.ndarray, region: Region) -> Body | None:
        """The body in `region` of `image` (H, W, 3) uint8 blue green red; None where the network
        describes none."""
        picture = cv2.cvtColor(region.cut(image, SIDE, cv2.BORDER_REPLICATE), cv2.COLOR_BGR2RGB)
        found = self._network.run(picture.astype(np.float32) / 255)
        score = float(found["score"][0, 0])
        points = found["points"].reshape(POINTS, 5)
        places = region.to_picture(refine(points[:, :2] / SIDE, found["heat"][0]))
        following = around_body(places[JOINTS], places[JOINTS + 1])
        if following is None:
            return None
        world = found["world"].reshape(POINTS, 3)[:JOINTS].copy()
        world[:, :2] = world[:, :2] @ region.axes().T
        visibility, presence = _sigmoid(points[:JOINTS, 3:]).T
        return Body(
            score,
            places[:JOINTS].astype(np.float32),
            world * TO_Y_UP,
            visibility,
            presence,
            following,
        )


def refine(points: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Points (39, 2), 0 to 1 over the region, drawn to the middle of the heat around them: maps
    (64, 64, 39) of logits.

    Within the square of `KERNEL` cells around a point the cells' places are averaged, weighted by
    their probabilities; where none of those reaches `SURE`, and for a point outside of the map, the
    point stays.
    """
    refined = points.astype(np.float64)
    reach = KERNEL // 2
    for i, (x, y) in enumerate(points * HEAT):
        column, row = int(x), int(y)
        if not (0 <= x < HEAT and 0 <= y < HEAT):
            continue
        left, top = max(column - reach, 0), max(row - reach, 0)
        weights = _sigmoid(heat[top : row + reach + 1, left : column + reach + 1, i])
        if weights.max() < SURE:
            continue
        total = weights.sum() * HEAT
        columns, rows = (
            np.arange(left, left + weights.shape[1]),
            np.arange(top, top + weights.shape[0]),
        )
        refined[i] = (weights.sum(axis=0) @ columns) / total, (weights.sum(axis=1) @ rows) / total
    return refined


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
