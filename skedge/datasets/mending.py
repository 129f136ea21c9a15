"""Coordinates of other kinds turned into the project's: metres, y up, as a Kinect gives x."""

from dataclasses import dataclass

import numpy as np

from skedge.datasets.parsing.damage import damaged
from skedge.skeleton.anatomy import height_of
from skedge.skeleton.body_check import UNITS, UPWARDS, absent_zeros, mend
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout

CHANNELS = ("xyz", "xys", "xy")
ANY = "any"
PERSON_HEIGHT = 1.70


@dataclass(frozen=True)
class Mending:
    """What must be done to the coordinates of a source.

    `unit` is one of m, mm, cm, in, ft, or any: people are then scaled to 1.70 m, clip by clip. `up`
    and `flip_x` are those of `skedge.skeleton.body_check.mend`. `channels` says what the three
    numbers of a joint are: xyz; xys, a place in a picture and a score; xy, a place in a picture and
    nothing. Of pictures y points down unless `up` says otherwise, and people are scaled to 1.70 m.
    """

    unit: str = "m"
    up: str | None = None
    flip_x: bool = False
    channels: str = "xyz"

    def __post_init__(self) -> None:
        known = (("unit", (*UNITS, ANY)), ("up", (None, *UPWARDS)), ("channels", CHANNELS))
        for name, values in known:
            if getattr(self, name) not in values:
                choices = ", ".join(value for value in values if value)
                raise InputError(f"expected a {name} of {choices}, got {getattr(self, name)!r}")

    def apply(self, joints: np.ndarray, layout: Layout, file: object) -> np.ndarray:
        """Joints (M, T, V, 3) as numbers of the source, in metres, NaN where absent; exact zeros
        are absent. Raises `DamagedError` where no height can be told that a scale needs."""
        joints = absent_zeros(joints, layout)
        if self.channels == "xyz" and self == AS_GIVEN:
            return joints
        if self.channels == "xyz":
            found = mend(
                joints,
                unit="m" if self.unit == ANY else self.unit,
                up=self.up or "y",
                flip_x=self.flip_x,
            )
            return scaled(found, layout, file) if self.unit == ANY else found
        score = joints[..., 2] if self.channels == "xys" else np.ones(joints.shape[:-1])
        picture = np.where((score > 0)[..., None], joints[..., :2], np.nan)
        found = in_metres(picture, layout, file, up=self.up or "-y")
        # In a picture the right hand of a person who faces the camera is at smaller x.
        return found * np.array([1 if self.flip_x else -1, 1, 1], np.float32)


AS_GIVEN = Mending()


def in_metres(picture: np.ndarray, layout: Layout, file: object, *, up: str = "-y") -> np.ndarray:
    """Places in a picture (M, T, V, 2), NaN where absent, as joints (M, T, V, 3) with z 0, x as
    there, and people of 1.70 m around the middle of where they are."""
    joints = np.zeros((*picture.shape[:-1], 3), np.float32)
    joints[..., :2] = picture
    joints[np.isnan(picture).any(axis=-1)] = np.nan
    seen = joints[np.isfinite(joints).all(axis=-1)]
    if len(seen) == 0:
        damaged(file, f"expected coordinates, got no joint in {joints.shape[1]} frames")
    joints -= np.median(seen, axis=0)
    return scaled(mend(joints, up=up), layout, file, flat=True)


def scaled(joints: np.ndarray, layout: Layout, file: object, flat: bool = False) -> np.ndarray:
    """Joints (M, T, V, 3) with one scale for the clip, so that its tallest person is 1.70 m."""
    heights = [height_of(person, layout, flat) for person in joints]
    known = [height for height in heights if height > 0]
    if not known:
        damaged(file, f"expected limbs of {layout.name} that tell how tall people are, got too few")
    return (joints * np.float32(PERSON_HEIGHT / max(known))).astype(np.float32)
