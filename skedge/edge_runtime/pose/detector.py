"""The first stage of BlazePose: finds the bodies in a picture, roughly (Bazarevsky et al., CVPRW
2020, section 2.1)."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np

from skedge.edge_runtime.pose.network import Network
from skedge.edge_runtime.pose.region import Region, around_body

SIDE = 224
# The network's grids and how many anchors each of their cells has: 28*28*2 + 14*14*2 + 7*7*6 =
# 2254.
GRIDS = ((28, 2), (14, 2), (7, 6))
# As a probability and as the network's own number.
THRESHOLD = 0.4
LEAST = np.log(THRESHOLD / (1 - THRESHOLD))
OVERLAP = 0.3


@cache
def anchors() -> np.ndarray:
    """The centres (2254, 2) of the network's anchors, x and y from 0 to 1; all anchors have the
    picture's size."""
    cells = []
    for cells_a_side, repeat in GRIDS:
        middle = (np.arange(cells_a_side) + 0.5) / cells_a_side
        y, x = np.meshgrid(middle, middle, indexing="ij")
        cells.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), repeat, axis=0))
    return np.concatenate(cells)


class Detector:
    """Finds people with the network in a file. Not for several threads at once.

    Raises `InputError` where the file is not that network.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        outputs = {"boxes": (1, 2254, 12), "scores": (1, 2254, 1)}
        self._network = Network(path, threads, outputs, darkest=-1.0)

    def detect(self, image: np.ndarray) -> list[Region]:
        """Where to look for the landmarks of the bodies in `image` (H, W, 3) uint8 blue green red,
        the surest first."""
        height, width = image.shape[:2]
        whole = Region(width / 2, height / 2, max(height, width), angle=0.0)
        self._network.run(whole.cut(image, SIDE, cv2.BORDER_CONSTANT))
        boxes = self._network.read("boxes")[0]
        scores = self._network.read("scores")[0, :, 0]
        _, _, points = decode(boxes, scores)
        regions = [around_body(hips, top) for hips, top in whole.to_picture(points[:, :2])]
        return [region for region in regions if region is not None]


def decode(boxes: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the network's raw output (2254, 12) and (2254,) says: scores (n,), boxes (n, 4) and key
    points (n, 4, 2).

    Boxes are left, top, right, bottom; all coordinates run from 0 to 1 over the square that the
    network saw. Boxes that overlap by more than `OVERLAP` (intersection over union) are one body:
    their average, weighted by their scores.
    """
    sure = np.flatnonzero(scores >= LEAST)
    sure = sure[np.argsort(-scores[sure], kind="stable")]
    scores = 1 / (1 + np.exp(-scores[sure].astype(np.float64)))
    numbers = boxes[sure].astype(np.float64) / SIDE
    centre = numbers[:, :2] + anchors()[sure]
    extent = np.abs(numbers[:, 2:4])
    points = (numbers[:, 4:].reshape(-1, 4, 2) + anchors()[sure, None]).reshape(-1, 8)
    rows = np.concatenate([centre - extent / 2, centre + extent / 2, points], axis=1)
    left = np.ones(len(rows), dtype=bool)
    merged, best = [], []
    for i in range(len(rows)):
        if left[i]:
            same = left & (overlap(rows[i, :4], rows[:, :4]) > OVERLAP)
            same[i] = True
            merged.append(np.average(rows[same], axis=0, weights=scores[same]))
            best.append(scores[i])
            left &= ~same
    found = np.asarray(merged).reshape(-1, 12)
    return np.asarray(best), found[:, :4], found[:, 4:].reshape(-1, 4, 2)


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union (n,) of one box (4,) with others (n, 4), each left, top, right,
    bottom."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.clip(sides, 0, None).prod(axis=1)
    both = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - shared
    return shared / np.maximum(both, 1e-12)
