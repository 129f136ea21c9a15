"""Check of bodies before they are used: their height, which way is up, whether they are mirrored,
and whether the joints are in the layout's order.

Decisions are taken over many frames, and never where too little is seen. Nothing here depends on
where a body stands or which way it faces.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from skedge.skeleton.anatomy import backward, height_of, limb_change, misfit, upward
from skedge.skeleton.doubts import backs, crossed, loose_bone, made_of, thin_axis
from skedge.skeleton.layout import Layout, layout_names, load_layout
from skedge.skeleton.moments import jump, mixed, new_frames, repeated
from skedge.skeleton.sides import contradiction, skipped

UNITS = {"m": 1.0, "mm": 0.001, "cm": 0.01, "in": 0.0254, "ft": 0.3048}
# Heights of people in metres, children and animated figures too.
SHORTEST, TALLEST = 0.5, 2.7
# Heights, in a unit's metres, that make it likely.
_SMALL, _TALL = 0.9, 2.4
# Misfits of `anatomy.misfit`: every set known lies below 0.11 and every clip below 0.13, joints in
# another order above 0.2.
_ODD, _ODD_CLIP, _HUMAN = 0.15, 0.3, 0.16
# How much less of a human a body is with a score as its depth than without one.
_NO_DEPTH = 0.03
_FRAMES_PER_CLIP, _CLIPS, _FEWEST = 16, 400, 8
_MOST_PERSONS = 10
# Shares of a picture are up to 1, and somewhat more where an estimator places joints outside.
_SHARES = 2.0
_CENTRED = 0.3  # shares from -1 to 1 reach further down than this
_LARGEST_PICTURE = 8192  # pixels
# In no clip of five real sets and of films do limbs grow 1.5 times within a clip.
CHANGING = 2.0
_REACH = 1e4  # metres from the origin, where float32 has steps of a millimetre
# What programs write three times for a joint nobody saw; 1e20 and 999999 are what numpy fills its
# masked arrays with.
_NOT_SEEN = np.array(
    [
        *(-1, 1e20, float(np.float32(1e20))),
        *(sign * (10.0**digits - 1) for sign in (1, -1) for digits in (3, 4, 5, 6)),
    ]
)
_AS_MEASURED = "give coordinates as they were measured"
_CROSSED = "shoulders and hips disagree which side is left: arms or legs are exchanged"
_PLACE_FIRST = "give x, y first, and a depth or a score as the third number"
_EXTENT = ("width", "height")
_FASTEST = 25.0  # metres a second, of a hand: faster than a thrower's


@dataclass(frozen=True)
class Fault:
    """What is wrong with bodies: `sentence` says it, `remedy` is the flag of `skedge data import`
    that mends it (empty where none does), `sure` whether it cannot be anything else."""

    kind: str
    sentence: str
    remedy: str
    sure: bool

    def __str__(self) -> str:
        return f"{self.sentence}; {self.remedy}" if self.remedy else self.sentence


@dataclass(frozen=True)
class BodyReport:
    """What bodies look like: `height` in metres and `speed` of the hands in metres a second, None
    where that cannot be said; the share of joints that is `seen`, and of those that are exactly
    zero (`zeros`), 0 to 1; whether all bodies are `flat` (two-dimensional)."""

    height: float | None
    speed: float | None
    seen: float
    zeros: float
    flat: bool
    faults: tuple[Fault, ...]

    @property
    def sure(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.faults if fault.sure)


def absent_zeros(joints: np.ndarray, layout: Layout) -> np.ndarray:
    """Joints (..., V, 3) with NaN where a joint is exactly zero, which nobody measures, or thrice a
    number that programs write for what was not seen (-1, 999, 1e20 of a masked array, ...).

    One joint of the trunk that is zero in every frame with other joints is the origin of the
    coordinates, not an absent joint.
    """
    alike = (joints[..., 0] == joints[..., 1]) & (joints[..., 1] == joints[..., 2])
    if not alike.any():
        return joints
    zero = alike & (joints[..., 0] == 0)
    written = alike & np.isin(joints[..., 0], _NOT_SEEN.astype(joints.dtype))
    body = ~zero.all(axis=-1)
    trunk = {layout.center, *(joint for anchor in layout.anchors.values() for joint in anchor)}
    origins = [joint for joint in sorted(trunk) if body.any() and zero[..., joint][body].all()]
    if len(origins) == 1:
        zero[..., origins[0]] = ~body
    found = np.array(joints, dtype=np.result_type(joints, np.float32))
    found[zero | written] = np.nan
    return found


def mend(joints: np.ndarray, *, unit: str = "m", up: str = "y", flip_x: bool = False) -> np.ndarray:
    """Joints (..., 3) of other coordinates in the project's: metres, y up, as a Kinect gives x.

    `unit` is one of `UNITS`; `up`, one of `UPWARDS`, is the axis that points up: the body is turned
    so that this is y, but for -y, where y alone is negated; `flip_x` negates x afterwards.
    """
    first, second, signs = _TURNS[up]
    found = np.array(joints, dtype=np.result_type(joints, np.float32))
    if first != second:
        found[..., [first, second]] = found[..., [second, first]]
    factors = np.array(signs) * UNITS[unit]
    factors[0] *= -1 if flip_x else 1
    return found * factors.astype(found.dtype)


# The two axes that change places, and the signs afterwards.
_TURNS: dict[str, tuple[int, int, tuple[int, int, int]]] = {
    "y": (0, 0, (1, 1, 1)),
    "-y": (0, 0, (1, -1, 1)),
    "z": (1, 2, (1, 1, -1)),
    "-z": (1, 2, (1, -1, 1)),
    "x": (0, 1, (-1, 1, 1)),
    "-x": (0, 1, (1, -1, 1)),
}
UPWARDS = tuple(_TURNS)


def person_axis(shape: Sequence[int]) -> Fault | None:
    """What is wrong with an array (M, T, V, 3) of that shape whose persons are many and frames
    few."""
    persons, frames = shape[0], shape[1]
    if persons <= _MOST_PERSONS or frames > 4:
        return None
    return Fault(
        "axes",
        f"{persons} persons in {frames} frames: persons and frames are exchanged",
        "give them as (persons, frames, joints, 3)",
        sure=True,
    )


def persons_first(joints: np.ndarray, frames_first: bool = False) -> tuple[np.ndarray, bool]:
    """Joints (M, T, V, 3) of an array (M, T, V, 3) or (T, M, V, 3), and whether it was the other
    order than the caller's own, which `frames_first` names.

    The longer axis is the frames where the other one is no longer than ten; of short clips the axis
    along which bodies hardly move.
    """
    few, many = joints.shape[:2]
    if max(few, many) > _MOST_PERSONS >= min(few, many):
        turn = few > many
    else:
        first = _step(joints)
        second = _step(joints.swapaxes(0, 1))
        turn = frames_first if not min(first, second) * 3 < max(first, second) else first < second
    return (joints.swapaxes(0, 1) if turn else joints), turn != frames_first


def _step(joints: np.ndarray) -> float:
    """How far joints are from those one further along the first axis, at the median; infinity where
    there is none."""
    steps = np.abs(np.diff(joints, axis=0))
    steps = steps[np.isfinite(steps)]
    return float(np.median(steps)) if len(steps) else np.inf


@dataclass
class BodyCheck:
    """Collects bodies of a layout and says what they look like; `rate` in frames a second, None
    where unknown."""

    layout: Layout
    rate: float | None = None
    _clips: list[np.ndarray] = field(default_factory=list)
    _speeds: list[np.ndarray] = field(default_factory=list)
    _new: list[float] = field(default_factory=list)
    _jumps: list[float] = field(default_factory=list)
    _axes: list[Fault] = field(default_factory=list)
    _added: int = 0
    _every: int = 1
    _counts: np.ndarray = field(default_factory=lambda: np.zeros(3, np.int64))

    def add(self, joints: np.ndarray) -> None:
        """Add a clip (M, T, V, 3) or (T, V, 3); of many clips only some are looked at."""
        clip = joints[None] if joints.ndim == 3 else joints
        self._added += 1
        if (fault := person_axis(clip.shape)) is not None:
            self._axes.append(fault)
        if (self._added - 1) % self._every:
            return
        for person in clip:
            self._add_person(np.asarray(person, np.float64))
        if len(self._clips) > _CLIPS:
            self._clips = self._clips[::2]
            self._every = 2 * self._every

    def _add_person(self, person: np.ndarray) -> None:
        finite = np.isfinite(person).all(axis=-1)
        person = absent_zeros(np.where(finite[..., None], person, np.nan), self.layout)
        seen = np.isfinite(person).all(axis=-1)
        zero = finite & ~seen
        frames = np.flatnonzero(seen.any(axis=-1))
        if len(frames) == 0:
            return
        there = slice(frames[0], frames[-1] + 1)
        self._counts += [seen[there].sum(), zero[there].sum(), seen[there].size]
        chosen = np.unique(np.linspace(0, len(frames) - 1, _FRAMES_PER_CLIP).astype(np.int64))
        self._clips.append(person[frames[chosen]])
        self._new.append(new_frames(person[: 30 * _FRAMES_PER_CLIP]))
        self._jumps.append(jump(person[: 30 * _FRAMES_PER_CLIP]))
        if len(person) > 2:
            hands = [self.layout.index(joint) for joint in _HANDS if joint in self.layout.joints]
            steps = np.linalg.norm(np.diff(person[: 30 * _FRAMES_PER_CLIP, hands], axis=0), axis=-1)
            if np.isfinite(steps).any():
                self._speeds.append(np.nanpercentile(steps, 90, keepdims=True).ravel())

    def report(self) -> BodyReport:
        """What the bodies look like so far."""
        seen, zeros, all_joints = (int(count) for count in self._counts)
        share = seen / all_joints if all_joints else 0.0
        zero_share = zeros / all_joints if all_joints else 0.0
        faults = list(dict.fromkeys(self._axes))[:1]
        if zero_share:
            faults.append(
                Fault(
                    "zeros",
                    f"{zero_share:.1%} of the joints are exactly zero, -1, 999 or such: taken as"
                    " not seen",
                    "",
                    sure=False,
                )
            )
        faults += _said("repeated", repeated(self._new, self.rate))
        if self._added and not self._clips:
            faults.append(Fault("nobody", "no joint is seen in any frame", "", sure=False))
        frames = np.concatenate(self._clips) if self._clips else np.empty((0, len(self.layout), 3))
        if len(frames) < _FEWEST:
            return BodyReport(
                None, speed=None, seen=share, zeros=zero_share, flat=False, faults=tuple(faults)
            )
        clips = self._clips
        if what := made_of(clips):
            made = Fault("made", f"{what}: bodies lost their shape", _AS_MEASURED, sure=True)
            return BodyReport(
                None, speed=None, seen=share, zeros=zero_share, flat=False, faults=(made,)
            )
        if (axis := thin_axis(frames)) is not None:
            sentence = f"{'xy'[axis]} is the same for all joints: bodies have no {_EXTENT[axis]}"
            thin = Fault("channels", sentence, _PLACE_FIRST, sure=True)
            return BodyReport(
                None, speed=None, seen=share, zeros=zero_share, flat=True, faults=(thin,)
            )
        flat = _flat(frames)
        if (third := _third(frames, self.layout, flat)) is not None:
            faults.append(third)
        elif (
            flat
            and np.isfinite(height_of(frames, self.layout, True))
            and (depth := np.nanmedian(frames[..., 2]))
            and _same_depth(frames, depth)
        ):
            faults.append(Fault("flat", f"z is {depth:.4g} everywhere: no depth", "", sure=False))
        if third is None:
            faults += _said("mixed", mixed(self._jumps))
        if flat or third is not None:
            clips = [clip * (1, 1, 0) for clip in clips]
            frames, flat = frames * (1, 1, 0), True
        layout, wrong = _order(frames, self.layout, flat, clips=len(clips))
        faults += [wrong] if wrong is not None else []
        if wrong is None and crossed(clips, layout):
            wrong = Fault("layout", _CROSSED, "--layout FILE.json", sure=True)
            faults.append(wrong)
        if text := contradiction(layout) or skipped(layout):
            faults.append(Fault("names", text, "--layout FILE.json", sure=False))
        if not flat and (changing := _changing(clips, layout)) is not None:
            faults.append(changing)
        elif not flat and wrong is None:
            faults += _said("bones", loose_bone(clips, layout))
        height = height_of(frames, layout, flat)
        if not np.isfinite(height):
            return BodyReport(
                None, speed=None, seen=share, zeros=zero_share, flat=flat, faults=tuple(faults)
            )
        unit = _unit(height, frames, flat) if third is None else None
        faults += [unit] if unit is not None else []
        if unit is None and not flat and (reach := np.nanmax(np.abs(frames))) > _REACH:
            faults.append(
                Fault(
                    "reach",
                    f"joints lie {reach:.2g} m from the origin, where numbers are no longer exact:"
                    " write NaN for what was not seen, subtract where the set is",
                    "",
                    sure=False,
                )
            )
        human = misfit(frames, layout, flat) <= _HUMAN
        if human and flat and third is None:
            faults += _said("mirrored", backs(clips, layout), "--flip-x")
        if human:
            faults += _directions(clips, layout, height=height, flat=flat, image=third is not None)
        else:  # anything may be said of what is not even a body
            faults = [
                replace(fault, sure=fault.sure and fault.kind in ("layout", "axes"))
                for fault in faults
                if wrong is None or fault.kind != "unit"
            ]
        speed = self._speed(faults, unit, third)
        return BodyReport(
            height, speed=speed, seen=share, zeros=zero_share, flat=flat, faults=tuple(faults)
        )

    def _speed(self, faults: list[Fault], unit: Fault | None, third: Fault | None) -> float | None:
        if self.rate is None or not self._speeds:
            return None
        speed = float(np.median(np.concatenate(self._speeds))) * self.rate
        if unit is None and third is None and speed > _FASTEST:
            faults.append(
                Fault(
                    "rate",
                    f"hands move at {speed:.0f} m/s: are there really {self.rate:g} frames a"
                    " second?",
                    "--rate",
                    sure=False,
                )
            )
        return speed


def layout_of(clip: np.ndarray) -> Layout | None:
    """The built-in layout in whose order of joints a clip (M, T, V, 3) is a human's, or None."""
    known = [load_layout(name) for name in layout_names()]
    fitting = [layout for layout in known if len(layout) == clip.shape[2]]
    frames = clip.reshape(-1, *clip.shape[2:]).astype(np.float64)
    frames = frames[np.isfinite(frames).all(axis=-1).any(axis=-1)][:500]
    if len(frames) == 0:
        return None
    odd = {layout.name: misfit(absent_zeros(frames, layout), layout) for layout in fitting}
    human = [name for name, value in odd.items() if value <= _HUMAN]
    return load_layout(min(human, key=odd.__getitem__)) if human else None


