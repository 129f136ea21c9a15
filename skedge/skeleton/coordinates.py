"""Whether coordinates are metres with y up, as a camera sees x: units, pixels, scores in the place
of depth, axes that point elsewhere."""

import numpy as np

from skedge.skeleton.anatomy import backward, height_of, misfit, upward
from skedge.skeleton.fault import Fault, number
from skedge.skeleton.layout import Layout
from skedge.skeleton.mend import UNITS
from skedge.skeleton.order import HUMAN

# Heights of people in metres, children and animated figures too.
SHORTEST, TALLEST = 0.5, 2.7
# Heights, in a unit's metres, that make it likely.
_SMALL, _TALL = 0.9, 2.4
# How much less of a human a body is with a score as its depth than without one.
_NO_DEPTH = 0.03
# Shares of a picture are up to 1, and somewhat more where an estimator places joints outside.
_SHARES = 2.0
_CENTRED = 0.3  # shares from -1 to 1 reach further down than this
_LARGEST_PICTURE = 8192  # pixels


def is_flat(frames: np.ndarray) -> bool:
    """Whether every body lies in one plane across the view."""
    spread = np.nanmax(frames, axis=1) - np.nanmin(frames, axis=1)
    size = np.maximum(spread[:, 0], spread[:, 1])
    return bool(np.mean(spread[:, 2] <= 0.01 * np.maximum(size, 1e-12)) > 0.9)


def same_depth(frames: np.ndarray, depth: float) -> bool:
    """Whether all joints have that depth."""
    return bool(np.nanmax(np.abs(frames[..., 2] - depth)) < 1e-6 * abs(depth))


def third_number(frames: np.ndarray, layout: Layout, flat: bool) -> Fault | None:
    """Whether the third number is a score, nothing, or a depth of another unit beside pixels."""
    known = frames[np.isfinite(frames).all(axis=-1)]
    low, high = known[:, 2].min(), known[:, 2].max()
    across = np.abs(known[:, :2]).max()
    height = height_of(frames * (1, 1, 0), layout, True)
    if across > 20 and (low < 0 or high > 1.0001):
        if not (np.isfinite(height) and _beside_pixels(frames, known, layout, flat=flat)):
            return None
        return Fault(
            "channels",
            f"people are {number(height)} tall across, and z is of another unit: pixels and a"
            " depth",
            "--channels xy",
            sure=True,
        )
    shares = across <= (1.05 if flat else _SHARES)
    if not (across > 20 or shares) or low < 0 or high > 1.0001 or (shares and high == 0):
        return None
    if high == 0:
        if SHORTEST <= height <= TALLEST:
            return None
        return Fault(
            "channels",
            f"z is 0 and people are {number(height)} tall: pixels",
            "--channels xy",
            sure=True,
        )
    if shares and not flat:
        shallow = misfit(frames * (1, 1, 0), layout, True)
        ups = upward(frames * (1, 1, 0), layout)[:, 1]
        down = bool(np.median(ups[np.isfinite(ups)]) < -0.6) if np.isfinite(ups).any() else False
        # In pictures y points down, and no camera is within a metre of people.
        centred = down and known[:, :2].min() < -_CENTRED
        if not centred and not misfit(frames, layout) > shallow + (0 if down else _NO_DEPTH):
            return None
    return Fault(
        "channels",
        "the third number lies between 0 and 1 and is no depth: x, y and a score",
        "--channels xys",
        sure=True,
    )


def _beside_pixels(frames: np.ndarray, known: np.ndarray, layout: Layout, flat: bool) -> bool:
    """Whether bodies are people across the view only, in places that a picture can have."""
    inside = np.mean((known[:, :2] >= 0).all(axis=-1)) > 0.9
    if not inside or known[:, :2].max() > _LARGEST_PICTURE:
        return False
    across = misfit(frames * (1, 1, 0), layout, True)
    return flat or (across <= HUMAN and misfit(frames, layout) > across + _NO_DEPTH / 2)


def unit(height: float, frames: np.ndarray, flat: bool) -> Fault | None:
    """What is wrong with the unit of bodies of that height."""
    if SHORTEST <= height <= TALLEST:
        # No camera is within a metre of people, at their feet, at the corner of their room.
        if np.nanmin(frames) >= 0 and np.nanmax(frames) <= 1.0001 and np.nanmax(frames[..., 2]) > 0:
            sentence = "all coordinates lie between 0 and 1: are these shares of a picture?"
            return Fault("unit", sentence, "--unit any", sure=True)
        return None
    names = {"mm": "millimetres", "cm": "centimetres", "in": "inches", "ft": "feet"}
    off = {name: abs(np.log(max(height, 1e-9) * UNITS[name] / 1.65)) for name in names}
    best = min(off, key=off.__getitem__)
    sentence = f"people are {number(height)} m tall"
    if _SMALL <= height * UNITS[best] <= _TALL and not flat:  # a picture has no unit
        return Fault("unit", f"{sentence}: are these {names[best]}?", f"--unit {best}", sure=True)
    what = "coordinates from 0 to 1 or -1 to 1" if height < SHORTEST else "pixels, or another unit"
    return Fault("unit", f"{sentence}: are these {what}?", "--unit any", sure=True)


def directions(
    clips: list[np.ndarray], layout: Layout, height: float, flat: bool, image: bool
) -> list[Fault]:
    """What is wrong with the axes: which one points up, and whether x points the other way."""
    ups = _means([upward(clip, layout) for clip in clips])
    votes = np.empty((0, 1))
    if not flat:
        votes = _means([backward(clip, layout, height)[:, None] for clip in clips])
    up = _upright(ups)
    score = float(votes.mean()) if len(votes) else 0.0
    known = len(votes) > 0 and abs(score) > 0.15 + 0.45 / np.sqrt(len(votes))
    mirrored = known and score > 0
    if up != "y" and not (image and up == "-y"):
        few = len(ups) < (2 if up == "-y" else 4)
        if few and up[-1] == "x":  # somebody who lies
            return []
        if up == "-y":
            what = "the head is below the feet: y points down"
            what += " (of places in a picture: --channels xy)" if flat else ""
        else:
            points = "down" if up[0] == "-" else "up"
            what = f"people stand along {up[-1]}: {up[-1]} points {points}"
        # Negating y alone makes a mirror image, the other turns do not.
        flip = known and mirrored != (up == "-y")
        return [Fault("up", what, f"--up {up}{' --flip-x' if flip else ''}", sure=not few)]
    if mirrored:
        what = (
            "feet, knees and faces point backwards: x points the other way (or left and right are"
            " exchanged: then mend the layout)"
        )
        return [Fault("mirrored", what, "--flip-x", sure=len(votes) >= 3)]
    return []


def _upright(ups: np.ndarray) -> str:
    """The axis along which people stand, from the mean directions (clips, 3) from feet to head; y
    where they do not agree."""
    if not len(ups):
        return "y"
    mean = ups.mean(axis=0)
    axis = int(np.abs(mean).argmax())
    sign = 1 if mean[axis] > 0 else -1
    agree = np.mean(ups[:, axis] * sign > 0.6)
    if abs(mean[axis]) > 0.75 and agree > 0.8:
        return f"{'-' if sign < 0 else ''}{'xyz'[axis]}"
    return "y"


def _means(values: list[np.ndarray]) -> np.ndarray:
    """The mean of every clip (n, k) that has any, as (clips, k)."""
    known = [value[np.isfinite(value).all(axis=-1)] for value in values]
    return np.array([value.mean(axis=0) for value in known if len(value)])
