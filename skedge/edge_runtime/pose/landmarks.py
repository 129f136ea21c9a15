"""The second stage of BlazePose: 33 landmarks of the body in a region (Bazarevsky et al., CVPRW
2020, section 2.2)."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from skedge.edge_runtime.pose.heat import FEATURES, HEAT, Heat
from skedge.edge_runtime.pose.network import Network
from skedge.edge_runtime.pose.region import Region, around_body, cut_level
from skedge.skeleton.layout import load_layout

LAYOUT = load_layout("blazepose33")
_SIDES = ("left", "right")
NOSE = LAYOUT.index("nose")
SHOULDERS, ELBOWS, WRISTS, HIPS, KNEES = (
    [LAYOUT.index(f"{side}_{part}") for side in _SIDES]
    for part in ("shoulder", "elbow", "wrist", "hip", "knee")
)
_ENDS = [LAYOUT.index(f"{side}_{part}") for part in ("elbow", "wrist", "ankle") for side in _SIDES]
MAIN = np.array([*SHOULDERS, *HIPS, *KNEES, *_ENDS])

SIDE = 256
# Somebody who leans by less (radians) is shown to the network leaning: turning the picture is most
# of the work around the network.
LEVEL = 0.04
JOINTS = len(LAYOUT)
# Behind the 33 landmarks of the body come two that describe its circle, hips' centre and top, and
# four that nobody uses.
POINTS = 39
CIRCLE = JOINTS + 2
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
        outputs = {"points": (1, 5 * POINTS), "score": (1, 1), "world": (1, 3 * POINTS)}
        heat = {
            "features": (1, HEAT, HEAT, FEATURES),
            "weights": (POINTS, 1, 1, FEATURES),
            "bias": (POINTS,),
        }
        self._network = Network(path, threads, outputs=outputs, darkest=0.0, optional=heat)
        self._heat = None
        if all(map(self._network.gives, heat)):
            # Unpacked from fp16 once.
            weights, bias = (
                self._network.read(name).reshape(POINTS, -1)[:CIRCLE].astype(np.float32)
                for name in ("weights", "bias")
            )
            self._heat = Heat(weights, bias)

    def find(self, image: np.ndarray, region: Region) -> Body | None:
        """The body in `region` of `image` (H, W, 3) uint8 blue green red; None where the network
        describes none.
        """
        level = cut_level(image, region, SIDE) if abs(region.angle) <= LEVEL else None
        if level is None:
            cut = region.cut(image, SIDE, cv2.BORDER_REPLICATE)
        else:
            cut, region = level
        self._network.run(cut)
        points = self._network.read("points").reshape(POINTS, 5)
        places = points[:CIRCLE, :2] / SIDE
        if self._heat is not None:
            places = self._heat.refine(places, self._network.view("features")[0])
        places = region.to_picture(places)
        following = around_body(places[JOINTS], places[JOINTS + 1])
        if following is None:
            return None
        world = self._network.read("world").reshape(POINTS, 3)[:JOINTS]
        if region.angle:
            world[:, :2] = world[:, :2] @ region.axes().T
        visibility, presence = _sigmoid(points[:JOINTS, 3:]).T
        return Body(
            float(self._network.read("score")[0, 0]),
            pixels=places[:JOINTS].astype(np.float32),
            world=world * TO_Y_UP,
            visibility=visibility,
            presence=presence,
            region=following,
        )


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(np.minimum(-logits, 80))))