def check_bodies(
    clips: Iterator[np.ndarray] | Sequence[np.ndarray], layout: Layout, rate: float | None = None
) -> BodyReport:
    """What the bodies of clips, each (M, T, V, 3) or (T, V, 3), look like."""
    check = BodyCheck(layout, rate)
    for clip in clips:
        check.add(clip)
    return check.report()


_HANDS = ("left_wrist", "right_wrist")


def _said(kind: str, sentence: str, remedy: str = "") -> list[Fault]:
    """A fault that may be none, where there is a sentence."""
    return [Fault(kind, sentence, remedy, sure=False)] if sentence else []


def _flat(frames: np.ndarray) -> bool:
    """Whether every body lies in one plane across the view."""
    spread = np.nanmax(frames, axis=1) - np.nanmin(frames, axis=1)
    size = np.maximum(spread[:, 0], spread[:, 1])
    return bool(np.mean(spread[:, 2] <= 0.01 * np.maximum(size, 1e-12)) > 0.9)


def _same_depth(frames: np.ndarray, depth: float) -> bool:
    return bool(np.nanmax(np.abs(frames[..., 2] - depth)) < 1e-6 * abs(depth))


def _third(frames: np.ndarray, layout: Layout, flat: bool) -> Fault | None:
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
            f"people are {_number(height)} tall across, and z is of another unit: pixels and a"
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
            f"z is 0 and people are {_number(height)} tall: pixels",
            "--channels xy",
            sure=True,
        )
    if shares and not flat:
        shallow = misfit(frames * (1, 1, 0), layout, True)
        ups = upward(frames * (1, 1, 0), layout)[:, 1]
        down = bool(np.median(ups[np.isfinite(ups)]) < -0.6) if np.isfinite(ups).any() else False
        # Of pictures y points down, and no camera stands within a metre of people.
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
    return flat or (across <= _HUMAN and misfit(frames, layout) > across + _NO_DEPTH / 2)


