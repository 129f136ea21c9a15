"""Check of bodies before they are used: their height, which way is up, whether they are mirrored,
and whether the joints are in the layout's order.

Decisions are taken over many frames, and never where too little is seen. Nothing here depends on
where a body stands or which way it faces.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from skedge.skeleton.anatomy import height_of, limb_change, misfit
from skedge.skeleton.coordinates import directions, is_flat, same_depth, third_number, unit
from skedge.skeleton.doubts import backs, crossed, loose_bone, made_of, thin_axis
from skedge.skeleton.fault import Fault, number, said
from skedge.skeleton.layout import Layout
from skedge.skeleton.mend import absent_zeros, person_axis
from skedge.skeleton.moments import bodies, jump, mixed, new_frames, repeated, taking_turns
from skedge.skeleton.order import HUMAN, order
from skedge.skeleton.sides import contradiction, skipped

_FRAMES_PER_CLIP, _CLIPS, _FEWEST = 16, 400, 8
# In no clip of five real sets and of films do limbs grow 1.5 times within a clip.
CHANGING = 2.0
_REACH = 1e4  # metres from the origin, where float32 has steps of a millimetre
_AS_MEASURED = "give coordinates as they were measured"
_CROSSED = "shoulders and hips disagree which side is left: arms or legs are exchanged"
_PLACE_FIRST = "give x, y first, and a depth or a score as the third number"
_PEOPLE_FIRST = "give arrays (persons, frames, joints, 3), or a file for each"
_EXTENT = ("width", "height")
_FASTEST = 25.0  # metres a second, of a hand: faster than a thrower's
_HANDS = ("left_wrist", "right_wrist")


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
    _bodies: list[float] = field(default_factory=list)
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
        self._bodies.append(bodies(person[: 30 * _FRAMES_PER_CLIP]))
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
        faults = self._of_counts(zero_share)
        frames = np.concatenate(self._clips) if self._clips else np.empty((0, len(self.layout), 3))
        height = speed = None
        flat = False
        if len(frames) >= _FEWEST:
            if (lost := _shapeless(self._clips, frames)) is not None:
                faults, flat = [lost], lost.kind == "channels"
            else:
                height, speed, flat, more = self._look(frames)
                faults += more
        return BodyReport(
            height, speed=speed, seen=share, zeros=zero_share, flat=flat, faults=tuple(faults)
        )

    def _of_counts(self, zero_share: float) -> list[Fault]:
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
        faults += said("repeated", repeated(self._new, self.rate))
        if self._added and not self._clips:
            faults.append(Fault("nobody", "no joint is seen in any frame", "", sure=False))
        return faults

    def _look(self, frames: np.ndarray) -> tuple[float | None, float | None, bool, list[Fault]]:
        """Height, speed, whether the bodies are flat, and the faults of frames (N, V, 3), which are
        those of all clips."""
        flat = is_flat(frames)
        third = third_number(frames, self.layout, flat)
        faults = self._of_depth(frames, flat, third)
        flat = flat or third is not None
        clips = [clip * (1, 1, 0) for clip in self._clips] if flat else self._clips
        frames = frames * (1, 1, 0) if flat else frames
        layout, wrong, more = self._of_joints(clips, frames, flat)
        faults += more
        height = height_of(frames, layout, flat)
        if not np.isfinite(height):
            return None, None, flat, faults
        wrong_unit = unit(height, frames, flat) if third is None else None
        faults += [wrong_unit] if wrong_unit is not None else []
        if wrong_unit is None and not flat and (reach := np.nanmax(np.abs(frames))) > _REACH:
            faults.append(
                Fault(
                    "reach",
                    f"joints lie {reach:.2g} m from the origin, where numbers are no longer exact:"
                    " write NaN for what was not seen, subtract where the set is",
                    "",
                    sure=False,
                )
            )
        if misfit(frames, layout, flat) <= HUMAN:
            if flat and third is None:
                faults += said("mirrored", backs(clips, layout), "--flip-x")
            faults += directions(clips, layout, height=height, flat=flat, image=third is not None)
        else:  # anything may be said of what is not even a body
            faults = [
                replace(fault, sure=fault.sure and fault.kind in ("layout", "axes"))
                for fault in faults
                if wrong is None or fault.kind != "unit"
            ]
        speed = self._speed(faults, wrong_unit, third)
        return height, speed, flat, faults

    def _of_depth(self, frames: np.ndarray, flat: bool, third: Fault | None) -> list[Fault]:
        """What is wrong with the third number, and where clips hold several people or units."""
        faults = []
        if third is not None:
            faults.append(third)
        elif (
            flat
            and np.isfinite(height_of(frames, self.layout, True))
            and (depth := np.nanmedian(frames[..., 2]))
            and same_depth(frames, depth)
        ):
            faults.append(Fault("flat", f"z is {depth:.4g} everywhere: no depth", "", sure=False))
        if text := taking_turns(self._bodies):
            faults.append(Fault("axes", text, _PEOPLE_FIRST, sure=True))
        elif third is None:
            faults += said("mixed", mixed(self._jumps))
        return faults

    def _of_joints(
        self, clips: Sequence[np.ndarray], frames: np.ndarray, flat: bool
    ) -> tuple[Layout, Fault | None, list[Fault]]:
        """The layout in whose order the joints are, what is wrong with the one that was named, and
        all that is wrong with joints and bones."""
        layout, wrong = order(frames, self.layout, flat, clips=len(clips))
        # Who comes into view may cross arms and legs for a moment.
        if wrong is None and len(frames) >= _FRAMES_PER_CLIP and crossed(clips, layout):
            wrong = Fault("layout", _CROSSED, "--layout FILE.json", sure=True)
        faults = [wrong] if wrong is not None else []
        if text := contradiction(layout) or skipped(layout):
            faults.append(Fault("names", text, "--layout FILE.json", sure=False))
        if not flat and (changing := _changing(clips, layout)) is not None:
            faults.append(changing)
        elif not flat and wrong is None:
            faults += said("bones", loose_bone(clips, layout))
        return layout, wrong, faults

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


def check_bodies(
    clips: Iterator[np.ndarray] | Sequence[np.ndarray], layout: Layout, rate: float | None = None
) -> BodyReport:
    """What the bodies of clips, each (M, T, V, 3) or (T, V, 3), look like."""
    check = BodyCheck(layout, rate)
    for clip in clips:
        check.add(clip)
    return check.report()


def _shapeless(clips: Sequence[np.ndarray], frames: np.ndarray) -> Fault | None:
    """What has made numbers that are no bodies of clips, which makes all else meaningless."""
    if what := made_of(clips):
        return Fault("made", f"{what}: bodies lost their shape", _AS_MEASURED, sure=True)
    if (axis := thin_axis(frames)) is not None:
        sentence = f"{'xy'[axis]} is the same for all joints: bodies have no {_EXTENT[axis]}"
        return Fault("channels", sentence, _PLACE_FIRST, sure=True)
    return None


def _changing(clips: Sequence[np.ndarray], layout: Layout) -> Fault | None:
    """Whether limbs grow and shrink in most of the clips."""
    changes = np.array([limb_change(clip, layout) for clip in clips])
    known = changes[np.isfinite(changes)]
    if not len(known) or not np.median(known) > CHANGING:
        return None
    sentence = (
        f"limbs are {number(float(np.median(known)))} times longer in some frames than in others:"
        " several people in one place, or frames of several units?"
    )
    return Fault("limbs", sentence, "", sure=False)
