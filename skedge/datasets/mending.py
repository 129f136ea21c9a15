"""Coordinates of other kinds turned into the project's: metres, y up, as a Kinect gives x."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from skedge.datasets.parsing.damage import damaged
from skedge.skeleton.anatomy import height_of
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout
from skedge.skeleton.mend import UNITS, UPWARDS, absent_zeros, mend, off_picture
from skedge.skeleton.text import counted

CHANNELS = ("xyz", "xys", "xy")
ANY = "any"
PERSON_HEIGHT = 1.70


@dataclass(frozen=True)
class Mending:
    """What must be done to the coordinates of a source.

    `unit` is one of m, mm, cm, in, ft, or any: people are then scaled to 1.70 m, clip by clip. `up`
    and `flip_x` are those of `skedge.skeleton.mend.mend`. `channels` says what the three
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

    @property
    def picture(self) -> bool:
        """Whether joints are places in a picture."""
        return self.channels != "xyz"

    def instead(self, remedy: str) -> str:
        """The flags to give in the place of this mending's own where what it made needs those of
        `remedy` (--unit, --up, --flip-x) still; any other remedy as it is."""
        words = remedy.split()
        if self == AS_GIVEN or not words or words[0] not in ("--unit", "--up", "--flip-x"):
            return remedy
        value = dict(zip(words, [*words[1:], ""], strict=True))
        still = mend(self._axes(self.up, self.flip_x), up=value.get("--up", "y"))
        still[:, 0] *= -1 if "--flip-x" in value else 1
        usual = "-y" if self.picture else "y"
        up, flip = next(
            (up, flip)
            for up, flip in product((usual, *UPWARDS), (False, True))
            if np.allclose(self._axes(up, flip)[:, 1], still[:, 1])
            and np.linalg.det(self._axes(up, flip)) * np.linalg.det(still) > 0
        )
        flags = _turning(up if up != usual else None, flip)
        unit = self._unit(value["--unit"]) if "--unit" in value else self.unit
        if "--unit" in value or (flags and unit != "m"):
            flags = [f"--unit {unit}", *flags]
        return " ".join(flags) or f"leave out {' and '.join(_turning(self.up, self.flip_x))}"

    def _axes(self, up: str | None, flip: bool) -> np.ndarray:
        """Where the three axes (3, 3) of a source come to lie."""
        turned = mend(np.eye(3), up=up or ("-y" if self.picture else "y"), flip_x=flip)
        return turned * np.array([-1, 1, 1]) if self.picture else turned

    def _unit(self, then: str) -> str:
        factor = UNITS.get(self.unit, np.nan) * UNITS.get(then, np.nan)
        fitting = (unit for unit, size in UNITS.items() if np.isclose(size, factor, rtol=0.01))
        return next(fitting, ANY)

    def apply(
        self, joints: np.ndarray, layout: Layout, file: object, *, absent_known: bool = False
    ) -> np.ndarray:
        """Joints (M, T, V, 3) as numbers of the source, in metres, NaN where absent; exact zeros
        are absent unless it is `absent_known` that NaN alone is. Raises `DamagedError` where no
        height can be told that a scale needs."""
        if not absent_known:
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
        absent = ~(score > 0) | off_picture(joints[..., :2])
        picture = np.where(absent[..., None], np.nan, joints[..., :2])
        found = in_metres(picture, layout, file, up=self.up or "-y")
        # In a picture the right hand of a person who faces the camera is at smaller x.
        return found * np.array([1 if self.flip_x else -1, 1, 1], np.float32)


AS_GIVEN = Mending()


def _turning(up: str | None, flip: bool) -> list[str]:
    """The flags that turn and mirror so."""
    return [*([f"--up {up}"] if up else []), *(["--flip-x"] if flip else [])]


def in_metres(picture: np.ndarray, layout: Layout, file: object, *, up: str = "-y") -> np.ndarray:
    """Places in a picture (M, T, V, 2), NaN where absent, as joints (M, T, V, 3) with z 0, x as
    there, and people of 1.70 m around the middle of where they are."""
    joints = np.zeros((*picture.shape[:-1], 3), np.float32)
    joints[..., :2] = picture
    joints[np.isnan(picture).any(axis=-1)] = np.nan
    seen = joints[np.isfinite(joints).all(axis=-1)]
    if len(seen) == 0:
        damaged(file, f"expected coordinates, got no joint in {counted(joints.shape[1], 'frame')}")
    joints -= np.median(seen, axis=0)
    return scaled(mend(joints, up=up), layout, file, flat=True)


def scaled(joints: np.ndarray, layout: Layout, file: object, flat: bool = False) -> np.ndarray:
    """Joints (M, T, V, 3) with one scale for the clip, so that its tallest person is 1.70 m."""
    heights = [height_of(person, layout, flat) for person in joints]
    known = [height for height in heights if height > 0]
    if not known:
        damaged(file, f"expected limbs of {layout.name} that tell how tall people are, got too few")
    return (joints * np.float32(PERSON_HEIGHT / max(known))).astype(np.float32)