def _order(
    frames: np.ndarray, layout: Layout, flat: bool, clips: int
) -> tuple[Layout, Fault | None]:
    """The layout that these bodies have, and what is wrong with the one that was named."""
    odd = misfit(frames, layout, flat)
    if not odd > _ODD:
        return layout, None
    others = [load_layout(name) for name in layout_names()]
    fitting = sorted(
        (misfit(frames, other, flat), other.name)
        for other in others
        if len(other) == len(layout) and other.joints != layout.joints
    )
    if fitting and fitting[0][0] < min(_HUMAN, 0.7 * odd):
        name = fitting[0][1]
        sentence = f"limbs are not a human's in {layout.name}'s order of joints, but in {name}'s"
        return load_layout(name), Fault("layout", sentence, f"--layout {name}", sure=not flat)
    for turned, sentence, remedy in (
        (frames[:, ::-1], "the joints are in the reverse order", "--layout FILE.json"),
        (
            frames.reshape(len(frames), 3, -1).swapaxes(1, 2),
            "x of all joints comes first, then y, then z",
            "give x, y and z of every joint together",
        ),
        (
            _summed(frames, layout),
            "joints are places beside the joint that they hang on",
            "add that joint's place to each, from the centre on",
        ),
    ):
        if misfit(turned, layout, flat) < min(_HUMAN, 0.7 * odd):
            return layout, Fault("layout", sentence, remedy, sure=not flat)
    if odd < _ODD_CLIP and (clips < 10 or flat):
        return layout, None
    return layout, Fault(
        "layout",
        f"limbs are not a human's in {layout.name}'s order of joints, nor in another that is known:"
        " which joint is which? Write the order into a layout (or are these no places, but angles,"
        " directions or speeds?)",
        "--layout FILE.json",
        sure=False,
    )


