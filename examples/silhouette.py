"""A pose estimator of your own: skedge live --pose examples/silhouette:Silhouette

It takes everything that differs from the first picture for one body and hangs a standing skeleton
into its outline. Crude, but it has all that skedge asks of an estimator: `layout` and `estimate`.
"""

import numpy as np

from skedge.edge_runtime.interfaces import Frame, Person
from skedge.skeleton import load_layout

HEIGHT = 1.7  # metres from head to feet
LEAST = 40  # of 255: a difference that is no noise
ACROSS = {"eye": 0.1, "ear": 0.2, "shoulder": 0.5, "elbow": 0.7, "wrist": 0.7, "hip": 0.3}
DOWN = {"shoulder": 0.2, "elbow": 0.35, "wrist": 0.5, "hip": 0.5, "knee": 0.75, "ankle": 1.0}


class Silhouette:
    layout = load_layout("coco17")

    def __init__(self, people: int) -> None:
        self.first: np.ndarray | None = None
        sides = [name.partition("_") for name in self.layout.joints]
        sign = {"left": 1, "right": -1}
        x = [sign.get(side, 0) * ACROSS.get(part, 0.25) / 2 for side, _, part in sides]
        self.body = np.array([x, [DOWN.get(part, 0.05) for _, _, part in sides]], np.float32).T

    def estimate(self, frame: Frame) -> tuple[Person, ...]:
        picture = np.asarray(frame.image, np.int16)  # (H, W, 3), blue green red
        self.first = picture if self.first is None else self.first
        rows, columns = np.nonzero(np.abs(picture - self.first).max(axis=2) > LEAST)
        if len(rows) == 0:
            return ()
        size = np.array([np.ptp(columns), np.ptp(rows)]) + 1
        pixels = (columns.mean(), rows.min()) + self.body * size
        metres = np.concatenate([self.body * (1, -1), np.zeros((len(self.body), 1))], axis=1)
        return (Person(1, (HEIGHT * metres).astype(np.float32), pixels),)
