"""A guard before the model: bodies and time stamps that make no sense get a sentence and no
answer."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from skedge.skeleton.body_check import check_bodies
from skedge.skeleton.errors import InputError
from skedge.skeleton.fault import Fault
from skedge.skeleton.layout import Layout
from skedge.skeleton.mend import absent_zeros
from skedge.skeleton.prepare import seen

# Fewer joints than this share are no body; from the hips up more than half are in view.
FEWEST = 0.25
# Metres that a body extends over, from a crouching child to somebody tall with raised arms, and far
# beyond.
SMALLEST, LARGEST = 0.15, 4.0
# Frames of a piece of what was seen, the fewest of a piece that has begun, and how many pieces are
# looked at together: it takes several movements to distinguish knees that bend backwards from a
# sensor's errors.
FRAMES, BEGUN = 30, 8
PIECES = 20
# Seconds in view after which they are looked at, at first before the first answer, and seconds
# between two later looks.
FIRST = (0.2, 1.0, 5.0, 10.0)
EVERY = 30.0
# Steps between frames, in seconds, that no camera makes, and that no model can follow.
NO_CAMERA = 4.0
TOO_SLOW = 0.34
# So many steps in a row are looked at.
STEPS = 5
# Steps shorter than this, in seconds, are no camera's where they are at least this many of the last
# `FRAMES`, and more than this share: a frame may come twice, the second in place of the first.
TOO_QUICK = 0.0005
QUICK, SHARE = 10, 0.8
REFUSED = frozenset({"unit", "mirrored", "channels", "axes", "layout"})
WANTED = {
    "unit": "give joints in metres",
    "channels": "give joints in metres, (x, y, z); an estimator of pixels says `channels = 'xys'`",
    "up": "give joints with y up",
    "mirrored": "give x as a camera sees it, and left joints in the places of left joints",
    "layout": "give joints in the order of the model's layout",
    "axes": "give (frames, persons, joints, 3)",
}


class Guard:
    """Looks at one person's frames (or one scene's) before the model does.

    `problem` is a sentence about what makes no sense, with what to do about it, empty while all is
    well. What a few frames show at once is seen at once; longer looks are taken after 0.2, 1, 5 and
    10 seconds in view and then every half minute.
    """

    def __init__(self, layout: Layout) -> None:
        self.problem = ""
        self._layout = layout
        self._frames: list[np.ndarray] = []
        self._pieces: deque[np.ndarray] = deque(maxlen=PIECES)
        self._begun: float | None = None
        self._due = 0.0
        self._verdict = ""
        self._last: float | None = None
        self._steps: deque[float] = deque(maxlen=FRAMES)

    def look(self, frame: np.ndarray, moment: float) -> np.ndarray:
        """The frame (M, V, 3) as the model may see it: without persons who are no bodies, NaN
        throughout where there is a `problem`."""
        frame, odd = without_nobodies(frame, self._layout)
        there = seen(frame).any(axis=-1)
        if there.any():
            self._frames.append(frame[there.argmax()])
            self._take_a_look(moment)
        self.problem = self._stamped(moment) or odd or self._verdict
        return np.full_like(frame, np.nan) if self.problem else frame

    def _stamped(self, moment: float) -> str:
        """What makes no sense about time stamps that hardly move from frame to frame."""
        if self._last is not None:
            self._steps.append(moment - self._last)
        self._last = moment
        quick = sum(step < TOO_QUICK for step in self._steps)
        if quick < QUICK or quick <= SHARE * len(self._steps):
            return ""
        return (
            f"{quick} of {len(self._steps)} frames have the time stamp of the frame before; give"
            " each frame its own, in seconds, with three decimals at least"
        )

    def _take_a_look(self, moment: float) -> None:
        if self._begun is None:
            self._begun = moment
            self._due = moment + FIRST[0]
        if len(self._frames) == FRAMES:
            self._pieces.append(np.stack(self._frames))
            self._frames.clear()
        enough = len(self._frames) >= BEGUN
        if moment < self._due or not (self._pieces or enough):
            return
        self._due = self._begun + _next_look(moment - self._begun)
        begun = [np.stack(self._frames)] if enough else []
        early = moment < self._begun + FIRST[1]
        self._verdict = verdict([*self._pieces, *begun], self._layout, early)


class Pace:
    """Looks at the time stamps of all frames: are they seconds, and do frames come often enough?"""

    def __init__(self) -> None:
        self._steps: deque[float] = deque(maxlen=STEPS)
        self._last: float | None = None

    def look(self, moment: float) -> str:
        """What makes no sense about the time stamps up to this one, empty while all is well."""
        if self._last is not None and moment > self._last:
            self._steps.append(moment - self._last)
        self._last = moment
        if len(self._steps) < STEPS:
            return ""
        step = float(np.median(self._steps))
        if step >= NO_CAMERA:
            unit = "nanoseconds" if step > 1e6 else "microseconds" if step > 1e3 else "milliseconds"
            return f"frames come every {step:g} s: are the time stamps {unit}? give seconds"
        return too_slow(step)


def too_slow(step: float) -> str:
    """What makes no sense about frames that come every `step` seconds, empty where they come often
    enough."""
    if step <= TOO_SLOW:
        return ""
    return (
        f"{1 / step:.1f} frames come per second, too few to tell actions; give 5 at least,"
        " 15 to 30 are good"
    )


def _next_look(passed: float) -> float:
    """Seconds from the first frame to the next look, where `passed` seconds have gone by."""
    later = FIRST[-1] + EVERY * (1 + (passed - FIRST[-1]) // EVERY)
    return next((seconds for seconds in FIRST if seconds > passed), later)


def without_nobodies(frame: np.ndarray, layout: Layout) -> tuple[np.ndarray, str]:
    """A frame (M, V, 3) with NaN for whoever is no body, and why the first of them is none, empty
    where all are."""
    frame = absent_zeros(frame, layout) if (frame == 0).all(axis=-1).any() else frame
    problem = ""
    for person in range(len(frame)):
        known = seen(frame[person])
        if not known.any():
            continue
        reason = _nobody(frame[person][known], len(layout))
        if reason:
            problem = problem or reason
            frame = frame.copy()
            frame[person] = np.nan
    return frame, problem


def _nobody(joints: np.ndarray, expected: int) -> str:
    if len(joints) < FEWEST * expected:
        return (
            f"{len(joints)} of {expected} joints are seen, too few for a body; give"
            f" {int(np.ceil(FEWEST * expected))} at least"
        )
    size = float(np.ptp(joints, axis=0).max())
    if SMALLEST <= size <= LARGEST:
        return ""
    if size > 400:
        what = "are these millimetres, or pixels?"
    elif size > 40:
        what = "are these centimetres, or pixels?"
    else:
        what = "are these metres?"
    number = f"{size:.0f}" if size >= 10 else f"{size:.3g}"
    return f"a body is {number} m in size: {what} give joints in metres"


def verdict(pieces: Sequence[np.ndarray], layout: Layout, early: bool = False) -> str:
    """What is wrong with the bodies of one person in pieces (T, V, 3), with what to do; empty where
    nothing is. `early` nobody is called mirrored: a few frames cannot show it."""
    return next(
        (
            f"{fault.sentence}; {WANTED[fault.kind]}"
            for fault in check_bodies(pieces, layout).faults
            if _refused(fault) and not (early and fault.kind == "mirrored")
        ),
        "",
    )


def _refused(fault: Fault) -> bool:
    if fault.kind == "up":  # a body along x may be somebody on a sofa
        return not fault.remedy.startswith(("--up x", "--up -x"))
    return fault.kind in REFUSED


def check_clip(clip: np.ndarray, layout: Layout) -> np.ndarray:
    """A clip (M, T, V, 3) with NaN for frames in which there is no body.

    Raises `InputError` with a sentence where no frame has one, and for bodies that make no sense.
    """
    reasons: list[str] = []
    frames = []
    for t in range(clip.shape[1]):
        frame, reason = without_nobodies(clip[:, t], layout)
        reasons += [reason] if reason else []
        frames.append(frame)
    checked = np.stack(frames, axis=1) if frames else clip
    if not seen(checked).any():
        zeros = len(clip) > 0 and bool((clip == 0).all(axis=-1).any())
        reason = reasons[0] if reasons else "all joints are zero" if zeros else "no joint is seen"
        raise InputError(f"the clip: expected bodies in metres, but {reason}")
    person = next(one for one in checked if seen(one).any())
    wrong = verdict([person], layout)
    if wrong:
        raise InputError(f"the clip: {wrong}")
    return checked