def _summed(frames: np.ndarray, layout: Layout) -> np.ndarray:
    """Frames (N, V, 3) of places beside the joint that each hangs on, as places beside the
    centre."""
    total, parents = frames.copy(), layout.parents
    total[:, layout.center] = 0
    waiting = [child for child, _ in layout.bones]
    placed = {layout.center}
    while waiting:
        child = waiting.pop(0)
        if int(parents[child]) in placed:
            total[:, child] += total[:, parents[child]]
            placed.add(child)
        else:
            waiting.append(child)
    return total


def _changing(clips: list[np.ndarray], layout: Layout) -> Fault | None:
    """Whether limbs grow and shrink in most of the clips."""
    changes = np.array([limb_change(clip, layout) for clip in clips])
    known = changes[np.isfinite(changes)]
    if not len(known) or not np.median(known) > CHANGING:
        return None
    sentence = (
        f"limbs are {_number(float(np.median(known)))} times longer in some frames than in others:"
        " several people in one place, or frames of several units?"
    )
    return Fault("limbs", sentence, "", sure=False)


def _unit(height: float, frames: np.ndarray, flat: bool) -> Fault | None:
    if SHORTEST <= height <= TALLEST:
        # No camera stands within a metre of people, at their feet, at the corner of their room.
        if np.nanmin(frames) >= 0 and np.nanmax(frames) <= 1.0001 and np.nanmax(frames[..., 2]) > 0:
            sentence = "all coordinates lie between 0 and 1: are these shares of a picture?"
            return Fault("unit", sentence, "--unit any", sure=True)
        return None
    names = {"mm": "millimetres", "cm": "centimetres", "in": "inches", "ft": "feet"}
    off = {name: abs(np.log(max(height, 1e-9) * UNITS[name] / 1.65)) for name in names}
    best = min(off, key=off.__getitem__)
    sentence = f"people are {_number(height)} m tall"
    if _SMALL <= height * UNITS[best] <= _TALL and not flat:  # a picture has no unit
        return Fault("unit", f"{sentence}: are these {names[best]}?", f"--unit {best}", sure=True)
    what = "coordinates from 0 to 1 or -1 to 1" if height < SHORTEST else "pixels, or another unit"
    return Fault("unit", f"{sentence}: are these {what}?", "--unit any", sure=True)


def _directions(
    clips: list[np.ndarray], layout: Layout, height: float, flat: bool, image: bool
) -> list[Fault]:
    """What is wrong with the axes: which one points up, and whether x points the other way."""
    faults: list[Fault] = []
    ups = _means([upward(clip, layout) for clip in clips])
    up = "y"
    if len(ups):
        mean = ups.mean(axis=0)
        axis = int(np.abs(mean).argmax())
        sign = 1 if mean[axis] > 0 else -1
        agree = np.mean(ups[:, axis] * sign > 0.6)
        if (axis, sign) != (1, 1) and abs(mean[axis]) > 0.75 and agree > 0.8:
            up = f"{'-' if sign < 0 else ''}{'xyz'[axis]}"
    mirrored, known = False, False
    if not flat:
        votes = _means([backward(clip, layout, height)[:, None] for clip in clips])
        if len(votes):
            score = float(votes.mean())
            needed = 0.15 + 0.45 / np.sqrt(len(votes))
            known = abs(score) > needed
            mirrored = score > needed
    if up != "y" and not (image and up == "-y"):
        # Negating y alone makes a mirror image, the other turns do not.
        flip = known and mirrored != (up == "-y")
        what = (
            "the head is below the feet: y points down"
            if up == "-y"
            else (
                f"people stand along {up[-1]}: {up[-1]} points {'down' if up[0] == '-' else 'up'}"
            )
        )
        few = len(ups) < (2 if up == "-y" else 4)
        if few and up[-1] == "x":  # somebody who lies
            return faults
        remedy = f"--up {up}" + (" --flip-x" if flip else "")
        what += " (of places in a picture: --channels xy)" if flat and up == "-y" else ""
        faults.append(Fault("up", what, remedy, sure=not few))
    elif mirrored:
        faults.append(
            Fault(
                "mirrored",
                "feet, knees and faces point backwards: x points the other way, or left and right"
                " are exchanged",
                "--flip-x",
                sure=len(votes) >= 3,
            )
        )
    return faults


def _means(values: list[np.ndarray]) -> np.ndarray:
    """The mean of every clip (n, k) that has any, as (clips, k)."""
    known = [value[np.isfinite(value).all(axis=-1)] for value in values]
    return np.array([value.mean(axis=0) for value in known if len(value)])


def _number(height: float) -> str:
    return f"{height:.0f}" if height >= 10 else f"{height:.2g}"
